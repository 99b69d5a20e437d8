"""Do two variants of a model differ by more than their seeds do?

Scores are float (R,), one per seed; an empty list or one that is not finite raises PosekitError.
"""

import numpy as np
from scipy import stats

from posekit.errors import PosekitError


def seed_summary(values):
    """A score over seeds: its values, their mean, and the 95 % interval of the mean.

    The interval is [low, high], or None for a single seed.

    Source: Student, "The Probable Error of a Mean", Biometrika 1908.
    """
    values = _checked_scores("seed_summary()", "values", values)
    mean, interval = values.mean(), None
    if len(values) > 1:
        standard_error = values.std(ddof=1) / np.sqrt(len(values))
        margin = stats.t.ppf(0.975, df=len(values) - 1) * standard_error
        interval = [float(mean - margin), float(mean + margin)]
    return {"values": values.tolist(), "mean": float(mean), "interval": interval}


def paired_difference(a, b):
    """The differences a - b of two variants over the same seeds, in the same order.

    Returns a dict of differences (list of R), their mean_difference and interval as of
    `seed_summary`, and decided: whether the interval excludes 0. A single seed never decides.
    """
    caller = "paired_difference()"
    a, b = _checked_scores(caller, "a", a), _checked_scores(caller, "b", b)
    if a.shape != b.shape:
        raise PosekitError(f"{caller}: `b` must pair with `a`, {len(a)} scores; got {len(b)}.")
    differences, mean, interval = seed_summary(a - b).values()
    return {
        "mean_difference": mean,
        "interval": interval,
        "differences": differences,
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
