"""Data sets written as COCO keypoints, read back, and held against the format's rules."""

from dataclasses import replace

import numpy as np
import pytest

from posekit import files
from posekit.datasets import lsp
from posekit.datasets.coco import own_data, reading, writing
from posekit.errors import PosekitError
from posekit.skeleton import LSP


@pytest.fixture(scope="module")
def dataset(synthetic_folder):
    return lsp.read(synthetic_folder).subset(np.arange(6))


@pytest.fixture(scope="module")
def folder(dataset, tmp_path_factory):
    return writing.write(tmp_path_factory.mktemp("coco") / "people", dataset)


def test_what_is_written_is_read_back(dataset, folder):
    again = reading.read(own_data.find(folder))
    assert again.skeleton is LSP
    assert again.image_ids.tolist() == [f"{image_id}.jpg" for image_id in dataset.image_ids]
    np.testing.assert_array_equal(again.labelled, dataset.labelled)
    known = dataset.labelled
    np.testing.assert_array_equal(again.keypoints_px[known], dataset.keypoints_px[known])
    np.testing.assert_array_equal(again.image_sizes_px, dataset.image_sizes_px)
    assert again.read_image("im00003.jpg") == dataset.read_image("im00003")


def test_other_joints_are_read_back_too(folder, tmp_path):
    text = """
        annotations = "annotations.json"
        torso = ["left_shoulder", "right_hip"]
        lines = [["top of head", "left_shoulder"]]
        [joints]
        "top of head" = "head_top"
        left_shoulder = "left_shoulder"
        right_shoulder = "right_shoulder"
        right_hip = "right_hip"
        left_hip = "left_hip"
        [limbs]
        left_side = ["left_shoulder", "left_hip"]
        right_side = ["right_shoulder", "right_hip"]
    """
    described = folder / "five.toml"
    described.write_text("\n".join(line.strip() for line in text.splitlines()))
    five = reading.read(own_data.find(described))
    again = reading.read(own_data.find(writing.write(tmp_path / "five", five)))
    assert again.skeleton == five.skeleton and again.skeleton.joint_count == 5
    np.testing.assert_array_equal(again.labelled, five.labelled)
    np.testing.assert_array_equal(again.keypoints_px, five.keypoints_px)


def test_the_rules_of_the_format(dataset, folder):
    stored = files.read_json(folder / "annotations.json")
    assert set(stored) == {"images", "categories", "annotations"}
    (category,) = stored["categories"]
    ends = np.array(category["skeleton"])
    assert ends.min() >= 1 and ends.max() == len(category["keypoints"]) == 14
    image_of = {image["id"]: image for image in stored["images"]}
    assert len(image_of) == len(stored["annotations"]) == len(dataset)
    for annotation in stored["annotations"]:
        image = image_of[annotation["image_id"]]
        x, y, flags = np.reshape(annotation["keypoints"], (14, 3)).T
        assert set(flags) <= {0, 1, 2} and (flags > 0).sum() == annotation["num_keypoints"]
        assert not x[flags == 0].any() and not y[flags == 0].any()
        left, top, width, height = annotation["bbox"]
        # Boxes are measured from the corner, half a pixel from the first pixel's centre.
        assert left + width == pytest.approx(x[flags > 0].max() + 0.5)
        assert top == pytest.approx(y[flags > 0].min() + 0.5)
        assert annotation["area"] == pytest.approx(width * height)
        assert 0 <= left and left + width <= image["width"]


def test_flags_tell_hidden_joints(dataset):
    occluded = np.zeros_like(dataset.labelled)
    occluded[0] = True
    stored = writing.annotations(
        replace(dataset, extras={"occluded": occluded}), list("abcdef")
    )
    flags = [set(each["keypoints"][2::3]) for each in stored["annotations"]]
    assert flags[0] <= {0, 1} and 1 in flags[0] and flags[1] <= {0, 2}


def test_a_folder_that_holds_something_is_left_alone(dataset, folder):
    with pytest.raises(PosekitError, match="people: must be a folder that is empty or not there"):
        writing.write(folder, dataset)
