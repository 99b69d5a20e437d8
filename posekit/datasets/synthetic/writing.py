"""A data set of synthetic people in the layout of Leeds Sports Pose Extended, with exact labels."""

import csv
import io
import json
import numbers
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import scipy.io

from posekit import files
from posekit.datasets.synthetic import backgrounds, outfits, rendering
from posekit.datasets.synthetic.scenes import plan, stream
from posekit.errors import PosekitError, raise_problems
from posekit.skeleton import LSP

GENERATOR_VERSION = 2
RECIPE_FILE = "synthetic.json"
JPEG_QUALITY = 90

README = """Synthetic people in the layout of Leeds Sports Pose Extended, written by posekit.

Nothing here was photographed or labelled by hand. data/README.md of posekit describes the files;
synthetic.json says what made this folder.
"""


@dataclass(frozen=True, eq=False)
class Example:
    """One picture and what is known of it."""

    image: np.ndarray  # uint8 (H, W, 3), RGB
    keypoints_px: np.ndarray  # float64 (14, 2), true for all joints
    labelled: np.ndarray  # bool (14,)
    occluded: np.ndarray  # bool (14,), True where a part of the person or of another covers it
    hidden_by_others: np.ndarray  # bool (14,), True where another person covers the joint
    activity: str  # the pose family
    person_count: int  # at least 1


def example(index, seed):
    """Example number `index` of the data set of `seed`; always the same for the same two."""
    scene = plan(index, seed)
    image = backgrounds.draw_background(stream("place", index, seed), *scene.size_px)
    for figure, outfit, camera in scene.people:
        parts = outfits.dress(figure, outfit)
        image, painted = rendering.paint(image, parts, camera, scene.light)
    occluded = rendering.hidden_joints(painted, scene.keypoints_px)
    hidden_by_others = np.zeros_like(occluded)
    for figure, outfit, camera in scene.in_front:
        parts = [part._replace(joints=()) for part in outfits.dress(figure, outfit)]
        image, painted = rendering.paint(image, parts, camera, scene.light)
        hidden_by_others |= rendering.hidden_joints(painted, scene.keypoints_px)
    occluded |= hidden_by_others
    missing_rng = stream("missing", index, seed)
    # Annotators leave out what they cannot see more often, some of them far more than others; some
    # 12 % of joints in all.
    missing_share = np.where(occluded, 0.5, 0.075) * min(missing_rng.exponential(), 4)
    return Example(
        image=backgrounds.add_sensor_noise(stream("grain", index, seed), image),
        keypoints_px=scene.keypoints_px,
        labelled=missing_rng.random(LSP.joint_count) >= missing_share,
        occluded=occluded,
        hidden_by_others=hidden_by_others,
        activity=scene.activity,
        person_count=scene.person_count,
    )


def write(folder, *, count, seed):
    """Write `count` synthetic people, drawn by `seed`, in the layout of LSPet; gives the folder.

    A folder that already holds the same set is left alone. The set appears whole or not at all,
    and what killed processes left half written is removed.

    Raises:
        PosekitError: a number is out of range, the folder holds anything else, or it cannot be
            written.
    """
    _check_numbers(count, seed)
    folder = Path(folder)
    recipe = {"generator_version": GENERATOR_VERSION, "seed": int(seed), "count": int(count)}
    if _holds(folder, recipe):
        return folder
    try:
        with files.new_folder(folder) as partial:
            _write_files(partial, recipe)
    except PosekitError:
        # Another process may have finished the same set in the meantime.
        if not _holds(folder, recipe):
            raise
    return folder


def _write_files(folder, recipe):
    seed, count = recipe["seed"], recipe["count"]
    joints = np.empty((LSP.joint_count, 3, count))
    keypoints_px = np.empty((count, LSP.joint_count, 2))
    occluded, hidden_by_others = np.empty((2, count, LSP.joint_count), bool)
    rows = [("image", "activity", "person_count")]
    (folder / "images").mkdir()
    for index in range(count):
        made = example(index, seed)
        name = f"im{index + 1:05d}"
        (folder / "images" / f"{name}.jpg").write_bytes(_jpeg(made.image))
        joints[:, :2, index], joints[:, 2, index] = made.keypoints_px, 1
        missing = ~made.labelled
        joints[missing, :, index] = _junk(stream("junk", index, seed), missing.sum())
        keypoints_px[index], occluded[index] = made.keypoints_px, made.occluded
        hidden_by_others[index] = made.hidden_by_others
        rows.append((name, made.activity, made.person_count))

    (folder / "joints.mat").write_bytes(_mat_file(joints))
    with (folder / "annotations.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    truth = {"occluded": occluded, "hidden_by_others": hidden_by_others}
    np.savez_compressed(folder / "truth.npz", keypoints_px=keypoints_px, **truth)
    (folder / "README.txt").write_text(README, encoding="utf-8")
    (folder / RECIPE_FILE).write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")


def _junk(rng, count):
    """Missing joints, (count, 3): one coordinate zero and the other negative; rarely both zero."""
    junk = np.zeros((count, 3))
    rows = np.arange(count)
    junk[rows, rng.integers(2, size=count)] = -rng.exponential(40, count)
    junk[rng.random(count) < 0.01] = 0
    return junk


def _jpeg(image):
    """The picture's JPEG file, bytes."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def _mat_file(joints):
    """The MATLAB file of `joints`, bytes, without the date that SciPy puts in its header."""
    file = io.BytesIO()
    scipy.io.savemat(file, {"joints": joints})
    return b"MATLAB 5.0 MAT-file, drawn by posekit".ljust(116) + file.getvalue()[116:]


def _holds(folder, recipe):
    """Whether `folder` holds this very set; False when there is nothing; else PosekitError."""
    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return False
        found = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        found = f"something without a readable {RECIPE_FILE} ({error})"
    if found == recipe:
        return True
    raise PosekitError(
        f"synthetic.write(): `folder` must be new, empty or hold {recipe}; got {folder} with "
        f"{found}. Choose another folder, or move that one away yourself."
    )


def _check_numbers(count, seed):
    # Five digits number the files, and their order by name is the order of the labels.
    ranges = {"count": (count, 1, 99_999), "seed": (seed, 0, 2**32 - 1)}
    problems = [
        f"`{name}` must be a whole number from {least} to {most}; got {value!r}."
        for name, (value, least, most) in ranges.items()
        if not (isinstance(value, numbers.Integral) and least <= value <= most)
    ]
    raise_problems("synthetic.write()", problems)
