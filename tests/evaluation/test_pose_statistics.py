import time

import numpy as np
import pytest

from posekit import geometry
from posekit.errors import PosekitError
from posekit.evaluation import pose_statistics
from posekit.geometry import mirror_keypoints
from posekit.skeleton import LSP


def random_poses(n, seed):
    return np.random.default_rng(seed).normal(50, 20, (n, 14, 2))


def all_labelled(n):
    return np.ones((n, 14), bool)


def test_person_box_by_hand():
    keypoints_px = np.array([[[2.0, 3.0], [12.0, 23.0], [-99.0, 500.0]]] * 2)
    labelled = np.array([[True, True, False], [False, False, False]])
    got = geometry.joint_boxes(keypoints_px, labelled)
    np.testing.assert_array_equal(got, [[2.5, 3.5, 10, 20], [np.nan] * 4])
    # A tenth of 10 x 20 pixels on every side.
    got = geometry.scale_boxes(got, 1.2)
    np.testing.assert_allclose(got, [[1.5, 1.5, 12, 24], [np.nan] * 4])


def test_person_share_by_hand():
    keypoints_px = np.array([[[2.0, 3.0], [12.0, 23.0]]])
    got = pose_statistics.person_share(keypoints_px, np.ones((1, 2), bool), np.array([[40, 50]]))
    np.testing.assert_allclose(got, [[0.25, 0.4]])


def test_contortion_of_a_training_pose_is_zero():
    training_px = random_poses(30, 4)
    labelled = np.random.default_rng(4).random((30, 14)) < 0.9
    # Shifted and grown, and with junk where nothing is labelled.
    moved = np.where(labelled[..., None], 2 * training_px + 10, -321.0)
    got = pose_statistics.contortion(moved, labelled, training_px, labelled, neighbours=1)
    np.testing.assert_allclose(got, 0, atol=1e-6)


def test_contortion_agrees_with_a_plain_loop():
    rng = np.random.default_rng(5)
    keypoints_px, training_px = random_poses(7, 5), random_poses(20, 6)
    labelled, training_labelled = rng.random((7, 14)) < 0.8, rng.random((20, 14)) < 0.8

    def distance(a, b, common):
        if common.sum() < 8:
            return np.inf
        shapes = []
        for pose in (a[common], b[common]):
            centred = pose - pose.mean(axis=0)
            shapes.append(centred / np.sqrt((centred**2).sum(axis=1).mean()))
        return np.sqrt(((shapes[0] - shapes[1]) ** 2).sum(axis=1).mean())

    expected = []
    for pose, known in zip(keypoints_px, labelled, strict=True):
        pairs = zip(training_px, training_labelled, strict=True)
        expected.append(np.mean(sorted(distance(pose, b, known & m) for b, m in pairs)[:3]))
    got = pose_statistics.contortion(keypoints_px, labelled, training_px, training_labelled, neighbours=3)
    np.testing.assert_allclose(got, np.where(np.isinf(expected), np.nan, expected))
    assert np.isfinite(got).any()


def test_contortion_of_an_upside_down_pose_is_two():
    pose = random_poses(1, 7)
    got = pose_statistics.contortion(-pose, all_labelled(1), pose, all_labelled(1), neighbours=1)
    np.testing.assert_allclose(got, 2)


def test_contortion_needs_eight_common_joints():
    pose = random_poses(1, 8)
    labelled = np.arange(14)[None] < 8
    assert np.isfinite(pose_statistics.contortion(pose, labelled, pose, all_labelled(1), neighbours=1))
    labelled = np.arange(14)[None] < 7
    assert np.isnan(pose_statistics.contortion(pose, labelled, pose, all_labelled(1), neighbours=1))


def test_contortion_ignores_poses_whose_joints_coincide():
    pose, point = random_poses(1, 9), np.full((1, 14, 2), 7.3)
    both = np.concatenate([point, pose])
    got = pose_statistics.contortion(both, all_labelled(2), pose, all_labelled(1), neighbours=1)
    np.testing.assert_allclose(got, [np.nan, 0], atol=1e-6)


def test_contortion_does_not_depend_on_the_block(monkeypatch):
    arguments = (random_poses(9, 10), all_labelled(9), random_poses(12, 11), all_labelled(12))
    whole = pose_statistics.contortion(*arguments)
    monkeypatch.setattr(pose_statistics, "BLOCK", 4)
    np.testing.assert_allclose(pose_statistics.contortion(*arguments), whole)


def test_contortion_is_quick_enough_for_the_data():
    mirrored = mirror_keypoints(random_poses(4000, 12), all_labelled(4000), 100, mirror=LSP.mirror)[
        0
    ]
    training_px = np.concatenate([random_poses(4000, 12), mirrored])
    started = time.perf_counter()
    keypoints_px, labelled = random_poses(1000, 13), all_labelled(1000)
    got = pose_statistics.contortion(keypoints_px, labelled, training_px, all_labelled(8000))
    assert time.perf_counter() - started < 20  # about 1 s on two idle cores
    assert np.isfinite(got).all()


def test_contortion_names_a_wrong_neighbour_count():
    pose = random_poses(2, 0)
    with pytest.raises(PosekitError, match=r"`neighbours` must be in 1\.\.2; got 3"):
        pose_statistics.contortion(pose, all_labelled(2), pose, all_labelled(2), neighbours=3)


def test_arguments_are_left_alone():
    keypoints_px, labelled = random_poses(6, 14), all_labelled(6)
    labelled[2, 3] = False
    kept = keypoints_px.copy(), labelled.copy()
    geometry.joint_boxes(keypoints_px, labelled)
    pose_statistics.contortion(keypoints_px, labelled, keypoints_px, labelled)
    np.testing.assert_array_equal(keypoints_px, kept[0])
    np.testing.assert_array_equal(labelled, kept[1])
