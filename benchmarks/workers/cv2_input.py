"""Worker: the input as a plain loop over OpenCV, one process, no batching library.

Arguments: folder of `examples`, batch size, epochs of a cached round.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np

SIDE_PX = 96
MIRROR = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]

folder, batch_size, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with np.load(folder / "examples.npz") as stored:
    paths = [str(folder / f"{image_id}.jpg") for image_id in stored["ids"]]
    scale = SIDE_PX / stored["image_sizes_px"][:, None]
    keypoints_px = (stored["keypoints_px"] + 0.5) * scale - 0.5
rng = np.random.default_rng(0)


def decode(path):
    image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
    return cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)


def varied(image, points_px):
    if rng.random() < 0.5:
        image, points_px = cv2.flip(image, 1), points_px[MIRROR] * [-1, 1] + [SIDE_PX - 1, 0]
    middle = (SIDE_PX - 1) / 2
    matrix = cv2.getRotationMatrix2D(
        (middle, middle), rng.uniform(-30, 30), 1.2 ** rng.uniform(-1, 1)
    )
    matrix[:, 2] += rng.uniform(-0.1, 0.1, 2) * SIDE_PX
    shown = cv2.warpAffine(image, matrix, (SIDE_PX, SIDE_PX), borderValue=(127, 127, 127))
    return shown, points_px @ matrix[:, :2].T + matrix[:, 2]


def epoch(image_of):
    order, images = rng.permutation(len(paths)), 0
    for start in range(0, len(order) - batch_size + 1, batch_size):
        chosen = order[start : start + batch_size]
        pairs = [varied(image_of(index), keypoints_px[index]) for index in chosen]
        images += len(np.stack([image for image, _ in pairs]))
        np.stack([points for _, points in pairs])
    return images


frames = [decode(path) for path in paths]
orders = {
    "cold": lambda: epoch(lambda index: decode(paths[index])),
    "cached": lambda: sum(epoch(frames.__getitem__) for _ in range(rounds)),
}
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps({"images": orders[line.strip()]()}), flush=True)
