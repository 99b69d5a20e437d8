"""Statistics of poses: where a person is in the picture, and how unusual the pose is.

Keypoints are float (N, K, 2), (x, y), pixels; labelled joints bool (N, K). What does not fit raises
PosekitError.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg

from posekit import geometry
from posekit.errors import check_keypoints, raise_problems

# Poses are compared over the joints that both people have; fewer say too little about shape. Of
# smaller joint sets, all joints that are ever labelled must be present.
FEWEST_COMMON_JOINTS = 8

# Poses that `contortion` compares with all training poses at once; it bounds memory.
BLOCK = 256


class PoseComponents(NamedTuple):
    """Principal components of poses: what `principal_components` returns."""

    mean: np.ndarray
    components: np.ndarray
    explained: np.ndarray
    scores: np.ndarray


def person_share(keypoints_px, labelled, image_sizes_px):
    """Width and height of the labelled joints' box as shares of the picture's, float64 (N, 2).

    NaN for a person without labelled joints. `image_sizes_px` are (N, 2), (width, height).
    """
    return geometry.joint_boxes(keypoints_px, labelled)[:, 2:] / image_sizes_px


def normalise(keypoints_px, labelled):
    """Poses without position and size: centred on the mean joint, RMS distance from it 1.

    A missing joint would change a pose's centre and size, so only complete poses are usable.
    Rotation stays: standing upside down is a pose of its own.

    Returns:
        (normalised, usable). normalised: float64 (N, K, 2), without unit, NaN where not usable.
        usable: bool (N,), True where all joints are labelled and do not coincide.
    """
    check_keypoints("normalise()", labelled=labelled, keypoints_px=keypoints_px)
    whole = np.where(labelled.all(axis=1)[:, None, None], keypoints_px, np.nan)
    centred = whole - whole.mean(axis=1, keepdims=True)
    size_px = np.sqrt((centred**2).sum(axis=-1).mean(axis=1))  # (N,), RMS distance
    usable = size_px > 0  # False for NaN as well
    normalised = np.full(centred.shape, np.nan)
    normalised[usable] = centred[usable] / size_px[usable, None, None]
    return normalised, usable


def principal_components(normalised, count):
    """The directions in which poses vary most.

    Args:
        normalised: float (N, K, 2), finite: the usable rows of `normalise`, N > 1.
        count: int in 1..min(N, 2 K), how many components to keep.

    Returns:
        PoseComponents. mean: (K, 2). components: (count, K, 2), orthogonal, each of unit length
        and with its largest entry positive. explained: (count,), share of the total variance,
        falling; NaN when all poses are equal. scores: (N, count), coordinates of each pose.

    Source: Jolliffe, "Principal Component Analysis", Springer 2002, section 3.5 (by SVD).
    """
    check_keypoints("principal_components()", normalised=normalised)
    n, joints, _ = normalised.shape
    most = min(n, 2 * joints)
    problems = []
    if n < 2:
        problems.append(f"`normalised` must hold at least 2 poses; got {n}.")
    elif not 1 <= count <= most:
        problems.append(f"`count` must be in 1..{most}; got {count}.")
    raise_problems("principal_components()", problems)

    mean = normalised.mean(axis=0)
    rows = (normalised - mean).reshape(n, -1)  # (N, 2 K)
    _, spread, directions = linalg.svd(rows, full_matrices=False)
    directions = directions[:count]
    # A component's sign is arbitrary; fixed, figures are equal from run to run.
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(count), largest])[:, None]
    variance = spread**2
    total = variance.sum()
    explained = variance[:count] / total if total > 0 else np.full(count, np.nan)
    return PoseComponents(
        mean, directions.reshape(count, joints, 2), explained, rows @ directions.T
    )


def contortion(keypoints_px, labelled, training_px, training_labelled, *, neighbours=5):
    """How unlike the training poses each pose is: mean distance to the nearest of them.

    A pair of poses is compared over the joints labelled in both. Over these, both are centred on
    their mean and scaled to RMS distance 1, and their distance is the RMS distance between
    corresponding joints: 0 for the same shape, 2 for the pose turned by half a circle. Pairs
    with fewer than `FEWEST_COMMON_JOINTS`, or whose common joints coincide, are left out.

    The M training poses should include mirrored ones if training mirrors them. Returns float64
    (N,) in [0, 2]; NaN for a pose comparable with fewer than `neighbours`, in 1..M, of them.
    """
    caller = "contortion()"
    check_keypoints(caller, labelled=labelled, keypoints_px=keypoints_px)
    check_keypoints(caller, labelled=training_labelled, training_px=training_px)
    problems = []
    if training_px.shape[1] != keypoints_px.shape[1]:
        problems.append(
            f"`training_px` must have {keypoints_px.shape[1]} joints like `keypoints_px`; "
            f"got {training_px.shape[1]}."
        )
    if not 1 <= neighbours <= len(training_px):
        problems.append(f"`neighbours` must be in 1..{len(training_px)}; got {neighbours}.")
    raise_problems(caller, problems)

    training = _roughly_normalised(training_px, training_labelled)
    distances = np.empty(len(keypoints_px))
    for start in range(0, len(keypoints_px), BLOCK):
        rows = slice(start, start + BLOCK)
        block = _roughly_normalised(keypoints_px[rows], labelled[rows])
        squared = _squared_distances(block, labelled[rows], training, training_labelled)
        nearest = np.partition(squared, neighbours - 1, axis=1)[:, :neighbours]
        distances[rows] = np.sqrt(nearest).mean(axis=1)
    return np.where(np.isfinite(distances), distances, np.nan)


def _roughly_normalised(keypoints_px, labelled):
    """Poses centred and scaled over their own joints, 0 where unlabelled: (N, K, 2).

    Distances do not change by it, but sums of squares around the origin lose no digits.
    """
    counted = labelled[..., None]
    known = np.where(counted, keypoints_px, 0.0)
    centre = known.sum(axis=1, keepdims=True) / np.maximum(labelled.sum(axis=1), 1)[:, None, None]
    centred = np.where(counted, known - centre, 0.0)
    size = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True))
    return centred / np.where(size > 0, size, 1.0)


def _squared_distances(poses, labelled, training, training_labelled):
    """Squared distance of every pair, (N, M); infinite where a pair cannot be compared.

    Unlabelled joints are 0 in both, so that a matrix product sums over the common ones. For two
    poses of RMS size 1 around their means, the mean squared distance is 2 - 2 correlation.
    """
    counted, training_counted = labelled.astype(float), training_labelled.astype(float)
    common = counted @ training_counted.T  # (N, M)
    shared = np.maximum(common, 1)
    covariance, variance, training_variance = 0.0, 0.0, 0.0
    for axis in range(2):
        a, b = poses[..., axis], training[..., axis]  # (N, K), (M, K)
        mean_a = a @ training_counted.T / shared
        mean_b = counted @ b.T / shared
        covariance += a @ b.T / shared - mean_a * mean_b
        variance += a**2 @ training_counted.T / shared - mean_a**2
        training_variance += counted @ (b**2).T / shared - mean_b**2
    # Rounding leaves about 1e-17 where all common joints coincide.
    spread_out = np.minimum(variance, training_variance) > 1e-12
    fewest = min(FEWEST_COMMON_JOINTS, training_labelled.any(axis=0).sum())
    comparable = (common >= fewest) & spread_out
    size = np.sqrt(np.where(comparable, variance * training_variance, 1.0))
    return np.where(comparable, np.clip(2 - 2 * covariance / size, 0, 4), np.inf)
