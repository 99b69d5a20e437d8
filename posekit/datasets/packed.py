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
from posekit.errors import PosekitError, raise_problems
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

        Raises:
            PosekitError: the file is not as it was written.
        """
        if (self.manifest["frame_px"], self.manifest["frames_version"]) != (frame_px, version):
            return None
        path = self.folder / _frames_name(frame_px)
        _check_file(self.folder, self.manifest, path.name)
        shape = (len(self.image_ids), frame_px, frame_px, 3)
        try:
            images = np.load(path, mmap_mode="r", allow_pickle=False)
            found = f"{images.dtype} {images.shape}"
        except (OSError, ValueError) as error:
            images, found = None, str(error)
        if images is None or images.dtype != np.uint8 or images.shape != shape:
            raise PosekitError(f"{path}: must be uint8 {shape}; got {found}. {ADVICE}")
        return images

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
    """Pack a data set. The folder appears whole or not at all.

    Args:
        folder: path that does not exist yet; its parents are made.
        dataset: PoseDataset of N images.
        frames: uint8 (N, S, S, 3), the whole pictures squashed to the frame; may be mapped.
        frames_version: int, `pipeline.FRAMES_VERSION`.
        groups: int (N,), from `near_duplicates.find_groups`.

    Returns:
        Path, the folder.

    Raises:
        PosekitError: the folder exists or cannot be written to, or there is no room.
    """
    folder = Path(folder)
    if folder.exists():
        raise PosekitError(
            f"packed.write(): `folder` must be a new one; got {folder}, which exists. Name another."
        )
    with files.new_folder(folder) as partial:
        _write_files(partial, dataset, frames, frames_version, groups)
    return folder


def read(folder):
    """Open a packed data set.

    Args:
        folder: path of a folder that `write` made.

    Returns:
        PoseDataset whose `read_image` is a Pack. Labels are checked against their checksum, and
        each picture when it is read.

    Raises:
        PosekitError: a file is missing or not as it was written.
    """
    folder = Path(folder)
    manifest = files.read_json(folder / MANIFEST)
    _check_manifest(folder, manifest)
    _check_file(folder, manifest, LABELS)
    _check_file(folder, manifest, PICTURES, whole=False)
    stored = files.read_npz(folder / LABELS, limit_bytes=LABELS_LIMIT_BYTES)
    skeleton = joint_sets.from_metadata(str(folder / MANIFEST), manifest["skeleton"])
    _check_labels(folder, manifest, stored, joints=len(skeleton.joints))
    pack = Pack(
        folder=folder,
        manifest=manifest,
        image_ids=stored["image_ids"],
        groups=stored["groups"],
        starts=stored["starts"],
        checksums=stored["checksums"],
    )
    dataset = PoseDataset(
        name=manifest["name"],
        **{name: stored[name] for name in ARRAYS},
        has_fixed_test=manifest["has_fixed_test"],
        read_image=pack,
        extras={
            name.removeprefix("extra_"): values
            for name, values in stored.items()
            if name.startswith("extra_")
        },
        skeleton=skeleton,
    )
    return dataset.with_fingerprint(manifest["fingerprint"])


def _write_files(folder, dataset, frames, frames_version, groups):
    starts, checksums = [0], []
    with (folder / PICTURES).open("wb") as file:
        for image_id in dataset.image_ids.tolist():
            encoded = dataset.read_image(image_id)
            starts.append(starts[-1] + file.write(encoded))
            checksums.append(zlib.crc32(encoded))
    np.savez(
        folder / LABELS,
        **{name: getattr(dataset, name) for name in ARRAYS},
        **{f"extra_{name}": values for name, values in dataset.extras.items()},
        groups=np.asarray(groups),
        starts=np.array(starts, np.int64),
        checksums=np.array(checksums, np.uint32),
    )
    frame_px = frames.shape[1]
    with (folder / _frames_name(frame_px)).open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": frames.shape}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(frames), 1000):
            file.write(np.ascontiguousarray(frames[start : start + 1000]))
    names = (LABELS, PICTURES, _frames_name(frame_px))
    files.write_json(
        folder / MANIFEST,
        {
            "format": FORMAT,
            "name": dataset.name,
            "images": len(dataset),
            "fingerprint": dataset.fingerprint(),
            "has_fixed_test": bool(dataset.has_fixed_test),
            "skeleton": None if dataset.skeleton == LSP else joint_sets.describe(dataset.skeleton),
            "frame_px": frame_px,
            "frames_version": frames_version,
            "files": {
                name: {
                    "bytes": (folder / name).stat().st_size,
                    "sha256": files.digest(folder / name),
                }
                for name in names
            },
        },
    )


def _frames_name(frame_px):
    return f"frames-{frame_px}px.npy"


def _check_manifest(folder, manifest):
    kinds = {
        "name": str,
        "images": int,
        "fingerprint": str,
        "has_fixed_test": bool,
        "skeleton": (dict, type(None)),
        "frame_px": int,
        "frames_version": int,
        "files": dict,
    }
    found = manifest if isinstance(manifest, dict) else {}
    problems = [
        f"`{name}` must be there and of its kind; got {found.get(name)!r:.200}. {ADVICE}"
        for name, kind in kinds.items()
        if name not in found or not isinstance(found[name], kind)
    ]
    if found.get("format") != FORMAT:
        got = found.get("format")
        problems.insert(0, f"`format` must be {FORMAT!r}; got {got!r:.200}. {ADVICE}")
    raise_problems(str(folder / MANIFEST), problems)


def _check_labels(folder, manifest, stored, *, joints):
    """Raise unless the arrays are those of as many images, and every picture is in its file."""
    count = manifest["images"]
    wanted = {
        "image_ids": ("U", (count,)),
        "keypoints_px": ("f", (count, joints, 2)),
        "labelled": ("b", (count, joints)),
        "image_sizes_px": ("iu", (count, 2)),
        "fixed_test": ("b", (count,)),
        "groups": ("iu", (count,)),
        "starts": ("iu", (count + 1,)),
        "checksums": ("iu", (count,)),
    }
    problems = []
    for name, (kinds, shape) in wanted.items():
        values = stored.get(name)
        if values is None or values.dtype.kind not in kinds or values.shape != shape:
            found = "nothing" if values is None else f"{values.dtype} {values.shape}"
            problems.append(f"`{name}` must have shape {shape} and its kind; got {found}. {ADVICE}")
    problems += [
        f"`{name}` must have an entry for each of {count} images; got {values.shape}. {ADVICE}"
        for name, values in stored.items()
        if name.startswith("extra_") and values.shape[:1] != (count,)
    ]
    raise_problems(str(folder / LABELS), problems)
    ends = stored["starts"]
    if ends[0] != 0 or (np.diff(ends) < 0).any() or ends[-1] != (folder / PICTURES).stat().st_size:
        raise PosekitError(
            f"{folder / LABELS}: `starts` must divide {PICTURES} into pictures; got others. "
            f"{ADVICE}"
        )


def _check_file(folder, manifest, name, *, whole=True):
    """Raise unless a file has the size and, where `whole`, the digest that the manifest gives."""
    path, expected = folder / name, manifest["files"].get(name)
    expected = expected if isinstance(expected, dict) else {}
    size = path.stat().st_size if path.is_file() else None
    if size is None or size != expected.get("bytes"):
        found = "nothing there" if size is None else f"{size:,} bytes"
    elif whole and files.digest(path) != expected.get("sha256"):
        found = "other bytes"
    else:
        return
    raise PosekitError(f"{path}: must be as it was packed; got {found}. {ADVICE}")
