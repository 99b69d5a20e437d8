"""Trainings of the poster's network that are kept as numbers, in one file that grows.

A training in the file is not repeated, even where its folder is lost.
"""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
from keras.layers import BatchNormalization

from posekit import files
from posekit.datasets.pose_dataset import evenly_spread
from posekit.evaluation import baselines, predictions
from posekit.models import poster
from posekit.training.fit import fit
from posekit.training.recorder import DivergedError

# How the network sees pixels and says coordinates, as arguments of `poster_network`. "plain
# pixels" is what a student would write. A network of the "small start" says the picture's centre
# at first, with or without batch normalisation.
SCALINGS = {
    "plain pixels": {"rescales": False},
    "posekit's": {},
    "small start": {"last_start": 0.02},
}

# Pictures that moving statistics are measured on: a training's own are those of its last steps.
STATISTICS_IMAGES = 512

# Fields of a Trial that are arguments of `fit`.
FIT_SETTINGS = ("seed", "epochs", "batch_size", "label_treatment", "flip", "patience")


@dataclass(frozen=True)
class Trial:
    """One training's settings; the fields are as in TrainingConfig but for the first two."""

    scaling: str  # one of SCALINGS
    batch_norm: bool
    learning_rate: float
    seed: int
    epochs: int
    batch_size: int
    label_treatment: str = "masked"
    flip: str = "random"
    patience: int | None = None


def train_all(trials, experiment, run_dir, *, out=None):
    """Train each Trial that the file lacks; returns the rows of all, in their order.

    Each finished training is added to the JSON file `out`, if that is given.

    Returns:
        list of dict, JSON-ready: the settings, `data`, and the results: `history`;
        `best_validation_mse`; `train_mse`, of the last epoch's network in inference mode; and
        `baselines`. A training whose loss became infinite has `diverged` True and no results.
        Moving statistics are measured on training pictures before each validation.
    """
    rows = []
    for trial in trials:
        settings = _settings(trial, experiment)
        stored = [] if out is None else read(out)
        row = next((each for each in stored if {**each, **settings} == each), None)
        if row is None:
            row = {**settings, **_results(trial, experiment, run_dir)}
            if out is not None:
                files.write_json(out, {"trainings": [*read(out), row]})
        rows.append(row)
    return rows


def read(path):
    """The rows that `train_all` added to a file; none where there is no file."""
    return files.read_json(path)["trainings"] if Path(path).is_file() else []


def best_rates(rows):
    """The rate of the least validation error, by (scaling, batch_norm); none where all diverged.

    The search counts: the shortest trainings with the first seed, which all rates share.
    """
    seed = min((row["seed"] for row in rows), default=None)
    epochs = min((row["epochs"] for row in rows), default=None)
    best = {}
    for row in rows:
        key = row["scaling"], row["batch_norm"]
        if "diverged" not in row and (row["seed"], row["epochs"]) == (seed, epochs):
            if row["best_validation_mse"] < best.get(key, (np.inf,))[0]:
                best[key] = row["best_validation_mse"], row["learning_rate"]
    return {key: rate for key, (_, rate) in best.items()}


def network(scaling, *, batch_norm, frame_px, joints):
    """The poster's network in one of SCALINGS, see `poster_network`."""
    made = poster.poster_network(
        batch_norm=batch_norm, frame_px=frame_px, joints=joints, **SCALINGS[scaling]
    )
    words = scaling.replace("'", "").split() + ["batchnorm"] * batch_norm
    return keras.Model(made.inputs[0], made.outputs[0], name="_".join(words))


def measure_statistics(model, images, batch_size):
    """Set what batch normalisation's inference uses to the mean over batches of pictures.

    A moving average lags behind the weights that it describes, the more the higher the rate.
    """
    layers = [layer for layer in model.layers if isinstance(layer, BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for batch in range(max(1, len(images) // batch_size)):
        for layer in layers:
            layer.momentum = batch / (batch + 1)  # a plain mean over the batches
        chosen = images[batch * batch_size : (batch + 1) * batch_size]
        model(chosen.astype(np.float32), training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


class MeasuredStatistics(keras.callbacks.Callback):
    """`measure_statistics` before each validation; training itself does not use them."""

    def __init__(self, images, batch_size):
        super().__init__()
        self._images, self._batch_size = images, batch_size

    def on_test_begin(self, logs=None):
        """Measure them."""
        measure_statistics(self.model, self._images, self._batch_size)


def _settings(trial, experiment):
    split = experiment.split
    return {
        **asdict(trial),
        "data": {
            "name": experiment.dataset.name,
            "fingerprint": experiment.dataset.fingerprint(),
            "split": split.name,
            "split_seed": split.seed,
            "train": len(split.train),
            "validation": len(split.validation),
            "frame_px": experiment.frame_px,
        },
    }


def _results(trial, experiment, run_dir):
    images = experiment.images("train")
    shown = evenly_spread(len(images), STATISTICS_IMAGES)
    make = partial(
        network,
        trial.scaling,
        batch_norm=trial.batch_norm,
        frame_px=experiment.frame_px,
        joints=experiment.dataset.skeleton.joint_count,
    )
    try:
        run = fit(
            make,
            experiment,
            run_dir,
            optimizer=keras.optimizers.Adam(trial.learning_rate),
            callbacks=[MeasuredStatistics(images[shown], trial.batch_size)] * trial.batch_norm,
            **{name: getattr(trial, name) for name in FIT_SETTINGS},
        )
    except DivergedError:
        return {"diverged": True}
    train_px = predictions.predict_frame_px(run.last_model(), images)
    targets = experiment.targets("train", trial.label_treatment)
    return {
        "history": {
            name: [round(value, 3) for value in run.history[name]]
            for name in ("epoch", "train_mse", "validation_mse", "seconds")
        },
        "best_validation_mse": round(run.best_validation_mse, 3),
        "train_mse": round(baselines.treatment_mse(train_px, targets), 3),
        "baselines": {name: round(value, 3) for name, value in run.baselines.items()},
    }
