"""The benchmark's watchdog: what it reports, when it keeps quiet, what it leaves behind."""

import os
import threading
import time

import keras
import numpy as np
import pytest
import stall_watchdog as stalls
from stall_watchdog import Watchdog

from posekit.errors import PosekitError

LIMIT_SECONDS = 0.3
STALL_SECONDS = 0.5
STEPS = 3


class PlantedStall(keras.callbacks.Callback):
    """Sleeps at one moment of training."""

    def __init__(self, moment, seconds=STALL_SECONDS):
        super().__init__()
        setattr(self, moment, self.stand_still)
        self._seconds = seconds
        self._slept = False

    def stand_still(self, number=1, logs=None):
        # Not in the first step, which counts as compiling.
        if number == 1 and not self._slept:
            self._slept = True
            time.sleep(self._seconds)


def train(path, *callbacks, limit_seconds=LIMIT_SECONDS):
    """Two epochs of almost nothing, without a graph to compile; the Watchdog."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse", run_eagerly=True)
    inputs = np.zeros((STEPS, 1))
    # The first steps load what TensorFlow loads late.
    model.fit(inputs, inputs, batch_size=1, validation_data=(inputs, inputs), verbose=0)
    with Watchdog(path, limit_seconds=limit_seconds) as watching:
        model.fit(
            inputs,
            inputs,
            batch_size=1,
            epochs=2,
            validation_data=(inputs, inputs),
            verbose=0,
            callbacks=[watching, *callbacks],
        )
    return watching


def watchdog_threads():
    return [thread for thread in threading.enumerate() if thread.name == "posekit watchdog"]


@pytest.mark.parametrize(
    ("moment", "phase"),
    [
        ("on_train_batch_begin", "training step 2 of epoch 1"),
        ("on_test_batch_begin", "validation step 2 of epoch 1"),
        ("on_epoch_end", "saving after training of epoch 2"),
    ],
)
def test_a_stall_is_reported_with_its_phase_and_all_stacks(tmp_path, capfd, moment, phase):
    path = tmp_path / "stalls.txt"
    watching = train(path, PlantedStall(moment))
    # A busy machine may stand still at other moments, too, and for longer.
    warning = next(line for line in capfd.readouterr().err.splitlines() if f"in {phase};" in line)
    assert warning.startswith("warning: training shows no sign of life for 0 s, in ")
    assert warning.endswith(f"; the threads' stacks are in {path}")
    text = path.read_text()
    assert f"no sign of life for 0 s, in {phase}\n" in text
    # This thread's stack, down to the sleep, and the watchdog's own.
    assert f'test_stall_watchdog.py", line {sleeping_line()} in stand_still' in text
    assert "in _watch" in text
    stall = next(stall for stall in watching.stalls if in_words(stall) == phase)
    assert STALL_SECONDS <= stall["seconds"] < STALL_SECONDS + 5
    assert stall["threads"] == stalls.kernel_threads() == [] or len(stall["threads"]) > 1
    assert not watchdog_threads()


def in_words(stall):
    return str(stalls.Sign(0.0, stall["phase"], stall["epoch"], stall["step"]))


def sleeping_line():
    code = PlantedStall.stand_still.__code__
    return code.co_firstlineno + 4


def test_a_long_stall_is_reported_again_after_twice_the_time(tmp_path, capfd):
    path = tmp_path / "stalls.txt"
    watching = train(path, PlantedStall("on_train_batch_begin", seconds=0.9), limit_seconds=0.25)
    # After 0.25 and 0.5 seconds, not for each of the many looks in between.
    assert 2 <= capfd.readouterr().err.count("in training step 2 of epoch 1;") <= 4
    assert max(stall["seconds"] for stall in watching.stalls) >= 0.9


def test_a_training_that_moves_on_is_left_in_peace(tmp_path, capfd):
    watching = train(tmp_path / "stalls.txt", limit_seconds=5.0)
    assert watching.stalls == [] and list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""


def test_what_comes_before_training_is_no_stall(tmp_path, capfd):
    with Watchdog(tmp_path / "stalls.txt", limit_seconds=0.05) as watching:
        time.sleep(0.2)
        watching.on_train_begin()
    assert watching.stalls == [] and capfd.readouterr().err == ""


def test_the_first_step_of_each_kind_is_called_compiling(tmp_path, capfd):
    train(tmp_path / "stalls.txt", FirstStep())
    assert "in compiling of training step 1 of epoch 1;" in capfd.readouterr().err


class FirstStep(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0 and not hasattr(self, "_slept"):
            self._slept = True
            time.sleep(STALL_SECONDS)


def test_a_folder_that_takes_no_file_is_said_so(tmp_path, capfd):
    train(tmp_path / "none" / "stalls.txt", PlantedStall("on_train_batch_begin"))
    assert "stacks could not be written to" in capfd.readouterr().err


def test_an_error_in_training_ends_the_watch(tmp_path):
    class Fails(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert len(watchdog_threads()) == 1
            raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        train(tmp_path / "stalls.txt", Fails())
    assert not watchdog_threads()


@pytest.mark.parametrize("limit_seconds", [0, -1.0, float("nan")])
def test_a_limit_of_nothing_is_refused(tmp_path, limit_seconds):
    with pytest.raises(PosekitError, match=f"`limit_seconds` must be > 0; got {limit_seconds}"):
        Watchdog(tmp_path / "stalls.txt", limit_seconds=limit_seconds)


def test_a_step_costs_next_to_nothing(tmp_path):
    steps = 2000
    with Watchdog(tmp_path / "stalls.txt") as watching:
        watching.on_train_begin()
        begun = time.thread_time()
        for step in range(steps):
            watching.on_train_batch_begin(step)
            watching.on_train_batch_end(step)
        seconds = time.thread_time() - begun
    # A training step takes a hundred milliseconds and more.
    assert seconds / steps < 1e-4


@pytest.mark.skipif(not stalls._TASKS.is_dir(), reason="the kernel's view is Linux's")
def test_the_kernel_tells_of_every_thread():
    asleep = threading.Event()
    thread = threading.Thread(target=asleep.wait)
    thread.start()
    deadline = time.monotonic() + 10
    try:
        # A thread that has just started still runs for a moment.
        view = {}
        while view.get(thread.native_id, {}).get("state") != "S" and time.monotonic() < deadline:
            view = {each["id"]: each for each in stalls.kernel_threads()}
    finally:
        asleep.set()
        thread.join()
    assert view[os.getpid()]["state"] == "R"
    assert view[thread.native_id]["state"] == "S"
    assert view[os.getpid()]["cpu_seconds"] > 0
