"""Augmentation as functions of sampled parameters; `augmentation` samples them.

Images are float (N, H, W, 3), 0 to 255. Targets are float (N, K, 3): x, y in the images' pixels,
and weight, 0 where the joint does not count.
"""

import tensorflow as tf
from keras import ops

from posekit.pipeline.views import FILL


def flip_left_right(images, targets, flip, *, mirror):
    """Mirror chosen examples of a batch: pixels, x, and which joint is left or right.

    `flip`, bool (N,), chooses; `mirror` says which joint each one becomes (`Skeleton.mirror`).
    Images may have any dtype. Twice is identity.
    """
    width = ops.cast(ops.shape(images)[2], targets.dtype)
    mirrored = ops.stack(
        [width - 1 - targets[..., 0], targets[..., 1], targets[..., 2]], axis=-1
    )  # (N, K, 3)
    # A mirrored left wrist is a right wrist: permute the joints as well as x.
    mirrored = ops.take(mirrored, mirror, axis=1)
    return (
        ops.where(flip[:, None, None, None], ops.flip(images, axis=2), images),
        ops.where(flip[:, None, None], mirrored, targets),
    )


def swap_sides(targets, flip, mirror):
    """Targets (N, K, ...) with left and right swapped as by `flip_left_right`; no joint moves."""
    return ops.where(flip[:, None, None], ops.take(targets, mirror, axis=1), targets)


def affine(images, targets, matrices, frame_px):
    """Show each canvas in a frame by an affine map, and move its joints along.

    The canvases are float (N, S, S, 3), the targets in their pixels; `matrices`, float (N, 2, 3),
    map (x, y, 1) in the frame to (x, y) in the canvas. Returns images of side `frame_px`,
    bilinear, `FILL` beyond the canvas, and their targets; a joint outside has weight 0.
    """
    last_row = ops.zeros_like(matrices[:, 0, :2])
    shown = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=ops.concatenate([matrices[:, 0], matrices[:, 1], last_row], axis=-1),
        output_shape=[frame_px, frame_px],
        fill_value=float(FILL),
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return shown, transform_targets(targets, matrices, frame_px)


def transform_targets(targets, matrices, frame_px):
    """The joints' part of `affine`."""
    linear, offset = matrices[:, :, :2], matrices[:, :, 2]  # (N, 2, 2), (N, 2)
    (a, b), (c, d) = (linear[:, 0, 0], linear[:, 0, 1]), (linear[:, 1, 0], linear[:, 1, 1])
    determinant = (a * d - b * c)[:, None]
    x, y = ops.split(targets[..., :2] - offset[:, None], 2, axis=-1)
    x, y = x[..., 0], y[..., 0]  # (N, K)
    moved_x = (d[:, None] * x - b[:, None] * y) / determinant
    moved_y = (a[:, None] * y - c[:, None] * x) / determinant
    inside = (moved_x >= -0.5) & (moved_x <= frame_px - 0.5)
    inside &= (moved_y >= -0.5) & (moved_y <= frame_px - 0.5)
    weight = targets[..., 2] * ops.cast(inside, targets.dtype)
    return ops.stack([moved_x, moved_y, weight], axis=-1)


def colour(images, gain, contrast, saturation, brightness):
    """Change the light: contrast about the image's mean, saturation about each pixel's grey.

    gain, (N, 3), is a factor of each channel; contrast and saturation, (N,), are factors;
    brightness, (N,), is added, grey levels. The images are clipped to [0, 255].
    """
    mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
    images = mean + (images - mean) * contrast[:, None, None, None]
    grey = ops.mean(images, axis=-1, keepdims=True)
    images = grey + (images - grey) * saturation[:, None, None, None]
    images = images * gain[:, None, None, :] + brightness[:, None, None, None]
    return ops.clip(images, 0.0, 255.0)


def blur(images, amount):
    """Mix each image with itself smoothed by the binomial kernel [1, 2, 1] / 4 in x and y.

    `amount`, (N,) in [0, 1], is the share of the smoothed image. The border repeats outwards.
    """
    padded = ops.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="symmetric")
    rows = (padded[:, :-2] + padded[:, 2:]) / 4 + padded[:, 1:-1] / 2
    smooth = (rows[:, :, :-2] + rows[:, :, 2:]) / 4 + rows[:, :, 1:-1] / 2
    return images + amount[:, None, None, None] * (smooth - images)


def erase(images, rectangles_px):
    """Cover one rectangle of each image with `FILL`; its joints still count.

    rectangles_px, (N, 4), are left, top, right and bottom; the pixels whose centres lie in [left,
    right) x [top, bottom) are covered. Equal ends cover nothing.
    """
    _, height, width, _ = ops.shape(images)
    x = ops.cast(ops.arange(width), images.dtype)[None]
    y = ops.cast(ops.arange(height), images.dtype)[None]
    left, top, right, bottom = (rectangles_px[:, end : end + 1] for end in range(4))
    in_columns, in_rows = (x >= left) & (x < right), (y >= top) & (y < bottom)  # (N, W), (N, H)
    covered = in_rows[:, :, None, None] & in_columns[:, None, :, None]
    return ops.where(covered, ops.cast(FILL, images.dtype), images)
