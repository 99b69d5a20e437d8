"""From networks to scores: every image once, back to its own pixels, one division."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from posekit.errors import PosekitError
from posekit.evaluation import baselines, metrics, predictions
from posekit.evaluation.scores import correct_joints, score, score_original_px
from posekit.geometry import resize_keypoints
from posekit.pipeline.targets import LABEL_TREATMENTS
from posekit.skeleton import JOINT_COUNT, JOINTS, LSP


@pytest.fixture(scope="module")
def first_pixel_network():
    """Answers (0, r), (1, r), ... where r is the red value of the image's first pixel."""

    class FirstPixel(keras.Layer):
        def call(self, images):
            red = images[:, 0, 0, :1]  # (N, 1)
            pairs = [[joint + 0 * red, red] for joint in range(JOINT_COUNT)]
            return keras.ops.concatenate([value for pair in pairs for value in pair], axis=-1)

    x = keras.Input((4, 4, 3))
    return keras.Model(x, FirstPixel()(x))


def mean_pose_of(experiment):
    return baselines.constant_poses(experiment.targets("train", "masked"), 96)["mean_pose"]


@pytest.mark.parametrize("count", [1, 64, 130])
def test_every_image_is_predicted_once_and_in_order(first_pixel_network, count):
    images = np.zeros((count, 4, 4, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    predicted = predictions.predict_frame_px(first_pixel_network, images)
    assert predicted.shape == (count, JOINT_COUNT, 2) and predicted.dtype == np.float64
    np.testing.assert_array_equal(predicted[..., 1], np.arange(count)[:, None].repeat(14, axis=1))
    np.testing.assert_array_equal(predicted[..., 0], np.tile(np.arange(14), (count, 1)))


def test_predicting_leaves_the_images_alone(first_pixel_network):
    images = np.full((3, 4, 4, 3), 7, np.uint8)
    predictions.predict_frame_px(first_pixel_network, images)
    np.testing.assert_array_equal(images, 7)


def test_back_to_original_pixels_undoes_the_squash(experiment):
    back = resize_keypoints(
        experiment.keypoints_frame_px, (96, 96), experiment.dataset.image_sizes_px
    )
    np.testing.assert_allclose(back, experiment.dataset.keypoints_px, atol=1e-9)


def test_frame_corners_are_the_pictures_corners():
    corners_px = np.array([[[-0.5, -0.5], [95.5, 95.5], [47.5, 47.5]]])
    sizes_px = np.array([[640, 300]])
    back = resize_keypoints(corners_px, (96, 96), sizes_px)
    np.testing.assert_allclose(back, [[[-0.5, -0.5], [639.5, 299.5], [319.5, 149.5]]])


def test_treatment_mse_by_hand():
    targets = np.array([[[10, 20, 1], [np.nan, 0, 0]], [[50, 60, 1], [70, 80, 1]]])
    predicted = np.array([[[13, 24], [99, 99]], [[50, 62], [71, 80]]], float)
    by_hand = (9 + 16 + 0 + 4 + 1 + 0) / 6
    assert baselines.treatment_mse(predicted, targets) == pytest.approx(by_hand)
    # One pose for all images: errors (0, 0), (40, 40) and (0, 0).
    pose = np.array([[10, 20], [70, 80]], float)
    assert baselines.treatment_mse(pose, targets) == pytest.approx(2 * 40**2 / 6)


def test_the_true_keypoints_score_perfectly(experiment):
    indices = experiment.split.test
    scores = score(experiment.keypoints_frame_px[indices], experiment, "test", seed=0)
    values = {name: metric["value"] for name, metric in scores["metrics"].items()}
    assert values["pck_0.2"] == values["pcp_0.5"] == 1
    assert values["frame_mse"] == pytest.approx(0, abs=1e-12)
    assert values["mpjpe_px"] == pytest.approx(0, abs=1e-6)
    assert scores["image_count"] == len(indices)
    assert (scores["part"], scores["split"], scores["comparable"]) == ("test", "standard", True)


def test_original_pixels_score_like_the_frame(experiment):
    pose_px = mean_pose_of(experiment)
    pred_px = baselines.mean_pose_px(experiment, "validation")
    for joints in (None, LSP.limb_joints):
        np.testing.assert_equal(
            score_original_px(pred_px, experiment, "validation", seed=0, joints=joints),
            score(pose_px, experiment, "validation", seed=0, joints=joints),
        )


def test_chosen_joints_alone_are_scored(experiment):
    part = experiment.part("test")
    pred_px = part.keypoints_px.copy()
    head = [JOINTS.index("neck"), JOINTS.index("head_top")]
    pred_px[:, head] += 1000
    limbs = score_original_px(pred_px, experiment, "test", seed=0, joints=LSP.limb_joints)
    assert limbs["metrics"]["pck_0.2"]["value"] == 1 and limbs["joints"] == list(LSP.limb_joints)
    assert limbs["scored_joint_count"] == part.labelled[:, :12].sum()
    everything = score_original_px(pred_px, experiment, "test", seed=0)
    assert everything["metrics"]["pck_0.2"]["value"] < 1


def test_correct_joints_by_hand(experiment):
    # A torso of 50 px: right within 10 px. The second image's is not labelled, the third's is 0.
    part = experiment.dataset.subset([0, 1, 2])
    true_px = np.zeros((3, JOINT_COUNT, 2))
    true_px[:, JOINTS.index("left_shoulder")] = [[30, 40], [30, 40], [0, 0]]
    labelled = np.ones((3, JOINT_COUNT), bool)
    labelled[0, 3] = labelled[1, JOINTS.index("right_hip")] = False
    true_px[0, 3] = np.nan
    part = replace(part, keypoints_px=true_px, labelled=labelled)
    pred_px = true_px.copy()
    pred_px[0, :4] = [[6, 8], [6, 8.01], [0, 0], [0, 0]]
    correct, counted = correct_joints(pred_px, part)
    assert correct[0].tolist() == [True, False, True, False] + [True] * 10
    assert not correct[1:].any()
    np.testing.assert_array_equal(counted[0], labelled[0])
    assert not counted[1].any() and counted[2].all()


def test_correct_joints_divide_to_pck(experiment):
    part = experiment.part("train")
    pred_px = part.keypoints_px + np.random.default_rng(0).normal(0, 10, part.keypoints_px.shape)
    correct, counted = correct_joints(pred_px, part)
    errors = metrics.PoseErrors(pred_px, part.keypoints_px, part.labelled, skeleton=part.skeleton)
    pck = errors.pck().per_column
    assert 0 < pck.min() and pck.max() < 1
    np.testing.assert_allclose(correct.sum(axis=0) / counted.sum(axis=0), pck)


def test_one_pose_scores_like_the_same_pose_for_each_image(experiment):
    pose = mean_pose_of(experiment)
    everyone = np.broadcast_to(pose, (len(experiment.split.validation), *pose.shape))
    once = score(pose, experiment, "validation", seed=0)
    np.testing.assert_equal(score(everyone, experiment, "validation", seed=0), once)


def test_the_scores_frame_error_is_the_masked_loss_of_the_same_pose(experiment):
    pose = mean_pose_of(experiment)
    scores = score(pose, experiment, "validation", seed=0)
    targets = experiment.targets("validation", "masked")
    expected = baselines.treatment_mse(pose, targets)
    assert scores["metrics"]["frame_mse"]["value"] == pytest.approx(expected, rel=1e-5)


def test_a_part_that_is_missing_is_named(experiment):
    empty = np.empty(0, int)
    split = replace(
        experiment.split, test=empty, left_out=experiment.split.test, comparable=False
    )
    with pytest.raises(PosekitError, match="the test part of synthetic must hold an image; got no"):
        score(np.zeros((14, 2)), replace(experiment, split=split), "test", seed=0)


@pytest.mark.parametrize("treatment", LABEL_TREATMENTS)
def test_constant_poses_are_fitted_on_the_training_part(experiment, treatment):
    poses = baselines.constant_poses(experiment.targets("train", treatment), 96)
    assert set(poses) == {"image_centre", "mean_pose"}
    np.testing.assert_array_equal(poses["image_centre"], np.full((14, 2), 47.5))
    targets = experiment.targets("train", treatment).astype(float)
    neck = targets[targets[:, 12, 2] > 0, 12, :2]
    np.testing.assert_allclose(poses["mean_pose"][12], neck.mean(axis=0), rtol=1e-6)
    # No constant does better on the data it was fitted on.
    best = baselines.treatment_mse(poses["mean_pose"], targets)
    assert best < baselines.treatment_mse(poses["mean_pose"] + 0.1, targets)
    assert best < baselines.treatment_mse(poses["image_centre"], targets)
