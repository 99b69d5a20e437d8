"""Do two variants of a model differ by more than their seeds do?

Scores are float (R,), one per seed; an empty list or one that is not finite raises PosekitError.
"""

import numpy as np
from scipy import stats

from posekit.errors import PosekitError

CONFIDENCE = 0.95


def seed_summary(values):
    """Count, mean, standard deviation, min and max of one score over seeds.

    The standard deviation has R - 1 in its denominator; it is None for a single seed.
    """
    values = _checked_scores("seed_summary()", "values", values)
    return {
        "count": len(values),
        "mean": float(values.mean()),
        "standard_deviation": float(values.std(ddof=1)) if len(values) > 1 else None,
        "min": float(values.min()),
        "max": float(values.max()),
    }


def mean_interval(values):
    """95 % interval, [low, high], of a score's mean over seeds; None for a single seed.

    Source: Student, "The Probable Error of a Mean", Biometrika 1908.
    """
    values = _checked_scores("mean_interval()", "values", values)
    if len(values) == 1:
        return None
    standard_error = values.std(ddof=1) / np.sqrt(len(values))
    margin = stats.t.ppf((1 + CONFIDENCE) / 2, df=len(values) - 1) * standard_error
    return [float(values.mean() - margin), float(values.mean() + margin)]


def paired_difference(a, b):
    """Mean of a - b over seeds, with Student's t interval of the paired differences.

    Args:
        a, b: float (R,), one score per seed, finite, of two variants; same seeds in the same order.

    Returns:
        dict of mean_difference, interval (`mean_interval` of the differences), differences (list
        of R) and decided: whether the interval excludes 0. A single seed never decides.
    """
    caller = "paired_difference()"
    a, b = _checked_scores(caller, "a", a), _checked_scores(caller, "b", b)
    if a.shape != b.shape:
        raise PosekitError(f"{caller}: `b` must pair with `a`, {len(a)} scores; got {len(b)}.")
    interval = mean_interval(a - b)
    return {
        "mean_difference": float((a - b).mean()),
        "interval": interval,
        "differences": (a - b).tolist(),
        "decided": all_decide([interval]),
    }


def all_decide(intervals):
    """Whether intervals, each [low, high] or None, all exclude 0 on the same side."""
    return None not in intervals and (
        all(low > 0 for low, _ in intervals) or all(high < 0 for _, high in intervals)
    )


def _checked_scores(caller, field, scores):
    scores = np.asarray(scores, float)
    if scores.ndim != 1 or scores.size == 0 or not np.isfinite(scores).all():
        raise PosekitError(
            f"{caller}: `{field}` must be a non-empty list of finite numbers, one per seed; "
            f"got {scores.tolist()}."
        )
    return scores
