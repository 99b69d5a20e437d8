"""Left and right in names: the spellings of tools, pairs, and names that are no side."""

import pytest

from posekit import joint_sets, sides
from posekit.errors import PosekitError

SPELLINGS = {
    "coco": ("left_wrist", "right_wrist"),
    "suffix": ("wrist_left", "wrist_right"),
    "initial": ("l_wrist", "r_wrist"),
    "last initial": ("wrist_l", "wrist_r"),
    "capital initial": ("L_Wrist", "R_Wrist"),
    "blender": ("wrist.L", "wrist.R"),
    "camel": ("LeftWrist", "RightWrist"),
    "camel from small": ("leftWrist", "rightWrist"),
    "camel suffix": ("wristLeft", "wristRight"),
    "human3.6m": ("LWrist", "RWrist"),
    "words": ("Left Wrist", "Right Wrist"),
    "shouted": ("LEFT-WRIST", "RIGHT-WRIST"),
    "hyphens": ("left-wrist", "right-wrist"),
    "mpii": ("l wrist", "r wrist"),
    "one word": ("leftwrist", "rightwrist"),
    "one word, suffix": ("wristleft", "wristright"),
    "mixed": ("left_wrist", "wrist_right"),
}
# These tell their side by their partner alone.
PARTNERS = {
    "glued": ("lwri", "rwri"),
    "glued capital": ("Lwri", "Rwri"),
    "shouted": ("LWRI", "RWRI"),
    "paws": ("FLpaw", "FRpaw"),
    "middle": ("F_L_paw", "F_R_paw"),
    "two letters": ("wrist_lt", "wrist_rt"),
}


@pytest.mark.parametrize("pair", [*SPELLINGS.values(), *PARTNERS.values()])
def test_both_names_of_a_pair_are_found(pair):
    names = ["head", pair[1], "neck", pair[0], "pelvis"]
    assert sides.pairs(names) == ([pair], [])
    # In either order of the names, the left one comes first.
    assert sides.pairs(names[::-1]) == ([pair], [])
    skeleton = joint_sets.parse("a.toml", {"joints": names, "torso": ["head", "pelvis"]})
    assert skeleton.mirror == (0, 3, 2, 1, 4)
    assert skeleton.sides == ("centre", "right", "centre", "left", "centre")


@pytest.mark.parametrize("pair", SPELLINGS.values(), ids=SPELLINGS)
def test_a_side_without_its_partner_is_an_error(pair):
    for name in pair:
        with pytest.raises(PosekitError, match=f"must pair '{name}' with the joint of the other"):
            joint_sets.parse("a.toml", {"joints": [name, "head", "neck"], "torso": ["head", "neck"]})


@pytest.mark.parametrize("pair", SPELLINGS.values(), ids=SPELLINGS)
def test_one_spelling_of_all(pair):
    assert [sides.canonical(name) for name in pair] == ["left_wrist", "right_wrist"]


def test_names_of_parts():
    assert sides.sided("Left Shoulder").bare == "Shoulder"
    assert sides.sided("shoulder_left").bare == "shoulder"
    assert sides.sided("hand_left_thumb").bare == "hand_thumb"
    pair = ("left_hand_right_edge", "right_hand_left_edge")
    assert sides.pairs(pair) == ([pair], [])
    described = {"joints": ["kneeLeft", "kneeRight"], "torso": ["kneeLeft", "kneeRight"]}
    groups = joint_sets.parse("a.toml", described).joint_groups
    assert groups == (("knee", ("kneeLeft", "kneeRight")),)


@pytest.mark.parametrize("name", ["upright", "L5", "lip", "neck", "bright_spot", "Rücken", "l", ""])
def test_names_without_a_side(name):
    assert sides.sided(name) is None


def test_two_candidates_are_no_pair():
    names = ["left_hip", "l_hip", "right_hip"]
    assert sides.pairs(names) == ([], names)


def test_other_languages_are_listed():
    names = ["handgelenk_links", "handgelenk_rechts", "kopf"]
    described = {"joints": names, "torso": ["kopf", "handgelenk_links"]}
    skeleton = joint_sets.parse("a.toml", described)
    assert skeleton.pairs == () and "list the pairs as `mirror`" in sides.in_words(skeleton)
    skeleton = joint_sets.parse("a.toml", described | {"mirror": [names[:2]]})
    assert skeleton.pairs == ((0, 1),)
    assert sides.in_words(skeleton) == "mirroring swaps handgelenk_links / handgelenk_rechts."


def test_an_initial_may_mean_another_thing_where_the_pairs_are_listed():
    described = {"joints": ["l_band", "left_hip", "right_hip"], "torso": ["left_hip", "right_hip"]}
    with pytest.raises(PosekitError, match="must pair 'l_band'"):
        joint_sets.parse("a.toml", described)
    listed = described | {"mirror": [["left_hip", "right_hip"]]}
    assert joint_sets.parse("a.toml", listed).mirror == (0, 2, 1)
