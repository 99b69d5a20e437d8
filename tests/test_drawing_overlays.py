import numpy as np
import pytest

from posekit import drawing
from posekit.drawing import RING_COLOUR, RING_PX
from posekit.skeleton import LSP

IMAGE = np.full((120, 160, 3), (40, 90, 140), np.uint8)


def test_saliency_greys_the_picture_and_lights_what_is_strong():
    strength = np.zeros(IMAGE.shape[:2])
    strength[20:60, 30:80] = 1.0
    laid = drawing.lay_saliency(IMAGE, strength)
    np.testing.assert_array_equal(laid[100, 10], [90, 90, 90])  # (40 + 90 + 140) / 3
    # Inferno ends in a pale yellow, of which 85 % lie over the grey.
    assert laid[40, 50].min() > 90 and laid[40, 50, 0] > 220


def test_a_map_of_nothing_is_a_grey_picture():
    laid = drawing.lay_saliency(IMAGE, np.zeros(IMAGE.shape[:2]))
    np.testing.assert_array_equal(laid, np.full(IMAGE.shape, 90))


def test_saliency_keeps_its_order():
    strength = np.linspace(0, 1, IMAGE.shape[1]) * np.ones((IMAGE.shape[0], 1))
    row = drawing.lay_saliency(np.zeros_like(IMAGE), strength)[60].astype(int).sum(axis=-1)
    assert (np.diff(row) >= -1).all() and row[-1] > row[0] + 300


def test_truth_is_white_and_what_is_not_labelled_is_left_out():
    keypoints_px = np.full((LSP.joint_count, 2), np.nan)
    labelled = np.zeros(LSP.joint_count, bool)
    for name, position in (("right_knee", (30, 40)), ("right_ankle", (30, 90))):
        keypoints_px[LSP.index[name]], labelled[LSP.index[name]] = position, True
    drawn = drawing.draw_truth(IMAGE, keypoints_px, labelled, skeleton=LSP)
    np.testing.assert_array_equal(drawn[[40, 65, 90], 30], np.full((3, 3), 255))
    changed = (drawn != IMAGE).any(axis=-1)
    rows, columns = np.nonzero(changed)
    assert 35 <= rows.min() and rows.max() <= 95 and 24 <= columns.min() and columns.max() <= 36


@pytest.mark.parametrize("ends", [[(60.0, 50.0)], [(60.0, 50.0), (120.0, 50.0)]])
def test_a_ring_and_perhaps_a_line_to_it(ends):
    drawn = drawing.draw_ring(IMAGE, *ends)
    np.testing.assert_array_equal(drawn[50, 60 - RING_PX], RING_COLOUR)
    np.testing.assert_array_equal(drawn[50 - RING_PX, 60], RING_COLOUR)
    at_the_line = drawn[50, 100]
    np.testing.assert_array_equal(at_the_line, RING_COLOUR if len(ends) == 2 else IMAGE[50, 100])


def test_pictures_given_are_left_alone():
    before = IMAGE.copy()
    drawing.lay_saliency(IMAGE, np.ones(IMAGE.shape[:2]))
    drawing.draw_truth(
        IMAGE, np.full((LSP.joint_count, 2), 50.0), np.ones(LSP.joint_count, bool), skeleton=LSP
    )
    drawing.draw_ring(IMAGE, (50, 50), (90, 90))
    np.testing.assert_array_equal(IMAGE, before)
