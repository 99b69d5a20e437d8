"""From a network and a part of the data to predictions and scores."""

import numpy as np

from posekit import baselines, geometry, metrics, pipeline
from posekit.geometry import resize_keypoints

BATCH_SIZE = 64


def predict_frame_px(model, images):
    """Keypoints in the frame's pixels, every image once.

    Args:
        model: keras.Model, (N, S, S, 3) pixels to (N, 2K).
        images: uint8 (N, S, S, 3).

    Returns:
        float64 (N, K, 2), (x, y).
    """
    batches = pipeline.evaluation_batches(images, batch_size=BATCH_SIZE)
    flat = model.predict(batches, verbose=0)  # (N, 2K)
    return flat.astype(float).reshape(len(flat), -1, 2)


def to_original_px(keypoints_frame_px, image_sizes_px, frame_px):
    """Undo the squash: keypoints in the frame to pixels of the original images.

    Args:
        keypoints_frame_px: float (N, K, 2), (x, y) in the frame.
        image_sizes_px: int (N, 2), (width, height) of the originals.
        frame_px: int, side of the frame.

    Returns:
        float64 (N, K, 2).
    """
    return resize_keypoints(keypoints_frame_px, (frame_px, frame_px), image_sizes_px)


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
    centre_px = baselines.image_centre(frame_px, targets.shape[1])
    return {
        "image_centre": centre_px,
        "mean_pose": baselines.mean_pose(
            targets[..., :2], targets[..., 2] > 0, unseen_px=centre_px
        ),
    }


def score(pred_frame_px, experiment, part, *, seed, joints=None):
    """All metrics of predictions in the frame.

    Args:
        pred_frame_px: float (n, K, 2), (x, y) in the frame, one per image of the part, or
            (K, 2), one pose for all.
        experiment, part, seed, joints: as for `score_original_px`.

    Returns:
        dict of `score_original_px`.
    """
    chosen = experiment.part(part)
    pred_frame_px = np.broadcast_to(pred_frame_px, chosen.keypoints_px.shape)
    pred_px = to_original_px(pred_frame_px, chosen.image_sizes_px, experiment.frame_px)
    return score_original_px(pred_px, experiment, part, seed=seed, joints=joints)


def score_original_px(pred_px, experiment, part, *, seed, joints=None):
    """All metrics of predictions in pixels of the original images.

    Args:
        pred_px: float (n, K, 2), (x, y), one per image of the part.
        experiment: Experiment.
        part: str, "train", "validation", "development", "test" or "all".
        seed: int, of the bootstrap over image groups.
        joints: names of the scored joints, None for all; see `metrics`.

    Returns:
        dict of `metrics.evaluate`, with the split and whether it is comparable.
    """
    chosen = experiment.part(part)
    indices = experiment.split.indices(experiment.dataset, part)
    scores = metrics.evaluate(
        pred_px,
        chosen.keypoints_px,
        chosen.labelled,
        chosen.image_sizes_px,
        experiment.split.groups[indices],
        seed=seed,
        resamples=experiment.profile.resamples,
        joints=joints,
        skeleton=chosen.skeleton,
    )
    return {
        "part": part,
        "split": experiment.split.name,
        "comparable": experiment.split.comparable,
        **scores,
    }


def right_joints(pred_px, dataset, *, threshold=0.2):
    """Which joints are right in PCK's sense, and of which that is known.

    Args:
        pred_px: float (N, K, 2), (x, y) in pixels of the original images.
        dataset: PoseDataset of the N images.
        threshold: float >= 0, share of the torso length.

    Returns:
        correct: bool (N, K), within the threshold; False where it is not known.
        counted: bool (N, K), labelled in an image whose torso can be measured. As in
            `metrics.pck`, a torso of length zero makes its joints wrong.
    """
    torso_px = geometry.torso_length_px(
        dataset.keypoints_px, dataset.labelled, skeleton=dataset.skeleton
    )[:, None]  # (N, 1)
    counted = dataset.labelled & ~np.isnan(torso_px)
    error_px = np.linalg.norm(pred_px - dataset.keypoints_px, axis=-1)  # (N, K)
    return counted & (torso_px > 0) & (error_px <= threshold * torso_px), counted
