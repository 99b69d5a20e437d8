"""Confidence intervals of ratio scores by resampling groups of images.

Near-duplicate photographs share a group: they are drawn or left out together, since copies are not
independent.
"""

import numpy as np

from posekit.errors import PosekitError

# Not 2.5 itself, whose last digit differs: intervals are compared with stored ones to the last.
TAIL_PERCENT = 50 * (1 - 0.95)
PERCENTS = (TAIL_PERCENT, 100 - TAIL_PERCENT)


def ratio_interval(numerators, denominators, groups, *, seed, resamples=1000):
    """95 % percentile bootstrap interval of sum(numerators) / sum(denominators).

    A resample draws as many groups as there are, with replacement, and sums before it divides.
    All columns see the same draws.

    Args:
        numerators: float (N,) or (N, M), one row per image, finite.
        denominators: float, shape of `numerators`, finite, >= 0.
        groups: int or str (N,), the group of each image.
        seed: int, every draw derives from it.
        resamples: int >= 1.

    Returns (low, high), floats, or (M,) arrays for M columns. NaN where every denominator is 0;
    a resample whose denominators are all 0 is left out.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13
    (percentile interval), applied to groups as the units that are drawn.
    """
    numerators, denominators = np.asarray(numerators, float), np.asarray(denominators, float)
    groups, shape = np.asarray(groups), numerators.shape
    fits = denominators.shape == shape and groups.shape == shape[:1] and len(shape) in (1, 2)
    if not fits or 0 in shape:
        raise PosekitError(
            "ratio_interval(): `numerators` and `denominators` must have shape (N,) or (N, M), of "
            f"at least one image, and `groups` (N,); got {shape}, {denominators.shape} and "
            f"{groups.shape}."
        )
    wrong = ~np.isfinite(numerators) | ~np.isfinite(denominators) | (denominators < 0)
    if wrong.any():
        raise PosekitError(
            "ratio_interval(): `numerators` must be finite, `denominators` finite and >= 0; got "
            f"{numerators[wrong][0]} and {denominators[wrong][0]}."
        )
    columns = [values.reshape(len(values), -1) for values in (numerators, denominators)]
    sums = resampled_sums(np.hstack(columns), groups, seed=seed, resamples=resamples)
    top, bottom = np.split(sums, 2, axis=1)  # each (resamples, M)
    ratios = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    ends = np.full((2, ratios.shape[1]), np.nan)
    for column, measured in enumerate(~np.isnan(ratios).T):
        if measured.any():
            ends[:, column] = np.percentile(ratios[measured, column], PERCENTS)
    return tuple(ends) if numerators.ndim == 2 else tuple(ends[:, 0].tolist())


def resampled_sums(columns, groups, *, seed, resamples):
    """What images add to M sums, columns (N, M), summed over each resample: (resamples, M).

    The draws are as for `ratio_interval`.
    """
    names, group_of_image = np.unique(groups, return_inverse=True)
    group_count = len(names)
    group_sums = np.stack(
        [np.bincount(group_of_image, weights=column) for column in columns.T], axis=1
    )  # (groups, M)

    rng = np.random.default_rng(seed)
    sums = np.empty((resamples, columns.shape[1]))
    for row in sums:
        drawn = rng.integers(group_count, size=group_count)
        row[:] = np.bincount(drawn, minlength=group_count) @ group_sums
    return sums


def paired_difference_interval(numerators_a, numerators_b, denominators, groups, **settings):
    """Interval of score a - score b for two models scored on the same images and labels.

    Both models share the denominators, so the difference is a ratio itself, and what makes an
    image easy or hard for both models cancels. An interval without 0 favours one model.

    `numerators_a` and `numerators_b` are float (N,) or (N, M), sums per image of each model. The
    other arguments, and the result, are as for `ratio_interval`.
    """
    numerators_a, numerators_b = np.asarray(numerators_a, float), np.asarray(numerators_b, float)
    if numerators_a.shape != numerators_b.shape:
        raise PosekitError(
            "paired_difference_interval(): `numerators_b` must have the shape of `numerators_a`, "
            f"{numerators_a.shape}; got {numerators_b.shape}. Score both models on the same images."
        )
    return ratio_interval(numerators_a - numerators_b, denominators, groups, **settings)
