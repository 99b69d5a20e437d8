import numpy as np
import pytest

from posekit.geometry import mirror_keypoints, resize_keypoints
from posekit.skeleton import INDEX


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
    keypoints_px[INDEX["left_wrist"]] = [0, 7]
    labelled = np.zeros(14, bool)
    labelled[INDEX["left_wrist"]] = True
    mirrored_px, mirrored = mirror_keypoints(keypoints_px, labelled, 10)
    # The first of ten pixels becomes the last.
    np.testing.assert_array_equal(mirrored_px[INDEX["right_wrist"]], [9, 7])
    assert np.flatnonzero(mirrored).tolist() == [INDEX["right_wrist"]]


def test_mirror_twice_is_identity():
    keypoints_px, labelled = poses()
    widths_px = np.array([100, 33, 640, 96])
    once_px, once = mirror_keypoints(keypoints_px, labelled, widths_px)
    assert not np.allclose(once_px, keypoints_px) and not np.array_equal(once, labelled)
    twice_px, twice = mirror_keypoints(once_px, once, widths_px)
    np.testing.assert_allclose(twice_px, keypoints_px)
    np.testing.assert_array_equal(twice, labelled)


def test_mirror_of_a_batch_is_the_mirror_of_each():
    keypoints_px, labelled = poses()
    widths_px = np.array([100, 33, 640, 96])
    together_px, together = mirror_keypoints(keypoints_px, labelled, widths_px)
    for index, width_px in enumerate(widths_px):
        alone_px, alone = mirror_keypoints(keypoints_px[index], labelled[index], width_px)
        np.testing.assert_array_equal(together_px[index], alone_px)
        np.testing.assert_array_equal(together[index], alone)


def test_mirror_and_resize_may_come_in_either_order():
    keypoints_px, labelled = poses()
    mirrored_px, _ = mirror_keypoints(keypoints_px, labelled, 120)
    mirrored_first_px = resize_keypoints(mirrored_px, (120, 80), (96, 96))
    resized_px = resize_keypoints(keypoints_px, (120, 80), (96, 96))
    mirrored_last_px, _ = mirror_keypoints(resized_px, labelled, 96)
    np.testing.assert_allclose(mirrored_first_px, mirrored_last_px)


def test_arguments_are_left_alone():
    keypoints_px, labelled = poses()
    sizes_px = np.full((4, 2), 100)
    for array in (keypoints_px, labelled, sizes_px):
        array.flags.writeable = False
    mirrored_px, mirrored = mirror_keypoints(keypoints_px, labelled, sizes_px[:, 0])
    resized_px = resize_keypoints(keypoints_px, sizes_px, sizes_px)
    for result in (mirrored_px, mirrored, resized_px):
        assert not any(np.shares_memory(result, given) for given in (keypoints_px, labelled))
