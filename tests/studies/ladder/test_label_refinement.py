"""Second opinions by hand: who is near, who is doubted, and what is read back."""

from dataclasses import replace

import numpy as np
import pytest

from posekit import files, geometry
from posekit.errors import PosekitError
from posekit.studies.ladder import label_refinement


def people(dataset):
    return dataset.keypoints_px, dataset.labelled


def test_near_opinions_are_averaged_and_far_ones_make_a_label_weigh_less():
    # The joints' box is 100 px wide, the person's 130 px: opinions are near up to 17.55 px.
    keypoints_px = np.array([[[0.0, 0], [100, 50], [40, 40], [70, 70]]])
    labelled = np.array([[True, True, True, False]])
    assert geometry.person_boxes(keypoints_px, labelled)[0, 2] == 130
    opinion_px = keypoints_px + [[[10.0, -14], [17, 4], [-18, 0], [0, 0]]]
    labels = label_refinement.after(opinion_px, keypoints_px, labelled)
    np.testing.assert_allclose(
        labels.keypoints_px, [[[5, -7], [108.5, 52], [40, 40], [70, 70]]]
    )
    np.testing.assert_array_equal(labels.weights, [[1, 1, 0.5, 0]])


def test_who_was_not_asked_keeps_the_labels():
    rng = np.random.default_rng(0)
    keypoints_px = rng.uniform(0, 100, (2, 14, 2))
    labelled = rng.random((2, 14)) < 0.7
    opinion_px = np.stack([keypoints_px[0] + 1, np.full((14, 2), np.nan)])
    labels = label_refinement.after(opinion_px, keypoints_px, labelled)
    np.testing.assert_array_equal(labels.keypoints_px[1], keypoints_px[1])
    np.testing.assert_array_equal(labels.weights, labelled)


def test_an_unlabelled_joint_may_hold_anything_and_still_does_not_count():
    keypoints_px = np.array([[[0.0, 0], [100, 50], [np.nan, np.nan]]])
    labels = label_refinement.after(
        np.array([[[0.0, 0], [100, 50], [3, 4]]]), keypoints_px, np.array([[True, True, False]])
    )
    np.testing.assert_array_equal(labels.weights, [[1, 1, 0]])


def test_an_opinion_is_read_back_in_the_order_of_the_data(experiment, tmp_path):
    dataset, part = experiment.dataset, experiment.part("train")
    path = tmp_path / "opinions" / "teacher.npz"
    backwards = part.subset(np.arange(len(part))[::-1])
    label_refinement.write(path, backwards.image_ids, backwards.keypoints_px + 1)
    found_px = label_refinement.read(path, dataset)
    rows = experiment.split.indices(dataset, "train")
    np.testing.assert_array_equal(found_px[rows], dataset.keypoints_px[rows] + 1)
    others = np.setdiff1d(np.arange(len(dataset)), rows)
    assert len(others) and np.isnan(found_px[others]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints_px": np.zeros((2, 13, 2))}, r"finite `keypoints_px` \(images, 14, 2\); got"),
        ({"keypoints_px": np.full((2, 14, 2), np.nan)}, "finite `keypoints_px`"),
        ({"keypoints_px": None}, "finite `keypoints_px`"),
        ({"image_ids": np.array(["nobody", "else"])}, "must be images of .*; got 'else'"),
    ],
)
def test_another_opinion_is_refused(experiment, tmp_path, change, message):
    arrays = {
        "image_ids": experiment.dataset.image_ids[:2].astype(str),
        "keypoints_px": np.zeros((2, 14, 2)),
        **change,
    }
    path = tmp_path / "opinion.npz"
    files.write_npz(path, **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(PosekitError, match=message):
        label_refinement.read(path, experiment.dataset)


def test_networks_are_trained_on_them_and_scored_on_the_labels_of_the_data(experiment):
    dataset = experiment.dataset
    labels = label_refinement.after(dataset.keypoints_px + 2.0, *people(dataset))
    changed = replace(experiment, training_labels=labels)
    own, new = (each.canvases("person", 96) for each in (experiment, changed))
    for part, treatment in (("validation", "masked"), ("train", "poster_origin")):
        np.testing.assert_array_equal(own.targets(part, treatment), new.targets(part, treatment))
    before, after = (each.targets("train", "masked") for each in (own, new))
    counted = before[..., 2] > 0
    # One pixel of the picture in both directions, at the canvas' scale.
    scale = own.frames.images.shape[1] / own.boxes_px[experiment.split.indices(dataset, "train"), 2]
    moved_px = (after - before)[..., :2]
    expected_px = np.broadcast_to(scale[:, None, None], moved_px.shape)
    np.testing.assert_allclose(moved_px[counted], expected_px[counted], rtol=1e-3)
    np.testing.assert_array_equal(after[..., 2], before[..., 2])


def test_other_training_labels_are_told_apart(experiment):
    dataset = experiment.dataset
    assert experiment.training_labels_digest() is None
    assert "training_labels" not in experiment.describe()
    one, other = (
        replace(
            experiment,
            training_labels=label_refinement.after(dataset.keypoints_px + shift, *people(dataset)),
        )
        for shift in (1.0, 2.0)
    )
    assert one.training_labels_digest() != other.training_labels_digest()
    assert one.describe()["training_labels"] == one.training_labels_digest()
