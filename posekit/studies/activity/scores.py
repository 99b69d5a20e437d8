"""Scores of activities recognised in pictures, their intervals, and two networks merged as one.

A confusion matrix counts pictures by (true activity, predicted activity). All scores follow from
it, so their intervals, and those of differences, come from resampled confusion matrices: whole
groups of near-duplicates are drawn, as for all intervals here (`bootstrap`).
"""

import numpy as np
from scipy import optimize, special

from posekit.evaluation import bootstrap

# What a network may call impossible: one sure mistake must not decide the weights.
LEAST_PROBABILITY = 1e-6


def confusion_per_picture(true, predicted, count):
    """What each picture adds to each network's confusion, float64 (S, N, count, count), rows true.

    `true`, int (N,), and what S networks predict, int (S, N), lie in 0..count - 1.
    """
    one_hot = np.eye(count)
    return one_hot[true][:, :, None] * one_hot[predicted][:, :, None, :]


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
        counted: list of M float (N, C, C), what each of the same pictures adds.
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


def powers(probabilities, codes):
    """The powers under which the true activities `codes`, int (N,), are likeliest, float (B,) >= 0.

    `probabilities`, float (B, N, C), are those of B networks that have not seen these N pictures.
    """
    logs = _logs(probabilities)

    def loss(each):
        pooled = special.log_softmax(np.tensordot(each, logs, axes=1), axis=-1)  # (N, C)
        return -pooled[np.arange(len(codes)), codes].mean()

    start = np.full(len(logs), 1 / len(logs))
    return optimize.minimize(loss, start, bounds=[(0, None)] * len(logs)).x


def pooled(probabilities, powers):
    """Probabilities of the networks together, float (N, C), from those of each, (B, N, C).

    They are multiplied, each to its power. Source: Genest and Zidek, "Combining Probability
    Distributions", Statistical Science 1986 (logarithmic opinion pool).
    """
    return special.softmax(np.tensordot(powers, _logs(probabilities), axes=1), axis=-1)


def _logs(probabilities):
    return np.log(np.maximum(probabilities, LEAST_PROBABILITY))
