"""Small trainings without TensorFlow's graphs, for tests of what becomes of a training."""

import warnings
from contextlib import contextmanager

import tensorflow as tf


@contextmanager
def eager_steps():
    """Within the block, training steps run as plain Python.

    Making the graphs of a small network takes longer than training it for an epoch. How trainings
    run in graphs is tested in tests/training.
    """
    tf.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="Even though the `tf.config.experimental_run_func"
            )
            yield
    finally:
        tf.config.run_functions_eagerly(False)
