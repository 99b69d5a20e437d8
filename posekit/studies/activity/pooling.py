"""Two networks as one: their probabilities multiplied, each to a power that training pictures set.

Source: Genest and Zidek, "Combining Probability Distributions", Statistical Science 1986
(logarithmic opinion pool).
"""

import numpy as np
from scipy import optimize, special

# What a network may call impossible: one sure mistake must not decide the weights.
LEAST_PROBABILITY = 1e-6


def weights(probabilities, codes):
    """The powers under which the truth is likeliest, float (B,), none below 0.

    Args:
        probabilities: float (B, N, C), of B networks that have not seen these N pictures.
        codes: int (N,), the true activities.
    """
    logs = _logs(probabilities)

    def loss(powers):
        pooled = special.log_softmax(np.tensordot(powers, logs, axes=1), axis=-1)  # (N, C)
        return -pooled[np.arange(len(codes)), codes].mean()

    start = np.full(len(logs), 1 / len(logs))
    return optimize.minimize(loss, start, bounds=[(0, None)] * len(logs)).x


def pooled(probabilities, powers):
    """Probabilities of the networks together, float (N, C), from those of each, (B, N, C)."""
    return special.softmax(np.tensordot(powers, _logs(probabilities), axes=1), axis=-1)


def _logs(probabilities):
    return np.log(np.maximum(probabilities, LEAST_PROBABILITY))
