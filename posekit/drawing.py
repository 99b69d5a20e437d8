"""A skeleton drawn onto a picture, and the colours in which every figure draws skeletons."""

import cv2
import numpy as np

from posekit.errors import check_keypoints, raise_problems
from posekit.skeleton import INDEX, JOINT_COUNT, JOINTS, LIMBS

# Told apart by colour-blind readers, on grass as on paper (Okabe and Ito, "Color Universal
# Design", 2008). Sides are the person's own.
SIDE_COLOURS = {"right": (86, 180, 233), "left": (230, 159, 0), "centre": (204, 121, 167)}
OUTLINE_COLOUR = (25, 25, 25)

_TRUNK = (
    ("right_trunk", INDEX["right_shoulder"], INDEX["right_hip"]),
    ("left_trunk", INDEX["left_shoulder"], INDEX["left_hip"]),
    ("right_collar", INDEX["neck"], INDEX["right_shoulder"]),
    ("left_collar", INDEX["neck"], INDEX["left_shoulder"]),
    ("pelvis", INDEX["right_hip"], INDEX["left_hip"]),
)


def side_of(name):
    """Side of a joint or limb by its name: "right", "left" or "centre"."""
    side = name.partition("_")[0]
    return side if side in ("right", "left") else "centre"


# Every line of a drawn skeleton, as (start joint, end joint, side).
SEGMENTS = tuple((start, end, side_of(name)) for name, start, end in LIMBS + _TRUNK)

# OpenCV takes fixed-point coordinates; this many binary digits after the point.
_FRACTION_BITS = 4


def draw_skeleton(image, keypoints_px, labelled=None):
    """A copy of the picture with one person's skeleton drawn on it.

    Right limbs are blue, left ones orange, the head and pelvis purple; lines and dots grow with
    the picture. What lies outside the picture is cut off.

    Args:
        image: uint8 (H, W, 3), RGB.
        keypoints_px: float (14, 2), (x, y), pixels of `image`.
        labelled: bool (14,), True where the joint is drawn; None draws all.

    Returns:
        uint8 (H, W, 3), RGB; `image` itself is left alone.

    Raises:
        PosekitError: a shape or dtype above is violated, or a drawn joint is not finite.
    """
    keypoints_px = np.asarray(keypoints_px, float)
    labelled = np.ones(JOINT_COUNT, bool) if labelled is None else np.asarray(labelled)
    problems = []
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
        problems.append(f"`image` must be uint8 (H, W, 3); got {image.dtype} {image.shape}.")
    if keypoints_px.shape != (JOINT_COUNT, 2):
        problems.append(
            f"`keypoints_px` must have shape ({JOINT_COUNT}, 2); got {keypoints_px.shape}."
        )
    raise_problems("draw_skeleton()", problems)
    check_keypoints("draw_skeleton()", labelled=labelled[None], keypoints_px=keypoints_px[None])

    drawn = image.copy()
    thickness = max(2, round(max(image.shape[:2]) / 150))
    known = np.where(labelled[:, None], keypoints_px, 0.0)
    fixed = np.rint(known * 2**_FRACTION_BITS).astype(int).tolist()
    lines = [
        (fixed[start], fixed[end], SIDE_COLOURS[side])
        for start, end, side in SEGMENTS
        if labelled[start] and labelled[end]
    ]
    # All outlines first, so that no line is cut by the outline of another.
    for start, end, _ in lines:
        cv2.line(drawn, start, end, OUTLINE_COLOUR, thickness + 2, cv2.LINE_AA, _FRACTION_BITS)
    for start, end, colour in lines:
        cv2.line(drawn, start, end, colour, thickness, cv2.LINE_AA, _FRACTION_BITS)
    for joint in np.flatnonzero(labelled):
        colour = SIDE_COLOURS[side_of(JOINTS[joint])]
        for radius, shade in ((thickness + 2, OUTLINE_COLOUR), (thickness + 1, colour)):
            cv2.circle(
                drawn,
                fixed[joint],
                radius << _FRACTION_BITS,
                shade,
                cv2.FILLED,
                cv2.LINE_AA,
                _FRACTION_BITS,
            )
    return drawn
