"""The masked loss by hand, its gradient beside junk, and the metric over uneven batches."""

import numpy as np
import pytest
import tensorflow as tf

from posekit.models.losses import WeightedMSE, weighted_mse

# Two people of two joints. Only three joints count, with errors (3, 4), (0, 2) and (1, 0).
TARGETS = np.array(
    [[[10, 20, 1], [30, 40, 0]], [[50, 60, 1], [70, 80, 1]]],
    np.float32,
)
PREDICTIONS = np.array([[13, 24, -500, 900], [50, 62, 71, 80]], np.float32)
BY_HAND = (9 + 16 + 0 + 4 + 1 + 0) / 6


def test_loss_by_hand():
    assert float(weighted_mse(TARGETS, PREDICTIONS)) == pytest.approx(BY_HAND)


@pytest.mark.parametrize("junk", [np.nan, np.inf, -np.inf, 1e30])
def test_junk_under_weight_zero_leaves_value_and_gradient_alone(junk):
    targets = TARGETS.copy()
    targets[0, 1, :2] = junk
    predictions = tf.constant(PREDICTIONS)
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        loss = weighted_mse(targets, predictions)
    assert float(loss) == pytest.approx(BY_HAND)
    # d/dp of (p - t)^2 / 6 is (p - t) / 3 where counted and 0 elsewhere.
    np.testing.assert_allclose(
        tape.gradient(loss, predictions), np.array([[3, 4, 0, 0], [0, 2, 1, 0]]) / 3, rtol=1e-6
    )


def test_a_batch_where_nothing_counts_gives_zero_and_no_gradient():
    targets = np.full((2, 2, 3), np.nan, np.float32)
    targets[..., 2] = 0
    predictions = tf.constant(PREDICTIONS)
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        loss = weighted_mse(targets, predictions)
    assert float(loss) == 0
    np.testing.assert_array_equal(tape.gradient(loss, predictions), np.zeros((2, 4)))


def test_metric_reads_coordinates_off_other_outputs():
    # An output in tenths of pixels, x and y in its last axis.
    tenths = 10 * PREDICTIONS.reshape(2, 2, 2)
    metric = WeightedMSE(lambda output: output.reshape(-1, 4) / 10)
    metric.update_state(TARGETS, tenths)
    assert float(metric.result()) == pytest.approx(BY_HAND)
    metric.update_state(TARGETS[:1], tenths[:1])  # 30 / 6 becomes (30 + 25) / 8
    assert float(metric.result()) == pytest.approx(55 / 8)


def test_metric_pools_uneven_batches_and_starts_anew_after_a_reset():
    metric = WeightedMSE()
    metric.update_state(TARGETS[:1], PREDICTIONS[:1])  # one joint, mean 12.5
    metric.update_state(TARGETS[1:], PREDICTIONS[1:])  # two joints, mean 1.25
    assert float(metric.result()) == pytest.approx(BY_HAND)
    assert float(metric.result()) != pytest.approx((12.5 + 1.25) / 2)
    metric.reset_state()
    assert float(metric.result()) == 0
    metric.update_state(TARGETS[1:], PREDICTIONS[1:])
    assert float(metric.result()) == pytest.approx(1.25)
