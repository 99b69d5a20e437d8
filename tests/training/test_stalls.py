"""The watchdog: what it writes, when it keeps quiet, and that it leaves nothing behind."""

import time

import keras
import numpy as np
import pytest

from posekit.errors import PosekitError
from posekit.training.stalls import Watchdog

LIMIT_SECONDS = 0.3
STEPS = 3


class PlantedStall(keras.callbacks.Callback):
    """Sleeps once, at one moment of training."""

    def __init__(self, moment, seconds=0.5):
        super().__init__()
        setattr(self, moment, self.stand_still)
        self._seconds = seconds

    def stand_still(self, number=1, logs=None):
        time.sleep(self._seconds)
        self._seconds = 0


def train(path, *callbacks, limit_seconds=LIMIT_SECONDS):
    """Two epochs of almost nothing, without a graph to compile."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse", run_eagerly=True)
    inputs = np.zeros((STEPS, 1))
    # The first steps load what TensorFlow loads late.
    model.fit(inputs, inputs, batch_size=1, validation_data=(inputs, inputs), verbose=0)
    with Watchdog(path, limit_seconds=limit_seconds) as watchdog:
        model.fit(
            inputs,
            inputs,
            batch_size=1,
            epochs=2,
            validation_data=(inputs, inputs),
            verbose=0,
            callbacks=[watchdog, *callbacks],
        )


@pytest.mark.parametrize(
    "moment", ["on_train_batch_begin", "on_test_batch_begin", "on_epoch_end", "on_train_end"]
)
def test_a_stall_is_reported_with_all_stacks(tmp_path, capfd, moment):
    path = tmp_path / "stalls.txt"
    train(path, PlantedStall(moment))
    # A busy machine may stand still at other moments, too.
    warning = capfd.readouterr().err.splitlines()[-1]
    assert warning.startswith("warning: training stood still for ")
    assert warning.endswith(f" s; all stacks are in {path}")
    text = path.read_text()
    # This thread's stack, down to the sleep.
    assert f'test_stalls.py", line {sleeping_line()} in stand_still' in text
    assert "training stood still for " in text


def sleeping_line():
    return PlantedStall.stand_still.__code__.co_firstlineno + 1


def test_a_long_stall_is_reported_again(tmp_path):
    path = tmp_path / "stalls.txt"
    train(path, PlantedStall("on_train_batch_begin", seconds=0.9), limit_seconds=0.25)
    assert path.read_text().count("in stand_still") >= 2


@pytest.mark.parametrize("limit_seconds", [60.0, float("inf")])
def test_a_training_that_moves_on_leaves_no_file(tmp_path, capfd, limit_seconds):
    train(tmp_path / "stalls.txt", limit_seconds=limit_seconds)
    assert list(tmp_path.iterdir()) == [] and capfd.readouterr().err == ""


def test_earlier_stalls_are_kept(tmp_path):
    path = tmp_path / "stalls.txt"
    path.write_text("of an earlier process\n")
    train(path, PlantedStall("on_epoch_end"))
    train(path, limit_seconds=60.0)
    assert path.read_text().startswith("of an earlier process\n")
    assert "in stand_still" in path.read_text()


def test_an_error_in_training_ends_the_watch(tmp_path):
    class Fails(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        train(tmp_path / "stalls.txt", Fails(), limit_seconds=0.2)
    known = {path.name: path.read_text() for path in tmp_path.iterdir()}
    time.sleep(0.4)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == known


@pytest.mark.parametrize("limit_seconds", [0, -1.0, float("nan")])
def test_a_limit_of_nothing_is_refused(tmp_path, limit_seconds):
    with pytest.raises(PosekitError, match=f"`limit_seconds` must be > 0; got {limit_seconds}"):
        Watchdog(tmp_path / "stalls.txt", limit_seconds=limit_seconds)


def test_a_step_costs_next_to_nothing(tmp_path):
    steps = 500
    with Watchdog(tmp_path / "stalls.txt") as watchdog:
        begun = time.thread_time()
        for step in range(steps):
            watchdog.on_train_batch_end(step)
        seconds = time.thread_time() - begun
    # A training step takes a hundred milliseconds and more.
    assert seconds / steps < 1e-4
