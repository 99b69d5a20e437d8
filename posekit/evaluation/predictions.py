"""From a trained network to predictions, in its frame or in pixels of the original pictures."""

import numpy as np

from posekit.geometry import keypoints_out_of_boxes
from posekit.models import heads
from posekit.pipeline import augmentation
from posekit.pipeline.batches import evaluation_batches

BATCH_SIZE = 64


def predict_px(model, experiment, config, part="validation"):
    """Keypoints of every image of a part, shown to the network as training's validation does.

    `config` is that of the network's training: its `view`, `frame_px` and `head` count. Returns
    float64 (n, K, 2), (x, y) in pixels of the original images.
    """
    canvases = experiment.canvases(config.view, config.frame_px)
    crop = canvases.crop(config.frame_px, augmentation.by_name("none"))
    shown = canvases.images(part), canvases.targets(part, "masked")
    batches = evaluation_batches(*shown, batch_size=BATCH_SIZE, crop=crop)
    found_px = _found_px(model, (images for images, _ in batches), config.head, config.frame_px)
    if crop is not None:
        found_px = crop.uncropped(found_px)
    boxes_px = canvases.boxes_px[experiment.indices(part)]
    return keypoints_out_of_boxes(found_px, boxes_px, canvases.side_px)


def predict_frame_px(model, images):
    """Keypoints in the frame, float64 (N, K, 2), of a model whose output is coordinates."""
    batches = evaluation_batches(images, batch_size=BATCH_SIZE)
    return _found_px(model, batches, "coordinates", images.shape[1])


def _found_px(model, batches, head, frame_px):
    # Predicted once, it would take longer to compile than to compute.
    read = heads.by_name(head).keypoints_px
    return np.concatenate([read(model(images, training=False), frame_px) for images in batches])
