"""Whether a copy of a data set is the right one and whole, and how it is kept."""

import hashlib
import zipfile
from pathlib import Path

from posekit.datasets import lsp
from posekit.datasets.containers import open_container
from posekit.errors import raise_problems


def content_sha256(source):
    """The digest of the content of a folder or zip in the official layout, 64 hexadecimal digits.

    It is the SHA-256 of a list with one line for joints.mat and for each picture, in the byte
    order of names: the SHA-256 of the file in hexadecimal digits, two spaces, the name with its
    `images/` if any, and a line feed.

    Raises:
        PosekitError: no data set is there, or a file cannot be read.
    """
    digest = hashlib.sha256()
    for name, content in _contents(source):
        digest.update(f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode())
    return digest.hexdigest()


def check_structure(path, *, name, image_ids):
    """Raise PosekitError unless a folder or zip is the set `name` with `image_ids`, all whole."""
    dataset = lsp.read(path)
    found = dataset.image_ids.tolist()
    problems = []
    if dataset.name != name:
        problems.append(f"the data set must be {name}; got {dataset.name}.")
    if len(found) != len(image_ids):
        problems.append(f"`images` must hold {len(image_ids):,} pictures; got {len(found):,}.")
    elif found != image_ids:
        odd = next(one for one, right in zip(found, image_ids, strict=True) if one != right)
        problems.append(f"`images` must run from {image_ids[0]} to {image_ids[-1]}; got {odd}.")
    raise_problems(str(path), problems)
    raise_problems(
        str(path), [f"`{image_id}` {problem}." for image_id, problem in lsp.check_images(dataset)]
    )


def pack(source, path):
    """Write a data set as a plain zip of joints.mat, the pictures and the authors' README.txt.

    Without times and compression (pictures have theirs), equal sets make equal files.
    PosekitError where no data set is there, or a file cannot be read.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in _contents(source, also=("README.txt",)):
            archive.writestr(zipfile.ZipInfo(name), content)


def _contents(source, also=()):
    """(name, bytes) of the set's files, in the byte order of names."""
    files = open_container(Path(source))
    names = ["joints.mat", *lsp.picture_names(str(source), files)]
    for name in sorted(names + [name for name in also if name in files.names]):
        yield name, files.read(name)
