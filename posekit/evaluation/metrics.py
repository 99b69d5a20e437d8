"""Scores of predicted poses: PCK, PDJ, PCP, mean joint error and the poster's squared error.

Axes: N images, K joints, S sticks, T thresholds; LSP's skeleton has 14 joints and 10 sticks.

A square network input squashes x and y differently, so predictions must be moved back to the
original image (`geometry.resize_keypoints`) before they are scored.

Every score is one sum over images divided by another. NaN is a score nothing counts towards.
"""

from typing import NamedTuple

import numpy as np

from posekit import geometry
from posekit.errors import PosekitError, check_keypoints
from posekit.evaluation.bootstrap import ratio_interval

# Quotients, because np.arange(0, 0.21, 0.01) misses 0.2 itself by a rounding error.
AUC_THRESHOLDS = np.arange(21) / 100
PDJ_THRESHOLDS = np.arange(51) / 100


class Score(NamedTuple):
    """How a score is shown; `digits` are its decimals, `unit` is empty where it has none."""

    label: str
    unit: str
    digits: int
    lower_is_better: bool

    @property
    def title(self):
        """The label, and the unit in brackets."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


# The scores that have an interval and are compared, in the order of all tables.
SCORES = {
    "pck_0.2": Score("PCK@0.2", "share of joints", 3, lower_is_better=False),
    "pck_auc": Score("area under the PCK curve", "", 3, lower_is_better=False),
    "pcp_0.5": Score("PCP@0.5", "share of sticks", 3, lower_is_better=False),
    "mpjpe_px": Score("mean joint error", "px", 2, lower_is_better=True),
    "mpjpe_torso": Score("mean joint error", "torso lengths", 3, lower_is_better=True),
    "frame_mse": Score("MSE", "px² of the 96 x 96 frame", 1, lower_is_better=True),
}


class Sums(NamedTuple):
    """A score as two sums: what each image adds to them, (N, columns), by joint or stick."""

    numerators: np.ndarray
    denominators: np.ndarray

    @property
    def total(self):
        """The score over all joints or sticks of all images together, float."""
        return float(_divide(self.numerators.sum(), self.denominators.sum()))

    @property
    def per_column(self):
        """The score of each joint or stick over all images, float (columns,)."""
        return _divide(self.numerators.sum(axis=0), self.denominators.sum(axis=0))

    @property
    def per_image(self):
        """(numerators, denominators) of each image, each float (N,), for `bootstrap`."""
        return tuple(part.sum(axis=1, dtype=float) for part in self)


class PoseErrors:
    """How far N predicted poses are from the truth; every score is computed from it.

    Args:
        pred_px: float (N, K, 2), predicted (x, y) in pixels of the original image, finite.
        true_px: float (N, K, 2), annotated (x, y), same frame; may hold anything where unlabelled.
        labelled: bool (N, K), True where the annotation counts.
        skeleton: skeleton.Skeleton, which K joints they are.
        joints: names of the joints that are scored, None for all of them. A stick is scored when
            all its joints are. The torso that PCK divides by is measured regardless.

    Raises:
        PosekitError: a wrong shape or dtype, an unknown joint, a prediction that is not finite,
            or an annotation that counts and is not finite.
    """

    def __init__(self, pred_px, true_px, labelled, *, skeleton, joints=None):
        caller = "PoseErrors()"
        pred_px, true_px, labelled = np.asarray(pred_px), np.asarray(true_px), np.asarray(labelled)
        check_keypoints(caller, labelled=labelled, true_px=true_px, pred_px=pred_px)
        # A model that predicts NaN is broken, whether or not the joint has a label.
        check_keypoints(caller, pred_px=pred_px)
        geometry.check_joint_count(caller, "pred_px", pred_px, skeleton)
        self._skeleton = skeleton
        self._pred_px = pred_px.astype(float, copy=False)
        self._true_px = np.where(labelled[..., None], true_px, 0.0).astype(float, copy=False)
        self._counted = labelled & _selected(caller, joints, skeleton)  # (N, K)
        self._error_px = geometry.distance_px(self._pred_px, self._true_px)  # (N, K)
        torso_px = geometry.torso_length_px(self._true_px, labelled, skeleton=skeleton)[:, None]
        self._error_torsos = _divide(self._error_px, torso_px, np.inf)  # (N, K)
        self._counted_in_pck = self._counted & ~np.isnan(torso_px)
        boxes_px = geometry.joint_boxes(self._true_px, labelled)
        box_px = boxes_px[:, 2:].max(axis=1, keepdims=True)  # (N, 1), NaN without a label
        self._error_boxes = _divide(self._error_px, box_px, np.inf)  # (N, K)

    def pck(self, threshold=0.2):
        """Percentage of Correct Keypoints, as a share: Sums by joint.

        A joint is correct when its Euclidean error is <= threshold x the true torso length of its
        image. Images without a measurable torso do not count. A torso of length zero makes every
        joint of its image wrong, as the division in the published evaluator does.

        Source: Yang and Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts",
        TPAMI 2013; the torso as in Pishchulin's evaluation of LSP.
        """
        return _within("pck()", threshold, self._error_torsos, self._counted_in_pck)

    def box_pck(self, threshold=0.1):
        """PCK in lengths of the person's box, which every image with a label has: Sums by joint.

        The length is the longer side of the upright box around all labelled joints. In LSPet's
        median a torso is 0.41 of that, so 0.1 allows a fifth more than PCK@0.2.

        Source: Yang and Ramanan, TPAMI 2013, whose PCK this is; theirs for whole bodies is at 0.1.
        """
        return _within("box_pck()", threshold, self._error_boxes, self._counted)

    def pck_area(self):
        """Area under PCK over the thresholds 0, 0.01, ..., 0.2 on a unit axis: Sums by joint.

        It is 1 when every prediction is exact.

        Source: the trapezoid rule over the PCK curve, as in Pishchulin's evaluation of LSP.
        """
        # A joint that is correct from threshold i on adds all trapezoids right of i and half of
        # the one left of it. A joint that is never correct has i = T and adds nothing.
        first_correct = np.searchsorted(AUC_THRESHOLDS, self._error_torsos)  # (N, K)
        span = len(AUC_THRESHOLDS) - 1
        counted = self._counted_in_pck
        return Sums((1 - np.clip(first_correct - 0.5, 0, span) / span) * counted, counted)

    def pck_curve(self, thresholds=AUC_THRESHOLDS):
        """PCK over all joints at each share of the torso length, float (T,) in [0, 1]."""
        return np.array([self.pck(threshold).total for threshold in np.atleast_1d(thresholds)])

    def pdj(self, thresholds=PDJ_THRESHOLDS):
        """Percentage of Detected Joints: PCK per joint at each threshold, float (T, K) in [0, 1].

        Source: Sapp and Taskar, "MODEC: Multimodal Decomposable Models", CVPR 2013; Toshev and
        Szegedy, "DeepPose", CVPR 2014.
        """
        return np.array([self.pck(threshold).per_column for threshold in np.atleast_1d(thresholds)])

    def pcp(self, threshold=0.5):
        """Percentage of Correct Parts in the strict sense, as a share: Sums by stick.

        A stick is correct when the errors of both its ends are <= threshold x its true length. It
        counts when all its joints are labelled: two, or the torso's four. A stick of length zero
        is wrong. Sticks are in the order of `Skeleton.sticks`.

        Source: Ferrari, Marin-Jimenez and Zisserman, "Progressive Search Space Reduction for
        Human Pose Estimation", CVPR 2008; strict with both ends and the torso between mid-hip and
        mid-shoulder, as in Pishchulin's evaluation of LSP.
        """
        (start, end), mid_points = _stick_ends(self._skeleton)
        pred_px, true_px = (
            np.hstack([each, *(each[:, pair].mean(axis=1, keepdims=True) for pair in mid_points)])
            for each in (self._pred_px, self._true_px)
        )  # (N, K + 2, 2)
        length_px = geometry.distance_px(true_px[:, start], true_px[:, end])
        error_px = geometry.distance_px(pred_px, true_px)
        # Both ends are correct where the worse one is.
        error = _divide(np.maximum(error_px[:, start], error_px[:, end]), length_px, np.inf)
        has_mid_points = [self._counted[:, pair].all(axis=1, keepdims=True) for pair in mid_points]
        counted = np.hstack([self._counted, *has_mid_points])
        return _within("pcp()", threshold, error, counted[:, start] & counted[:, end])

    def mpjpe_px(self):
        """Mean per joint position error: Euclidean, pixels of the original image; Sums by joint."""
        return Sums(self._error_px * self._counted, self._counted)

    def mpjpe_torso(self):
        """The same in torso lengths of the image; images without a torso length do not count."""
        counted = self._counted_in_pck & np.isfinite(self._error_torsos)
        return Sums(np.where(counted, self._error_torsos, 0), counted)

    def frame_mse(self, image_sizes_px, frame_px=96):
        """The poster's loss: squared error of a coordinate in the squashed square frame, px².

        An image of width W and height H, `image_sizes_px` (N, 2), is squashed to the frame, hence
        its errors shrink by frame_px / W in x and frame_px / H in y.
        """
        sizes_px, wanted = np.asarray(image_sizes_px, float), (len(self._pred_px), 2)
        if sizes_px.shape != wanted or not (np.isfinite(sizes_px) & (sizes_px > 0)).all():
            raise PosekitError(
                f"frame_mse(): `image_sizes_px` must have shape {wanted} and be finite, > 0 "
                f"pixels; got shape {sizes_px.shape}, {sizes_px.tolist()!s:.200}."
            )
        error_px = (self._pred_px - self._true_px) * (frame_px / sizes_px)[:, None]  # (N, K, 2)
        return Sums((error_px**2).sum(axis=-1) * self._counted, 2 * self._counted)

    def headline(self, image_sizes_px):
        """name of SCORES -> Sums."""
        return {
            "pck_0.2": self.pck(0.2),
            "pck_auc": self.pck_area(),
            "pcp_0.5": self.pcp(0.5),
            "mpjpe_px": self.mpjpe_px(),
            "mpjpe_torso": self.mpjpe_torso(),
            "frame_mse": self.frame_mse(image_sizes_px),
        }


def evaluate(
    pred_px,
    true_px,
    labelled,
    image_sizes_px,
    groups,
    *,
    skeleton,
    seed,
    resamples=1000,
    joints=None,
):
    """All scores of one model on one set of images, ready for JSON.

    Args:
        pred_px, true_px, labelled, skeleton, joints: as for `PoseErrors`.
        image_sizes_px: (N, 2), (width, height) of the original images, pixels, > 0.
        groups: int or str (N,), images of one group are resampled together.
        seed, resamples: ints, of the bootstrap.

    Returns:
        dict with plain numbers, None for a score that nothing counts towards:
            image_count, scored_joint_count, and joints, their names.
            pck_counts: {"image_count", "joint_count"}, what PCK counts: images whose torso can be
                measured, and their labelled joints.
            box_pck_0.1: {"value", "interval"}, `PoseErrors.box_pck`, which counts all images.
            metrics: name of SCORES -> {"value", "interval": [low, high]} with the 95 % interval of
                `bootstrap.ratio_interval`.
            pck_per_joint, mpjpe_px_per_joint, pcp_per_stick: name -> score.
            pck_per_group, pcp_per_group: name -> mean of the group's joints or sticks.
            pck_curve: {"thresholds", "total"}, each a list (21,).
            pdj: {"thresholds", "total", "per_joint": name -> list}, lists (51,).
    """
    errors = PoseErrors(pred_px, true_px, labelled, skeleton=skeleton, joints=joints)
    sums = errors.headline(image_sizes_px)
    measured = sums | {"box_pck_0.1": errors.box_pck(0.1)}
    numerators, denominators = np.transpose(
        [each.per_image for each in measured.values()], (1, 2, 0)
    )
    # All at once: they share the resamples.
    ends = ratio_interval(numerators, denominators, groups, seed=seed, resamples=resamples)
    values = _divide(numerators.sum(axis=0), denominators.sum(axis=0))
    metrics = {
        name: {"value": value, "interval": interval}
        for name, value, *interval in zip(measured, *map(_numbers, (values, *ends)), strict=True)
    }
    pck_of_joint, error_of_joint, pcp_of_stick = (
        dict(zip(names, _numbers(sums[score].per_column), strict=True))
        for names, score in (
            (skeleton.joints, "pck_0.2"),
            (skeleton.joints, "mpjpe_px"),
            (skeleton.sticks, "pcp_0.5"),
        )
    )
    in_pck = sums["pck_0.2"].denominators
    return {
        "image_count": len(pred_px),
        "scored_joint_count": int(sums["mpjpe_px"].denominators.sum()),
        "joints": list(skeleton.joints if joints is None else joints),
        "pck_counts": {
            "image_count": int(in_pck.any(axis=1).sum()),
            "joint_count": int(in_pck.sum()),
        },
        "box_pck_0.1": metrics.pop("box_pck_0.1"),
        "metrics": metrics,
        "pck_per_joint": pck_of_joint,
        "pck_per_group": _group_means(pck_of_joint, skeleton.joint_groups),
        "mpjpe_px_per_joint": error_of_joint,
        "pcp_per_stick": pcp_of_stick,
        "pcp_per_group": _group_means(pcp_of_stick, skeleton.stick_groups),
        "pck_curve": {
            "thresholds": AUC_THRESHOLDS.tolist(),
            "total": _numbers(errors.pck_curve()),
        },
        "pdj": {
            "thresholds": PDJ_THRESHOLDS.tolist(),
            "total": _numbers(errors.pck_curve(PDJ_THRESHOLDS)),
            "per_joint": dict(zip(pck_of_joint, map(_numbers, errors.pdj().T), strict=True)),
        },
    }


def _selected(caller, joints, skeleton):
    if joints is None:
        return np.ones(skeleton.joint_count, bool)
    unknown = [name for name in joints if name not in skeleton.joints]
    if unknown or not joints:
        finding = repr(unknown[0]) if unknown else "no name"
        raise PosekitError(
            f"{caller}: `joints` must hold names among {', '.join(skeleton.joints)}; got {finding}."
        )
    return np.isin(skeleton.joints, joints)


def _within(caller, threshold, error, counted):
    if np.ndim(threshold) or not 0 <= threshold < np.inf:
        raise PosekitError(
            f"{caller}: `threshold` must be one number, finite and >= 0; got {threshold}."
        )
    return Sums((error <= threshold) & counted, counted)


def _stick_ends(skeleton):
    """Ends of each stick, int (2, S), and pairs of joints whose mid-points follow the joints."""
    ends, mid_points = [(start, end) for _, start, end in skeleton.limbs], ()
    if skeleton.torso_stick is not None:
        ends.append((skeleton.joint_count, skeleton.joint_count + 1))
        mid_points = tuple(list(pair) for pair in skeleton.torso_stick[1:])
    return np.reshape(ends, (-1, 2)).astype(int).T, mid_points


def _divide(numerators, denominators, undefined=np.nan):
    # No length is within a share of a length of zero: such an error is infinite, even 0 / 0.
    shape = np.broadcast_shapes(np.shape(numerators), np.shape(denominators))
    out = np.full(shape, undefined)
    return np.divide(numerators, denominators, out=out, where=np.greater(denominators, 0))


def _numbers(values):
    return [None if np.isnan(value) else float(value) for value in values]


def _group_means(score_of_name, groups):
    means = {}
    for group, members in groups:
        scores = [score_of_name[name] for name in members if score_of_name[name] is not None]
        means[group] = sum(scores) / len(scores) if scores else None
    return means
