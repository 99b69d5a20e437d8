"""The one pixel convention: an integer coordinate is the centre of a pixel.

A picture of width W spans [-0.5, W - 0.5]. Resizing by s maps x to (x + 0.5) * s - 0.5 (as
`cv2.resize` does) and mirroring maps x to W - 1 - x.

A box is x, y, width and height, measured from the picture's upper left corner: the whole picture
is (0, 0, W, H), and a joint at x lies x + 0.5 from the left edge.
"""

import numpy as np

from posekit.errors import PosekitError, check_keypoints

# A person whose labelled joints coincide still gets a box.
LEAST_SIDE_PX = 8.0

# Side of the person's box over the longer side of the box around the joints: hands, feet and the
# hair reach beyond those.
PERSON_MARGIN = 1.3


def resize_keypoints(keypoints_px, from_size_px, to_size_px):
    """Keypoints of a picture that is resized; swapping the two sizes undoes it.

    Args:
        keypoints_px: float (..., K, 2), (x, y) in the old picture's pixels.
        from_size_px, to_size_px: (..., 2), old and new (width, height), pixels, > 0.

    Returns:
        float64 (..., K, 2), (x, y) in the new picture's pixels.
    """
    scale = np.asarray(to_size_px, float) / np.asarray(from_size_px, float)  # (..., 2)
    return (np.asarray(keypoints_px, float) + 0.5) * scale[..., None, :] - 0.5


def mirror_keypoints(keypoints_px, labelled, width_px, *, mirror):
    """Mirror keypoints about the vertical axis and swap left and right joints.

    Args:
        keypoints_px, labelled: float (..., K, 2), (x, y), pixels, and bool (..., K), which are
            returned of the mirrored picture. Twice is identity.
        width_px: number or (...,), the picture's width, pixels.
        mirror: K integers, which joint each one becomes (`Skeleton.mirror`).
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
        boxes_px: float (..., 4), x, y, width and height > 0, pixels.
        frame_px: number > 0, side of the frame, pixels.

    Returns:
        float64 (..., K, 2), (x, y) in the frame. `keypoints_out_of_boxes` undoes it.
    """
    corner_px, size_px = _corner_and_size(np.asarray(boxes_px, float)[..., None, :])
    return (np.asarray(keypoints_px, float) + 0.5 - corner_px) * frame_px / size_px - 0.5


def keypoints_out_of_boxes(keypoints_frame_px, boxes_px, frame_px):
    """From the pixels of square frames back to the pictures': undoes `keypoints_into_boxes`."""
    corner_px, size_px = _corner_and_size(np.asarray(boxes_px, float)[..., None, :])
    return (np.asarray(keypoints_frame_px, float) + 0.5) * size_px / frame_px + corner_px - 0.5


def _corner_and_size(boxes_px):
    return boxes_px[..., :2], boxes_px[..., 2:]


def cell_centres(height, width, frame_px):
    """Centres of a map's cells in the frame, float32 (height * width, 2), (x, y), row by row."""
    y, x = np.mgrid[:height, :width]
    cells = np.stack([x.ravel(), y.ravel()], axis=-1)
    return ((cells + 0.5) * [frame_px / width, frame_px / height] - 0.5).astype(np.float32)


def torso_length_px(keypoints_px, labelled, *, skeleton):
    """Distance between the skeleton's `torso_joints`, the length that PCK and PDJ divide by.

    Of keypoints (N, K, 2), (x, y), and `labelled`, bool (N, K), it is float (N,), pixels, >= 0;
    NaN where one of the two joints is not labelled.
    """
    keypoints_px, labelled = np.asarray(keypoints_px), np.asarray(labelled)
    check_keypoints("torso_length_px()", labelled=labelled, keypoints_px=keypoints_px)
    check_joint_count("torso_length_px()", "keypoints_px", keypoints_px, skeleton)
    torso = skeleton.torso_joints
    measurable = labelled[:, torso].all(axis=1)
    ends = np.where(measurable[:, None, None], keypoints_px[:, torso], np.nan)  # (N, 2, 2)
    return distance_px(ends[:, 0], ends[:, 1])


def check_joint_count(caller, field, keypoints_px, skeleton):
    """Raise unless (N, K, 2) keypoints have the skeleton's joints."""
    shape, wanted = keypoints_px.shape, skeleton.joint_count
    if shape[1] != wanted:
        raise PosekitError(f"{caller}: `{field}` must have shape (N, {wanted}, 2); got {shape}.")


def distance_px(from_px, to_px):
    difference_px = from_px - to_px
    x, y = difference_px[..., 0], difference_px[..., 1]
    # np.hypot takes several times as long, for numbers whose squares overflow: no joint is there.
    with np.errstate(over="ignore"):
        return np.sqrt(x * x + y * y)


def joint_boxes(keypoints_px, labelled):
    """The upright box around each person's labelled joints, without a margin.

    Of keypoints (N, K, 2), (x, y), and `labelled`, bool (N, K), it is float64 (N, 4), x, y, width,
    height, pixels; NaN for a person without labelled joints. Other shapes raise PosekitError.
    """
    check_keypoints("joint_boxes()", labelled=labelled, keypoints_px=keypoints_px)
    low, high = _extent_px(keypoints_px, labelled)
    boxes_px = np.concatenate([low + 0.5, high - low], axis=1)
    boxes_px[~labelled.any(axis=1)] = np.nan
    return boxes_px


def _extent_px(keypoints_px, labelled):
    """Smallest and largest (x, y) of the labelled joints; infinite where there is none."""
    counted = np.asarray(labelled)[..., None]
    low_px = np.where(counted, keypoints_px, np.inf).min(axis=-2)  # (N, 2)
    return low_px, np.where(counted, keypoints_px, -np.inf).max(axis=-2)


def whole_boxes(image_sizes_px):
    """The smallest centred squares (..., 4) that hold whole pictures of sizes (..., 2), pixels."""
    sizes_px = np.asarray(image_sizes_px, float)
    side_px = sizes_px.max(axis=-1, keepdims=True)
    return np.concatenate([(sizes_px - side_px) / 2, side_px, side_px], axis=-1)


def squashed_boxes(image_sizes_px):
    """The boxes (..., 4) of whole pictures, whatever their aspect."""
    sizes_px = np.asarray(image_sizes_px, float)
    return np.concatenate([np.zeros_like(sizes_px), sizes_px], axis=-1)


def person_boxes(keypoints_px, labelled):
    """A square around each person: the box of the joints, `PERSON_MARGIN` times as wide.

    Arguments and result are as for `joint_boxes`. A square may reach beyond the picture. A person
    without a labelled joint raises PosekitError.
    """
    is_known = np.any(labelled, axis=-1)
    if not is_known.all():
        person = int(np.argmin(is_known))
        raise PosekitError(
            f"person_boxes(): each person must have a labelled joint; got none for person {person}."
        )
    low_px, high_px = (corner_px + 0.5 for corner_px in _extent_px(keypoints_px, labelled))
    return squares_around(low_px, high_px)


def squares_around(low_px, high_px, margin=PERSON_MARGIN):
    """Squares (..., 4) `margin` times as wide as the longer side of what they hold.

    `low_px` and `high_px` are (..., 2), the corners of what they hold, measured as boxes are. A
    side below `LEAST_SIDE_PX` counts as that long.
    """
    longer_px = (high_px - low_px).max(axis=-1, keepdims=True)
    side_px = margin * np.maximum(longer_px, LEAST_SIDE_PX)
    return np.concatenate([(low_px + high_px - side_px) / 2, side_px, side_px], axis=-1)


def mean_squares(first_px, second_px):
    """Squares (..., 4) halfway between two: the mean centre, the geometric mean of the sides."""
    centre_px = sum(each[..., :2] + each[..., 2:] / 2 for each in (first_px, second_px)) / 2
    side_px = np.sqrt(first_px[..., 2:] * second_px[..., 2:])
    return np.concatenate([centre_px - side_px / 2, side_px], axis=-1)


def scale_boxes(boxes_px, factor):
    """Boxes (..., 4) with the same centres and `factor` times the sides."""
    corner_px, size_px = boxes_px[..., :2], boxes_px[..., 2:]
    return np.concatenate([corner_px - size_px * (factor - 1) / 2, size_px * factor], axis=-1)
