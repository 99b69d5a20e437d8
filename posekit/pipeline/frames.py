"""Frames: every photograph decoded once, in parallel, and kept on disk by its content."""

import hashlib
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from posekit import files
from posekit.datasets import image_files, packed
from posekit.errors import PosekitError, raise_problems
from posekit.pipeline import caches, views

MEMORY_LIMIT_BYTES = 1 << 30

# Frames of one task for a thread, enough to keep overhead small, and tasks that run or wait to be
# written, enough to keep all cores busy in little memory.
FRAMES_PER_TASK = 16
TASKS_AHEAD = 8

# Part of every cache's name: raise it when a change of code changes what frames look like.
FRAMES_VERSION = 3


@dataclass(frozen=True, eq=False)
class Frames:
    """Decoded images of one data set, uint8 (N, S, S, 3), in memory or mapped from a file."""

    images: np.ndarray

    @property
    def placement(self):
        """Where the images are, "memory" or "file"."""
        return "file" if isinstance(self.images, np.memmap) else "memory"

    @property
    def megabytes(self):
        return self.images.nbytes / 1e6

    def rows(self, indices):
        """The chosen frames, (M, S, S, 3): an array where frames are in memory, else FileRows."""
        if self.placement == "memory":
            return self.images[indices]
        return FileRows(self.images, indices)


@dataclass(frozen=True, eq=False)
class FileRows:
    """Rows `indices`, int (M,), of `images`, uint8 (N, S, S, 3), mapped; read when indexed."""

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
        """The chosen frames one after the other, all in one array that is overwritten."""
        frame = np.empty(self.images.shape[1:], np.uint8)
        for row in self.indices[chosen].tolist():
            self._read(row, frame)
            yield frame

    def _read(self, row, frame):
        # Frames are read, not taken from the map: pages of a map count towards the process's memory
        # once touched, and an epoch touches them all.
        start = self.images.offset + row % self.images.shape[0] * frame.nbytes
        size = os.preadv(self._file.fileno(), [frame], start)
        if size != frame.nbytes:
            raise PosekitError(
                f"{self.images.filename}: frame {row} must have {frame.nbytes} bytes; got {size}. "
                "The file was cut short after it was opened. Run again to make it again."
            )

    @cached_property
    def _file(self):
        return open(self.images.filename, "rb")


def load_frames(
    dataset,
    *,
    frame_px,
    boxes_px=None,
    cache_dir=None,
    memory_limit_bytes=MEMORY_LIMIT_BYTES,
):
    """The data set's frames, in its order, decoded now or read from the cache.

    Args:
        dataset: PoseDataset of N images; frames of packed data come from the pack.
        frame_px: int, side of the frame, pixels.
        boxes_px: float (N, 4), the box that each frame shows, see `views`; None for the whole
            picture with both axes scaled to the frame, whatever its aspect.
        cache_dir: folder of the cache file, made where missing; None for `files.cache_dir`.
        memory_limit_bytes: int; larger sets stay in the file and are mapped.

    Raises:
        PosekitError: images that do not decode, each named; or the cache is not writable or has
            no room.
    """
    pack = packed.pack_of(dataset) if boxes_px is None else None
    if pack is not None:
        images = pack.frames(frame_px=frame_px, version=FRAMES_VERSION)
        if images is not None:
            return _placed(images, memory_limit_bytes)
    key_parts = f"{FRAMES_VERSION} {dataset.fingerprint()} {frame_px}"
    if boxes_px is not None:
        digest = hashlib.sha256(np.ascontiguousarray(boxes_px, dtype=np.float64).tobytes())
        key_parts += f" {digest.hexdigest()}"
    key = hashlib.sha256(key_parts.encode()).hexdigest()[:16]
    path = (cache_dir or files.cache_dir()) / f"frames-{frame_px}px-{key}.npy"
    shape = (len(dataset), frame_px, frame_px, 3)
    caches.ensure(
        path,
        lambda temporary: _write_frames(temporary, shape, dataset, boxes_px),
        holds=lambda old: np.load(old, mmap_mode="r", allow_pickle=False).shape == shape,
    )
    return _placed(np.load(path, mmap_mode="r", allow_pickle=False), memory_limit_bytes)


def _placed(images, memory_limit_bytes):
    """Frames of a mapped file: read whole where they fit into the limit."""
    fits = images.nbytes <= memory_limit_bytes
    return Frames(np.load(images.filename, allow_pickle=False) if fits else images)


def _write_frames(path, shape, dataset, boxes_px):
    """Decode all images into an .npy file, some frames at a time.

    Frames are written, not mapped: a full disk is then an error and does not end the process.
    """
    count, frame_px = shape[:2]
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    problems = []

    def show(index):
        try:
            encoded = dataset.read_image(str(dataset.image_ids[index]))
            if boxes_px is None:
                return image_files.squashed(encoded, frame_px)
            return views.cut(image_files.decode(encoded), boxes_px[index], frame_px)
        except PosekitError as error:
            problems.append(
                f"image {dataset.image_ids[index]} {error}. Repair or remove it, or "
                'drop it with bad_images="skip" (--skip-bad-images).'
            )
            return np.zeros(shape[1:], np.uint8)

    def show_some(start):
        return np.stack([show(index) for index in range(count)[start:][:FRAMES_PER_TASK]])

    with ThreadPoolExecutor(cores()) as pool, path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        tasks = deque()
        for start in range(0, count, FRAMES_PER_TASK):
            tasks.append(pool.submit(show_some, start))
            if len(tasks) > TASKS_AHEAD:
                file.write(tasks.popleft().result())
        file.writelines(task.result() for task in tasks)
    raise_problems(dataset.name, sorted(problems))


def fetcher(images, targets):
    """Function of a batch of indices: its images (and targets), as tensors."""

    def fetch(indices):
        batch = tf.numpy_function(lambda chosen: images[chosen], [indices], tf.uint8)
        batch.set_shape((None, *images.shape[1:]))
        return batch if targets is None else (batch, tf.gather(targets, indices))

    return fetch


def cores():
    return os.cpu_count() or 1
