import numpy as np
import pytest

from posekit.studies.activity import pooling

# A network that is right in nine pictures of ten, and one that guesses.
CODES = np.arange(10) % 2
GOOD = np.full((10, 2), 0.2)
GOOD[np.arange(10), CODES] = 0.8
GOOD[0] = GOOD[0][::-1]
GUESS = np.full((10, 2), 0.5)


def test_powers_by_hand():
    np.testing.assert_allclose(
        pooling.pooled([[[0.2, 0.8]], [[0.5, 0.5]]], [2, 3]), [[0.04 / 0.68, 0.64 / 0.68]]
    )


def test_the_best_power_makes_a_network_as_sure_as_it_is_right():
    # Right in 9 of 10: 0.8 ** w / (0.8 ** w + 0.2 ** w) = 0.9 has w = log 9 / log 4.
    good, guess = pooling.weights(np.array([GOOD, GUESS]), CODES)
    assert good == pytest.approx(np.log(9) / np.log(4), rel=1e-3)
    assert guess >= 0
    pooled = pooling.pooled(np.array([GOOD, GUESS]), [good, guess])
    np.testing.assert_allclose(pooled[1:, :].max(axis=1), 0.9, rtol=1e-3)


def test_a_network_that_is_always_wrong_has_no_say():
    good, wrong = pooling.weights(np.array([GOOD, 1 - GOOD]), CODES)
    assert good > 0.5 and wrong == pytest.approx(0, abs=1e-2) or good - wrong > 0.5


def test_an_impossible_truth_stays_finite():
    sure = np.eye(2)[1 - CODES]
    powers = pooling.weights(np.array([GOOD, sure]), CODES)
    assert np.isfinite(powers).all() and powers[1] < 0.1
    assert np.isfinite(pooling.pooled([sure, sure], [1, 1])).all()
