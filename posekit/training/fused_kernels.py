"""Faster training on TensorFlow, with the same results: fused batch normalisation and Adam.

Keras 3 computes a batch's moments, the normalisation and Adam's update as separate TensorFlow
operations, each of which passes over memory anew: on a CPU that doubles the poster network's
training step. TensorFlow has kernels that do each at once. The patches are in force only inside a
`with` block, so models and optimizers stay plain Keras ones and their files load without posekit.
"""

from contextlib import contextmanager

import tensorflow as tf
from keras.layers import BatchNormalization
from keras.optimizers import Adam

_plain_call = BatchNormalization.call
_plain_update_step = Adam.update_step


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
    # Several devices hold several copies of a variable, each to be updated where it lies.
    one_device = not tf.distribute.has_strategy()
    if self.amsgrad or isinstance(gradient, tf.IndexedSlices) or not one_device:
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


@contextmanager
def fused_kernels():
    """Within the block, BatchNormalization layers and Adam train with TensorFlow's fused kernels.

    Layers and optimizers they do not fit (masked, other axes or ranks, no scale or centre,
    inference; AMSGrad, sparse gradients, several devices) run as Keras wrote them. Not for
    several threads at once: the classes themselves are patched.
    """
    BatchNormalization.call = _fused_call
    Adam.update_step = _fused_update_step
    try:
        yield
    finally:
        BatchNormalization.call = _plain_call
        Adam.update_step = _plain_update_step
