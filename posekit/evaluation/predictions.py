"""From a trained network to predictions, in its frame or in pixels of the original pictures."""

import keras
import numpy as np

from posekit.evaluation import scores
from posekit.geometry import keypoints_out_of_boxes
from posekit.models import heads
from posekit.pipeline import augmentation, crops
from posekit.pipeline.batches import evaluation_batches

BATCH_SIZE = 64


def keypoints_px(output, *, head, frame_px):
    """A network's output as keypoints in its frame.

    Args:
        output: tensor or array of N images, as the head gives it.
        head: str, one of heads.HEADS.
        frame_px: int, side of the network's input, pixels.

    Returns:
        float64 (N, K, 2), (x, y).
    """
    flat = heads.by_name(head).coordinates(output, frame_px)  # (N, 2K)
    return keras.ops.convert_to_numpy(flat).astype(float).reshape(len(output), -1, 2)


def predict_px(model, canvases, part, *, head, frame_px):
    """Keypoints of every image of a part, shown to the network as training's validation does.

    Args:
        model: keras.Model, (N, S, S, 3) pixels to the head's output.
        canvases: experiment.Canvases of the network's view.
        part: str, as for `Experiment.images`.
        head: str, one of heads.HEADS.
        frame_px: int, side of the network's input, pixels.

    Returns:
        float64 (n, K, 2), (x, y) in pixels of the original images.
    """
    experiment = canvases.experiment
    crop = canvases.crop(frame_px, augmentation.by_name("none"))
    batches = evaluation_batches(
        canvases.images(part),
        canvases.targets(part, "masked"),
        batch_size=BATCH_SIZE,
        crop=crop,
    )
    # For one epoch, compiling a function would take longer than what it computes.
    found_px = np.concatenate(
        [
            keypoints_px(model(images, training=False), head=head, frame_px=frame_px)
            for images, _ in batches
        ]
    )
    if crop is not None:
        found_px = crops.uncropped(found_px, crop)
    indices = experiment.split.indices(experiment.dataset, part)
    canvas_px = canvases.frames.images.shape[1]
    return keypoints_out_of_boxes(found_px, canvases.boxes_px[indices], canvas_px)


def predict_frame_px(model, images):
    """Keypoints in the frame, float64 (N, K, 2), of a model whose output is coordinates."""
    batches = evaluation_batches(images, batch_size=BATCH_SIZE)
    output = model.predict(batches, verbose=0)
    return keypoints_px(output, head="coordinates", frame_px=images.shape[1])


def measure(model, canvases, *, head, frame_px, part="validation"):
    """`scores.per_image` of a network; arguments as for `predict_px`."""
    pred_px = predict_px(model, canvases, part, head=head, frame_px=frame_px)
    return scores.per_image(pred_px, canvases.experiment, part)
