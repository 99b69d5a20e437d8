"""Every patch of Keras' private parts: reproducible seeds, and faster kernels on TensorFlow.

Each patch is in force only inside its `with` block, so models and optimizers stay plain Keras
ones and their files load without posekit.
"""

import random
from contextlib import contextmanager

import keras
import tensorflow as tf
from keras.layers import BatchNormalization
from keras.optimizers import Adam
from keras.src.random import seed_generator

from posekit.errors import PosekitError

# What is patched is not part of Keras' public interface: read it again before another version.
KERAS_VERSION = "3.15."

_plain_call = BatchNormalization.call
_plain_update_step = Adam.update_step


@contextmanager
def seeded(seed):
    """Within the block, new layers get the weights of this seed, whatever else the process draws.

    Keras draws the seed of each layer from one generator for the process, which other threads,
    such as those of a Dask worker, use as well. Inside the block it has one of its own.
    PosekitError: another version of Keras.
    """
    keras.utils.set_random_seed(seed)
    with _patched("seeded()", (seed_generator, "python_random", random.Random(seed))):
        yield


@contextmanager
def fused_kernels():
    """Within the block, BatchNormalization and Adam train with TensorFlow's fused kernels.

    Keras computes moments, normalisation and Adam's update as separate operations, each with its
    own pass over memory, which doubles the poster network's training step on a CPU. The results
    are the same. What the kernels do not fit (masks, other axes or ranks, no scale or centre,
    inference; AMSGrad, sparse gradients) runs as Keras wrote it. Use it in one thread only: the
    classes themselves are patched. PosekitError: another version of Keras.
    """
    patches = (BatchNormalization, "call", _fused_call), (Adam, "update_step", _fused_update_step)
    with _patched("fused_kernels()", *patches):
        yield


@contextmanager
def _patched(caller, *patches):
    if not keras.__version__.startswith(KERAS_VERSION):
        raise PosekitError(
            f"{caller}: Keras must be {KERAS_VERSION}x, whose private parts are patched; got "
            f"{keras.__version__}. Install the version in requirements.txt."
        )
    before = [getattr(owner, name) for owner, name, _ in patches]
    for owner, name, value in patches:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for (owner, name, _), value in zip(patches, before, strict=True):
            setattr(owner, name, value)


def _fused_call(self, inputs, training=None, mask=None):
    last_axis = self.axis in (-1, len(inputs.shape) - 1)
    fusable = len(inputs.shape) in (2, 4) and last_axis and self.scale and self.center
    if not (training and self.trainable and mask is None and fusable):
        return _plain_call(self, inputs, training=training, mask=mask)
    pixels = inputs if len(inputs.shape) == 4 else inputs[:, None, None, :]  # (N, H, W, C)
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        pixels,
        scale=tf.convert_to_tensor(self.gamma),
        offset=tf.convert_to_tensor(self.beta),
        epsilon=self.epsilon,
        is_training=True,
    )
    # The kernel reports the unbiased variance; Keras averages the biased one.
    count = tf.cast(tf.reduce_prod(tf.shape(pixels)[:-1]), variance.dtype)
    variance = variance * (count - 1) / count
    self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1 - self.momentum))
    self.moving_variance.assign(
        self.moving_variance * self.momentum + variance * (1 - self.momentum)
    )
    return outputs if len(inputs.shape) == 4 else outputs[:, 0, 0, :]


def _fused_update_step(self, gradient, variable, learning_rate):
    if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
        _plain_update_step(self, gradient, variable, learning_rate)
        return
    index = self._get_variable_index(variable)
    # Keras hands over its own variable or the one of TensorFlow that it wraps.
    updated = variable if isinstance(variable, tf.Variable) else variable.value
    step = tf.cast(self.iterations + 1, updated.dtype)
    tf.raw_ops.ResourceApplyAdam(
        var=updated.handle,
        m=self._momentums[index].value.handle,
        v=self._velocities[index].value.handle,
        beta1_power=tf.pow(tf.cast(self.beta_1, updated.dtype), step),
        beta2_power=tf.pow(tf.cast(self.beta_2, updated.dtype), step),
        lr=tf.cast(learning_rate, updated.dtype),
        beta1=self.beta_1,
        beta2=self.beta_2,
        epsilon=self.epsilon,
        grad=tf.cast(gradient, updated.dtype),
    )
