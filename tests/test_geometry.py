import numpy as np
import pytest

from posekit.geometry import (
    keypoints_into_boxes,
    keypoints_out_of_boxes,
    mirror_keypoints,
    resize_keypoints,
)
from posekit.skeleton import LSP


def poses(count=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.5, 90, (count, 14, 2)), rng.random((count, 14)) < 0.8


def test_resize_by_hand():
    # Two pixels become one: their common border, at 0.5, becomes the new pixel's centre.
    points_px = np.array([[0.5, 0.5], [-0.5, -0.5], [1.5, 1.5]])
    got = resize_keypoints(points_px, (2, 2), (1, 1))
    np.testing.assert_allclose(got, [[0, 0], [-0.5, -0.5], [0.5, 0.5]])


def test_resize_maps_borders_to_borders_on_each_axis():
    width, height = 200, 50
    corners_px = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    got = resize_keypoints(corners_px, (width, height), (96, 96))
    np.testing.assert_allclose(got, [[-0.5, -0.5], [95.5, 95.5]])


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_resize_agrees_with_the_centre_of_mass_of_an_enlarged_pixel(factor):
    picture = np.zeros((6, 7))
    picture[2, 5] = 1
    enlarged = picture.repeat(factor, axis=0).repeat(factor, axis=1)
    rows, columns = np.nonzero(enlarged)
    got = resize_keypoints(np.array([[5, 2]]), (7, 6), (7 * factor, 6 * factor))
    np.testing.assert_allclose(got, [[columns.mean(), rows.mean()]])


def test_resize_undoes_itself_with_sizes_of_their_own():
    keypoints_px, _ = poses()
    sizes_px = np.array([[100, 200], [33, 47], [640, 480], [1, 9]])
    there = resize_keypoints(keypoints_px, sizes_px, (96, 96))
    assert there.shape == keypoints_px.shape and not np.allclose(there, keypoints_px)
    np.testing.assert_allclose(resize_keypoints(there, (96, 96), sizes_px), keypoints_px)


def test_mirror_moves_the_left_wrist_to_the_right_wrists_row():
    keypoints_px = np.zeros((14, 2))
    keypoints_px[LSP.index["left_wrist"]] = [0, 7]
    labelled = np.zeros(14, bool)
    labelled[LSP.index["left_wrist"]] = True
    mirrored_px, mirrored = mirror_keypoints(keypoints_px, labelled, 10, mirror=LSP.mirror)
    # The first of ten pixels becomes the last.
    np.testing.assert_array_equal(mirrored_px[LSP.index["right_wrist"]], [9, 7])
    assert np.flatnonzero(mirrored).tolist() == [LSP.index["right_wrist"]]


def test_mirror_twice_is_identity():
    keypoints_px, labelled = poses()
    widths_px = np.array([100, 33, 640, 96])
    once_px, once = mirror_keypoints(keypoints_px, labelled, widths_px, mirror=LSP.mirror)
    assert not np.allclose(once_px, keypoints_px) and not np.array_equal(once, labelled)
    twice_px, twice = mirror_keypoints(once_px, once, widths_px, mirror=LSP.mirror)
    np.testing.assert_allclose(twice_px, keypoints_px)
    np.testing.assert_array_equal(twice, labelled)


def test_mirror_of_a_batch_is_the_mirror_of_each():
    keypoints_px, labelled = poses()
    widths_px = np.array([100, 33, 640, 96])
    together_px, together = mirror_keypoints(keypoints_px, labelled, widths_px, mirror=LSP.mirror)
    for index, width_px in enumerate(widths_px):
        alone_px, alone = mirror_keypoints(
            keypoints_px[index], labelled[index], width_px, mirror=LSP.mirror
        )
        np.testing.assert_array_equal(together_px[index], alone_px)
        np.testing.assert_array_equal(together[index], alone)


def test_mirror_and_resize_may_come_in_either_order():
    keypoints_px, labelled = poses()
    mirrored_px, _ = mirror_keypoints(keypoints_px, labelled, 120, mirror=LSP.mirror)
    mirrored_first_px = resize_keypoints(mirrored_px, (120, 80), (96, 96))
    resized_px = resize_keypoints(keypoints_px, (120, 80), (96, 96))
    mirrored_last_px, _ = mirror_keypoints(resized_px, labelled, 96, mirror=LSP.mirror)
    np.testing.assert_allclose(mirrored_first_px, mirrored_last_px)


def boxes():
    rng = np.random.default_rng(1)
    return np.concatenate([rng.uniform(-50, 50, (4, 2)), rng.uniform(10, 300, (4, 2))], axis=1)


def test_into_a_box_by_hand():
    # The box covers the picture's pixels 10 to 19 and 20 to 24; a frame pixel shows 2.5 by 1.25.
    box_px = (10, 20, 10, 5)
    points_px = np.array([[9.5, 19.5], [19.5, 24.5], [14.5, 22], [10.75, 20.125]])
    got = keypoints_into_boxes(points_px, box_px, 4)
    np.testing.assert_allclose(got, [[-0.5, -0.5], [3.5, 3.5], [1.5, 1.5], [0, 0]])


def test_the_box_of_the_whole_picture_is_a_resize():
    keypoints_px, _ = poses()
    sizes_px = np.array([[100, 200], [33, 47], [640, 480], [1, 9]])
    boxes_px = np.concatenate([np.zeros((4, 2)), sizes_px], axis=1)
    np.testing.assert_allclose(
        keypoints_into_boxes(keypoints_px, boxes_px, 96),
        resize_keypoints(keypoints_px, sizes_px, (96, 96)),
    )


def test_a_box_at_the_frames_size_is_a_shift():
    keypoints_px, _ = poses()
    got = keypoints_into_boxes(keypoints_px, (7, -3, 96, 96), 96)
    np.testing.assert_allclose(got, keypoints_px - [7, -3])


def test_out_of_boxes_undoes_into_boxes():
    keypoints_px, _ = poses()
    there = keypoints_into_boxes(keypoints_px, boxes(), 96)
    assert there.shape == keypoints_px.shape and not np.allclose(there, keypoints_px)
    np.testing.assert_allclose(keypoints_out_of_boxes(there, boxes(), 96), keypoints_px)
    back = keypoints_out_of_boxes(keypoints_px, boxes(), 96)
    np.testing.assert_allclose(keypoints_into_boxes(back, boxes(), 96), keypoints_px)


def test_boxes_of_a_batch_are_those_of_each():
    keypoints_px, _ = poses()
    for function in (keypoints_into_boxes, keypoints_out_of_boxes):
        together_px = function(keypoints_px, boxes(), 64)
        for person in range(4):
            alone_px = function(keypoints_px[person], boxes()[person], 64)
            np.testing.assert_array_equal(together_px[person], alone_px)


def test_arguments_are_left_alone():
    keypoints_px, labelled = poses()
    sizes_px, boxes_px = np.full((4, 2), 100), boxes()
    for array in (keypoints_px, labelled, sizes_px, boxes_px):
        array.flags.writeable = False
    mirrored_px, mirrored = mirror_keypoints(
        keypoints_px, labelled, sizes_px[:, 0], mirror=LSP.mirror
    )
    resized_px = resize_keypoints(keypoints_px, sizes_px, sizes_px)
    into_px = keypoints_into_boxes(keypoints_px, boxes_px, 96)
    out_px = keypoints_out_of_boxes(keypoints_px, boxes_px, 96)
    for result in (mirrored_px, mirrored, resized_px, into_px, out_px):
        assert not any(np.shares_memory(result, given) for given in (keypoints_px, labelled))
