"""The one pixel convention: an integer coordinate is the centre of a pixel.

A picture of width W spans [-0.5, W - 0.5]. Resizing by s maps x to (x + 0.5) * s - 0.5 (as
`cv2.resize` does) and mirroring maps x to W - 1 - x.
"""

import numpy as np

from posekit.skeleton import MIRROR


def resize_keypoints(keypoints_px, from_size_px, to_size_px):
    """Move keypoints with their picture as it is resized.

    Args:
        keypoints_px: float (..., K, 2), (x, y) in the old picture's pixels.
        from_size_px: (..., 2), old (width, height), pixels, > 0.
        to_size_px: (..., 2), new (width, height), pixels, > 0.

    Returns:
        float64 (..., K, 2), (x, y) in the new picture's pixels. Exchanging the two sizes
        undoes it.
    """
    scale = np.asarray(to_size_px, float) / np.asarray(from_size_px, float)  # (..., 2)
    return (np.asarray(keypoints_px, float) + 0.5) * scale[..., None, :] - 0.5


def mirror_keypoints(keypoints_px, labelled, width_px, *, mirror=MIRROR):
    """Mirror keypoints about the vertical axis and exchange left and right joints.

    Args:
        keypoints_px: float (..., K, 2), (x, y), pixels.
        labelled: bool (..., K).
        width_px: number or (...,), the picture's width, pixels.
        mirror: K integers, which joint each one becomes (`Skeleton.mirror`).

    Returns:
        (keypoints_px, labelled) of the mirrored picture. Twice is identity.
    """
    width = np.asarray(width_px, float)[..., None]  # (..., 1)
    x, y = keypoints_px[..., 0], keypoints_px[..., 1]
    mirrored = np.stack([width - 1 - x, y], axis=-1)
    # A mirrored left wrist is a right wrist: permute the rows as well as x.
    return mirrored[..., mirror, :], labelled[..., mirror]


def keypoints_into_boxes(keypoints_px, boxes_px, frame_px):
    """From a picture's pixels to those of a square frame that shows a box of it.

    Args:
        keypoints_px: float (..., K, 2), (x, y) in the picture.
        boxes_px: float (..., 4), x and y of the upper left corner, width and height > 0, pixels;
            the whole picture is (0, 0, W, H).
        frame_px: number > 0, side of the frame, pixels.

    Returns:
        float64 (..., K, 2), (x, y) in the frame. `keypoints_out_of_boxes` undoes it.
    """
    boxes_px = np.asarray(boxes_px, float)
    corner_px, size_px = boxes_px[..., None, :2], boxes_px[..., None, 2:]
    return (np.asarray(keypoints_px, float) + 0.5 - corner_px) * frame_px / size_px - 0.5


def keypoints_out_of_boxes(keypoints_frame_px, boxes_px, frame_px):
    """From the pixels of square frames back to those of the pictures that they show a box of.

    Args:
        keypoints_frame_px: float (..., K, 2), (x, y) in the frame.
        boxes_px, frame_px: as for `keypoints_into_boxes`.

    Returns:
        float64 (..., K, 2), (x, y) in the picture.
    """
    boxes_px = np.asarray(boxes_px, float)
    corner_px, size_px = boxes_px[..., None, :2], boxes_px[..., None, 2:]
    return (np.asarray(keypoints_frame_px, float) + 0.5) * size_px / frame_px + corner_px - 0.5


def cell_centres(height, width, frame_px):
    """Where the cells of a map are in the frame.

    Args:
        height, width: int, cells.
        frame_px: int, side of the frame, pixels.

    Returns:
        float32 (height * width, 2), (x, y), pixels; row by row.
    """
    y, x = np.mgrid[:height, :width]
    cells = np.stack([x.ravel(), y.ravel()], axis=-1)
    return ((cells + 0.5) * [frame_px / width, frame_px / height] - 0.5).astype(np.float32)
