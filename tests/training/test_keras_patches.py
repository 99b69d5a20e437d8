"""The patches of Keras: same results, in force in their block alone, for one version."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from posekit.errors import PosekitError
from posekit.training import keras_patches
from posekit.training.keras_patches import fused_kernels


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
    with fused_kernels():
        fused = one_training_step(shape, inputs, cotangent)
    for ours, keras_own in zip(fused, plain, strict=True):
        np.testing.assert_allclose(ours, keras_own, rtol=2e-4, atol=2e-4)
    # The moving variance moved at all: an untouched 1.0 would equal an untouched 1.0.
    assert np.abs(plain[-1] - 1).min() > 1e-3


def after_steps(optimizer, *, dtype="float32"):
    """Two variables and the optimizer's own after five steps along drawn gradients."""
    rng = np.random.default_rng(2)
    variables = [
        keras.Variable(rng.normal(size=shape), dtype=dtype) for shape in ((7, 33), (5,))
    ]
    optimizer.build(variables)
    traced = tf.function(lambda *gradients: optimizer.apply(list(gradients)))
    for _ in range(5):
        traced(*[tf.constant(rng.normal(size=each.shape), dtype) for each in variables])
    return [keras.ops.convert_to_numpy(each) for each in (*variables, *optimizer.variables)]


OPTIMIZERS = {
    "Adam": lambda: keras.optimizers.Adam(0.01),
    "Adam, all settings": lambda: keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(0.02, 10),
        beta_1=0.8,
        beta_2=0.95,
        epsilon=1e-4,
        global_clipnorm=1.0,
    ),
    "AdamW with averaged weights": lambda: keras.optimizers.AdamW(
        0.01, weight_decay=0.1, use_ema=True, ema_momentum=0.7
    ),
    "AMSGrad, which has no fused kernel": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_same_weights_and_moments_after_steps(name):
    plain = after_steps(OPTIMIZERS[name]())
    with fused_kernels():
        fused = after_steps(OPTIMIZERS[name]())
    assert len(fused) == len(plain)
    for ours, keras_own in zip(fused, plain, strict=True):
        np.testing.assert_allclose(ours, keras_own, rtol=1e-5, atol=1e-7)


def test_adams_fused_step_is_one_operation():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    gradients = [tf.ones(each.shape) for each in model.trainable_variables]
    with fused_kernels():
        graph = tf.function(lambda: optimizer.apply(gradients)).get_concrete_function().graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert kinds.count("ResourceApplyAdam") == 2 and "AssignSubVariableOp" not in kinds


def test_adam_worked_by_hand():
    variable = keras.Variable([1.0, 1.0])
    optimizer = keras.optimizers.Adam(0.1, epsilon=1e-12)
    optimizer.build([variable])
    with fused_kernels():
        optimizer.apply([tf.constant([3.0, -0.5])])
    # The first step is as long as the learning rate, whatever the gradient's size.
    np.testing.assert_allclose(variable.numpy(), [0.9, 1.1], rtol=1e-6)


def test_the_patches_end_with_the_block():
    patched = (keras.layers.BatchNormalization, "call"), (keras.optimizers.Adam, "update_step")
    before = [getattr(*each) for each in patched]
    with pytest.raises(RuntimeError, match="inside"), fused_kernels():
        assert all(getattr(*each) is not old for each, old in zip(patched, before, strict=True))
        raise RuntimeError("inside")
    assert [getattr(*each) for each in patched] == before


@pytest.mark.parametrize("patch", [keras_patches.fused_kernels, lambda: keras_patches.seeded(0)])
def test_another_version_of_keras_is_refused(monkeypatch, patch):
    with patch():
        pass
    monkeypatch.setattr(keras, "__version__", "3.16.0")
    with pytest.raises(PosekitError, match=r"must be 3\.15\.x.*; got 3\.16\.0"), patch():
        pass
