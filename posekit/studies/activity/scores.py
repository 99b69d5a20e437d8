"""Scores of activities recognised in pictures: accuracy, F1, confusion, and their intervals.

A confusion matrix counts pictures by (true activity, predicted activity). All scores follow from
it, so their intervals, and those of differences, come from resampled confusion matrices: whole
groups of near-duplicates are drawn, as for all intervals here (`bootstrap`).
"""

import numpy as np

from posekit.evaluation import bootstrap


def confusion_per_picture(true, predicted, count):
    """What each picture adds to the confusion matrix, float64 (N, count, count), rows the truth.

    `true`, int (N,), lies in 0..count - 1. The activities that S networks predicted, int (S, N),
    are summed.
    """
    counted = np.zeros((len(true), count, count))
    for each in predicted:
        counted[np.arange(len(true)), true, each] += 1
    return counted


def accuracy(confusion):
    """Share of pictures whose activity was predicted correctly, float (...); NaN without any."""
    return _ratio(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum(axis=(-2, -1)))


def f1(confusion):
    """Harmonic mean of precision and recall, float (..., C); NaN for activities without pictures.

    Source: van Rijsbergen, "Information Retrieval", 1979, chapter 7, with equal weights: twice
    the correct pictures over the sum of the true and the predicted ones.
    """
    correct = np.diagonal(confusion, axis1=-2, axis2=-1)  # (..., C)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    return np.where(true > 0, _ratio(2 * correct, true + predicted), np.nan)


def macro_f1(confusion):
    """Mean of `f1` over the activities that have pictures, float (...); each counts alike."""
    of_each = f1(confusion)
    measured = ~np.isnan(of_each)
    return _ratio(np.where(measured, of_each, 0).sum(axis=-1), measured.sum(axis=-1))


SCORES = {"accuracy": accuracy, "macro_f1": macro_f1}


def interval(statistic, counted, groups, *, seed, resamples):
    """95 % interval, [low, high], of a number that follows from confusions of the same pictures.

    Args:
        statistic: function of float (R, M, C, C), R resamples of M confusions, to float (R,).
        counted: list of M arrays of `confusion_per_picture`, of the same pictures in order.
        groups: int or str (N,), the group of each picture; whole groups are drawn.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile
    interval). A resample that measures nothing is left out.
    """
    stacked = np.stack(counted, axis=1)  # (N, M, C, C)
    sums = bootstrap.resampled_sums(
        stacked.reshape(len(stacked), -1), groups, seed=seed, resamples=resamples
    )
    values = statistic(sums.reshape(resamples, *stacked.shape[1:]))
    return np.nanpercentile(values, [2.5, 97.5]).tolist()


def _ratio(top, bottom):
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)
