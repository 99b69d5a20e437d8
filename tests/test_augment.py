"""The flip of a batch: pixels, coordinates and sides move together."""

import numpy as np
import pytest

from posekit import geometry
from posekit.augment import flip_left_right
from posekit.skeleton import INDEX, JOINT_COUNT

HEIGHT, WIDTH = 6, 9


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, HEIGHT, WIDTH, 3), dtype=np.uint8)
    positions_px = rng.uniform(0, HEIGHT, (4, JOINT_COUNT, 2))
    weights = rng.integers(0, 2, (4, JOINT_COUNT, 1))
    return images, np.concatenate([positions_px, weights], axis=-1).astype(np.float32)


def flipped(images, targets, flip):
    return [part.numpy() for part in flip_left_right(images, targets, np.array(flip))]


def test_twice_is_identity(batch):
    everyone = [True] * 4
    images, targets = flipped(*flipped(*batch, everyone), everyone)
    np.testing.assert_array_equal(images, batch[0])
    np.testing.assert_allclose(targets, batch[1], atol=1e-6)
    assert images.dtype == np.uint8 and targets.dtype == np.float32


def test_the_left_wrist_lands_on_the_right_wrist(batch):
    images, targets = batch
    row, column = 2, 7
    images[0] = 0
    images[0, row, column] = (255, 10, 20)
    targets[0, INDEX["left_wrist"]] = (column, row, 1)
    targets[0, INDEX["right_wrist"]] = (0, 0, 0)
    new_images, new_targets = flipped(images, targets, [True] * 4)
    x, y, weight = new_targets[0, INDEX["right_wrist"]]
    assert (x, y, weight) == (WIDTH - 1 - column, row, 1)
    # The marked pixel is where the joint now is, and the other wrist's weight went left.
    assert new_images[0, int(y), int(x)].tolist() == [255, 10, 20]
    assert new_targets[0, INDEX["left_wrist"], 2] == 0


def test_a_joint_on_the_middle_line_keeps_its_place(batch):
    images, targets = batch
    targets[:, INDEX["neck"]] = ((WIDTH - 1) / 2, 3.5, 1)
    _, new_targets = flipped(images, targets, [True] * 4)
    np.testing.assert_array_equal(new_targets[:, INDEX["neck"]], targets[:, INDEX["neck"]])


def test_agrees_with_the_keypoints_flip_of_geometry(batch):
    images, targets = batch
    _, new_targets = flipped(images, targets, [True] * 4)
    keypoints_px, labelled = geometry.mirror_keypoints(
        targets[..., :2], targets[..., 2] > 0, WIDTH
    )
    np.testing.assert_allclose(new_targets[..., :2], keypoints_px, atol=1e-5)
    np.testing.assert_array_equal(new_targets[..., 2] > 0, labelled)


def test_only_the_chosen_examples_change(batch):
    images, targets = batch
    new_images, new_targets = flipped(images, targets, [False, True, False, True])
    np.testing.assert_array_equal(new_images[[0, 2]], images[[0, 2]])
    np.testing.assert_array_equal(new_targets[[0, 2]], targets[[0, 2]])
    np.testing.assert_array_equal(new_images[[1, 3]], images[[1, 3], :, ::-1])
    assert (new_targets[[1, 3]] != targets[[1, 3]]).any(axis=(1, 2)).all()
