"""Seeds, determinism and the futex work-around."""

import ctypes
import random
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from posekit.training import engine

PR_FUTEX_HASH, PR_FUTEX_HASH_GET_SLOTS = 78, 2

DETERMINISTIC_START = """
from posekit.training import engine
engine.start(5, deterministic=True)
import tensorflow as tf

threading = tf.config.threading
threads = threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads()
assert threads == (1, 1), threads
tf.random.uniform([])  # The seed is set,
tf.random.set_seed(None)
try:
    tf.random.uniform([])  # and without one a deterministic TensorFlow refuses to draw.
except RuntimeError as error:
    print(error)
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


def test_a_deterministic_start_takes_one_thread_and_deterministic_kernels():
    answer = subprocess.run(
        [sys.executable, "-c", DETERMINISTIC_START], capture_output=True, text=True, timeout=120
    )
    assert answer.returncode == 0, answer.stderr
    assert "determinism is enabled" in answer.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="futexes are Linux's")
def test_the_process_uses_the_global_futex_hash():
    engine.use_global_futex_hash()
    slots = ctypes.CDLL(None).prctl(PR_FUTEX_HASH, PR_FUTEX_HASH_GET_SLOTS, 0, 0, 0)
    # 0 slots of its own; kernels before 6.16 know no such hash and answer -1.
    assert slots in (0, -1)
