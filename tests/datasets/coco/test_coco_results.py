"""Poses written back as COCO results: the format's rules, and the way there and back."""

import json

import numpy as np
import pytest
from coco_sets import COCO17, annotation, content, write
from PIL import Image

from posekit.datasets.coco import own_data, reading
from posekit.errors import PosekitError
from posekit.estimators.predict import inputs, photos, pose_files
from posekit.estimators.predict.poses import Pose
from posekit.skeleton import LSP


class Truth:
    """Stands in for an estimator of COCO's 17 joints: the same pose for every picture."""

    name = "truth"
    stages = ()

    def __init__(self, skeleton, keypoints_px, confidences):
        self.skeleton = skeleton
        self.keypoints_px, self.confidences = keypoints_px, confidences

    def estimate(self, images, boxes_px=None):
        class Poses:
            keypoints_px = np.stack([self.keypoints_px] * len(images))
            confidences = np.stack([self.confidences] * len(images))
            boxes_px = np.zeros((len(images), 4))
            presence, found = np.full(len(images), np.nan), np.ones(len(images), bool)

        return Poses


def own(folder, text=""):
    path = folder / "own_data.toml"
    path.write_text('annotations = "annotations.json"\n' + text)
    return own_data.find(path)


def check_rules(results, keypoint_count):
    """The rules of cocodataset.org's results format."""
    assert isinstance(results, list)
    for result in results:
        assert type(result["image_id"]) is int and type(result["category_id"]) is int
        triples = np.reshape(result["keypoints"], (keypoint_count, 3))
        assert np.isfinite(triples).all() and ((triples[:, 2] >= 0) & (triples[:, 2] <= 1)).all()
        assert 0 <= result["score"] <= 1


def written(folder, layout, poses):
    with pose_files.writing_coco(folder / "results.json", layout) as add:
        for image_id, keypoints_px, confidences in poses:
            pose = Pose(keypoints_px, confidences, np.zeros(4), np.nan, True)
            add({"image_id": image_id}, pose)
            add({"image_id": image_id}, pose._replace(found=False))
    return json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize("pixel_centre", [0.0, 0.5])
def test_the_truth_comes_back_as_it_was_annotated(tmp_path, pixel_centre):
    stored = content(3)
    write(tmp_path, stored)
    mine = own(tmp_path, f"pixel_centre = {pixel_centre}")
    dataset = reading.read(mine)
    ids = dataset.extras["coco_image_id"].tolist()
    sure = np.full((3, 17), 0.25)
    results = written(
        tmp_path, reading.layout_of(mine), zip(ids, dataset.keypoints_px, sure, strict=True)
    )
    check_rules(results, 17)
    for result, annotated in zip(results, stored["annotations"], strict=True):
        assert result["image_id"] == annotated["image_id"]
        assert result["category_id"] == annotated["category_id"]
        expected = np.reshape(annotated["keypoints"], (-1, 3))
        expected[:, 2] = 0.25
        np.testing.assert_array_equal(np.reshape(result["keypoints"], (-1, 3)), expected)
        assert result["score"] == 0.25


def test_keypoints_that_no_joint_is_are_zero(tmp_path):
    write(tmp_path, content(1))
    layout = reading.layout_of(own(tmp_path, 'joints = "coco17_to_lsp"'))
    keypoints_px = np.arange(28.0).reshape(14, 2) + 0.126
    (result,) = written(tmp_path, layout, [(11, keypoints_px, np.full(14, np.nan))])
    check_rules([result], 17)
    triples = np.reshape(result["keypoints"], (17, 3))
    head = [COCO17.index(name) for name in ("nose", "left_eye", "right_ear")]
    assert not triples[head].any()
    # What is not known is 1, as COCO recommends; the neck is the middle of two, so neither.
    joint = LSP.joints.index("left_wrist")
    expected = [*keypoints_px[joint].round(2), 1]
    assert triples[COCO17.index("left_wrist")].tolist() == expected
    assert result["score"] == 1


@pytest.mark.parametrize("count", [0, 1, 2])
def test_however_many_there_are_it_is_json(tmp_path, count):
    layout = reading.plain_layout(LSP, [])
    poses = [(number, np.zeros((14, 2)), np.linspace(0, 1, 14)) for number in range(count)]
    results = written(tmp_path, layout, poses)
    assert len(results) == count
    check_rules(results, 14)
    assert all(result["score"] == 0.5 for result in results)


def test_what_a_stop_leaves_is_whole_in_itself(tmp_path):
    path = tmp_path / "results.json"
    with (
        pytest.raises(KeyboardInterrupt),
        pose_files.writing_coco(path, reading.plain_layout(LSP, [])) as add,
    ):
        add({"image_id": 1}, Pose(np.zeros((14, 2)), np.ones(14), np.zeros(4), np.nan, True))
        raise KeyboardInterrupt
    assert len(json.loads((tmp_path / "partial_results.json").read_text())) == 1


@pytest.fixture
def truth(tmp_path):
    """Three annotated pictures of 40 x 40, and who knows their first pose."""
    stored = content(3)
    stored["annotations"].append(annotation(9, 12))
    write(tmp_path, stored)
    dataset = reading.read(own(tmp_path))
    return Truth(dataset.skeleton, dataset.keypoints_px[0], np.linspace(0, 1, 17))


def predict(truth, paths, folder, **settings):
    settings = {"file_format": "coco", **settings}
    list(photos.predict_files(truth, paths, folder, **settings))
    return json.loads((folder / photos.RESULTS).read_text())


def test_photographs_have_the_ids_of_the_annotations(truth, tmp_path):
    paths = sorted((tmp_path / "images").glob("*.jpg"))
    results = predict(truth, paths[::-1], tmp_path / "out", annotations=own(tmp_path))
    check_rules(results, 17)
    assert [result["image_id"] for result in results] == [13, 12, 11]
    assert [result["file_name"] for result in results] == ["im3.jpg", "im2.jpg", "im1.jpg"]
    expected = np.hstack([truth.keypoints_px, truth.confidences[:, None].round(3)])
    np.testing.assert_array_equal(np.reshape(results[0]["keypoints"], (17, 3)), expected)
    # The copies that were drawn are not taken for photographs when they lie beside the results.
    assert len(inputs.find_files([tmp_path / "images"]).paths) == 3
    with pytest.raises(PosekitError, match="out must hold pictures or videos; got none"):
        inputs.find_files([tmp_path / "out"])


def test_photographs_of_no_annotations_are_counted(truth, tmp_path):
    paths = sorted((tmp_path / "images").glob("*.jpg"))
    results = predict(truth, paths, tmp_path / "out")
    assert [(each["image_id"], each["category_id"]) for each in results] == [(1, 1), (2, 1), (3, 1)]


def test_photographs_that_the_annotations_do_not_list(truth, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "other.png")
    with pytest.raises(PosekitError, match="must list each photograph once; got none .* other.png"):
        predict(truth, [tmp_path / "other.png"], tmp_path / "out", annotations=own(tmp_path))
    assert not (tmp_path / "out").exists()


def test_annotations_of_other_joints(truth, tmp_path):
    mine = own(tmp_path, 'joints = "coco17_to_lsp"')
    paths = [tmp_path / "images" / "im1.jpg"]
    with pytest.raises(PosekitError, match="must be read as the joints of truth, nose, .*; got ri"):
        predict(truth, paths, tmp_path / "out", annotations=mine)


def test_videos_have_no_such_results(truth, tmp_path):
    with pytest.raises(PosekitError, match="COCO results need photographs; got 1 videos"):
        predict(truth, [tmp_path / "a.mp4"], tmp_path / "out")
