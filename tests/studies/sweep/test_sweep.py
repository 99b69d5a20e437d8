"""A study's trials on this machine and on a cluster that loses a worker, and their table."""

import csv
import json
import os
import re
import signal
import threading
import time

import coco_sets
import keras
import kill_and_go_on
import numpy as np
import pytest
import sweep_worker
import tensorflow as tf
import test_notebooks
from distributed import LocalCluster

from posekit.cli.main import main
from posekit.models import poster
from posekit.pipeline.experiment import open_experiment
from posekit.studies.sweep import findings
from posekit.studies.sweep import run as sweep_run
from posekit.studies.sweep.findings import ranked
from posekit.studies.sweep.page import NOTEBOOK
from posekit.studies.sweep.study import read

EPOCHS = 6
KILLED_AFTER = 2
LIMIT_SECONDS = 300


def write_study(folder, data, *grids):
    settings = {"network": "poster_plain", "epochs": 1, "batch_size": 16, "frame_px": 32}
    trials = [{**settings, **grid} for grid in grids]
    path = folder / "small.yaml"
    # JSON is YAML, too.
    path.write_text(json.dumps({"data": str(data), "profile": "smoke", "trials": trials}))
    return path


@pytest.fixture(scope="module")
def finished(synthetic_folder, tmp_path_factory):
    """A study that the command line ran here, and then again: (its folder, both outcomes)."""
    folder = tmp_path_factory.mktemp("local")
    # Half of 38 training images are fewer than a batch of 24.
    study = write_study(
        folder,
        synthetic_folder,
        {"seed": [0, 1], "data_fraction": [0.5, 1.0]},
        {"batch_size": 24, "data_fraction": 0.5},
    )
    with pytest.MonkeyPatch.context() as patched:
        train_tiny_networks(patched, tmp_path_factory.mktemp("cache"))
        try:
            status = main(["sweep", str(study), "--out", str(folder / "run")])
            patched.setattr(keras.Model, "fit", fails_to_fit)
            again = sweep_run.run(read(study), folder / "run")
        finally:
            tf.config.run_functions_eagerly(False)
    return folder / "run", (status, again)


def train_tiny_networks(patched, cache_dir):
    patched.setattr(poster, "poster_network", poster.poster_network)
    sweep_worker.shrink_networks(poster)
    patched.setitem(sweep_run.run.__kwdefaults__, "cache_dir", cache_dir)
    tf.config.run_functions_eagerly(True)


def fails_to_fit(*args, **kwargs):
    raise AssertionError("trained again")


def test_a_failed_trial_is_reported_and_the_others_go_on(finished):
    run_dir, (status, _) = finished
    assert status == 1
    result = json.loads((run_dir / "sweep.json").read_text())
    assert not result["complete"] and result["varied"] == ["batch_size", "data_fraction"]
    (failed,) = [row for row in result["trials"] if row["error"]]
    assert (failed["batch_size"], failed["data_fraction"]) == (24, 0.5)
    assert "at most the 19 training examples; got 24" in failed["error"]


def test_a_finished_trial_is_found_and_not_trained_again(finished):
    run_dir, (_, again) = finished
    assert [row["epochs_trained"] for row in again["trials"] if row["error"] is None] == [1] * 4
    assert not [row for row in again["trials"] if "trained again" in (row["error"] or "")]
    assert [path.name for path in (run_dir / "training").glob("*/best.keras")] == ["best.keras"] * 4


def test_the_table_holds_every_trial_and_every_choice_over_its_seeds(finished):
    run_dir, _ = finished
    result = json.loads((run_dir / "sweep.json").read_text())
    assert [choice["label"] for choice in result["choices"]] == [
        "batch size 16, 0.5 of the data",
        "batch size 16, 1 of the data",
    ]
    for choice in result["choices"]:
        for score in choice["scores"].values():
            low, high = score["interval"]
            # Student's t quantile of one degree of freedom, times the standard error.
            margin = 12.7062 * abs(np.diff(score["values"])[0]) / 2
            assert high - low == pytest.approx(2 * margin, rel=1e-4, abs=1e-12)
            assert score["mean"] == pytest.approx(np.mean(score["values"]))
        assert choice["seeds"] == [0, 1] and set(choice["mean_pose"]) == set(choice["scores"])
    with (run_dir / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 and {"seed", "data_fraction", "pck_0.2", "error"} <= set(rows[0])
    scores = [trial["scores"]["pck_0.2"] for trial in result["trials"] if not trial["error"]]
    assert [float(row["pck_0.2"]) for row in rows if not row["error"]] == scores
    assert [row["train_images"] for row in rows] == ["19", "38", "19", "38", ""]


def test_the_mean_pose_is_that_of_the_training_images(finished, synthetic_folder, tmp_path):
    run_dir, _ = finished
    row = json.loads((run_dir / "sweep.json").read_text())["trials"][0]
    experiment = open_experiment(
        str(synthetic_folder), profile="smoke", seed=0, cache_dir=tmp_path
    ).with_data_fraction(0.5)
    targets = experiment.targets("train", "masked")
    pose = np.average(targets[..., :2], axis=0, weights=targets[..., 2:].repeat(2, axis=2))
    truth = experiment.targets("validation", "masked").astype(float)
    by_hand = ((pose - truth[..., :2]) ** 2)[truth[..., 2] > 0].mean()
    assert row["mean_pose"]["frame_mse"] == pytest.approx(by_hand)


def test_the_page_shows_the_comparison_and_the_answer(finished):
    run_dir, _ = finished
    page = (run_dir / "sweep.html").read_text()
    assert page.count("data:image/png;base64,") >= 2
    result = findings.read(run_dir)
    best = ranked(result, "pck_0.2")[0]
    answer = findings.answer(result, "pck_0.2")
    assert f"{best['label']} is the best of 2 choices by PCK@0.2" in answer
    assert "1 of 5 trials failed, 0 have not finished." in answer
    assert answer.replace("**Answer.** ", "") in page


def test_a_study_of_17_joints_runs_to_its_table_and_page(tmp_path, monkeypatch):
    own = tmp_path / "own"
    coco_sets.write(own, coco_sets.content(40))
    (own / "own_data.toml").write_text('annotations = "annotations.json"\n')
    study = write_study(tmp_path, own, {"seed": [0, 1]})
    train_tiny_networks(monkeypatch, tmp_path / "cache")
    try:
        assert main(["sweep", str(study), "--out", str(tmp_path / "run")]) == 0
    finally:
        tf.config.run_functions_eagerly(False)
    result = json.loads((tmp_path / "run" / "sweep.json").read_text())
    assert result["complete"] and [row["error"] for row in result["trials"]] == [None, None]
    assert len(result["data"]["joint_set"]["joints"]) == 17
    (choice,) = result["choices"]
    assert np.isfinite(
        [choice["scores"]["mpjpe_px"]["mean"], choice["mean_pose"]["mpjpe_px"]]
    ).all()
    answer = findings.answer(result, "pck_0.2")
    assert answer.removeprefix("**Answer.** ") in (tmp_path / "run" / "sweep.html").read_text()


def test_errors_rank_upwards(finished):
    result = findings.read(finished[0])
    for score, order in (("pck_0.2", -1), ("frame_mse", 1)):
        means = [choice["scores"][score]["mean"] for choice in ranked(result, score)]
        assert means == sorted(means)[::order]


@pytest.mark.parametrize(
    "check",
    [
        test_notebooks.test_committed_without_outputs,
        test_notebooks.test_cells_are_thin,
        test_notebooks.test_asks_first_and_answers_last,
    ],
)
def test_the_notebook_is_like_the_others(check):
    check(NOTEBOOK)


def test_no_scheduler_is_an_error_of_the_user(tmp_path, synthetic_folder, capsys, monkeypatch):
    monkeypatch.setitem(os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "1s")
    study = write_study(tmp_path, synthetic_folder, {"seed": 0})
    assert main(["sweep", str(study), "--scheduler", "nowhere:x:1"]) == 2
    assert "`scheduler` must be the address of a running Dask" in capsys.readouterr().err


class Killer(threading.Thread):
    """Kills the worker of the first training that has finished some epochs, and notes which."""

    def __init__(self, run_dir):
        super().__init__(daemon=True)
        self._run_dir = run_dir
        self.folder = self.process = self.rows = None  # `rows`: epochs that were finished then

    def run(self):
        deadline = time.monotonic() + LIMIT_SECONDS
        while self.folder is None and time.monotonic() < deadline:
            for path in self._run_dir.glob("training/*/checkpoint.json"):
                epochs = json.loads(path.read_text())[0]["epoch"]
                if KILLED_AFTER <= epochs < EPOCHS:
                    self.folder, self.process = path.parent, owner(path.parent)
                    rows = json.loads((self.folder / "history.json").read_text())
                    os.kill(self.process, signal.SIGKILL)
                    self.rows = rows[:epochs]
                    return
            time.sleep(0.01)


def owner(folder):
    return int(re.match(r"process (\d+) on", (folder / ".lock").read_text())[1])


def test_a_killed_workers_trial_goes_on_elsewhere_from_its_checkpoint(
    tmp_path, synthetic_folder, capfd
):
    study = read(write_study(tmp_path, synthetic_folder, {"seed": [0, 1], "epochs": EPOCHS}))
    context = kill_and_go_on.processes()
    with LocalCluster(n_workers=0, processes=True, dashboard_address="127.0.0.1:0") as cluster:
        address = cluster.scheduler_address
        workers = [context.Process(target=sweep_worker.work, args=(address,)) for _ in range(2)]
        try:
            for worker in workers:
                worker.start()
            killer = Killer(tmp_path / "run")
            killer.start()
            result, undisturbed = (
                sweep_run.run(
                    study, tmp_path / name, scheduler=address, cache_dir=tmp_path / "cache"
                )
                for name in ("run", "undisturbed")
            )
        finally:
            for worker in workers:
                worker.kill()
                worker.join()
    assert killer.folder is not None, "both trainings were over before the kill"
    assert [worker.exitcode for worker in workers] == [-signal.SIGKILL] * 2
    assert result["complete"] and undisturbed["complete"]
    rows = json.loads((killer.folder / "history.json").read_text())
    # The epochs before the kill were not trained again, not even their times have changed.
    assert rows[: len(killer.rows)] == killer.rows and len(rows) == EPOCHS
    survivor = next(worker.pid for worker in workers if worker.pid != killer.process)
    assert owner(killer.folder) == survivor
    alone = json.loads(
        (tmp_path / "undisturbed" / "training" / killer.folder.name / "history.json").read_text()
    )
    for column in ("train_mse", "validation_mse"):
        np.testing.assert_allclose(
            [row[column] for row in rows], [row[column] for row in alone], rtol=1e-4
        )
    assert re.search(r"dashboard: http://127\.0\.0\.1:\d+/status", capfd.readouterr().out)
