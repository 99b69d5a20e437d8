"""The fused kernel gives the outputs, gradients and moving statistics of Keras' own layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from posekit.fused_batchnorm import fused_batch_norm


def one_training_step(shape, inputs, cotangent):
    layer = keras.layers.BatchNormalization()
    layer.build((None, *shape))
    rng = np.random.default_rng(1)
    layer.gamma.assign(rng.uniform(0.5, 2, shape[-1]))
    layer.beta.assign(rng.normal(size=shape[-1]))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
        target = tf.reduce_sum(outputs * cotangent)
    gradients = tape.gradient(target, [inputs, layer.gamma.value, layer.beta.value])
    statistics = [layer.moving_mean.numpy(), layer.moving_variance.numpy()]
    return [outputs.numpy(), *[gradient.numpy() for gradient in gradients], *statistics]


@pytest.mark.parametrize("shape", [(6, 5, 8), (8,)], ids=["convolution", "dense"])
def test_same_outputs_gradients_and_moving_statistics(shape):
    rng = np.random.default_rng(0)
    inputs = tf.constant(rng.normal(3, 2, (16, *shape)), tf.float32)
    cotangent = tf.constant(rng.normal(size=(16, *shape)), tf.float32)
    plain = one_training_step(shape, inputs, cotangent)
    with fused_batch_norm():
        fused = one_training_step(shape, inputs, cotangent)
    for ours, keras_own in zip(fused, plain, strict=True):
        np.testing.assert_allclose(ours, keras_own, rtol=2e-4, atol=2e-4)
    # The moving variance moved at all: an untouched 1.0 would equal an untouched 1.0.
    assert np.abs(plain[-1] - 1).min() > 1e-3


def test_the_patch_ends_with_the_block():
    before = keras.layers.BatchNormalization.call
    with pytest.raises(RuntimeError, match="inside"), fused_batch_norm():
        assert keras.layers.BatchNormalization.call is not before
        raise RuntimeError("inside")
    assert keras.layers.BatchNormalization.call is before
