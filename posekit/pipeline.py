"""tf.data: photographs to frames, frames to batches.

Every photograph is decoded and shown in a square frame once, in parallel; the uint8 frames are
kept on disk under the content's fingerprint, so that later notebooks and seeds start at once.
Batches are then drawn from the frames: order, flips and augmentation are functions of (seed,
epoch, step), so a resumed run sees the batches that the undisturbed run would have seen.
"""

import hashlib
import os
import re
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial

import cv2
import numpy as np
import tensorflow as tf

from posekit import augment, caches, views
from posekit.augmentation import AUGMENTATIONS, Augmentation, mirrored_matrices
from posekit.datasets import image_files, packed
from posekit.errors import PosekitError, check_choice, raise_problems
from posekit.files import CACHE_DIR
from posekit.models.names import FLIPS
from posekit.skeleton import MIRROR

MEMORY_LIMIT_BYTES = 1 << 30

# So many frames are one task for a thread, which is then seldom asked what to do next; and so many
# tasks are under way or wait to be written: all cores are busy, and memory stays small.
FRAMES_PER_TASK = 16
TASKS_AHEAD = 8

# Part of every cache's name: raise it when a change of code changes what frames look like.
FRAMES_VERSION = 2


@dataclass(frozen=True, eq=False)
class Frames:
    """Decoded images of one data set, each shown in a square.

    Attributes:
        images: uint8 (N, S, S, 3), in memory or mapped from the cache file.
        placement: "memory" or "file", where `images` are.
        megabytes: float, their size.
    """

    images: np.ndarray
    placement: str
    megabytes: float

    def rows(self, indices):
        """The chosen frames, (M, S, S, 3): an array where frames are in memory, else FileRows."""
        if self.placement == "memory":
            return self.images[indices]
        return FileRows(self.images, indices)


@dataclass(frozen=True, eq=False)
class FileRows:
    """Chosen frames of a file; only what is indexed is read.

    Attributes:
        images: uint8 (N, S, S, 3), mapped.
        indices: int (M,), the chosen rows.
    """

    images: np.memmap
    indices: np.ndarray

    @property
    def shape(self):
        """(M, S, S, 3)."""
        return (len(self.indices), *self.images.shape[1:])

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, chosen):
        rows = np.asarray(self.indices[chosen])
        frames = np.empty((*rows.shape, *self.images.shape[1:]), np.uint8)
        for frame, row in zip(
            frames.reshape(-1, *self.images.shape[1:]), rows.ravel().tolist(), strict=True
        ):
            self._read(row, frame)
        return frames

    def each(self, chosen):
        """The chosen frames one after the other, each in the place of the one before."""
        frame = np.empty(self.images.shape[1:], np.uint8)
        for row in self.indices[chosen].tolist():
            self._read(row, frame)
            yield frame

    def _read(self, row, frame):
        # Frames are read, not taken from the map: what a process has touched of a map counts as
        # its memory, and an epoch touches all.
        start = self.images.offset + row % self.images.shape[0] * frame.nbytes
        size = os.preadv(self._file.fileno(), [frame], start)
        if size != frame.nbytes:
            raise PosekitError(
                f"{self.images.filename}: frame {row} must have {frame.nbytes} bytes; got {size}. "
                "The file was cut short after it was opened. Run it again, and it is made anew."
            )

    @cached_property
    def _file(self):
        return open(self.images.filename, "rb")


def load_frames(
    dataset,
    *,
    frame_px,
    boxes_px=None,
    cache_dir=CACHE_DIR,
    memory_limit_bytes=MEMORY_LIMIT_BYTES,
):
    """The data set's frames, decoded now or read from the cache.

    Args:
        dataset: PoseDataset of N images.
        frame_px: int, side of the frame, pixels.
        boxes_px: float (N, 4), the box that each frame shows, see `views`; None for the whole
            picture with both axes scaled to the frame, whatever its aspect.
        cache_dir: folder of the cache file, made where missing.
        memory_limit_bytes: int; larger sets stay in the file and are mapped.

    Returns:
        Frames, in the data set's order. Packed data have them with them.

    Raises:
        PosekitError: images that do not decode, each named; or the cache is not writable or has
            no room.
    """
    pack = packed.of(dataset) if boxes_px is None else None
    if pack is not None:
        images = pack.frames(frame_px=frame_px, version=FRAMES_VERSION)
        if images is not None:
            return _placed(images, memory_limit_bytes)
    shapes_them = f"{FRAMES_VERSION} {dataset.fingerprint()} {frame_px}"
    if boxes_px is not None:
        digest = hashlib.sha256(np.ascontiguousarray(boxes_px, dtype=np.float64).tobytes())
        shapes_them += f" {digest.hexdigest()}"
    key = hashlib.sha256(shapes_them.encode()).hexdigest()[:16]
    path = cache_dir / f"frames-{frame_px}px-{key}.npy"
    shape = (len(dataset), frame_px, frame_px, 3)
    caches.ensure(
        path,
        lambda temporary: _write_frames(temporary, shape, dataset, boxes_px),
        holds=lambda old: np.load(old, mmap_mode="r", allow_pickle=False).shape == shape,
    )
    return _placed(np.load(path, mmap_mode="r", allow_pickle=False), memory_limit_bytes)


def _placed(images, memory_limit_bytes):
    """Frames of a mapped file: read whole where they fit into the limit."""
    in_memory = images.nbytes <= memory_limit_bytes
    return Frames(
        np.load(images.filename, allow_pickle=False) if in_memory else images,
        "memory" if in_memory else "file",
        images.nbytes / 1e6,
    )


def _write_frames(path, shape, dataset, boxes_px):
    """Decode all images into an .npy file, some frames at a time.

    Frames are written, not mapped: a full disk is then an error, not the end of the process.
    """
    count, frame_px = shape[:2]
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    problems = []

    def show(index):
        encoded = dataset.read_image(str(dataset.image_ids[index]))
        if boxes_px is None:
            return decode_frame(encoded, frame_px)
        return views.cut(decode(encoded).numpy(), boxes_px[index], frame_px)

    def show_or_note(index):
        try:
            return show(index)
        except (tf.errors.InvalidArgumentError, PosekitError) as error:
            problems.append(
                f"image {dataset.image_ids[index]} {_fault(error)}. Repair or remove it, or "
                'drop it with bad_images="skip" (--skip-bad-images).'
            )
            return np.zeros(shape[1:], np.uint8)

    def show_some(start):
        return np.stack([show_or_note(index) for index in range(count)[start:][:FRAMES_PER_TASK]])

    with ThreadPoolExecutor(_cores()) as pool, path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        tasks = deque()
        for start in range(0, count, FRAMES_PER_TASK):
            tasks.append(pool.submit(show_some, start))
            if len(tasks) > TASKS_AHEAD:
                file.write(tasks.popleft().result())
        file.writelines(task.result() for task in tasks)
    raise_problems(dataset.name, sorted(problems))


def decode_frame(encoded, frame_px):
    """Decode one image and squash it to the frame.

    A JPEG is decoded no larger than the frame needs, which costs less: its blocks give smaller
    pictures, about as if neighbouring pixels were averaged.

    Args:
        encoded: bytes of a JPEG or PNG, see `decode`.
        frame_px: int, the frame's side, pixels.

    Returns:
        uint8 (frame_px, frame_px, 3), RGB.

    Raises:
        tf.errors.InvalidArgumentError, PosekitError: as `decode` does.
    """
    # From half as much again, averaging leaves 1.9 grey levels of difference to a picture decoded
    # in full (LSPet at 96 px); from the frame's own size it would be 3.7.
    image = image_files.decode_small(encoded, frame_px * 3 // 2)
    return squash(decode(encoded).numpy() if image is None else image, frame_px)


def decode(encoded):
    """Decode one image.

    Args:
        encoded: bytes of a JPEG or PNG; its EXIF orientation is not applied, since the labels
            are in the stored picture's frame.

    Returns:
        uint8 tensor (H, W, 3), RGB.

    Raises:
        tf.errors.InvalidArgumentError: no image that can be decoded in full.
        PosekitError: a JPEG of so many scans that decoding would take minutes.
    """
    image_files.check_scans(encoded)
    return tf.io.decode_image(encoded, channels=3, expand_animations=False)


def squash(image, frame_px):
    """Scale both axes of a picture to the frame's side, whatever its aspect.

    Args:
        image: uint8 (H, W, 3).
        frame_px: int, the frame's side, pixels.

    Returns:
        uint8 (frame_px, frame_px, 3). Shrinking averages, so small limbs fade rather than
        flicker; enlarging is bilinear.
    """
    height, width = image.shape[:2]
    shrunk = min(width, frame_px), min(height, frame_px)
    image = cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA)
    return cv2.resize(image, (frame_px, frame_px), interpolation=cv2.INTER_LINEAR)


WARPS = ("float", "whole")


@dataclass(frozen=True)
class Crop:
    """How frames become a network's input: which share of them it sees, varied how.

    Attributes:
        frame_px: int, side of the network's input, pixels.
        canvas_px: int, side of the frames that it is cut from, pixels, >= frame_px.
        share: float in (0, 1], side of the box as a share of the canvas' side.
        augmentation: augmentation.Augmentation of training crops.
        warp: str, one of WARPS, how training crops are computed: "float" by TensorFlow in
            float32; "whole" by OpenCV, several times as fast, in whole grey levels and from
            places rounded to a thirty-second of a pixel: it is another training by a little.
    """

    frame_px: int
    canvas_px: int
    share: float
    augmentation_module: Augmentation
    warp: str = "float"

    def __post_init__(self):
        check_choice("Crop()", "warp", self.warp, WARPS)

    def draw(self, rng, count, *, varied):
        """Parameters of `count` crops; `varied` False gives the box itself, unvaried."""
        chosen = self.augmentation if varied else AUGMENTATIONS["none"]
        return chosen.draw(
            rng,
            count,
            canvas_px=self.canvas_px,
            box_px=self.share * self.canvas_px,
            frame_px=self.frame_px,
        )


def training_batches(
    images,
    targets,
    *,
    batch_size,
    seed,
    epochs,
    first_epoch=0,
    flip="random",
    crop=None,
    mirror=MIRROR,
):
    """Shuffled, varied batches of the epochs `first_epoch` to `epochs - 1`, one stream.

    Args:
        images: uint8 (N, S, S, 3), an array or FileRows.
        targets: float32 (N, K, 3), x, y in frame pixels and weight.
        batch_size: int > 0. A last, smaller batch of an epoch is left to the next shuffle.
        seed: int; all draws depend on (seed, epoch, step) alone.
        epochs: int, where training ends.
        first_epoch: int, where a resumed training goes on.
        flip: "none"; "random", each image with probability one half anew in every epoch; or
            "double", an epoch holds each image twice, as it is and mirrored (the poster).
        crop: Crop, or None to show the frames as they are.
        mirror: K integers, which joint each one becomes (`Skeleton.mirror`).

    Returns:
        (dataset of (images (B, P, P, 3), float32 (B, K, 3)), steps in each epoch); the images are
        uint8 frames, or crops of side P: float32, or uint8 where the crop is warped in whole grey
        levels and nothing else is varied.
    """
    check_choice("training_batches()", "flip", flip, FLIPS)
    image_count = len(images)
    example_count = _example_count(image_count, flip)
    steps = steps_per_epoch(image_count, batch_size=batch_size, flip=flip)

    def epoch_of(epoch):
        # The order is drawn over indices, before any picture is touched.
        order = tf.random.experimental.stateless_shuffle(
            tf.range(example_count, dtype=tf.int64), seed=tf.stack([seed, 2 * epoch])
        )
        if flip == "double":
            flips = order >= image_count
        elif flip == "random":
            draws = tf.random.stateless_uniform(
                [example_count], seed=tf.stack([seed, 2 * epoch + 1])
            )
            flips = draws < 0.5
        else:
            flips = tf.zeros([example_count], tf.bool)
        examples = tf.data.Dataset.from_tensor_slices((order % image_count, flips))
        batches = examples.batch(batch_size, drop_remainder=True).enumerate()
        return batches.map(lambda step, batch: (tf.stack([seed, epoch, step]), *batch))

    if crop is None:
        varied = _mirrored(images, targets, mirror)
    elif crop.warp == "whole":
        varied = _crops_in_whole_levels(crop, images, targets, batch_size, mirror)
    else:
        varied = _crops(crop, images, targets, batch_size, mirror)
    batches = (
        tf.data.Dataset.range(first_epoch, epochs)
        .flat_map(epoch_of)
        .map(varied, num_parallel_calls=_cores(), deterministic=True)
        .prefetch(2)
        .with_options(_options())
    )
    return batches, steps


# Each of the three below returns a function of TensorFlow's graph: a batch's key of three integers,
# its indices and which of it to mirror -> (images, targets). Uint8 batches are one call of Python,
# since each call costs as much as several pictures.


def _mirrored(images, targets, joint_mirror):
    """Frames as they are or mirrored, uint8."""

    def fetch(indices, flips):
        frames = images[indices]
        for index in np.flatnonzero(flips):
            cv2.flip(frames[index], 1, frames[index])
        return frames

    def varied(_, indices, flips):
        frames = tf.numpy_function(fetch, [indices, flips], tf.uint8)
        frames.set_shape((indices.shape[0], *images.shape[1:]))
        # The targets' mirror wants the width alone, which one row of each image has too.
        chosen = tf.gather(targets, indices)
        return frames, augment.flip_left_right(frames[:, :1], chosen, flips, mirror=joint_mirror)[1]

    return varied


def _crops(crop, images, targets, count, joint_mirror):
    """Crops by TensorFlow, float32."""
    fetch = _fetcher(images, targets)

    def varied(key, indices, flips):
        batch_images, batch_targets = fetch(indices)
        drawn = _in_graph(lambda seeds: _draw(crop, seeds, count), [key], _draw(crop, [0], count))
        batch_images, batch_targets = augment.affine(
            tf.cast(batch_images, tf.float32),
            batch_targets,
            drawn["matrices"],
            crop.frame_px,
            resample=_resampled,
        )
        batch_images = _in_other_light(crop, drawn, batch_images)
        return augment.flip_left_right(batch_images, batch_targets, flips, mirror=joint_mirror)

    return varied


def _crops_in_whole_levels(crop, images, targets, count, joint_mirror):
    """Crops by OpenCV, uint8 where nothing but their place is varied: no other pass is needed."""
    side = crop.frame_px
    # One at a time: to copy them together first would cost a sixth of the whole.
    each = images.each if isinstance(images, FileRows) else partial(map, images.__getitem__)

    def cut(seeds, indices, flips):
        drawn = _draw(crop, seeds, count)
        matrices = mirrored_matrices(drawn["matrices"], flips, side)
        frames = np.empty((count, side, side, 3), np.uint8)
        for canvas, matrix, frame in zip(
            each(indices), matrices.astype(float), frames, strict=True
        ):
            cv2.warpAffine(
                canvas,
                matrix,
                (side, side),
                dst=frame,
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=(views.FILL,) * 3,
            )
        return {**drawn, "matrices": matrices, "frames": frames}

    example = {**_draw(crop, [0], count), "frames": np.empty((count, side, side, 3), np.uint8)}

    def varied(key, indices, flips):
        drawn = _in_graph(cut, [key, indices, flips], example)
        moved = augment.moved(tf.gather(targets, indices), drawn["matrices"], side)
        moved = augment.exchanged(moved, flips, joint_mirror)
        return _in_other_light(crop, drawn, drawn["frames"]), moved

    return varied


def _draw(crop, seeds, count):
    rng = np.random.default_rng(np.asarray(seeds).tolist())
    return crop.draw(rng, count, varied=True)


def _in_graph(function, inputs, example):
    """A function of NumPy as a node of tf.data's graph.

    Args:
        function: takes arrays, one for each input; returns a dict like `example`.
        inputs: list of tensors.
        example: dict of arrays, the shapes and dtypes that come out.

    Returns:
        dict of tensors.
    """
    values = tf.numpy_function(
        lambda *arrays: list(map(function(*arrays).__getitem__, example)),
        inputs,
        [value.dtype for value in example.values()],
    )
    for value, alike in zip(values, example.values(), strict=True):
        value.set_shape(alike.shape)
    return dict(zip(example, values, strict=True))


def _in_other_light(crop, drawn, images):
    varied = crop.augmentation
    if varied.light or varied.blur or varied.erase:
        images = tf.cast(images, tf.float32)
    if varied.light:
        images = augment.colour(
            images, drawn["gain"], drawn["contrast"], drawn["saturation"], drawn["brightness"]
        )
    if varied.blur:
        images = augment.blur(images, drawn["blur"])
    if varied.erase:
        images = augment.erase(images, drawn["rectangles_px"])
    return images


def _resampled(images, transforms, frame_px):
    """`augment.resampled`, bit for bit, without computing what lies beyond the frame."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=[frame_px, frame_px],
        fill_value=float(views.FILL),
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def cropped_targets(targets, crop):
    """Targets on the canvases as the unvaried crops show them.

    Args:
        targets: float32 (N, K, 3), x, y on the canvas and weight.
        crop: Crop.

    Returns:
        float64 (N, K, 3), x, y in the crop's frame; a joint outside it has weight 0.
    """
    matrix = crop.draw(np.random.default_rng(0), 1, varied=False)["matrices"][0]
    moved = (targets[..., :2] - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2].astype(float)).T
    inside = ((moved >= -0.5) & (moved <= crop.frame_px - 0.5)).all(axis=-1)
    weight = np.where(inside, targets[..., 2], 0)
    return np.concatenate([moved, weight[..., None]], axis=-1)


def uncropped(keypoints_px, crop):
    """From the frame of an unvaried crop back to the canvas; what `cropped_targets` does, undone.

    Args:
        keypoints_px: float (..., K, 2), (x, y) in the crop's frame.
        crop: Crop.

    Returns:
        float64 (..., K, 2), (x, y) on the canvas.
    """
    matrix = crop.draw(np.random.default_rng(0), 1, varied=False)["matrices"][0].astype(float)
    return keypoints_px @ matrix[:, :2].T + matrix[:, 2]


def steps_per_epoch(image_count, *, batch_size, flip):
    """How many whole batches an epoch of `training_batches` has.

    Args:
        image_count: int, training images.
        batch_size: int > 0.
        flip: str, one of FLIPS.

    Returns:
        int > 0.

    Raises:
        PosekitError: not even one batch is full.
    """
    example_count = _example_count(image_count, flip)
    if example_count < batch_size:
        raise PosekitError(
            f"training_batches(): `batch_size` must be at most the {example_count} training "
            f"examples; got {batch_size}. Take a smaller batch or more data."
        )
    return example_count // batch_size


def _example_count(image_count, flip):
    return 2 * image_count if flip == "double" else image_count


def evaluation_batches(images, targets=None, *, batch_size, crop=None):
    """Every example once, in order, unvaried; the last batch may be smaller.

    Args:
        images: uint8 (N, S, S, 3), an array or FileRows.
        targets: float32 (N, K, 3), or None for images alone.
        batch_size: int > 0.
        crop: Crop, or None to show the frames as they are; needs targets.

    Returns:
        dataset of (images, targets) or of images.
    """
    fetch = _fetcher(images, targets)

    def shown(indices):
        if crop is None:
            return fetch(indices)
        batch_images, batch_targets = fetch(indices)
        one = crop.draw(np.random.default_rng(0), 1, varied=False)["matrices"]
        matrices = tf.repeat(one, tf.shape(indices)[0], axis=0)
        return augment.affine(
            tf.cast(batch_images, tf.float32),
            batch_targets,
            matrices,
            crop.frame_px,
            resample=_resampled,
        )

    return (
        tf.data.Dataset.range(len(images))
        .batch(batch_size)
        .map(shown, num_parallel_calls=_cores(), deterministic=True)
        .prefetch(2)
        .with_options(_options())
    )


def _fetcher(images, targets):
    """index batch -> its images (and targets), read from the array or the mapped file."""

    def fetch(indices):
        batch = tf.numpy_function(lambda chosen: images[chosen], [indices], tf.uint8)
        batch.set_shape((None, *images.shape[1:]))
        if targets is None:
            return batch
        chosen_targets = tf.gather(targets, indices)
        return batch, chosen_targets

    return fetch


def _options():
    options = tf.data.Options()
    # tf.data's tuner sleeps 10, 20, 40, ... ms between its rounds. On Linux 6.18 its wake-up call
    # was seen to get lost when an iterator is destroyed, which then waits out that sleep: up to
    # as long again as the iterator has lived. The pipelines here need no tuning.
    options.autotune.enabled = False
    options.deterministic = True
    return options


def _cores():
    return os.cpu_count() or 1


def _fault(error):
    """What is wrong with an image, to follow its name."""
    if isinstance(error, PosekitError) and str(error).startswith("must "):
        return str(error)
    return f"must be a whole JPEG or PNG; got {_finding(error)}"


def _finding(error):
    first_line = str(error).split("\n")[0]
    # TensorFlow frames its messages with the names of graph node and operation.
    return re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", first_line).strip(" .") or type(error).__name__
