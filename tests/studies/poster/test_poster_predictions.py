from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from posekit import files
from posekit.errors import PosekitError
from posekit.estimators import release
from posekit.evaluation import baselines, scores
from posekit.geometry import torso_length_px
from posekit.studies.poster import predictions as poster_predictions
from posekit.studies.poster.predictions import (
    BIN_COUNT,
    answer,
    bin_table,
    curve_arguments,
    estimated,
    gallery,
    joint_arguments,
    pck_by_contortion,
    pck_by_person_count,
    report,
    score_table,
    trained_model,
)
from posekit.training.fit import fit


@pytest.fixture
def true_px(experiment):
    """The validation part's keypoints in the frame."""
    return experiment.keypoints_frame_px[experiment.split.validation]


@pytest.fixture
def original_px(experiment):
    """The same in pixels of the original pictures."""
    return experiment.part("validation").keypoints_px


def labelled_but(experiment, images=()):
    """The experiment with labels on all joints but those of chosen validation images."""
    labelled = np.ones_like(experiment.dataset.labelled)
    labelled[experiment.split.validation[list(images)]] = False
    dataset = replace(experiment.dataset, labelled=labelled)
    split = replace(experiment.split, fingerprint=dataset.fingerprint())
    return replace(experiment, dataset=dataset, split=split)


def test_a_gallery_runs_from_typical_over_good_to_worst(experiment, original_px):
    count = len(original_px)
    assert count >= 3
    # Image i is off by count - i pixels in x.
    offset_px = np.zeros_like(original_px)
    offset_px[..., 0] = np.arange(count, 0, -1)[:, None]
    shown = gallery(original_px + offset_px, experiment, 1)
    order = [count - 1 - (count - 1) // 2, count - 1, 0]
    np.testing.assert_array_equal(shown["true_px"], original_px[order])
    np.testing.assert_array_equal(shown["labelled"], experiment.part("validation").labelled[order])
    assert shown["titles"] == [
        f"{kind}: {count - index}.0 px"
        for kind, index in zip(("typical", "good", "worst"), order, strict=True)
    ]
    for image, index in zip(shown["images"], order, strict=True):
        assert image.shape[1::-1] == tuple(experiment.part("validation").image_sizes_px[index])


def test_a_gallery_never_shows_an_image_twice(experiment, original_px):
    shown = gallery(original_px, experiment, 100)
    each = len(original_px) // 3
    assert len(shown["titles"]) == 3 * each > 0
    assert len(np.unique(shown["true_px"], axis=0)) == 3 * each


def test_a_gallery_leaves_out_images_without_labels(experiment, original_px):
    unlabelled = labelled_but(experiment, [0])
    pred_px = original_px.copy()
    pred_px[0] += 1000
    shown = gallery(pred_px, unlabelled, 1)
    assert shown["labelled"].any(axis=1).all()
    assert shown["titles"][-1] == "worst: 0.0 px"


def test_predictions_are_in_pixels_of_the_pictures(experiment):
    frame_px = experiment.frame_px
    centre = keras.Sequential(
        [keras.Input((frame_px, frame_px, 3)), layers.Flatten(), layers.Dense(28)]
    )
    centre.layers[-1].set_weights([np.zeros((3 * frame_px**2, 28)), np.full(28, frame_px / 2)])
    predicted = poster_predictions.predict_parts(centre, experiment)
    for part, pred_px in predicted.items():
        sizes_px = experiment.part(part).image_sizes_px[:, None]
        # x in the frame becomes (x + 0.5) * width / side - 0.5.
        expected = (frame_px / 2 + 0.5) * sizes_px / frame_px - 0.5
        np.testing.assert_allclose(pred_px, np.broadcast_to(expected, pred_px.shape), rtol=1e-5)


def test_contortion_bins_hold_every_comparable_image(experiment, original_px):
    rows = pck_by_contortion(original_px, labelled_but(experiment), seed=0)
    assert len(rows) == BIN_COUNT
    assert sum(row["images"] for row in rows) == len(original_px)
    lows = [float(row["label"].split(" to ")[0]) for row in rows]
    assert lows == sorted(lows)
    # Exact predictions are right everywhere.
    assert {row["pck"] for row in rows} == {1.0}
    assert all(row["interval"] == [1.0, 1.0] for row in rows)


def test_contortion_bins_leave_out_what_cannot_be_compared(experiment, original_px):
    rows = pck_by_contortion(original_px, labelled_but(experiment, [0, 2]), seed=0)
    assert sum(row["images"] for row in rows) == len(original_px) - 2


def test_narrow_contortion_bins_keep_their_images(experiment, original_px, monkeypatch):
    # All bins read "0.50 to 0.50".
    close = 0.5 + 0.0001 * np.arange(len(original_px))
    monkeypatch.setattr(poster_predictions.pose_statistics, "contortion", lambda *_, **__: close)
    rows = pck_by_contortion(original_px, labelled_but(experiment), seed=0)
    assert sum(row["images"] for row in rows) == len(original_px)


def test_person_count_rows_are_those_of_the_pictures(experiment, original_px):
    counts = experiment.part("validation").extras["person_count"]
    wrong_px = original_px.copy()
    wrong_px[counts == counts.max()] += 500
    rows = pck_by_person_count(wrong_px, labelled_but(experiment), seed=0)
    assert [(row["label"], row["images"]) for row in rows] == [
        (str(count), int((counts == count).sum())) for count in np.unique(counts)
    ]
    assert rows[-1]["pck"] == 0.0
    assert {row["pck"] for row in rows[:-1]} <= {1.0}


def test_person_count_is_unknown_for_photographs(experiment, original_px):
    photographs = replace(experiment, dataset=replace(experiment.dataset, extras={}))
    assert pck_by_person_count(original_px, photographs, seed=0) == []


def test_bins_of_all_networks_become_one_table(experiment, original_px):
    rows = pck_by_contortion(original_px, experiment, seed=0)
    result = {"by_contortion": rows, "shipped": {"best": {"by_contortion": rows[:1]}}}
    photographs = {"by_contortion": rows[:1], "shipped": {}}
    table = bin_table("by_contortion", result, photographs)
    assert [row["pictures of"] for row in table] == [*["this run"] * (len(rows) + 1), "photographs"]
    assert [row["predicted by"] for row in table][-2:] == ["best", "the network"]
    assert table[0]["PCK@0.2"] == {"value": rows[0]["pck"], "interval": rows[0]["interval"]}


def test_a_bin_says_how_much_error_it_allows(experiment, original_px):
    people = labelled_but(experiment)
    rows = pck_by_person_count(original_px, people, seed=0)
    validation = people.part("validation")
    true_px = people.keypoints_frame_px[people.split.validation]
    torsos_px = torso_length_px(true_px, validation.labelled, skeleton=validation.skeleton)
    counts = validation.extras["person_count"]
    for row, count in zip(rows, np.unique(counts), strict=True):
        assert row["allowed_px"] == pytest.approx(0.2 * torsos_px[counts == count].mean())


def test_an_estimator_of_other_joints_has_no_gallery(experiment):
    other = SimpleNamespace(skeleton=SimpleNamespace(joints=("nose",)))
    assert estimated(other, experiment) is None


DESCRIBED = {
    "folder": "training/x",
    "label_treatment": "masked",
    "epochs": 2,
    "best_epoch": 2,
}


def test_report_and_answer(experiment, original_px, tmp_path):
    predictions = {part: experiment.part(part).keypoints_px for part in ("train", "validation")}
    shipped = {"best": original_px, "other": None}
    result = report(predictions, DESCRIBED, experiment, seed=0, shipped=shipped)
    files.write_json(tmp_path / "prediction.json", result)
    stored = files.read_json(tmp_path / "prediction.json")
    constants = {"image_centre", "mean_pose"}
    assert set(stored["scores"]) == {"train", "validation", "best", *constants}
    assert list(stored["shipped"]) == ["best"]
    assert set(stored["publishable"]) < set(stored)
    assert stored["headline"][0] == {
        "label": "PCK@0.2, train",
        "value": 1.0,
        "interval": [1.0, 1.0],
    }
    mean_pose_px = baselines.mean_pose_px(experiment, "validation")
    mean_pose = scores.score_original_px(mean_pose_px, experiment, "validation", seed=0)
    constant = mean_pose["metrics"]["pck_0.2"]["value"]
    assert stored["gain"]["value"] == pytest.approx(1 - constant)
    text = answer(stored)
    assert text.startswith("**Mostly right.** 1.000 (95 % interval 1.000 to 1.000) of the joints")
    assert f"the same for all, gets {constant:.3f}" in text
    assert "`best` gets 1.000" in text and "on the poses least like" in text
    beside = score_table(stored, stored)
    assert [row["prediction"] for row in beside][-1] == "best"
    assert beside[0]["PCK@0.2, this run"] == beside[0]["PCK@0.2, photographs"]
    curves = curve_arguments(stored)["curves"]
    assert list(curves)[-1] == "best" and "mean pose" in curves
    assert set(joint_arguments(stored)["best"]) == {0.0}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((0.1, 0.2), "PCK is 0.200 (95 % interval 0.180 to 0.220) late, 0.100 (95 % interval "),
        ((0.1, 0.2), "0.120) early."),
        ((0.1, 0.11), "early: these pictures do not tell them apart."),
        ((0.1,), ""),
    ],
)
def test_the_ends_of_bins_in_words(values, words):
    rows = [{"pck": pck, "interval": [pck - 0.02, pck + 0.02]} for pck in values]
    text = poster_predictions._ends_text(rows, "late", "early")
    assert words in text and bool(text) == bool(words)


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ([0.01, 0.2], "Better than one constant pose, but mostly wrong."),
        ([-0.2, -0.1], "Worse than one constant pose for everybody."),
        ([-0.1, 0.1], "Not decided: too few pictures to tell it from one constant pose."),
        ([None, None], "Not measured: no picture has a torso to measure by."),
    ],
)
def test_the_verdict_is_what_is_decided(experiment, interval, verdict):
    wrong = {
        part: np.zeros((len(experiment.part(part)), 14, 2)) for part in ("train", "validation")
    }
    result = report(wrong, DESCRIBED, experiment, seed=0)
    result["gain"]["interval"] = interval
    assert answer(result).startswith(f"**{verdict}** 0.")


def test_network_of_a_run_without_notebook_02(tmp_path, experiment):
    with pytest.raises(PosekitError, match=r"training\.json: .*notebooks/02_training\.ipynb"):
        trained_model(tmp_path, experiment)


def small_network(frame_px):
    return keras.Sequential(
        [keras.Input((frame_px, frame_px, 3)), layers.AveragePooling2D(16), layers.Flatten()]
        + [layers.Dense(28)],
        name="mine",
    )


def test_another_network_is_found_by_folder_or_name(tmp_path, experiment):
    run = fit(small_network(96), experiment, tmp_path, epochs=1, verbose=0)
    files.write_json(
        tmp_path / "training.json", {"runs": [{"folder": f"training/{run.folder.name}"}]}
    )
    for named in (None, run.folder, "mine", run.folder.name):
        model, described = trained_model(tmp_path, experiment, network=named)
        np.testing.assert_array_equal(model.get_weights()[0], run.best_model().get_weights()[0])
        assert described["folder"] == f"training/{run.folder.name}"
        assert (described["epochs"], described["best_epoch"]) == (1, 1)
    elsewhere = trained_model(tmp_path / "other", experiment, network=run.folder)[1]
    assert elsewhere["folder"] == str(run.folder)
    with pytest.raises(PosekitError, match=r"`network` must be .* \(mine-.*\); got 'yours'"):
        trained_model(tmp_path, experiment, network="yours")
    other = replace(experiment, split=replace(experiment.split, seed=7))
    with pytest.raises(
        PosekitError, match=r"config\.json: .*the split that is open here.*'seed': 7"
    ):
        trained_model(tmp_path, other, network="mine")


def test_a_network_of_another_frame_is_refused(tmp_path, experiment):
    fit(small_network(32), experiment, tmp_path, epochs=1, verbose=0)
    with pytest.raises(PosekitError, match="squashed to 96 px; got head 'coordinates'.*, 32 px"):
        trained_model(tmp_path, experiment, network="mine")


def test_reliability_of_shipped_models_is_read_from_their_folders(tmp_path):
    assert release.shipped_reliability(tmp_path) == {}
    files.write_json(tmp_path / "best" / "development.json", {"reliability": {"count": [3]}})
    (tmp_path / "other").mkdir()
    assert release.shipped_reliability(tmp_path) == {"best": {"count": [3]}}
