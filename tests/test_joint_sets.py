"""Joint sets from plain data: what is made of them, and what is refused."""

import copy
import tomllib

import pytest

from posekit import joint_sets
from posekit.datasets.coco import own_data
from posekit.errors import PosekitError
from posekit.skeleton import LSP

TRUNK = {
    "name": "trunk",
    "joints": ["head_top", "left_shoulder", "right_shoulder", "right_hip", "left_hip"],
    "torso": ["left_shoulder", "right_hip"],
    "limbs": {
        "left_side": ["left_shoulder", "left_hip"],
        "spine": ["head_top", "left_shoulder"],
        "right_side": ["right_hip", "right_shoulder"],
    },
    "lines": [["left_hip", "right_hip"]],
}


def changed(**changes):
    return copy.deepcopy(TRUNK) | changes


def refused(described, finding):
    with pytest.raises(PosekitError, match=finding) as caught:
        joint_sets.parse("a.toml", described)
    message = str(caught.value)
    assert message.startswith("a.toml: ") and "{}" not in message and "\x1b" not in message


def test_five_joints():
    skeleton = joint_sets.parse("a.toml", TRUNK)
    assert skeleton.name == "trunk" and skeleton.joint_count == 5
    assert skeleton.mirror == (0, 2, 1, 4, 3)
    assert skeleton.sides == ("centre", "left", "right", "right", "left")
    assert skeleton.torso_joints == (1, 3) and skeleton.torso_stick is None
    assert skeleton.sticks == ("left_side", "spine", "right_side")
    # A line from the centre to one side is of that side, one from side to side of neither.
    assert skeleton.segments == (
        (1, 4, "left"),
        (0, 1, "left"),
        (3, 2, "right"),
        (4, 3, "centre"),
    )
    assert dict(skeleton.joint_groups) == {
        "head_top": ("head_top",),
        "shoulder": ("left_shoulder", "right_shoulder"),
        "hip": ("left_hip", "right_hip"),
    }
    assert dict(skeleton.stick_groups) == {
        "side": ("left_side", "right_side"),
        "spine": ("spine",),
    }
    assert skeleton.limb_joints == tuple(TRUNK["joints"])


def test_sides_may_have_any_name():
    described = changed(
        joints=["l", "r", "head"], torso=["l", "r"], mirror=[["l", "r"]], limbs={}, lines=[]
    )
    skeleton = joint_sets.parse("a.toml", described)
    assert skeleton.mirror == (1, 0, 2) and skeleton.sides == ("left", "right", "centre")
    assert dict(skeleton.joint_groups) == {"l": ("l", "r"), "head": ("head",)}
    assert skeleton.limb_joints == ("l", "r", "head")


@pytest.mark.parametrize("described", [TRUNK, None], ids=["trunk", "coco17"])
def test_a_description_makes_the_same_set(described):
    if described is None:
        stored = tomllib.loads((own_data.MAPPINGS / "coco17.toml").read_text(encoding="utf-8"))
        described = stored | {"joints": list(stored["joints"])}
    skeleton = joint_sets.parse("a.toml", described)
    again = joint_sets.parse("a.json", joint_sets.describe(skeleton))
    assert again == skeleton and hash(again) == hash(skeleton)


def test_the_fourteen_joints_agree_with_their_constants():
    assert LSP.mirror == (5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13) and LSP.joint_count == 14
    assert sorted(set(LSP.sides)) == ["centre", "left", "right"]
    assert [LSP.joints[joint] for joint, side in enumerate(LSP.sides) if side == "centre"] == [
        "neck",
        "head_top",
    ]
    # Their sides are in their names; the rule for other sets must say the same.
    parsed = joint_sets.parse("a.toml", joint_sets.describe(LSP))
    assert parsed.mirror == LSP.mirror and parsed.segments == LSP.segments


def test_files_beside_models():
    assert joint_sets.from_metadata("config.json", None) is LSP
    assert joint_sets.from_metadata("manifest.json", list(LSP.joints)) is LSP
    assert joint_sets.from_metadata("config.json", TRUNK).name == "trunk"
    with pytest.raises(PosekitError, match=r"manifest.json: a joint set must be .*got \['a'\]"):
        joint_sets.from_metadata("manifest.json", ["a"])


@pytest.mark.parametrize(
    ("described", "finding"),
    [
        ([], r"must be a table with `joints` and `torso`; got \[\]"),
        ({}, "`joints` must be a list of names; got None"),
        (changed(colour="red"), "the fields must be among .*; got 'colour'"),
        (changed(joints="all"), "`joints` must be a list of names; got 'all'"),
        (changed(torso=5), "`torso` must be a list of names; got 5"),
        (changed(limbs=[]), r"`limbs` must be a table of pairs; got \[\]"),
        (changed(lines={"a": 1}), "`lines` must be a list of pairs; got {'a': 1}"),
        (changed(mirror=True), "`mirror` must be a list of pairs; got True"),
        (changed(name=3), "`name` must be text; got 3"),
        (changed(name="\x1b[2J"), r"names must be 1 to 60 letters.*; got '\\x1b\[2J'"),
        (changed(joints=["a", 5]), "names must be .*; got 5"),
        (changed(joints=["a", ""]), "names must be .*; got ''"),
        (changed(joints=["a", "a"]), "2 to 200 different names; got 2, 1 of them different"),
        (changed(joints=["a"]), "2 to 200 different names; got 1"),
        (changed(joints=[f"j{n}" for n in range(201)]), "2 to 200 different names; got 201"),
        (changed(torso=["left_shoulder"]), r"`torso` must name two .*; got \['left_shoulder'\]"),
        (changed(torso=["head_top"] * 2), "`torso` must name two different joints"),
        (changed(torso=["head_top", "neck"]), "`torso` must name joints among .*; got 'neck'"),
        (changed(lines=[["head_top", 1]]), r"`lines` must name two .*; got \['head_top', 1\]"),
        (changed(limbs={"a": "head_top"}), "`limbs` must name two .*; got 'head_top'"),
        (changed(limbs={"a": ["head_top", "b"]}), "`limbs` must name joints .*; got 'b'"),
        (changed(mirror=[]), "`mirror` must pair 'left_shoulder' with"),
        (
            changed(joints=["left_hip", "head"], torso=["left_hip", "head"], limbs={}, lines=[]),
            "`mirror` must pair 'left_hip' with the joint of the other side; got no pair",
        ),
        (
            changed(mirror=[["left_hip", "right_hip"], ["left_hip", "head_top"]]),
            "`mirror` must name a joint once; got 'left_hip' 2 times",
        ),
    ],
)
def test_what_is_no_joint_set(described, finding):
    refused(described, finding)


def test_a_description_is_left_alone():
    kept = copy.deepcopy(TRUNK)
    joint_sets.parse("a.toml", TRUNK)
    assert TRUNK == kept
