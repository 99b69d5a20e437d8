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
    assert counted.shape == (5, 2, 2)
    np.testing.assert_array_equal(counted.sum(axis=0), CONFUSION)
    # A second network that is always right adds to the diagonal.
    pooled = scores.confusion_per_picture(TRUE, np.stack([PREDICTED[0], TRUE]), 2).sum(axis=0)
    np.testing.assert_array_equal(pooled, CONFUSION + [[3, 0], [0, 2]])


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
    counted = scores.confusion_per_picture(true, predicted, 3)
    got = scores.interval(
        lambda sums: scores.accuracy(sums[:, 0]), [counted], groups, seed=5, resamples=200
    )
    right = (predicted == true).sum(axis=0)
    expected = bootstrap.ratio_interval(right, np.full(40, 2), groups, seed=5, resamples=200)
    np.testing.assert_allclose(got, expected)


def test_paired_intervals_see_the_same_pictures():
    # One network is right exactly where the other is: the difference never moves.
    counted = scores.confusion_per_picture(TRUE, PREDICTED, 2)

    def difference(sums):
        return scores.macro_f1(sums[:, 0]) - scores.macro_f1(sums[:, 1])

    got = scores.interval(difference, [counted, counted], np.arange(5), seed=0, resamples=50)
    assert got == [0, 0]
