"""From a photograph to a pose: one network after the other, as a manifest lists them.

The first stage sees the whole picture; each later one sees a square around the pose found so
far. A folder with a manifest is an estimator, and so is any single network that was trained here.
"""

from dataclasses import astuple, dataclass, replace
from functools import cached_property

import numpy as np

from posekit import geometry
from posekit.datasets import image_files
from posekit.datasets.pose_dataset import PERSON_BOX
from posekit.errors import PosekitError, raise_problems
from posekit.estimators import decoding, presence
from posekit.estimators.calibration import Calibration
from posekit.estimators.manifest import ONE_PASS
from posekit.estimators.presence import Presence
from posekit.geometry import keypoints_out_of_boxes
from posekit.models import heads
from posekit.pipeline import views
from posekit.skeleton import Skeleton

BATCH_SIZE = 32

# Side of the next pass's square over the longer side of the expected extent, see
# `decoding.extents`; chosen so that it is as large as a person's box in the median.
EXTENT_MARGIN = 1.25

# Around a given box, as a share of its longer side, still shown: hands and hair.
BOX_MARGIN = 0.1

# How far later passes may leave a given box, in sides of its square, and change the side.
MOVE_LIMIT = 0.15
SIDE_LIMITS = (0.6, 1.25)


@dataclass(frozen=True, eq=False)
class Stage:
    """One network and what it sees."""

    network: object  # keras.Model, or a network of `runtimes`
    head: str  # one of heads.HEADS
    view: str  # one of views.VIEWS
    # Each pass is a tuple of manifest.CropScale and averages over its crops; each of the person
    # view is centred on the pose of the one before. The time grows with the number of crops.
    passes: tuple = ONE_PASS

    @property
    def frame_px(self):
        """Side of the network's input, pixels."""
        return self.network.input_shape[1]


@dataclass(frozen=True, eq=False)
class Poses:
    """What an estimator found in N pictures, of K joints each."""

    keypoints_px: np.ndarray  # float64 (N, K, 2), (x, y) in the pictures' pixels
    # float64 (N, K) in [0, 1], the chance that the joint is within 0.2 torso lengths of the truth;
    # NaN where the estimator is not calibrated.
    confidences: np.ndarray
    # float64 (N, K) in [0, 1], the probability around the last map's peak; NaN without maps.
    peak_mass: np.ndarray
    boxes_px: np.ndarray  # float64 (N, 4), the box of the last pass; its crops show more or less
    # float64 (N,) in [0, 1], the chance that there is a person; NaN where that is not known.
    presence: np.ndarray
    found: np.ndarray  # bool (N,), False where that chance is below the estimator's threshold
    features: np.ndarray  # float64 (N, F), what `presence` judges by; NaN without maps


@dataclass(frozen=True, eq=False)
class PoseEstimator:
    """Stages in order, and how to read the last one's certainty."""

    name: str
    stages: tuple  # of Stage
    skeleton: Skeleton  # which joints it finds
    calibration: Calibration | None = None
    presence: Presence | None = None  # tells people from backgrounds
    manifest: dict | None = None  # the manifest that it was read from

    def with_least_presence(self, threshold):
        """The same estimator, with another chance from which on somebody is there."""
        if self.presence is None:
            return self
        return replace(self, presence=replace(self.presence, threshold=threshold))

    def estimate(self, images, boxes_px=None):
        """Find one person in each picture.

        Args:
            images: list of N uint8 (H, W, 3), RGB, of any sizes.
            boxes_px: float (N, 4) or None: x, y, width and height of the person, pixels. With
                boxes the first stage that sees people starts, and those before it are skipped;
                what lies beyond a box and a small margin is not shown.

        Returns:
            Poses.

        Raises:
            PosekitError: no pictures or pictures of another kind, boxes that do not fit, boxes for
                an estimator that takes none, or no boxes for one that needs them.
        """
        _check_images(images)
        sizes_px = np.array([image.shape[1::-1] for image in images])
        stages, corners_px = self.stages, np.zeros((len(images), 2), int)
        if boxes_px is not None:
            boxes_px = _checked_boxes(boxes_px, sizes_px)
            stages = tuple(stage for stage in stages if stage.view == "person")
            if not stages:
                raise PosekitError(
                    f"estimate(): `boxes_px` need a stage that sees people; got {self.name}, "
                    "which sees whole pictures. Leave the box out, or take another model."
                )
            pairs = zip(images, boxes_px, strict=True)
            images, corners_px = map(list, zip(*map(_person_alone, pairs), strict=True))
            boxes_px = _square(boxes_px)
            boxes_px[:, :2] -= corners_px
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
        keypoints_px, peak_mass, boxes_px, features = map(np.concatenate, zip(*poses, strict=True))
        confidences = np.full(peak_mass.shape, np.nan)
        if self.calibration is not None:
            confidences = self.calibration.confidence(peak_mass)
        chances, found = np.full(len(images), np.nan), np.ones(len(images), bool)
        if self.presence is not None:
            chances = self.presence.chance(features)
            found = ~(chances < self.presence.threshold)  # True where it is NaN
        return Poses(
            keypoints_px + np.array(corners_px)[:, None],
            confidences,
            peak_mass,
            boxes_px + np.pad(corners_px, ((0, 0), (0, 2))),
            chances,
            found,
            features,
        )

    def _estimate_batch(self, stages, images, sizes_px, boxes_px):
        given_px, pose, mirror = boxes_px, None, self.skeleton.mirror
        for stage in stages:
            pose_before, pose = pose, None
            for crops in stage.passes:
                if stage.view == "whole":
                    boxes_px = geometry.whole_boxes(sizes_px)
                elif stage.view == "squashed":
                    boxes_px = geometry.squashed_boxes(sizes_px)
                elif pose is not None:
                    # Halfway, so that a small change of the maps moves the box by half as much.
                    boxes_px = geometry.mean_squares(boxes_px, pose.around_px())
                    if given_px is not None:
                        boxes_px = _kept_near(boxes_px, given_px)
                elif pose_before is not None:
                    boxes_px = pose_before.around_px()
                pose = _run_pass(stage, crops, images, boxes_px, mirror, pose)
        keypoints_px, peak_mass, features = pose.read()
        return keypoints_px, peak_mass, boxes_px, features

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


@dataclass(frozen=True, eq=False)
class _Maps:
    """What a stage's passes so far say, as maps."""

    frame_px: int
    looks: tuple  # of (maps, the boxes that they cover), one for each crop
    shown_px: np.ndarray  # (N, 4), the widest boxes of the last pass

    @cached_property
    def alike(self):
        """The maps of all crops in the widest boxes of the last pass."""
        return [decoding.shown_in(maps, seen_px, self.shown_px) for maps, seen_px in self.looks]

    @cached_property
    def mean(self):
        # Looks that disagree spread the mass, and the confidence falls.
        return sum(self.alike) / len(self.alike)

    def around_px(self):
        """A square (N, 4) around each person."""
        corner_px, size_px = self.shown_px[:, :2], self.shown_px[:, 2:]
        low, high = (corner_px + share * size_px for share in decoding.extents(self.mean))
        return geometry.squares_around(low, high, EXTENT_MARGIN)

    def read(self):
        """Keypoints in the pictures (N, K, 2), peak mass (N, K), features (N, F) of `presence`."""
        in_frame_px, peak_mass = decoding.find_peaks(self.mean, self.frame_px)
        keypoints_px = keypoints_out_of_boxes(in_frame_px, self.shown_px, self.frame_px)
        return keypoints_px, peak_mass, presence.features(self.alike, self.mean, peak_mass)


@dataclass(frozen=True, eq=False)
class _Coordinates:
    """What a stage's last pass says, as coordinates; else as `_Maps`."""

    keypoints_px: np.ndarray  # (N, K, 2), in the pictures

    def around_px(self):
        found = np.ones(self.keypoints_px.shape[:2], bool)
        return geometry.person_boxes(self.keypoints_px, found)

    def read(self):
        unknown = np.full(self.keypoints_px.shape[:2], np.nan)
        features = np.full((len(unknown), len(presence.FEATURES)), np.nan)
        return self.keypoints_px, unknown, features


def _run_pass(stage, crops, images, boxes_px, mirror, before):
    """What a stage finds after its pass `before` or, with None, in its first one."""
    frames = np.concatenate([_frames(stage, crop, images, boxes_px) for crop in crops])
    outputs = np.split(stage.network.predict_on_batch(frames.astype(np.float32)), len(crops))
    seen_px = [geometry.scale_boxes(boxes_px, crop.scale) for crop in crops]
    head = heads.HEADS[stage.head]
    if head.has_maps:
        looks = () if before is None else before.looks
        for output, crop, shown_px in zip(outputs, crops, seen_px, strict=True):
            maps = decoding.softmax_maps(output)
            looks += ((decoding.mirror_maps(maps, mirror) if crop.mirrored else maps, shown_px),)
        widest_px = geometry.scale_boxes(boxes_px, max(crop.scale for crop in crops))
        return _Maps(stage.frame_px, looks, widest_px)
    found_px = []
    for output, crop, shown_px in zip(outputs, crops, seen_px, strict=True):
        in_frame_px = head.keypoints_px(output, stage.frame_px)
        if crop.mirrored:
            in_frame_px = in_frame_px[:, list(mirror)] * [-1, 1] + [stage.frame_px - 1, 0]
        found_px.append(keypoints_out_of_boxes(in_frame_px, shown_px, stage.frame_px))
    return _Coordinates(sum(found_px) / len(found_px))


def _frames(stage, crop, images, boxes_px):
    if stage.view == "squashed" and crop.scale == 1:
        frames = np.stack([image_files.squash(image, stage.frame_px) for image in images])
    else:
        shown_px = geometry.scale_boxes(boxes_px, crop.scale)
        pairs = zip(images, shown_px, strict=True)
        frames = np.stack([views.cut(image, box_px, stage.frame_px) for image, box_px in pairs])
    return frames[:, :, ::-1] if crop.mirrored else frames


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


def _kept_near(boxes_px, given_px):
    """Squares that stay at the people whose boxes were given, in place and in size."""
    side_px = np.clip(boxes_px[:, 2:], *(limit * given_px[:, 2:] for limit in SIDE_LIMITS))
    centre_px = boxes_px[:, :2] + boxes_px[:, 2:] / 2
    moved_px = MOVE_LIMIT * given_px[:, 2:]
    middle_px = given_px[:, :2] + given_px[:, 2:] / 2
    centre_px = np.clip(centre_px, middle_px - moved_px, middle_px + moved_px)
    return np.concatenate([centre_px - side_px / 2, side_px], axis=1)


def _person_alone(pair):
    """The part of a picture that a box and a little more around it cover, and its corner, (x, y).

    What lies beside a person is not shown: a tall box would become a square with neighbours in it.
    """
    image, box_px = pair
    margin_px = BOX_MARGIN * box_px[2:].max()
    size_px = image.shape[1::-1]
    low = np.clip(np.floor(box_px[:2] - margin_px), 0, np.array(size_px) - 1).astype(int)
    high = np.clip(np.ceil(box_px[:2] + box_px[2:] + margin_px), low + 1, size_px).astype(int)
    return image[low[1] : high[1], low[0] : high[0]], low


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
