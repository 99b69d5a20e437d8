"""One person's pose, and how it is drawn."""

from typing import NamedTuple

import numpy as np

from posekit import drawing

NOBODY = "no person found"

# A joint with less confidence is almost surely wrong, as a hidden one may be, and not drawn.
HIDDEN_BELOW = 0.1


class Pose(NamedTuple):
    """One person, as `estimators.Poses` describes them."""

    keypoints_px: np.ndarray  # float (K, 2), (x, y)
    confidences: np.ndarray  # float (K,) in [0, 1]; NaN where not known
    box_px: np.ndarray  # float (4,), x, y, width, height of what the network saw
    presence: float  # in [0, 1], the chance that somebody is there; NaN where not known
    found: bool  # whether that is enough

    @classmethod
    def of(cls, poses, index):
        """The pose at a place of an estimator's Poses."""
        return cls(
            *(values[index] for values in (poses.keypoints_px, poses.confidences, poses.boxes_px)),
            float(poses.presence[index]),
            bool(poses.found[index]),
        )


def draw(image, people, skeleton, all_joints=False):
    """A picture (H, W, 3), RGB, with the Poses of those who were found; copied if there is one.

    With `all_joints`, joints outside the picture or surely wrong are drawn too.
    """
    end_px = np.array(image.shape[1::-1]) - 0.5
    for pose in people:
        if not pose.found:
            continue
        inside = ((pose.keypoints_px >= -0.5) & (pose.keypoints_px < end_px)).all(axis=1)
        shown = inside & ~(pose.confidences < HIDDEN_BELOW)  # NaN is shown
        image = drawing.draw_skeleton(
            image,
            pose.keypoints_px,
            None if all_joints else shown,
            pose.confidences,
            skeleton=skeleton,
        )
    return image
