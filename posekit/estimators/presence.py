"""From a network's maps to the chance that somebody is in the picture.

A network that was trained on people alone answers whatever it is shown, but where nobody is, its
maps are flat and its looks disagree.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from posekit.errors import PosekitError
from posekit.estimators.calibration import LEAST, are_finite, log_odds, logistic

# Share of people that the default threshold finds.
FOUND_SHARE = 0.97

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
    odds = np.sort(log_odds(peak_mass), axis=1)
    entropy = _entropy(maps)
    disagreement = entropy - sum(map(_entropy, looks)) / len(looks)
    columns = (odds, odds[:, :_FEW], odds[:, -_FEW:], entropy, disagreement)
    return np.stack([column.mean(axis=1) for column in columns], axis=1)


def _entropy(maps):
    """Of maps (N, h, w, K) whose sums may be less than 1, float64 (N, K)."""
    shares = maps / np.maximum(maps.sum(axis=(1, 2), keepdims=True), LEAST)
    return -(shares * np.log(np.maximum(shares, 1e-12))).sum(axis=(1, 2))


def fit(people, backgrounds):
    """The Presence that tells features (N, F) of people from those (M, F) of backgrounds best.

    Both count alike, however many there are, so that 0.5 is where either is as likely. The
    threshold finds `FOUND_SHARE` of the people.

    Source: logistic regression with a unit normal prior on the weights of standardised features.
    """
    both = np.concatenate([people, backgrounds])
    mean, deviation = both.mean(axis=0), np.maximum(both.std(axis=0), LEAST)
    counts = [len(people), len(backgrounds)]
    found = logistic(
        np.column_stack([np.ones(len(both)), (both - mean) / deviation]),
        np.repeat([1.0, 0.0], counts),
        np.array([0.0, *np.ones(both.shape[1])]),
        weights=np.repeat([len(both) / 2 / count for count in counts], counts),
    )
    weights = found[1:] / deviation
    offset = float(found[0] - mean @ weights)
    threshold = np.quantile(expit(people @ weights + offset), 1 - FOUND_SHARE)
    return Presence(weights, offset, float(threshold))


def to_json(presence):
    """A Presence as plain numbers."""
    weights = dict(zip(FEATURES, presence.weights.tolist(), strict=True))
    return {"weights": weights, "offset": presence.offset, "threshold": presence.threshold}


def from_json(stored):
    """A Presence from the output of `to_json`; anything else raises PosekitError."""
    held = stored if isinstance(stored, dict) else {}
    weights = held.get("weights") if isinstance(held.get("weights"), dict) else {}
    numbers = [*map(weights.get, FEATURES), held.get("offset"), held.get("threshold")]
    if not are_finite(numbers) or not 0 <= numbers[-1] <= 1:
        raise PosekitError(
            f"presence: must hold finite `weights` of {', '.join(FEATURES)}, a finite `offset` and "
            f"a `threshold` in [0, 1]; got {stored!r}."
        )
    return Presence(np.array(numbers[:-2], float), float(numbers[-2]), float(numbers[-1]))
