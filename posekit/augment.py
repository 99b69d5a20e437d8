"""Augmentation as functions of drawn parameters, in `keras.ops`: any Keras backend runs them."""

from keras import ops

from posekit.skeleton import MIRROR


def flip_left_right(images, targets, flip):
    """Mirror chosen examples of a batch: pixels, x, and which joint is left or right.

    Args:
        images: (N, H, W, 3), any dtype.
        targets: float (N, K, 3), x, y in the images' pixels and weight.
        flip: bool (N,), which examples to mirror.

    Returns:
        (images, targets), same shapes and dtypes. Twice is identity.
    """
    width = ops.cast(ops.shape(images)[2], targets.dtype)
    mirrored = ops.stack(
        [width - 1 - targets[..., 0], targets[..., 1], targets[..., 2]], axis=-1
    )  # (N, K, 3)
    # A mirrored left wrist is a right wrist: permute the joints as well as x.
    mirrored = ops.take(mirrored, MIRROR, axis=1)
    return (
        ops.where(flip[:, None, None, None], ops.flip(images, axis=2), images),
        ops.where(flip[:, None, None], mirrored, targets),
    )
