"""From a photograph to a pose: one network after the other, as a manifest lists them.

The first stage sees the whole picture; each later one sees a square around the pose found so
far. A folder with a manifest is an estimator, and so is any single network that was trained here.
"""

from dataclasses import astuple, dataclass, replace

import numpy as np

from posekit import geometry
from posekit.datasets import image_files
from posekit.datasets.pose_dataset import PERSON_BOX
from posekit.errors import PosekitError, raise_problems
from posekit.estimators import decoding
from posekit.estimators.calibration import Calibration
from posekit.estimators.passes import ONE_PASS
from posekit.geometry import keypoints_out_of_boxes
from posekit.models import heads
from posekit.pipeline import views
from posekit.skeleton import Skeleton

BATCH_SIZE = 32


@dataclass(frozen=True, eq=False)
class Stage:
    """One network and what it sees."""

    network: object  # keras.Model, or a network of `runtimes`
    head: str  # one of heads.HEADS
    view: str  # one of views.VIEWS
    # Each pass is a tuple of passes.CropScale and averages over its crops; each pass of the person
    # view is centred on the pose of the one before. The time grows with the number of crops.
    passes: tuple = ONE_PASS
    use_peak: bool = True  # whether a joint is read at its map's highest peak, not at its mean

    @property
    def frame_px(self):
        """Side of the network's input, pixels."""
        return self.network.input_shape[1]


@dataclass(frozen=True, eq=False)
class Poses:
    """What an estimator found.

    Attributes:
        keypoints_px: float64 (N, K, 2), (x, y) in the pictures' pixels.
        confidences: float64 (N, K) in [0, 1], the chance that the joint is within 0.2 torso
            lengths of the truth; NaN where the estimator is not calibrated.
        peak_mass: float64 (N, K) in [0, 1], the probability around the last map's peak; NaN for a
            network without maps.
        boxes_px: float64 (N, 4), the box of the last pass, pixels; its crops show more or less.
    """

    keypoints_px: np.ndarray
    confidences: np.ndarray
    peak_mass: np.ndarray
    boxes_px: np.ndarray


@dataclass(frozen=True, eq=False)
class PoseEstimator:
    """Stages in order, and how to read the last one's certainty."""

    name: str
    stages: tuple  # of Stage
    skeleton: Skeleton  # which joints it finds
    calibration: Calibration | None = None
    manifest: dict | None = None  # the manifest that it was read from

    def estimate(self, images, boxes_px=None):
        """Find one person in each picture.

        Args:
            images: list of N uint8 (H, W, 3), RGB, of any sizes.
            boxes_px: float (N, 4) or None: x, y, width and height of the person, pixels. With
                boxes the first stage that sees people starts, and those before it are skipped.

        Returns:
            Poses.

        Raises:
            PosekitError: no pictures or pictures of another kind, boxes that do not fit, boxes for
                an estimator that takes none, or no boxes for one that needs them.
        """
        _check_images(images)
        sizes_px = np.array([image.shape[1::-1] for image in images])
        stages = self.stages
        if boxes_px is not None:
            boxes_px = _checked_boxes(boxes_px, sizes_px)
            stages = tuple(stage for stage in stages if stage.view == "person")
            if not stages:
                raise PosekitError(
                    f"estimate(): `boxes_px` need a stage that sees people; got {self.name}, "
                    "which sees whole pictures. Leave the box out, or take another model."
                )
            boxes_px = _square(boxes_px)
        elif stages[0].view == "person":
            raise PosekitError(
                f"estimate(): `boxes_px` must be given to {self.name}, whose first stage sees "
                "people; got none. Give a box, or take a model that finds the person."
            )
        poses = [
            self._estimate_batch(
                stages, images[rows], sizes_px[rows], None if boxes_px is None else boxes_px[rows]
            )
            for rows in _batches(len(images))
        ]
        keypoints_px, peak_mass, boxes_px = map(np.concatenate, zip(*poses, strict=True))
        confidences = np.full(peak_mass.shape, np.nan)
        if self.calibration is not None:
            confidences = self.calibration.confidence(peak_mass)
        return Poses(keypoints_px, confidences, peak_mass, boxes_px)

    def _estimate_batch(self, stages, images, sizes_px, boxes_px):
        keypoints_px = peak_mass = None
        for stage in stages:
            for crops in stage.passes:
                if stage.view == "whole":
                    boxes_px = geometry.whole_boxes(sizes_px)
                elif stage.view == "squashed":
                    boxes_px = geometry.squashed_boxes(sizes_px)
                elif keypoints_px is not None:
                    found = np.ones(keypoints_px.shape[:2], bool)
                    boxes_px = geometry.person_boxes(keypoints_px, found)
                mirror = self.skeleton.mirror
                keypoints_px, peak_mass = _run_pass(stage, crops, images, boxes_px, mirror)
        return keypoints_px, peak_mass, boxes_px

    def estimate_dataset(self, dataset):
        """The Poses of the person in each image of a PoseDataset with the same joints, in order.

        Where the data set holds several people of a picture, each with a box, a stage that sees
        people is given the boxes.
        """
        if dataset.skeleton.joints != self.skeleton.joints:
            raise PosekitError(
                f"estimate_dataset(): the data must have the joints of {self.name}, "
                f"{', '.join(self.skeleton.joints)}; got {', '.join(dataset.skeleton.joints)}. "
                "Map the data's keypoints to these joints, or train a network on them."
            )
        stage_views = [stage.view for stage in self.stages]
        boxes_px = dataset.extras.get(PERSON_BOX) if "person" in stage_views else None
        # A squashed network is shown exactly the frames of its training.
        squashed_px = self.stages[0].frame_px if stage_views == ["squashed"] else None

        def shown(image_id):
            encoded = dataset.read_image(str(image_id))
            if squashed_px is not None:
                return image_files.squashed(encoded, squashed_px)
            return image_files.decode(encoded)

        parts = [
            self.estimate(
                list(map(shown, dataset.image_ids[rows])),
                None if boxes_px is None else boxes_px[rows],
            )
            for rows in _batches(len(dataset))
        ]
        poses = Poses(*map(np.concatenate, zip(*map(astuple, parts), strict=True)))
        if squashed_px is None:
            return poses
        boxes_px = geometry.squashed_boxes(dataset.image_sizes_px)
        keypoints_px = keypoints_out_of_boxes(poses.keypoints_px, boxes_px, squashed_px)
        return replace(poses, keypoints_px=keypoints_px, boxes_px=boxes_px)


def _run_pass(stage, crops, images, boxes_px, mirror):
    """Keypoints in the pictures, (N, K, 2), and the probability around each one's peak, (N, K)."""
    frames = np.concatenate([_frames(stage, crop, images, boxes_px) for crop in crops])
    outputs = np.split(stage.network.predict_on_batch(frames.astype(np.float32)), len(crops))
    if heads.by_name(stage.head).has_maps and stage.use_peak:
        widest = max(crop.scale for crop in crops)
        maps = [
            _maps(output, crop, widest, mirror) for output, crop in zip(outputs, crops, strict=True)
        ]
        in_frame_px, peak_mass = decoding.find_peaks(sum(maps) / len(maps), stage.frame_px)
        shown_px = geometry.scale_boxes(boxes_px, widest)
        return keypoints_out_of_boxes(in_frame_px, shown_px, stage.frame_px), peak_mass
    found_px = [
        _keypoints_px(stage, output, crop, boxes_px, mirror)
        for output, crop in zip(outputs, crops, strict=True)
    ]
    keypoints_px = sum(found_px) / len(found_px)
    return keypoints_px, np.full(keypoints_px.shape[:2], np.nan)


def _frames(stage, crop, images, boxes_px):
    if stage.view == "squashed" and crop.scale == 1:
        frames = np.stack([image_files.squash(image, stage.frame_px) for image in images])
    else:
        shown_px = geometry.scale_boxes(boxes_px, crop.scale)
        pairs = zip(images, shown_px, strict=True)
        frames = np.stack([views.cut(image, box_px, stage.frame_px) for image, box_px in pairs])
    return frames[:, :, ::-1] if crop.mirrored else frames


def _maps(output, crop, widest, mirror):
    """Where the joints are in a pass's widest crop, according to one of its crops."""
    maps = decoding.softmax_maps(output)
    if crop.mirrored:
        maps = decoding.mirror_maps(maps, mirror)
    return decoding.zoomed_out(maps, widest / crop.scale)


def _keypoints_px(stage, output, crop, boxes_px, mirror):
    """Keypoints in the pictures, (N, K, 2), of a network that is read as coordinates."""
    in_frame_px = heads.by_name(stage.head).keypoints_px(output, stage.frame_px)
    if crop.mirrored:
        in_frame_px = in_frame_px[:, list(mirror)] * [-1, 1] + [stage.frame_px - 1, 0]
    shown_px = geometry.scale_boxes(boxes_px, crop.scale)
    return keypoints_out_of_boxes(in_frame_px, shown_px, stage.frame_px)


def _batches(count):
    return [slice(start, start + BATCH_SIZE) for start in range(0, count, BATCH_SIZE)]


def _check_images(images):
    problems = [
        f"`images` must be uint8 (H, W, 3); got {image.dtype} {image.shape} at [{index}]."
        for index, image in enumerate(images)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size
    ]
    if not len(images):
        problems.append("`images` must hold a picture; got none.")
    raise_problems("estimate()", problems)


def _square(boxes_px):
    side_px = boxes_px[:, 2:].max(axis=1, keepdims=True)
    centre_px = boxes_px[:, :2] + boxes_px[:, 2:] / 2
    return np.concatenate([centre_px - side_px / 2, side_px, side_px], axis=1)


def _checked_boxes(boxes_px, sizes_px):
    boxes_px = np.asarray(boxes_px, float)
    if boxes_px.shape != (len(sizes_px), 4):
        raise PosekitError(
            f"estimate(): `boxes_px` must have shape ({len(sizes_px)}, 4), one box for each image; "
            f"got shape {boxes_px.shape}."
        )
    corner_px, size_px = boxes_px[:, :2], boxes_px[:, 2:]
    overlaps = (corner_px < sizes_px) & (corner_px + size_px > 0)
    fits = np.isfinite(boxes_px).all(axis=1) & (size_px > 0).all(axis=1) & overlaps.all(axis=1)
    raise_problems(
        "estimate()",
        [
            f"`boxes_px` of image {index} must be x, y, width > 0 and height > 0 that meet the "
            f"{sizes_px[index][0]} x {sizes_px[index][1]} picture; got {boxes_px[index].tolist()}."
            for index in np.flatnonzero(~fits)
        ],
    )
    return boxes_px
