"""What predicting one constant pose for every image scores: the bar a network has to clear.

Poses are in the squashed square frame (96 x 96 pixels on the poster), errors in its squared
pixels. The poster does not say what it did with joints that have no label, hence there are
three label treatments; a loss says nothing until its treatment is named.
"""

import numpy as np

from posekit.errors import PosekitError, check_keypoints
from posekit.pipeline import targets as pipeline_targets
from posekit.pipeline.targets import LABEL_TREATMENTS
from posekit.skeleton import JOINT_COUNT, JOINTS


def image_centre(frame_px=96, joints=JOINT_COUNT):
    """All joints at the centre of the frame.

    Args:
        frame_px: int > 0, side of the frame, pixels.
        joints: int K, how many.

    Returns:
        float (K, 2), pixels of the frame.
    """
    return np.full((joints, 2), (frame_px - 1) / 2)


def mean_pose(targets_px, weights, *, unseen_px=None):
    """Mean of each joint's counted targets: the constant with the least squared error.

    Args:
        targets_px: float (N, K, 2), from `targets`.
        weights: bool (N, K), from `targets`.
        unseen_px: float (K, 2), where joints are that no image counts; None wants each counted.

    Returns:
        float (K, 2), pixels of the frame.

    Raises:
        PosekitError: a wrong shape or dtype, or a joint is never labelled and has no `unseen_px`.
    """
    targets_px, weights = _checked("mean_pose()", targets_px, weights)
    unseen = np.flatnonzero(~weights.any(axis=0))
    if unseen.size and unseen_px is None:
        names = ", ".join(JOINTS[k] if weights.shape[1] == JOINT_COUNT else str(k) for k in unseen)
        raise PosekitError(
            "mean_pose(): `weights` must count every joint in at least one of the "
            f"{len(weights)} images; got none for {names}. Fit on more labelled images."
        )
    counted_px = np.where(weights[..., None], targets_px, 0.0)
    pose_px = counted_px.sum(axis=0) / np.maximum(weights.sum(axis=0), 1)[:, None]
    pose_px[unseen] = 0.0 if unseen_px is None else np.asarray(unseen_px)[unseen]
    return pose_px


def constant_score(pose_px, targets_px, weights):
    """Mean squared error per counted coordinate of one pose predicted for every image.

    Args:
        pose_px: float (K, 2), pixels of the frame.
        targets_px: float (N, K, 2), from `targets`.
        weights: bool (N, K), from `targets`.

    Returns:
        float, squared pixels of the frame; NaN when nothing counts.

    Raises:
        PosekitError: a wrong shape or dtype.
    """
    targets_px, weights = _checked("constant_score()", targets_px, weights)
    pose_px = np.asarray(pose_px, float)
    if pose_px.shape != targets_px.shape[1:]:
        raise PosekitError(
            f"constant_score(): `pose_px` must have shape {targets_px.shape[1:]}; "
            f"got {pose_px.shape}."
        )
    squared_error = ((targets_px - pose_px) ** 2)[weights]  # (counted joints, 2)
    return float(squared_error.mean()) if squared_error.size else float("nan")


def baseline_table(
    train_keypoints_frame_px,
    train_labelled,
    validation_keypoints_frame_px,
    validation_labelled,
    *,
    frame_px=96,
):
    """Constants fitted on training images and scored on validation images, per treatment.

    Args:
        train_keypoints_frame_px: float (N, K, 2), (x, y) in the squashed frame, pixels.
        train_labelled: bool (N, K).
        validation_keypoints_frame_px: float (M, K, 2), as above.
        validation_labelled: bool (M, K).
        frame_px: int > 0, side of the frame, pixels.

    Returns:
        dict of treatment -> {"image_centre": error, "mean_pose": error}, squared pixels of the
        frame per counted coordinate.

    Raises:
        PosekitError: a wrong shape or dtype.
    """
    table = {}
    centre_px = image_centre(frame_px, np.shape(train_labelled)[-1])
    for treatment in LABEL_TREATMENTS:
        train = pipeline_targets.targets(train_keypoints_frame_px, train_labelled, treatment)
        # A joint that no annotator of these data labels is guessed at the centre and never counts.
        fitted = mean_pose(*train, unseen_px=centre_px)
        scored = pipeline_targets.targets(validation_keypoints_frame_px, validation_labelled, treatment)
        table[treatment] = {
            "image_centre": constant_score(centre_px, *scored),
            "mean_pose": constant_score(fitted, *scored),
        }
    return table


def _checked(caller, targets_px, weights):
    targets_px, weights = np.asarray(targets_px), np.asarray(weights)
    check_keypoints(caller, labelled=weights, targets_px=targets_px)
    return targets_px, weights


def treatment_mse(pred_frame_px, targets):
    """Mean squared error under the label treatment that made the targets, divided once.

    Args:
        pred_frame_px: float (N, K, 2), (x, y) in the frame.
        targets: float (N, K, 3), x, y, weight, from `Experiment.targets`.

    Returns:
        float, frame pixels squared per counted coordinate.
    """
    squared = (pred_frame_px - targets[..., :2]) ** 2  # (N, K, 2)
    return float(squared[targets[..., 2] > 0].mean())


def constant_poses(experiment, treatment="masked"):
    """The two constant guesses, fitted on the training part.

    Args:
        experiment: Experiment whose training part holds an image.
        treatment: str, label treatment of the fit.

    Returns:
        dict, "image_centre" and "mean_pose" -> float (K, 2), frame pixels.
    """
    return constant_poses_of(experiment.targets("train", treatment), experiment.frame_px)


def constant_poses_of(targets, frame_px):
    """The two constant guesses for training targets (N, K, 3) in frames of side `frame_px`.

    The mean pose has joints that no target counts at the centre.
    """
    centre_px = image_centre(frame_px, targets.shape[1])
    return {
        "image_centre": centre_px,
        "mean_pose": mean_pose(
            targets[..., :2], targets[..., 2] > 0, unseen_px=centre_px
        ),
    }
