"""The data of one experiment, ready to train on: images, split, frames and targets together."""

import zipfile
from dataclasses import dataclass

import numpy as np

from posekit import baselines, pipeline, profiles, sources
from posekit.artifacts import CACHE_DIR, write_npz
from posekit.datasets import splits
from posekit.datasets.pose_dataset import PoseDataset
from posekit.geometry import resize_keypoints
from posekit.models import FRAME_PX


@dataclass(frozen=True, eq=False)
class Experiment:
    """What every notebook and command works on.

    Attributes:
        dataset: PoseDataset of N images.
        split: splits.Split of them.
        frames: pipeline.Frames, the N images squashed to the frame.
        keypoints_frame_px: float64 (N, 14, 2), (x, y) in the frame's pixels.
        profile: profiles.Profile.
    """

    dataset: PoseDataset
    split: splits.Split
    frames: pipeline.Frames
    keypoints_frame_px: np.ndarray
    profile: profiles.Profile

    @property
    def frame_px(self):
        """Side of the square frame, pixels."""
        return self.frames.images.shape[1]

    def images(self, part):
        """uint8 (n, S, S, 3), the frames of one part ("train", "validation", "test", "all").

        Frames that stay in their file come as pipeline.FileRows, which reads what is indexed.
        """
        return self.frames.rows(self.split.indices(self.dataset, part))

    def part(self, part):
        """PoseDataset of one part."""
        return self.split.part(self.dataset, part)

    def targets(self, part, treatment):
        """Targets of one part under a label treatment, as the losses want them.

        Args:
            part: str, as in `images`.
            treatment: str, one of baselines.LABEL_TREATMENTS.

        Returns:
            float32 (n, 14, 3), x and y in frame pixels and weight.
        """
        indices = self.split.indices(self.dataset, part)
        positions_px, weights = baselines.targets(
            self.keypoints_frame_px[indices], self.dataset.labelled[indices], treatment
        )
        return np.concatenate([positions_px, weights[..., None]], axis=-1).astype(np.float32)

    def describe(self):
        """What the data are, for artifacts: JSON-ready dict."""
        return {
            "name": self.dataset.name,
            "images": len(self.dataset),
            "fingerprint": self.dataset.fingerprint(),
            "frame_px": self.frame_px,
            "split": self.split.summary(),
            "frames_placement": self.frames.placement,
            "frames_megabytes": self.frames.megabytes,
        }


def open_experiment(
    data,
    *,
    profile,
    seed,
    split="standard",
    frame_px=FRAME_PX,
    bad_images="error",
    limit_images=True,
    whole_if_fixed_test=False,
    cache_dir=CACHE_DIR,
):
    """Read the data, decode it (or find it in the cache), group look-alikes and split.

    Args:
        data: str, see `sources.load`.
        profile: str, a name in `profiles.PROFILES`.
        seed: int, draws the synthetic set and the split.
        split: "standard" or "poster", see `splits`.
        frame_px: int, side of the frame, pixels.
        bad_images: "error" or "skip".
        limit_images: bool, whether the profile's limit on real images holds.
        whole_if_fixed_test: bool, see `sources.load`.
        cache_dir: folder of the caches.

    Returns:
        Experiment.

    Raises:
        PosekitError: as `sources.load`, `pipeline.load_frames` and the split do.
    """
    chosen_profile = profiles.by_name(profile)
    make_split = splits.by_name(split)
    dataset = sources.load(
        data,
        synthetic_images=chosen_profile.synthetic_images,
        max_images=chosen_profile.max_images if limit_images else None,
        whole_if_fixed_test=whole_if_fixed_test,
        seed=seed,
        bad_images=bad_images,
    )
    frames = pipeline.load_frames(dataset, frame_px=frame_px, cache_dir=cache_dir)
    groups = _similarity_groups(dataset, cache_dir)
    return Experiment(
        dataset=dataset,
        split=make_split(dataset, groups, seed=seed),
        frames=frames,
        keypoints_frame_px=resize_keypoints(
            dataset.keypoints_px, dataset.image_sizes_px, (frame_px, frame_px)
        ),
        profile=chosen_profile,
    )


def _similarity_groups(dataset, cache_dir):
    threshold = splits.SIMILARITY_THRESHOLD
    key = f"{dataset.fingerprint()}-{threshold}-v{pipeline.FRAMES_VERSION}"
    path = cache_dir / f"groups-{key}.npz"
    try:
        with np.load(path, allow_pickle=False) as cached:
            return cached["groups"]
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        pass  # Missing or damaged: it is made anew.
    # Groups must not depend on the network's input size, so thumbnails have one of their own.
    frames = pipeline.load_frames(dataset, frame_px=splits.PICTURE_SIDE, cache_dir=cache_dir)
    groups = splits.similarity_groups(
        splits.grey_thumbnails(frames.images), threshold=threshold
    )
    write_npz(path, groups=groups)
    return groups
