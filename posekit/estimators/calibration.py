"""From the mass of a network's peaks to the chance that its joints are correct.

A confidence is calibrated when seven in ten joints of confidence 0.7 are correct. "Correct" is
meant as in PCK: within 0.2 torso lengths of the annotation.
"""

import sys
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from posekit.errors import PosekitError, raise_problems

# Keeps the logarithms finite.
_LEAST = 1e-4


@dataclass(frozen=True, eq=False)
class Calibration:
    """Logistic calibration: one slope, one offset for each joint."""

    slope: float  # >= 0, of the mass's log-odds
    offsets: np.ndarray  # float (K,), log-odds added for each joint

    def confidence(self, mass):
        """Masses (..., K) in [0, 1] to confidences (..., K) in (0, 1)."""
        return expit(self.slope * _log_odds(mass) + self.offsets)


def fit(mass, correct, counted):
    """The Calibration under which the observed hits are most likely.

    Args:
        mass: float (N, K) in [0, 1], of `decoding.find_peaks`.
        correct: bool (N, K), whether the joint was correct.
        counted: bool (N, K), True where that is known; at least once for each joint.

    Source: Platt, "Probabilistic Outputs for Support Vector Machines", 1999, with a unit normal
    prior on how far each joint's offset lies from the common one.
    """
    problems = []
    if not np.shape(mass) == np.shape(correct) == np.shape(counted):
        problems.append(
            "`mass`, `correct` and `counted` must have one shape (N, K); got "
            f"{np.shape(mass)}, {np.shape(correct)} and {np.shape(counted)}."
        )
    elif not np.any(counted, axis=0).all():
        joint = int(np.argmin(np.any(counted, axis=0)))
        problems.append(f"`counted` must count each joint somewhere; got none for joint {joint}.")
    raise_problems("calibration.fit()", problems)
    _check_shares("calibration.fit()", "mass", mass)

    odds, hits = _log_odds(mass), np.asarray(correct, float)

    def cost(parameters):
        slope, common, own = parameters[0], parameters[1], parameters[2:]
        total = slope * odds + common + own  # (N, K)
        likelihood = np.where(counted, hits * total - np.logaddexp(0, total), 0.0)
        error = np.where(counted, expit(total) - hits, 0.0)
        gradient = np.concatenate([[(error * odds).sum(), error.sum()], error.sum(axis=0) + own])
        return (own**2).sum() / 2 - likelihood.sum(), gradient

    start = np.concatenate([[1.0, 0.0], np.zeros(np.shape(mass)[1])])
    # A surer network must not be correct less often.
    bounds = [(0.0, None), *[(None, None)] * (len(start) - 1)]
    found = minimize(cost, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return Calibration(float(found[0]), found[1] + found[2:])


def from_json(stored):
    """A Calibration from the output of `to_json`; anything else raises PosekitError."""
    slope, offsets = (
        (stored.get("slope"), stored.get("offsets")) if isinstance(stored, dict) else (None, None)
    )
    if not (
        _is_finite_number(slope)
        and slope >= 0
        and isinstance(offsets, list)
        and all(map(_is_finite_number, offsets))
    ):
        raise PosekitError(
            "calibration: must hold a finite number `slope` >= 0 and a list `offsets` of finite "
            f"numbers; got {stored!r}."
        )
    return Calibration(float(slope), np.array(offsets, float))


def to_json(calibration):
    """A Calibration as plain numbers."""
    return {"slope": calibration.slope, "offsets": calibration.offsets.tolist()}


def reliability(confidence, correct, *, bins=10):
    """How often joints of about one confidence were correct.

    Args:
        confidence: float (M,) in [0, 1], of joints whose truth is known.
        correct: bool (M,).
        bins: int > 0, of equal width.

    Returns:
        dict: `edges` (bins + 1,); `count`, `mean_confidence`, `share_correct`, each a list
        (bins,), None where no joint falls; `expected_calibration_error`, the mean distance of
        the two over all joints, None where there is none.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3.
    """
    confidence, correct = np.asarray(confidence, float), np.asarray(correct, float)
    if confidence.ndim != 1 or confidence.shape != correct.shape:
        raise PosekitError(
            "reliability(): `confidence` and `correct` must have one shape (M,); got "
            f"{confidence.shape} and {correct.shape}."
        )
    _check_shares("reliability()", "confidence", confidence)
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.digitize(confidence, edges[1:-1])
    count = np.bincount(bin_of, minlength=bins)
    sums = [np.bincount(bin_of, weights, bins) for weights in (confidence, correct)]
    error = np.abs(sums[0] - sums[1]).sum()
    mean_confidence, share_correct = (
        [float(total / size) if size else None for total, size in zip(each, count, strict=True)]
        for each in sums
    )
    return {
        "edges": edges.tolist(),
        "count": count.tolist(),
        "mean_confidence": mean_confidence,
        "share_correct": share_correct,
        "expected_calibration_error": float(error / len(correct)) if len(correct) else None,
    }


def _check_shares(caller, name, values):
    wrong = np.argwhere(~((np.asarray(values) >= 0) & (np.asarray(values) <= 1)))
    if len(wrong):
        first = tuple(wrong[0].tolist())
        raise PosekitError(
            f"{caller}: `{name}` must be in [0, 1]; got {values[first]} at {list(first)}."
        )


def _is_finite_number(value):
    # A whole number may be too large for any float.
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _log_odds(mass):
    return logit(np.clip(mass, _LEAST, 1 - _LEAST))
