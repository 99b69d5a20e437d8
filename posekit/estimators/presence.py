"""From a network's maps to the chance that somebody is in the picture.

A network that was trained on people alone answers whatever it is shown, but where nobody is, its
maps are flat and its looks disagree.
"""

import sys
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from posekit.errors import PosekitError, raise_problems

# Share of people that the default threshold finds.
FOUND_SHARE = 0.97

# Keeps logarithms finite.
_LEAST = 1e-4

# Of the joints, sorted by certainty: a person cut off at the waist has a few sure ones.
_FEW = 5

FEATURES = ("mean", "least", "most", "spread", "disagreement")


@dataclass(frozen=True, eq=False)
class Presence:
    """A logistic regression, and the chance from which on somebody is there."""

    weights: np.ndarray  # float (F,), one for each of FEATURES
    offset: float
    threshold: float  # in [0, 1]

    def chance(self, features):
        """Features (N, F) of `features` to chances (N,) in [0, 1]."""
        return expit(features @ self.weights + self.offset)


def features(looks, maps, peak_mass):
    """What tells people from backgrounds.

    Args:
        looks: list of float (N, h, w, K), the maps of single looks in one frame.
        maps: float (N, h, w, K), their mean.
        peak_mass: float (N, K) in [0, 1], of `decoding.find_peaks` for `maps`.

    Returns:
        float64 (N, F): the log-odds of the mass, as a mean over all joints, over the `_FEW` least
        sure and the `_FEW` surest ones; the maps' entropy; and how much of it is due to looks that
        disagree (their Jensen-Shannon divergence), each a mean over joints, in nats.
    """
    odds = np.sort(logit(np.clip(peak_mass, _LEAST, 1 - _LEAST)), axis=1)
    entropy = _entropy(maps)
    disagreement = entropy - sum(map(_entropy, looks)) / len(looks)
    columns = (odds, odds[:, :_FEW], odds[:, -_FEW:], entropy, disagreement)
    return np.stack([column.mean(axis=1) for column in columns], axis=1)


def _entropy(maps):
    """Of maps (N, h, w, K) whose sums may be less than 1, float64 (N, K)."""
    shares = maps / np.maximum(maps.sum(axis=(1, 2), keepdims=True), _LEAST)
    return -(shares * np.log(np.maximum(shares, 1e-12))).sum(axis=(1, 2))


def fit(people, backgrounds):
    """The Presence that tells features (N, F) of people from those (M, F) of backgrounds best.

    Both count alike, however many there are, so that 0.5 is where either is as likely. The
    threshold finds `FOUND_SHARE` of the people.

    Source: logistic regression with a unit normal prior on the weights of standardised features.
    """
    problems = [
        f"`{name}` must have shape (N > 1, {len(FEATURES)}); got {np.shape(values)}."
        for name, values in (("people", people), ("backgrounds", backgrounds))
        if np.ndim(values) != 2 or np.shape(values)[1] != len(FEATURES) or len(values) < 2
    ]
    raise_problems("presence.fit()", problems)
    both = np.concatenate([people, backgrounds])
    mean, deviation = both.mean(axis=0), np.maximum(both.std(axis=0), _LEAST)
    standard = (both - mean) / deviation
    present = np.repeat([1.0, 0.0], [len(people), len(backgrounds)])
    weight = np.repeat(
        [len(both) / 2 / len(people), len(both) / 2 / len(backgrounds)],
        [len(people), len(backgrounds)],
    )

    def cost(parameters):
        slopes, odds = parameters[1:], standard @ parameters[1:] + parameters[0]
        error = weight * (expit(odds) - present)
        likelihood = (weight * (present * odds - np.logaddexp(0, odds))).sum()
        gradient = np.concatenate([[error.sum()], error @ standard + slopes])
        return (slopes**2).sum() / 2 - likelihood, gradient

    found = minimize(cost, np.zeros(1 + both.shape[1]), jac=True, method="L-BFGS-B").x
    weights = found[1:] / deviation
    fitted = Presence(weights, float(found[0] - mean @ weights), 0.0)
    threshold = np.quantile(fitted.chance(people), 1 - FOUND_SHARE)
    return Presence(fitted.weights, fitted.offset, float(threshold))


def to_json(presence):
    """A Presence as plain numbers."""
    weights = dict(zip(FEATURES, presence.weights.tolist(), strict=True))
    return {"weights": weights, "offset": presence.offset, "threshold": presence.threshold}


def from_json(stored):
    """A Presence from the output of `to_json`; anything else raises PosekitError."""
    weights = stored.get("weights") if isinstance(stored, dict) else None
    numbers = [weights.get(name) for name in FEATURES] if isinstance(weights, dict) else [None]
    numbers += [stored.get("offset"), stored.get("threshold")] if weights else []
    known = all(
        type(number) in (int, float) and abs(number) <= sys.float_info.max for number in numbers
    )
    if not known or not 0 <= numbers[-1] <= 1:
        raise PosekitError(
            f"presence: must hold finite `weights` of {', '.join(FEATURES)}, a finite `offset` and "
            f"a `threshold` in [0, 1]; got {stored!r}."
        )
    return Presence(np.array(numbers[:-2], float), float(numbers[-2]), float(numbers[-1]))
