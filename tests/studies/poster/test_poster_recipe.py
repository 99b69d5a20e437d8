import json
from types import SimpleNamespace

import numpy as np
import pytest

from posekit import files
from posekit.evaluation.baselines import constant_poses, treatment_mse
from posekit.studies.poster import recipe
from posekit.studies.poster.recipe import answer, report, score_table
from posekit.training.config import TrainingConfig


class ConstantPose:
    """Stands in for a trained network: the same pose for every picture."""

    def __init__(self, pose_px):
        self.pose_px = pose_px

    def __call__(self, images, training):
        return np.tile(self.pose_px.ravel(), (len(images), 1))


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
    network, constant = (run["validation_scores"][name] for name in ("network", "mean_pose"))
    assert network["metrics"]["pck_0.2"]["value"] == constant["metrics"]["pck_0.2"]["value"]


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
    assert (first["best_epoch"], first["epochs"]) == (2, 3)
    assert [run["label_treatment"] for run in result["runs"]] == ["masked", "poster_origin"]


def test_table_shows_the_constants_once(result):
    rows = score_table(result)
    assert [(row["trained under"], row["prediction"]) for row in rows] == [
        ("masked", "network"),
        ("masked", "image centre"),
        ("masked", "mean pose"),
        ("masked", "mean figure at the true centre"),
        ("masked", "the same, in the true size"),
        ("poster origin", "network"),
    ]
    scores = result["runs"][1]["validation_scores"]["network"]["metrics"]
    assert rows[5]["mpjpe_px"] == scores["mpjpe_px"]


def test_parts_of_the_error_add_up_and_the_placed_figure_has_no_error_of_place(result):
    first = result["runs"][0]
    assert sum(first["mse_parts"]["network"].values()) == pytest.approx(first["validation_mse"])
    assert first["mse_parts"]["network"] == pytest.approx(first["mse_parts"]["mean_pose"], rel=1e-4)
    assert first["mse_parts"]["true_centre"]["place"] == pytest.approx(0, abs=1e-9)
    # The second network is the mean pose 30 px aside, which changes the place alone.
    moved = result["runs"][1]["mse_parts"]["network"]
    assert moved["place"] > 2 * first["mse_parts"]["network"]["place"]
    assert recipe.part_arguments(result)["network"] == first["mse_parts"]["network"]


def test_curves_have_the_true_centre_where_labelled_joints_count(result):
    masked, origin = (recipe.curve_arguments(run) for run in result["runs"])
    placed = sum(result["runs"][0]["mse_parts"]["true_centre"].values())
    assert masked["baselines"]["mean figure at the true centre"] == placed
    assert set(origin["baselines"]) == {"image centre", "mean pose"}
    assert origin["histories"] == {"poster_origin": [result["runs"][1]["history"]]}


def test_constants_are_scored_under_each_treatment(experiment, result):
    for run in result["runs"]:
        expected = run["baselines"]["mean_pose"]
        assert result["constants"][run["label_treatment"]] == pytest.approx(expected)


def test_answer_does_not_praise_what_a_constant_does(result, tmp_path):
    files.write_json(tmp_path / "training.json", result)
    text = answer(files.read_json(tmp_path / "training.json"))
    assert text.startswith("**Nothing that one constant pose does not know; its error is mostly ")
    for run in result["runs"]:
        assert f"- `{run['label_treatment']}` labels: the network " in text
        assert f"Validation MSE {run['validation_mse']:.1f}, mean pose " in text
        assert f"(bias) {run['train_mse']:.1f}, " in text
    assert text.count("3 epochs, best 2.") == 2
    assert "Careful: 5 images are too few" in text and "still falling" not in text
    assert "not comparable" not in text and "427.41" not in text
    # Moved by 30 pixels, the pose is far worse than the constant.
    assert result["runs"][1]["validation_mse"] > 400
    (line,) = [line for line in text.splitlines() if line.startswith("- `poster_origin` labels")]
    assert "does not beat the mean pose" in line
    assert "does not beat the mean pose" in result["headline"][1]["note"]


def with_network(run, **parts):
    """A run whose network has these parts of an error."""
    parts = {**dict.fromkeys(("place", "size", "shape"), 0.0), **parts}
    return {**run, "mse_parts": {**run["mse_parts"], "network": parts}}


def test_answer_says_whether_more_than_the_place_was_learned(result):
    first = {**result["runs"][0], "train_mse": 10.0, "validation_mse": 100.0}
    error = {name: sum(parts.values()) for name, parts in first["mse_parts"].items()}
    assert error["true_centre"] < 0.9 * error["mean_pose"]
    between = (error["true_centre"] + error["mean_pose"]) / 2
    text = answer(
        {**result, "runs": [with_network(first, place=between / 4, shape=between * 3 / 4)]}
    )
    assert text.startswith(
        "**At best where people are, not how they stand; its error is mostly variance.**"
    )
    assert "25% is the place of the person, 0% its size and 75% the shape of the pose" in text
    text = answer({**result, "runs": [with_network(first, size=error["true_centre"] / 2)]})
    assert text.startswith("**Where people are, and some of how they stand; ")


def test_answer_praises_what_a_constant_cannot(result):
    baselines = {"mean_pose": 200.0, "image_centre": 400.0}
    better = {**result["runs"][0], "validation_mse": 50.0, "baselines": baselines}
    text = answer({**result, "runs": [better]})
    assert "the network beats the mean pose by 75%" in text and "does not beat" not in text


def test_answer_warns_of_a_run_that_is_too_short(result):
    data = {**result["data"], "split": {**result["data"]["split"], "validation": 500}}
    text = answer({**result, "data": data, "runs": [{**result["runs"][0], "best_epoch": 3}]})
    assert (
        "Validation was still falling in the last of 3 epochs: the run is too short to say how far "
        "the recipe gets." in text
    )
    text = answer({**result, "data": data})
    assert "Careful" not in text and "still falling" not in text


def test_photographs_are_compared_with_the_poster(result):
    on_lspet = {**result, "data": {**result["data"], "name": "lspet"}}
    assert "the poster's validation loss of 427.41 is " in answer(on_lspet)


def test_answer_warns_of_a_split_that_is_not_comparable(result):
    data = {**result["data"], "split": {**result["data"]["split"], "comparable": False}}
    text = answer({**result, "data": data})
    assert "these scores are **not comparable** with others" in text


def test_what_is_publishable_names_no_image(experiment, result):
    published = json.dumps({name: result[name] for name in result["publishable"]}, default=str)
    assert not any(str(image_id) in published for image_id in experiment.dataset.image_ids)
