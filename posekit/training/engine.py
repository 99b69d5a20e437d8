"""How the TensorFlow engine is started: seeds, determinism and one kernel work-around."""

import ctypes
import sys


def use_global_futex_hash():
    """Opt this process out of Linux 6.16's per-process futex hash; do nothing elsewhere.

    On kernel 6.18 TensorFlow's CPU training was seen to stall for tens of seconds, all threads
    asleep in a futex wait, and less often without the per-process hash. It is no cure: one cause
    is tf.data's tuner, which `batches` turns off. An older kernel refuses the call, harmlessly.

    Source: prctl(2), PR_FUTEX_HASH (78), whose SET_SLOTS (1) of 0 slots selects the global hash.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(78, 1, 0, 0, 0)


def start(seed, *, deterministic=False):
    """Prepare the process for training or prediction; call it once, before the first model.

    `seed`, int >= 0, seeds Python, NumPy and TensorFlow. `deterministic` is one thread and
    deterministic kernels: the same weights in every run, several times slower.
    """
    use_global_futex_hash()
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.experimental.enable_op_determinism()
