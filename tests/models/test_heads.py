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
    if name == "spread":
        return np.concatenate([places_px, np.zeros_like(places_px)], axis=-1).astype(np.float32)
    if name == "soft_argmax":
        centres_px = geometry.cell_centres(HEIGHT, WIDTH, frame_px)[None, :, None]  # (1, C, 1, 2)
        logits = gaussian_logits(centres_px, places_px[:, None]).sum(axis=-1)  # (N, C, K)
        return logits.reshape(count, HEIGHT, WIDTH, joints).astype(np.float32)
    bins = heads.BINS_PER_PX * frame_px
    centres_px = (np.arange(bins) + 0.5) / heads.BINS_PER_PX - 0.5
    return gaussian_logits(centres_px, places_px[..., None]).astype(np.float32)


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
    known = "'coordinates', 'spread', 'soft_argmax', 'simcc'"
    with pytest.raises(PosekitError, match=f"{known}; got 'argmax'"):
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


def test_lines_with_one_hot_bin_are_read_as_those_bins_centres():
    logits = np.zeros((1, 2, 2, 2 * FRAME_PX), np.float32)
    for joint, axis, hot in [(0, 0, 0), (0, 1, 2 * FRAME_PX - 1), (1, 0, 20), (1, 1, 21)]:
        logits[0, joint, axis, hot] = 100
    # Two bins for each pixel: pixel 10 spans 9.5 to 10.5 and holds bins 20 and 21.
    got = heads.by_name("simcc").coordinates(logits, FRAME_PX)
    np.testing.assert_allclose(got, [[-0.25, FRAME_PX - 0.75, 9.75, 10.25]], rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("soft_argmax", (2, HEIGHT, WIDTH, 3)), ("simcc", (2, 3, 2, 2 * FRAME_PX))],
)
def test_who_knows_nothing_says_the_middle(name, shape):
    got = heads.by_name(name).coordinates(np.full(shape, 7.0, np.float32), FRAME_PX)
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
        ("smooth_l1", (0.045 + 0.08 + 1.5 + 0) / 4),
    ],
)
def test_lengths_by_hand(loss, by_hand):
    truth_px = np.array([[[10, 20], [30, 40], [50, 60]]])
    output = np.array([[13, 24, 10, 40, -500, 900]], np.float32)
    targets = at(truth_px, [1, 1, 0])
    assert loss_of("coordinates", loss, targets, output, frame_px=100) == pytest.approx(by_hand)


def test_a_doubted_place_costs_less_where_it_is_wrong_and_more_where_it_is_right():
    # Errors of 6 and 8 px in a frame of 100 are 0.6 and 0.8; spreads of 1 and 2 are logarithms
    # 0 and log 2. The density of a Laplace distribution of spread b is exp(-|x| / b) / (2 b).
    truth_px = np.array([[[40.0, 50.0]]])
    sure = np.array([[[46.0, 58.0, 0.0, 0.0]]], np.float32)
    doubting = np.array([[[46.0, 58.0, np.log(2), np.log(2)]]], np.float32)
    costs = [
        loss_of("spread", "laplace", at(truth_px), output, frame_px=100)
        for output in (sure, doubting)
    ]
    assert costs == pytest.approx([1.4 + 2 * np.log(2), 0.7 + 2 * np.log(4)])
    # The spread that a joint's errors ask for is their mean size.
    spread = tf.Variable([[[40.0, 57.0, np.log(0.7), np.log(0.7)]]])
    with tf.GradientTape() as tape:
        cost = loss_function("spread", "laplace", 100)(at(truth_px + [[[7.0, 0.0]]]), spread)
    np.testing.assert_allclose(tape.gradient(cost, spread)[0, 0, 2:], [0, 0], atol=1e-6)


def test_a_spread_cannot_run_away():
    truth_px = np.array([[[40.0, 50.0]]])
    bound = heads.SPREAD_BOUND
    for logarithm in (-bound - 1, -1e9, 1e9):
        output = np.array([[[40.0, 50.0, logarithm, logarithm]]], np.float32)
        expected = 2 * (np.sign(logarithm) * bound + np.log(2))
        assert loss_of("spread", "laplace", at(truth_px), output) == pytest.approx(expected)


def test_a_map_under_l1_costs_the_length_of_its_mean():
    truth_px = np.array([[[19.0, 25.5]]])
    logits = np.zeros((1, HEIGHT, WIDTH, 1), np.float32)
    logits[0, 4, 8] = 100  # centre (25, 17.5): 6 px to the right and 8 px too high
    expected = (6 + 8) / 2 / FRAME_PX * 10
    assert loss_of("soft_argmax", "l1", at(truth_px), logits) == pytest.approx(expected, rel=1e-4)


def test_cross_entropy_of_uniform_logits_is_the_logarithm_of_the_number_of_places():
    places_px = some_places()
    lines = np.zeros((3, 4, 2, 2 * FRAME_PX), np.float32)
    assert loss_of("simcc", "cross_entropy", at(places_px), lines) == pytest.approx(
        2 * np.log(2 * FRAME_PX), rel=1e-5
    )
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


def test_lines_of_the_wanted_shape_cannot_be_bettered():
    truth_px = np.array([[[20.3, 27.9]]])
    wanted = np.stack(
        [
            gaussian_logits(
                (np.arange(2 * FRAME_PX) + 0.5) / 2 - 0.5, place, heads.TARGET_SPREAD * FRAME_PX
            )
            for place in truth_px[0, 0]
        ]
    )
    output = tf.Variable(wanted[None, None].astype(np.float32))
    with tf.GradientTape() as tape:
        loss = loss_function("simcc", "cross_entropy")(at(truth_px), output)
    np.testing.assert_allclose(tape.gradient(loss, output), 0, atol=1e-5)


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


@pytest.mark.parametrize(("name", "loss"), [pair for pair in PAIRS if pair[0] != "simcc"])
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
