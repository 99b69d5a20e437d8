"""Several devices take the steps of one; tested with a CPU that is cut in two."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from posekit import files
from posekit.errors import PosekitError
from posekit.training.devices import scope


@pytest.fixture(scope="module")
def runs(synthetic_folder, tmp_path_factory):
    # TensorFlow divides its devices once, before it computes anything.
    program = files.PROJECT_ROOT / "tests" / "support" / "two_devices.py"
    command = [sys.executable, str(program), synthetic_folder, tmp_path_factory.mktemp("two")]
    finished = subprocess.run(
        command, capture_output=True, text=True, cwd=files.PROJECT_ROOT, timeout=600
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    return json.loads(finished.stdout.splitlines()[-1])


def test_two_devices_train_as_one_with_the_same_batches(runs):
    one, two = runs["one"]["history"], runs["two"]["history"]
    for column in ("train_mse", "validation_mse"):
        # The parts of a sum are added in another order.
        np.testing.assert_allclose(two[column], one[column], rtol=1e-5)
    assert one["validation_mse"][1] != one["validation_mse"][0]


def test_devices_are_no_part_of_a_trainings_name(runs):
    assert runs["two"]["folder"] == runs["one"]["folder"]


def test_all_networks_on_the_same_devices_share_one_strategy():
    strategies = []
    for _ in range(2):
        with scope(["CPU:0"], batch_size=16):
            strategies.append(tf.distribute.get_strategy())
    assert strategies[0] is strategies[1]
    assert strategies[0] is not tf.distribute.get_strategy()


@pytest.mark.parametrize(
    ("devices", "batch_size", "finding"),
    [
        (["CPU:0", "GPU:7"], 16, "`devices` must be among CPU:0.*; got 'GPU:7'"),
        ([], 16, r"`devices` must name one device at least, and each once; got \[\]"),
        (["CPU:0", "CPU:0"], 16, r"each once; got \['CPU:0', 'CPU:0'\]"),
        (["CPU:0", "CPU:1"], 15, "`batch_size` must be a multiple of the 2 devices; got 15"),
    ],
)
def test_devices_that_cannot_share_a_batch_are_refused(devices, batch_size, finding):
    with pytest.raises(PosekitError, match=f"(?s){finding}"):
        scope(devices, batch_size=batch_size)
