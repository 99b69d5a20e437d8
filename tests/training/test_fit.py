"""Training: what is recorded, handed back, resumed and refused."""

import csv
import hashlib
import json
import math
import os
import random
import shutil
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from posekit import locks
from posekit.errors import PosekitError
from posekit.evaluation import baselines, per_image, predictions
from posekit.evaluation import scores as evaluation_scores
from posekit.models import names, poster
from posekit.models.build import build
from posekit.models.saved import load
from posekit.pipeline.experiment import open_experiment
from posekit.skeleton import JOINT_COUNT
from posekit.training import checkpoint, plan, records
from posekit.training import fit as training_fit
from posekit.training.checkpoint import CheckpointFiles
from posekit.training.config import TrainingConfig
from posekit.training.fit import fit
from posekit.training.keras_patches import seeded
from posekit.training.recorder import EpochRecorder
from posekit.training.runs import TRAINING_VERSION, definition, folder_name, open_run

EPOCHS = 3


@pytest.fixture(scope="module")
def small(synthetic_folder, tmp_path_factory):
    """The experiment in frames of 32 pixels, which train in no time."""
    cache_dir = tmp_path_factory.mktemp("cache")
    return open_experiment(
        str(synthetic_folder), profile="smoke", seed=0, frame_px=32, cache_dir=cache_dir
    )


@pytest.fixture(scope="module", autouse=True)
def small_networks():
    """Trainings of a shallower pair: TensorFlow takes seconds to compile all eleven layers."""
    with pytest.MonkeyPatch.context() as patched:
        shallow = partial(
            poster.poster_network, convolution_widths=((8,), (16,)), dense_widths=(32,)
        )
        patched.setattr(poster, "poster_network", shallow)
        yield


def config(**changes):
    settings = {
        "network": "poster_plain",
        "label_treatment": "masked",
        "epochs": EPOCHS,
        "seed": 0,
        "batch_size": 16,
        "frame_px": 32,
    }
    return TrainingConfig(**{**settings, **changes})


BATCH_NORM = config(network="poster_batchnorm")


@pytest.fixture(scope="module")
def undisturbed(small, tmp_path_factory):
    return fit(BATCH_NORM, small, tmp_path_factory.mktemp("undisturbed"), verbose=0)


def fails_to_fit(*args, **kwargs):
    raise AssertionError("trained again")


class Killed(BaseException):
    """Ends a training as a kill would: nothing catches it."""


def test_the_folder_holds_what_the_module_promises(undisturbed):
    names = {path.name for path in undisturbed.folder.iterdir()}
    assert names == {
        "config.json",
        "history.json",
        "history.csv",
        "best.keras",
        "last.keras",
        "checkpoint.weights.h5",
        "checkpoint.json",
        "per_image.npz",
        "previous",
        "tensorboard",
        ".lock",
    }
    assert list(undisturbed.folder.glob("tensorboard/*/events.out.*"))
    assert undisturbed.folder.name.startswith("poster_batchnorm-masked-seed0-")


def test_one_row_for_each_epoch(undisturbed):
    history = undisturbed.history
    assert history["epoch"] == [1, 2, 3]
    assert history["learning_rate"] == pytest.approx([1e-3] * EPOCHS)
    assert set(history) == {"epoch", "train_mse", "validation_mse", "learning_rate", "seconds"}
    assert all(np.isfinite(values).all() for values in history.values())
    with (undisturbed.folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["validation_mse"]) for row in rows] == history["validation_mse"]
    least = min(history["validation_mse"])
    assert undisturbed.best_validation_mse == least
    assert history["validation_mse"][undisturbed.best_epoch - 1] == least


def test_the_settings_and_what_made_them_are_recorded(undisturbed, small):
    stored = json.loads((undisturbed.folder / "config.json").read_text())
    assert stored["config"] == asdict(BATCH_NORM)
    assert undisturbed.config == BATCH_NORM
    assert stored["data"]["fingerprint"] == small.dataset.fingerprint()
    assert stored["data"]["split"]["train"] == len(small.split.train)
    assert stored["versions"]["keras"] == keras.__version__
    assert set(stored) >= {"python", "git_commit"}


def test_the_baselines_are_those_of_the_validation_part(undisturbed, small):
    targets = small.targets("validation", "masked").astype(float)
    counted = targets[..., 2] > 0
    by_hand = ((targets[..., :2] - 15.5) ** 2)[counted].mean()
    assert undisturbed.baselines["image_centre"] == pytest.approx(by_hand)
    assert set(undisturbed.baselines) == {"image_centre", "mean_pose"}


def test_recorded_losses_are_those_of_the_saved_networks(undisturbed, small):
    targets = small.targets("validation", "masked")
    for model, recorded in (
        (undisturbed.last_model(), undisturbed.history["validation_mse"][-1]),
        (undisturbed.best_model(), undisturbed.best_validation_mse),
    ):
        predicted = predictions.predict_frame_px(model, small.images("validation"))
        assert baselines.treatment_mse(predicted, targets) == pytest.approx(recorded, rel=1e-3)


def test_the_sums_of_images_are_those_of_the_best_networks_scores(undisturbed, small):
    predicted = predictions.predict_frame_px(undisturbed.best_model(), small.images("validation"))
    scores = evaluation_scores.score(predicted, small, "validation", seed=0)["metrics"]
    sums = per_image.read(undisturbed.folder / per_image.FILE)
    assert sums.sums.keys() == scores.keys()
    for name, score in scores.items():
        assert sums.value(name) == pytest.approx(score["value"], rel=1e-4)
    assert sums.image_ids.tolist() == small.part("validation").image_ids.tolist()


def test_a_finished_training_without_sums_is_scored_and_not_trained(
    undisturbed, small, tmp_path, monkeypatch
):
    """Trainings of an earlier version have none."""
    folder = tmp_path / "training" / undisturbed.folder.name
    shutil.copytree(undisturbed.folder, folder)
    (folder / per_image.FILE).unlink()
    monkeypatch.setattr(keras.Model, "fit", fails_to_fit)
    assert fit(BATCH_NORM, small, tmp_path, verbose=0).history == undisturbed.history
    anew, before = (per_image.read(it / per_image.FILE) for it in (folder, undisturbed.folder))
    assert per_image.are_alike([anew, before])


def test_a_finished_training_on_a_read_only_disk_is_handed_back(
    undisturbed, small, tmp_path, monkeypatch
):
    folder = shutil.copytree(undisturbed.folder, tmp_path / "training" / undisturbed.folder.name)
    (folder / per_image.FILE).unlink()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    monkeypatch.setattr(training_fit.per_image, "write", None)  # nothing may be written
    run = fit(undisturbed.config, small, tmp_path, verbose=0)
    assert run.history == undisturbed.history and not (folder / per_image.FILE).exists()


def test_weights_do_not_depend_on_what_else_draws(monkeypatch):
    def weights():
        with seeded(BATCH_NORM.seed):
            return build(BATCH_NORM, joints=JOINT_COUNT).get_weights()

    undisturbed, network = weights(), poster.poster_network

    def drawing(**settings):
        random.random()
        return network(**settings)

    # As Keras has it, where nothing else draws.
    keras.utils.set_random_seed(BATCH_NORM.seed)
    plain = build(BATCH_NORM, joints=JOINT_COUNT).get_weights()
    monkeypatch.setattr(poster, "poster_network", drawing)
    for others in (plain, weights()):
        for ours, theirs in zip(undisturbed, others, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_missing_joints_are_known_to_the_batches(small, tmp_path, monkeypatch):
    def look(*_, missing, **__):
        np.testing.assert_array_equal(missing, ~small.part("train").labelled)
        raise Killed

    monkeypatch.setattr(training_fit.batches, "training_batches", look)
    with pytest.raises(Killed):
        fit(config(label_treatment="poster_origin"), small, tmp_path, verbose=0)


def test_a_finished_training_is_handed_back(undisturbed, small, monkeypatch):
    monkeypatch.setattr(keras.Model, "fit", fails_to_fit)
    again = fit(BATCH_NORM, small, undisturbed.folder.parents[1], verbose=0)
    assert again.folder == undisturbed.folder and again.history == undisturbed.history
    assert open_run(str(undisturbed.folder)).baselines == undisturbed.baselines


@pytest.mark.parametrize("change", [{"seed": 1}, {"epochs": 4}, {"flip": "none"}])
def test_other_settings_are_another_training(undisturbed, small, monkeypatch, change):
    monkeypatch.setattr(keras.Model, "fit", fails_to_fit)
    with pytest.raises(AssertionError, match="trained again"):
        fit(replace(BATCH_NORM, **change), small, undisturbed.folder.parents[1])
    (other,) = set(undisturbed.folder.parent.iterdir()) - {undisturbed.folder}
    shutil.rmtree(other)


def test_another_network_under_the_same_name_is_another_training(undisturbed, small, monkeypatch):
    wider = partial(poster.poster_network, dense_widths=(33,))
    monkeypatch.setattr(poster, "poster_network", wider)
    monkeypatch.setattr(keras.Model, "fit", fails_to_fit)
    with pytest.raises(AssertionError, match="trained again"):
        fit(BATCH_NORM, small, undisturbed.folder.parents[1], verbose=0)
    (other,) = set(undisturbed.folder.parent.iterdir()) - {undisturbed.folder}
    shutil.rmtree(other)


@pytest.mark.parametrize("moment", ["in an epoch", "between history and checkpoint"])
def test_a_killed_training_goes_on_as_if_nothing_had_been(
    undisturbed, small, tmp_path, monkeypatch, moment
):
    recorder, write = EpochRecorder, CheckpointFiles.write

    def killed_in_epoch(self, batch, logs=None):
        if len(self._history) == 1:
            raise Killed

    def killed_before_checkpoint(self, name, writing):
        if name == "checkpoint.weights.h5" and records.read_history(self.folder)[1:]:
            raise Killed
        write(self, name, writing)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        if moment == "in an epoch":
            patched.setattr(recorder, "on_train_batch_end", killed_in_epoch, raising=False)
        else:
            patched.setattr(CheckpointFiles, "write", killed_before_checkpoint)
        fit(BATCH_NORM, small, tmp_path, verbose=0)
    folder = tmp_path / "training" / undisturbed.folder.name
    written = 1 if moment == "in an epoch" else 2
    assert len(json.loads((folder / "history.json").read_text())) == written

    resumed = fit(BATCH_NORM, small, tmp_path, verbose=0)
    assert resumed.history["epoch"] == [1, 2, 3]
    for column in ("train_mse", "validation_mse"):
        np.testing.assert_allclose(
            resumed.history[column], undisturbed.history[column], rtol=1e-4
        )
    weights = zip(
        resumed.last_model().get_weights(), undisturbed.last_model().get_weights(), strict=True
    )
    # Threads add in no fixed order, so equal trainings differ in the last digits.
    for ours, theirs in weights:
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    assert resumed.best_epoch == undisturbed.best_epoch


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["checkpoint.weights.h5", "history.json", "best.keras"])
def test_a_damaged_file_is_named_and_trained_anew(undisturbed, small, tmp_path, name):
    folder = tmp_path / "training" / undisturbed.folder.name
    shutil.copytree(undisturbed.folder, folder)
    flip_a_bit(folder / name)
    with pytest.warns(UserWarning, match=rf"{name}: is damaged and set aside as {name}\.damaged"):
        again = fit(BATCH_NORM, small, tmp_path, verbose=0)
    assert again.history["epoch"] == [1, 2, 3] and (folder / f"{name}.damaged").is_file()
    np.testing.assert_allclose(
        again.history["validation_mse"], undisturbed.history["validation_mse"], rtol=1e-4
    )


def test_a_network_with_a_flipped_bit_is_refused(undisturbed, tmp_path):
    path = shutil.copy(undisturbed.folder / "best.keras", tmp_path)
    flip_a_bit(Path(path))
    with pytest.raises(PosekitError, match=r"best\.keras: must be a Keras model .* CRC"):
        load(path, joints=JOINT_COUNT)


def test_a_training_in_use_is_refused(undisturbed, small, tmp_path):
    lock = tmp_path / "training" / undisturbed.folder.name / ".lock"
    with (
        locks.held(lock, what="the first"),
        pytest.raises(PosekitError, match=f"one process at a time; got process {os.getpid()} on"),
    ):
        fit(BATCH_NORM, small, tmp_path, verbose=0, lock_patience_seconds=0.0)


def test_a_training_of_an_earlier_version_goes_on(undisturbed, small, tmp_path):
    """Those have no record of their epochs: history and checkpoint speak for themselves."""
    folder = tmp_path / "training" / undisturbed.folder.name
    shutil.copytree(undisturbed.folder, folder)
    shutil.rmtree(folder / "previous")
    (folder / "checkpoint.json").unlink()
    assert fit(BATCH_NORM, small, tmp_path).history == undisturbed.history
    rows = json.loads((folder / "history.json").read_text())
    (folder / "history.json").write_text(json.dumps(rows[:2]))
    with pytest.raises(PosekitError, match="a row for each of the checkpoint's 3 epochs; got 2"):
        fit(BATCH_NORM, small, tmp_path)


@pytest.mark.parametrize(("last_is_best", "kept"), [(False, 1), (True, 3)])
def test_the_best_network_is_kept_and_patience_counts_from_it(tmp_path, last_is_best, kept):
    model = poster.poster_network(batch_norm=False, frame_px=32)
    model.compile(optimizer="adam")
    twin = keras.models.clone_model(model)
    history = []
    settings = config(patience=2, keeps="last" if last_is_best else "best")
    recorder = EpochRecorder(CheckpointFiles(tmp_path), history, twin, settings)
    recorder.set_model(model)
    bias = model.get_layer("coordinates_unit").bias
    for epoch, validation_mse in enumerate([5.0, 3.0, 4.0, 3.0]):
        assert not model.stop_training
        bias.assign(np.full(28, epoch))
        recorder.on_epoch_begin(epoch)
        recorder.on_test_begin()
        recorder.on_test_end()
        recorder.on_epoch_end(epoch, {"loss": 9.0, "mse": 9.0, "val_mse": validation_mse})
    assert model.stop_training
    biases = [
        load(tmp_path / name, joints=JOINT_COUNT).get_layer("coordinates_unit").bias.numpy()
        for name in ("best.keras", "last.keras")
    ]
    np.testing.assert_array_equal(biases, [np.full(28, kept), np.full(28, 3)])
    assert [row["validation_mse"] for row in history] == [5, 3, 4, 3]


def test_the_last_epoch_is_kept_where_the_settings_say_so(small, tmp_path, monkeypatch):
    written = []

    def write(checkpoint_files, name, save):
        written.append((checkpoint_files.folder, name))
        return original(checkpoint_files, name, save)

    original = CheckpointFiles.write
    monkeypatch.setattr(CheckpointFiles, "write", write)
    # Steps this small are lost in rounding: no epoch is better than the first.
    settings = config(learning_rate=1e-30, epochs=2)
    runs = [
        fit(each, small, tmp_path, verbose=0)
        for each in (settings, replace(settings, keeps="last"))
    ]
    assert runs[0].folder != runs[1].folder
    assert [written.count((run.folder, "best.keras")) for run in runs] == [1, 2]
    assert [run.best_epoch for run in runs] == [1, 2]
    assert [records.read(run.folder).best_epoch for run in runs] == [1, 2]


def test_a_choice_that_came_later_leaves_the_names_of_trainings(small):
    settings = config()
    model = build(settings, joints=JOINT_COUNT)
    name = folder_name(settings, definition(settings, model), small)
    last = replace(settings, keeps="last")
    kept = folder_name(last, definition(last, model), small)
    described = asdict(settings)
    del described["keeps"]
    before = [
        TRAINING_VERSION,
        described,
        model.get_config(),
        None,
        small.dataset.fingerprint(),
        small.split.summary(),
    ]
    digest = hashlib.sha256(json.dumps(before, sort_keys=True).encode()).hexdigest()[:8]
    assert name.endswith(digest) and not kept.endswith(digest)


def test_cosine_rates_and_the_doubled_epoch(small, tmp_path):
    settings = config(schedule="cosine", flip="double", epochs=2, learning_rate=0.01)
    run = fit(settings, small, tmp_path, verbose=0)
    # Rates after each epoch: cos runs from 0 to pi over all of them.
    expected = [0.01 * (1 + math.cos(math.pi * epoch / 2)) / 2 for epoch in (1, 2)]
    assert run.history["learning_rate"] == pytest.approx(expected, abs=1e-9)
    steps = 2 * len(small.split.train) // 16
    model = poster.poster_network(batch_norm=False, frame_px=32)
    model.compile(plan.make_optimizer(settings, steps))
    seen = checkpoint.restore(model, run.folder / "checkpoint.weights.h5", steps)
    assert seen == 2 and int(model.optimizer.iterations) == 2 * steps


def test_a_warm_up_rises_for_half_an_epoch():
    rate = plan.make_optimizer(config(schedule="warmup_cosine", epochs=2), 10)._learning_rate
    rates = [float(rate(step)) for step in (0, 2, 5, 12, 20)]
    # Up to 1e-3 in 5 steps, then a cosine over the other 15.
    middle = 1e-3 * (1 + math.cos(math.pi * 7 / 15)) / 2
    assert rates == pytest.approx([0, 4e-4, 1e-3, middle, 0], abs=1e-9)


@pytest.fixture(scope="module")
def narrow_residual():
    """Trainings of a residual network with one narrow block a stage."""
    with pytest.MonkeyPatch.context() as patched:
        narrow = {"widths": (8, 8, 16, 16), "blocks": (1, 1, 1, 1)}
        patched.setitem(names.NETWORKS, "residual", ("residual.residual_network", narrow))
        yield


MAPS = {
    "network": "residual",
    "head": "soft_argmax",
    "loss": "cross_entropy",
    "view": "person",
    "augmentation": "turned",
    "schedule": "warmup_cosine",
    "weight_decay": 0.01,
    "clip_norm": 5.0,
    "weight_average": 0.9,
    "frame_px": 64,
    "epochs": 2,
}


@pytest.fixture(scope="module")
def averaged(small, tmp_path_factory, narrow_residual):
    """A training of maps from varied crops, its weights averaged."""
    return fit(config(**MAPS), small, tmp_path_factory.mktemp("averaged"), verbose=0)


def test_a_varied_averaged_training_resumes_as_if_undisturbed(
    averaged, small, tmp_path, monkeypatch
):
    assert averaged.best_model().output_shape == (None, 8, 8, 14)
    record = EpochRecorder.on_epoch_end

    def killed_after_one(self, epoch, logs=None):
        record(self, epoch, logs)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(EpochRecorder, "on_epoch_end", killed_after_one)
        with pytest.raises(Killed):
            fit(config(**MAPS), small, tmp_path, verbose=0)
    parts = fit(config(**MAPS), small, tmp_path, verbose=0)
    assert parts.history["epoch"] == [1, 2]
    np.testing.assert_allclose(
        parts.history["validation_mse"], averaged.history["validation_mse"], rtol=1e-2
    )


def test_the_average_is_what_is_saved(averaged):
    model = build(averaged.config, joints=JOINT_COUNT)
    model.compile(plan.make_optimizer(averaged.config, 2))
    checkpoint.restore(model, averaged.folder / "checkpoint.weights.h5", 2)
    saved = averaged.last_model()
    for ours, theirs in zip(model.trainable_variables, saved.trainable_variables, strict=True):
        assert ours.path == theirs.path
    trained = [variable.numpy() for variable in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    for before, average, kept in zip(
        trained, model.trainable_variables, saved.trainable_variables, strict=True
    ):
        np.testing.assert_array_equal(average.numpy(), kept.numpy())
        assert not np.array_equal(before, kept.numpy())


def test_dropout_draws_on_after_an_interruption(tmp_path, narrow_residual):
    settings = config(**MAPS | {"dropout": 0.3, "stochastic_depth": 0.3})

    def compiled():
        keras.utils.set_random_seed(settings.seed)
        model = build(settings, joints=JOINT_COUNT)
        model.compile(plan.make_optimizer(settings, 2), loss="mse", run_eagerly=True)
        return model

    def draws(model):
        """[seed, how many draws] of each layer that drops."""
        dropping = [layer for layer in model.layers if getattr(layer, "seed_generator", None)]
        return [layer.seed_generator.state.numpy().tolist() for layer in dropping]

    trained = compiled()
    for _ in range(2):
        trained.train_on_batch(np.zeros((2, 64, 64, 3)), np.zeros((2, 8, 8, 14)))
    trained.save_weights(tmp_path / "checkpoint.weights.h5")
    resumed = compiled()
    assert len(draws(resumed)) > 1 and draws(resumed) != draws(trained)
    assert checkpoint.restore(resumed, tmp_path / "checkpoint.weights.h5", 2) == 1
    assert draws(resumed) == draws(trained)


def test_mixed_precision_trains_and_saves_full_precision(small, tmp_path, narrow_residual):
    settings = config(**MAPS | {"mixed_precision": True, "epochs": 1})
    run = fit(settings, small, tmp_path, verbose=0)
    model = run.best_model()
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_a_training_starts_from_another_ones_weights(averaged, small):
    settings = config(
        **MAPS | {"initial_weights": str(averaged.folder / "best.keras"), "frame_px": 96}
    )
    started = build(settings, joints=JOINT_COUNT)
    trained = averaged.best_model()
    for name in ("stem", "stage2_1_first", "decoder8", "map_logits"):
        for ours, theirs in zip(
            started.get_layer(name).get_weights(), trained.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    # Other weights to start from are another training.
    other = build(config(**MAPS), joints=JOINT_COUNT)
    names = {
        folder_name(settings, definition(settings, model), small) for model in (started, other)
    }
    assert len(names) == 2
    # The same weights elsewhere are the same training.
    moved = replace(settings, initial_weights="elsewhere.keras")
    assert folder_name(moved, definition(moved, started), small) in names


def test_patience_ends_a_training_that_no_longer_gets_better(small, tmp_path, monkeypatch):
    # Steps this small are lost in rounding: no epoch is better than the first.
    settings = config(learning_rate=1e-30, patience=2, epochs=9)
    run = fit(settings, small, tmp_path, verbose=0)
    assert run.history["epoch"] == [1, 2, 3] and run.best_epoch == 1
    monkeypatch.setattr(keras.Model, "fit", fails_to_fit)
    assert fit(settings, small, tmp_path).history == run.history


@pytest.mark.parametrize(
    ("batch_size", "finding"),
    [(8, "got (nan|inf) in training"), (38, "got [0-9.]+ in training and (nan|inf) in validation")],
    ids=["in training", "in the last step"],
)
def test_a_loss_that_is_not_finite_ends_in_an_error(small, tmp_path, batch_size, finding):
    assert len(small.split.train) == 38
    settings = config(learning_rate=1e30, batch_size=batch_size)
    with pytest.raises(PosekitError, match=f"{finding}.*epoch 1. Lower the learning rate"):
        fit(settings, small, tmp_path, verbose=0)
    (folder,) = (tmp_path / "training").iterdir()
    assert not (folder / "history.json").exists()


def test_a_split_that_leaks_is_refused(small, tmp_path):
    one_group = np.zeros(len(small.dataset), int)
    leaking = replace(small, split=replace(small.split, groups=one_group))
    with pytest.raises(PosekitError, match="`train` and `validation` must not share a group"):
        fit(BATCH_NORM, leaking, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_too_large_a_batch_is_refused(small, tmp_path):
    with pytest.raises(PosekitError, match="at most the 38 training examples; got 39"):
        fit(config(batch_size=39), small, tmp_path)


def test_a_folder_without_a_training_is_refused(tmp_path):
    with pytest.raises(PosekitError, match=r"config\.json: the file must exist; got nothing"):
        open_run(tmp_path)
    write_training(tmp_path)
    (tmp_path / "history.json").unlink()
    with pytest.raises(PosekitError, match=r"history\.json must hold finished epochs; got none"):
        open_run(tmp_path)


def write_training(folder):
    """The two files that tell of a training, of two epochs."""
    described = {"config": asdict(BATCH_NORM), "baselines": {"mean_pose": 400.0}}
    rows = [
        {
            "epoch": epoch,
            "train_mse": 500.0,
            "validation_mse": 450.0 - epoch,
            "learning_rate": 1e-3,
            "seconds": 1,
        }
        for epoch in (1, 2)
    ]
    (folder / "config.json").write_text(json.dumps(described))
    (folder / "history.json").write_text(json.dumps(rows))


@pytest.mark.parametrize(
    ("file", "change", "finding"),
    [
        ("config", lambda it: it.clear(), r"config\.json: must describe a training; got KeyError"),
        ("config", lambda it: it["config"].update(colour=1), "got TypeError.*colour"),
        ("config", lambda it: it["config"].update(dropout="no"), "got TypeError"),
        ("config", lambda it: it.update(config=[1]), "got TypeError"),
        ("config", lambda it: it.update(baselines=[1]), "got TypeError"),
        ("config", lambda it: it.update(data=[1]), "got TypeError"),
        ("config", lambda it: it.update(data={"split": 3}), "`data` must describe a data set; got"),
        ("config", lambda it: it.update(data={"name": [1]}), "`data` must describe a data set; got"),
        ("config", lambda it: it["baselines"].update(x="7"), "`baselines` must be numbers; got"),
        ("history", lambda it: it[1].update(epoch=3), r"row 2 must have .*, epoch 2; got .*3"),
        ("history", lambda it: it[0].pop("seconds"), "row 1 must have .* seconds"),
        ("history", lambda it: it[0].update(train_mse=None), "row 1 must have .*None"),
        ("history", lambda it: it[1].update(validation_mse=10**400), "row 2 must have finite"),
        ("history", lambda it: it.__setitem__(0, "epoch"), "row 1 must have .*got 'epoch'"),
    ],
)
def test_a_spoilt_training_is_named_with_what_is_wrong(tmp_path, file, change, finding):
    write_training(tmp_path)
    assert open_run(tmp_path).best_epoch == 2
    path = tmp_path / f"{file}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(PosekitError, match=finding):
        open_run(tmp_path)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"network": "vgg"}, "'poster_batchnorm', 'poster_plain', 'residual', .*; got 'vgg'"),
        ({"label_treatment": "all"}, "'masked', 'poster', 'poster_origin'; got 'all'"),
        ({"schedule": "step"}, "'constant', 'cosine', 'warmup_cosine'; got 'step'"),
        ({"flip": "both"}, "'none', 'random', 'double'; got 'both'"),
        ({"epochs": 0}, "`epochs` must be a whole number >= 1; got 0"),
        ({"epochs": 2.5}, "`epochs` must be a whole number >= 1; got 2.5"),
        ({"seed": -1}, "`seed` must be a whole number >= 0; got -1"),
        ({"batch_size": "32"}, "`batch_size` must be a whole number >= 1; got '32'"),
        ({"patience": 0}, "`patience` must be a whole number >= 1; got 0"),
        ({"learning_rate": 0}, "`learning_rate` must be a finite number > 0; got 0"),
        ({"learning_rate": math.nan}, "`learning_rate` must be a finite number > 0; got nan"),
        ({"head": "heatmap"}, "'coordinates', 'soft_argmax'; got 'heatmap'"),
        ({"head": "soft_argmax", "loss": "l1"}, "`loss` must be one of 'cross_entropy'; got 'l1'"),
        ({"keeps": "first"}, "'best', 'last'; got 'first'"),
        ({"view": "face"}, "'squashed', 'whole', 'person'; got 'face'"),
        ({"augmentation": "wild"}, "'none', 'turned'; got 'wild'"),
        ({"frame_px": 16}, "`frame_px` must be a whole number >= 32; got 16"),
        ({"dropout": 1.0}, r"`dropout` must be a number in \[0, 1\); got 1.0"),
        (
            {"head": "soft_argmax", "loss": "cross_entropy"},
            "`head` of poster_plain must be \"coordinates\"; got 'soft_argmax'",
        ),
        (
            {"network": "residual", "initial_weights": "imagenet"},
            "for the \"lite0\" networks alone; got network 'residual'",
        ),
    ],
)
def test_bad_settings_are_refused(changes, finding):
    with pytest.raises(PosekitError, match=finding):
        config(**changes)


def test_all_bad_numbers_are_named_at_once():
    with pytest.raises(PosekitError, match=r"(?s)`epochs`.*got -2.*`batch_size`.*got 0.*got -0\.1"):
        config(epochs=-2, batch_size=0, learning_rate=-0.1)
