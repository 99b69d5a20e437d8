"""Do two variants of a model differ by more than their seeds do?

Scores are float (R,), one per seed; an empty list or one that is not finite raises PosekitError.
"""

import numpy as np
from scipy import stats

from posekit.errors import PosekitError, raise_problems


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
    return _t_interval(_checked_scores("mean_interval()", "values", values), confidence=0.95)


def paired_difference(a, b, *, confidence=0.95):
    """Mean of a - b over seeds, with Student's t interval of the paired differences.

    Args:
        a, b: float (R,), one score per seed, finite, of two variants; same seeds in the same order.
        confidence: float in (0, 1).

    Returns:
        dict of mean_difference, interval ([low, high]; None for a single seed), confidence,
        differences (list of R) and decided: whether the interval excludes 0. A single seed
        never decides.

    Source: Student, "The Probable Error of a Mean", Biometrika 1908 (paired t interval).
    """
    caller = "paired_difference()"
    a, b = _checked_scores(caller, "a", a), _checked_scores(caller, "b", b)
    problems = []
    if a.shape != b.shape:
        problems.append(f"`b` must pair with `a`, {len(a)} scores; got {len(b)}.")
    if not 0 < confidence < 1:
        problems.append(f"`confidence` must lie in (0, 1); got {confidence}.")
    raise_problems(caller, problems)

    differences = a - b
    interval = _t_interval(differences, confidence)
    return {
        "mean_difference": float(differences.mean()),
        "interval": interval,
        "confidence": confidence,
        "differences": differences.tolist(),
        "decided": interval is not None and (interval[0] > 0 or interval[1] < 0),
    }


def _t_interval(values, confidence):
    if len(values) == 1:
        return None
    standard_error = values.std(ddof=1) / np.sqrt(len(values))
    quantile = stats.t.ppf((1 + confidence) / 2, df=len(values) - 1)
    mean, margin = float(values.mean()), float(quantile * standard_error)
    return [mean - margin, mean + margin]


def _checked_scores(caller, field, scores):
    scores = np.asarray(scores, float)
    if scores.ndim != 1 or scores.size == 0 or not np.isfinite(scores).all():
        raise PosekitError(
            f"{caller}: `{field}` must be a non-empty list of finite numbers, one per seed; "
            f"got {scores.tolist()}."
        )
    return scores
