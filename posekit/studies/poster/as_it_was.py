"""The poster as it was: doubled by mirroring, split at random, with whatever labels are stored.

It does not say what it does with missing joints, nor whether it mirrored before or after the
split. This study trains every reading and looks for the poster's two losses.
"""

from dataclasses import replace

import cv2
import numpy as np

from posekit.datasets import image_files, splits
from posekit.datasets.pose_dataset import join
from posekit.files import PROJECT_ROOT
from posekit.profiles import FRAME_PX
from posekit.studies.poster import trials
from posekit.studies.poster.published import PUBLISHED_MSE
from posekit.studies.poster.trials import Trial
from posekit.wording import number

# Trainings on LSPet's photographs, as numbers.
TRACKED = PROJECT_ROOT / "reports" / "as_it_was.json"

LABELS = {"poster": "as stored", "poster_origin": "at the origin"}
AFTER, BEFORE = "after the split", "before the split"
LEARNING_RATE = 1e-3

POSTER_IMAGES = 24_000

# Both losses of a training must be within this factor of the poster's to count as its finding.
CLOSE = 1.1


def train_readings(experiment, run_dir, *, epochs, batch_size, patience, seed=0, out=None):
    """Both networks in plain pixels, for both label treatments and both ways to mirror.

    `experiment` has the "poster" split; the settings are equal for all trainings. Returns the rows
    of `trials.train_all`, which `run_dir` and `out` are for.
    """
    rows = []
    for flip, data in (("double", experiment), ("none", mirrored_before_split(experiment))):
        readings = [
            Trial(
                *("plain pixels", batch_norm, LEARNING_RATE, seed, epochs, batch_size),
                label_treatment=treatment,
                flip=flip,
                patience=patience,
            )
            for treatment in LABELS
            for batch_norm in (True, False)
        ]
        rows += trials.train_all(readings, data, run_dir, out=out)
    return rows


def mirrored_before_split(experiment):
    """The experiment with each picture and its mirror image, the "poster" split of all of them.

    A picture and its mirror image may be on different sides. A missing joint stays as stored.
    """
    dataset, mirror = experiment.dataset, list(experiment.dataset.skeleton.mirror)
    labelled = dataset.labelled[:, mirror]
    swapped_px = dataset.keypoints_px[:, mirror]
    moved_px = np.array(swapped_px)
    moved_px[..., 0] = dataset.image_sizes_px[:, :1] - 1 - swapped_px[..., 0]
    suffix = "-mirrored"
    mirrored = replace(
        dataset,
        name="mirrored",
        image_ids=np.array([f"{image_id}{suffix}" for image_id in dataset.image_ids]),
        keypoints_px=np.where(labelled[..., None], moved_px, swapped_px),
        labelled=labelled,
        read_image=lambda name: _mirrored(dataset.read_image(name.removesuffix(suffix))),
    )
    # The pictures' digest says all: these are the same ones.
    both = join([dataset, mirrored]).with_fingerprint(f"{dataset.fingerprint()}{suffix}")
    images = experiment.frames
    groups = np.tile(experiment.split.groups, 2)
    return replace(
        experiment,
        dataset=both,
        frames=np.concatenate([images, images[:, :, ::-1]]),
        split=splits.poster(both, groups, seed=experiment.split.seed),
    )


def _mirrored(encoded):
    picture = image_files.decode(encoded)
    # OpenCV has blue first.
    return cv2.imencode(".png", picture[:, ::-1, ::-1])[1].tobytes()


def readings(rows):
    """What each training came to, list of dict, losses in squared pixels of a 96 x 96 frame.

    `nearest_epoch` is the one whose two losses are nearest to the poster's, and `factor` by how
    much the one that is further off differs from it, > 1.
    """
    found = []
    for row in rows:
        if "diverged" in row:
            continue
        scale = (FRAME_PX / row["data"]["frame_px"]) ** 2
        losses = scale * np.array(
            [row["history"][f"{part}_mse"] for part in ("train", "validation")]
        )
        wanted = np.array([[PUBLISHED_MSE["training"]], [PUBLISHED_MSE["validation"]]])
        factors = np.exp(np.abs(np.log(losses / wanted)).max(axis=0))
        nearest = int(factors.argmin())
        best = int(losses[1].argmin())
        found.append(
            {
                "labels": LABELS[row["label_treatment"]],
                "mirrored": AFTER if row["flip"] == "double" else BEFORE,
                "batch_norm": row["batch_norm"],
                "images": row["data"]["train"],
                "frame_px": row["data"]["frame_px"],
                "epochs": len(row["history"]["epoch"]),
                "training": float(losses[0, best]),
                "validation": float(losses[1, best]),
                "mean_pose": scale * row["baselines"]["mean_pose"],
                "nearest_epoch": nearest + 1,
                "nearest": losses[:, nearest].tolist(),
                "factor": float(factors[nearest]),
            }
        )
    return found


def table(found):
    """Rows for a table of `readings`."""
    return [
        {
            "missing joints": row["labels"],
            "mirrored": row["mirrored"],
            "batch normalisation": "with" if row["batch_norm"] else "without",
            "epochs": row["epochs"],
            "training loss, best epoch": row["training"],
            "validation loss, best epoch": row["validation"],
            "mean pose": row["mean_pose"],
            "nearest to the poster: epoch": row["nearest_epoch"],
            "training": row["nearest"][0],
            "validation": row["nearest"][1],
        }
        for row in found
    ] or [{"trainings": "none yet"}]


def answer(found):
    """Under which reading the poster's two losses come out together, Markdown."""
    if not found:
        return "No trainings of the poster as it was are stored."
    ranked = sorted(found, key=lambda row: row["factor"])
    close = [row for row in ranked if row["factor"] <= CLOSE]
    said = "; ".join(
        f"missing joints {row['labels']}, mirrored {row['mirrored']}, "
        f"{'with' if row['batch_norm'] else 'without'} batch normalisation (epoch "
        f"{row['nearest_epoch']}: {number(row['nearest'][0])} and {number(row['nearest'][1])})"
        for row in close or ranked[:1]
    )
    off = f"off by a factor of {number(ranked[0]['factor'], 2)}"
    images, side = (min(row[name] for row in found) for name in ("images", "frame_px"))
    return (
        "**Under which reading do the poster's losses come out together?** "
        f"{PUBLISHED_MSE['training']} in training and {PUBLISHED_MSE['validation']} in validation "
        + (
            f"come out to within {CLOSE - 1:.0%} with {said}."
            if close
            else f"do not come out; they are nearest with {said}, {off}."
        )
        + f" These trainings had {images:,} photographs and their mirror images, {side} x {side} "
        f"px, and at most {max(row['epochs'] for row in found)} epochs; the poster had "
        f"{POSTER_IMAGES:,} images, half of them mirrored: what shorter trainings do not reach, "
        "longer ones may."
    )
