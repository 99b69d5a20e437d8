"""From the mass of a network's peaks to the chance that its joints are correct.

A confidence is calibrated when seven in ten joints of confidence 0.7 are correct. "Correct" is
meant as in PCK: within 0.2 torso lengths of the annotation.
"""

import sys
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from posekit.errors import PosekitError

# Keeps logarithms finite.
LEAST = 1e-4


@dataclass(frozen=True, eq=False)
class Calibration:
    """Logistic calibration: one slope, one offset for each joint."""

    slope: float  # >= 0, of the mass's log-odds
    offsets: np.ndarray  # float (K,), log-odds added for each joint

    def confidence(self, mass):
        """Masses (..., K) in [0, 1] to confidences (..., K) in (0, 1)."""
        return expit(self.slope * log_odds(mass) + self.offsets)


def fit(mass, correct, counted):
    """The Calibration under which the observed hits are most likely.

    Args:
        mass: float (N, K) in [0, 1], of `decoding.find_peaks`.
        correct: bool (N, K), whether the joint was correct.
        counted: bool (N, K), True where that is known.

    Source: Platt, "Probabilistic Outputs for Support Vector Machines", 1999, with a unit normal
    prior on how far each joint's offset lies from the common one.
    """
    joints = np.eye(mass.shape[1])[np.nonzero(counted)[1]]
    columns = [log_odds(mass[counted]), np.ones(len(joints)), *joints.T]
    # A surer network must not be correct less often.
    bounds = [(0.0, None), *[(None, None)] * (len(columns) - 1)]
    prior = np.repeat([0.0, 1.0], [2, len(columns) - 2])
    found = logistic(np.stack(columns, axis=1), correct[counted], prior, bounds=bounds)
    return Calibration(float(found[0]), found[1] + found[2:])


def logistic(design, hits, prior, *, weights=1.0, bounds=None):
    """The most likely parameters (F,) of hits (M,), whose log-odds are design (M, F) times them.

    `prior` (F,) is 1 where a unit normal prior keeps a parameter small, 0 elsewhere; `weights`
    are those of the hits.
    """

    def cost(parameters):
        odds = design @ parameters
        loss = (weights * (np.logaddexp(0, odds) - hits * odds)).sum()
        gradient = (weights * (expit(odds) - hits)) @ design
        return loss + (prior * parameters**2).sum() / 2, gradient + prior * parameters

    start = np.zeros(design.shape[1])
    return minimize(cost, start, jac=True, bounds=bounds, method="L-BFGS-B").x


def log_odds(mass):
    """Of masses in [0, 1], finite."""
    return logit(np.clip(mass, LEAST, 1 - LEAST))


def from_json(stored):
    """A Calibration from the output of `to_json`; anything else raises PosekitError."""
    held = stored if isinstance(stored, dict) else {}
    slope, offsets = held.get("slope"), held.get("offsets")
    if not isinstance(offsets, list) or not are_finite([slope, *offsets]) or slope < 0:
        raise PosekitError(
            "calibration: must hold a finite number `slope` >= 0 and a list `offsets` of finite "
            f"numbers; got {stored!r}."
        )
    return Calibration(float(slope), np.array(offsets, float))


def are_finite(values):
    """Whether all of a list read from JSON are numbers that a float can hold."""
    return all(type(value) in (int, float) and abs(value) <= sys.float_info.max for value in values)


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
