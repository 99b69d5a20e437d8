"""A data set packed into a few files: pictures, decoded frames, labels and groups.

    packed.json       what it is, with the size and SHA-256 of each other file
    labels.npz        ids, joints, sizes, groups of near-duplicates, and where each picture begins
    pictures.bin      the pictures' files as they came, one after the other
    frames-96px.npy   uint8 (N, 96, 96, 3), the frames that networks are trained on

A packed set equals the set it was made from: the same labels, pictures, frames, split and
fingerprint, so a training on either is the same training.
"""

import os
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from posekit import files, joint_sets
from posekit.datasets.pose_dataset import ARRAYS, PoseDataset
from posekit.errors import PosekitError
from posekit.skeleton import LSP

MANIFEST, LABELS, PICTURES = "packed.json", "labels.npz", "pictures.bin"
FORMAT = "posekit packed data, version 1"
LABELS_LIMIT_BYTES = 4 << 30
ADVICE = "Pack the data again: posekit data pack."


@dataclass(frozen=True, eq=False)
class Pack:
    """An open packed data set; called with an image id, it reads that picture."""

    folder: Path
    manifest: dict  # packed.json
    image_ids: np.ndarray  # str (N,), in the order of all arrays
    groups: np.ndarray  # int (N,), images with one number show nearly the same picture
    starts: np.ndarray  # int (N + 1,), where each picture begins in pictures.bin, bytes
    checksums: np.ndarray  # uint32 (N,), CRC-32 of each picture's file

    def __call__(self, image_id):
        index = self._index_of[image_id]
        start, end = self.starts[index : index + 2].tolist()
        # Several threads read at once: no position is shared.
        encoded = os.pread(self._pictures.fileno(), end - start, start)
        if zlib.crc32(encoded) != self.checksums[index]:
            raise PosekitError(
                f"{self.folder}: image {image_id} must be as it was packed; got other bytes. "
                f"{ADVICE}"
            )
        return encoded

    def frames(self, *, frame_px, version):
        """The stored frames of this side and `FRAMES_VERSION`, uint8 (N, S, S, 3), mapped, or None.

        PosekitError where the file is not as it was written.
        """
        if (self.manifest["frame_px"], self.manifest["frames_version"]) != (frame_px, version):
            return None
        _check_file(self.folder, self.manifest, _frames_name(frame_px))
        return np.load(self.folder / _frames_name(frame_px), mmap_mode="r", allow_pickle=False)

    @cached_property
    def _index_of(self):
        return {image_id: index for index, image_id in enumerate(self.image_ids.tolist())}

    @cached_property
    def _pictures(self):
        return (self.folder / PICTURES).open("rb")


def pack_of(dataset):
    """The Pack behind a data set that is a whole pack in its own order; None for any other."""
    pack = dataset.read_image
    is_whole = isinstance(pack, Pack) and np.array_equal(pack.image_ids, dataset.image_ids)
    return pack if is_whole else None


def is_packed(path):
    """Whether a path is the folder of a packed data set."""
    return (path / MANIFEST).is_file()


def write(folder, dataset, *, frames, frames_version, groups):
    """Pack a data set of N images and return the folder. It appears whole or not at all.

    Args:
        folder: path that does not exist yet; its parents are made.
        dataset: PoseDataset.
        frames: uint8 (N, S, S, 3), the whole pictures squashed to the frame; may be mapped.
        frames_version: int, `pipeline.FRAMES_VERSION`.
        groups: int (N,), from `near_duplicates.find_groups`.

    Raises:
        PosekitError: the folder exists or cannot be written to, or there is no room.
    """
    folder = Path(folder)
    if folder.exists():
        raise PosekitError(
            f"packed.write(): `folder` must be a new one; got {folder}, which exists. Name another."
        )
    with files.new_folder(folder) as partial:
        starts, checksums = [0], []
        with (partial / PICTURES).open("wb") as file:
            for image_id in dataset.image_ids.tolist():
                encoded = dataset.read_image(image_id)
                starts.append(starts[-1] + file.write(encoded))
                checksums.append(zlib.crc32(encoded))
        np.savez(
            partial / LABELS,
            **{name: getattr(dataset, name) for name in ARRAYS},
            **{f"extra_{name}": values for name, values in dataset.extras.items()},
            groups=np.asarray(groups),
            starts=np.array(starts, np.int64),
            checksums=np.array(checksums, np.uint32),
        )
        frame_px = frames.shape[1]
        np.save(partial / _frames_name(frame_px), frames)
        manifest = {
            "format": FORMAT,
            "name": dataset.name,
            "images": len(dataset),
            "fingerprint": dataset.fingerprint(),
            "has_fixed_test": bool(dataset.has_fixed_test),
            "skeleton": None if dataset.skeleton == LSP else joint_sets.describe(dataset.skeleton),
            "frame_px": frame_px,
            "frames_version": frames_version,
            "files": {
                path.name: {"bytes": path.stat().st_size, "sha256": files.digest(path)}
                for path in partial.iterdir()
            },
        }
        files.write_json(partial / MANIFEST, manifest)
    return folder


def read(folder):
    """The PoseDataset in a folder that `write` made; its `read_image` is a Pack.

    Labels are checked against their checksum, and each picture when it is read. PosekitError where
    a file is missing or not as it was written.
    """
    folder = Path(folder)
    manifest = files.read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise PosekitError(
            f"{folder / MANIFEST}: must have the `format` {FORMAT!r}; got {manifest!r:.200}. "
            f"{ADVICE}"
        )
    try:
        return _opened(folder, manifest)
    except (AttributeError, KeyError, TypeError) as error:
        raise PosekitError(
            f"{folder}: must be as it was packed; got {type(error).__name__}: {error}. {ADVICE}"
        ) from error


def _opened(folder, manifest):
    _check_file(folder, manifest, LABELS)
    _check_file(folder, manifest, PICTURES, whole=False)
    stored = files.read_npz(folder / LABELS, limit_bytes=LABELS_LIMIT_BYTES)
    dataset = PoseDataset(
        name=manifest["name"],
        **{name: stored[name] for name in ARRAYS},
        has_fixed_test=manifest["has_fixed_test"],
        read_image=Pack(
            folder=folder,
            manifest=manifest,
            **{name: stored[name] for name in ("image_ids", "groups", "starts", "checksums")},
        ),
        extras={
            name.removeprefix("extra_"): values
            for name, values in stored.items()
            if name.startswith("extra_")
        },
        skeleton=joint_sets.from_metadata(str(folder / MANIFEST), manifest["skeleton"]),
    )
    return dataset.with_fingerprint(manifest["fingerprint"])


def _frames_name(frame_px):
    return f"frames-{frame_px}px.npy"


def _check_file(folder, manifest, name, *, whole=True):
    """Raise unless a file has the size and, where `whole`, the digest that the manifest gives."""
    path, expected = folder / name, manifest["files"][name]
    size = path.stat().st_size if path.is_file() else None
    if size is None or size != expected["bytes"]:
        found = "nothing there" if size is None else f"{size:,} bytes"
    elif whole and files.digest(path) != expected["sha256"]:
        found = "other bytes"
    else:
        return
    raise PosekitError(f"{path}: must be as it was packed; got {found}. {ADVICE}")
