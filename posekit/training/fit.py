"""One way to train: seeded, recorded, resumable.

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

from posekit import files, locks, sides
from posekit.datasets import splits
from posekit.evaluation import baselines, per_image, predictions
from posekit.models import heads, losses
from posekit.models.build import build
from posekit.pipeline import augmentation, batches
from posekit.provenance import provenance
from posekit.training import checkpoint, engine, keras_patches, records, runs, stalls, tensorboard
from posekit.training.checkpoint import CheckpointFiles
from posekit.training.optimizer import make_optimizer
from posekit.training.recorder import EpochRecorder

# The kernel of a report that was killed lives on for about a second.
LOCK_PATIENCE_SECONDS = 10.0


def fit(
    config,
    experiment,
    run_dir,
    *,
    verbose=None,
    callbacks=(),
    stall_seconds=stalls.LIMIT_SECONDS,
    lock_patience_seconds=LOCK_PATIENCE_SECONDS,
):
    """Train, resume an interrupted training, or return a finished one.

    Args:
        config: TrainingConfig.
        experiment: Experiment.
        run_dir: folder; the training's own folder goes to `run_dir`/training/.
        verbose: Keras' progress bar: 1 a bar, 2 a line per epoch, 0 nothing; None chooses a
            bar where it can redraw itself, else lines.
        callbacks: keras.callbacks.Callback each, called before an epoch is saved.
        stall_seconds: float > 0, see `stalls`.
        lock_patience_seconds: float >= 0, how long to wait for another process that trains in
            this folder.

    Returns:
        TrainingRun.

    Raises:
        PosekitError: the split leaks, the loss is no longer finite, or the folder is not writable,
            has no room or is in use by another process.
    """
    engine.use_global_futex_hash()
    splits.check_no_leak(experiment.split)
    with keras_patches.seeded(config.seed):
        model = build(config, joints=experiment.dataset.skeleton.joint_count)
    folder = Path(run_dir) / "training" / runs.folder_name(config, model, experiment)
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
                _train(
                    model,
                    config,
                    experiment,
                    checkpoint_files,
                    verbose=_progress_style() if verbose is None else verbose,
                    callbacks=[watchdog, *callbacks],
                )
        run = runs.open_run(folder)
        if not scores_path.is_file():
            _score_images(run, experiment)
    return run


def _train(model, config, experiment, checkpoint_files, *, verbose, callbacks):
    """Compile and fit, from the checkpoint where there is one."""
    folder = checkpoint_files.folder
    skeleton = experiment.dataset.skeleton
    if not skeleton.pairs:
        warnings.warn(f"training: {sides.in_words(skeleton)}", stacklevel=3)
    canvases = experiment.canvases(config.view, config.frame_px)
    crop = canvases.crop(config.frame_px, augmentation.by_name(config.augmentation))
    images = canvases.images("train")
    described = _describe(config, experiment, canvases, crop)
    checkpoint_files.write("config.json", lambda path: files.write_json(path, described))
    steps = batches.steps_per_epoch(len(images), batch_size=config.batch_size, flip=config.flip)
    head = heads.by_name(config.head)
    model.compile(
        optimizer=make_optimizer(config, steps),
        loss=lambda targets, output: head.loss(targets, output, config.frame_px, config.loss),
        metrics=[losses.WeightedMSE(lambda output: head.coordinates(output, config.frame_px))],
    )
    history = checkpoint.resume(model, folder, steps)
    train, _ = batches.training_batches(
        images,
        canvases.targets("train", config.label_treatment),
        batch_size=config.batch_size,
        seed=config.seed,
        first_epoch=len(history),
        epochs=config.epochs,
        flip=config.flip,
        crop=crop,
        mirror=skeleton.mirror,
    )
    validation = batches.evaluation_batches(
        canvases.images("validation"),
        canvases.targets("validation", config.label_treatment),
        batch_size=config.batch_size,
        crop=crop,
    )
    # What is saved: a compiled model would carry our loss in its file and need posekit to be read;
    # one in mixed precision would be slow wherever bfloat16 is.
    saved_model = build(
        replace(config, mixed_precision=False, initial_weights=None), joints=skeleton.joint_count
    )
    mean_pose_mse = described["baselines"]["mean_pose"]
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
                EpochRecorder(
                    checkpoint_files,
                    history,
                    saved_model,
                    patience=config.patience,
                    last_is_best=config.keeps == "last",
                ),
                *tensorboard.callbacks(
                    folder / "tensorboard", saved_model, mean_pose_mse=mean_pose_mse
                ),
            ],
        )


def _describe(config, experiment, canvases, crop):
    """What config.json holds; baselines are MSEs of constant poses in the network's own frame."""

    def framed(part):
        targets = canvases.targets(part, config.label_treatment)
        return targets if crop is None else crop.cropped_targets(targets)

    train, validation = framed("train"), framed("validation")
    baselines.check_something_to_learn(train, validation, config.frame_px)
    return {
        "config": asdict(config),
        "data": experiment.describe(),
        "baselines": baselines.constant_errors(train, validation, config.frame_px),
        **provenance(),
    }


def _score_images(run, experiment):
    """Score the best network on each validation image: a share of one epoch's time, once."""
    config = run.config
    canvases = experiment.canvases(config.view, config.frame_px)
    scores = predictions.measure(
        run.best_model(), canvases, head=config.head, frame_px=config.frame_px
    )
    per_image.write(run.folder / per_image.FILE, scores)


def _progress_style():
    """1 where a bar can redraw itself (a terminal, JupyterLab), 2 in logs and batch reports."""
    if os.environ.get("POSEKIT_BATCH"):
        return 2
    return 1 if sys.stdout.isatty() or "ipykernel" in sys.modules else 2
