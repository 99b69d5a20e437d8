"""own_data.toml: where the data are, and which keypoint each joint is."""

import os

import pytest
from coco_sets import content, write

from posekit.datasets import sources
from posekit.datasets.coco import own_data, reading
from posekit.errors import PosekitError
from posekit.skeleton import LSP

JOINTS = """
torso = ["left_shoulder", "right_hip"]
[joints]
left_shoulder = "l_sho"
right_shoulder = "r_sho"
left_hip = "l_hip"
right_hip = "r_hip"
neck = ["l_sho", "r_sho"]
"""
LOADING = {"synthetic_images": 1, "seed": 0}


def toml(folder, text, name=own_data.NAME):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def found(folder, text):
    return own_data.find(toml(folder, 'annotations = "a.json"\n' + text))


def refused(folder, text, finding):
    path = toml(folder, text)
    with pytest.raises(PosekitError, match=finding) as caught:
        own_data.find(path)
    assert str(path.parent) in str(caught.value) and "\x1b" not in str(caught.value)


def test_the_least_that_must_be_said(tmp_path):
    own = found(tmp_path, "")
    assert own.annotations == tmp_path / "a.json"
    assert (own.category, own.people, own.pixel_centre) == (None, "largest", 0.0)
    assert own.skeleton.name == "coco17" and own.sources[0] == ("nose",)
    assert own.images == tmp_path
    (tmp_path / "images").mkdir()
    assert found(tmp_path, "").images == tmp_path / "images"


def test_all_that_can_be_said(tmp_path):
    own = found(
        tmp_path,
        'images = "pictures"\ncategory = "person"\npeople = "all"\npixel_centre = 0.5' + JOINTS,
    )
    assert own.images == tmp_path / "pictures"
    assert (own.category, own.people, own.pixel_centre) == ("person", "all", 0.5)
    assert own.skeleton.joints[-1] == "neck" and own.sources[-1] == ("l_sho", "r_sho")
    assert own.skeleton.name == "own"


def test_joints_in_a_file_of_their_own(tmp_path):
    toml(tmp_path, JOINTS, "five.toml")
    own = found(tmp_path, 'joints = "five.toml"')
    assert own.skeleton.joint_count == 5 and own.skeleton.torso_joints == (0, 3)


def test_joints_of_lsp_stand_in_its_order(tmp_path):
    own = found(tmp_path, 'joints = "coco17_to_lsp"')
    assert own.skeleton is LSP and len(own.sources) == 14
    assert own.sources[0] == ("right_ankle",) and own.sources[13] == ()


def test_every_shipped_mapping_is_sound():
    names = sorted(path.stem for path in own_data.MAPPINGS.glob("*.toml"))
    assert names == ["coco17", "coco17_to_lsp"]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", "`annotations` must be the path of a JSON file; got None"),
        ('annotations = "a.json"\nimage = "b"', "the fields must be among .*; got 'image'"),
        ('annotations = "a.json"\nimages = 5', "`images` must be text; got 5"),
        ('annotations = "a.json"\npeople = "two"', "one of 'largest', 'all'; got 'two'"),
        ('annotations = "a.json"\npeople = []', r"one of 'largest', 'all'; got \[\]"),
        ('annotations = "a.json"\npixel_centre = 2', r"a number in \[0, 1\]; got 2"),
        ('annotations = "a.json"\npixel_centre = nan', r"a number in \[0, 1\]; got nan"),
        ('annotations = "a.json"\njoints = 5', "`joints` must be a table of .*; got 5"),
        (
            'annotations = "a.json"\njoints = "mpii"',
            "one of 'coco17', 'coco17_to_lsp' or the path of a file of joints; got 'mpii'",
        ),
        ('annotations = "a.json"\n[joints]\na = 5', "must give 'a' a keypoint .*; got 5"),
        ('annotations = "a.json"\n[joints]\na = [5]', r"must give 'a' a keypoint .*; got \[5\]"),
        ('annotations = "a.json"\n[joints]\na = "b"', "`torso` must be a list of names; got None"),
        (
            'annotations = "a.json"\njoint_set = "mpii"\n[joints]',
            "`joint_set`, which must be 'lsp', `joints` must name each of .*; got 'mpii',",
        ),
        (
            'annotations = "a.json"\njoint_set = "lsp"\ntorso = []\n[joints]',
            "nothing else be said of them; got 'lsp', .* and torso",
        ),
        ("annotations", "must be a TOML file; got "),
        ('a = "\x1b"', "must be a TOML file; got "),
        ("a = " + "[" * 100_000, "must be a TOML file; got "),
        ("#" * (own_data.LIMIT_BYTES + 1), "must have at most 1,048,576 bytes; got more"),
    ],
)
def test_what_is_no_description(tmp_path, text, finding):
    refused(tmp_path, text, finding)


def test_one_string_names_the_data(tmp_path):
    path = write(tmp_path, content(2))
    direct = sources.load(str(path), **LOADING)
    assert direct.name == reading.NAME and direct.skeleton.name == "coco17"
    described = toml(tmp_path, 'annotations = "annotations.json"')
    for data in (tmp_path, described):
        assert sources.load(str(data), **LOADING).fingerprint() == direct.fingerprint()
    # Other joints are other data, whatever the labels are.
    toml(tmp_path, 'annotations = "annotations.json"\njoints = "coco17_to_lsp"')
    assert sources.load(str(tmp_path), **LOADING).skeleton is LSP


def test_a_folder_as_annotation_tools_leave_it(tmp_path):
    path = write(tmp_path, content(2))
    assert len(sources.load(str(tmp_path), **LOADING)) == 2
    (tmp_path / "annotations").mkdir()
    path.rename(tmp_path / "annotations" / "person_keypoints_default.json")
    assert len(sources.load(str(tmp_path), **LOADING)) == 2
    # A file of other things is left alone, and a set of LSP's layout may hold any file.
    (tmp_path / "other.json").write_text("{}")
    with pytest.warns(UserWarning, match="recognised COCO keypoints in annotations/person_keyp"):
        assert len(sources.load(str(tmp_path), **LOADING)) == 2
    (tmp_path / "other.json").rename(tmp_path / "joints.mat")
    assert own_data.find(tmp_path) is None


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PosekitError, match="none.toml: must be a file that can be read; got No such"):
        own_data.find(tmp_path / "none.toml")
    with pytest.raises(PosekitError, match="none.json: must be a file that can be read; got No such"):
        sources.load(str(tmp_path / "none.json"), **LOADING)


def test_own_data_are_joined_with_others_of_the_same_joints(synthetic_folder, tmp_path):
    write(tmp_path, content(2))
    joined = os.pathsep.join([str(synthetic_folder), str(tmp_path)])
    toml(tmp_path, 'annotations = "annotations.json"\njoints = "coco17_to_lsp"')
    dataset = sources.load(joined, **LOADING)
    assert dataset.name == "synthetic+coco" and len(dataset) == 50
    assert dataset.skeleton is LSP
    toml(tmp_path, 'annotations = "annotations.json"')
    with pytest.raises(PosekitError, match="must have the same joints; got coco17 and lsp"):
        sources.load(joined, **LOADING)


def test_bad_pictures_are_left_out_where_asked(tmp_path):
    write(tmp_path, content(3), pictures=["im1.jpg", "im2.jpg"])
    toml(tmp_path, 'annotations = "annotations.json"')
    cut = tmp_path / "images" / "im1.jpg"
    cut.write_bytes(cut.read_bytes()[:-400])
    with pytest.warns(UserWarning, match="im3.jpg: must be a file|1 images do not decode"):
        dataset = sources.load(str(tmp_path), bad_images="skip", **LOADING)
    assert dataset.image_ids.tolist() == ["im2.jpg"]
