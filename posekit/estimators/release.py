"""From finished trainings to a model that ships: small files, a manifest, measured confidence."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from posekit import files
from posekit.datasets.pose_dataset import evenly_spread
from posekit.errors import PosekitError, check_choice
from posekit.estimators import backgrounds, calibration, loading, manifest, presence, recipes
from posekit.estimators.loading import SHIPPED
from posekit.estimators.manifest import MANIFEST, MANIFEST_VERSION, ONE_PASS
from posekit.evaluation import scores
from posekit.pipeline import views
from posekit.provenance import provenance
from posekit.training.config import TrainingConfig
from posekit.training.fit import fit

# Training pictures whose strips without a joint are used too, and the fewest strips to learn from.
TRAINING_STRIPS_FROM = 800
LEAST_STRIPS = 30


def build(name, experiment, run_dir, folder, *, seed, epochs=None, verbose=None):
    """Train the stages of a shipped model, unless they are trained already, and write the model.

    Args:
        name: str, one of recipes.MODELS.
        experiment: Experiment.
        run_dir: folder of the trainings; an interrupted one is resumed.
        folder: Path of the model, made where missing.
        seed: int, of all trainings.
        epochs: int or None, instead of each recipe's own, for a trial.
        verbose: as for `training.fit`.

    Returns:
        PoseEstimator, read back from the folder.
    """
    check_choice("release.build()", "name", name, tuple(recipes.MODELS))
    model = recipes.MODELS[name]
    choices = {"seed": seed, "epochs": epochs, "verbose": verbose}
    runs = {recipe: train(recipe, experiment, run_dir, **choices) for recipe in model.stages}
    return release(name, runs, experiment, folder, passes=model.passes)


def train(recipe, experiment, run_dir, *, seed, epochs=None, verbose=None):
    """The TrainingRun of one of recipes.RECIPES, after the one it starts from; else as `build`."""
    check_choice("release.train()", "recipe", recipe, tuple(recipes.RECIPES))
    settings = dict(recipes.RECIPES[recipe])
    first = settings.pop("starts_from", None)
    if first is not None:
        start = train(first, experiment, run_dir, seed=seed, epochs=epochs, verbose=verbose)
        settings["initial_weights"] = str(start.folder / "best.keras")
    if epochs is not None:
        settings["epochs"] = epochs
    return fit(TrainingConfig(seed=seed, **settings), experiment, run_dir, verbose=verbose)


def release(name, runs, experiment, folder, *, passes=ONE_PASS):
    """Write a model folder of trainings.

    Args:
        name, folder: as for `build`.
        runs: dict, recipe -> TrainingRun, one for each stage, in order.
        experiment: Experiment whose validation part calibrates the confidences; it must have the
            split that the runs were trained on.
        passes: tuple of the last stage's passes, see estimator.Stage.

    Returns:
        PoseEstimator, read back from the folder.
    """
    estimator = loading.from_runs(name, list(runs.values()), passes=passes)
    trainings = [
        {
            "recipe": recipe,
            "seed": run.config.seed,
            "epochs": len(run.history["epoch"]),
            "best_epoch": run.best_epoch,
            "minutes": round(sum(run.history["seconds"]) / 60, 1),
        }
        for recipe, run in runs.items()
    ]
    return write(estimator, trainings, experiment, folder)


def write(estimator, trainings, experiment, folder):
    """Write an estimator of Keras networks, one file for each stage, and calibrate it.

    `trainings` are dicts, one for each stage in order: what the manifest says of its training. All
    else is as for `release`.
    """
    folder = Path(folder)
    stages = [
        _write_stage(stage, training, folder)
        for stage, training in zip(estimator.stages, trainings, strict=True)
    ]
    described = {
        "version": MANIFEST_VERSION,
        "name": estimator.name,
        **manifest.joints_entry(estimator.skeleton),
        "input": "RGB, 0 to 255, float32; each network scales its pixels itself",
        "fill": views.FILL,
        "stages": stages,
        "calibration": None,
        "data": experiment.describe(),
        **provenance(),
    }
    files.write_json(folder / MANIFEST, described)
    # What ships is calibrated: the networks as they are read back, with halved weights.
    return _calibrated(folder, experiment)


def calibrate(folder, experiment):
    """Fit the confidences of a model folder again, on validation, and write them to its manifest.

    For networks that were exchanged, or read in another way than when they were calibrated; the
    experiment must have the split that they were trained on. Returns the PoseEstimator, read back.
    """
    return _calibrated(loading.path_of(folder), experiment, calibrated=provenance())


def _calibrated(folder, experiment, **described):
    estimator = loading.load(folder)
    part = experiment.part("validation")
    poses = estimator.estimate_dataset(part)
    described |= {"calibration": None, "presence": None}
    if not np.isnan(poses.peak_mass).any():  # the last network has maps
        correct, counted = scores.correct_joints(poses.keypoints_px, part)
        if counted.any():
            fitted = calibration.fit(poses.peak_mass, correct, counted)
            described["calibration"] = calibration.to_json(fitted)
        described["presence"] = _fitted_presence(poses, estimator, experiment)
    files.write_json(folder / MANIFEST, {**estimator.manifest, **described})
    read = manifest.read(folder)
    return replace(
        estimator, calibration=read.calibration, presence=read.presence, manifest=read.stored
    )


def _fitted_presence(poses, estimator, experiment):
    """From validation people, and from strips of validation and training pictures; or None."""
    training = experiment.part("train")
    training = training.subset(evenly_spread(len(training), TRAINING_STRIPS_FROM))
    strips = [
        strip
        for part in (experiment.part("validation"), training)
        for strip in backgrounds.strips_of(part)
    ]
    # Of small drawn data sets few pictures have room beside the person.
    if len(strips) < LEAST_STRIPS or estimator.stages[0].view == "person":
        return None
    nobody = estimator.estimate(strips)
    return presence.to_json(presence.fit(poses.features, nobody.features))


def _write_stage(stage, training, folder):
    """Write the network; return its entry in the manifest."""
    file = folder / f"{stage.view}.keras"
    with files.replacing(file) as temporary:
        stage.network.save(temporary)
        halve(temporary)
    return {**manifest.stage_entry(stage, file), "training": training}


def halve(path):
    """Store the weights of a `.keras` file in half precision, in place.

    Keras restores every weight's own type when it reads the file, so the model loads and computes
    in float32, with weights rounded to 11 bits.
    """
    with zipfile.ZipFile(path) as archive:
        contents = {entry: archive.read(entry) for entry in archive.namelist()}
    small = io.BytesIO()
    with (
        h5py.File(io.BytesIO(contents["model.weights.h5"])) as full,
        h5py.File(small, "w") as half,
    ):
        _copy_halved(full, half)
    contents["model.weights.h5"] = small.getvalue()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in contents.items():
            archive.writestr(entry, content)


def _copy_halved(source, target):
    target.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy_halved(item, target.create_group(name))
            continue
        values = item[()]
        if values.dtype == np.float32:
            largest, limit = np.abs(values).max(initial=0), np.finfo(np.float16).max
            if largest > limit:
                raise PosekitError(
                    f"{item.name}: weights must be at most {limit:,.0f} to be stored in half "
                    f"precision; got {largest:,.0f}."
                )
            values = values.astype(np.float16)
        target.create_dataset(name, data=values)


def shipped_reliability(folder=SHIPPED):
    """Shipped model -> `calibration.reliability` of its confidences on the development test."""
    return {
        path.parent.name: files.read_json(path)["reliability"]
        for path in sorted(folder.glob("*/development.json"))
    }
