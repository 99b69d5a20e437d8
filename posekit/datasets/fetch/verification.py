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
    `images/` if any, and a line feed. PosekitError where a file cannot be read.
    """
    digest = hashlib.sha256()
    for name, content in _contents(source):
        digest.update(f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode())
    return digest.hexdigest()


def verified(path, *, name, image_ids):
    """The `content_sha256` of a folder or zip; PosekitError unless it is this set, all whole."""
    dataset = lsp.read(path)
    found = dataset.image_ids.tolist()
    problems = []
    if dataset.name != name:
        problems.append(f"the data set must be {name}; got {dataset.name}.")
    if found != image_ids:
        problems.append(
            f"`images` must be {len(image_ids):,} pictures from {image_ids[0]} to {image_ids[-1]}; "
            f"got {len(found):,} from {found[0]} to {found[-1]}."
        )
    problems += [f"`{image_id}` {problem}." for image_id, problem in lsp.check_images(dataset)]
    raise_problems(str(path), problems)
    return content_sha256(path)


def pack(source, path):
    """Write a data set as a plain zip of joints.mat, the pictures and the authors' README.txt.

    Without times and compression (pictures have theirs), equal sets make equal files.
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
