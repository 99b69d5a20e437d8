"""COCO keypoints to data sets: what is read, what is refused, and by what words."""

import io
import json
import os

import numpy as np
import pytest
from coco_sets import COCO17, annotation, content, write
from PIL import Image
from tiny_sets import picture

from posekit.datasets import image_files, orientation, sources
from posekit.datasets.coco import own_data, reading
from posekit.datasets.exports import recognition
from posekit.errors import PosekitError
from posekit.skeleton import LSP


def read(path, **settings):
    return reading.read(own_data.find(path), **settings)


def toml(folder, text):
    """An own_data.toml for the annotations in the folder; its own path."""
    path = folder / "own_data.toml"
    path.write_text('annotations = "annotations.json"\n' + text, encoding="utf-8")
    return path


def refused(path, finding, **settings):
    with pytest.raises(PosekitError, match=finding) as caught:
        read(path, **settings)
    message = str(caught.value)
    assert str(path.parent) in message and "{}" not in message and "\x1b" not in message
    return message


def test_keypoints_are_read_as_they_stand(tmp_path):
    dataset = read(write(tmp_path, content()))
    assert dataset.name == "coco" and dataset.skeleton.name == "coco17"
    assert dataset.skeleton.joints == tuple(COCO17)
    assert dataset.image_ids.tolist() == ["im1.jpg", "im2.jpg"]
    expected = np.stack([np.arange(17.0), 2.0 * np.arange(17)], axis=-1)
    np.testing.assert_array_equal(dataset.keypoints_px[0], expected + [1, 0])
    np.testing.assert_array_equal(dataset.keypoints_px[1], expected + [2, 0])
    assert dataset.labelled.all() and not dataset.extras["occluded"].any()
    assert dataset.image_sizes_px.tolist() == [[40, 40], [40, 40]]
    assert dataset.extras["coco_image_id"].tolist() == [11, 12]
    assert dataset.extras["coco_annotation_id"].tolist() == [101, 102]
    assert dataset.read_image("im2.jpg") == (tmp_path / "images" / "im2.jpg").read_bytes()
    assert not dataset.has_fixed_test


def test_flags_tell_labelled_hidden_and_neither(tmp_path):
    stored = content(1)
    keypoints = stored["annotations"][0]["keypoints"]
    keypoints[2], keypoints[5] = 0, 1
    dataset = read(write(tmp_path, stored))
    assert dataset.labelled[0].tolist() == [False] + [True] * 16
    assert dataset.extras["occluded"][0].tolist() == [False, True] + [False] * 15
    assert dataset.keypoints_px[0, 0].tolist() == [0, 0]


@pytest.mark.parametrize(("x", "counts"), [(-0.5, 1), (-0.6, 0), (39.5, 1), (39.6, 0)])
def test_joints_outside_of_the_picture_do_not_count(tmp_path, x, counts):
    stored = content(1)
    stored["annotations"][0]["keypoints"][0] = x
    assert read(write(tmp_path, stored)).labelled[0, 0] == counts


def test_coco_as_the_joints_of_lsp(tmp_path):
    stored = content(1)
    stored["annotations"][0]["keypoints"][3 * COCO17.index("left_hip") + 2] = 0
    write(tmp_path, stored)
    dataset = read(toml(tmp_path, 'joints = "coco17_to_lsp"'))
    assert dataset.skeleton is LSP
    place = {name: index for index, name in enumerate(LSP.joints)}
    for name in ("left_wrist", "right_ankle"):
        k = COCO17.index(name)
        assert dataset.keypoints_px[0, place[name]].tolist() == [k + 1, 2 * k]
    # Between the shoulders, keypoints 5 and 6; COCO has no top of the head.
    assert dataset.keypoints_px[0, place["neck"]].tolist() == [6.5, 11]
    unlabelled = {LSP.joints[joint] for joint in np.flatnonzero(~dataset.labelled[0])}
    assert unlabelled == {"left_hip", "head_top"}


def test_a_middle_is_labelled_where_all_of_it_is(tmp_path):
    stored = content(1)
    stored["annotations"][0]["keypoints"][3 * 5 + 2] = 0
    write(tmp_path, stored)
    dataset = read(toml(tmp_path, 'joints = "coco17_to_lsp"'))
    assert not dataset.labelled[0, LSP.joints.index("neck")]
    assert dataset.labelled[0, LSP.joints.index("right_shoulder")]


def test_tools_that_measure_from_the_corner(tmp_path):
    write(tmp_path, content(1))
    plain = read(toml(tmp_path, ""))
    corner = read(toml(tmp_path, "pixel_centre = 0.5"))
    np.testing.assert_array_equal(corner.keypoints_px, plain.keypoints_px - 0.5)


def several(folder):
    """Four people in one picture: small, large, a crowd, and one without a label."""
    stored = content(1)
    stored["annotations"] += [
        annotation(7, 11, shift=5, bbox=[5, 0, 17, 32]),
        annotation(8, 11, shift=3, bbox=[0, 0, 40, 40], iscrowd=1),
        annotation(9, 11, flag=0, bbox=[0, 0, 40, 40]),
    ]
    return write(folder, stored)


def test_of_several_people_the_largest_is_read(tmp_path):
    dataset = read(several(tmp_path))
    assert dataset.image_ids.tolist() == ["im1.jpg"]
    assert dataset.extras["coco_annotation_id"].tolist() == [7]
    assert dataset.extras["person_count"].tolist() == [3]
    assert "person_box_px" not in dataset.extras


def test_each_person_for_itself_where_asked(tmp_path):
    several(tmp_path)
    dataset = read(toml(tmp_path, 'people = "all"'))
    assert dataset.image_ids.tolist() == ["im1.jpg#101", "im1.jpg#7"]
    assert dataset.extras["person_box_px"].tolist() == [[1, 0, 16, 32], [5, 0, 17, 32]]
    assert dataset.read_image("im1.jpg#7") == dataset.read_image("im1.jpg#101")


def test_the_largest_of_all_people_are_those_that_are_read_alone(tmp_path):
    stored = json.loads(several(tmp_path).read_text())
    stored["images"] += content(2)["images"][1:]
    stored["annotations"] += [annotation(20, 12)]
    write(tmp_path, stored)
    largest = read(toml(tmp_path, ""))
    everyone = read(toml(tmp_path, 'people = "all"'))
    assert everyone.picture_names == ["im1.jpg", "im1.jpg", "im2.jpg"]
    chosen = everyone.with_largest_people()
    assert chosen.image_ids.tolist() == ["im1.jpg", "im2.jpg"]
    assert chosen.picture_names == ["im1.jpg", "im2.jpg"]
    assert chosen.fingerprint() == largest.fingerprint()
    assert set(chosen.extras) == set(largest.extras)
    assert largest.with_largest_people() is largest
    with pytest.warns(UserWarning, match="3 people are labelled in 2 pictures. .* 1 are left out"):
        opened = sources.load(str(tmp_path), synthetic_images=1, seed=0, one_person=True)
    assert opened.fingerprint() == largest.fingerprint()


def test_a_person_without_a_box_has_that_of_its_joints(tmp_path):
    stored = content(1)
    stored["annotations"] = [annotation(1, 11, shift=4, bbox=[]), annotation(2, 11, bbox=[0] * 4)]
    write(tmp_path, stored)
    boxes_px = read(toml(tmp_path, 'people = "all"')).extras["person_box_px"]
    # Joints from (4, 0) to (20, 32); pixel centres are half a pixel from the corner.
    assert boxes_px.tolist() == [[4.5, 0.5, 16, 32], [0.5, 0.5, 16, 32]]


def test_pictures_without_a_person_are_left_out(tmp_path):
    stored = content(3)
    del stored["annotations"][1]
    stored["annotations"].append(annotation(9, 12, category_id=5))
    dataset = read(write(tmp_path, stored))
    assert dataset.image_ids.tolist() == ["im1.jpg", "im3.jpg"]


def test_unannotated_pictures_need_not_be_there(tmp_path):
    stored = content(2)
    del stored["annotations"][1]
    assert len(read(write(tmp_path, stored, pictures=["im1.jpg"]))) == 1


def test_paths_of_other_machines_lead_to_the_folder_alone(tmp_path):
    stored = content(2)
    stored["images"][0]["file_name"] = "C:\\labels\\im1.jpg"
    stored["images"][1]["file_name"] = "../../upload/im2.jpg"
    dataset = read(write(tmp_path, stored, pictures=["im1.jpg", "im2.jpg"]))
    assert dataset.image_ids.tolist() == ["im1.jpg", "im2.jpg"]
    # A file outside of the folder is out of reach, wherever the path leads.
    (tmp_path / "secret.jpg").write_bytes(picture(40, 40))
    stored["images"][1]["file_name"] = "../secret.jpg"
    path = write(tmp_path, stored, pictures=[])
    refused(path, r"secret.jpg: must be a file in .*images; got none")


def test_a_picture_turned_by_its_camera_is_upright(tmp_path):
    image = Image.fromarray(np.arange(40 * 20 * 3, dtype=np.uint8).reshape(20, 40, 3))
    exif = Image.Exif()
    exif[orientation.TAG] = 6
    stored = content(1)
    stored["images"][0].update(width=20, height=40)
    path = write(tmp_path, stored)
    image.save(tmp_path / "images" / "im1.jpg", exif=exif)
    dataset = read(path)
    assert dataset.image_sizes_px.tolist() == [[20, 40]]
    encoded = (tmp_path / "images" / "im1.jpg").read_bytes()
    shown = image_files.decode(dataset.read_image("im1.jpg"))
    np.testing.assert_array_equal(shown, image_files.decode(encoded, upright=True))
    assert shown.shape == (40, 20, 3)


def test_pictures_that_cannot_be_read(tmp_path):
    stored = content(3)
    stored["images"][2]["width"] = 80
    path = write(tmp_path, stored, pictures=["im1.jpg", "im3.jpg"])
    message = refused(path, "im2.jpg: must be a file in .*; got none.*--skip-bad-images")
    assert "im3.jpg: must have the size" in message and "80 x 40; got 40 x 40" in message
    with pytest.warns(UserWarning, match="dropped 2 .*im2.jpg: .*im3.jpg: "):
        assert read(path, bad_images="skip").image_ids.tolist() == ["im1.jpg"]


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"keypoints": [1.0, 2.0, 2]}, "annotation 101: `keypoints` .* 51 values; got 3 values"),
        ({"keypoints": "none"}, "annotation 101: `keypoints` .*; got 'none'"),
        ({"keypoints": [0, 0, 3] * 17}, "101: the visibility .* 0, 1 or 2, .*; got 3 for 'nose'"),
        ({"keypoints": [0, "one", 2] * 17}, "101: `keypoints` must be numbers .* 'one' for 'nose'"),
        ({"keypoints": [float("nan"), 0, 2] * 17}, "101: `keypoints` must be numbers .* nan for 'n"),
        ({"keypoints": [0, 1e9, 2] * 17}, "must be numbers of at most 65,535; got 1000000000.0"),
        ({"keypoints": [0, True, 2] * 17}, "`keypoints` must be numbers of .*; got True"),
        ({"keypoints": [0, 10**400, 2] * 17}, "`keypoints` must be numbers of .*; got 1000"),
        ({"bbox": [1, 2, 3]}, r"annotation 101: `bbox` must be x, .*; got \[1, 2, 3\]"),
        ({"bbox": [1, 2, 3, None]}, "annotation 101: `bbox` must be x, .*None"),
        ({"image_id": 99}, "annotation 101: `image_id` must be the id of an image; got 99"),
        ({"image_id": [11]}, r"annotation 101: `image_id` must be the id .*; got \[11\]"),
        ({"id": "\x1b[2J"}, "`id` must be a whole number or a name; got '.x1b"),
        ({"id": 102}, "annotation 102: `id` must be there once"),
    ],
)
def test_annotations_that_cannot_be_used_are_named(tmp_path, changes, finding):
    stored = content()
    stored["annotations"][0] |= changes
    refused(write(tmp_path, stored), finding)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"id": [11]}, r"entry 0 of `images`: `id` must be a whole number or a name; got \[11\]"),
        ({"id": 12}, "entry 1 of `images`: `id` must be there once; got 12 again"),
        ({"file_name": 5}, "entry 0 of `images`: `file_name` must be a printable name; got 5"),
        ({"file_name": ".."}, "`file_name` must be a printable name; got '..'"),
        ({"file_name": "\x1b[2J"}, r"`file_name` must be a printable name; got '\\x1b\[2J'"),
        ({"file_name": "im2.jpg"}, "`file_name` must be there once; got im2.jpg again"),
        ({"file_name": "i" * 5000}, "must be a file in .*; got none"),
        ({"width": "wide"}, "entry 0 of `images`: `width` must be a number; got 'wide'"),
    ],
)
def test_images_that_cannot_be_used_are_named(tmp_path, changes, finding):
    stored = content()
    stored["images"][0] |= changes
    path = write(tmp_path, stored, pictures=["im1.jpg", "im2.jpg"])
    refused(path, finding)


@pytest.mark.parametrize(
    ("field", "value", "finding"),
    [
        ("images", None, "`images` must be a list of objects; got None"),
        ("annotations", [1], r"`annotations` must be a list of objects; got \[1\]"),
        ("categories", {}, "`categories` must be a list of objects; got {}"),
        ("categories", [], "`categories` must hold one category with a list of .*; got none"),
        ("categories", [{"id": 1, "name": "a"}], "with a list of keypoints; got none"),
    ],
)
def test_a_file_of_another_layout(tmp_path, field, value, finding):
    path = write(tmp_path, content())
    path.write_text(json.dumps(content() | {field: value}))
    with pytest.raises(PosekitError, match=finding):
        read(path)


def test_a_category_is_chosen_by_name(tmp_path):
    stored = content(1)
    stored["categories"].append({"id": 2, "name": "dog", "keypoints": ["nose", "tail"]})
    path = write(tmp_path, stored)
    refused(path, "must hold one category .*; got 'person', 'dog'")
    assert len(read(toml(tmp_path, 'category = "person"'))) == 1
    refused(toml(tmp_path, 'category = "cat"'), "one category 'cat' .*; got none")


def test_keypoints_of_other_names_are_listed(tmp_path):
    stored = content(1, keypoints=["head", "tail"])
    message = refused(write(tmp_path, stored), "got none named left_ankle, .* among 'head', 'tail'")
    assert "own_data.toml" in message


def test_nobody_labelled(tmp_path):
    stored = content(1)
    stored["annotations"] = [annotation(1, 11, flag=0)]
    refused(write(tmp_path, stored), "must label a joint .*; got none in 1 pictures")


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("{", "must hold JSON; got "),
        ("[]", "must be an object with images, .*; got list"),
        ("[" * 100_000, "must hold JSON; got "),
        ('{"a": ' + "1" * 5000 + "}", "must hold JSON; got "),
        ("\xff\xfe", "must hold JSON; got "),
    ],
    ids=["cut", "list", "deep", "digits", "encoding"],
)
def test_files_that_are_no_such_json(tmp_path, text, finding):
    path = write(tmp_path, content(1))
    path.write_bytes(text.encode("latin-1"))
    refused(path, finding)


def test_files_beyond_the_limits(monkeypatch, tmp_path):
    path = write(tmp_path, content(1))
    size = os.path.getsize(path)
    monkeypatch.setattr(recognition, "LIMIT_BYTES", size)
    assert len(read(path)) == 1
    monkeypatch.setattr(recognition, "LIMIT_BYTES", size - 1)
    refused(path, f"must have at most {size - 1:,} bytes; got more")
    monkeypatch.undo()
    monkeypatch.setattr(recognition, "VALUE_LIMIT", 50)
    refused(path, "must hold at most 50 values; got about")
    refused(tmp_path / "none.json", "must be a file that can be read; got No such file")


def test_a_folder_of_pictures_that_is_not_there(tmp_path):
    write(tmp_path, content(1))
    refused(toml(tmp_path, 'images = "elsewhere"'), "pictures must be there; got .*elsewhere")


def test_what_is_no_picture(tmp_path):
    path = write(tmp_path, content(1))
    (tmp_path / "images" / "im1.jpg").write_bytes(b"text")
    refused(path, "im1.jpg: must be a JPEG or PNG picture")
    # A pipe has no end; nobody must wait for one.
    (tmp_path / "images" / "im1.jpg").unlink()
    os.mkfifo(tmp_path / "images" / "im1.jpg")
    refused(path, "im1.jpg: must be a file in ")


def test_a_picture_that_needs_no_turning_is_left_as_it_is():
    encoded = picture(8, 8)
    assert image_files.upright(encoded) is encoded
    assert image_files.upright(b"text") == b"text"
    assert image_files.read_frame(io.BytesIO(picture(8, 6))) == ((8, 6), 1)
