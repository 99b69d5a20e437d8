"""Augmented crops of frames, for networks beyond the poster's."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from posekit.pipeline import transforms, views
from posekit.pipeline.augmentation import AUGMENTATIONS, Augmentation, mirrored_matrices


@dataclass(frozen=True)
class Crop:
    """How frames become a network's input: which share of them it sees, varied how.

    Training crops are cut by OpenCV, in whole grey levels and from coordinates rounded to a
    thirty-second of a pixel; those for evaluation by TensorFlow, in float32. The first is about six
    times as fast, and augmented pictures need no more.
    """

    frame_px: int  # side of the network's input, pixels
    canvas_px: int  # side of the frames that it is cut from, pixels, >= frame_px
    share: float  # in (0, 1], side of the box as a share of the canvas' side
    augmentation: Augmentation  # of training crops

    def varied(self, images, targets, mirror):
        """How `batches.training_batches` makes its batches; arguments as there.

        A function of a batch's key (3 integers), indices and flips, tensors, to its images (B, P,
        P, 3) and targets (B, K, 3). The images are uint8, or float32 where their light is varied
        or they are blurred or partly covered.
        """
        side = self.frame_px

        def cut(key, indices, flips):
            parameters = self._parameters(key, len(indices))
            matrices = mirrored_matrices(parameters["matrices"], flips, side)
            frames = np.empty((len(indices), side, side, 3), np.uint8)
            # One at a time: to copy the canvases together first would cost a sixth of the whole.
            for index, matrix, frame in zip(indices, matrices.astype(float), frames, strict=True):
                views.warp(images[index], matrix, side, frame)
            return [frames, *(parameters | {"matrices": matrices}).values()]

        def batch(key, indices, flips):
            count = indices.shape[0]
            parameters = self._parameters([0], count)
            alike = [np.empty((count, side, side, 3), np.uint8), *parameters.values()]
            found = tf.numpy_function(cut, [key, indices, flips], [each.dtype for each in alike])
            for tensor, array in zip(found, alike, strict=True):
                tensor.set_shape(array.shape)
            frames, parameters = found[0], dict(zip(parameters, found[1:], strict=True))
            moved = transforms.transform_targets(
                tf.gather(targets, indices), parameters["matrices"], side
            )
            moved = transforms.swap_sides(moved, flips, mirror)
            return self._jitter_colours(frames, parameters), moved

        return batch

    def unvaried(self, images, targets):
        """The box itself of each canvas, float32, with its targets: for evaluation."""
        matrices = tf.repeat(self._matrix[None], tf.shape(images)[0], axis=0)
        return transforms.affine(tf.cast(images, tf.float32), targets, matrices, self.frame_px)

    def cropped_targets(self, targets):
        """Targets (N, K, 3) on the canvases as `unvaried` shows them, float64; weight 0 outside."""
        matrix = self._matrix
        moved = (targets[..., :2] - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2].astype(float)).T
        inside = ((moved >= -0.5) & (moved <= self.frame_px - 0.5)).all(axis=-1)
        weight = np.where(inside, targets[..., 2], 0)
        return np.concatenate([moved, weight[..., None]], axis=-1)

    def uncropped(self, keypoints_px):
        """float64 (..., K, 2), (x, y) in the frame of `unvaried`, moved back to the canvas."""
        matrix = self._matrix.astype(float)
        return keypoints_px @ matrix[:, :2].T + matrix[:, 2]

    @property
    def _matrix(self):
        """float32 (2, 3), from (x, y, 1) in the unvaried crop to (x, y) on the canvas."""
        return self._parameters([0], 1, AUGMENTATIONS["none"])["matrices"][0]

    def _parameters(self, key, count, augmentation=None):
        """Parameters of a training batch, a function of its key."""
        return (augmentation or self.augmentation).sample(
            np.random.default_rng(np.asarray(key).tolist()),
            count,
            canvas_px=self.canvas_px,
            box_px=self.share * self.canvas_px,
            frame_px=self.frame_px,
        )

    def _jitter_colours(self, images, parameters):
        strengths = self.augmentation
        if strengths.light or strengths.blur or strengths.erase:
            images = tf.cast(images, tf.float32)
        if strengths.light:
            light = (parameters[name] for name in ("gain", "contrast", "saturation", "brightness"))
            images = transforms.colour(images, *light)
        if strengths.blur:
            images = transforms.blur(images, parameters["blur"])
        if strengths.erase:
            images = transforms.erase(images, parameters["rectangles_px"])
        return images
