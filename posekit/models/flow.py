"""A learned density of two-dimensional errors: the flow of residual log-likelihood estimation.

How labels miss a joint is neither Gaussian nor Laplacian. The flow learns what it is, for all
joints together, while a network trains, and is not needed afterwards. It is plain Keras layers and
operations, so any backend trains it and a file that holds it is read without posekit.

Source: RealNVP (Dinh et al., ICLR 2017) with the sizes of Li et al., "Human Pose Regression with
Residual Log-likelihood Estimation", ICCV 2021.
"""

import keras
import numpy as np
from keras import layers, ops

COUPLINGS = 6
HIDDEN_UNITS = 64


def residual_flow():
    """The logarithm of the learned density of an error.

    Every other coupling leaves x as it is, shifts y and divides it by a positive scale, both
    functions of x, or the other way round; what comes out has the density of a standard normal
    distribution. Before training it comes out as it went in.

    Returns:
        keras.Model named "residual_flow": (N, K, 2), errors in units of their own spread, ->
        (N, K, 1), natural logarithms. The density over the plane integrates to 1, whatever the
        weights.
    """
    error = keras.Input((None, 2), dtype="float32", name="error")
    parts = ops.split(error, 2, axis=-1)
    logarithms = []
    for step in range(COUPLINGS):
        changed = step % 2
        kept = parts[1 - changed]
        logarithm = layers.Activation("tanh", dtype="float32", name=f"scale{step}")(
            _function_of(kept, f"scale{step}")
        )
        shifted = parts[changed] - _function_of(kept, f"shift{step}")
        parts[changed] = shifted * ops.exp(-logarithm)
        logarithms.append(logarithm)
    normal = -0.5 * (ops.square(parts[0]) + ops.square(parts[1])) - float(np.log(2 * np.pi))
    return keras.Model(error, normal - sum(logarithms), name="residual_flow")


def _function_of(coordinate, name):
    values = coordinate
    for depth in (1, 2):
        values = layers.Dense(HIDDEN_UNITS, dtype="float32", name=f"{name}_dense{depth}")(values)
        values = layers.LeakyReLU(0.01, dtype="float32", name=f"{name}_relu{depth}")(values)
    return layers.Dense(
        1, kernel_initializer="zeros", dtype="float32", name=f"{name}_output"
    )(values)
