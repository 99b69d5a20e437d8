"""How like photographs are synthetic people? Torsos, views, poses and sizes of two sets, by labels.

.venv/bin/python benchmarks/synthetic_people.py --data path/to/lspet_dataset.zip
"""

import argparse

import numpy as np

from posekit import geometry
from posekit.datasets import sources
from posekit.datasets.synthetic import writing
from posekit.evaluation import baselines, metrics, pose_statistics

IMAGES = 2000  # of each set
POSES = 300  # without a missing joint; the distance to the nearest depends on how many there are
FRAME_PX = 96  # the poster's, for the mean pose


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
    # A missing joint would change a pose's centre and size, so only complete poses are compared.
    _, offsets_px, size_px = pose_statistics.centred(people.keypoints_px, people.labelled)
    usable = people.labelled.all(axis=1) & (size_px > 0)
    shapes = (offsets_px[usable] / size_px[usable, None, None]).reshape(usable.sum(), -1)
    variances = np.linalg.svd(shapes - shapes.mean(axis=0), compute_uv=False) ** 2
    whole = np.flatnonzero(usable)[:POSES]
    halves = [
        (people.keypoints_px[rows], people.labelled[rows]) for rows in (whole[::2], whole[1::2])
    ]
    nearest = pose_statistics.contortion(*halves[0], *halves[1], neighbours=1)
    width, height = np.nanmedian(
        pose_statistics.person_share(people.keypoints_px, people.labelled, people.image_sizes_px),
        axis=0,
    )
    return {
        "people": len(people),
        "torso nearer to horizontal": np.mean(np.abs(up[known, 0]) > np.abs(up[known, 1])),
        "torso upside down": np.mean(up[known, 1] > np.abs(up[known, 0])),
        "facing the camera": np.mean(facing[known] > 0),
        "components of 90 % of the poses' variance": 1
        + np.searchsorted(np.cumsum(variances / variances.sum()), 0.9),
        f"distance to the nearest of {len(halves[1][0])} other poses": np.median(nearest),
        "joints without a label": 1 - people.labelled.mean(),
        "people with all joints labelled": people.labelled.all(axis=1).mean(),
        "width of the person's box, share of the picture": width,
        "height of the person's box, share of the picture": height,
        **mean_pose_scores(people),
    }


def mean_pose_scores(people):
    """What the mean pose scores on the people it was fitted on, dict of name -> number."""
    frame_sizes_px = np.full_like(people.image_sizes_px, FRAME_PX)
    frame_px = geometry.resize_keypoints(people.keypoints_px, people.image_sizes_px, frame_sizes_px)
    targets = np.concatenate([frame_px, people.labelled[..., None]], axis=-1)
    mean_px = baselines.constant_poses(targets, FRAME_PX)["mean_pose"]
    poses_px = geometry.resize_keypoints(
        np.broadcast_to(mean_px, frame_px.shape), frame_sizes_px, people.image_sizes_px
    )
    errors = metrics.PoseErrors(
        poses_px, people.keypoints_px, people.labelled, skeleton=people.skeleton
    )
    return {
        "mean pose: MSE, labelled joints": baselines.treatment_mse(mean_px, targets),
        "mean pose: PCK@0.2": errors.pck().total,
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
    hidden = [writing.example(index, 0).hidden_by_others.any() for index in range(IMAGES)]
    print(f"{'with a joint hidden by another person':48} {np.mean(hidden):10.3f}")


if __name__ == "__main__":
    main()
