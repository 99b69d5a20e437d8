"""Seeds, determinism and the futex work-around."""

import ctypes
import random
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from posekit import engine

PR_FUTEX_HASH, PR_FUTEX_HASH_GET_SLOTS = 78, 2

TWO_TRAININGS = """
from posekit import engine
engine.start(5, deterministic=True)
import keras, numpy as np, tensorflow as tf

def weights():
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3),
                              keras.layers.Flatten(), keras.layers.Dense(2)])
    model.compile("adam", "mse")
    images = np.random.normal(size=(16, 8, 8, 3))
    for _ in range(3):
        model.train_on_batch(images, np.ones((16, 2)))
    return np.concatenate([weight.ravel() for weight in model.get_weights()])

assert (weights() == weights()).all()
assert tf.config.threading.get_intra_op_parallelism_threads() == 1
assert tf.config.threading.get_inter_op_parallelism_threads() == 1
try:
    tf.random.uniform([2])  # drawn from the global seed that `start` has set
    tf.image.adjust_contrast(np.zeros((2, 2, 3)), 0.5)
finally:
    print("deterministic" if tf.config.experimental.enable_op_determinism() is None else "")
"""


def draws():
    return random.random(), np.random.rand(), float(tf.random.uniform([]))


def test_start_seeds_every_source_of_chance():
    engine.start(3)
    first = draws()
    assert all(one != other for one, other in zip(first, draws(), strict=True))
    engine.start(3)
    assert draws() == first
    engine.start(4)
    assert all(one != other for one, other in zip(first, draws(), strict=True))
