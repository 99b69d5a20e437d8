from types import SimpleNamespace

import numpy as np
import pytest

from posekit import files
from posekit.evaluation.baselines import constant_poses, treatment_mse
from posekit.studies.poster import recipe
from posekit.studies.poster.recipe import answer, report, score_table, train_treatments
from posekit.training.config import TrainingConfig


class ConstantPose:
    """Stands in for a trained network: the same pose for every picture."""

    def __init__(self, pose_px):
        self.pose_px = pose_px

    def predict(self, batches, verbose):
        count = sum(len(batch) for batch in batches.as_numpy_iterator())
        return np.tile(self.pose_px.ravel(), (count, 1))


def finished_run(experiment, run_dir, treatment, shift_px=0.0):
    """A training whose best network predicts the mean pose, moved aside by a number."""
    poses_px = constant_poses(experiment.targets("train", treatment), 96)
    targets = experiment.targets("validation", treatment)
    return SimpleNamespace(
        folder=run_dir / "training" / treatment,
        config=TrainingConfig("poster_batchnorm", treatment, epochs=3, seed=0),
        baselines={name: treatment_mse(pose_px, targets) for name, pose_px in poses_px.items()},
        best_epoch=2,
        history={"epoch": [1, 2, 3], "seconds": [1.5, 1.0, 1.0]},
        best_model=lambda: ConstantPose(poses_px["mean_pose"] + shift_px),
    )


@pytest.fixture
def result(experiment, tmp_path):
    runs = {
        "masked": finished_run(experiment, tmp_path, "masked"),
        "poster_origin": finished_run(experiment, tmp_path, "poster_origin", shift_px=30.0),
    }
    return report(runs, experiment, tmp_path)


def test_a_network_that_is_the_mean_pose_scores_like_it(result):
    run = result["runs"][0]
    assert run["validation_mse"] == pytest.approx(run["baselines"]["mean_pose"], rel=1e-5)
    assert run["share_of_mean_pose"] == pytest.approx(1, rel=1e-5)
    network, constant = (run["validation_scores"][name] for name in ("network", "mean_pose"))
    assert network["metrics"]["pck_0.2"]["value"] == constant["metrics"]["pck_0.2"]["value"]


def test_bias_is_the_training_error_and_variance_what_validation_adds(result):
    for run in result["runs"]:
        assert run["bias"] == run["train_mse"]
        assert run["bias"] + run["variance"] == pytest.approx(run["validation_mse"])


def test_training_error_is_measured_on_the_training_part(experiment, result):
    # The mean pose's training error is the labelled joints' variance.
    targets = experiment.targets("train", "masked").astype(float)
    squares = [
        ((joint := targets[targets[:, k, 2] > 0, k, :2]) - joint.mean(axis=0)) ** 2
        for k in range(14)
    ]
    expected = np.concatenate(squares).mean()
    assert result["runs"][0]["train_mse"] == pytest.approx(expected, rel=1e-4)


def test_runs_are_described(result):
    first = result["runs"][0]
    assert first["folder"] == "training/masked"
    assert (first["best_epoch"], first["epochs"], first["seconds"]) == (2, 3, 3.5)
    assert [run["label_treatment"] for run in result["runs"]] == ["masked", "poster_origin"]


def test_table_shows_the_constants_once(result):
    rows = score_table(result)
    assert [(row["trained under"], row["prediction"]) for row in rows] == [
        ("masked", "network"),
        ("masked", "image_centre"),
        ("masked", "mean_pose"),
        ("poster_origin", "network"),
    ]
    scores = result["runs"][1]["validation_scores"]["network"]["metrics"]
    assert rows[3]["mpjpe_px"] == scores["mpjpe_px"]["value"]


def test_answer_does_not_praise_what_a_constant_does(result, tmp_path):
    files.write_json(tmp_path / "training.json", result)
    text = answer(files.read_json(tmp_path / "training.json"))
    assert text.startswith("**Answer.** On synthetic (48 images, split `standard`, flips `random`)")
    for run in result["runs"]:
        assert f"- `{run['label_treatment']}` labels: the network " in text
        assert f"Validation MSE {run['validation_mse']:.1f}, mean pose " in text
        assert f"(bias) {run['bias']:.1f}; validation is {abs(run['variance']):.1f} " in text
    assert text.count("3 epochs, best 2.") == 2
    assert "not comparable" not in text and "139.29 for training and 427.41" in text
    # Moved by 30 pixels, the pose is far worse than the constant.
    assert result["runs"][1]["validation_mse"] > 400
    assert text.splitlines()[3].count("does not beat the mean pose") == 1
    assert "does not beat the mean pose" in result["headline"][1]["note"]


def test_answer_praises_what_a_constant_cannot(result):
    baselines = {"mean_pose": 200.0, "image_centre": 400.0}
    better = {**result["runs"][0], "validation_mse": 50.0, "baselines": baselines}
    text = answer({**result, "runs": [better]})
    assert "the network beats the mean pose by 75%" in text and "does not beat" not in text


def test_answer_warns_of_a_split_that_is_not_comparable(result):
    data = {**result["data"], "split": {**result["data"]["split"], "comparable": False}}
    text = answer({**result, "data": data})
    assert "these scores are **not comparable** with others" in text


def test_each_treatment_is_trained_by_the_profile(experiment, monkeypatch):
    monkeypatch.setattr(recipe, "fit", lambda config, *_: config)
    trained = train_treatments(
        experiment, "run", label_treatments=["poster", "masked"], seed=3, schedule="cosine"
    )
    assert list(trained) == ["poster", "masked"]
    for treatment, config in trained.items():
        assert (config.label_treatment, config.seed, config.schedule) == (treatment, 3, "cosine")
        assert config.network == "poster_batchnorm"
        assert config.epochs == experiment.profile.epochs
        assert config.batch_size == experiment.profile.batch_size
    (config,) = train_treatments(
        experiment, "run", label_treatments=["masked"], seed=0, epochs=7
    ).values()
    assert config.epochs == 7
