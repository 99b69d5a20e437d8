"""From finished trainings to a model that ships: small files, a manifest, measured confidence."""

import hashlib
import zipfile
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np

from posekit import artifacts, calibration, estimators, metrics, views
from posekit.estimators import MANIFEST, MANIFEST_VERSION
from posekit.skeleton import JOINTS

# A joint is right in the sense of `metrics.pck` at this threshold.
RIGHT_WITHIN_TORSOS = 0.2


def deliver(name, runs, experiment, folder, *, passes=1, flip_average=False):
    """Write a model folder: one file for each stage, the manifest, the scores on validation.

    Args:
        name: str, of the model.
        runs: list of training.TrainingRun, one for each stage, in order.
        experiment: Experiment whose validation part calibrates the confidences; it must have the
            split that the runs were trained on.
        folder: Path, made where missing.
        passes: int > 0, how often the last stage looks.
        flip_average: bool, whether the last stage also asks the mirrored picture.

    Returns:
        PoseEstimator, read back from the folder.
    """
    folder = Path(folder)
    estimator = estimators.of_runs(name, runs, passes=passes, flip_average=flip_average)
    listed = []
    for stage, run in zip(estimator.stages, runs, strict=True):
        file = folder / f"{stage.view}.keras"
        with artifacts.replacing(file) as temporary:
            stage.network.save(temporary)
            halve(temporary)
        listed.append(
            {
                "file": file.name,
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "view": stage.view,
                "input_px": stage.frame_px,
                "head": stage.head,
                "passes": stage.passes,
                "flip_average": stage.flip_average,
                "training": {
                    "config": asdict(run.config),
                    "epochs": len(run.history["epoch"]),
                    "minutes": round(sum(run.history["seconds"]) / 60, 1),
                },
            }
        )
    part = experiment.part("validation")
    poses = estimator.estimate_dataset(part)
    correct, counted = right_joints(poses.keypoints_px, part)
    fitted = calibration.fit(poses.raw, correct, counted)
    artifacts.write_json(
        folder / MANIFEST,
        {
            "version": MANIFEST_VERSION,
            "name": name,
            "joints": list(JOINTS),
            "input": "RGB, 0 to 255, float32; each network scales its pixels itself",
            "fill": views.FILL,
            "person_margin": views.PERSON_MARGIN,
            "stages": listed,
            "calibration": calibration.to_json(fitted),
            "data": experiment.describe(),
            **artifacts.provenance(),
        },
    )
    return estimators.load(folder)


def halve(path):
    """Store a saved Keras model's weights in half precision, in place.

    Keras gives every weight its own type back when it reads the file, so that the model loads and
    computes in float32 with weights rounded to 11 bits.

    Args:
        path: a `.keras` file.
    """
    with zipfile.ZipFile(path) as archive:
        contents = {entry: archive.read(entry) for entry in archive.namelist()}
    weights = path.with_name(f"{path.name}.h5")
    try:
        weights.write_bytes(contents["model.weights.h5"])
        with h5py.File(weights) as full, h5py.File(f"{weights}.half", "w") as half:
            _copy_halved(full, half)
        contents["model.weights.h5"] = Path(f"{weights}.half").read_bytes()
    finally:
        weights.unlink(missing_ok=True)
        Path(f"{weights}.half").unlink(missing_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in contents.items():
            archive.writestr(entry, content)


def _copy_halved(source, target):
    for name, value in source.attrs.items():
        target.attrs[name] = value
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy_halved(item, target.create_group(name))
        else:
            values = item[()]
            small = values.astype(np.float16) if values.dtype == np.float32 else values
            target.create_dataset(name, data=small)


def right_joints(keypoints_px, part):
    """Which joints are within 0.2 torso lengths of their label, and for which that is known.

    Args:
        keypoints_px: float (N, 14, 2), (x, y), pixels.
        part: PoseDataset of N images.

    Returns:
        (correct, counted), bool (N, 14) each.
    """
    torso_px = metrics.torso_length_px(part.keypoints_px, part.labelled)
    counted = part.labelled & np.isfinite(torso_px)[:, None]
    error_px = np.linalg.norm(
        np.where(counted[..., None], keypoints_px - part.keypoints_px, 0.0), axis=-1
    )
    correct = error_px <= RIGHT_WITHIN_TORSOS * np.nan_to_num(torso_px)[:, None]
    return correct & counted, counted

