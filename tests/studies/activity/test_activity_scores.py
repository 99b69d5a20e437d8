import numpy as np
import pytest

from posekit.evaluation import bootstrap
from posekit.studies.activity import scores

# Two activities predicted for five pictures: correct, correct, wrong; wrong, correct.
TRUE = np.array([0, 0, 0, 1, 1])
PREDICTED = np.array([[0, 0, 1, 0, 1]])
CONFUSION = np.array([[2.0, 1.0], [1.0, 1.0]])


def test_a_confusion_by_hand():
    counted = scores.confusion_per_picture(TRUE, PREDICTED, 2)
    assert counted.shape == (1, 5, 2, 2)
    np.testing.assert_array_equal(counted.sum(axis=(0, 1)), CONFUSION)
    # A second network that is always right is on the diagonal.
    both = scores.confusion_per_picture(TRUE, np.stack([PREDICTED[0], TRUE]), 2).sum(axis=1)
    np.testing.assert_array_equal(both, [CONFUSION, [[3, 0], [0, 2]]])


def test_scores_by_hand():
    assert scores.accuracy(CONFUSION) == pytest.approx(3 / 5)
    # Precision and recall: 2/3 and 2/3, then 1/2 and 1/2.
    np.testing.assert_allclose(scores.f1(CONFUSION), [2 / 3, 1 / 2])
    assert scores.macro_f1(CONFUSION) == pytest.approx(7 / 12)


def test_f1_is_the_harmonic_mean_of_precision_and_recall():
    confusion = np.random.default_rng(0).integers(1, 20, (4, 4)).astype(float)
    right = np.diag(confusion)
    precision, recall = right / confusion.sum(axis=0), right / confusion.sum(axis=1)
    expected = 2 * precision * recall / (precision + recall)
    np.testing.assert_allclose(scores.f1(confusion), expected)


def test_an_activity_without_pictures_is_not_measured():
    # The third one is predicted once, wrongly, and never true.
    confusion = np.array([[1.0, 0, 1], [0, 2, 0], [0, 0, 0]])
    np.testing.assert_allclose(scores.f1(confusion), [2 / 3, 1, np.nan])
    assert scores.macro_f1(confusion) == pytest.approx(5 / 6)
    assert np.isnan(scores.accuracy(np.zeros((2, 2))))
    assert np.isnan(scores.macro_f1(np.zeros((2, 2))))


def test_never_predicted_is_zero():
    assert scores.f1(np.array([[0.0, 3], [0, 3]]))[0] == 0


def test_intervals_of_accuracy_are_those_of_a_ratio():
    rng = np.random.default_rng(1)
    true, predicted = rng.integers(3, size=40), rng.integers(3, size=(2, 40))
    groups = rng.integers(15, size=40)
    counted = scores.confusion_per_picture(true, predicted, 3).sum(axis=0)
    got = scores.interval(
        lambda sums: scores.accuracy(sums[:, 0]), [counted], groups, seed=5, resamples=200
    )
    right = (predicted == true).sum(axis=0)
    expected = bootstrap.ratio_interval(right, np.full(40, 2), groups, seed=5, resamples=200)
    np.testing.assert_allclose(got, expected)


def test_paired_intervals_see_the_same_pictures():
    # One network is right exactly where the other is: the difference never moves.
    (counted,) = scores.confusion_per_picture(TRUE, PREDICTED, 2)

    def difference(sums):
        return scores.macro_f1(sums[:, 0]) - scores.macro_f1(sums[:, 1])

    got = scores.interval(difference, [counted, counted], np.arange(5), seed=0, resamples=50)
    assert got == [0, 0]


# A network that is right in nine pictures of ten, and one that guesses.
CODES = np.arange(10) % 2
GOOD = np.full((10, 2), 0.2)
GOOD[np.arange(10), CODES] = 0.8
GOOD[0] = GOOD[0][::-1]
GUESS = np.full((10, 2), 0.5)


def test_powers_by_hand():
    np.testing.assert_allclose(
        scores.pooled([[[0.2, 0.8]], [[0.5, 0.5]]], [2, 3]), [[0.04 / 0.68, 0.64 / 0.68]]
    )


def test_the_best_power_makes_a_network_as_sure_as_it_is_right():
    # Right in 9 of 10: 0.8 ** w / (0.8 ** w + 0.2 ** w) = 0.9 has w = log 9 / log 4.
    good, guess = scores.powers(np.array([GOOD, GUESS]), CODES)
    assert good == pytest.approx(np.log(9) / np.log(4), rel=1e-3)
    assert guess >= 0
    pooled = scores.pooled(np.array([GOOD, GUESS]), [good, guess])
    np.testing.assert_allclose(pooled[1:, :].max(axis=1), 0.9, rtol=1e-3)


def test_a_network_that_is_always_wrong_has_no_say():
    good, wrong = scores.powers(np.array([GOOD, 1 - GOOD]), CODES)
    assert good > 0.5 and wrong == pytest.approx(0, abs=1e-2) or good - wrong > 0.5


def test_an_impossible_truth_stays_finite():
    sure = np.eye(2)[1 - CODES]
    powers = scores.powers(np.array([GOOD, sure]), CODES)
    assert np.isfinite(powers).all() and powers[1] < 0.1
    assert np.isfinite(scores.pooled([sure, sure], [1, 1])).all()
