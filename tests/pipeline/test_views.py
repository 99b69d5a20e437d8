"""Boxes by hand, and cutting them out: pixels go where geometry sends keypoints."""

import numpy as np
import pytest

from posekit import geometry
from posekit.errors import PosekitError
from posekit.geometry import keypoints_into_boxes
from posekit.pipeline import views


def picture(width=60, height=40):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("size_px", "by_hand"),
    [((200, 100), (0, -50, 200, 200)), ((30, 50), (-10, 0, 50, 50)), ((7, 7), (0, 0, 7, 7))],
)
def test_whole_boxes_add_to_both_sides_of_the_shorter_axis(size_px, by_hand):
    np.testing.assert_array_equal(geometry.whole_boxes(size_px), by_hand)
    np.testing.assert_array_equal(geometry.whole_boxes([size_px, size_px]), [by_hand, by_hand])


def test_squashed_boxes_are_the_pictures():
    got = geometry.squashed_boxes([(200, 100), (30, 50)])
    np.testing.assert_array_equal(got, [(0, 0, 200, 100), (0, 0, 30, 50)])


def test_a_persons_box_by_hand():
    # Pixel centres 10 to 30 lie 20 px apart, from 10.5 to 30.5 in lengths; the margin makes 26.
    keypoints_px = np.array([[[10, 20], [30, 25], [np.nan, -500]]])
    got = geometry.person_boxes(keypoints_px, np.array([[True, True, False]]))
    np.testing.assert_allclose(got, [[20.5 - 13, 23 - 13, 26, 26]])


def test_a_persons_box_leaves_its_margin_on_all_sides():
    rng = np.random.default_rng(0)
    keypoints_px = rng.uniform(-20, 120, (50, 14, 2))
    labelled = rng.random((50, 14)) < 0.7
    boxes_px = geometry.person_boxes(keypoints_px, labelled)
    in_box = keypoints_into_boxes(keypoints_px, boxes_px, 1.0) + 0.5
    for points in (in_box[person][labelled[person]] for person in range(50)):
        low, high = points.min(axis=0), points.max(axis=0)
        np.testing.assert_allclose((low + high) / 2, 0.5)
        assert (high - low).max() == pytest.approx(1 / 1.3)


def test_joints_in_one_place_still_get_a_box_around_them():
    keypoints_px = np.full((1, 14, 2), 40.0)
    (box_px,) = geometry.person_boxes(keypoints_px, np.ones((1, 14), bool))
    assert box_px[2] == box_px[3] == pytest.approx(1.3 * geometry.LEAST_SIDE_PX)
    np.testing.assert_allclose(box_px[:2] + box_px[2:] / 2, 40.5)


def test_a_person_without_a_labelled_joint_is_named():
    labelled = np.ones((3, 14), bool)
    labelled[1] = False
    with pytest.raises(PosekitError, match="a labelled joint; got none for person 1"):
        geometry.person_boxes(np.zeros((3, 14, 2)), labelled)


def test_enlarged_by_hand_and_back():
    boxes_px = np.array([[10.0, 20.0, 4.0, 8.0]])
    enlarged = geometry.scale_boxes(boxes_px, 2)
    np.testing.assert_array_equal(enlarged, [[8, 16, 8, 16]])
    np.testing.assert_allclose(geometry.scale_boxes(enlarged, 0.5), boxes_px)


def test_a_picture_in_its_own_box_is_itself():
    square = picture(40, 40)
    np.testing.assert_array_equal(views.cut(square, np.array([0, 0, 40, 40]), 40), square)


def test_a_box_at_whole_pixels_is_a_slice_and_grey_beyond():
    image = picture()
    np.testing.assert_array_equal(
        views.cut(image, np.array([7, 3, 16, 16]), 16), image[3:19, 7:23]
    )
    beyond = views.cut(image, np.array([52, -4, 16, 16]), 16)
    np.testing.assert_array_equal(beyond[4:, :8], image[:12, 52:])
    assert (beyond[:4] == views.FILL).all() and (beyond[:, 8:] == views.FILL).all()


def blob(width, height, centre_px, spread_px):
    column, row = np.meshgrid(np.arange(width), np.arange(height))
    squared = (column - centre_px[0]) ** 2 + (row - centre_px[1]) ** 2
    bright = views.FILL + (255 - views.FILL) * np.exp(-squared / (2 * spread_px**2))
    return np.repeat(bright.round().astype(np.uint8)[..., None], 3, axis=-1)


@pytest.mark.parametrize(
    "box_px",
    [
        (40, 10, 64, 64),
        (52.3, 20.7, 33.1, 33.1),
        (0, 0, 160, 100),
        (0, -30, 160, 160),
        (-70.2, -95.9, 301.5, 301.5),
        (50, 0, 40, 100),
    ],
    ids=["native", "enlarged", "squashed", "whole", "far away", "one axis shrunk"],
)
def test_a_blob_moves_like_a_keypoint(box_px):
    centre_px = np.array([71.0, 38.0])
    shown = views.cut(blob(160, 100, centre_px, 4.0), np.array(box_px), 64)
    weight = shown[..., 0].astype(float) - views.FILL
    column, row = np.meshgrid(np.arange(64), np.arange(64))
    found_px = [(weight * column).sum() / weight.sum(), (weight * row).sum() / weight.sum()]
    expected_px = keypoints_into_boxes(centre_px[None], box_px, 64)[0]
    # A wrong convention is off by about half a pixel.
    np.testing.assert_allclose(found_px, expected_px, atol=0.06)


def test_shrinking_averages_instead_of_picking_pixels():
    # One bright column of each eight, next to where the frame's pixels have their centres.
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 3::8] = 200
    shown = views.cut(image, np.array([0, 0, 64, 64]), 8)
    assert (shown == 25).all()


def test_arguments_are_left_alone():
    image, boxes_px = picture(), np.array([[3.0, 4.0, 20.0, 20.0]])
    keypoints_px, labelled = np.ones((1, 14, 2)), np.ones((1, 14), bool)
    for array in (image, boxes_px, keypoints_px, labelled):
        array.flags.writeable = False
    shown = views.cut(image, boxes_px[0], 10)
    enlarged = geometry.scale_boxes(boxes_px, 2)
    assert not np.shares_memory(shown, image) and not np.shares_memory(enlarged, boxes_px)
    assert geometry.person_boxes(keypoints_px, labelled).shape == (1, 4)
