"""A network, a loss and an augmentation written in a cell are trained like those of posekit."""

import json
import linecache
import re
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers

import posekit
from posekit.errors import PosekitError
from posekit.estimators import loading
from posekit.evaluation import per_image
from posekit.models import poster
from posekit.pipeline.augmentation import AUGMENTATIONS, Augmentation
from posekit.report import runs as runs_page
from posekit.training import own
from posekit.training.fit import _with_callbacks, fit
from posekit.training.recorder import EpochRecorder
from posekit.training.runs import folder_name, open_run

EPOCHS = 2


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("own")


def network(units=28, side=32, strides=8):
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, strides=strides, activation="relu"),
            layers.Dropout(0.1),
            layers.Flatten(),
            layers.Dense(units),
        ]
    )


def train(experiment, run_dir, model=None, **settings):
    settings = {"epochs": EPOCHS, "batch_size": 16, "verbose": 0, **settings}
    return fit(network() if model is None else model, experiment, run_dir, **settings)


@pytest.fixture(scope="module")
def undisturbed(experiment, run_dir):
    return train(experiment, run_dir)


def name_of(experiment, model=None, **settings):
    plan = own.plan_of(network() if model is None else model, experiment, **settings)
    return folder_name(plan.config, plan.definition, experiment)


def test_a_network_of_ones_own_is_trained_and_recorded(undisturbed, experiment, run_dir):
    assert undisturbed.folder.name.startswith("sequential-masked-seed0-")
    assert undisturbed.history["epoch"] == [1, 2]
    assert undisturbed.baselines["mean_pose"] > 0
    assert list(undisturbed.folder.glob("tensorboard/*/events.out.*"))
    assert per_image.read(undisturbed.folder / per_image.FILE).value("mpjpe_px") > 0
    assert undisturbed.best_model().layers[1].name == "conv2d"
    rows = runs_page.find(run_dir)[0]["trainings"]
    (row,) = [each for each in rows if each["training"] == undisturbed.folder.name]
    assert (row["network"], row["optimizer"], row["loss"]) == ("sequential", "adam", "mse")
    stored = json.loads((undisturbed.folder / "config.json").read_text())
    assert stored["definition"]["network"]["class_name"] == "Sequential"
    assert open_run(undisturbed.folder).config == undisturbed.config


def test_its_scores_are_numbers_and_a_table(undisturbed, experiment):
    scores = posekit.evaluate(undisturbed, experiment)
    assert json.loads(json.dumps(scores)) == scores
    centre = scores["image_centre"]["metrics"]["mpjpe_px"]["value"]
    assert centre > scores["mean_pose"]["metrics"]["mpjpe_px"]["value"]
    names = [next(iter(row.values())) for row in scores.rows()]
    assert names == ["this model", "mean pose", "image centre"]
    table = scores._repr_html_()
    assert table.count("<tr>") == 4 and "PCK@0.2" in table
    assert f"{centre:.2f} (95 % interval" in table


def test_its_folder_loads_as_an_estimator(undisturbed):
    estimator = loading.load(undisturbed.folder)
    image = np.zeros((40, 30, 3), np.uint8)
    assert estimator.estimate([image]).keypoints_px.shape == (1, 14, 2)
    assert estimator.stages[0].frame_px == 32


def test_the_same_again_is_handed_back(undisturbed, experiment, run_dir, monkeypatch):
    network()  # Keras numbers layers through the whole process
    monkeypatch.setattr(keras.Model, "fit", None)
    again = train(experiment, run_dir)
    assert again.folder == undisturbed.folder and again.history == undisturbed.history


def test_a_killed_training_resumes(undisturbed, experiment, tmp_path, monkeypatch):
    record = EpochRecorder.on_epoch_end

    def killed_after_one(self, epoch, logs=None):
        record(self, epoch, logs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(EpochRecorder, "on_epoch_end", killed_after_one)
        train(experiment, tmp_path)
    resumed = train(experiment, tmp_path)
    assert resumed.history["epoch"] == [1, 2]
    np.testing.assert_allclose(
        resumed.history["validation_mse"], undisturbed.history["validation_mse"], rtol=1e-4
    )


def test_the_model_that_is_given_stays_as_it_is(experiment, run_dir, undisturbed):
    model = network()
    before = model.get_weights()
    train(experiment, run_dir, model)
    assert not model.compiled
    for ours, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def function(text, name="cell"):
    """A function of a notebook's cell."""
    scope = {"ops": keras.ops, "__name__": "__main__"}
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), scope)
    return scope["made"]


def cell_loss(power=2, strength=1.0, name="cell"):
    text = (
        "def made(targets, output):\n"
        "    error = ops.reshape(output, ops.shape(targets[..., :2])) - targets[..., :2]\n"
        f"    return strength * ops.mean(targets[..., 2:] * ops.abs(error) ** {power})\n"
    )
    made = function(text, name)
    made.__globals__["strength"] = strength
    return made


def shifted(by):
    return lambda images, targets, seed: (images + by, targets)


CHANGES = {
    "layers": lambda: {"model": network(strides=4)},
    "seed": lambda: {"seed": 1},
    "epochs": lambda: {"epochs": 3},
    "keras loss": lambda: {"loss": "huber"},
    "loss's setting": lambda: {"loss": keras.losses.Huber(delta=3.0)},
    "optimizer": lambda: {"optimizer": "sgd"},
    "optimizer's setting": lambda: {"optimizer": keras.optimizers.SGD(0.1)},
    "schedule": lambda: {
        "optimizer": keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 100))
    },
    "augmentation": lambda: {"augmentation": Augmentation(light=0.2)},
    "strength": lambda: {"augmentation": Augmentation(light=0.3)},
    "function": lambda: {"augmentation": shifted(1.0)},
    "what it uses": lambda: {"augmentation": shifted(2.0)},
    "loss of one's own": lambda: {"loss": cell_loss()},
    "its source": lambda: {"loss": cell_loss(power=1)},
    "its globals": lambda: {"loss": cell_loss(strength=2.0)},
    "compiled": lambda: {"model": compiled(0.2)},
    "compiled otherwise": lambda: {"model": compiled(0.3)},
}


def compiled(rate):
    model = network()
    model.compile(keras.optimizers.SGD(rate), loss="l1")
    return model


def test_every_change_is_another_training_and_equal_ones_are_found(experiment):
    names = {"as it is": name_of(experiment)}
    for change, settings in CHANGES.items():
        names[change] = name_of(experiment, **settings())
        assert name_of(experiment, **settings()) == names[change], change
    assert len(set(names.values())) == len(names)
    # The same text from another cell, or without any text, is the same training.
    assert name_of(experiment, loss=cell_loss(name="another cell")) == names["loss of one's own"]
    assert name_of(experiment, augmentation=AUGMENTATIONS["none"]) != names["augmentation"]


class Warmer(keras.callbacks.Callback):
    """Changes the learning rate, and notes what it saw."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = self.factor * self.model.optimizer.learning_rate


class Watcher(Warmer):
    only_watches = True


def test_a_callback_counts_unless_it_only_watches(experiment):
    plan = own.plan_of(network(), experiment)

    def name(*callbacks):
        counted = _with_callbacks(plan, callbacks)
        assert bool(counted.stored.get("callbacks")) == (counted is not plan)
        return folder_name(counted.config, counted.definition, experiment)

    plateau = keras.callbacks.ReduceLROnPlateau(patience=2)
    plateau.wait, plateau.best = 1, 0.5  # what it counted in a training
    names = [
        name(),
        name(Warmer(0.5)),
        name(Warmer(0.9)),
        name(Warmer(0.5), Warmer(0.5)),
        name(keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.5 * rate)),
        name(keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.9 * rate)),
        name(keras.callbacks.EarlyStopping(patience=2)),
        name(keras.callbacks.EarlyStopping(patience=3)),
        name(plateau),
    ]
    assert len(set(names)) == len(names)
    assert name(keras.callbacks.CSVLogger("log.csv"), Watcher(0.5)) == names[0]
    assert name(Warmer(0.5)) == names[1]
    assert name(keras.callbacks.ReduceLROnPlateau(patience=2)) == names[-1]


def test_a_functions_weights_are_kept_and_count(experiment, undisturbed, run_dir):
    def started(bias):
        model = network()
        model.layers[-1].bias.assign(np.full(28, bias))
        return model

    plan = own.plan_of(partial(started, 7.0), experiment)
    np.testing.assert_array_equal(plan.model.layers[-1].bias.numpy(), np.full(28, 7.0))
    names = [name_of(experiment, partial(started, bias)) for bias in (7.0, 7.0, 8.0)]
    assert names[0] == names[1] != names[2]


def test_a_trained_models_weights_are_kept_and_count(experiment):
    fresh, trained = network(), network()
    trained.set_weights([weights + (weights.ndim == 1) for weights in fresh.get_weights()])
    plan = own.plan_of(trained, experiment)
    for kept, given in zip(plan.model.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, given)
    # Two untrained models differ in their random kernels alone.
    assert name_of(experiment, fresh) == name_of(experiment) != name_of(experiment, trained)


@pytest.mark.parametrize(
    "change", ["keras loss", "loss of one's own", "augmentation", "function", "compiled"]
)
def test_what_keras_takes_trains(experiment, tmp_path, change):
    run = train(experiment, tmp_path, epochs=1, **CHANGES[change]())
    assert np.isfinite(run.history["validation_mse"]).all()


def test_maps_and_another_view_train(experiment, tmp_path):
    def maps():
        image = keras.Input((32, 32, 3))
        return keras.Model(image, layers.Conv2D(14, 3, strides=4)(image / 255.0))

    run = train(experiment, tmp_path, maps, view="whole", epochs=1)
    assert run.config.head == "soft_argmax" and run.config.view == "whole"
    assert posekit.evaluate(run, experiment)["metrics"]["mpjpe_px"]["value"] > 0


def test_a_keras_loss_counts_what_the_labels_count():
    from posekit.models import heads

    targets = np.zeros((2, 3, 3), np.float32)
    targets[:, :, 2] = [[1, 1, 0], [1, 0, 0]]
    targets[..., :2] = np.where(targets[..., 2:] > 0, 5.0, np.nan)
    output = np.zeros((2, 6), np.float32)
    loss = own._loss(heads.by_name("coordinates"), 32, keras.losses.mean_absolute_error)
    assert float(loss(targets, output)) == pytest.approx(5.0)
    summed = keras.losses.MeanAbsoluteError(reduction="sum")
    loss = own._loss(heads.by_name("coordinates"), 32, summed)
    assert float(loss(targets, output)) == pytest.approx(15.0)


@pytest.mark.parametrize("kept", ["bias|gamma", "gamma|bias"])
def test_weights_without_decay_stay_so_in_one_order(kept):
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    # As Keras may order them: it joins a set.
    optimizer._exclude_from_weight_decay_pattern = re.compile(kept)
    copied = own._copy(optimizer)
    assert own._not_decayed(optimizer) == own._not_decayed(copied) == ["bias", "gamma"]
    assert copied.get_config() == optimizer.get_config()


def lambda_network():
    return keras.Sequential(
        [keras.Input((32, 32, 3)), layers.Lambda(lambda x: x[:, 0, 0]), layers.Dense(28)]
    )


@pytest.mark.parametrize(
    ("settings", "finding"),
    [
        ({"model": "vgg"}, "`model` must be a keras.Model, a function .* got str"),
        ({"model": lambda: 3}, "got int from the function"),
        ({"model": partial(network, units=10)}, r"must have shape \(None, 28\).*got \(None, 10\)"),
        ({"model": partial(keras.Sequential, [layers.Dense(28)])}, "must be built"),
        ({"model": lambda_network}, "load from a file in safe mode"),
        ({"loss": "hubert"}, "`loss` must be one of 'mse', 'l1'.*got 'hubert'"),
        ({"optimizer": "adamant"}, "`optimizer` must be the name .* got 'adamant'"),
        ({"augmentation": "wild"}, "must be one of 'none', 'turned'; got 'wild'"),
        ({"augmentation": layers.RandomFlip()}, "got the layer random_flip"),
        ({"augmentation": lambda images, targets, seed: (images[:, 1:], targets)}, "must return"),
        ({"augmentation": lambda images, targets, seed: images}, "must return images of shape"),
        ({"epochs": 0}, "`epochs` must be a whole number >= 1; got 0"),
        ({"flip": "both"}, "'none', 'random', 'double'; got 'both'"),
        ({"view": "whole", "model": partial(network, side=320)}, "at most 224"),
    ],
)
def test_what_cannot_be_trained_is_named(experiment, tmp_path, settings, finding):
    with pytest.raises(PosekitError, match=f"(?s){finding}"):
        train(experiment, tmp_path, **settings)


def test_a_value_that_no_name_can_cover_is_refused(experiment, tmp_path):
    source = iter([1.0])
    with pytest.raises(
        PosekitError, match=r"`augmentation` must depend on numbers.*got .*iterator"
    ):
        train(experiment, tmp_path, augmentation=lambda i, t, s: (i + next(source), t))


def test_settings_beside_a_config_are_refused(experiment, tmp_path):
    config = posekit.TrainingConfig("poster_plain", "masked", epochs=1, seed=0)
    with pytest.raises(PosekitError, match="epochs must be set in the TrainingConfig"):
        fit(config, experiment, tmp_path, epochs=2)


def test_layer_names_start_over_and_stay_where_they_were_given():
    plain = poster.poster_network(batch_norm=True, frame_px=32)
    stored = own._architecture(plain)
    assert [each["config"]["name"] for each in stored["config"]["layers"]] == [
        "image",
        *(layer.name for layer in plain.layers),
    ]
    image = keras.Input((32, 32, 3))
    inner = keras.Sequential([layers.Flatten(), layers.Dense(4)])(image)
    made = keras.Model(image, layers.Dense(28)(inner))
    names = [layer.name for layer in own._rebuilt(own._architecture(made), 0).layers]
    assert not [name for name in names if re.search(r"_[2-9]\d*$", name)]
