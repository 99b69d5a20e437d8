"""Worker: the input as albumentations and PyTorch's DataLoader do it, with two processes.

Arguments: folder of `examples`, batch size, epochs of a cached round.
"""

import json
import sys
from pathlib import Path

import albumentations
import cv2
import numpy as np
import torch

SIDE_PX = 96
WORKERS = 2

folder, batch_size, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with np.load(folder / "examples.npz") as stored:
    paths = [str(folder / f"{image_id}.jpg") for image_id in stored["ids"]]
    keypoints_px = stored["keypoints_px"].astype(np.float32)
    scale = SIDE_PX / stored["image_sizes_px"][:, None]
    keypoints_frame_px = ((stored["keypoints_px"] + 0.5) * scale - 0.5).astype(np.float32)

varied = [
    albumentations.HorizontalFlip(p=0.5),
    albumentations.Affine(
        rotate=(-30, 30),
        scale=(1 / 1.2, 1.2),
        translate_percent=(-0.1, 0.1),
        interpolation=cv2.INTER_LINEAR,
        border_mode=cv2.BORDER_CONSTANT,
        fill=127,
        p=1.0,
    ),
]
resize = albumentations.Resize(SIDE_PX, SIDE_PX, interpolation=cv2.INTER_AREA)


def composed(transforms):
    points = albumentations.KeypointParams(format="xy", remove_invisible=False)
    return albumentations.Compose(transforms, keypoint_params=points)


def as_tensors(result):
    image = np.ascontiguousarray(result["image"].transpose(2, 0, 1))
    return torch.from_numpy(image), torch.from_numpy(np.float32(result["keypoints"]))


class Cold(torch.utils.data.Dataset):
    """From the files; the first transform is the resize."""

    def __init__(self):
        self._transform = composed([resize, *varied])

    def __len__(self):
        return len(paths)

    def __getitem__(self, index):
        image = cv2.cvtColor(cv2.imread(paths[index]), cv2.COLOR_BGR2RGB)
        return as_tensors(self._transform(image=image, keypoints=keypoints_px[index]))


class Cached(torch.utils.data.Dataset):
    """From frames in memory, decoded and resized before."""

    def __init__(self, transforms):
        self._transform = composed(transforms)
        self._frames = [
            resize(image=cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB))["image"]
            for path in paths
        ]

    def __len__(self):
        return len(paths)

    def __getitem__(self, index):
        return as_tensors(
            self._transform(image=self._frames[index], keypoints=keypoints_frame_px[index])
        )


def one_thread_each(_):
    # The workers are the threads.
    cv2.setNumThreads(0)


def loader(dataset):
    return torch.utils.data.DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=WORKERS,
        persistent_workers=True,
        worker_init_fn=one_thread_each,
    )


def epoch(batches):
    return sum(len(images) for images, _ in batches)


cold, cached, mirrored = loader(Cold()), loader(Cached(varied)), loader(Cached(varied[:1]))
orders = {
    "cold": lambda: epoch(cold),
    "cached": lambda: sum(epoch(cached) for _ in range(rounds)),
    "mirrored": lambda: sum(epoch(mirrored) for _ in range(rounds)),
}
# The worker processes are started by their first epoch.
for batches in (cold, cached, mirrored):
    epoch(batches)
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps({"images": orders[line.strip()]()}), flush=True)
