"""Augmented crops of frames, for networks beyond the poster's."""

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import tensorflow as tf

from posekit.errors import check_choice
from posekit.pipeline import transforms as pipeline_transforms
from posekit.pipeline import views
from posekit.pipeline.augmentation import AUGMENTATIONS, Augmentation, mirrored_matrices
from posekit.pipeline.frames import FileRows, fetcher
from posekit.pipeline.transforms import affine, blur, colour, erase, exchanged, flip_left_right

WARPS = ("float", "whole")


@dataclass(frozen=True)
class Crop:
    """How frames become a network's input: which share of them it sees, varied how.

    Attributes:
        frame_px: int, side of the network's input, pixels.
        canvas_px: int, side of the frames that it is cut from, pixels, >= frame_px.
        share: float in (0, 1], side of the box as a share of the canvas' side.
        augmentation: augmentation.Augmentation of training crops.
        warp: str, one of WARPS, how training crops are computed: "float" by TensorFlow in
            float32; "whole" by OpenCV, several times as fast, in whole grey levels and from
            places rounded to a thirty-second of a pixel: it is another training by a little.
    """

    frame_px: int
    canvas_px: int
    share: float
    augmentation: Augmentation
    warp: str = "float"

    def __post_init__(self):
        check_choice("Crop()", "warp", self.warp, WARPS)

    def draw(self, rng, count, *, varied):
        """Parameters of `count` crops; `varied` False gives the box itself, unvaried."""
        chosen = self.augmentation if varied else AUGMENTATIONS["none"]
        return chosen.draw(
            rng,
            count,
            canvas_px=self.canvas_px,
            box_px=self.share * self.canvas_px,
            frame_px=self.frame_px,
        )


def crops_by_tensorflow(crop, images, targets, count, joint_mirror):
    """Crops by TensorFlow, float32."""
    fetch = fetcher(images, targets)

    def varied(key, indices, flips):
        batch_images, batch_targets = fetch(indices)
        drawn = _in_graph(lambda seeds: _draw(crop, seeds, count), [key], _draw(crop, [0], count))
        batch_images, batch_targets = affine(
            tf.cast(batch_images, tf.float32),
            batch_targets,
            drawn["matrices"],
            crop.frame_px,
            resample=resampled,
        )
        batch_images = _in_other_light(crop, drawn, batch_images)
        return flip_left_right(batch_images, batch_targets, flips, mirror=joint_mirror)

    return varied


def crops_by_opencv(crop, images, targets, count, joint_mirror):
    """Crops by OpenCV, uint8 where nothing but their place is varied: no other pass is needed."""
    side = crop.frame_px
    # One at a time: to copy them together first would cost a sixth of the whole.
    each = images.each if isinstance(images, FileRows) else partial(map, images.__getitem__)

    def cut(seeds, indices, flips):
        drawn = _draw(crop, seeds, count)
        matrices = mirrored_matrices(drawn["matrices"], flips, side)
        frames = np.empty((count, side, side, 3), np.uint8)
        for canvas, matrix, frame in zip(
            each(indices), matrices.astype(float), frames, strict=True
        ):
            cv2.warpAffine(
                canvas,
                matrix,
                (side, side),
                dst=frame,
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=(views.FILL,) * 3,
            )
        return {**drawn, "matrices": matrices, "frames": frames}

    example = {**_draw(crop, [0], count), "frames": np.empty((count, side, side, 3), np.uint8)}

    def varied(key, indices, flips):
        drawn = _in_graph(cut, [key, indices, flips], example)
        moved = pipeline_transforms.moved(tf.gather(targets, indices), drawn["matrices"], side)
        moved = exchanged(moved, flips, joint_mirror)
        return _in_other_light(crop, drawn, drawn["frames"]), moved

    return varied


def _draw(crop, seeds, count):
    rng = np.random.default_rng(np.asarray(seeds).tolist())
    return crop.draw(rng, count, varied=True)


def _in_graph(function, inputs, example):
    """A function of NumPy as a node of tf.data's graph.

    Args:
        function: takes arrays, one for each input; returns a dict like `example`.
        inputs: list of tensors.
        example: dict of arrays, the shapes and dtypes that come out.

    Returns:
        dict of tensors.
    """
    values = tf.numpy_function(
        lambda *arrays: list(map(function(*arrays).__getitem__, example)),
        inputs,
        [value.dtype for value in example.values()],
    )
    for value, alike in zip(values, example.values(), strict=True):
        value.set_shape(alike.shape)
    return dict(zip(example, values, strict=True))


def _in_other_light(crop, drawn, images):
    varied = crop.augmentation
    if varied.light or varied.blur or varied.erase:
        images = tf.cast(images, tf.float32)
    if varied.light:
        images = colour(
            images, drawn["gain"], drawn["contrast"], drawn["saturation"], drawn["brightness"]
        )
    if varied.blur:
        images = blur(images, drawn["blur"])
    if varied.erase:
        images = erase(images, drawn["rectangles_px"])
    return images


def resampled(images, transforms, frame_px):
    """`augment.resampled`, bit for bit, without computing what lies beyond the frame."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=[frame_px, frame_px],
        fill_value=float(views.FILL),
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def cropped_targets(targets, crop):
    """Targets on the canvases as the unvaried crops show them.

    Args:
        targets: float32 (N, K, 3), x, y on the canvas and weight.
        crop: Crop.

    Returns:
        float64 (N, K, 3), x, y in the crop's frame; a joint outside it has weight 0.
    """
    matrix = crop.draw(np.random.default_rng(0), 1, varied=False)["matrices"][0]
    moved = (targets[..., :2] - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2].astype(float)).T
    inside = ((moved >= -0.5) & (moved <= crop.frame_px - 0.5)).all(axis=-1)
    weight = np.where(inside, targets[..., 2], 0)
    return np.concatenate([moved, weight[..., None]], axis=-1)


def uncropped(keypoints_px, crop):
    """From the frame of an unvaried crop back to the canvas; what `cropped_targets` does, undone.

    Args:
        keypoints_px: float (..., K, 2), (x, y) in the crop's frame.
        crop: Crop.

    Returns:
        float64 (..., K, 2), (x, y) on the canvas.
    """
    matrix = crop.draw(np.random.default_rng(0), 1, varied=False)["matrices"][0].astype(float)
    return keypoints_px @ matrix[:, :2].T + matrix[:, 2]
