"""Frames: every photograph decoded once, in parallel, and kept on disk by its content."""

import hashlib
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from posekit import files
from posekit.datasets import image_files, packed
from posekit.errors import PosekitError, raise_problems
from posekit.pipeline import caches, views

MEMORY_LIMIT_BYTES = 1 << 30

# Enough to keep all cores busy, in little memory.
FRAMES_AT_ONCE = 256

# Part of every cache's name: raise it when a change of code changes what frames look like.
FRAMES_VERSION = 3


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
        rows = self.indices[chosen]
        if np.ndim(rows) == 0:
            return self._read(int(rows))
        frames = np.array([self._read(row) for row in rows.tolist()], np.uint8)
        return frames.reshape(-1, *self.images.shape[1:])

    def _read(self, row):
        # Frames are read, not taken from the map: pages of a map count towards the process's memory
        # once touched, and an epoch touches them all.
        count, *shape = self.images.shape
        size = math.prod(shape)
        content = os.pread(self._file.fileno(), size, self.images.offset + row % count * size)
        if len(content) != size:
            raise PosekitError(
                f"{self.images.filename}: frame {row} must have {size} bytes; got {len(content)}. "
                "The file was cut short after it was opened. Run again to make it again."
            )
        return np.frombuffer(content, np.uint8).reshape(shape)

    @cached_property
    def _file(self):
        return open(self.images.filename, "rb")


def rows_of(images, indices):
    """The chosen frames, (M, S, S, 3): an array where `images` are in memory, else FileRows."""
    return FileRows(images, indices) if isinstance(images, np.memmap) else images[indices]


def load_frames(
    dataset,
    *,
    frame_px,
    boxes_px=None,
    cache_dir=None,
    memory_limit_bytes=MEMORY_LIMIT_BYTES,
):
    """The data set's frames, uint8 (N, S, S, 3), in its order: decoded now, or from the cache.

    Args:
        dataset: PoseDataset of N images; frames of packed data come from the pack.
        frame_px: int, side of the frame, pixels.
        boxes_px: float (N, 4), the box that each frame shows, see `views`; None for the whole
            picture with both axes scaled to the frame, whatever its aspect.
        cache_dir: folder of the cache file, made where missing; None for `files.cache_dir`.
        memory_limit_bytes: int; larger sets stay in the file and are mapped.

    PosekitError: images that do not decode, each named; or a cache that cannot be written.
    """
    pack = packed.pack_of(dataset) if boxes_px is None else None
    images = None if pack is None else pack.frames(frame_px=frame_px, version=FRAMES_VERSION)
    if images is None:
        key_parts = f"{FRAMES_VERSION} {dataset.fingerprint()} {frame_px}"
        if boxes_px is not None:
            digest = hashlib.sha256(np.ascontiguousarray(boxes_px, dtype=np.float64).tobytes())
            key_parts += f" {digest.hexdigest()}"
        key = hashlib.sha256(key_parts.encode()).hexdigest()[:16]
        path = (cache_dir or files.cache_dir()) / f"frames-{frame_px}px-{key}.npy"
        caches.ensure(path, lambda temporary: _write_frames(temporary, frame_px, dataset, boxes_px))
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    fits = images.nbytes <= memory_limit_bytes
    return np.load(images.filename, allow_pickle=False) if fits else images


def _write_frames(path, frame_px, dataset, boxes_px):
    """Decode all images into an .npy file, some frames at a time.

    Frames are written, not mapped: a full disk is then an error and does not end the process.
    """
    shape = (len(dataset), frame_px, frame_px, 3)
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

    with ThreadPoolExecutor(cores()) as pool, path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(dataset), FRAMES_AT_ONCE):
            file.writelines(pool.map(show, range(len(dataset))[start:][:FRAMES_AT_ONCE]))
    raise_problems(dataset.name, sorted(problems))


def cores():
    return os.cpu_count() or 1
