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

import os
import random
import sys
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import keras
from keras.src.random import seed_generator

from posekit import files, locks
from posekit.datasets import splits
from posekit.errors import PosekitError
from posekit.evaluation import baselines, per_image, predictions
from posekit.models import heads, losses
from posekit.models.build import build
from posekit.pipeline import batches, crops
from posekit.pipeline.augmentation import by_name
from posekit.provenance import provenance
from posekit.training import checkpoint, engine, optimizer, records, runs, tensorboard
from posekit.training.checkpoint import Generations
from posekit.training.devices import build_state, over_all_devices, scope, scope_of
from posekit.training.fused_kernels import fused_kernels
from posekit.training.recorder import EpochRecorder
from posekit.training.stalls import LIMIT_SECONDS, Watchdog

# The kernel of a report that was killed lives on for about a second.
LOCK_PATIENCE_SECONDS = 10.0


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
    with scope(devices, batch_size=config.batch_size), _seeded(config.seed):
        model = build(config, joints=experiment.dataset.skeleton.joint_count)
    folder = Path(run_dir) / "training" / runs.folder_name(config, model, experiment)
    generations = Generations(folder)
    finished = generations.is_whole() and runs.finished(records.read_history(folder), config)
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
            history = records.read_history(folder)
            if not runs.finished(history, config):
                # It is of the network that was best before.
                (folder / per_image.FILE).unlink(missing_ok=True)
                pictures = tensorboard.pictures_wanted(pictures)
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
                _score_images(runs.open_run(folder), experiment)
    return runs.open_run(folder)


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


def _score_images(run, experiment):
    """Score the best network on each validation image: a share of one epoch's time, once."""
    scores = predictions.measure(
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
    with scope_of(model):
        model.compile(
            optimizer=optimizer.make_optimizer(config, steps),
            loss=over_all_devices(model, loss),
            metrics=[losses.WeightedMSE(lambda output: head.coordinates(output, config.frame_px))],
        )
    first_epoch = checkpoint.restore(model, folder / "checkpoint.weights.h5", steps)
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
    build_state(model, train)
    sheet = None
    if pictures:
        sheet = tensorboard.Sheet(
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
                    last_is_best=records.keeps_last(described["config"], described["data"]),
                ),
                *tensorboard.callbacks(
                    folder / "tensorboard",
                    twin,
                    mean_pose_mse=described["baselines"]["mean_pose"],
                    sheet=sheet,
                ),
            ],
        )


def _constant_scores(canvases, crop, config):
    """Validation MSE of the constant poses, in the network's own frame."""

    def framed(part):
        targets = canvases.targets(part, config.label_treatment)
        return targets if crop is None else crops.cropped_targets(targets, crop)

    return baselines.constant_errors(framed("train"), framed("validation"), config.frame_px)


def _progress_style():
    """1 where a bar can redraw itself (a terminal, JupyterLab), 2 in logs and batch reports."""
    if os.environ.get("POSEKIT_BATCH"):
        return 2
    return 1 if sys.stdout.isatty() or "ipykernel" in sys.modules else 2
