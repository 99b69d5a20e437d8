"""From predictions for a part of the data to scores."""

import numpy as np

from posekit.evaluation import metrics
from posekit.evaluation.per_image import PerImage


def score(pred_frame_px, experiment, part, *, seed, joints=None):
    """`score_original_px` of predictions in the frame, float (n, K, 2), or (K, 2), one for all."""
    pred_px = experiment.original_px(pred_frame_px, part)
    return score_original_px(pred_px, experiment, part, seed=seed, joints=joints)


def errors_of(pred_px, dataset, *, joints=None):
    """PoseErrors of predictions, float (N, K, 2), in pixels of the data set's images."""
    return metrics.PoseErrors(
        pred_px, dataset.keypoints_px, dataset.labelled, skeleton=dataset.skeleton, joints=joints
    )


def score_original_px(pred_px, experiment, part, *, seed, joints=None):
    """All metrics of predictions, float (n, K, 2) in pixels of the original images of a part.

    `joints` are the names of the scored ones, None for all. Returns the dict of `metrics.evaluate`
    with the part, its split and whether that is comparable.
    """
    chosen = experiment.part(part)
    scores = metrics.evaluate(
        pred_px,
        chosen.keypoints_px,
        chosen.labelled,
        chosen.image_sizes_px,
        experiment.groups(part),
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
    """What each image of a part adds to the scores, PerImage; as for `score_original_px`."""
    chosen = experiment.part(part)
    errors = errors_of(pred_px, chosen).headline(chosen.image_sizes_px)
    sums = {name: each.per_image for name, each in errors.items()}
    return PerImage(np.asarray(chosen.image_ids), experiment.groups(part), sums)


def correct_joints(pred_px, dataset, *, threshold=0.2):
    """Which joints are correct as in `metrics.PoseErrors.pck`, and which count: bool (N, K) each.

    `pred_px` are in pixels of the original images of the PoseDataset.
    """
    return tuple(errors_of(pred_px, dataset).pck(threshold))


def examples(errors, count):
    """(kind, index) of at most `count` typical, good and worst of N errors, float (N,).

    Typical ones are about the median. NaN is left out, and nothing is chosen twice.
    """
    order = np.argsort(errors, kind="stable")[: np.isfinite(errors).sum()]
    count = min(count, len(order) // 3)
    starts = {"typical": (len(order) - count) // 2, "good": 0, "worst": len(order) - count}
    return [(kind, index) for kind, at in starts.items() for index in order[at : at + count]]
