"""From predictions for a part of the data to scores."""

import numpy as np

from posekit import geometry
from posekit.evaluation import metrics
from posekit.evaluation.per_image import PerImage


def score(pred_frame_px, experiment, part, *, seed, joints=None):
    """All metrics of predictions in the frame.

    Args:
        pred_frame_px: float (n, K, 2), (x, y) in the frame, one per image of the part, or
            (K, 2), one pose for all.
        experiment, part, seed, joints: as for `score_original_px`.

    Returns:
        dict of `score_original_px`.
    """
    chosen, frame_px = experiment.part(part), experiment.frame_px
    pred_px = geometry.resize_keypoints(
        np.broadcast_to(pred_frame_px, chosen.keypoints_px.shape),
        (frame_px, frame_px),
        chosen.image_sizes_px,
    )
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
    scores = metrics.evaluate(
        pred_px,
        chosen.keypoints_px,
        chosen.labelled,
        chosen.image_sizes_px,
        _groups(experiment, part),
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


def per_image(pred_px, experiment, part):
    """What each image of a part adds to the scores; arguments as for `score_original_px`.

    Returns:
        per_image.PerImage.
    """
    chosen = experiment.part(part)
    sums = metrics.per_image_sums(
        pred_px,
        chosen.keypoints_px,
        chosen.labelled,
        chosen.image_sizes_px,
        skeleton=chosen.skeleton,
    )
    return PerImage(np.asarray(chosen.image_ids), _groups(experiment, part), sums)


def correct_joints(pred_px, dataset, *, threshold=0.2):
    """Which joints are correct as in `metrics.PoseErrors.pck`, and for which that is known.

    Args:
        pred_px: float (N, K, 2), (x, y) in pixels of the original images.
        dataset: PoseDataset of the N images.
        threshold: float >= 0, share of the torso length.

    Returns:
        correct: bool (N, K), within the threshold; False where it is not known.
        counted: bool (N, K), labelled in an image whose torso can be measured.
    """
    errors = metrics.PoseErrors(
        pred_px, dataset.keypoints_px, dataset.labelled, skeleton=dataset.skeleton
    )
    return tuple(errors.pck(threshold))


def _groups(experiment, part):
    return experiment.split.groups[experiment.split.indices(experiment.dataset, part)]
