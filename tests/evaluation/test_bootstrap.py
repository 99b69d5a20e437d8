"""Intervals against closed forms of the standard error, and what groups do to them."""

import numpy as np
import pytest

from posekit.errors import PosekitError
from posekit.evaluation.bootstrap import paired_difference_interval, ratio_interval


def width(interval):
    return interval[1] - interval[0]


def test_interval_of_a_mean_has_the_width_of_its_standard_error():
    values = np.random.default_rng(0).normal(5, 2, 2000)
    low, high = ratio_interval(
        values, np.ones(2000), np.arange(2000), seed=1, resamples=4000
    )
    standard_error = values.std() / np.sqrt(2000)
    assert low == pytest.approx(values.mean() - 1.96 * standard_error, abs=0.15 * standard_error)
    assert high == pytest.approx(values.mean() + 1.96 * standard_error, abs=0.15 * standard_error)


def test_interval_of_a_ratio_follows_the_linearised_variance():
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 15, 3000)
    hits = rng.binomial(counts, rng.uniform(0.2, 0.9, 3000))
    ratio = hits.sum() / counts.sum()
    standard_error = np.sqrt(((hits - ratio * counts) ** 2).sum()) / counts.sum()
    interval = ratio_interval(hits, counts, np.arange(3000), seed=2, resamples=4000)
    assert width(interval) == pytest.approx(2 * 1.96 * standard_error, rel=0.08)


def test_about_95_of_100_intervals_hold_the_truth():
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(300):
        hits = rng.random(80) < 0.3
        low, high = ratio_interval(hits, np.ones(80), np.arange(80), seed=0, resamples=200)
        covered += low <= 0.3 <= high
    # Binomial(300, 0.95) has a standard deviation of 3.8; small samples cover a little less.
    assert 270 <= covered <= 297


def test_copies_within_their_group_do_not_narrow_the_interval():
    rng = np.random.default_rng(3)
    hits, counts = rng.integers(0, 14, 200), np.full(200, 14)
    groups = np.array([f"photo {n}" for n in range(200)])
    once = ratio_interval(hits, counts, groups, seed=4)
    tiled_hits, tiled_counts = np.tile(hits, 4), np.tile(counts, 4)
    copied = ratio_interval(tiled_hits, tiled_counts, np.tile(groups, 4), seed=4)
    assert copied == pytest.approx(once, rel=1e-12)
    # Taken for independent images, four copies pretend to halve the uncertainty.
    pretended = ratio_interval(tiled_hits, tiled_counts, np.arange(800), seed=4)
    assert width(pretended) == pytest.approx(width(once) / 2, rel=0.15)


def test_a_single_group_leaves_no_uncertainty():
    low, high = ratio_interval([1, 2, 3], [2, 2, 2], ["a", "a", "a"], seed=0)
    assert low == high == 1.0


def test_columns_share_the_draws_and_match_single_calls():
    rng = np.random.default_rng(5)
    numerators, denominators = rng.random((50, 3)), rng.random((50, 3)) + 1
    low, high = ratio_interval(numerators, denominators, np.arange(50), seed=6)
    assert low.shape == high.shape == (3,)
    for m in range(3):
        alone = ratio_interval(numerators[:, m], denominators[:, m], np.arange(50), seed=6)
        assert (low[m], high[m]) == pytest.approx(alone, rel=1e-12)


def test_the_seed_decides():
    values = np.random.default_rng(7).random(100)
    arguments = (values, np.ones(100), np.arange(100))
    assert ratio_interval(*arguments, seed=8) == ratio_interval(*arguments, seed=8)
    assert ratio_interval(*arguments, seed=8) != ratio_interval(*arguments, seed=9)


def test_uncounted_images_and_columns():
    low, high = ratio_interval([[0.0, 3.0], [0.0, 0.0]], [[0, 1], [0, 0]], [0, 1], seed=0)
    # Column 0 counts nothing. In column 1 a resample is 3 or, without image 0, left out.
    np.testing.assert_array_equal(low, [np.nan, 3])
    np.testing.assert_array_equal(high, [np.nan, 3])


def test_paired_interval_cancels_what_both_models_share():
    rng = np.random.default_rng(11)
    difficulty = rng.normal(0, 10, 400)
    a = 50 + difficulty + rng.normal(0.5, 1, 400)
    b = 50 + difficulty + rng.normal(0.0, 1, 400)
    counts, groups = np.ones(400), np.arange(400)
    low, high = paired_difference_interval(a, b, counts, groups, seed=12)
    # The standard error of the mean difference is sqrt(2) / sqrt(400).
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(2 / 400), rel=0.15)
    assert 0 < low < (a - b).mean() < high
    assert width(ratio_interval(a, counts, groups, seed=12)) > 5 * (high - low)
    swapped = paired_difference_interval(b, a, counts, groups, seed=12)
    assert swapped == pytest.approx((-high, -low))


def test_a_model_does_not_differ_from_itself():
    a = np.random.default_rng(13).random(30)
    assert paired_difference_interval(a, a, np.ones(30), np.arange(30), seed=0) == (0.0, 0.0)


def test_arguments_are_not_written_to():
    rng = np.random.default_rng(14)
    arguments = [rng.random(20), rng.random(20), rng.integers(0, 5, 20)]
    before = [argument.copy() for argument in arguments]
    ratio_interval(*arguments, seed=0)
    for argument, copy in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(argument, copy)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"numerators": []}, r"at least one image.*; got \(0,\), \(3,\) and \(3,\)"),
        ({"denominators": [1, 1]}, r"must have shape .*; got \(3,\), \(2,\) and"),
        ({"groups": [0, 1]}, r"`groups` \(N,\); got \(3,\), \(3,\) and \(2,\)"),
        ({"numerators": [1, np.inf, 1]}, "`numerators` must be finite.* got inf and 1"),
        ({"denominators": [1, -2, 1]}, "`denominators` finite and >= 0; got 1.0 and -2.0"),
    ],
)
def test_errors_name_what_was_received(changed, message):
    arguments = {"numerators": [1, 1, 1], "denominators": [1, 1, 1], "groups": [0, 1, 2]}
    with pytest.raises(PosekitError, match=message):
        ratio_interval(**(arguments | {"seed": 0} | changed))


def test_paired_models_need_the_same_images():
    with pytest.raises(PosekitError, match=r"`numerators_b` must have .* \(3,\); got \(2,\)"):
        paired_difference_interval([1, 1, 1], [1, 1], [1, 1, 1], [0, 1, 2], seed=0)
