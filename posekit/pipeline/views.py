"""What part of a picture a network sees: all of it squashed, all of it whole, or one person.

A view is a box of the picture, scaled to the network's square frame. Training cuts its crops
from a larger canvas around the same box, so that a turned or shifted crop still shows picture.
"""

from typing import NamedTuple

import cv2
import numpy as np

# Shown beyond the picture's edge: the middle of the grey scale.
FILL = 127


class View(NamedTuple):
    """The canvas around a view's box, that training crops are cut from."""

    canvas_px: int | None  # side of the canvas, pixels; None where it is the frame itself
    canvas_share: float  # in (0, 1], the box's side as a share of the canvas' side


# LSPet's people are about 150 px tall and its pictures 250 px wide: larger canvases would only
# enlarge pixels.
VIEWS = {"squashed": View(None, 1.0), "whole": View(224, 1.0), "person": View(256, 0.6)}


def cut(image, box_px, frame_px):
    """Show a box of a picture in a square frame, uint8 (frame_px, frame_px, 3).

    `box_px` is x, y, width, height; beyond the picture it shows `FILL`. Shrinking averages areas,
    enlarging is bilinear.
    """
    height, width = image.shape[:2]
    scale = frame_px / np.asarray(box_px[2:], float)  # (2,), of x and y
    if (scale < 1).any():
        # warpAffine samples points: shrink first, so that it has about one pixel for each.
        shrunk = np.maximum(1, np.round([width, height] * np.minimum(scale, 1))).astype(int)
        image = cv2.resize(image, tuple(shrunk.tolist()), interpolation=cv2.INTER_AREA)
    stretch = np.array([image.shape[1] / width, image.shape[0] / height])
    # A frame's pixel centre u shows the picture at (u + 0.5) / scale + corner - 0.5.
    step = stretch / scale
    origin = (0.5 / scale + box_px[:2]) * stretch - 0.5
    matrix = np.array([[step[0], 0, origin[0]], [0, step[1], origin[1]]])
    return warp(image, matrix, frame_px)


def warp(image, matrix, frame_px, frame=None):
    """Show a picture in a square frame by a map from it, bilinear, `FILL` beyond the picture."""
    return cv2.warpAffine(
        image,
        matrix,
        (frame_px, frame_px),
        dst=frame,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(FILL, FILL, FILL),
    )
