"""The data of one experiment, ready to train on: images, split, frames and targets."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from posekit import files, geometry, joint_sets, profiles
from posekit.datasets import near_duplicates, packed, sources, splits
from posekit.datasets.pose_dataset import PoseDataset
from posekit.errors import PosekitError, check_choice
from posekit.geometry import keypoints_into_boxes, resize_keypoints
from posekit.pipeline import caches, crops, views
from posekit.pipeline.augmentation import AUGMENTATIONS
from posekit.pipeline.frames import FRAMES_VERSION, load_frames, rows_of
from posekit.pipeline.targets import targets as label_targets
from posekit.profiles import FRAME_PX
from posekit.skeleton import LSP


@dataclass(frozen=True, eq=False)
class Experiment:
    """What every notebook and command works on."""

    dataset: PoseDataset
    split: splits.Split
    frames: np.ndarray  # uint8 (N, S, S, 3), the images squashed to the frame, see `load_frames`
    profile: profiles.Profile
    cache_dir: Path

    @property
    def frame_px(self):
        """Side of the square frame, pixels."""
        return self.frames.shape[1]

    @cached_property
    def keypoints_frame_px(self):
        """float64 (N, K, 2), (x, y) in the frame's pixels."""
        size_px = (self.frame_px, self.frame_px)
        return resize_keypoints(self.dataset.keypoints_px, self.dataset.image_sizes_px, size_px)

    def indices(self, part):
        """int (n,), the images of one part, or of "all"."""
        return self.split.indices(self.dataset, part)

    def images(self, part):
        """uint8 (n, S, S, 3), the frames of one part, or of "all", see `rows_of`."""
        return rows_of(self.frames, self.indices(part))

    def part(self, part):
        """PoseDataset of one part."""
        return self.split.part(self.dataset, part)

    def groups(self, part):
        """(n,), the group of near-duplicates of each image of one part."""
        return self.split.groups[self.indices(part)]

    def targets(self, part, treatment, keypoints_frame_px=None):
        """Targets of one part under one of LABEL_TREATMENTS, as the losses want them.

        float32 (n, K, 3), x and y in frame pixels and weight; of other `keypoints_frame_px`,
        (N, K, 2), where they are given.
        """
        indices = self.indices(part)
        keypoints_px = self.keypoints_frame_px if keypoints_frame_px is None else keypoints_frame_px
        positions_px, weights = label_targets(
            keypoints_px[indices], self.dataset.labelled[indices], treatment
        )
        return np.concatenate([positions_px, weights[..., None]], axis=-1).astype(np.float32)

    def missing(self, part):
        """bool (n, K), the joints of one part that have no label."""
        return ~self.dataset.labelled[self.indices(part)]

    def original_px(self, keypoints_frame_px, part):
        """Keypoints in the frame, (n, K, 2), or (K, 2), one for all, in a part's own pixels."""
        chosen, size_px = self.part(part), (self.frame_px, self.frame_px)
        every = np.broadcast_to(keypoints_frame_px, chosen.keypoints_px.shape)
        return resize_keypoints(every, size_px, chosen.image_sizes_px)

    def canvases(self, view, frame_px):
        """Canvases for a network of that view and input side, pixels."""
        check_choice("canvases()", "view", view, tuple(views.VIEWS))
        chosen = views.VIEWS[view]
        canvas_px = chosen.canvas_px or frame_px
        if frame_px > canvas_px:
            raise PosekitError(
                f"canvases(): `frame_px` must be at most {canvas_px}, the side of the {view} "
                f"view's canvas; got {frame_px}."
            )
        if view == "squashed":
            boxes_px = geometry.squashed_boxes(self.dataset.image_sizes_px)
            frames = (self if canvas_px == self.frame_px else self.resized(canvas_px)).frames
            return Canvases(self, chosen, frames, boxes_px)
        if view == "whole":
            boxes_px = geometry.whole_boxes(self.dataset.image_sizes_px)
        else:
            person_px = geometry.person_boxes(self.dataset.keypoints_px, self.dataset.labelled)
            boxes_px = geometry.scale_boxes(person_px, 1 / chosen.canvas_share)
        frames = load_frames(
            self.dataset, frame_px=canvas_px, boxes_px=boxes_px, cache_dir=self.cache_dir
        )
        return Canvases(self, chosen, frames, boxes_px)

    def with_data_fraction(self, fraction):
        """The experiment with a share of the training images, see `splits.with_fewer_to_train`."""
        return replace(self, split=splits.with_fewer_to_train(self.split, self.dataset, fraction))

    def resized(self, frame_px):
        """The experiment with frames of another side, pixels."""
        frames = load_frames(self.dataset, frame_px=frame_px, cache_dir=self.cache_dir)
        return replace(self, frames=frames)

    def describe(self):
        """What the data are, for artifacts: JSON-ready dict; of the 14 joints it says nothing."""
        skeleton = self.dataset.skeleton
        other_joints = {} if skeleton == LSP else {"joint_set": joint_sets.describe(skeleton)}
        return {
            "name": self.dataset.name,
            "images": len(self.dataset),
            "fingerprint": self.dataset.fingerprint(),
            "frame_px": self.frame_px,
            "split": self.split.summary(),
            **other_joints,
        }


@dataclass(frozen=True, eq=False)
class Canvases:
    """An experiment's pictures under one view, with room around the view's box."""

    experiment: Experiment
    view: views.View
    frames: np.ndarray  # uint8 (N, C, C, 3)
    boxes_px: np.ndarray  # float64 (N, 4), what the canvases show, pixels of the pictures

    @property
    def side_px(self):
        """Side of the canvases, pixels."""
        return self.frames.shape[1]

    def images(self, part):
        """uint8 (n, S, S, 3), the canvases of one part."""
        return rows_of(self.frames, self.experiment.indices(part))

    def targets(self, part, treatment):
        """As `Experiment.targets`, on the canvases."""
        every_px = self.experiment.dataset.keypoints_px
        on_canvas_px = keypoints_into_boxes(every_px, self.boxes_px, self.side_px)
        return self.experiment.targets(part, treatment, on_canvas_px)

    def crop(self, frame_px, augmentation):
        """Crop of an input side and an augmentation; None where nothing is cut."""
        if self.side_px == frame_px and augmentation == AUGMENTATIONS["none"]:
            return None
        return crops.Crop(frame_px, self.side_px, self.view.canvas_share, augmentation)


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
    one_person=True,
    cache_dir=None,
):
    """Read data, decode them (or find them in the cache), split them: an Experiment.

    Args:
        data: str, see `sources.load`.
        profile: str, a name in `profiles.PROFILES`.
        seed: int, draws the synthetic set and the split.
        split: "standard" or "poster", see `splits`.
        frame_px: int, side of the frame, pixels.
        bad_images: "error" or "skip".
        limit_images: bool, whether the profile's limit on real images holds.
        whole_if_fixed_test, one_person: bool, see `sources.load`.
        cache_dir: folder of the caches; None for `files.cache_dir`.

    Raises:
        PosekitError: as `sources.load`, `load_frames` and the split do.
    """
    cache_dir = files.cache_dir() if cache_dir is None else cache_dir
    chosen_profile = profiles.by_name(profile)
    make_split = splits.by_name(split)
    dataset = sources.load(
        data,
        synthetic_images=chosen_profile.synthetic_images,
        max_images=chosen_profile.max_images if limit_images else None,
        whole_if_fixed_test=whole_if_fixed_test,
        seed=seed,
        bad_images=bad_images,
        one_person=one_person,
    )
    frames = load_frames(dataset, frame_px=frame_px, cache_dir=cache_dir)
    split = make_split(dataset, _near_duplicate_groups(dataset, cache_dir), seed=seed)
    return Experiment(dataset, split, frames, chosen_profile, cache_dir)


def grey_thumbnails(dataset, cache_dir):
    """The data set's near_duplicates.grey_thumbnails, whose size no network's input changes."""
    frames = load_frames(dataset, frame_px=near_duplicates.PICTURE_SIDE, cache_dir=cache_dir)
    return near_duplicates.grey_thumbnails(frames)


def _near_duplicate_groups(dataset, cache_dir):
    pack = packed.pack_of(dataset)
    if pack is not None:
        return pack.groups
    threshold = near_duplicates.SIMILARITY_THRESHOLD
    path = cache_dir / f"groups-{dataset.fingerprint()}-{threshold}-v{FRAMES_VERSION}.npz"

    def write(temporary):
        thumbnails = grey_thumbnails(dataset, cache_dir)
        groups = near_duplicates.find_groups(thumbnails, threshold=threshold)
        files.write_npz(temporary, groups=groups)

    caches.ensure(path, write)
    with np.load(path, allow_pickle=False) as cached:
        return cached["groups"]
