"""From a trained network to predictions, in its frame or in pixels of the original pictures."""

import numpy as np

from posekit.evaluation import scores
from posekit.geometry import keypoints_out_of_boxes
from posekit.models import heads
from posekit.pipeline import augmentation
from posekit.pipeline.batches import evaluation_batches

BATCH_SIZE = 64


def predict_px(model, canvases, part, *, head, frame_px):
    """Keypoints of every image of a part, shown to the network as training's validation does.

    Args:
        model: keras.Model, (N, S, S, 3) pixels to the output of `head`.
        canvases: experiment.Canvases of the network's view.
        frame_px: int, side of the network's input, pixels.

    Returns:
        float64 (n, K, 2), (x, y) in pixels of the original images.
    """
    crop = canvases.crop(frame_px, augmentation.by_name("none"))
    batches = evaluation_batches(
        canvases.images(part),
        canvases.targets(part, "masked"),
        batch_size=BATCH_SIZE,
        crop=crop,
    )
    read = heads.by_name(head).keypoints_px
    # For one epoch, compiling a function would take longer than what it computes.
    found_px = np.concatenate(
        [read(model(images, training=False), frame_px) for images, _ in batches]
    )
    if crop is not None:
        found_px = crop.uncropped(found_px)
    boxes_px = canvases.boxes_px[canvases.experiment.indices(part)]
    return keypoints_out_of_boxes(found_px, boxes_px, canvases.side_px)


def predict_frame_px(model, images):
    """Keypoints in the frame, float64 (N, K, 2), of a model whose output is coordinates."""
    batches = evaluation_batches(images, batch_size=BATCH_SIZE)
    output = model.predict(batches, verbose=0)
    return heads.by_name("coordinates").keypoints_px(output, images.shape[1])


def measure(model, canvases, *, head, frame_px, part="validation"):
    """`scores.per_image` of a network; arguments as for `predict_px`."""
    pred_px = predict_px(model, canvases, part, head=head, frame_px=frame_px)
    return scores.per_image(pred_px, canvases.experiment, part)
