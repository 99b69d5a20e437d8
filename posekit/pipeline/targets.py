"""Training targets: what a missing joint's coordinates count for."""

import numpy as np

from posekit.errors import check_choice, check_keypoints

# masked: only labelled joints count. poster: all coordinates count, with whatever is stored for
# unlabelled joints. poster_origin: all count, and unlabelled joints are at (0, 0) of the frame.
LABEL_TREATMENTS = ("masked", "poster", "poster_origin")


def targets(keypoints_frame_px, labelled, treatment):
    """What a loss aims at and counts: coordinates float64 (N, K, 2), weights bool (N, K).

    The keypoints, float (N, K, 2), are (x, y) in the squashed frame, pixels, `labelled` is bool
    (N, K). Under "masked" unlabelled coordinates are 0.
    """
    caller = "targets()"
    check_choice(caller, "treatment", treatment, LABEL_TREATMENTS)
    keypoints_frame_px, labelled = np.asarray(keypoints_frame_px), np.asarray(labelled)
    check_keypoints(caller, labelled=labelled, keypoints_frame_px=keypoints_frame_px)
    if treatment == "poster":
        check_keypoints(caller, keypoints_frame_px=keypoints_frame_px)
        return keypoints_frame_px.astype(float), np.ones_like(labelled)
    targets_px = np.where(labelled[..., None], keypoints_frame_px, 0.0)
    weights = labelled.copy() if treatment == "masked" else np.ones_like(labelled)
    return targets_px, weights
