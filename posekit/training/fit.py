"""One way to train: seeded, recorded, resumable.

What is trained is a `plan.Plan`: of a TrainingConfig, or of any Keras network (`own`).

A training lives in its own folder, named after its settings and data:

    config.json             settings, data, versions, baselines
    history.json, .csv      one row per finished epoch
    best.keras, last.keras  plain Keras models, loadable without posekit
    checkpoint.weights.h5   weights and optimizer, to resume from
    checkpoint.json         the epoch that all of these belong to, with their digests
    previous/               the same files, one epoch earlier, see `checkpoint`
    per_image.npz           what each validation image adds to the scores of best.keras
    stalls.txt              the stacks of all threads, each time that training stood still
    tensorboard/            see `tensorboard`
"""

import os
import sys
import warnings
from dataclasses import asdict, replace
from pathlib import Path

import keras

from posekit import files, locks, sides
from posekit.datasets import splits
from posekit.errors import PosekitError
from posekit.evaluation import baselines, per_image, predictions, scores
from posekit.models import heads, losses
from posekit.pipeline import batches
from posekit.provenance import provenance
from posekit.training import (
    checkpoint,
    engine,
    fingerprint,
    keras_patches,
    own,
    plan,
    records,
    runs,
    stalls,
)
from posekit.training.checkpoint import CheckpointFiles
from posekit.training.config import TrainingConfig
from posekit.training.recorder import EpochRecorder
from posekit.training.tensorboard import BaselineAndGraph

# The kernel of a report that was killed lives on for about a second.
LOCK_PATIENCE_SECONDS = 10.0


def fit(
    model,
    data,
    run_dir,
    *,
    verbose=None,
    callbacks=(),
    stall_seconds=stalls.LIMIT_SECONDS,
    lock_patience_seconds=LOCK_PATIENCE_SECONDS,
    **settings,
):
    """Train, resume an interrupted training, or return a finished one: a TrainingRun.

    The training's name covers the layers, the settings and the data, so that a changed experiment
    is never handed an older training. A loss or an augmentation that is a function counts by its
    source and the values that it uses. So does a callback, with its attributes as they are when it
    is given, unless it only watches: Keras' CSVLogger and its like, or one with an attribute
    `only_watches = True`.

    Args:
        model: a keras.Model, Sequential or functional, from square images (N, S, S, 3), 0 to 255,
            to one of the outputs of `posekit.models.heads`; a function without arguments that
            builds one; or a TrainingConfig. A model is left as it is. A copy of its layers is
            trained, from the model's weights if it was trained before (its biases or normalisation
            are no longer as they begin), else from weights that `seed` draws; a function's model
            from the weights that it comes with. A compiled model's loss and optimizer are used
            where none are given here.
        data: Experiment; its pictures are scaled to the model's input.
        run_dir: folder; the training's own folder goes to `run_dir`/training/.
        verbose: as in Keras; None is a bar where it can redraw itself, else a line per epoch.
        callbacks: keras.callbacks.Callback each, called before an epoch is saved. What one counts
            in itself, as EarlyStopping does, starts over in a resumed training.
        stall_seconds: float > 0, see `stalls`.
        lock_patience_seconds: float >= 0, how long to wait for another process that trains here.
        **settings: none with a TrainingConfig. Otherwise `epochs` and `batch_size` (the profile's
            unless given); `loss`: the name of one of the head's losses, one of Keras' losses,
            which sees keypoints (N, K, 2) in pixels, or a function of targets (N, K, 3: x, y,
            weight) and output; `optimizer`: Keras' name or an Optimizer ("adam"); `augmentation`:
            a name, an Augmentation, or a function of a batch's images, targets and seed, see
            `training_batches`; `flip`, `label_treatment`, `view`, `patience`, `keeps` and `seed`
            as in TrainingConfig, by default "random", "masked", "squashed", None, "best" and 0.

    Raises:
        PosekitError: a model or setting of another kind, the split leaks, the loss is no longer
            finite, or the folder is not writable, has no room or is in use by another process.
    """
    engine.use_global_futex_hash()
    splits.check_no_leak(data.split)
    training = _with_callbacks(_plan(model, data, settings), callbacks)
    config = training.config
    folder = Path(run_dir) / "training" / runs.folder_name(config, training.definition, data)
    checkpoint_files = CheckpointFiles(folder)
    scores_path = folder / per_image.FILE
    finished = checkpoint_files.is_whole() and runs.finished(records.read_history(folder), config)
    # Trainings of earlier versions lack their scores by image; one on a read-only disk stays so.
    if finished and (scores_path.is_file() or not os.access(folder, os.W_OK)):
        return runs.open_run(folder)
    lock = folder / ".lock"
    with locks.held(lock, what=f"training {folder}", patience_seconds=lock_patience_seconds):
        checkpoint_files.recover()
        if not runs.finished(records.read_history(folder), config):
            # These are scores of the network that was best before.
            scores_path.unlink(missing_ok=True)
            with stalls.Watchdog(folder / "stalls.txt", limit_seconds=stall_seconds) as watchdog:
                if os.environ.get("POSEKIT_BATCH"):  # the page of a report folds what follows
                    print(f"Training {folder.name}", flush=True)
                _train(
                    training,
                    data,
                    checkpoint_files,
                    verbose=_progress_style() if verbose is None else verbose,
                    callbacks=[watchdog, *callbacks],
                )
        run = runs.open_run(folder)
        if not scores_path.is_file():
            _score_images(run, data)
    return run


def _plan(model, data, settings):
    if not isinstance(model, TrainingConfig):
        return own.plan_of(model, data, **settings)
    if settings:
        raise PosekitError(
            f"fit(): {', '.join(settings)} must be set in the TrainingConfig; got them as "
            "arguments too."
        )
    return plan.of_config(model, joints=data.dataset.skeleton.joint_count)


def _with_callbacks(training, callbacks):
    """The Plan, whose name covers the callbacks that may change what is trained."""
    counted = fingerprint.described_callbacks(callbacks)
    if not counted:
        return training  # trainings from before callbacks counted are found again
    return replace(
        training,
        definition=[*training.definition, counted],
        stored={**training.stored, "callbacks": counted},
    )


def _train(training, experiment, checkpoint_files, *, verbose, callbacks):
    """Compile and fit, from the checkpoint where there is one."""
    config, model, folder = training.config, training.model, checkpoint_files.folder
    head, skeleton = heads.by_name(config.head), experiment.dataset.skeleton
    if not skeleton.pairs:
        warnings.warn(f"training: {sides.in_words(skeleton)}", stacklevel=3)
    canvases = experiment.canvases(config.view, config.frame_px)
    crop = canvases.crop(config.frame_px, training.augmentation)
    targets = [canvases.targets(part, config.label_treatment) for part in ("train", "validation")]
    # Baselines are MSEs of constant poses in the network's own frame.
    framed = targets if crop is None else [crop.cropped_targets(each) for each in targets]
    baselines.check_something_to_learn(*framed, config.frame_px)
    errors = baselines.constant_errors(*framed, config.frame_px)
    described = {
        "config": asdict(config),
        "data": experiment.describe(),
        "baselines": errors,
        **provenance(),
        **training.stored,
    }
    checkpoint_files.write("config.json", lambda path: files.write_json(path, described))
    images = canvases.images("train")
    steps = batches.steps_per_epoch(len(images), batch_size=config.batch_size, flip=config.flip)
    model.compile(
        optimizer=training.optimizer(steps),
        loss=training.loss,
        metrics=[losses.WeightedMSE(lambda output: head.coordinates(output, config.frame_px))],
    )
    # Were its variables made in the first step, TensorFlow would trace the training step twice.
    model.optimizer.build(model.trainable_variables)
    history = checkpoint.resume(model, folder, steps)
    train, _ = batches.training_batches(
        images,
        targets[0],
        batch_size=config.batch_size,
        seed=config.seed,
        first_epoch=len(history),
        epochs=config.epochs,
        flip=config.flip,
        crop=crop,
        vary=training.vary,
        missing=experiment.missing("train"),
        mirror=skeleton.mirror,
    )
    validation = batches.evaluation_batches(
        canvases.images("validation"), targets[1], batch_size=config.batch_size, crop=crop
    )
    saved_model = training.copy()
    recorder = EpochRecorder(checkpoint_files, history, saved_model, config)
    board = folder / "tensorboard"
    with keras_patches.fused_kernels():
        model.fit(
            train,
            validation_data=validation,
            steps_per_epoch=steps,
            initial_epoch=len(history),
            epochs=config.epochs,
            shuffle=False,
            verbose=verbose,
            callbacks=[
                *callbacks,
                recorder,
                keras.callbacks.TensorBoard(board, write_graph=False),
                BaselineAndGraph(board, saved_model, mean_pose_mse=errors["mean_pose"]),
            ],
        )


def _score_images(run, experiment):
    """Score the best network on each validation image: a share of one epoch's time, once."""
    pred_px = predictions.predict_px(run.best_model(), experiment, run.config)
    sums = scores.per_image(pred_px, experiment, "validation")
    per_image.write(run.folder / per_image.FILE, sums)


def _progress_style():
    """1 where a bar can redraw itself (a terminal, JupyterLab), 2 in logs and batch reports."""
    if os.environ.get("POSEKIT_BATCH"):
        return 2
    return 1 if sys.stdout.isatty() or "ipykernel" in sys.modules else 2
