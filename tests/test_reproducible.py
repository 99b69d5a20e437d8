"""Same seed, same machine, another process: the same splits, batches, weights and scores."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib, json, sys
from pathlib import Path

import numpy as np

from posekit.training import engine

engine.start(3, deterministic=True)

from posekit.evaluation import predictions, scores
from posekit.pipeline.batches import training_batches
from posekit.pipeline.experiment import open_experiment
from posekit.training.config import TrainingConfig
from posekit.training.fit import fit


def digest(arrays):
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def batches(seed):
    batches, _ = training_batches(
        experiment.images("train"),
        experiment.targets("train", "masked"),
        batch_size=16,
        seed=seed,
        epochs=2,
        mirror=experiment.dataset.skeleton.mirror,
    )
    return digest(array for batch in batches.as_numpy_iterator() for array in batch)


data, folder = sys.argv[1], Path(sys.argv[2])
experiment = open_experiment(data, profile="smoke", seed=3, cache_dir=folder / "cache")
config = TrainingConfig("poster_batchnorm", "masked", epochs=2, seed=3, batch_size=16)
run = fit(config, experiment, folder, verbose=0)
predicted = predictions.predict_frame_px(run.last_model(), experiment.images("validation"))
scored = scores.score(predicted, experiment, "validation", seed=3)
print(json.dumps({
    "split": [getattr(experiment.split, part).tolist() for part in ("train", "validation")],
    "batches": [batches(3), batches(4)],
    "weights": digest(run.last_model().get_weights()),
    "history": [run.history["train_mse"], run.history["validation_mse"]],
    "scores": scored["metrics"],
    "folder": run.folder.name,
}))
"""


@pytest.fixture(scope="module")
def both(synthetic_folder, tmp_path_factory):
    """What two processes found, each with caches of its own and one thread, side by side."""
    folders = [str(tmp_path_factory.mktemp("process")) for _ in range(2)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(synthetic_folder), folder],
            # Hashes of text are drawn for each process; nothing may hang on their order.
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for hash_seed, folder in enumerate(folders, start=1)
    ]
    answers = []
    for process in processes:
        output, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors
        answers.append(json.loads(output.splitlines()[-1]))
    return answers


@pytest.mark.parametrize("name", ["split", "batches", "weights", "history", "scores", "folder"])
def test_two_processes_find_the_same(both, name):
    first, second = both
    assert first[name] == second[name]


def test_the_comparison_could_fail(both):
    # Another seed draws other batches, and a digest over nothing would be all equal.
    batches = both[0]["batches"]
    assert batches[0] != batches[1]
    assert len(both[0]["split"][0]) > 16 and len(both[0]["history"][0]) == 2
