"""From a photograph to a pose: one network after the other, as a manifest lists them.

The first stage sees the whole picture; each later one sees a square around the pose found so
far. A folder with a manifest is an estimator, and so is any single network that was trained here.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from posekit import (
    decoding,
    files,
    geometry,
    heads,
    inference,
    joint_sets,
    manifests,
    models,
    pipeline,
    views,
)
from posekit.errors import PosekitError, check_choice, raise_problems
from posekit.files import PROJECT_ROOT
from posekit.geometry import keypoints_out_of_boxes
from posekit.manifests import MANIFEST
from posekit.skeleton import JOINT_COUNT, LSP, Skeleton

SHIPPED = PROJECT_ROOT / "models"
CONFIG = "config.json"

BATCH_SIZE = 32


@dataclass(frozen=True, eq=False)
class Stage:
    """One network and what it looks at.

    Attributes:
        network: keras.Model, or what inference made of it where it is read to predict.
        head: str, one of heads.HEADS.
        view: str, one of views.VIEWS.
        looks: tuple of tuples of views.Glimpse. The answers to a look's glimpses are averaged,
            and each look at a person goes around the pose of the one before; the time goes with
            the number of glimpses.
        hill: bool, whether a joint is placed at its map's strongest hill, not at the map's mean.
    """

    network: object
    head: str
    view: str
    looks: tuple = views.LOOK_ONCE
    hill: bool = True

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
        raw: float64 (N, K) in [0, 1], how sure the last network was; NaN without a map.
        boxes_px: float64 (N, 4), the box of the last look, of which glimpses show more or less,
            pixels.
    """

    keypoints_px: np.ndarray
    confidences: np.ndarray
    raw: np.ndarray
    boxes_px: np.ndarray


@dataclass(frozen=True, eq=False)
class PoseEstimator:
    """Stages in order, and how to read the last one's certainty.

    Attributes:
        name: str.
        stages: tuple of Stage.
        calibration: calibration.Calibration or None.
        skeleton: Skeleton, which joints it finds.
    """

    name: str
    stages: tuple
    calibration: object = None
    skeleton: Skeleton = LSP

    def estimate(self, images, boxes_px=None):
        """Find one person in each picture.

        Args:
            images: list of N uint8 (H, W, 3), RGB, of any sizes.
            boxes_px: float (N, 4) or None: x, y, width and height of the person, pixels. With
                boxes the first stage that sees people starts, and those before it are skipped.

        Returns:
            Poses.

        Raises:
            PosekitError: pictures of another kind or none, boxes that do not fit, boxes for an
                estimator that takes none, or no boxes for one that needs them.
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
            self._estimate_batch(stages, images[chosen], sizes_px[chosen], boxes_px, chosen)
            for chosen in _batches(len(images))
        ]
        keypoints_px, raw, looked_at_px = map(np.concatenate, zip(*poses, strict=True))
        confidences = np.full(raw.shape, np.nan)
        if self.calibration is not None:
            confidences = self.calibration.confidence(raw)
        return Poses(keypoints_px, confidences, raw, looked_at_px)

    def _estimate_batch(self, stages, images, sizes_px, boxes_px, chosen):
        looked_at_px = None if boxes_px is None else boxes_px[chosen]
        keypoints_px = raw = None
        for stage in stages:
            for look in stage.looks:
                if stage.view == "whole":
                    looked_at_px = geometry.whole_boxes(sizes_px)
                elif stage.view == "squashed":
                    looked_at_px = geometry.squashed_boxes(sizes_px)
                elif keypoints_px is not None:
                    found = np.ones(keypoints_px.shape[:2], bool)
                    looked_at_px = geometry.person_boxes(keypoints_px, found)
                keypoints_px, raw = _look(stage, look, images, looked_at_px, self.skeleton.mirror)
        return keypoints_px, raw, looked_at_px

    def estimate_dataset(self, dataset):
        """Find the person in each image of a data set, in its order.

        Args:
            dataset: PoseDataset. Where it has several people of a picture, each with a box, a
                stage that sees people looks at the boxes.

        Returns:
            Poses.

        Raises:
            PosekitError: the data set has other joints than the estimator finds.
        """
        if dataset.skeleton.joints != self.skeleton.joints:
            raise PosekitError(
                f"estimate_dataset(): the data must have the joints of {self.name}, "
                f"{', '.join(self.skeleton.joints)}; got {', '.join(dataset.skeleton.joints)}. "
                "Map the data's keypoints to these joints, or train a network on them."
            )
        boxes_px = dataset.extras.get("person_box_px")
        if not any(stage.view == "person" for stage in self.stages):
            boxes_px = None
        # A squashed network is shown the very frames that one like it was trained on.
        squashed_px = self.stages[0].frame_px if self._sees_squashed_frames_alone else None

        def shown(image_id):
            encoded = dataset.read_image(str(image_id))
            if squashed_px is not None:
                return pipeline.decode_frame(encoded, squashed_px)
            return pipeline.decode(encoded).numpy()

        parts = [
            self.estimate(
                list(map(shown, dataset.image_ids[chosen])),
                None if boxes_px is None else boxes_px[chosen],
            )
            for chosen in _batches(len(dataset))
        ]
        poses = Poses(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("keypoints_px", "confidences", "raw", "boxes_px")
            )
        )
        if squashed_px is None:
            return poses
        boxes_px = geometry.squashed_boxes(dataset.image_sizes_px)
        keypoints_px = keypoints_out_of_boxes(poses.keypoints_px, boxes_px, squashed_px)
        return replace(poses, keypoints_px=keypoints_px, boxes_px=boxes_px)

    @property
    def _sees_squashed_frames_alone(self):
        return [stage.view for stage in self.stages] == ["squashed"]


def load(model, *, compiled=True):
    """An estimator by name or path.

    Args:
        model: the name of a shipped model ("best", "from_scratch"), a folder with a manifest, the
            folder of a training, or a `.keras` file of a network that predicts coordinates from
            squashed pictures, as the poster's do. A manifest may also name exported files.
        compiled: bool, whether Keras networks are made fast for prediction.

    Returns:
        PoseEstimator.

    Raises:
        PosekitError: nothing of the kind is there, or a file is not what the manifest says.
    """
    path = path_of(model)
    if (path / MANIFEST).is_file():
        return _from_manifest(path, compiled)
    if path.is_dir() and (path / CONFIG).is_file():
        head, view, skeleton = _settings(path / CONFIG)
        network = _network(path, head, compiled, skeleton.joint_count)
        return PoseEstimator(str(model), (Stage(network, head, view),), skeleton=skeleton)
    if not path.exists() and path.suffix != ".keras":
        shipped = ", ".join(sorted(each.parent.name for each in SHIPPED.glob(f"*/{MANIFEST}")))
        raise PosekitError(
            f"estimators.load(): `model` must be the name of a shipped model ({shipped or 'none'}) "
            f"or the path of a model; got {str(model)!r}."
        )
    network = _network(path, "coordinates", compiled)
    return PoseEstimator(str(model), (Stage(network, "coordinates", "squashed"),))


def _network(path, head, compiled, joints=JOINT_COUNT):
    if path.suffix in inference.READERS:
        network = inference.read(path)
        models.check_shapes(path, network, head=head, joints=joints)
        return network
    network = models.load(path, head=head, joints=joints)
    return inference.compiled(network) if compiled else network


def training_split(model):
    """On which split a model was trained.

    Args:
        model: as for `load`; a file of a training is known by the folder that it is in.

    Returns:
        dict of `splits.Split.summary`, or None where nothing beside the model tells.
    """
    path = path_of(model)
    folder = path if path.is_dir() else path.parent
    file = folder / (MANIFEST if (folder / MANIFEST).is_file() else CONFIG)
    try:
        split = files.read_json(file)["data"]["split"]
        known = isinstance(split, dict) and {"name", "seed", "images"} <= set(split)
        return split if known else None
    except (PosekitError, KeyError, TypeError):
        return None  # another program's file says nothing about splits


def path_of(model):
    """The Path of a model, as `load` takes it; it need not exist."""
    shipped = SHIPPED / str(model)
    return shipped if (shipped / MANIFEST).is_file() else Path(model)


def _settings(path):
    """Head, view and skeleton of a training, from its config.json."""
    stored = files.read_json(path)
    config = stored.get("config") if isinstance(stored, dict) else None
    if not isinstance(config, dict):
        raise PosekitError(
            f"{path}: must hold a training's `config`; got a file without one. Name the model file "
            "itself, or the folder of a training."
        )
    # Trainings older than the other heads do not name theirs.
    head, view = config.get("head", "coordinates"), config.get("view", "squashed")
    check_choice(str(path), "head", head, tuple(heads.HEADS))
    check_choice(str(path), "view", view, tuple(views.VIEWS))
    data = stored.get("data")
    described = data.get("joint_set") if isinstance(data, dict) else None
    return head, view, joint_sets.of_model(str(path), described)


def of_runs(name, runs, *, looks=views.LOOK_ONCE):
    """An estimator from finished trainings, not calibrated.

    Args:
        name: str.
        runs: list of training.TrainingRun, one for each stage, in order.
        looks: tuple of the last stage's looks, see Stage.

    Returns:
        PoseEstimator.
    """
    # Under "l1" a map is trained for its mean alone and need not have one hill.
    stages = [
        Stage(run.best_model(), run.config.head, run.config.view, hill=run.config.loss != "l1")
        for run in runs
    ]
    stages[-1] = replace(stages[-1], looks=looks)
    return PoseEstimator(name, tuple(stages), skeleton=runs[-1].skeleton)


def compiled(estimator):
    """The same estimator with Keras networks made fast for prediction, see `inference`."""
    stages = [
        replace(stage, network=inference.compiled(stage.network)) for stage in estimator.stages
    ]
    return replace(estimator, stages=tuple(stages))


def _from_manifest(folder, compiled):
    entries, fitted = manifests.read(folder)
    skeleton = manifests.skeleton_of(folder)
    stages = []
    for entry in entries:
        manifests.check_file(entry)
        stages.append(
            Stage(
                _network(entry.path, entry.head, compiled, skeleton.joint_count),
                entry.head,
                entry.view,
                entry.looks,
            )
        )
    return PoseEstimator(folder.name, tuple(stages), fitted, skeleton)


def _look(stage, look, images, boxes_px, mirror):
    """Keypoints in the pictures, (N, K, 2), and how sure the stage was of them, (N, K)."""
    frames = np.concatenate([_frames(stage, glimpse, images, boxes_px) for glimpse in look])
    answers = np.split(stage.network.predict_on_batch(frames.astype(np.float32)), len(look))
    if stage.head == "soft_argmax" and stage.hill:
        widest = max(glimpse.scale for glimpse in look)
        maps = [
            _maps(answer, glimpse, widest, mirror)
            for answer, glimpse in zip(answers, look, strict=True)
        ]
        in_frame_px, raw = decoding.place(sum(maps) / len(maps), stage.frame_px)
        shown_px = geometry.enlarged(boxes_px, widest)
        return keypoints_out_of_boxes(in_frame_px, shown_px, stage.frame_px), raw
    found_px = [
        _places(stage, answer, glimpse, boxes_px, mirror)
        for answer, glimpse in zip(answers, look, strict=True)
    ]
    keypoints_px = sum(found_px) / len(found_px)
    return keypoints_px, np.full(keypoints_px.shape[:2], np.nan)


def _frames(stage, glimpse, images, boxes_px):
    if stage.view == "squashed" and glimpse.scale == 1:
        frames = np.stack([pipeline.squash(image, stage.frame_px) for image in images])
    else:
        shown_px = geometry.enlarged(boxes_px, glimpse.scale)
        frames = np.stack(
            [
                views.cut(image, box_px, stage.frame_px)
                for image, box_px in zip(images, shown_px, strict=True)
            ]
        )
    return frames[:, :, ::-1] if glimpse.mirrored else frames


def _maps(answer, glimpse, widest, mirror):
    """Where the joints are in a look's widest glimpse, as one of its glimpses says."""
    maps = decoding.softmax_maps(answer)
    if glimpse.mirrored:
        maps = decoding.mirror_maps(maps, mirror)
    return decoding.zoomed_out(maps, widest / glimpse.scale)


def _places(stage, answer, glimpse, boxes_px, mirror):
    """Keypoints in the pictures, (N, K, 2), of a network that answers with coordinates."""
    flat = heads.by_name(stage.head).coordinates(answer, stage.frame_px)
    in_frame_px = keras.ops.convert_to_numpy(flat).astype(float).reshape(len(boxes_px), -1, 2)
    if glimpse.mirrored:
        in_frame_px = in_frame_px[:, list(mirror)] * [-1, 1] + [stage.frame_px - 1, 0]
    shown_px = geometry.enlarged(boxes_px, glimpse.scale)
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
