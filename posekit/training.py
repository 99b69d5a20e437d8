"""One way to train: seeded, recorded, resumable.

A training lives in its own folder, named after its settings and data:

    config.json             settings, data, versions, baselines
    history.json, .csv      one row per finished epoch
    best.keras, last.keras  plain Keras models, loadable without posekit
    checkpoint.weights.h5   weights and optimizer, to go on from
    checkpoint.json         which epoch all of these belong to, with their digests
    previous/               the same files, one epoch before, see `generations`
    per_image.npz           what each validation image adds to the scores of best.keras
    stalls.txt              the stacks of all threads, each time that training stood still
    tensorboard/            see `tensorboard_logs`
"""

import hashlib
import json
import os
import random
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np
from keras.src.random import seed_generator

from posekit import (
    distribution,
    engine,
    files,
    joint_sets,
    locks,
    profiles,
    tensorboard_logs,
    training_records,
)
from posekit.datasets import splits
from posekit.errors import PosekitError, check_choice, raise_problems
from posekit.evaluation import baselines, per_image
from posekit.fused_kernels import fused_kernels
from posekit.generations import Generations
from posekit.models import heads, losses, saved
from posekit.models.build import build
from posekit.models.names import IMAGENET, KEPT_EPOCHS, NETWORKS, SCHEDULES
from posekit.pipeline import batches, crops, views
from posekit.pipeline.augmentation import AUGMENTATIONS, FLIPS, by_name
from posekit.pipeline.targets import LABEL_TREATMENTS
from posekit.provenance import provenance
from posekit.watchdog import LIMIT_SECONDS, Watchdog

# Part of every training's name: raise it when a change of code, other than of the network's
# layers or the settings, changes what a training computes.
TRAINING_VERSION = 1

# The kernel of a report that was killed lives on for about a second.
LOCK_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that shapes a training, beside the data. The defaults are the poster's way.

    Attributes:
        network: one of settings.NETWORKS.
        label_treatment: one of baselines.LABEL_TREATMENTS; the loss it names is the one reported.
        epochs: int > 0.
        seed: int >= 0, draws the weights, the order and the flips.
        batch_size: int > 0.
        learning_rate: float > 0, Adam's, at the start, or after the warm-up.
        schedule: "constant"; "cosine" down to zero over all epochs; or "warmup_cosine", the same
            after a linear rise over the first half epoch.
        flip: one of settings.FLIPS.
        patience: int > 0 or None; training stops after so many epochs without a better
            validation loss.
        head: one of heads.HEADS; the poster's networks have "coordinates".
        loss: one of the head's losses.
        view: one of views.VIEWS, what part of a picture the network sees.
        frame_px: int > 0, side of the network's input, pixels.
        augmentation: one of augmentation.AUGMENTATIONS, beside the flips.
        weight_decay: float >= 0; above 0 the optimizer is AdamW.
        clip_norm: float > 0 or None, bound on the norm of all gradients together.
        weight_average: float in [0, 1), momentum of the average of the weights that is validated
            and saved; 0 saves the weights themselves.
        dropout, stochastic_depth: float in [0, 1), see pose_networks.
        initial_weights: None; "imagenet" for the "lite0" networks; or the path of a saved model
            whose layers of the same names the training starts from.
        mixed_precision: bool, compute in bfloat16; weights, head and loss stay float32.
        keeps: one of settings.KEPT_EPOCHS, whose network is handed on: the one with the least
            validation MSE, or the last one, for a schedule that ends at zero: while the rate is
            high, a lucky epoch's MSE says little of what its fall will bring.
    """

    network: str
    label_treatment: str
    epochs: int
    seed: int
    batch_size: int = 32
    learning_rate: float = 1e-3
    schedule: str = "constant"
    flip: str = "random"
    patience: int | None = None
    head: str = "coordinates"
    loss: str = "mse"
    view: str = "squashed"
    frame_px: int = profiles.FRAME_PX
    augmentation_module: str = "none"
    weight_decay: float = 0.0
    clip_norm: float | None = None
    weight_average: float = 0.0
    dropout: float = 0.0
    stochastic_depth: float = 0.0
    initial_weights: str | None = None
    mixed_precision: bool = False
    keeps: str = "best"

    def __post_init__(self):
        check_choice("TrainingConfig()", "network", self.network, NETWORKS)
        check_choice(
            "TrainingConfig()", "label_treatment", self.label_treatment, LABEL_TREATMENTS
        )
        check_choice("TrainingConfig()", "schedule", self.schedule, SCHEDULES)
        check_choice("TrainingConfig()", "flip", self.flip, FLIPS)
        check_choice("TrainingConfig()", "keeps", self.keeps, KEPT_EPOCHS)
        check_choice("TrainingConfig()", "head", self.head, tuple(heads.HEADS))
        check_choice("TrainingConfig()", "loss", self.loss, heads.HEADS[self.head].losses)
        check_choice("TrainingConfig()", "view", self.view, tuple(views.VIEWS))
        check_choice(
            "TrainingConfig()", "augmentation", self.augmentation, tuple(AUGMENTATIONS)
        )
        least = {"epochs": 1, "seed": 0, "batch_size": 1, "frame_px": 32}
        if self.patience is not None:
            least["patience"] = 1
        problems = [
            f"`{name}` must be a whole number >= {minimum}; got {value!r}."
            for name, minimum in least.items()
            if type(value := getattr(self, name)) is not int or value < minimum
        ]
        rate = self.learning_rate
        if not (isinstance(rate, (int, float)) and 0 < rate < np.inf):
            problems.append(f"`learning_rate` must be a finite number > 0; got {rate!r}.")
        problems += [
            f"`{name}` must be a number in [0, 1); got {value!r}."
            for name in ("weight_decay", "weight_average", "dropout", "stochastic_depth")
            if not 0 <= (value := getattr(self, name)) < 1
        ]
        if self.network.startswith("poster") and self.head != "coordinates":
            problems.append(
                f'`head` of {self.network} must be "coordinates"; got {self.head!r}. '
                "The other networks take every head."
            )
        if self.initial_weights == IMAGENET and not self.network.startswith("lite0"):
            problems.append(
                '`initial_weights` "imagenet" exist for the "lite0" networks alone; got '
                f"network {self.network!r}."
            )
        raise_problems("TrainingConfig()", problems)


@dataclass(frozen=True, eq=False)
class TrainingRun(training_records.TrainingRecord):
    """A training read back from its folder, with its networks; `config` is a TrainingConfig."""

    def best_model(self):
        """The network of the best epoch, uncompiled."""
        return self._model("best.keras")

    def last_model(self):
        """The network of the last epoch, uncompiled."""
        return self._model("last.keras")

    @property
    def skeleton(self):
        """Skeleton of the joints that the networks answer for."""
        return joint_sets.of_model(str(self.folder / "config.json"), self.data.get("joint_set"))

    def _model(self, name):
        joints = self.skeleton.joint_count
        return saved.load(self.folder / name, head=self.config.head, joints=joints)


def fit(
    config,
    experiment,
    run_dir,
    *,
    verbose=None,
    pictures=None,
    devices=None,
    callbacks=(),
    stall_seconds=LIMIT_SECONDS,
    lock_patience_seconds=None,
):
    """Train, go on with an interrupted training, or hand back a finished one.

    Args:
        config: TrainingConfig.
        experiment: Experiment.
        run_dir: folder; the training's own folder goes to `run_dir`/training/.
        verbose: Keras' progress bar: 1 a bar, 2 a line per epoch, 0 nothing; None chooses a
            bar where it can redraw itself, else lines.
        pictures: bool, whether TensorBoard also gets pictures of the validation part with their
            predictions, which then lie in the training's folder; None asks the environment, see
            `tensorboard_logs`.
        devices: list of str, such as ["GPU:0", "GPU:1"], that share every batch, see
            `distribution`; None trains on one, as ever. It is no part of the training's name.
        callbacks: keras.callbacks.Callback each, told of every moment before an epoch is saved.
        stall_seconds: float > 0, see `watchdog`.
        lock_patience_seconds: float >= 0, how long to wait for another process that trains in
            this folder; None waits for one that is about to end.

    Returns:
        TrainingRun.

    Raises:
        PosekitError: the split leaks, the loss is no longer finite, the folder is not writable,
            has no room or is in use by another process, or the devices cannot share the batches.
    """
    engine.use_global_futex_hash()
    splits.check_no_leak(experiment.split)
    with distribution.scope(devices, batch_size=config.batch_size), _seeded(config.seed):
        model = build(config, joints=experiment.dataset.skeleton.joint_count)
    folder = Path(run_dir) / "training" / _folder_name(config, model, experiment)
    generations = Generations(folder)
    finished = generations.is_whole() and _finished(training_records.read_history(folder), config)
    # Trainings of earlier versions lack their scores by image; one on a read-only disk stays so.
    scored = (folder / per_image.FILE).is_file() or not os.access(folder, os.W_OK)
    if not (finished and scored):
        verbose = _progress_style() if verbose is None else verbose
        with locks.held(
            folder / ".lock",
            what=f"training {folder}",
            patience_seconds=(
                LOCK_PATIENCE_SECONDS if lock_patience_seconds is None else lock_patience_seconds
            ),
        ):
            generations.recover()
            history = training_records.read_history(folder)
            if not _finished(history, config):
                # It is of the network that was best before.
                (folder / per_image.FILE).unlink(missing_ok=True)
                pictures = tensorboard_logs.pictures_wanted(pictures)
                with Watchdog(folder / "stalls.txt", limit_seconds=stall_seconds) as watching:
                    _go_on(
                        config,
                        model,
                        experiment,
                        generations,
                        history,
                        verbose,
                        pictures,
                        (watching, *callbacks),
                    )
            if not (folder / per_image.FILE).is_file():
                _score_images(open_run(folder), experiment)
    return open_run(folder)


@contextmanager
def _seeded(seed):
    """Within the block, the weights are those of the seed; the batches have seeds of their own."""
    keras.utils.set_random_seed(seed)
    # Keras draws each layer's seed from Python's one generator, and so does whatever else runs in
    # this process, such as the threads of a Dask worker. A generator of our own gives the same.
    shared = seed_generator.python_random
    seed_generator.python_random = random.Random(seed)
    try:
        yield
    finally:
        seed_generator.python_random = shared


def open_run(folder):
    """Read a training back.

    Args:
        folder: a training's own folder.

    Returns:
        TrainingRun.

    Raises:
        PosekitError: the folder holds no training, or a file of another kind than `fit` writes.
    """
    record = training_records.read(folder)
    try:
        config = TrainingConfig(**record.config)
    except TypeError as error:
        raise PosekitError(
            f"{record.folder / 'config.json'}: must describe a training; got {error!r} reading it."
        ) from error
    return TrainingRun(**{**vars(record), "config": config})


def _folder_name(config, model, experiment):
    """A name that differs where the training would: a finished one is found again by it."""
    settings = asdict(config)
    if config.keeps == "best":
        # Trainings of before there was a choice are found again.
        del settings["keeps"]
    if config.initial_weights not in (None, IMAGENET):
        # A path may hold other weights the next time, and the same ones may move: what they are
        # counts, not where.
        settings["initial_weights"] = "from a file"
    shapes_it = [
        TRAINING_VERSION,
        settings,
        model.get_config(),
        _weights_digest(model) if config.initial_weights else None,
        experiment.dataset.fingerprint(),
        experiment.split.summary(),
    ]
    labels = experiment.training_labels_digest()
    if labels is not None:
        shapes_it.append(labels)
    described = json.dumps(shapes_it, sort_keys=True)
    digest = hashlib.sha256(described.encode()).hexdigest()[:8]
    return f"{config.network}-{config.label_treatment}-seed{config.seed}-{digest}"


def _weights_digest(model):
    digest = hashlib.sha256()
    for values in model.get_weights():
        digest.update(np.ascontiguousarray(values, dtype=np.float32).tobytes())
    return digest.hexdigest()


def _finished(history, config):
    return len(history) >= config.epochs or _out_of_patience(history, config.patience)


def _out_of_patience(history, patience):
    if patience is None or not history:
        return False
    best = int(np.argmin([row["validation_mse"] for row in history]))
    return len(history) - 1 - best >= patience


def _score_images(run, experiment):
    """Score the best network on each validation image: a share of one epoch's time, once."""
    scores = per_image.measure(
        run.best_model(),
        experiment.canvases(run.config.view, run.config.frame_px),
        head=run.config.head,
        frame_px=run.config.frame_px,
    )
    per_image.write(run.folder / per_image.FILE, scores)


def _go_on(config, model, experiment, generations, history, verbose, pictures, callbacks):
    folder = generations.folder
    canvases = experiment.canvases(config.view, config.frame_px)
    crop = canvases.crop(config.frame_px, by_name(config.augmentation))
    train_images = canvases.images("train")
    head = heads.by_name(config.head)
    described = {
        "config": asdict(config),
        "data": experiment.describe(),
        "baselines": _constant_scores(canvases, crop, config),
        **provenance(),
    }
    generations.write("config.json", lambda path: files.write_json(path, described))
    # A compiled model would carry our loss in its file and need posekit to be read; one in mixed
    # precision would be slow wherever bfloat16 is.
    twin = build(
        replace(config, mixed_precision=False, initial_weights=None),
        joints=experiment.dataset.skeleton.joint_count,
    )
    steps = batches.steps_per_epoch(
        len(train_images), batch_size=config.batch_size, flip=config.flip
    )
    loss = heads.loss_of(model, head=config.head, frame_px=config.frame_px, loss=config.loss)
    with distribution.scope_of(model):
        model.compile(
            optimizer=_optimizer(config, steps),
            loss=distribution.over_all_devices(model, loss),
            metrics=[losses.WeightedMSE(lambda output: head.coordinates(output, config.frame_px))],
        )
    first_epoch = _restore(model, folder / "checkpoint.weights.h5", steps)
    if len(history) < first_epoch:
        raise PosekitError(
            f"{folder}: history.json must have a row for each of the checkpoint's {first_epoch} "
            f"epochs; got {len(history)}. Remove the folder to train anew."
        )
    # Killed in its first epoch's end, a training may have a history and no checkpoint.
    history = history[:first_epoch]

    train, _ = batches.training_batches(
        train_images,
        canvases.targets("train", config.label_treatment),
        batch_size=config.batch_size,
        seed=config.seed,
        first_epoch=first_epoch,
        epochs=config.epochs,
        flip=config.flip,
        crop=crop,
        mirror=experiment.dataset.skeleton.mirror,
    )
    validation = batches.evaluation_batches(
        canvases.images("validation"),
        canvases.targets("validation", config.label_treatment),
        batch_size=config.batch_size,
        crop=crop,
    )
    distribution.build_state(model, train)
    sheet = None
    if pictures:
        sheet = tensorboard_logs.Sheet(
            canvases,
            crop,
            label_treatment=config.label_treatment,
            head=config.head,
            frame_px=config.frame_px,
        )
    with fused_kernels():
        model.fit(
            train,
            validation_data=validation,
            steps_per_epoch=steps,
            initial_epoch=first_epoch,
            epochs=config.epochs,
            shuffle=False,
            verbose=verbose,
            callbacks=[
                *callbacks,
                EpochRecorder(
                    generations,
                    history,
                    config.patience,
                    twin,
                    last_is_best=training_records.keeps_last(described["config"], described["data"]),
                ),
                *tensorboard_logs.callbacks(
                    folder / "tensorboard",
                    twin,
                    mean_pose_mse=described["baselines"]["mean_pose"],
                    sheet=sheet,
                ),
            ],
        )


def _optimizer(config, steps):
    average = {}
    if config.weight_average:
        average = {"use_ema": True, "ema_momentum": config.weight_average}
    rate = _learning_rate(config, steps)
    if not config.weight_decay:
        return keras.optimizers.Adam(rate, global_clipnorm=config.clip_norm, **average)
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=config.weight_decay, global_clipnorm=config.clip_norm, **average
    )
    # Decay holds back what multiplies; offsets and normalisation have nothing to overfit with.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _constant_scores(canvases, crop, config):
    """Validation MSE of the constant poses, in the network's own frame."""

    def framed(part):
        targets = canvases.targets(part, config.label_treatment)
        return targets if crop is None else crops.cropped_targets(targets, crop)

    train, validation = framed("train"), framed("validation")
    return {
        name: baselines.treatment_mse(pose_px, validation)
        for name, pose_px in baselines.constant_poses_of(train, config.frame_px).items()
    }


def _learning_rate(config, steps):
    if config.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(config.learning_rate, steps * config.epochs)
    if config.schedule == "warmup_cosine":
        rise = max(1, steps // 2)
        return keras.optimizers.schedules.CosineDecay(
            0.0,
            steps * config.epochs - rise,
            warmup_target=config.learning_rate,
            warmup_steps=rise,
        )
    return config.learning_rate


def _restore(model, checkpoint, steps):
    """Load weights and optimizer where there are any; return how many epochs they have seen."""
    if not checkpoint.is_file():
        return 0
    model.optimizer.build(model.trainable_variables)
    model.load_weights(checkpoint)
    iterations = int(model.optimizer.iterations)
    _wind_on_dropout(model, iterations)
    return iterations // steps


def _wind_on_dropout(model, iterations):
    """Let dropout draw on where it was: it draws once a step, and Keras' checkpoints omit that."""
    for layer in model.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            state = keras.ops.convert_to_numpy(generator.state).copy()
            state[1] = iterations
            generator.state.assign(state)


class EpochRecorder(keras.callbacks.Callback):
    """After each epoch: the history row, the best and last model, the checkpoint; early stop.

    Args:
        generations: Generations of the training's folder.
        history: list of dict, the rows of the epochs already finished; extended in place.
        patience: int or None, see TrainingConfig.
        twin: keras.Model, an uncompiled copy of the trained one, which is what gets saved.
        last_is_best: bool, whether the last epoch counts as the best one, see
            training_records.TrainingRecord.
    """

    def __init__(self, generations, history, patience, twin, last_is_best=False):
        super().__init__()
        self._last_is_best = last_is_best
        self._twin = twin
        self._generations = generations
        self._history = history
        self._patience = patience

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.perf_counter()

    def on_test_begin(self, logs=None):
        """Validate and keep the averaged weights, where the optimizer averages them."""
        self._trained = [variable.numpy() for variable in self.model.trainable_variables]
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        self._twin.set_weights(self.model.get_weights())

    def on_test_end(self, logs=None):
        """Give training its own weights back."""
        for variable, value in zip(self.model.trainable_variables, self._trained, strict=True):
            variable.assign(value)

    def on_epoch_end(self, epoch, logs=None):
        """Record the epoch. Raises PosekitError when a loss is no longer finite."""
        # A step that ruins the weights may be the epoch's last: only validation then shows it.
        if not np.isfinite([logs["loss"], logs["val_mse"]]).all():
            raise PosekitError(
                f"{self._generations.folder}: the loss must stay finite; got {logs['loss']} in "
                f"training and {logs['val_mse']} in validation, in epoch {epoch + 1}. Lower the "
                "learning rate."
            )
        row = {
            "epoch": epoch + 1,
            "train_mse": float(logs["mse"]),
            "validation_mse": float(logs["val_mse"]),
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "seconds": round(time.perf_counter() - self._started, 2),
        }
        earlier = [kept["validation_mse"] for kept in self._history]
        self._history.append(row)
        write = self._generations.write
        if self._last_is_best or row["validation_mse"] < min(earlier, default=np.inf):
            write("best.keras", self._twin.save)
        write("last.keras", self._twin.save)
        write("history.json", lambda path: files.write_json(path, self._history))
        write("history.csv", lambda path: files.write_csv(path, self._history))
        write("checkpoint.weights.h5", self._write_checkpoint)
        self._generations.commit(epoch + 1)
        if _out_of_patience(self._history, self._patience):
            self.model.stop_training = True

    def _write_checkpoint(self, path):
        # HDF5 that finds the disk full takes the whole process down in the end, so room is asked
        # for first: the values and the table that says where they are.
        variables = [*self.model.variables, *self.model.optimizer.variables]
        size_bytes = sum(8192 + variable.numpy().nbytes for variable in variables)
        files.reserve(path, size_bytes)
        self.model.save_weights(path)


def _progress_style():
    """1 where a bar can redraw itself (a terminal, JupyterLab), 2 in logs and batch reports."""
    if os.environ.get("POSEKIT_BATCH"):
        return 2
    return 1 if sys.stdout.isatty() or "ipykernel" in sys.modules else 2
