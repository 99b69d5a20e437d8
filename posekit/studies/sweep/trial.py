"""One trial of a study, in whatever process it runs."""

import threading

import keras

from posekit.evaluation import baselines, per_image
from posekit.evaluation.scores import per_image as per_image_scores
from posekit.pipeline.experiment import open_experiment
from posekit.training.fit import fit

# A file server keeps the locks of a dead machine for a minute or two. A process that is only cut
# off from the scheduler finishes its training, which need not be trained again.
LOCK_PATIENCE_SECONDS = 600.0

# Seeds and the patch of batch normalisation belong to the whole process.
_ALONE = threading.Lock()


def train(study, trial, run_dir, cache_dir):
    """Train, resume, or find the training finished, one at a time in a process: the trial's row."""
    with _ALONE:
        try:
            whole = open_experiment(
                study.data,
                profile=study.profile,
                seed=study.seed,
                split=study.split,
                bad_images=study.bad_images,
                cache_dir=cache_dir,
            )
            experiment = whole.with_data_fraction(trial.data_fraction)
            run = fit(
                trial.config,
                experiment,
                run_dir,
                verbose=0,
                lock_patience_seconds=LOCK_PATIENCE_SECONDS,
            )
        finally:
            # A worker trains many networks, one after the other.
            keras.backend.clear_session()
    scores = per_image.read(run.folder / per_image.FILE)
    mean_pose = per_image_scores(
        baselines.mean_pose_px(experiment, "validation"), experiment, "validation"
    )
    return {
        **trial.settings(),
        "folder": run.folder.name,
        "train_images": len(experiment.split.train),
        "data": experiment.describe(),
        "epochs_trained": len(run.history["epoch"]),
        "best_epoch": run.best_epoch,
        "minutes": sum(run.history["seconds"]) / 60,
        "scores": {
            "validation_mse": run.best_validation_mse,
            **{name: scores.value(name) for name in scores.sums},
        },
        "mean_pose": {
            "validation_mse": run.baselines["mean_pose"],
            **{name: mean_pose.value(name) for name in mean_pose.sums},
        },
        "error": None,
    }
