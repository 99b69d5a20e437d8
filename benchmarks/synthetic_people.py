"""How like photographs are synthetic people? Torsos, views and poses of two sets, by their labels.

.venv/bin/python benchmarks/synthetic_people.py --data path/to/lspet_dataset.zip
"""

import argparse

import numpy as np

from posekit.datasets import sources
from posekit.evaluation import pose_statistics

IMAGES = 2000  # of each set
POSES = 300  # without a missing joint; the distance to the nearest depends on how many there are


def measures(dataset):
    """What is counted, dict of name -> share or number, from at most `IMAGES` people."""
    rng = np.random.default_rng(0)
    people = dataset.subset(np.sort(rng.permutation(len(dataset))[:IMAGES]))
    poses_px = np.where(people.labelled[..., None], people.keypoints_px, np.nan)
    at = dict(zip(people.skeleton.joints, poses_px.transpose(1, 0, 2), strict=True))
    up = at["neck"] - (at["left_hip"] + at["right_hip"]) / 2
    across = at["left_shoulder"] - at["right_shoulder"]
    # Facing the camera, the left shoulder is to the right of the torso; pictures' y points down.
    facing = up[:, 0] * across[:, 1] - up[:, 1] * across[:, 0]
    known = np.isfinite(facing)
    normalised, usable = pose_statistics.normalise(people.keypoints_px, people.labelled)
    components = pose_statistics.principal_components(
        normalised[usable], min(usable.sum(), 2 * len(at))
    )
    whole = np.flatnonzero(usable)[:POSES]
    halves = [
        (people.keypoints_px[rows], people.labelled[rows]) for rows in (whole[::2], whole[1::2])
    ]
    nearest = pose_statistics.contortion(*halves[0], *halves[1], neighbours=1)
    return {
        "people": len(people),
        "torso nearer to horizontal": np.mean(np.abs(up[known, 0]) > np.abs(up[known, 1])),
        "torso upside down": np.mean(up[known, 1] > np.abs(up[known, 0])),
        "facing the camera": np.mean(facing[known] > 0),
        "components of 90 % of the poses' variance": 1
        + np.searchsorted(np.cumsum(components.explained), 0.9),
        f"distance to the nearest of {len(halves[1][0])} other poses": np.median(nearest),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="LSP or LSPet, folder or zip")
    options = parser.parse_args()
    synthetic = sources.load("synthetic", synthetic_images=IMAGES, seed=0)
    photographs = sources.load(options.data, synthetic_images=0, seed=0)
    found = [measures(each) for each in (synthetic, photographs)]
    for name, value in found[0].items():
        print(f"{name:48} {value:10.3f} {found[1][name]:10.3f}")


if __name__ == "__main__":
    main()
