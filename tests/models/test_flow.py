"""The flow: a density whatever its weights, and one that learns what two distributions cannot."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from posekit.models.flow import residual_flow


def scrambled_flow(seed=0, size=0.15):
    flow = residual_flow()
    rng = np.random.default_rng(seed)
    for variable in flow.trainable_variables:
        variable.assign(rng.normal(0, size, variable.shape))
    return flow


def log_density(flow, errors):
    """(n,) for errors (n, 2)."""
    return flow(np.asarray(errors, np.float32)[None])[0, :, 0].numpy().astype(float)


def test_before_training_it_is_the_standard_normal_distribution():
    errors = np.array([[0, 0], [1, 2], [-3, 0.5]])
    by_hand = -(errors**2).sum(axis=1) / 2 - np.log(2 * np.pi)
    np.testing.assert_allclose(log_density(residual_flow(), errors), by_hand, rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_a_density_whatever_its_weights(seed):
    flow = scrambled_flow(seed)
    side, reach = 0.1, 15
    centres = np.arange(-reach + side / 2, reach, side)
    errors = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
    found = log_density(flow, errors)
    assert np.exp(found).sum() * side**2 == pytest.approx(1, abs=0.005)
    # Not the one that it began with.
    assert np.abs(found - log_density(residual_flow(), errors)).max() > 0.5


def test_it_learns_what_neither_a_normal_nor_a_laplace_distribution_can_say():
    # Left and right exchanged: errors lie around two places.
    rng = np.random.default_rng(0)
    errors = rng.normal(0, 0.3, (4_000, 2)) + np.where(rng.random((4_000, 1)) < 0.5, -2, 2)
    errors = errors.astype(np.float32)
    size = np.abs(errors).mean(axis=0)
    laplace = (np.abs(errors) / size + np.log(2 * size)).sum(axis=1).mean()
    normal = (np.log(2 * np.pi * np.linalg.det(np.cov(errors.T))) + 2) / 2
    keras.utils.set_random_seed(0)
    flow = residual_flow()
    optimizer = keras.optimizers.Adam(3e-3)

    @tf.function
    def step(batch):
        with tf.GradientTape() as tape:
            cost = -tf.reduce_mean(flow(batch[None]))
        gradients = tape.gradient(cost, flow.trainable_variables)
        optimizer.apply(gradients, flow.trainable_variables)
        return cost

    for _ in range(300):
        step(errors[rng.integers(0, 3_000, 256)])
    held_out = -log_density(flow, errors[3_000:]).mean()
    assert held_out < min(laplace, normal) - 0.5


def test_its_file_is_read_without_posekit_in_safe_mode(tmp_path):
    flow = scrambled_flow()
    flow.save(tmp_path / "flow.keras")
    again = keras.models.load_model(tmp_path / "flow.keras", safe_mode=True)
    errors = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_array_equal(log_density(again, errors), log_density(flow, errors))
