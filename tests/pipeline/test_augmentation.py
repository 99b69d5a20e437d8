"""Crop matrices by hand, and what each strength draws, and that it draws nothing else."""

import numpy as np
import pytest

from posekit.errors import PosekitError
from posekit.pipeline import augmentation
from posekit.pipeline.augmentation import Augmentation, crop_matrices

COUNT = 4000
CANVAS_PX, BOX_PX, FRAME_PX = 100, 60.0, 32


def draws(*, seed=0, **strengths):
    return Augmentation(**strengths).sample(
        np.random.default_rng(seed), COUNT, canvas_px=CANVAS_PX, box_px=BOX_PX, frame_px=FRAME_PX
    )


def shown(matrices, frame_px):
    """Where points (x, y) of the frame are on the canvas: (N, 2)."""
    return matrices[:, :, :2] @ np.asarray(frame_px, float) + matrices[:, :, 2]


def geometry_of(drawn):
    """Side on the canvas, angle in degrees, stretch and centre of each drawn crop."""
    linear = drawn["matrices"][:, :, :2].astype(float)
    side_px = np.sqrt(np.linalg.det(linear)) * FRAME_PX
    degrees = np.rad2deg(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]))
    stretch = np.linalg.norm(linear[:, :, 0], axis=1) * FRAME_PX / side_px
    middle_px = (FRAME_PX - 1) / 2
    return side_px, degrees, stretch, shown(drawn["matrices"], (middle_px, middle_px))


def assert_share(chosen, share):
    """Five standard deviations of COUNT tosses of a coin."""
    assert abs(chosen.mean() - share) < 5 * np.sqrt(share * (1 - share) / COUNT)


def test_an_upright_crop_by_hand():
    # A frame of 4 px shows 8 px of the canvas around (10, 20): its edges are at 6 and 14.
    (matrix,) = crop_matrices(np.array([[10.0, 20.0]]), np.array([8.0]), 4)
    np.testing.assert_allclose(matrix, [[2, 0, 7], [0, 2, 17]])
    np.testing.assert_allclose(shown(matrix[None], (-0.5, -0.5)), [[6, 16]])
    np.testing.assert_allclose(shown(matrix[None], (3.5, 3.5)), [[14, 24]])


def test_a_quarter_turn_by_hand():
    # From x towards y: the frame's right is the canvas' down, its down the canvas' left.
    matrices = crop_matrices(np.array([[10.0, 20.0]]), np.array([8.0]), 4, radians=np.pi / 2)
    np.testing.assert_allclose(shown(matrices, (1.5, 1.5)), [[10, 20]])
    np.testing.assert_allclose(shown(matrices, (2.5, 1.5)), [[10, 22]])
    np.testing.assert_allclose(shown(matrices, (1.5, 2.5)), [[8, 20]])
    np.testing.assert_allclose(shown(matrices, (0, 0)), [[13, 17]])


def test_a_stretch_by_hand():
    (matrix,) = crop_matrices(np.array([[10.0, 20.0]]), np.array([8.0]), 4, stretch=2.0)
    np.testing.assert_allclose(matrix[:, :2], [[4, 0], [0, 1]])
    np.testing.assert_allclose(shown(matrix[None], (1.5, 1.5)), [[10, 20]])


def test_neither_turn_nor_stretch_changes_the_area_or_moves_the_centre():
    rng = np.random.default_rng(0)
    centre_px, side_px = rng.uniform(0, 90, (50, 2)), rng.uniform(5, 80, 50)
    matrices = crop_matrices(
        centre_px,
        side_px,
        24,
        radians=rng.uniform(-np.pi, np.pi, 50),
        stretch=rng.uniform(0.5, 2, 50),
    )
    np.testing.assert_allclose(np.linalg.det(matrices[:, :, :2]), (side_px / 24) ** 2)
    np.testing.assert_allclose(shown(matrices, (11.5, 11.5)), centre_px)


def test_none_draws_the_box_itself():
    drawn = draws()
    middle_px = (CANVAS_PX - 1) / 2
    plain = crop_matrices(np.full((COUNT, 2), middle_px), np.full(COUNT, BOX_PX), FRAME_PX)
    np.testing.assert_allclose(drawn["matrices"], plain, rtol=1e-6)
    for name in ("gain", "contrast", "saturation"):
        assert (drawn[name] == 1).all()
    assert (drawn["brightness"] == 0).all() and (drawn["blur"] == 0).all()
    left, top, right, bottom = drawn["rectangles_px"].T
    assert (left == right).all() and (top == bottom).all()
    assert augmentation.by_name("none") == Augmentation()


def test_the_seed_alone_decides():
    turned = augmentation.by_name("turned")
    options = {"canvas_px": CANVAS_PX, "box_px": BOX_PX, "frame_px": FRAME_PX}
    first, again, other = (
        turned.sample(np.random.default_rng(seed), 6, **options) for seed in (3, 3, 4)
    )
    shapes = {name: values.shape for name, values in first.items()}
    assert shapes == {
        "matrices": (6, 2, 3),
        "gain": (6, 3),
        "contrast": (6,),
        "saturation": (6,),
        "brightness": (6,),
        "blur": (6,),
        "rectangles_px": (6, 4),
    }
    for name, values in first.items():
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, again[name])
    assert (first["matrices"] != other["matrices"]).any(axis=(1, 2)).all()


def test_rotation_alone_turns():
    side_px, degrees, stretch, centre_px = geometry_of(draws(rotation_degrees=20.0))
    # Five standard errors of a mean and of a standard deviation.
    assert abs(degrees.mean()) < 5 * 20 / np.sqrt(COUNT)
    assert abs(degrees.std() - 20) < 5 * 20 / np.sqrt(2 * COUNT)
    np.testing.assert_allclose(side_px, BOX_PX, rtol=1e-5)
    np.testing.assert_allclose(stretch, 1, rtol=1e-5)
    np.testing.assert_allclose(centre_px, (CANVAS_PX - 1) / 2, rtol=1e-5)


def test_the_chosen_share_is_turned_by_any_angle():
    _, degrees, _, _ = geometry_of(draws(any_rotation=0.25))
    assert_share(np.abs(degrees) > 1e-3, 0.25)
    turned = degrees[np.abs(degrees) > 1e-3]
    for low in range(-180, 180, 90):
        quarter = ((turned >= low) & (turned < low + 90)).mean()
        assert abs(quarter - 0.25) < 5 * np.sqrt(0.25 * 0.75 / len(turned))


def test_scale_is_even_in_the_logarithm():
    side_px, degrees, _, _ = geometry_of(draws(scale=1.5))
    octave = np.log(side_px / BOX_PX) / np.log(1.5)
    assert -1 - 1e-5 <= octave.min() < -0.99 and 0.99 < octave.max() <= 1 + 1e-5
    assert_share(octave > 0, 0.5)
    assert_share(octave > 0.5, 0.25)
    np.testing.assert_allclose(degrees, 0, atol=1e-4)


def test_aspect_stretches_and_keeps_the_area():
    side_px, _, stretch, _ = geometry_of(draws(aspect=0.1))
    assert abs(np.log(stretch).std() - 0.1) < 5 * 0.1 / np.sqrt(2 * COUNT)
    np.testing.assert_allclose(side_px, BOX_PX, rtol=1e-5)


def test_shift_moves_the_centre_by_a_share_of_the_crops_own_side():
    side_px, _, _, centre_px = geometry_of(draws(shift=0.1, scale=2.0))
    moved = (centre_px - (CANVAS_PX - 1) / 2) / side_px[:, None]
    assert 0.099 < np.abs(moved).max() <= 0.1 + 1e-5
    assert_share(moved[:, 0] > 0, 0.5)
    assert abs(np.corrcoef(moved.T)[0, 1]) < 5 / np.sqrt(COUNT)


def test_light_stays_within_its_strength():
    drawn = draws(light=0.4)
    for name in ("contrast", "saturation"):
        assert 0.6 <= drawn[name].min() < 0.62 and 1.38 < drawn[name].max() <= 1.4
    assert 31 < np.abs(drawn["brightness"]).max() <= 32
    assert 0.6 * 0.8 <= drawn["gain"].min() and drawn["gain"].max() <= 1.4 * 1.2 + 1e-6
    # The channels of one picture share most of their gain.
    tint = drawn["gain"][:, 0] / drawn["gain"][:, 1]
    assert (tint != 1).all() and 0.8 / 1.2 - 1e-6 <= tint.min() and tint.max() <= 1.5 + 1e-6


def test_blur_takes_its_share():
    drawn = draws(blur=0.3)
    assert_share(drawn["blur"] > 0, 0.3)
    assert drawn["blur"].max() <= 1


def test_erased_rectangles_take_their_share_and_lie_around_the_frame():
    left, top, right, bottom = draws(erase=0.6)["rectangles_px"].T
    covered = right > left
    assert_share(covered, 0.6)
    np.testing.assert_array_equal(covered, bottom > top)
    for low, high in ((left, right), (top, bottom)):
        size = (high - low)[covered] / FRAME_PX
        assert 0.1 - 1e-5 <= size.min() and size.max() <= 0.35 + 1e-5
        middle_px = (low + high) / 2
        assert 0 <= middle_px.min() and middle_px.max() <= FRAME_PX


@pytest.mark.parametrize("strength", ["light", "blur", "erase"])
def test_what_changes_colours_moves_nothing(strength):
    drawn, plain = draws(**{strength: 0.5}), draws()
    np.testing.assert_array_equal(drawn["matrices"], plain["matrices"])


def test_an_unknown_augmentation_is_refused():
    with pytest.raises(PosekitError, match="'none', 'turned'; got 'wild'"):
        augmentation.by_name("wild")


def test_a_mirrored_map_shows_what_mirroring_would_show():
    matrices = augmentation.crop_matrices(
        np.array([[40.0, 30.0], [20.0, 50.0]]), np.array([60.0, 30.0]), 24, radians=0.4, stretch=1.1
    )
    mirrored = augmentation.mirrored_matrices(matrices, np.array([True, False]), 24)
    np.testing.assert_array_equal(mirrored[1], matrices[1])
    for x, y in [(0, 0), (23, 5), (7.5, 20)]:
        np.testing.assert_allclose(mirrored[0] @ [x, y, 1], matrices[0] @ [23 - x, y, 1])
