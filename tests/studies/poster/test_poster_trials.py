from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from posekit import files
from posekit.models import poster
from posekit.studies.poster import trials
from posekit.studies.poster.trials import SCALINGS, MeasuredStatistics, Trial
from posekit.training.keras_patches import seeded
from posekit.training.recorder import DivergedError

TRIAL = Trial("plain pixels", True, 1e-3, 0, 2, 16)


def built(scaling, batch_norm=False):
    with seeded(0):
        return trials.network(scaling, batch_norm=batch_norm, frame_px=32, joints=14)


def test_a_scaling_changes_nothing_but_what_it_names():
    plain, ours, small = map(built, SCALINGS)
    assert not [layer for layer in plain.layers if isinstance(layer, keras.layers.Rescaling)]
    with seeded(0):
        wanted = poster.poster_network(batch_norm=False, frame_px=32)
    for network in (plain, ours, small):
        # All but the last layer's kernel and bias.
        for found, expected in zip(
            network.get_weights()[:-2], wanted.get_weights()[:-2], strict=True
        ):
            np.testing.assert_array_equal(found, expected)
    kernel = ours.get_weights()[-2]
    np.testing.assert_array_equal(kernel, wanted.get_weights()[-2])
    np.testing.assert_allclose(small.get_weights()[-2], 0.02 * kernel, atol=1e-8)
    picture = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    # Half a frame times what the unit scale says, around the frame's centre.
    said = [np.asarray(network(picture)) - 15.5 for network in (ours, small)]
    np.testing.assert_allclose(said[1], 0.02 * said[0], rtol=1e-3, atol=1e-4)


def test_names_tell_the_variants_apart():
    names = [built(scaling, with_it).name for scaling in SCALINGS for with_it in (True, False)]
    assert len(set(names)) == 6 and names[0] == "plain_pixels_batchnorm"


def test_statistics_are_means_over_whole_batches():
    images = np.random.default_rng(0).integers(0, 256, (11, 4, 4, 3), np.uint8)
    layer = keras.layers.BatchNormalization(momentum=0.9)
    model = keras.Sequential([keras.Input((4, 4, 3)), layer])
    measure = MeasuredStatistics(images, batch_size=4)
    measure.set_model(model)
    measure.on_test_begin()
    # Two batches of four; the rest would weigh as much as a whole one.
    batches = images[:8].reshape(2, 4 * 16, 3).astype(float)
    np.testing.assert_allclose(layer.moving_mean, batches.mean(axis=(0, 1)), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, batches.var(axis=1).mean(axis=0), rtol=1e-4)
    assert layer.momentum == 0.9


@pytest.fixture
def fitted(experiment, monkeypatch):
    """`fit` replaced by finished trainings of a network that is 2 px off everywhere."""
    calls = []

    def fit(network, data, run_dir, **settings):
        calls.append(settings)
        flat = {
            len(data.images(part)): data.targets(part, "masked")[..., :2].reshape(-1, 28) + 2
            for part in ("train", "validation")
        }
        return SimpleNamespace(
            history={
                "epoch": [1, 2],
                "train_mse": [9.0, 4.0],
                "validation_mse": [8.0, 6.00049],
                "seconds": [1.0, 1.0],
                "learning_rate": [1e-3, 1e-3],
            },
            best_validation_mse=6.00049,
            baselines={"mean_pose": 200.0},
            last_model=lambda: flat,
        )

    monkeypatch.setattr(trials, "fit", fit)
    monkeypatch.setattr(
        trials.predictions,
        "predict_frame_px",
        lambda flat, images: flat[len(images)].reshape(-1, 14, 2),
    )
    return calls


def test_a_finished_training_is_added_to_the_file_and_not_repeated(fitted, experiment, tmp_path):
    out = tmp_path / "trainings.json"
    for times in (1, 2):
        (row,) = trials.train_all([TRIAL], experiment, tmp_path, out=out)
        assert len(fitted) == 1, times
    assert float(fitted[0]["optimizer"].learning_rate) == pytest.approx(1e-3)
    assert [type(each) for each in fitted[0]["callbacks"]] == [MeasuredStatistics]
    assert trials.read(out) == [row] == files.read_json(out)["trainings"]
    assert row["train_mse"] == pytest.approx(4.0) and row["best_validation_mse"] == 6.0
    assert row["history"]["train_mse"] == [9.0, 4.0] and row["data"]["train"] == 38
    # Anything else is another training.
    others = [replace(TRIAL, batch_norm=False), replace(TRIAL, learning_rate=4e-3)]
    trials.train_all([*others, TRIAL], experiment, tmp_path, out=out)
    assert len(fitted) == 3 and len(trials.read(out)) == 3
    assert fitted[1]["callbacks"] == []
    trials.train_all([TRIAL], experiment.with_data_fraction(0.5), tmp_path, out=out)
    assert len(fitted) == 4 and len(trials.read(out)) == 4


def test_a_training_that_diverges_is_recorded_as_such(experiment, tmp_path, monkeypatch):
    def fit(*_, **__):
        raise DivergedError("the loss must stay finite")

    monkeypatch.setattr(trials, "fit", fit)
    (row,) = trials.train_all([TRIAL], experiment, tmp_path, out=tmp_path / "x.json")
    assert row["diverged"] and "history" not in row
    monkeypatch.setattr(trials, "fit", None)
    assert trials.train_all([TRIAL], experiment, tmp_path, out=tmp_path / "x.json") == [row]
