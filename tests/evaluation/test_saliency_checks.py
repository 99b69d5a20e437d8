import numpy as np
import pytest
from scipy.stats import spearmanr

from posekit.errors import PosekitError
from posekit.evaluation import saliency_checks


def grey(picture):
    return np.repeat(np.asarray(picture)[None, ..., None], 3, axis=-1)


def random_images(n, seed):
    return np.random.default_rng(seed).integers(0, 256, (n, 24, 32, 3), np.uint8)


def test_edges_of_a_ramp_are_its_slope():
    y, x = np.mgrid[:9, :11].astype(np.float32)
    got = saliency_checks.sobel_edges(grey(3 * x + 4 * y))
    np.testing.assert_allclose(got[0, 1:-1, 1:-1], 5, rtol=1e-5)  # hypot(3, 4)


def test_edges_of_a_step():
    step = np.zeros((6, 8), np.uint8)
    step[:, 4:] = 200
    # The step is spread over the two columns beside it.
    np.testing.assert_allclose(
        saliency_checks.sobel_edges(grey(step))[0], [[0, 0, 0, 100, 100, 0, 0, 0]] * 6, rtol=1e-5
    )


def test_grey_weighs_the_channels():
    image = np.zeros((1, 5, 5, 3), np.float32)
    image[..., 1] = np.arange(5)  # green only
    np.testing.assert_allclose(saliency_checks.sobel_edges(image)[0, 2, 2], 0.587, rtol=1e-5)


def test_an_edge_map_correlates_fully_with_itself():
    images = random_images(3, 0)
    maps = saliency_checks.sobel_edges(images)
    np.testing.assert_allclose(saliency_checks.correlation_with_edges(maps, images), 1, rtol=1e-6)
    np.testing.assert_allclose(
        saliency_checks.correlation_with_edges(9 - 2 * maps, images), -1, rtol=1e-6
    )


def test_edges_are_averaged_to_a_smaller_map():
    images = random_images(2, 1)
    means = saliency_checks.sobel_edges(images).reshape(2, 6, 4, 8, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(saliency_checks.correlation_with_edges(means, images), 1, rtol=1e-6)


def test_correlation_agrees_with_numpy():
    images, maps = random_images(1, 2), np.random.default_rng(2).random((1, 24, 32))
    expected = np.corrcoef(maps.ravel(), saliency_checks.sobel_edges(images).ravel())[0, 1]
    np.testing.assert_allclose(
        saliency_checks.correlation_with_edges(maps, images), [expected], rtol=1e-5
    )


def test_constant_maps_and_pictures_have_no_correlation():
    images = random_images(3, 3)
    images[1] = 0
    maps = np.random.default_rng(3).random((3, 12, 16))
    maps[0] = 0.1
    got = saliency_checks.correlation_with_edges(maps, images)
    np.testing.assert_array_equal(np.isnan(got), [True, True, False])


def test_no_pictures_no_correlations():
    got = saliency_checks.correlation_with_edges(np.zeros((0, 12, 16)), random_images(0, 0))
    assert got.shape == (0,)


def test_wrong_shapes_are_named():
    with pytest.raises(PosekitError, match=r"`images` must have shape .*; got \(24, 32, 3\)"):
        saliency_checks.sobel_edges(random_images(1, 0)[0])
    with pytest.raises(PosekitError, match=r"shape \(2, h, w\) .* got \(1, 12, 16\)"):
        saliency_checks.correlation_with_edges(np.zeros((1, 12, 16)), random_images(2, 0))
    with pytest.raises(PosekitError, match=r"no larger than `images`, \(24, 32\); got \(2, 48, 16\)"):
        saliency_checks.correlation_with_edges(np.zeros((2, 48, 16)), random_images(2, 0))


def test_arguments_are_left_alone():
    images, maps = random_images(2, 4), np.random.default_rng(4).random((2, 12, 16))
    kept = images.copy(), maps.copy()
    saliency_checks.correlation_with_edges(maps, images)
    np.testing.assert_array_equal(images, kept[0])
    np.testing.assert_array_equal(maps, kept[1])


def test_each_channel_has_its_own_correlation():
    images, maps = random_images(2, 4), np.random.default_rng(4).random((2, 12, 16, 3))
    each = [saliency_checks.correlation_with_edges(maps[..., c], images) for c in range(3)]
    got = saliency_checks.correlation_with_edges(maps, images)
    np.testing.assert_allclose(got, np.transpose(each))


def test_rank_correlation_agrees_with_scipy_and_ignores_scale():
    maps, others = np.random.default_rng(5).integers(0, 9, (2, 3, 6, 7)).astype(float)
    got = saliency_checks.rank_correlation(maps, others)
    expected = [
        spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(maps, others, strict=True)
    ]
    np.testing.assert_allclose(got, expected)
    np.testing.assert_allclose(saliency_checks.rank_correlation(maps, maps**3), 1)
    np.testing.assert_allclose(saliency_checks.rank_correlation(maps, -maps), -1)
    assert np.isnan(saliency_checks.rank_correlation(maps, np.ones_like(maps))).all()
    with pytest.raises(PosekitError, match=r"got \(3, 6, 7\) and \(2, 6, 7\)"):
        saliency_checks.rank_correlation(maps, others[:2])
