from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from posekit import files
from posekit.studies.poster import batchnorm
from posekit.training.config import TrainingConfig

# Student's t, 97.5 % quantile, 2 degrees of freedom, from a printed table.
T_TWO_DEGREES = 4.302653


class ShiftedTruth:
    """Stands in for a trained network: off the training targets by one number everywhere."""

    def __init__(self, experiment, shift_px):
        self.flat = (experiment.targets("train", "masked")[..., :2] + shift_px).reshape(-1, 28)

    def predict(self, batches, verbose):
        return self.flat


def finished_run(experiment, seed, validation_mse, train_mse, shift_px):
    return SimpleNamespace(
        folder=Path(f"run/training/seed{seed}-{shift_px}"),
        config=TrainingConfig("poster_plain", "masked", epochs=2, seed=seed),
        baselines={"mean_pose": 200.0, "image_centre": 300.0},
        history={"validation_mse": validation_mse, "train_mse": train_mse},
        best_validation_mse=min(validation_mse),
        last_model=lambda: ShiftedTruth(experiment, shift_px),
    )


@pytest.fixture
def runs(experiment):
    columns = {
        "poster_batchnorm": ([10.0, 12.0, 11.0], 1.0),
        "poster_plain": ([13.0, 14.0, 16.0], 2.0),
    }
    return {
        network: [
            finished_run(experiment, seed, [best, best + 5.0], [9.0, 4.0], shift_px)
            for seed, best in enumerate(bests)
        ]
        for network, (bests, shift_px) in columns.items()
    }


@pytest.fixture
def result(runs, experiment, monkeypatch):
    seconds = {
        "poster_batchnorm": np.array([3.0, 4.0, 9.0]),
        "poster_plain": np.array([2.0, 2.0, 3.0]),
    }
    monkeypatch.setattr(batchnorm, "paired_step_seconds", lambda *_, pairs: seconds)
    return batchnorm.compare(runs, experiment)


def test_scores_are_the_runs_own(result):
    scores = result["scores"]
    assert scores["best_validation_mse"]["poster_plain"] == [13.0, 14.0, 16.0]
    assert scores["last_validation_mse"]["poster_batchnorm"] == [15.0, 17.0, 16.0]
    assert scores["train_mse_training_mode"]["poster_plain"] == [4.0] * 3
    # Off by 1 and 2 pixels in every coordinate: 1 and 4 pixels squared.
    inference = scores["train_mse_inference_mode"]
    np.testing.assert_allclose(inference["poster_batchnorm"], [1, 1, 1], rtol=1e-4)
    np.testing.assert_allclose(inference["poster_plain"], [4, 4, 4], rtol=1e-4)


def test_the_artifact_names_what_it_needs(result):
    assert "training/seed2-1.0/last.keras" in result["needs"] and len(result["needs"]) == 6


def test_differences_are_paired_by_seed(result):
    best = result["difference_with_minus_without"]["best_validation_mse"]
    assert best["differences"] == [-3.0, -2.0, -5.0]
    # Around -10 / 3: squares of 1/3, 4/3 and 5/3 sum to 14 / 3.
    margin = T_TWO_DEGREES * np.sqrt(14 / 3 / 2 / 3)
    np.testing.assert_allclose(best["interval"], [-10 / 3 - margin, -10 / 3 + margin], rtol=1e-5)
    assert not best["decided"]
    assert result["difference_with_minus_without"]["train_mse_inference_mode"]["decided"]


def test_step_times_are_compared_pair_by_pair(result):
    assert result["step_ratio_median"] == 2.0  # of 1.5, 2 and 3
    assert result["step_ratio_range"] == [1.5, 3.0]
    assert result["step_seconds_median"] == {"poster_batchnorm": 4.0, "poster_plain": 2.0}


def test_table_has_a_row_for_each_score(result):
    rows = batchnorm.difference_table(result)
    assert [row["score"] for row in rows] == [name.replace("_", " ") for name in result["scores"]]
    assert rows[0]["with batch norm"] == 11.0
    assert rows[0]["without"] == pytest.approx(43 / 3)
    assert (rows[0]["decided"], rows[3]["decided"]) == ("no", "yes")


def test_the_answer_names_what_is_decided_and_what_is_not(result, tmp_path):
    files.write_json(tmp_path / "x.json", result)
    text = batchnorm.answer(files.read_json(tmp_path / "x.json"))
    assert text.startswith("**Answer.** The best validation MSE is 11.0 with batch normalisation")
    assert "`masked` labels, 3 seeds and 2 epochs" in text and "(mean pose 200.0)" in text
    assert "and 14.3 without: 3.3 less with it" in text
    assert "3.3 less with it (95 % interval of the difference -7.1 to 0.5, which includes 0" in text
    assert "1.0 with and 4.0 without: 3.0 less with it (95 % interval" in text
    assert "takes 2.00 times as long with it (alternating steps: 1.50 to 3.00; medians" in text


def test_one_seed_decides_nothing(runs, experiment, monkeypatch):
    seconds = {name: np.ones(2) for name in batchnorm.LABELS}
    monkeypatch.setattr(batchnorm, "paired_step_seconds", lambda *_, pairs: seconds)
    single = {network: trained[:1] for network, trained in runs.items()}
    result = batchnorm.compare(single, experiment)
    assert result["headline"][0]["note"] == "seeds: 1, not decided"
    assert "a difference of -3.0 with one seed; not decided" in batchnorm.answer(result)


def test_every_pair_shares_its_seed_and_settings(experiment, monkeypatch):
    monkeypatch.setattr(batchnorm, "fit", lambda config, *_: SimpleNamespace(config=config))
    runs = batchnorm.train_pairs(
        experiment, "run", label_treatment="poster", seeds=[4, 2], flip="none"
    )
    assert list(runs) == ["poster_batchnorm", "poster_plain"]
    for network, trained in runs.items():
        assert [run.config.seed for run in trained] == [4, 2]
        for run in trained:
            assert (run.config.network, run.config.flip) == (network, "none")
            assert run.config.label_treatment == "poster"
            assert run.config.epochs == experiment.profile.comparison_epochs
            assert run.config.batch_size == experiment.profile.batch_size
