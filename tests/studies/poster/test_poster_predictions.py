from dataclasses import replace

import numpy as np
import pytest

from posekit import files
from posekit.errors import PosekitError
from posekit.estimators import release
from posekit.evaluation import baselines, scores
from posekit.studies.poster import predictions as poster_predictions
from posekit.studies.poster.predictions import (
    BIN_COUNT,
    answer,
    bin_arguments,
    pck_by_contortion,
    pck_by_person_count,
    report,
    trained_model,
)


@pytest.fixture
def true_px(experiment):
    """The validation part's keypoints in the frame."""
    return experiment.keypoints_frame_px[experiment.split.validation]


def labelled_but(experiment, images=()):
    """The experiment with labels on all joints but those of chosen validation images."""
    labelled = np.ones_like(experiment.dataset.labelled)
    labelled[experiment.split.validation[list(images)]] = False
    dataset = replace(experiment.dataset, labelled=labelled)
    split = replace(experiment.split, fingerprint=dataset.fingerprint())
    return replace(experiment, dataset=dataset, split=split)


def test_ranked_runs_from_best_over_median_to_worst(experiment, true_px):
    count = len(true_px)
    assert count >= 3
    # Image i is off by i + 1 pixels in x, in reverse order of the file.
    offset_px = np.zeros_like(true_px)
    offset_px[..., 0] = np.arange(count, 0, -1)[:, None]
    ranked = poster_predictions.ranked(true_px + offset_px, experiment, "validation", 1)
    worst, middle, best = 0, count - 1 - (count - 1) // 2, count - 1
    order = [best, middle, worst]
    np.testing.assert_array_equal(ranked["true_px"], true_px[order])
    np.testing.assert_array_equal(ranked["images"], experiment.images("validation")[order])
    np.testing.assert_array_equal(ranked["labelled"], experiment.part("validation").labelled[order])
    errors_px = [count - index for index in order]
    assert ranked["titles"] == [
        f"best: {errors_px[0]}.0 px",
        f"median: {errors_px[1]}.0 px",
        f"worst: {errors_px[2]}.0 px",
    ]


def test_ranked_never_shows_an_image_twice(experiment, true_px):
    ranked = poster_predictions.ranked(true_px, experiment, "validation", 100)
    shown = len(true_px) // 3
    assert len(ranked["titles"]) == 3 * shown > 0
    assert len(np.unique(ranked["true_px"], axis=0)) == 3 * shown


def test_ranked_leaves_out_images_without_labels(experiment, true_px):
    unlabelled = labelled_but(experiment, [0])
    pred_px = true_px.copy()
    pred_px[0] += 1000
    ranked = poster_predictions.ranked(pred_px, unlabelled, "validation", 1)
    assert ranked["labelled"].any(axis=1).all()
    assert ranked["titles"][-1] == "worst: 0.0 px"


def test_contortion_bins_hold_every_comparable_image(experiment, true_px):
    rows = pck_by_contortion(true_px, labelled_but(experiment), seed=0)
    assert len(rows) == BIN_COUNT
    assert sum(row["images"] for row in rows) == len(true_px)
    lows = [float(row["label"].split(" to ")[0]) for row in rows]
    assert lows == sorted(lows)
    # Exact predictions are right everywhere.
    assert {row["pck"] for row in rows} == {1.0}
    assert all(row["interval"] == [1.0, 1.0] for row in rows)


def test_contortion_bins_leave_out_what_cannot_be_compared(experiment, true_px):
    rows = pck_by_contortion(true_px, labelled_but(experiment, [0, 2]), seed=0)
    assert sum(row["images"] for row in rows) == len(true_px) - 2


def test_narrow_contortion_bins_keep_their_images(experiment, true_px, monkeypatch):
    # All bins read "0.50 to 0.50".
    close = 0.5 + 0.0001 * np.arange(len(true_px))
    monkeypatch.setattr(poster_predictions.pose_statistics, "contortion", lambda *_, **__: close)
    rows = pck_by_contortion(true_px, labelled_but(experiment), seed=0)
    assert sum(row["images"] for row in rows) == len(true_px)


def test_person_count_rows_are_those_of_the_pictures(experiment, true_px):
    counts = experiment.part("validation").extras["person_count"]
    wrong_px = true_px.copy()
    wrong_px[counts == counts.max()] += 500
    rows = pck_by_person_count(wrong_px, labelled_but(experiment), seed=0)
    assert [(row["label"], row["images"]) for row in rows] == [
        (str(count), int((counts == count).sum())) for count in np.unique(counts)
    ]
    assert rows[-1]["pck"] == 0.0
    assert {row["pck"] for row in rows[:-1]} <= {1.0}


def test_person_count_is_unknown_for_photographs(experiment, true_px):
    photographs = replace(experiment, dataset=replace(experiment.dataset, extras={}))
    assert pck_by_person_count(true_px, photographs, seed=0) == []


def test_bins_become_the_plots_arguments(experiment, true_px):
    rows = pck_by_contortion(true_px, experiment, seed=0)
    arguments = bin_arguments(rows, "distance from training poses (RMS)")
    assert arguments["values"] == [row["pck"] for row in rows]
    assert arguments["counts"] == [row["images"] for row in rows]
    assert arguments["title"] == "Does PCK change with distance from training poses?"


def test_report_and_answer(experiment, tmp_path):
    described = {"folder": "training/x", "label_treatment": "masked"}
    predictions = {
        part: experiment.keypoints_frame_px[experiment.split.indices(experiment.dataset, part)]
        for part in ("train", "validation")
    }
    result = report(predictions, described, experiment, seed=0)
    files.write_json(tmp_path / "prediction.json", result)
    stored = files.read_json(tmp_path / "prediction.json")
    assert set(stored["scores"]) == {"train", "validation", "image_centre", "mean_pose"}
    assert stored["headline"][0] == {
        "label": "PCK@0.2, train",
        "value": 1.0,
        "interval": [1.0, 1.0],
    }
    mean_pose_px = baselines.mean_pose_px(experiment, "validation")
    mean_pose = scores.score_original_px(mean_pose_px, experiment, "validation", seed=0)
    text = answer(stored)
    assert text.startswith(
        "**Answer.** PCK@0.2 is 1.000 (95 % interval 1.000 to 1.000) on validation"
    )
    assert f"the mean pose gets {mean_pose['metrics']['pck_0.2']['value']:.3f}" in text


def test_network_of_a_run_without_notebook_02(tmp_path, experiment):
    with pytest.raises(PosekitError, match=r"training\.json: .*notebooks/02_training\.ipynb"):
        trained_model(tmp_path, experiment)
    trained = {"data": experiment.describe(), "runs": [{"folder": "training/gone"}]}
    files.write_json(tmp_path / "training.json", trained)
    with pytest.raises(PosekitError, match="training/gone.*: the model file must exist"):
        trained_model(tmp_path, experiment)


def test_a_model_trained_on_another_split_is_refused(tmp_path, experiment):
    other = {**experiment.split.summary(), "name": "poster", "comparable": False}
    trained = {"data": {"split": other}, "runs": [{"folder": "training/any"}]}
    files.write_json(tmp_path / "training.json", trained)
    with pytest.raises(PosekitError, match="the split that is open here.*got .*'poster'"):
        trained_model(tmp_path, experiment)


def test_reliability_of_shipped_models_is_read_from_their_folders(tmp_path):
    assert release.shipped_reliability(tmp_path) == {}
    files.write_json(tmp_path / "best" / "development.json", {"reliability": {"count": [3]}})
    (tmp_path / "other").mkdir()
    assert release.shipped_reliability(tmp_path) == {"best": {"count": [3]}}
