"""Compiled networks answer as Keras does."""

import os

import keras
import numpy as np
import pytest
from keras import layers, ops

from posekit.errors import PosekitError
from posekit.estimators import loading, runtimes
from posekit.models import build
from posekit.models.poster import poster_network

FRAME_PX = 64


def poster():
    return poster_network(batch_norm=True, frame_px=FRAME_PX)


def built(name, head):
    network = build.network(
        name, head=head, frame_px=FRAME_PX, dropout=0.2, stochastic_depth=0.2, joints=14
    )
    # Fresh heads of lite0 answer almost nothing, and nothing is easily equal.
    rng = np.random.default_rng(1)
    for variable in network.trainable_variables[-2:]:
        variable.assign(rng.normal(0, 0.3, variable.shape))
    return network


@pytest.mark.parametrize(
    "make",
    [
        poster,
        lambda: built("residual_slim", "coordinates"),
        lambda: built("lite0_short", "soft_argmax"),
    ],
    ids=["poster", "residual_slim", "lite0_short"],
)
def test_answers_are_those_of_keras(make):
    network = make()
    compiled = runtimes.compiled(network)
    assert compiled.input_shape == network.input_shape
    # Batches of changing size, the first again at the end.
    for count, seed in ((2, 0), (1, 1), (5, 2), (2, 0)):
        rng = np.random.default_rng(seed)
        images = rng.uniform(0, 255, (count, FRAME_PX, FRAME_PX, 3)).astype(np.float32)
        expected = network.predict_on_batch(images)
        assert expected.std() > 1e-3
        np.testing.assert_allclose(
            compiled.predict_on_batch(images), expected, atol=2e-4 * np.abs(expected).max()
        )


def test_later_training_does_not_reach_it():
    network = poster()
    compiled = runtimes.compiled(network)
    images = np.full((1, FRAME_PX, FRAME_PX, 3), 100.0, np.float32)
    before = compiled.predict_on_batch(images)
    for variable in network.trainable_variables:
        variable.assign(variable + 0.1)
    np.testing.assert_array_equal(compiled.predict_on_batch(images), before)
    assert np.abs(network.predict_on_batch(images) - before).max() > 1


def test_making_a_network_fast_leaves_no_log(capfd):
    compiled = runtimes.compiled(poster())
    images = np.zeros((1, FRAME_PX, FRAME_PX, 3), np.float32)
    compiled.predict_on_batch(images)
    assert capfd.readouterr().err == ""


def test_what_fails_in_quiet_is_raised_and_later_messages_are_seen(capfd):
    with pytest.raises(ValueError, match="heard"), runtimes.quiet():
        os.write(2, b"unheard")
        raise ValueError("heard")
    os.write(2, b"seen")
    assert capfd.readouterr().err == "seen"


@keras.saving.register_keras_serializable("tests")
class Spectrum(layers.Layer):
    """LiteRT has no Fourier transform of this kind."""

    def call(self, inputs):
        real, imaginary = ops.fft((inputs, ops.zeros_like(inputs)))
        return real + imaginary


@keras.saving.register_keras_serializable("tests")
class InverseErf(layers.Layer):
    def call(self, inputs):
        return ops.erfinv(0.9 * ops.tanh(inputs))


def stranger(*inner):
    return keras.Sequential(
        [keras.Input((32, 32, 3)), layers.Conv2D(4, 3, strides=4), *inner, layers.Dense(28)]
    )


@pytest.mark.parametrize(
    "policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"]
)
def test_a_network_saved_in_any_precision_predicts_in_float32(tmp_path, capfd, policy):
    keras.config.set_dtype_policy(policy)
    try:
        network = stranger(layers.BatchNormalization(), layers.ReLU(), layers.Flatten())
    finally:
        keras.config.set_dtype_policy("float32")
    network.save(tmp_path / "other.keras")
    capfd.readouterr()
    (stage,) = loading.load(tmp_path / "other.keras").stages
    assert isinstance(stage.network, runtimes.LiteRtNetwork)
    assert capfd.readouterr().err == ""
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    expected = np.asarray(network.predict_on_batch(images), np.float32)
    found = stage.network.predict_on_batch(images)
    assert found.dtype == np.float32 and expected.std() > 1
    np.testing.assert_allclose(found, expected, atol=0.05 * expected.std())


@pytest.mark.parametrize("layer", [Spectrum(), InverseErf(), layers.LSTM(8, dtype="mixed_bfloat16")])
def test_an_operation_that_litert_lacks_is_left_to_keras_in_one_line(tmp_path, capfd, layer):
    shaping = [layers.Reshape((-1, 4))] if isinstance(layer, layers.LSTM) else []
    network = stranger(*shaping, layer, layers.Flatten())
    network.save(tmp_path / "other.keras")
    capfd.readouterr()
    (stage,) = loading.load(tmp_path / "other.keras").stages
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(
        stage.network.predict_on_batch(images), network.predict_on_batch(images), rtol=0.05, atol=1
    )
    (line,) = capfd.readouterr().err.splitlines()
    start = f"{tmp_path / 'other.keras'}: Keras runs it, slower than LiteRT, which cannot: it lacks tf."
    assert line.startswith(start) and len(line) < len(start) + 100


def test_what_is_no_pose_network_is_named_in_a_line(tmp_path):
    def refused(network, finding):
        network.save(tmp_path / "other.keras")
        with pytest.raises(PosekitError, match=finding) as caught:
            loading.load(tmp_path / "other.keras")
        assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)

    coco = keras.Sequential([keras.Input((32, 32, 3)), layers.Flatten(), layers.Dense(34)])
    refused(coco, r"got \(None, 34\)")
    grey = keras.Sequential([keras.Input((32, 32, 1)), layers.Flatten(), layers.Dense(28)])
    refused(grey, r"input must be square RGB .* got shape \(None, 32, 32, 1\)")
    image = keras.Input((32, 32, 3))
    flat = layers.Flatten()(image)
    both = {"pose": layers.Dense(28)(flat), "sure": layers.Dense(14)(flat)}
    refused(keras.Model(image, both), "output must have shape")
    other = keras.Input((4,))
    two = keras.Model([image, other], layers.Dense(28)(layers.Concatenate()([flat, other])))
    refused(two, "input must be square RGB")


def test_a_network_of_unknown_layers_is_named_in_a_line(tmp_path):
    class Secret(layers.Dense):
        pass

    stranger(layers.Flatten(), Secret(8)).save(tmp_path / "secret.keras")
    with pytest.raises(PosekitError, match="must be a Keras model file") as caught:
        loading.load(tmp_path / "secret.keras")
    assert len(str(caught.value)) < 500 and "\n" not in str(caught.value)
