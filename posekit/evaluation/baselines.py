"""What one constant pose, predicted for every image, scores: the bar a network has to clear.

Poses are in the network's frame (the poster's: the picture squashed to 96 x 96 pixels), errors in
its squared pixels. The poster does not say how it treats joints without a label, so a loss means
nothing until its label treatment is named. Targets are float (N, K, 3), x, y, weight, from
`Experiment.targets`.
"""

import warnings

import numpy as np

from posekit.errors import PosekitError
from posekit.evaluation import pose_statistics
from posekit.pipeline import targets as label_treatments

# What tables and figures call poses that need no learning.
NAMES = {
    "image_centre": "image centre",
    "mean_pose": "mean pose",
    "true_centre": "mean figure at the true centre",
    "true_centre_and_size": "the same, in the true size",
}


def constant_poses(targets, frame_px):
    """The two constant guesses, fitted on targets, dict of name -> float (K, 2), frame pixels.

    "image_centre", and "mean_pose", the mean of the targets that count, which is the constant with
    the least squared error. A joint that no target counts is at the centre there as well.
    """
    centre_px = np.full((targets.shape[1], 2), (frame_px - 1) / 2)
    counted = targets[..., 2] > 0
    sums_px = np.where(counted[..., None], targets[..., :2], 0.0).sum(axis=0)
    mean_px = sums_px / np.maximum(counted.sum(axis=0), 1)[:, None]
    mean_px[~counted.any(axis=0)] = centre_px[0]
    return {"image_centre": centre_px, "mean_pose": mean_px}


def treatment_mse(pred_frame_px, targets):
    """Mean squared error per coordinate that counts, under the treatment that made the targets.

    Predictions are float (N, K, 2), (x, y), or (K, 2), one pose for all; NaN when nothing counts.
    """
    shape = (*targets.shape[:2], 2)
    if np.shape(pred_frame_px) not in (shape, shape[1:]):
        raise PosekitError(
            f"treatment_mse(): `pred_frame_px` must have shape {shape} or {shape[1:]}; got "
            f"{np.shape(pred_frame_px)}."
        )
    counted = ((pred_frame_px - targets[..., :2]) ** 2)[targets[..., 2] > 0]  # (joints, 2)
    return float(counted.mean()) if counted.size else float("nan")


def constant_errors(train_targets, targets, frame_px):
    """`treatment_mse` of the constants that are fitted on training targets, by name."""
    poses_px = constant_poses(train_targets, frame_px)
    return {name: treatment_mse(pose_px, targets) for name, pose_px in poses_px.items()}


def placed_figures(train_targets, targets):
    """The mean figure where each person is: what a network scores that finds the person alone.

    Both know the truth, so they are bounds and no predictions. The figure, fitted on training
    targets, is the constant that leaves the least squared error once positions, or positions and
    sizes, are removed. Both are as of `pose_statistics.centred`, over the joints that count.
    Returns a dict of "true_centre" and "true_centre_and_size", float (n, K, 2), frame pixels.
    """
    train, placed = _centred(train_targets), _centred(targets)
    sizes = {
        "true_centre": (np.ones(len(train_targets)), np.ones(len(targets))),
        "true_centre_and_size": (train.size_px, placed.size_px),
    }
    figures = {}
    for name, (train_size, size) in sizes.items():
        weights = (train_targets[..., 2] > 0) * train_size[:, None] ** 2
        sums = (train.offsets_px * train_size[:, None, None]).sum(axis=0)
        figure = sums / np.maximum(weights.sum(axis=0), 1e-9)[:, None]
        # Of a person whose legs are missing the rest is centred.
        centre = _centred(targets, figure).centre_px
        offsets = size[:, None, None] * (figure - centre[:, None])
        figures[name] = placed.centre_px[:, None] + offsets
    return figures


def error_parts(pred_frame_px, targets):
    """`treatment_mse` as a sum of what is wrong with place, size and shape, dict of float.

    For each person, over the joints that count: place is the squared distance of the mean joints;
    size the squared difference of the root mean square distances from them, s and t; shape what
    is left, 2 s t (1 - r) with r the correlation of the two centred poses. A turned pose is
    another shape. All are NaN when nothing counts.
    """
    treatment_mse(pred_frame_px, targets)  # checks the shapes
    true, pred = _centred(targets), _centred(targets, pred_frame_px)
    joints = (targets[..., 2] > 0).sum(axis=1)
    products = (pred.offsets_px * true.offsets_px).sum(axis=(1, 2))
    sums = {
        "place": joints * ((pred.centre_px - true.centre_px) ** 2).sum(axis=-1),
        "size": joints * (pred.size_px - true.size_px) ** 2,
        "shape": 2 * (joints * pred.size_px * true.size_px - products),
    }
    coordinates = 2 * joints.sum() or np.nan
    return {name: float(values.sum() / coordinates) for name, values in sums.items()}


def _centred(targets, poses_px=None):
    """Targets, or other poses over the same joints, by person."""
    positions_px = targets[..., :2] if poses_px is None else poses_px
    shape = (*targets.shape[:2], 2)
    return pose_statistics.centred(np.broadcast_to(positions_px, shape), targets[..., 2] > 0)


def check_something_to_learn(train_targets, validation_targets, frame_px):
    """Raise where a training on these targets, float (N, K, 3), could not be scored.

    Warns where one pose is exact for all of them: that trains, but shows nothing.
    """
    errors = {}
    for part, targets in (("train", train_targets), ("validation", validation_targets)):
        errors[part] = constant_errors(train_targets, targets, frame_px)["mean_pose"]
        if np.isnan(errors[part]):
            raise PosekitError(
                f"training: the {part} part must have a labelled joint; got none in "
                f"{len(targets)} images. Label more joints, or use more images."
            )
    # What is left of equal float32 numbers after a mean.
    if max(errors.values()) < 1e-6:
        warnings.warn(
            f"training: all {len(train_targets) + len(validation_targets)} images have the same "
            "labels, so there is nothing to learn. Check the annotations.",
            stacklevel=2,
        )


def constant_errors_by_treatment(train, scored, *, frame_px):
    """`constant_errors` under each label treatment, dict of treatment -> dict.

    `train`, to fit on, and `scored` are (keypoints_frame_px, labelled): (N, K, 2) and bool (N, K).
    """

    errors = {}
    for treatment in label_treatments.LABEL_TREATMENTS:
        parts = (label_treatments.targets(*part, treatment) for part in (train, scored))
        targets = [np.concatenate([px, counted[..., None]], axis=-1) for px, counted in parts]
        errors[treatment] = constant_errors(*targets, frame_px)
    return errors


def mean_pose_px(experiment, part):
    """The training part's mean pose for every image of a part, (n, K, 2), original pixels."""
    poses = constant_poses(experiment.targets("train", "masked"), experiment.frame_px)
    return experiment.original_px(poses["mean_pose"], part)
