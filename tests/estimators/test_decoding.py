"""Maps made by hand: the highest peak, its position within a cell, and the mass around it."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import softmax

from posekit.estimators import decoding
from posekit.geometry import cell_centres, mirror_keypoints, scale_boxes
from posekit.skeleton import INDEX, JOINT_COUNT, LSP, MIRROR

FRAME_PX = 96
HEIGHT, WIDTH = 12, 16  # unequal, so that x and y cannot be exchanged


def cell_centre(row, column):
    """Cells are 6 px wide and 8 px high."""
    return [column * 6 + 2.5, row * 8 + 3.5]


def peak(x_px, y_px, spread_px, *, height=HEIGHT, width=WIDTH):
    """A map (h, w) that is a Gaussian around a position; its sum is 1."""
    row, column = np.mgrid[:height, :width]
    x = (column + 0.5) * FRAME_PX / width - 0.5
    y = (row + 0.5) * FRAME_PX / height - 0.5
    values = np.exp(-((x - x_px) ** 2 + (y - y_px) ** 2) / (2 * spread_px**2))
    return values / values.sum()


def peak_of(one_map):
    keypoints_px, mass = decoding.find_peaks(one_map[None, ..., None], FRAME_PX)
    assert keypoints_px.shape == (1, 1, 2) and mass.shape == (1, 1)
    return keypoints_px[0, 0], mass[0, 0]


def random_maps(count=3):
    rng = np.random.default_rng(0)
    return decoding.softmax_maps(rng.normal(0, 3, (count, HEIGHT, WIDTH, JOINT_COUNT)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_is_scipys(dtype):
    logits = np.random.default_rng(0).normal(0, 400, (2, 3, 4, 5)).astype(dtype)
    np.testing.assert_allclose(
        decoding.softmax_maps(logits), softmax(logits.astype(float), axis=(1, 2)), rtol=1e-9
    )
    np.testing.assert_allclose(decoding.softmax_maps(logits).sum(axis=(1, 2)), 1)


def boxes_of(*box_px):
    return np.array([box_px], float)


def test_maps_of_another_box_by_hand():
    # Two cells seen cover the middle half of the wider square's two cells: half of each is empty.
    maps = np.array([[0.1, 0.2], [0.3, 0.4]])[None, ..., None]
    wider = decoding.shown_in(maps, boxes_of(1, 1, 2, 2), boxes_of(0, 0, 4, 4))
    np.testing.assert_allclose(wider, maps)
    # Of four cells in a row, the wider square's inner two hold two each.
    row = np.zeros((1, 4, 4, 1))
    row[0, 1, :, 0] = [0.1, 0.2, 0.3, 0.4]
    wider = decoding.shown_in(row, boxes_of(8, 8, 16, 16), boxes_of(0, 0, 32, 32))
    np.testing.assert_allclose(wider[0, 1, :, 0], [0, 0.3, 0.7, 0])
    # One cell to the right: the leftmost is lost.
    moved = decoding.shown_in(row, boxes_of(0, 0, 4, 4), boxes_of(1, 0, 4, 4))
    np.testing.assert_allclose(moved[0, 1, :, 0], [0.2, 0.3, 0.4, 0])


@pytest.mark.parametrize("factor", [1, 1.1, 1.3, 2.5])
def test_a_wider_box_keeps_the_mass_and_the_position(factor):
    maps, box_px = random_maps(), np.tile([10.0, 20, 96, 72], (3, 1))
    wider = decoding.shown_in(maps, box_px, scale_boxes(box_px, factor))
    assert wider.shape == maps.shape
    np.testing.assert_allclose(wider.sum(axis=(1, 2)), 1)
    # The mean position moves towards the centre by the factor, to within what a wider cell hides.
    centres_px = cell_centres(HEIGHT, WIDTH, FRAME_PX) - (FRAME_PX - 1) / 2
    before, after = (
        np.einsum("nck,cd->nkd", each.reshape(3, HEIGHT * WIDTH, -1), centres_px)
        for each in (maps, wider)
    )
    hidden_px = np.array([6, 8]) * (1 - 1 / factor) / 2
    assert (np.abs(after - before / factor) <= hidden_px + 1e-9).all()


def test_the_extent_of_sure_joints_is_that_of_their_cells_centres():
    maps = np.zeros((1, 24, 24, 3))
    for joint, (row, column) in enumerate([(6, 4), (12, 12), (20, 9)]):
        maps[0, row, column, joint] = 1
    low, high = decoding.extents(maps)
    np.testing.assert_allclose(low, [[4.5 / 24, 6.5 / 24]], atol=0.25 / 24)
    np.testing.assert_allclose(high, [[12.5 / 24, 20.5 / 24]], atol=0.25 / 24)


def test_the_extent_is_that_of_joints_drawn_from_the_maps():
    rng = np.random.default_rng(0)
    rows, columns, joints = 14, 10, 4
    maps = softmax(rng.normal(0, 1.5, (1, rows, columns, joints)), axis=(1, 2))
    low, high = decoding.extents(maps)
    smooth = gaussian_filter(
        maps, (0, decoding.SMOOTHING * rows, decoding.SMOOTHING * columns, 0), mode="constant"
    )
    chances = smooth**decoding.EXTENT_POWER
    chances /= chances.sum(axis=(1, 2), keepdims=True)
    drawn = np.stack(
        [
            rng.choice(rows * columns, 20_000, p=chances[0, :, :, joint].ravel())
            for joint in range(joints)
        ]
    )
    # Anywhere in its cell.
    x = (drawn % columns + rng.random(drawn.shape)) / columns
    y = (drawn // columns + rng.random(drawn.shape)) / rows
    np.testing.assert_allclose(low[0], [x.min(axis=0).mean(), y.min(axis=0).mean()], atol=0.01)
    np.testing.assert_allclose(high[0], [x.max(axis=0).mean(), y.max(axis=0).mean()], atol=0.01)


def test_the_extent_has_no_jump_where_two_peaks_change_places():
    def extent_of(share):
        maps = np.zeros((1, 24, 24, 2))
        maps[0, 12, 12, 0] = 1
        maps[0, 3, 3, 1], maps[0, 20, 20, 1] = share, 1 - share
        return np.concatenate(decoding.extents(maps))

    step = np.abs(extent_of(0.501) - extent_of(0.499)).max()
    assert 0 < step < 0.005


@pytest.mark.parametrize(("row", "column"), [(0, 0), (4, 11), (11, 15)])
def test_one_hot_cell_is_its_centre_with_all_the_mass(row, column):
    one_map = np.zeros((HEIGHT, WIDTH))
    one_map[row, column] = 1
    keypoint_px, mass = peak_of(one_map)
    np.testing.assert_allclose(keypoint_px, cell_centre(row, column))
    assert mass == 1


@pytest.mark.parametrize("share", [0.6, 0.4])
def test_of_two_peaks_the_higher_one_not_their_mean(share):
    left, right = peak(20.5, 51.5, 5), peak(74.5, 43.5, 5)  # on cells' centres
    keypoint_px, mass = peak_of(share * left + (1 - share) * right)
    expected_px = (20.5, 51.5) if share > 0.5 else (74.5, 43.5)
    np.testing.assert_allclose(keypoint_px, expected_px, atol=0.1)
    assert mass == pytest.approx(0.6 * peak_of(left if share > 0.5 else right)[1], rel=0.05)


def test_a_peak_beats_a_lone_cell_that_is_higher():
    # Cells of 4 px, of the size of those of the networks that ship.
    broad = peak(69.5, 61.5, 7, height=24, width=24)
    one_map = broad.copy()
    one_map[2, 2] = 1.2 * broad.max()
    np.testing.assert_allclose(peak_of(one_map)[0], (69.5, 61.5), atol=0.1)


def test_a_position_between_cells_is_found():
    positions_px = np.random.default_rng(0).uniform(20, 75, (50, 2))
    found = [peak_of(peak(x_px, y_px, 4)) for x_px, y_px in positions_px]
    error_px = np.linalg.norm([keypoint_px for keypoint_px, _ in found] - positions_px, axis=1)
    cells = np.floor((positions_px + 0.5) / [6, 8])
    from_centre_px = np.linalg.norm(cells * [6, 8] + [2.5, 3.5] - positions_px, axis=1)
    # The neighbourhood draws a position to its top cell's centre, by less than a third of the way.
    assert error_px.mean() < from_centre_px.mean() / 3 and error_px.max() < 1.5
    # The radius is 1.9 standard deviations, within which a Gaussian has 84 percent of its mass.
    assert np.mean([mass for _, mass in found]) == pytest.approx(0.84, abs=0.05)


def test_mass_tells_peaked_from_flat():
    sharp, blurred, flat = (
        peak_of(each)[1]
        for each in (peak(50, 50, 1.5), peak(50, 50, 8), np.full((12, 16), 1 / 192))
    )
    assert sharp > 0.99 > blurred > flat > 0
    # Of a flat map the disc's share: its radius is 0.08 of the frame, counted in whole cells.
    assert flat == pytest.approx(np.pi * 0.08**2, abs=0.012)


def test_joints_and_pictures_do_not_mix():
    maps = random_maps()
    keypoints_px, mass = decoding.find_peaks(maps, FRAME_PX)
    for picture in range(3):
        for joint in (0, 5, 13):
            alone_px, alone = peak_of(maps[picture, :, :, joint])
            np.testing.assert_allclose(keypoints_px[picture, joint], alone_px)
            assert mass[picture, joint] == pytest.approx(alone)


def test_the_frames_side_is_the_unit():
    maps = random_maps()
    small_px, small = decoding.find_peaks(maps, FRAME_PX)
    large_px, large = decoding.find_peaks(maps, 2 * FRAME_PX)
    np.testing.assert_allclose(large_px, (small_px + 0.5) * 2 - 0.5)
    np.testing.assert_allclose(large, small)


def test_mirror_twice_is_identity():
    maps = random_maps()
    once = decoding.mirror_maps(maps, MIRROR)
    assert not np.allclose(once, maps)
    np.testing.assert_array_equal(decoding.mirror_maps(once, MIRROR), maps)


def test_the_mirrored_left_wrist_is_the_right_wrist():
    maps = np.zeros((1, HEIGHT, WIDTH, JOINT_COUNT))
    maps[0, 3, 1, INDEX["left_wrist"]] = 1
    mirrored = decoding.mirror_maps(maps, MIRROR)
    assert np.argwhere(mirrored).tolist() == [[0, 3, WIDTH - 2, INDEX["right_wrist"]]]


def test_peaks_of_mirrored_maps_are_mirrored_peaks():
    maps = random_maps()
    keypoints_px, mass = decoding.find_peaks(maps, FRAME_PX)
    of_mirror_px, of_mirror = decoding.find_peaks(decoding.mirror_maps(maps, MIRROR), FRAME_PX)
    expected_px, _ = mirror_keypoints(
        keypoints_px, np.ones(mass.shape, bool), FRAME_PX, mirror=LSP.mirror
    )
    np.testing.assert_allclose(of_mirror_px, expected_px)
    np.testing.assert_allclose(of_mirror, mass[:, list(MIRROR)])


def test_arguments_are_left_alone():
    maps = random_maps()
    maps.flags.writeable = False
    assert not np.shares_memory(decoding.softmax_maps(maps), maps)
    assert decoding.find_peaks(maps, FRAME_PX)[0].shape == (3, JOINT_COUNT, 2)
