"""What the panel of `explore` draws: saliency, the true skeleton and a ring, on a picture.

The predicted skeleton is `drawing.draw_skeleton`'s.
"""

import cv2
import numpy as np

from posekit.drawing import OUTLINE_COLOUR
from posekit.skeleton import LSP

TRUTH_COLOUR = (255, 255, 255)
RING_COLOUR = (240, 228, 66)  # the yellow that Okabe and Ito's palette keeps for dark grounds
RING_PX = 11

# OpenCV takes fixed-point coordinates; this many binary digits after the point.
_FRACTION_BITS = 4


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


def draw_truth(image, keypoints_px, labelled, *, skeleton=LSP):
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
