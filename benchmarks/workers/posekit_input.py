"""Worker: posekit's input for training: `cold` from JPEG files, `cached` from decoded frames.

Arguments: folder of `examples`, batch size, epochs of a cached round. Cold is all that a first
training does: fingerprint, decoding into the cache, and one epoch. `mirrored` is a cached round
with nothing but the flip.
"""

import json
import sys
import tempfile
from pathlib import Path

from posekit.geometry import resize_keypoints
from posekit.pipeline import crops
from posekit.pipeline.augmentation import Augmentation
from posekit.pipeline.batches import training_batches
from posekit.pipeline.frames import load_frames
from posekit.profiles import FRAME_PX
from posekit.skeleton import LSP
from posekit.training import engine

engine.start(0)

import numpy as np  # noqa: E402 - after the engine's start

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import examples  # noqa: E402 - beside the scripts

# The peers draw the same: up to 30 degrees, 1.2 times larger or smaller, a tenth of the side.
TURNED = Augmentation(rotation_degrees=15.0, scale=1.2, shift=0.1)
CROP = crops.Crop(FRAME_PX, FRAME_PX, 1.0, TURNED)


def targets_of(dataset):
    keypoints_px = resize_keypoints(
        dataset.keypoints_px, dataset.image_sizes_px, (FRAME_PX, FRAME_PX)
    )
    return np.concatenate([keypoints_px, dataset.labelled[..., None]], axis=-1).astype(np.float32)


def batches(images, targets, epochs, chosen_crop):
    return training_batches(
        images,
        targets,
        batch_size=batch_size,
        seed=0,
        epochs=epochs,
        mirror=LSP.mirror,
        crop=chosen_crop,
    )


def cold():
    dataset = examples.read(folder)
    with tempfile.TemporaryDirectory() as cache_dir:
        frames = load_frames(dataset, frame_px=FRAME_PX, cache_dir=Path(cache_dir))
        stream, _ = batches(frames, targets_of(dataset), 1, CROP)
        return sum(len(images) for images, _ in stream.as_numpy_iterator())


class Cached:
    """An endless stream from frames in memory."""

    def __init__(self, chosen_crop):
        dataset = examples.read(folder)
        with tempfile.TemporaryDirectory() as cache_dir:
            frames = load_frames(dataset, frame_px=FRAME_PX, cache_dir=Path(cache_dir))
        stream, steps = batches(frames, targets_of(dataset), 10**6, chosen_crop)
        self._batches, self._steps = iter(stream), steps * rounds

    def __call__(self):
        return sum(int(next(self._batches)[0].shape[0]) for _ in range(self._steps))


folder, batch_size, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
orders = {
    "cold": cold,
    "cached": Cached(CROP),
    "mirrored": Cached(None),
}
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps({"images": orders[line.strip()]()}), flush=True)
