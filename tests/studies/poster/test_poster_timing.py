"""Paired times: both networks, alternately, with the warm-up left out."""

import time

import keras
import numpy as np
import pytest

from posekit.studies.poster import batchnorm

STEP_SECONDS = {"poster_batchnorm": 5.0, "poster_plain": 2.0}


@pytest.fixture
def steps(monkeypatch):
    """Trains nothing; a step takes as long by the clock as `STEP_SECONDS` says."""
    names, clock = [], [0.0]

    def step(model, images, targets):
        names.append(model.name)
        # The first steps compile.
        clock[0] += STEP_SECONDS[model.name] + (100 if len(names) <= 4 else 0)

    monkeypatch.setattr(keras.Model, "train_on_batch", step)
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    return names


def test_networks_alternate_and_warm_up_is_left_out(steps):
    images = np.zeros((2, 32, 32, 3), np.uint8)
    targets = np.zeros((2, 14, 3), np.float32)
    seconds = batchnorm.paired_step_seconds(images, targets, pairs=3, warm_up=2)
    assert steps == ["poster_batchnorm", "poster_plain"] * 5
    assert list(seconds) == ["poster_batchnorm", "poster_plain"]
    for name, values in seconds.items():
        np.testing.assert_allclose(values, [STEP_SECONDS[name]] * 3)


def test_a_step_with_five_joints():
    images, targets = np.zeros((2, 32, 32, 3), np.uint8), np.zeros((2, 5, 3), np.float32)
    seconds = batchnorm.paired_step_seconds(images, targets, pairs=1, warm_up=0)
    assert all(values > 0 for values in seconds.values())
