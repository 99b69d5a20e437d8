"""Each head by hand: what it reads off a peak, what its losses cost, and where they are least."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from posekit import geometry
from posekit.errors import PosekitError
from posekit.models import heads, names

FRAME_PX = 48
HEIGHT, WIDTH = 12, 16  # of maps, unequal so that x and y cannot be exchanged
PAIRS = [(name, loss) for name, head in heads.HEADS.items() for loss in head.losses]


def gaussian_logits(centres_px, place_px, spread_px=3.0):
    return -((centres_px - place_px) ** 2) / (2 * spread_px**2)


def output_at(name, places_px, *, frame_px=FRAME_PX):
    """An output of a head that says, for (N, K, 2) places, that the joints are there."""
    count, joints, _ = places_px.shape
    if name == "coordinates":
        return places_px.reshape(count, 2 * joints).astype(np.float32)
    centres_px = geometry.cell_centres(HEIGHT, WIDTH, frame_px)[None, :, None]  # (1, C, 1, 2)
    logits = gaussian_logits(centres_px, places_px[:, None]).sum(axis=-1)  # (N, C, K)
    return logits.reshape(count, HEIGHT, WIDTH, joints).astype(np.float32)


def loss_function(name, loss, frame_px=FRAME_PX):
    head = heads.by_name(name)
    return lambda targets, output: head.loss(targets, output, frame_px, loss)


def loss_of(name, loss, targets, output, *, frame_px=FRAME_PX):
    targets, output = tf.constant(targets, tf.float32), tf.constant(output)
    return float(loss_function(name, loss, frame_px)(targets, output))


def at(places_px, weights=1.0):
    """Targets (N, K, 3) at places (N, K, 2)."""
    weights = np.broadcast_to(weights, places_px.shape[:2])[..., None]
    return np.concatenate([places_px, weights], axis=-1).astype(np.float32)


def some_places(count=3, joints=4):
    return np.random.default_rng(0).uniform(12, FRAME_PX - 13, (count, joints, 2))


def test_an_unknown_head_is_refused():
    with pytest.raises(PosekitError, match="'coordinates', 'soft_argmax'; got 'argmax'"):
        heads.by_name("argmax")


def test_the_settings_name_every_head_and_users_are_told_how_to_read_it():
    assert list(heads.HEADS) == list(names.HEADS)
    assert all(len(head.reading) > 20 and head.losses for head in heads.HEADS.values())


def test_cell_centres_by_hand():
    # Two rows of four cells in 8 px: cells are 2 px wide and 4 px high.
    got = geometry.cell_centres(2, 4, 8)
    np.testing.assert_allclose(got[:4], [[0.5, 1.5], [2.5, 1.5], [4.5, 1.5], [6.5, 1.5]])
    np.testing.assert_allclose(got[4:], [[0.5, 5.5], [2.5, 5.5], [4.5, 5.5], [6.5, 5.5]])


def test_a_log_map_is_the_logarithm_of_a_distribution():
    logits = np.random.default_rng(0).normal(0, 3, (2, HEIGHT, WIDTH, 3)).astype(np.float32)
    got = heads.log_map(logits).numpy()
    assert got.shape == (2, HEIGHT * WIDTH, 3)
    np.testing.assert_allclose(np.exp(got).sum(axis=1), 1, rtol=1e-5)
    # Differences of logits are differences of log-probabilities.
    np.testing.assert_allclose(
        got[:, 1:] - got[:, :1], (logits.reshape(2, -1, 3)[:, 1:] - logits[:, :1, 0]), atol=1e-4
    )


@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 5), (11, 15)])
def test_a_map_with_one_hot_cell_is_read_as_that_cells_centre(row, column):
    logits = np.zeros((1, HEIGHT, WIDTH, 2), np.float32)
    logits[0, row, column, 0] = 100
    logits[0, 1, 3, 1] = 100
    # Cells are 3 px wide and 4 px high.
    by_hand = [[column * 3 + 1, row * 4 + 1.5, 3 * 3 + 1, 1 * 4 + 1.5]]
    got = heads.by_name("soft_argmax").coordinates(logits, FRAME_PX)
    np.testing.assert_allclose(got, by_hand, rtol=1e-5)


def test_who_knows_nothing_says_the_middle():
    flat = np.full((2, HEIGHT, WIDTH, 3), 7.0, np.float32)
    got = heads.by_name("soft_argmax").coordinates(flat, FRAME_PX)
    np.testing.assert_allclose(got, np.full((2, 6), (FRAME_PX - 1) / 2), rtol=1e-5)


@pytest.mark.parametrize("name", heads.HEADS)
def test_coordinates_are_x_and_y_of_one_joint_after_the_other(name):
    places_px = some_places()
    got = heads.by_name(name).coordinates(output_at(name, places_px), FRAME_PX)
    assert got.shape == (3, 8)
    keypoints_px = heads.by_name(name).keypoints_px(output_at(name, places_px), FRAME_PX)
    np.testing.assert_array_equal(keypoints_px, np.asarray(got, float).reshape(3, 4, 2))
    assert keypoints_px.dtype == float
    # The Gaussians are cut off at the frame.
    np.testing.assert_allclose(got, places_px.reshape(3, 8), atol=0.05)


@pytest.mark.parametrize(
    ("loss", "by_hand"),
    [
        # Errors of 3, 4, 20 and 0 px in a frame of 100 are 0.3, 0.4, 2 and 0 after scaling.
        ("l1", (0.3 + 0.4 + 2 + 0) / 4),
        ("mse", (0.09 + 0.16 + 4 + 0) / 4),
    ],
)
def test_lengths_by_hand(loss, by_hand):
    truth_px = np.array([[[10, 20], [30, 40], [50, 60]]])
    output = np.array([[13, 24, 10, 40, -500, 900]], np.float32)
    targets = at(truth_px, [1, 1, 0])
    assert loss_of("coordinates", loss, targets, output, frame_px=100) == pytest.approx(by_hand)


def test_cross_entropy_of_uniform_logits_is_the_logarithm_of_the_number_of_places():
    places_px = some_places()
    maps = np.zeros((3, HEIGHT, WIDTH, 4), np.float32)
    # Beside the map's shape, its mean is trained: here the middle.
    length = np.abs(places_px - (FRAME_PX - 1) / 2).mean() / FRAME_PX * 10
    assert loss_of("soft_argmax", "cross_entropy", at(places_px), maps) == pytest.approx(
        np.log(HEIGHT * WIDTH) + length, rel=1e-5
    )


@pytest.mark.parametrize(("name", "loss"), PAIRS)
def test_each_loss_is_least_at_the_truth(name, loss):
    truth_px = np.array([[[22.0, 25.5]]])  # a cell's centre
    there = loss_of(name, loss, at(truth_px), output_at(name, truth_px))
    for step_px in (1.0, 3.0, 9.0):
        for direction in ([1, 0], [-1, 0], [0, 1], [0, -1]):
            moved = output_at(name, truth_px + step_px * np.array(direction))
            assert loss_of(name, loss, at(truth_px), moved) > there + 1e-4


@pytest.mark.parametrize(("name", "loss"), PAIRS)
def test_the_gradient_is_that_of_finite_differences(name, loss):
    truth_px = some_places(1, 1)
    output = output_at(name, truth_px + [2.3, -3.1])
    variable = tf.Variable(output)
    with tf.GradientTape() as tape:
        value = loss_function(name, loss)(at(truth_px), variable)
    gradient = tape.gradient(value, variable).numpy()
    direction = np.random.default_rng(1).normal(size=output.shape).astype(np.float32)
    ahead, behind = (
        loss_of(name, loss, at(truth_px), output + step * direction) for step in (0.01, -0.01)
    )
    assert (ahead - behind) / 0.02 == pytest.approx((gradient * direction).sum(), rel=0.02)
    assert np.abs(gradient).max() > 0


@pytest.mark.parametrize("junk", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize(("name", "loss"), PAIRS)
def test_junk_under_weight_zero_changes_neither_loss_nor_gradient(name, loss, junk):
    places_px = some_places()
    output = output_at(name, places_px + 2)
    weights = np.ones((3, 4))
    weights[0, 1] = weights[2] = 0
    results = []
    for filling in (0.0, junk):
        targets = at(np.where(weights[..., None] > 0, places_px, filling), weights)
        variable = tf.Variable(output)
        with tf.GradientTape() as tape:
            value = loss_function(name, loss)(targets, variable)
        results.append((value.numpy(), tape.gradient(value, variable).numpy()))
    (plain, plain_gradient), (value, gradient) = results
    assert value == plain > 0
    np.testing.assert_array_equal(gradient, plain_gradient)
    assert np.isfinite(gradient).all() and (gradient[0] != 0).any() and not gradient[2].any()


@pytest.mark.parametrize(("name", "loss"), PAIRS)
def test_the_mean_is_over_the_joints_that_count(name, loss):
    places_px = some_places()
    output = output_at(name, places_px + 2)
    # Only the first person's joints count: as if the others were not in the batch.
    targets = at(places_px, np.array([[1], [0], [0]]))
    alone = loss_of(name, loss, at(places_px)[:1], output[:1])
    assert loss_of(name, loss, targets, output) == pytest.approx(alone, rel=1e-5)
    assert loss_of(name, loss, at(places_px, 0), output) == 0


@pytest.mark.parametrize(("name", "loss"), PAIRS)
def test_a_loss_does_not_change_with_the_resolution(name, loss):
    truth_px, said_px = some_places(), some_places() + [3, -2]
    targets = at(truth_px)
    double = at((truth_px + 0.5) * 2 - 0.5)
    # A map has no unit; coordinates have.
    output = output_at(name, said_px)
    said = output if name == "soft_argmax" else output_at(name, (said_px + 0.5) * 2 - 0.5)
    assert loss_of(name, loss, double, said, frame_px=2 * FRAME_PX) == pytest.approx(
        loss_of(name, loss, targets, output), rel=1e-4
    )


@pytest.mark.parametrize("name", heads.HEADS)
def test_outputs_are_float32_under_mixed_precision(name):
    head = heads.by_name(name)
    features = keras.Input((HEIGHT, WIDTH, 5))
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        network = keras.Model(features, head.output(features, 3, FRAME_PX))
    finally:
        keras.config.set_dtype_policy(policy)
    output = network(np.random.default_rng(0).normal(size=(2, HEIGHT, WIDTH, 5)))
    assert output.dtype == "float32"
    coordinates = head.coordinates(output, FRAME_PX)
    assert coordinates.shape == (2, 6) and np.isfinite(coordinates).all()
