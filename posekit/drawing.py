"""A skeleton drawn onto a picture, and the colours in which every figure draws skeletons."""

import cv2
import numpy as np

from posekit.errors import check_keypoints, raise_problems

TRUTH_COLOUR = (255, 255, 255)
RING_COLOUR = (240, 228, 66)  # the yellow that Okabe and Ito's palette keeps for dark grounds
RING_PX = 11

# OpenCV takes fixed-point coordinates; this many binary digits after the point.
_FRACTION_BITS = 4

# Told apart by colour-blind readers, on grass as on paper (Okabe and Ito, "Color Universal
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

    drawn = image.copy()
    thickness = max(2, round(max(image.shape[:2]) / 150))
    known = np.where(labelled[:, None], keypoints_px, 0.0)
    fixed = np.rint(known * 2**_FRACTION_BITS).astype(int).tolist()
    sure = ~(confidences < SURE_FROM)  # NaN counts as sure
    lines = [
        (fixed[start], fixed[end], _colour(side, sure[start] and sure[end]))
        for start, end, side in skeleton.segments
        if labelled[start] and labelled[end]
    ]
    # All outlines first, so that no line is cut by the outline of another.
    for start, end, _ in lines:
        cv2.line(drawn, start, end, OUTLINE_COLOUR, thickness + 2, cv2.LINE_AA, _FRACTION_BITS)
    for start, end, colour in lines:
        cv2.line(drawn, start, end, colour, thickness, cv2.LINE_AA, _FRACTION_BITS)
    for joint in np.flatnonzero(labelled):
        colour = _colour(skeleton.sides[joint], sure[joint])
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
    """A copy of the picture with the true skeleton in white.

    Args:
        image: uint8 (H, W, 3), RGB.
        keypoints_px: float (K, 2), (x, y), pixels of `image`; anything where not labelled.
        labelled: bool (K,), True where the joint is drawn.
        skeleton: Skeleton, which joints they are.

    Returns:
        uint8 (H, W, 3), RGB.
    """
    drawn = image.copy()
    fixed = _fixed(np.where(labelled[:, None], keypoints_px, 0.0))
    lines = [
        (fixed[start], fixed[end])
        for start, end, _ in skeleton.segments
        if labelled[start] and labelled[end]
    ]
    for colour, wider in ((OUTLINE_COLOUR, 2), (TRUTH_COLOUR, 0)):
        for start, end in lines:
            cv2.line(drawn, start, end, colour, 2 + wider, cv2.LINE_AA, _FRACTION_BITS)
        for joint in np.flatnonzero(labelled):
            _disc(drawn, fixed[joint], 3 + wider // 2, colour)
    return drawn


def draw_ring(image, position_px, from_px=None):
    """A copy of the picture with a ring, and a line to it.

    Args:
        image: uint8 (H, W, 3), RGB.
        position_px: float (2,), (x, y) of the ring's centre, pixels.
        from_px: float (2,), where the line begins, or None for no line.

    Returns:
        uint8 (H, W, 3), RGB.
    """
    drawn = image.copy()
    centre = _fixed(position_px)
    for colour, thickness in ((OUTLINE_COLOUR, 4), (RING_COLOUR, 2)):
        if from_px is not None:
            cv2.line(
                drawn, _fixed(from_px), centre, colour, thickness, cv2.LINE_AA, _FRACTION_BITS
            )
        cv2.circle(
            drawn,
            centre,
            RING_PX << _FRACTION_BITS,
            colour,
            thickness,
            cv2.LINE_AA,
            _FRACTION_BITS,
        )
    return drawn


def _disc(drawn, centre, radius, colour):
    cv2.circle(
        drawn,
        centre,
        radius << _FRACTION_BITS,
        colour,
        cv2.FILLED,
        cv2.LINE_AA,
        _FRACTION_BITS,
    )


def _fixed(positions_px):
    return np.rint(np.asarray(positions_px) * 2**_FRACTION_BITS).astype(int).tolist()
