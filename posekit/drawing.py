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

# A joint with less confidence is more likely wrong than right, and drawn pale and thin.
SURE_FROM = 0.5
_PALENESS = 0.65  # share of white


def draw_skeleton(image, keypoints_px, labelled=None, confidences=None, *, skeleton):
    """A copy of the picture with one person's skeleton drawn on it.

    Right limbs are blue, left ones orange, the head and pelvis purple; lines and dots grow with
    the picture. Joints with a confidence below `SURE_FROM`, and lines that end in one, are pale
    and half as thick. What lies outside the picture is cut off. Other shapes, and a drawn joint
    that is not finite, raise PosekitError.

    Args:
        image: uint8 (H, W, 3), RGB.
        keypoints_px: float (K, 2), (x, y), pixels of `image`.
        labelled: bool (K,), True where the joint is drawn; None draws all.
        confidences: float (K,) in [0, 1], NaN where not known, or None; what is not known is
            drawn as if it were sure.
    """
    keypoints_px = np.asarray(keypoints_px, float)
    joint_count = skeleton.joint_count
    labelled = np.ones(joint_count, bool) if labelled is None else np.asarray(labelled)
    confidences = np.ones(joint_count) if confidences is None else np.asarray(confidences)
    problems = []
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
        problems.append(f"`image` must be uint8 (H, W, 3); got {image.dtype} {image.shape}.")
    for name, values, wanted in (
        ("keypoints_px", keypoints_px, (joint_count, 2)),
        ("confidences", confidences, (joint_count,)),
    ):
        if values.shape != wanted:
            problems.append(f"`{name}` must have shape {wanted}; got {values.shape}.")
    raise_problems("draw_skeleton()", problems)
    check_keypoints("draw_skeleton()", labelled=labelled[None], keypoints_px=keypoints_px[None])

    sure = ~(confidences < SURE_FROM)  # NaN counts as sure
    thickness = max(2, round(max(image.shape[:2]) / 150))
    # Of what is unsure, of what is sure; a line of one pixel loses its colour.
    widths = (max(2, (thickness + 1) // 2), thickness)
    segments = []
    for start, end, side in skeleton.segments:
        is_sure = bool(sure[start] and sure[end])
        segments.append((start, end, _colour(side, is_sure), widths[is_sure]))
    dots = [
        (_colour(side, is_sure), widths[is_sure])
        for side, is_sure in zip(skeleton.sides, sure.tolist(), strict=True)
    ]
    return _drawn(image, keypoints_px, labelled, segments, dots)


def draw_truth(image, keypoints_px, labelled, *, skeleton):
    """`draw_skeleton` for the true pose: white, whatever the side."""
    segments = [(start, end, TRUTH_COLOUR, 2) for start, end, _ in skeleton.segments]
    return _drawn(image, keypoints_px, labelled, segments, [(TRUTH_COLOUR, 2)] * len(labelled))


def _drawn(image, keypoints_px, labelled, segments, dots):
    """`segments` are (start, end, colour, thickness), `dots` (colour, thickness) of each joint."""
    overlay = image.copy()
    fixed = _fixed(np.where(labelled[:, None], keypoints_px, 0.0))
    lines = [line for line in segments if labelled[line[0]] and labelled[line[1]]]
    # All outlines first, so that no line is cut by the outline of another.
    for start, end, _, thickness in lines:
        _line(overlay, fixed[start], fixed[end], OUTLINE_COLOUR, thickness + 2)
    for start, end, colour, thickness in lines:
        _line(overlay, fixed[start], fixed[end], colour, thickness)
    for joint in np.flatnonzero(labelled):
        colour, thickness = dots[joint]
        _circle(overlay, fixed[joint], thickness + 2, OUTLINE_COLOUR)
        _circle(overlay, fixed[joint], thickness + 1, colour)
    return overlay


def _colour(side, sure):
    colour = SIDE_COLOURS[side]
    if sure:
        return colour
    return tuple(round((1 - _PALENESS) * value + _PALENESS * 255) for value in colour)


def lay_saliency(image, strength):
    """The picture, uint8 (H, W, 3), RGB, in grey under a map, opaque where the map is strong.

    The map is float (H, W), >= 0; all from its 99th percentile up is as bright as can be.
    """
    shown = np.clip(strength / (np.percentile(strength, 99) or 1), 0, 1)
    levels = np.rint(255 * shown).astype(np.uint8)
    coloured = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1]
    grey = image.mean(axis=-1, keepdims=True)
    # The root lifts what is weak, and the picture stays readable under what is strong.
    opacity = 0.85 * np.sqrt(shown)[..., None]
    return np.rint(grey + opacity * (coloured - grey)).astype(np.uint8)


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
