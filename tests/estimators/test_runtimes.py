"""Compiled networks answer as Keras does."""

import os

import numpy as np
import pytest

from posekit.estimators import runtimes
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
        lambda: built("residual_slim", "simcc"),
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
