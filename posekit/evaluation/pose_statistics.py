"""Statistics of poses: where a person is in the picture, and how unusual the pose is.

Keypoints are float (N, K, 2), (x, y), pixels; labelled joints bool (N, K). What does not fit raises
PosekitError.
"""

from typing import NamedTuple

import numpy as np

from posekit import geometry
from posekit.errors import PosekitError, check_keypoints

# Poses are compared over the joints that both people have; fewer say too little about shape. Of
# smaller joint sets, all joints that are ever labelled must be present.
FEWEST_COMMON_JOINTS = 8

# Poses that `contortion` compares with all training poses at once; it bounds memory.
BLOCK = 256


class Centred(NamedTuple):
    """Poses over their labelled joints: position, what is left of it, and size; 0 without joints.

    centre_px (N, 2) is the mean joint, offsets_px (N, K, 2) are from it, 0 where unlabelled, and
    size_px (N,) is their root mean square.
    """

    centre_px: np.ndarray
    offsets_px: np.ndarray
    size_px: np.ndarray


def person_share(keypoints_px, labelled, image_sizes_px):
    """Width and height of the labelled joints' box as shares of the picture's, float64 (N, 2).

    NaN for a person without labelled joints. `image_sizes_px` are (N, 2), (width, height).
    """
    return geometry.joint_boxes(keypoints_px, labelled)[:, 2:] / image_sizes_px


def centred(keypoints_px, labelled):
    """The Centred of poses."""
    counted = labelled[..., None]
    joints = np.maximum(labelled.sum(axis=1), 1)
    known_px = np.where(counted, np.asarray(keypoints_px, float), 0.0)
    centre_px = known_px.sum(axis=1) / joints[:, None]
    offsets_px = np.where(counted, known_px - centre_px[:, None], 0.0)
    return Centred(centre_px, offsets_px, np.sqrt((offsets_px**2).sum(axis=(1, 2)) / joints))


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
    count, joints = training_px.shape[:2]
    if joints != keypoints_px.shape[1] or not 1 <= neighbours <= count:
        raise PosekitError(
            f"{caller}: `neighbours` must be in 1..{count}; got {neighbours}. `training_px` must "
            f"have {keypoints_px.shape[1]} joints; got {joints}."
        )
    # Sizes do not count. Without them, and around 0, sums of squares lose no digits.
    training, poses = (
        offsets_px / np.where(size_px > 0, size_px, 1.0)[:, None, None]
        for _, offsets_px, size_px in (
            centred(training_px, training_labelled),
            centred(keypoints_px, labelled),
        )
    )
    distances = np.empty(len(keypoints_px))
    for start in range(0, len(keypoints_px), BLOCK):
        rows = slice(start, start + BLOCK)
        squared = _squared_distances(poses[rows], labelled[rows], training, training_labelled)
        nearest = np.partition(squared, neighbours - 1, axis=1)[:, :neighbours]
        distances[rows] = np.sqrt(nearest).mean(axis=1)
    return np.where(np.isfinite(distances), distances, np.nan)


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
