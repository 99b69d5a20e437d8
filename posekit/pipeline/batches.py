"""tf.data: photographs to frames, frames to batches.

Every photograph is decoded and shown in a square frame once, in parallel; the uint8 frames are
kept on disk under the content's fingerprint, so that later notebooks and seeds start at once.
Batches are then drawn from the frames: order, flips and augmentation are functions of (seed,
epoch, step), so a resumed run sees the batches that the undisturbed run would have seen.
"""

import cv2
import numpy as np
import tensorflow as tf

from posekit.errors import PosekitError, check_choice
from posekit.pipeline import crops, transforms
from posekit.pipeline.augmentation import FLIPS
from posekit.pipeline.frames import cores, fetcher
from posekit.skeleton import MIRROR


def training_batches(
    images,
    targets,
    *,
    batch_size,
    seed,
    epochs,
    first_epoch=0,
    flip="random",
    crop=None,
    mirror=MIRROR,
):
    """Shuffled, varied batches of the epochs `first_epoch` to `epochs - 1`, one stream.

    Args:
        images: uint8 (N, S, S, 3), an array or FileRows.
        targets: float32 (N, K, 3), x, y in frame pixels and weight.
        batch_size: int > 0. A last, smaller batch of an epoch is left to the next shuffle.
        seed: int; all draws depend on (seed, epoch, step) alone.
        epochs: int, where training ends.
        first_epoch: int, where a resumed training goes on.
        flip: "none"; "random", each image with probability one half anew in every epoch; or
            "double", an epoch holds each image twice, as it is and mirrored (the poster).
        crop: Crop, or None to show the frames as they are.
        mirror: K integers, which joint each one becomes (`Skeleton.mirror`).

    Returns:
        (dataset of (images (B, P, P, 3), float32 (B, K, 3)), steps in each epoch); the images are
        uint8 frames, or crops of side P: float32, or uint8 where the crop is warped in whole grey
        levels and nothing else is varied.
    """
    check_choice("training_batches()", "flip", flip, FLIPS)
    image_count = len(images)
    example_count = _example_count(image_count, flip)
    steps = steps_per_epoch(image_count, batch_size=batch_size, flip=flip)

    def epoch_of(epoch):
        # The order is drawn over indices, before any picture is touched.
        order = tf.random.experimental.stateless_shuffle(
            tf.range(example_count, dtype=tf.int64), seed=tf.stack([seed, 2 * epoch])
        )
        if flip == "double":
            flips = order >= image_count
        elif flip == "random":
            draws = tf.random.stateless_uniform(
                [example_count], seed=tf.stack([seed, 2 * epoch + 1])
            )
            flips = draws < 0.5
        else:
            flips = tf.zeros([example_count], tf.bool)
        examples = tf.data.Dataset.from_tensor_slices((order % image_count, flips))
        batches = examples.batch(batch_size, drop_remainder=True).enumerate()
        return batches.map(lambda step, batch: (tf.stack([seed, epoch, step]), *batch))

    if crop is None:
        varied = _mirrored(images, targets, mirror)
    elif crop.warp == "whole":
        varied = crops.crops_by_opencv(crop, images, targets, batch_size, mirror)
    else:
        varied = crops.crops_by_tensorflow(crop, images, targets, batch_size, mirror)
    batches = (
        tf.data.Dataset.range(first_epoch, epochs)
        .flat_map(epoch_of)
        .map(varied, num_parallel_calls=cores(), deterministic=True)
        .prefetch(2)
        .with_options(_options())
    )
    return batches, steps


# Each of the three below returns a function of TensorFlow's graph: a batch's key of three integers,
# its indices and which of it to mirror -> (images, targets). Uint8 batches are one call of Python,
# since each call costs as much as several pictures.


def _mirrored(images, targets, joint_mirror):
    """Frames as they are or mirrored, uint8."""

    def fetch(indices, flips):
        frames = images[indices]
        for index in np.flatnonzero(flips):
            cv2.flip(frames[index], 1, frames[index])
        return frames

    def varied(_, indices, flips):
        frames = tf.numpy_function(fetch, [indices, flips], tf.uint8)
        frames.set_shape((indices.shape[0], *images.shape[1:]))
        # The targets' mirror wants the width alone, which one row of each image has too.
        chosen = tf.gather(targets, indices)
        return frames, transforms.flip_left_right(frames[:, :1], chosen, flips, mirror=joint_mirror)[1]

    return varied


def steps_per_epoch(image_count, *, batch_size, flip):
    """How many whole batches an epoch of `training_batches` has.

    Args:
        image_count: int, training images.
        batch_size: int > 0.
        flip: str, one of FLIPS.

    Returns:
        int > 0.

    Raises:
        PosekitError: not even one batch is full.
    """
    example_count = _example_count(image_count, flip)
    if example_count < batch_size:
        raise PosekitError(
            f"training_batches(): `batch_size` must be at most the {example_count} training "
            f"examples; got {batch_size}. Take a smaller batch or more data."
        )
    return example_count // batch_size


def _example_count(image_count, flip):
    return 2 * image_count if flip == "double" else image_count


def evaluation_batches(images, targets=None, *, batch_size, crop=None):
    """Every example once, in order, unvaried; the last batch may be smaller.

    Args:
        images: uint8 (N, S, S, 3), an array or FileRows.
        targets: float32 (N, K, 3), or None for images alone.
        batch_size: int > 0.
        crop: Crop, or None to show the frames as they are; needs targets.

    Returns:
        dataset of (images, targets) or of images.
    """
    fetch = fetcher(images, targets)

    def shown(indices):
        if crop is None:
            return fetch(indices)
        batch_images, batch_targets = fetch(indices)
        one = crop.draw(np.random.default_rng(0), 1, varied=False)["matrices"]
        matrices = tf.repeat(one, tf.shape(indices)[0], axis=0)
        return transforms.affine(
            tf.cast(batch_images, tf.float32),
            batch_targets,
            matrices,
            crop.frame_px,
            resample=crops.resampled,
        )

    return (
        tf.data.Dataset.range(len(images))
        .batch(batch_size)
        .map(shown, num_parallel_calls=cores(), deterministic=True)
        .prefetch(2)
        .with_options(_options())
    )


def _options():
    options = tf.data.Options()
    # tf.data's tuner sleeps 10, 20, 40, ... ms between its rounds. On Linux 6.18 its wake-up call
    # was seen to get lost when an iterator is destroyed, which then waits out that sleep: up to
    # as long again as the iterator has lived. The pipelines here need no tuning.
    options.autotune.enabled = False
    options.deterministic = True
    return options
