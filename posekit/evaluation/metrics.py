"""Scores of predicted poses: PCK, PDJ, PCP, mean joint error and the poster's squared error.

Axes: N images, K joints, S sticks, T thresholds; for LSP's skeleton 14 joints and 10 sticks.
The arguments that all scores share, by name:

    pred_px: float (N, K, 2), predicted (x, y) in pixels of the original image, finite.
    true_px: float (N, K, 2), annotated (x, y), same frame; may hold anything where unlabelled.
    labelled: bool (N, K), True where the annotation counts.
    joints: names of the joints that are scored, None for all of them. A stick is scored when
        all its joints are. The torso that PCK divides by is measured regardless.
    skeleton: skeleton.Skeleton, which joints they are; LSP's 14 unless another is given.

A square network input squashes x and y differently, so predictions must be moved back to the
original image (`geometry.resize_keypoints`) before they are scored.

Every score is one sum over images divided by another. NaN is a score nothing counts towards.
All functions raise PosekitError on a wrong shape, dtype or range, an unknown joint, a
non-finite prediction, or a non-finite annotation that counts.
"""

from typing import NamedTuple

import numpy as np

from posekit import geometry
from posekit.errors import check_keypoints, raise_problems
from posekit.evaluation.bootstrap import ratio_interval
from posekit.skeleton import LSP, Skeleton

STICKS = LSP.sticks

# Quotients, because np.arange(0, 0.21, 0.01) misses 0.2 itself by a rounding error.
AUC_THRESHOLDS = np.arange(21) / 100
PDJ_THRESHOLDS = np.arange(51) / 100


def pck(pred_px, true_px, labelled, *, threshold=0.2, skeleton=LSP):
    """Percentage of Correct Keypoints, as a fraction, per joint.

    A joint is correct when its Euclidean error is <= threshold x the true torso length of its
    image. Images without a measurable torso do not count. A torso of length zero makes every
    joint of its image wrong, error zero included, as the division in the published evaluator
    (0 / 0 or x / 0) does.

    Args:
        pred_px, true_px, labelled, skeleton: see the module.
        threshold: float >= 0, share of the torso length.

    Returns:
        float (K,) in [0, 1].

    Source: Yang and Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts",
    TPAMI 2013; the torso as in Pishchulin's evaluation of LSP.
    """
    poses = _checked("pck()", pred_px, true_px, labelled, skeleton=skeleton)
    _check_thresholds("pck()", "threshold", threshold)
    return _per_column(_pck_sums(poses, threshold))


def pck_total(pred_px, true_px, labelled, *, threshold=0.2, joints=None, skeleton=LSP):
    """PCK over all joints of all images together; arguments and source as for `pck`.

    Returns:
        float in [0, 1].
    """
    poses = _checked("pck_total()", pred_px, true_px, labelled, joints, skeleton)
    _check_thresholds("pck_total()", "threshold", threshold)
    return _total(_pck_sums(poses, threshold))


def pck_curve(pred_px, true_px, labelled, *, thresholds=AUC_THRESHOLDS, joints=None, skeleton=LSP):
    """Total PCK at each threshold.

    Args:
        pred_px, true_px, labelled, joints, skeleton: see the module.
        thresholds: float (T,), >= 0, shares of the torso length.

    Returns:
        float (T,) in [0, 1].
    """
    poses = _checked("pck_curve()", pred_px, true_px, labelled, joints, skeleton)
    thresholds = _check_thresholds("pck_curve()", "thresholds", thresholds, dimensions=1)
    hits, counted = _curve_sums(poses, thresholds)
    return _divide(hits.sum(axis=1), counted.sum())


def pck_area_under_curve(pred_px, true_px, labelled, *, joints=None, skeleton=LSP):
    """Area under total PCK over the thresholds 0, 0.01, ..., 0.2, rescaled to a unit axis.

    Returns:
        float in [0, 1]; 1 when every prediction is exact.

    Source: the trapezoid rule over the PCK curve, as in Pishchulin's evaluation of LSP.
    """
    poses = _checked("pck_area_under_curve()", pred_px, true_px, labelled, joints, skeleton)
    return _total(_area_sums(poses))


def pdj(pred_px, true_px, labelled, *, thresholds=PDJ_THRESHOLDS, skeleton=LSP):
    """Percentage of Detected Joints, as a fraction: PCK per joint at each threshold.

    Args:
        pred_px, true_px, labelled, skeleton: see the module.
        thresholds: float (T,), >= 0, shares of the torso length.

    Returns:
        float (T, K) in [0, 1].

    Source: Sapp and Taskar, "MODEC: Multimodal Decomposable Models", CVPR 2013; Toshev and
    Szegedy, "DeepPose", CVPR 2014.
    """
    poses = _checked("pdj()", pred_px, true_px, labelled, skeleton=skeleton)
    thresholds = _check_thresholds("pdj()", "thresholds", thresholds, dimensions=1)
    return _divide(*_curve_sums(poses, thresholds))


def pcp(pred_px, true_px, labelled, *, threshold=0.5, skeleton=LSP):
    """Percentage of Correct Parts, as a fraction, per stick, in the strict sense.

    A stick is correct when the errors of both its ends are <= threshold x its true length. It
    counts when all its joints are labelled: two, or the torso's four. A stick of length zero
    is wrong, error zero included, as the division in the published evaluator does.

    Args:
        pred_px, true_px, labelled, skeleton: see the module.
        threshold: float >= 0, share of the stick's length.

    Returns:
        float (S,) in [0, 1], in the order of `Skeleton.sticks`.

    Source: Ferrari, Marin-Jimenez and Zisserman, "Progressive Search Space Reduction for Human
    Pose Estimation", CVPR 2008; strict with both ends and the torso between mid-hip and
    mid-shoulder, as in Pishchulin's evaluation of LSP.
    """
    poses = _checked("pcp()", pred_px, true_px, labelled, skeleton=skeleton)
    _check_thresholds("pcp()", "threshold", threshold)
    return _per_column(_pcp_sums(poses, threshold))


def pcp_total(pred_px, true_px, labelled, *, threshold=0.5, joints=None, skeleton=LSP):
    """PCP over all sticks of all images together; arguments and source as for `pcp`.

    Returns:
        float in [0, 1].
    """
    poses = _checked("pcp_total()", pred_px, true_px, labelled, joints, skeleton)
    _check_thresholds("pcp_total()", "threshold", threshold)
    return _total(_pcp_sums(poses, threshold))


def mpjpe_px(pred_px, true_px, labelled, *, joints=None, skeleton=LSP):
    """Mean Euclidean error of the labelled joints (mean per joint position error).

    Returns:
        float, pixels of the original image, >= 0.
    """
    return _total(_error_sums(_checked("mpjpe_px()", pred_px, true_px, labelled, joints, skeleton)))


def mpjpe_torso(pred_px, true_px, labelled, *, joints=None, skeleton=LSP):
    """Mean Euclidean error of the labelled joints in torso lengths of their image.

    Images whose torso is not measurable, or has length zero, do not count.

    Returns:
        float, torso lengths, >= 0.
    """
    poses = _checked("mpjpe_torso()", pred_px, true_px, labelled, joints, skeleton)
    return _total(_torso_error_sums(poses))


def frame_mse(
    pred_px, true_px, labelled, image_sizes_px, *, frame_px=96, joints=None, skeleton=LSP
):
    """The poster's loss: mean squared error of a coordinate in the squashed square frame.

    An image of width W and height H is squashed to frame_px x frame_px, hence its errors
    shrink by frame_px / W in x and frame_px / H in y.

    Args:
        pred_px, true_px, labelled, joints, skeleton: see the module.
        image_sizes_px: (N, 2), (width, height) of the original images, pixels, > 0.
        frame_px: number > 0, side of the frame, pixels.

    Returns:
        float, squared pixels of the frame, >= 0.
    """
    poses = _checked("frame_mse()", pred_px, true_px, labelled, joints, skeleton)
    image_sizes_px = _checked_sizes("frame_mse()", image_sizes_px, len(poses.pred_px))
    return _total(_frame_squared_error_sums(poses, image_sizes_px, frame_px))


def per_image_sums(pred_px, true_px, labelled, image_sizes_px, *, joints=None, skeleton=LSP):
    """What each image adds to the two sums that a headline score divides.

    For two models on the same images, these go into `bootstrap.paired_difference_interval`.

    Args:
        pred_px, true_px, labelled, joints, skeleton: see the module.
        image_sizes_px: (N, 2), (width, height) of the original images, pixels, > 0.

    Returns:
        dict of score name -> (numerators, denominators), each float (N,).
    """
    poses = _checked("per_image_sums()", pred_px, true_px, labelled, joints, skeleton)
    image_sizes_px = _checked_sizes("per_image_sums()", image_sizes_px, len(poses.pred_px))
    return _over_columns(_headline_sums(poses, image_sizes_px))


def evaluate(
    pred_px,
    true_px,
    labelled,
    image_sizes_px,
    groups,
    *,
    seed,
    resamples=1000,
    joints=None,
    skeleton=LSP,
):
    """All scores of one model on one set of images, ready for JSON.

    Args:
        pred_px, true_px, labelled, joints, skeleton: see the module.
        image_sizes_px: (N, 2), (width, height) of the original images, pixels, > 0.
        groups: int or str (N,), images of one group are resampled together.
        seed: int, seed of the bootstrap.
        resamples: int >= 1, bootstrap resamples.

    Returns:
        dict with plain numbers, None for a score that nothing counts towards:
            image_count, group_count, scored_joint_count: int.
            joints: names of the scored joints.
            metrics: "pck_0.2", "pck_auc", "pcp_0.5", "mpjpe_px", "mpjpe_torso" and
                "frame_mse", each {"value", "interval": [low, high]} with the 95 % interval of
                `bootstrap.ratio_interval`.
            pck_per_joint, mpjpe_px_per_joint, pcp_per_stick: name -> score.
            pck_interval_per_joint, mpjpe_px_interval_per_joint, pcp_interval_per_stick: name ->
                [low, high], as for the totals.
            pck_per_group, pcp_per_group: name -> mean of the group's joints or sticks.
            pck_curve: {"thresholds", "total"}, each a list (21,).
            pdj: {"thresholds", "total", "per_joint": name -> list}, lists (51,).
    """
    poses = _checked("evaluate()", pred_px, true_px, labelled, joints, skeleton)
    image_sizes_px = _checked_sizes("evaluate()", image_sizes_px, len(poses.pred_px))
    sums = _headline_sums(poses, image_sizes_px)
    numerators, denominators = np.transpose(list(_over_columns(sums).values()), (1, 2, 0))
    low, high = ratio_interval(numerators, denominators, groups, seed=seed, resamples=resamples)
    values = _divide(numerators.sum(axis=0), denominators.sum(axis=0))

    def intervals(names, score):
        low, high = ratio_interval(*sums[score], groups, seed=seed, resamples=resamples)
        ends = np.stack([low, high], axis=1)
        return {name: _numbers(pair) for name, pair in zip(names, ends, strict=True)}

    joint_names, stick_names = skeleton.joints, skeleton.sticks
    pck_of_joint = _named(joint_names, _per_column(sums["pck_0.2"]))
    pcp_of_stick = _named(stick_names, _per_column(sums["pcp_0.5"]))
    pdj_hits, pdj_counted = _curve_sums(poses, PDJ_THRESHOLDS)
    pdj_total = _divide(pdj_hits.sum(axis=1), pdj_counted.sum())
    in_curve = slice(len(AUC_THRESHOLDS))  # PDJ's thresholds begin with those of the AUC.
    return {
        "image_count": len(poses.pred_px),
        "group_count": len(np.unique(groups)),
        "scored_joint_count": int(poses.counted.sum()),
        "joints": list(joint_names if joints is None else joints),
        "metrics": {
            name: {"value": _number(value), "interval": [_number(bottom), _number(top)]}
            for name, value, bottom, top in zip(sums, values, low, high, strict=True)
        },
        "pck_per_joint": pck_of_joint,
        "pck_interval_per_joint": intervals(joint_names, "pck_0.2"),
        "pck_per_group": _group_means(pck_of_joint, skeleton.joint_groups),
        "mpjpe_px_per_joint": _named(joint_names, _per_column(sums["mpjpe_px"])),
        "mpjpe_px_interval_per_joint": intervals(joint_names, "mpjpe_px"),
        "pcp_per_stick": pcp_of_stick,
        "pcp_interval_per_stick": intervals(stick_names, "pcp_0.5"),
        "pcp_per_group": _group_means(pcp_of_stick, skeleton.stick_groups),
        "pck_curve": {
            "thresholds": AUC_THRESHOLDS.tolist(),
            "total": _numbers(pdj_total[in_curve]),
        },
        "pdj": {
            "thresholds": PDJ_THRESHOLDS.tolist(),
            "total": _numbers(pdj_total),
            "per_joint": {
                name: _numbers(curve)
                for name, curve in zip(joint_names, _divide(pdj_hits, pdj_counted).T, strict=True)
            },
        },
    }


class _Poses(NamedTuple):
    """Checked arguments; `true_px` is 0 where unlabelled, `counted` is labelled and selected."""

    pred_px: np.ndarray
    true_px: np.ndarray
    labelled: np.ndarray
    counted: np.ndarray
    skeleton: Skeleton


def _checked(caller, pred_px, true_px, labelled, joints=None, skeleton=LSP):
    pred_px, true_px, labelled = np.asarray(pred_px), np.asarray(true_px), np.asarray(labelled)
    check_keypoints(caller, labelled=labelled, true_px=true_px, pred_px=pred_px)
    # A model that predicts NaN is broken, whether or not the joint has a label.
    check_keypoints(caller, pred_px=pred_px)
    geometry.check_joint_count(caller, "pred_px", pred_px, skeleton)
    return _Poses(
        pred_px=pred_px.astype(float, copy=False),
        true_px=np.where(labelled[..., None], true_px, 0.0).astype(float, copy=False),
        labelled=labelled,
        counted=labelled & _selected(caller, joints, skeleton),
        skeleton=skeleton,
    )


def _selected(caller, joints, skeleton):
    if joints is None:
        return np.ones(skeleton.joint_count, bool)
    unknown = [name for name in joints if name not in skeleton.joints]
    if unknown or not joints:
        finding = repr(unknown[0]) if unknown else "no name"
        raise_problems(
            caller,
            [f"`joints` must hold names among {', '.join(skeleton.joints)}; got {finding}."],
        )
    return np.isin(skeleton.joints, joints)


def _check_thresholds(caller, field, thresholds, *, dimensions=0):
    thresholds = np.asarray(thresholds, float)
    wrong = ~(np.isfinite(thresholds) & (thresholds >= 0))
    kind = "one number" if dimensions == 0 else "a list of numbers"
    if thresholds.ndim != dimensions or wrong.any():
        raise_problems(
            caller, [f"`{field}` must be {kind}, finite and >= 0; got {thresholds.tolist()}."]
        )
    return thresholds


def _checked_sizes(caller, image_sizes_px, image_count):
    image_sizes_px = np.asarray(image_sizes_px, float)
    if image_sizes_px.shape != (image_count, 2):
        raise_problems(
            caller,
            [f"`image_sizes_px` must have shape {(image_count, 2)}; got {image_sizes_px.shape}."],
        )
    wrong = ~(np.isfinite(image_sizes_px) & (image_sizes_px > 0)).all(axis=1)
    if wrong.any():
        n = int(np.argmax(wrong))
        raise_problems(
            caller,
            [f"`image_sizes_px` must be > 0 pixels; got {image_sizes_px[n].tolist()} at [{n}]."],
        )
    return image_sizes_px


# Each function below returns (numerators, denominators), both (N, columns): what every image
# adds to a score, per joint or stick. Sums over any of the two axes divide to a score.


def _headline_sums(poses, image_sizes_px):
    return {
        "pck_0.2": _pck_sums(poses, 0.2),
        "pck_auc": _area_sums(poses),
        "pcp_0.5": _pcp_sums(poses, 0.5),
        "mpjpe_px": _error_sums(poses),
        "mpjpe_torso": _torso_error_sums(poses),
        "frame_mse": _frame_squared_error_sums(poses, image_sizes_px, 96),
    }


def _pck_sums(poses, threshold):
    error, counted = _torso_errors(poses)
    return (error <= threshold) & counted, counted


def _area_sums(poses):
    error, counted = _torso_errors(poses)
    # A joint that is correct from threshold i on adds all trapezoids right of i and half of the
    # one left of it. A joint that is never correct has i = T and adds nothing.
    first_correct = np.searchsorted(AUC_THRESHOLDS, error)  # (N, K)
    span = len(AUC_THRESHOLDS) - 1
    return (1 - np.clip(first_correct - 0.5, 0, span) / span) * counted, counted


def _pcp_sums(poses, threshold):
    ends, mid_points = _stick_ends(poses.skeleton)
    pred_px, true_px = (_with_points(each, mid_points) for each in (poses.pred_px, poses.true_px))
    start, end = ends.T
    length_px = geometry.distance_px(true_px[:, start], true_px[:, end])
    error_px = geometry.distance_px(pred_px, true_px)
    # Both ends are correct where the worse one is.
    error = _in_lengths(np.maximum(error_px[:, start], error_px[:, end]), length_px)
    has_mid_points = [poses.counted[:, pair].all(axis=1, keepdims=True) for pair in mid_points]
    counted = np.hstack([poses.counted, *has_mid_points])
    counted = counted[:, start] & counted[:, end]
    return (error <= threshold) & counted, counted


def _stick_ends(skeleton):
    """Ends of each stick, int (S, 2), and the pairs of joints whose mid-points follow the joints.

    The torso stick runs between two mid-points: for LSP the points 14 and 15.
    """
    ends, mid_points = [(start, end) for _, start, end in skeleton.limbs], ()
    if skeleton.torso_stick is not None:
        ends.append((skeleton.joint_count, skeleton.joint_count + 1))
        mid_points = tuple(list(pair) for pair in skeleton.torso_stick[1:])
    return np.reshape(ends, (-1, 2)).astype(int), mid_points


def _error_sums(poses):
    return geometry.distance_px(poses.pred_px, poses.true_px) * poses.counted, poses.counted


def _torso_error_sums(poses):
    error, counted = _torso_errors(poses)
    counted = counted & np.isfinite(error)
    return np.where(counted, error, 0), counted


def _frame_squared_error_sums(poses, image_sizes_px, frame_px):
    error_px = (poses.pred_px - poses.true_px) * (frame_px / image_sizes_px)[:, None]  # (N, K, 2)
    return (error_px**2).sum(axis=-1) * poses.counted, 2 * poses.counted


def _curve_sums(poses, thresholds):
    """Hits (T, K) and counts (K,), summed over images."""
    error, counted = _torso_errors(poses)
    hits = [((error <= threshold) & counted).sum(axis=0) for threshold in thresholds]
    return np.reshape(hits, (len(thresholds), -1)), counted.sum(axis=0)


def _torso_errors(poses):
    """Errors in torso lengths, (N, K), and whether each counts towards PCK, bool (N, K)."""
    torso_px = geometry.torso_length_px(poses.true_px, poses.labelled, skeleton=poses.skeleton)[:, None]
    error = _in_lengths(geometry.distance_px(poses.pred_px, poses.true_px), torso_px)
    return error, poses.counted & ~np.isnan(torso_px)


def _in_lengths(error_px, length_px):
    # Nothing is within a share of a length of zero: the error is infinite, even 0 / 0.
    return np.divide(error_px, length_px, out=np.full(error_px.shape, np.inf), where=length_px > 0)


def _with_points(keypoints_px, mid_points):
    mid_points_px = [keypoints_px[:, pair].mean(axis=1, keepdims=True) for pair in mid_points]
    return np.concatenate([keypoints_px, *mid_points_px], axis=1)  # (N, K + 2, 2)


def _divide(numerators, denominators):
    numerators, denominators = np.broadcast_arrays(numerators, denominators)
    undefined = np.full(numerators.shape, np.nan)
    return np.divide(numerators, denominators, out=undefined, where=denominators > 0)


def _per_column(sums):
    return _divide(sums[0].sum(axis=0), sums[1].sum(axis=0))


def _total(sums):
    return float(_divide(sums[0].sum(), sums[1].sum()))


def _over_columns(sums):
    return {
        name: tuple(part.sum(axis=1, dtype=float) for part in parts) for name, parts in sums.items()
    }


def _number(value):
    return None if np.isnan(value) else float(value)


def _numbers(values):
    return [_number(value) for value in values]


def _named(names, values):
    return dict(zip(names, _numbers(values), strict=True))


def _group_means(score_of_name, groups):
    means = {}
    for group, members in groups:
        scores = [score_of_name[name] for name in members if score_of_name[name] is not None]
        means[group] = sum(scores) / len(scores) if scores else None
    return means
