"""Flips and affine maps move pixels and joints together; light, blur and covers leave joints."""

import cv2
import numpy as np
import pytest

from posekit import geometry
from posekit.pipeline import transforms
from posekit.pipeline.augmentation import crop_matrices
from posekit.pipeline.transforms import flip_left_right
from posekit.pipeline.views import FILL
from posekit.skeleton import INDEX, JOINT_COUNT, LSP

HEIGHT, WIDTH = 6, 9


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, HEIGHT, WIDTH, 3), dtype=np.uint8)
    positions_px = rng.uniform(0, HEIGHT, (4, JOINT_COUNT, 2))
    weights = rng.integers(0, 2, (4, JOINT_COUNT, 1))
    return images, np.concatenate([positions_px, weights], axis=-1).astype(np.float32)


def flipped(images, targets, flip):
    both = flip_left_right(images, targets, np.array(flip), mirror=LSP.mirror)
    return [part.numpy() for part in both]


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
        targets[..., :2], targets[..., 2] > 0, WIDTH, mirror=LSP.mirror
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


def affine(images, targets, matrices, frame_px):
    moved = transforms.affine(
        np.asarray(images, np.float32),
        np.asarray(targets, np.float32),
        np.asarray(matrices, np.float32),
        frame_px,
    )
    return [part.numpy() for part in moved]


def some_canvases(count=3, side_px=20):
    return np.random.default_rng(1).uniform(0, 255, (count, side_px, side_px, 3))


def some_targets(count=3, side_px=20):
    targets = np.random.default_rng(2).uniform(-0.5, side_px - 0.5, (count, JOINT_COUNT, 3))
    targets[..., 2] = 1
    return targets


def some_matrices(count, side_px, frame_px, *, seed=3):
    rng = np.random.default_rng(seed)
    return crop_matrices(
        (side_px - 1) / 2 + rng.uniform(-2, 2, (count, 2)),
        rng.uniform(0.7, 1.4, count) * side_px,
        frame_px,
        radians=rng.uniform(-np.pi, np.pi, count),
        stretch=rng.uniform(0.8, 1.25, count),
    )


@pytest.mark.parametrize("frame_px", [20, 13])
def test_affine_agrees_with_opencv(frame_px):
    images = some_canvases(8)
    # OpenCV rounds coordinates to 1/32 pixel: there both interpolate with the same weights.
    matrices = np.round(some_matrices(8, 20, frame_px) * 32) / 32
    shown, _ = affine(images, some_targets(8), matrices, frame_px)
    theirs = [
        cv2.warpAffine(
            image.astype(np.float32),
            matrix,
            (frame_px, frame_px),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(FILL, FILL, FILL),
        )
        for image, matrix in zip(images, matrices, strict=True)
    ]
    np.testing.assert_allclose(shown, theirs, atol=0.01)
    # Some of what they show lies beyond the canvas.
    assert 0.01 < (np.array(theirs) == FILL).mean() < 0.5


def test_the_identity_keeps_everything():
    images, targets = some_canvases(), some_targets()
    shown, moved = affine(images, targets, [np.eye(3)[:2]] * 3, 20)
    np.testing.assert_allclose(shown, images, rtol=1e-6)
    np.testing.assert_allclose(moved, targets, rtol=1e-6)


def test_a_shift_to_a_smaller_frame_is_a_slice():
    images = some_canvases()
    shown, moved = affine(images, some_targets(), [[[1, 0, 5], [0, 1, 2]]] * 3, 10)
    np.testing.assert_allclose(shown, images[:, 2:12, 5:15], rtol=1e-6)
    np.testing.assert_allclose(moved[..., :2], some_targets()[..., :2] - [5, 2], atol=1e-5)


def test_a_quarter_turn_is_that_of_numpy():
    images, targets = some_canvases(), some_targets()
    turn = crop_matrices(np.full((3, 2), 9.5), np.full(3, 20.0), 20, radians=np.pi / 2)
    shown, moved = affine(images, targets, turn, 20)
    np.testing.assert_allclose(shown, np.rot90(images, axes=(1, 2)), atol=0.01)
    # What was on the canvas' right is at the top: x becomes the height from above.
    by_hand = np.stack([targets[..., 1], 19 - targets[..., 0]], axis=-1)
    np.testing.assert_allclose(moved[..., :2], by_hand, atol=1e-4)


def test_a_blob_is_found_where_its_joint_went():
    side_px, frame_px = 48, 40
    matrices = some_matrices(20, side_px, frame_px)
    joints_px = np.random.default_rng(5).uniform(18, 30, (20, 1, 2))
    column, row = np.meshgrid(np.arange(side_px), np.arange(side_px))
    squared = (column - joints_px[..., :1]) ** 2 + (row - joints_px[..., 1:]) ** 2
    blobs = FILL + 100 * np.exp(-squared / (2 * 2.0**2))
    targets = np.concatenate([joints_px, np.ones((20, 1, 1))], axis=-1)
    shown, moved = affine(np.repeat(blobs[..., None], 3, axis=-1), targets, matrices, frame_px)
    assert (moved[..., 2] == 1).all()
    weight = shown[..., 0] - FILL
    column, row = np.meshgrid(np.arange(frame_px), np.arange(frame_px))
    total = weight.sum(axis=(1, 2))
    found_px = np.stack(
        [(weight * place).sum(axis=(1, 2)) / total for place in (column, row)], axis=-1
    )
    np.testing.assert_allclose(found_px, moved[:, 0, :2], atol=0.05)


def test_a_joint_outside_the_frame_no_longer_counts():
    # The frame's pixels 0 to 9 span -0.5 to 9.5; the map is a shift by (5, 2).
    in_frame_px = [(-0.5, -0.5), (9.5, 9.5), (-0.6, 4), (9.6, 4), (4, -0.6), (4, 9.6), (4, 4)]
    targets = np.ones((1, 7, 3))
    targets[0, :, :2] = np.array(in_frame_px) + [5, 2]
    targets[0, 6, 2] = 0
    matrices = np.array([[[1, 0, 5], [0, 1, 2]]])
    _, moved = affine(some_canvases(1), targets, matrices, 10)
    np.testing.assert_allclose(moved[0, :, :2], in_frame_px, atol=1e-5)
    np.testing.assert_array_equal(moved[0, :, 2], [1, 1, 0, 0, 0, 0, 0])


def test_junk_under_weight_zero_stays_with_its_joint():
    targets = some_targets(2)
    targets[0, 3] = (np.nan, np.inf, 0)
    plain = some_targets(2)
    plain[0, 3, 2] = 0
    matrices = some_matrices(2, 20, 20)
    moved, expected = (affine(some_canvases(2), each, matrices, 20)[1] for each in (targets, plain))
    np.testing.assert_array_equal(moved[..., 2], expected[..., 2])
    assert moved[0, 3, 2] == 0
    others = np.ones((2, JOINT_COUNT), bool)
    others[0, 3] = False
    np.testing.assert_array_equal(moved[others], expected[others])


NO_LIGHT = {"gain": (1, 1, 1), "contrast": 1, "saturation": 1, "brightness": 0}


def coloured(images, **light):
    chosen = {
        name: np.array([value] * len(images), np.float32)
        for name, value in {**NO_LIGHT, **light}.items()
    }
    return transforms.colour(np.asarray(images, np.float32), **chosen).numpy()


def test_neutral_light_changes_nothing():
    images = some_canvases()
    np.testing.assert_allclose(coloured(images), images, atol=1e-3)


def test_light_by_hand():
    # One row of two pixels; the mean of all values is 60.
    image = np.array([[[[30, 60, 90], [50, 60, 70]]]])
    np.testing.assert_allclose(
        coloured(image, contrast=2), [[[[0, 60, 120], [40, 60, 80]]]], atol=1e-4
    )
    np.testing.assert_allclose(
        coloured(image, saturation=0.5), [[[[45, 60, 75], [55, 60, 65]]]], atol=1e-4
    )
    np.testing.assert_allclose(
        coloured(image, gain=(1, 2, 0.5)), [[[[30, 120, 45], [50, 120, 35]]]], atol=1e-4
    )
    np.testing.assert_allclose(coloured(image, brightness=-5), image - 5, atol=1e-4)


def test_light_ends_at_black_and_white():
    image = np.array([[[[30, 60, 90], [50, 60, 70]]]])
    assert coloured(image, brightness=200).max() == 255
    assert coloured(image, brightness=-55).min() == 0


def test_each_picture_has_light_of_its_own():
    images = np.full((2, 4, 4, 3), 50, np.float32)
    neutral = np.ones(2, np.float32)
    changed = transforms.colour(
        images, np.ones((2, 3), np.float32), neutral, neutral, np.array([10, -10], np.float32)
    ).numpy()
    np.testing.assert_allclose(changed[0], 60, atol=1e-4)
    np.testing.assert_allclose(changed[1], 40, atol=1e-4)


def blurred(images, amount):
    return transforms.blur(images.astype(np.float32), np.array(amount, np.float32)).numpy()


def test_blur_by_hand():
    images = np.zeros((3, 5, 6, 3))
    images[:, 2, 3] = 160
    by_hand = np.outer([0, 1, 2, 1, 0], [0, 0, 1, 2, 1, 0]) * 10
    still, half, whole = blurred(images, [0, 0.5, 1])[..., 0]
    np.testing.assert_array_equal(still, images[0, ..., 0])
    np.testing.assert_allclose(whole, by_hand)
    np.testing.assert_allclose(half, (by_hand + images[0, ..., 0]) / 2)


def test_blur_keeps_the_sum_and_a_plain_picture():
    images = some_canvases()
    np.testing.assert_allclose(blurred(images, [1] * 3).sum(), images.sum(), rtol=1e-5)
    plain = np.full((1, 6, 7, 3), 80.0)
    np.testing.assert_allclose(blurred(plain, [1]), plain)


def test_erase_by_hand():
    images = np.zeros((3, 4, 6, 3), np.float32)
    rectangles_px = np.array([[1, 0, 3, 2], [1.5, 1.5, 9, 9], [2, 2, 2, 2]], np.float32)
    covered = transforms.erase(images, rectangles_px).numpy()
    by_hand = np.zeros((3, 4, 6), bool)
    by_hand[0, :2, 1:3] = True  # rows 0 and 1, columns 1 and 2
    by_hand[1, 2:, 2:] = True  # centres from 1.5 on, and as far as there is picture
    np.testing.assert_array_equal(covered, np.repeat(by_hand[..., None], 3, axis=-1) * FILL)


def test_arguments_are_left_alone():
    images = some_canvases().astype(np.float32)
    targets, matrices = some_targets(), some_matrices(3, 20, 10)
    before = images.copy(), targets.copy(), matrices.copy()
    affine(images, targets, matrices, 10)
    coloured(images, contrast=2, brightness=9)
    blurred(images, [1] * 3)
    transforms.erase(images, np.array([[0, 0, 9, 9]] * 3, np.float32))
    for array, copy in zip((images, targets, matrices), before, strict=True):
        np.testing.assert_array_equal(array, copy)
