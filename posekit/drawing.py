"""A skeleton drawn onto a picture, and the colours in which every figure draws skeletons."""

import cv2
import numpy as np

from posekit.errors import check_keypoints, raise_problems

TRUTH_COLOUR = (255, 255, 255)
RING_COLOUR = (240, 228, 66)  # the yellow that Okabe and Ito's palette keeps for dark grounds
RING_PX = 11

# OpenCV takes fixed-point coordinates; this many binary digits after the point.
_FRACTION_BITS = 4

# Colour-blind readers can tell these apart, on grass and on paper (Okabe and Ito, "Color Universal
# Design", 2008). Sides are the person's own.
SIDE_COLOURS = {"right": (86, 180, 233), "left": (230, 159, 0), "centre": (204, 121, 167)}
OUTLINE_COLOUR = (25, 25, 25)

# A joint with less confidence is more likely wrong than right, and drawn pale.
SURE_FROM = 0.5
_PALENESS = 0.65  # share of white


def draw_skeleton(image, keypoints_px, labelled=None, confidences=None, *, skeleton):
    """A copy of the picture with one person's skeleton drawn on it.

    Right limbs are blue, left ones orange, the head and pelvis purple; lines and dots grow with
    the picture. Joints with a confidence below `SURE_FROM`, and lines that end in one, are pale.
    What lies outside the picture is cut off.

    Args:
        image: uint8 (H, W, 3), RGB.
        keypoints_px: float (K, 2), (x, y), pixels of `image`.
        labelled: bool (K,), True where the joint is drawn; None draws all.
        confidences: float (K,) in [0, 1], NaN where not known, or None; what is not known is
            drawn as if it were sure.
        skeleton: Skeleton, which joints they are.

    Returns:
        uint8 (H, W, 3), RGB; `image` itself is left alone.

    Raises:
        PosekitError: a shape or dtype above is violated, or a drawn joint is not finite.
    """
    keypoints_px = np.asarray(keypoints_px, float)
    joint_count = skeleton.joint_count
    labelled = np.ones(joint_count, bool) if labelled is None else np.asarray(labelled)
    confidences = np.ones(joint_count) if confidences is None else np.asarray(confidences)
    problems = []
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
        problems.append(f"`image` must be uint8 (H, W, 3); got {image.dtype} {image.shape}.")
    if keypoints_px.shape != (joint_count, 2):
        problems.append(
            f"`keypoints_px` must have shape ({joint_count}, 2); got {keypoints_px.shape}."
        )
    if confidences.shape != (joint_count,):
        problems.append(
            f"`confidences` must have shape ({joint_count},); got {confidences.shape}."
        )
    raise_problems("draw_skeleton()", problems)
    check_keypoints("draw_skeleton()", labelled=labelled[None], keypoints_px=keypoints_px[None])

    overlay = image.copy()
    thickness = max(2, round(max(image.shape[:2]) / 150))
    fixed = _fixed(np.where(labelled[:, None], keypoints_px, 0.0))
    sure = ~(confidences < SURE_FROM)  # NaN counts as sure
    lines = [
        (fixed[start], fixed[end], _colour(side, sure[start] and sure[end]))
        for start, end, side in skeleton.segments
        if labelled[start] and labelled[end]
    ]
    # All outlines first, so that no line is cut by the outline of another.
    for start, end, _ in lines:
        _line(overlay, start, end, OUTLINE_COLOUR, thickness + 2)
    for start, end, colour in lines:
        _line(overlay, start, end, colour, thickness)
    for joint in np.flatnonzero(labelled):
        _circle(overlay, fixed[joint], thickness + 2, OUTLINE_COLOUR)
        colour = _colour(skeleton.sides[joint], sure[joint])
        _circle(overlay, fixed[joint], thickness + 1, colour)
    return overlay


def _colour(side, sure):
    if sure:
        return SIDE_COLOURS[side]
    return tuple(
        round((1 - _PALENESS) * value + _PALENESS * 255) for value in SIDE_COLOURS[side]
    )


def lay_saliency(image, strength):
    """The picture in grey under a map, opaque where the map is strong.

    Args:
        image: uint8 (H, W, 3), RGB.
        strength: float (H, W), >= 0; all from its 99th percentile up is as bright as can be.

    Returns:
        uint8 (H, W, 3), RGB.
    """
    shown = np.clip(strength / (np.percentile(strength, 99) or 1), 0, 1)
    coloured = cv2.applyColorMap(
        np.rint(255 * shown).astype(np.uint8), cv2.COLORMAP_INFERNO
    )[..., ::-1]
    grey = image.mean(axis=-1, keepdims=True)
    # The root lifts what is weak, and the picture stays readable under what is strong.
    opacity = 0.85 * np.sqrt(shown)[..., None]
    return np.rint(grey + opacity * (coloured - grey)).astype(np.uint8)


def draw_truth(image, keypoints_px, labelled, *, skeleton):
    """`draw_skeleton` for the true pose: white, whatever the side."""
    overlay = image.copy()
    fixed = _fixed(np.where(labelled[:, None], keypoints_px, 0.0))
    for colour, wider in ((OUTLINE_COLOUR, 2), (TRUTH_COLOUR, 0)):
        for start, end, _ in skeleton.segments:
            if labelled[start] and labelled[end]:
                _line(overlay, fixed[start], fixed[end], colour, 2 + wider)
        for joint in np.flatnonzero(labelled):
            _circle(overlay, fixed[joint], 3 + wider // 2, colour)
    return overlay


def draw_ring(image, position_px, from_px=None):
    """A copy of the picture with a ring around `position_px`, and a line to it from `from_px`.

    Positions are float (2,), (x, y), pixels of `image`, uint8 (H, W, 3).
    """
    overlay = image.copy()
    for colour, thickness in ((OUTLINE_COLOUR, 4), (RING_COLOUR, 2)):
        if from_px is not None:
            _line(overlay, _fixed(from_px), _fixed(position_px), colour, thickness)
        _circle(overlay, _fixed(position_px), RING_PX, colour, thickness)
    return overlay


def _line(overlay, start, end, colour, thickness):
    cv2.line(overlay, start, end, colour, thickness, cv2.LINE_AA, _FRACTION_BITS)


def _circle(overlay, centre, radius, colour, thickness=cv2.FILLED):
    radius <<= _FRACTION_BITS
    cv2.circle(overlay, centre, radius, colour, thickness, cv2.LINE_AA, _FRACTION_BITS)


def _fixed(positions_px):
    return np.rint(np.asarray(positions_px) * 2**_FRACTION_BITS).astype(int).tolist()
