"""tf.data: frames to batches.

A batch is a function of (seed, epoch, step), so a resumed training sees the batches that the
undisturbed one would have seen.
"""

import math

import cv2
import numpy as np
import tensorflow as tf

from posekit.errors import PosekitError, check_choice
from posekit.pipeline import transforms
from posekit.pipeline.augmentation import FLIPS
from posekit.pipeline.frames import cores


def training_batches(
    images,
    targets,
    *,
    batch_size,
    seed,
    epochs,
    mirror,
    first_epoch=0,
    flip="random",
    crop=None,
    vary=None,
    missing=None,
):
    """Shuffled, varied batches of the epochs `first_epoch` to `epochs - 1`, one stream.

    Args:
        images: uint8 (N, S, S, 3), an array or FileRows.
        targets: float32 (N, K, 3), x, y in frame pixels and weight.
        batch_size: int > 0. A last, smaller batch of an epoch is dropped.
        seed: int; all that is random depends on (seed, epoch, step) alone.
        epochs: int, where training ends; a resumed one starts at `first_epoch`.
        mirror: K integers, which joint each one becomes (`Skeleton.mirror`).
        flip: "none"; "random", each image with probability one half, again in every epoch; or
            "double", an epoch holds each image twice, as it is and mirrored (the poster).
        crop: crops.Crop, or None to show the frames as they are.
        vary: function of a batch's images (float32, 0 to 255), its targets and a seed (int32 (2,),
            for tf.random.stateless_uniform and its like) to images and targets of the same shapes,
            applied last; or None. PosekitError if it changes a shape.
        missing: bool (N, K), joints without a label, or None for none. Where the label treatment
            puts them is no point of the picture: it stays as in `evaluation_batches`, however the
            picture is varied.

    Returns:
        (dataset of (images (B, P, P, 3), float32 (B, K, 3)), steps in each epoch); the images are
        uint8 frames, or what the crop and the function make of them.
    """
    check_choice("training_batches()", "flip", flip, FLIPS)
    image_count = len(images)
    example_count = image_count * _examples_of_an_image(flip)
    steps = steps_per_epoch(image_count, batch_size=batch_size, flip=flip)

    def shuffled(epoch):
        """Batches of indices: no picture is touched before the order is known."""
        order = tf.random.experimental.stateless_shuffle(
            tf.range(example_count, dtype=tf.int64), seed=tf.stack([seed, 2 * epoch])
        )
        flips = tf.zeros([example_count], tf.bool)
        if flip == "double":
            flips = order >= image_count
        elif flip == "random":
            chances = tf.random.stateless_uniform(
                [example_count], seed=tf.stack([seed, 2 * epoch + 1])
            )
            flips = chances < 0.5
        examples = tf.data.Dataset.from_tensor_slices((order % image_count, flips))
        batches = examples.batch(batch_size, drop_remainder=True).enumerate()
        return batches.map(lambda step, batch: (tf.stack([seed, epoch, step]), *batch))

    make_batch = (_flipped if crop is None else crop.varied)(images, targets, mirror)
    still = targets if crop is None else crop.cropped_targets(targets).astype(np.float32)

    # A batch is mapped whole: each call of Python costs as much as several pictures.
    @tf.autograph.experimental.do_not_convert  # it would wrap the error of `_varied` in its own
    def batch(key, indices, flips):
        shown, moved = make_batch(key, indices, flips)
        if missing is not None:
            stays, without_label = (
                transforms.swap_sides(tf.gather(rows, indices), flips, mirror)
                for rows in (still, missing[..., None])
            )
            moved = tf.where(without_label, stays, moved)
        if vary is None:
            return shown, moved
        key = tf.cast(key, tf.int32)
        return _varied(vary, shown, moved, tf.stack([key[0], key[1] * steps + key[2]]))

    epochs_left = tf.data.Dataset.range(first_epoch, epochs)
    return _mapped(epochs_left.flat_map(shuffled), batch), steps


def _flipped(images, targets, mirror):
    """Function of a batch's key, indices and flips: its frames, uint8, and targets, mirrored."""

    def read(indices, flips):
        frames = images[indices]
        for index in np.flatnonzero(flips):
            cv2.flip(frames[index], 1, frames[index])
        return frames

    def batch(_, indices, flips):
        frames = tf.numpy_function(read, [indices, flips], tf.uint8)
        frames.set_shape((indices.shape[0], *images.shape[1:]))
        # The targets' mirror needs the width alone, which one row of each image has too.
        row, chosen = frames[:, :1], tf.gather(targets, indices)
        return frames, transforms.flip_left_right(row, chosen, flips, mirror=mirror)[1]

    return batch


def _varied(vary, images, targets, seed):
    """What a user's function makes of a batch."""
    found = vary(tf.cast(images, tf.float32), targets, seed)
    try:
        varied, moved = (tf.cast(part, tf.float32) for part in found)
        varied.set_shape(images.shape)
        moved.set_shape(targets.shape)
    except (TypeError, ValueError) as error:
        raise PosekitError(
            "training_batches(): the augmentation must return images of shape "
            f"{tuple(images.shape)} and targets of shape {tuple(targets.shape)}; got {found}."
        ) from error
    return varied, moved


def evaluation_batches(images, targets=None, *, batch_size, crop=None):
    """Every example once, in order, unvaried; the last batch may be smaller.

    Arguments are as for `training_batches`; a crop needs targets. Returns a dataset of (images,
    targets), or of images where there are no targets.
    """

    def batch(indices):
        shown = tf.numpy_function(lambda chosen: images[chosen], [indices], tf.uint8)
        shown.set_shape((None, *images.shape[1:]))
        if targets is None:
            return shown
        wanted = tf.gather(targets, indices)
        return (shown, wanted) if crop is None else crop.unvaried(shown, wanted)

    return _mapped(tf.data.Dataset.range(len(images)).batch(batch_size), batch)


def steps_per_epoch(image_count, *, batch_size, flip):
    """How many whole batches an epoch of `training_batches` has; PosekitError if none is full."""
    example_count = image_count * _examples_of_an_image(flip)
    if example_count < batch_size:
        raise PosekitError(
            f"training_batches(): `batch_size` must be at most the {example_count} training "
            f"examples; got {batch_size}. Use more images: with the standard split it takes about "
            f"{math.ceil(batch_size / 0.8)} different ones; or, in the command `train`, a smaller "
            "--batch-size."
        )
    return example_count // batch_size


def _examples_of_an_image(flip):
    return 2 if flip == "double" else 1


def _mapped(indices, function):
    options = tf.data.Options()
    # tf.data's tuner sleeps 10, 20, 40, ... ms between its rounds. On Linux 6.18 its wake-up call
    # was seen to get lost when an iterator is destroyed, which then waits out that sleep: up to
    # as long again as the iterator has lived. The pipelines here need no tuning.
    options.autotune.enabled = False
    options.deterministic = True
    batches = indices.map(function, num_parallel_calls=cores(), deterministic=True)
    return batches.prefetch(2).with_options(options)
