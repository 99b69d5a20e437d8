"""Pictures and labels on disk, the same files for posekit and for whom it is compared with."""

from pathlib import Path

import numpy as np

from posekit.datasets import sources
from posekit.datasets.pose_dataset import PoseDataset
from posekit.skeleton import LSP


def write(folder, data, count):
    """Write `count` pictures of some data, evenly spread, as files that any program can read.

    Args:
        folder: path, exists.
        data: str, as `sources.load` takes it; "synthetic" draws so many.
        count: int, how many at most.

    Returns:
        list of Path, the pictures in the order of `examples.npz`: ids, keypoints_px (N, 14, 2),
        labelled (N, 14), image_sizes_px (N, 2).
    """
    dataset = sources.load(data, synthetic_images=count, max_images=count, seed=0)
    paths = []
    for image_id in dataset.image_ids.tolist():
        paths.append(Path(folder) / f"{image_id}.jpg")
        paths[-1].write_bytes(dataset.read_image(image_id))
    np.savez(
        Path(folder) / "examples.npz",
        ids=dataset.image_ids,
        keypoints_px=dataset.keypoints_px,
        labelled=dataset.labelled,
        image_sizes_px=dataset.image_sizes_px,
    )
    return paths


def read(folder):
    """The same as a PoseDataset that has not read any picture yet."""
    folder = Path(folder)
    with np.load(folder / "examples.npz", allow_pickle=False) as stored:
        arrays = dict(stored)
    count = len(arrays["ids"])
    return PoseDataset(
        name="examples",
        image_ids=arrays["ids"],
        keypoints_px=arrays["keypoints_px"],
        labelled=arrays["labelled"],
        image_sizes_px=arrays["image_sizes_px"],
        fixed_test=np.zeros(count, bool),
        has_fixed_test=False,
        read_image=lambda image_id: (folder / f"{image_id}.jpg").read_bytes(),
        skeleton=LSP,
    )
