"""Files that are written whole or not at all, and strangers' files read within bounds.

A file is written under a temporary name and then renamed, so a reader never sees half of it.
"""

import csv
import errno
import glob
import hashlib
import json
import math
import os
import shutil
import tempfile
import warnings
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from posekit import locks
from posekit.errors import PosekitError

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

PACKAGE = Path(__file__).resolve().parent

# A wheel has what the package reads of the project, models and notebooks, in a folder (setup.py).
IS_INSTALLED = (PACKAGE / "project").is_dir()
PROJECT_ROOT = PACKAGE / "project" if IS_INSTALLED else PACKAGE.parent

# Where caches go, in the environment, which notebooks and workers inherit.
CACHE_VARIABLE = "POSEKIT_CACHE"

PARTIAL = ".partial-"

# What a system says that has no room: a full disk, a quota, a bound on the size of files.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def from_root(path):
    """The path itself when absolute, else as seen from the project's root.

    Notebooks and commands so find the same files whatever the working directory. With an installed
    package, which has no project around it, it is seen from the working directory.
    """
    return (Path.cwd() if IS_INSTALLED else PROJECT_ROOT) / path


def cache_dir():
    """The folder of the caches, made where missing.

    It is that of POSEKIT_CACHE (`--cache-dir`), else the first that can be written to: the
    project's .cache; posekit in the user's cache folder, for an installed package or a project on
    a read-only disk; a folder for temporary files, with a warning.

    Raises:
        PosekitError: the folder of POSEKIT_CACHE cannot be written to.
    """
    advice = f"Name another with --cache-dir or {CACHE_VARIABLE}."
    if asked := os.environ.get(CACHE_VARIABLE):
        folder = Path(asked).expanduser().absolute()
        if problem := _why_not_writable(folder):
            raise PosekitError(
                f"{CACHE_VARIABLE}: the folder of the caches must be writable; got {folder}: "
                f"{problem}. {advice}"
            )
        return folder
    stated = os.environ.get("XDG_CACHE_HOME", "")
    users = stated if os.path.isabs(stated) else os.path.expanduser("~/.cache")
    own = [] if IS_INSTALLED else [PROJECT_ROOT / ".cache"]
    for folder in (*own, Path(users) / "posekit"):
        if is_writable(folder):
            return folder
    folder = Path(tempfile.mkdtemp(prefix="posekit-cache-"))
    # Notebooks and workers that this process starts use the same.
    os.environ[CACHE_VARIABLE] = str(folder)
    warnings.warn(
        f"caches go to {folder}, which the system may remove, since neither the project nor the "
        f"user's cache folder can be written to. {advice}",
        stacklevel=2,
    )
    return folder


def is_writable(folder):
    """Whether files can be written into a folder, which is made where missing."""
    return _why_not_writable(folder) is None


def _why_not_writable(folder):
    # Only trying tells: permissions say nothing of disks that are mounted read-only.
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror


@contextmanager
def replacing(path):
    """Yield a temporary path next to `path`; on success it is renamed to `path`.

    Raises:
        PosekitError: the path is a folder, its folder cannot be made or written to, or there is
            no room for the file. An earlier file is then as it was.
    """
    path = Path(path)
    if path.is_dir():
        raise PosekitError(f"{path}: must be a file to write; got a folder. Name a file in it.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix stays whole: Keras and NumPy look at it.
        handle, temporary = tempfile.mkstemp(f"-{path.name}", PARTIAL, path.parent)
    except OSError as error:
        raise PosekitError(
            f"{path}: the folder {path.parent} must be writable; got {error.strerror}. "
            "Choose another output folder."
        ) from error
    os.close(handle)
    try:
        _make_public(temporary, 0o666)
        yield Path(temporary)
        # Else a power cut soon after could leave the new name with none of the content.
        with open(temporary, "rb+") as file:
            os.fsync(file)
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise PosekitError(
            f"{path}: there must be room to write the file; got {os.strerror(error.errno)}. What "
            "was there before is whole. Make room, then run it again."
        ) from error
    finally:
        Path(temporary).unlink(missing_ok=True)


@contextmanager
def new_folder(folder):
    """Yield a temporary folder next to `folder`; on success it is renamed to `folder`.

    What killed processes left of the same folder is removed: each temporary folder is locked, and
    the system frees the lock of a process that is killed.

    Raises:
        PosekitError: the folder holds something, cannot be written to, or there is no room.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Python's own random part has eight characters.
        for left in folder.parent.glob(f"{PARTIAL}{8 * '?'}-{glob.escape(folder.name)}"):
            with locks.held_if_free(left) as is_ours:
                if is_ours:
                    shutil.rmtree(left, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(f"-{folder.name}", PARTIAL, folder.parent))
        try:
            with locks.held_if_free(temporary):
                _make_public(temporary, 0o777)
                yield temporary
                temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise PosekitError(
            f"{folder}: must be new, in a writable place with room for its files; got "
            f"{error.strerror}. Choose another folder."
        ) from error


def _make_public(path, mode):
    """Give what tempfile made private the permissions of any new file or folder."""
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(path, mode & ~umask)


def reserve(path, size_bytes):
    """Empty a file and reserve `size_bytes` for it, where the system can; OSError for no room."""
    with Path(path).open("wb") as file:
        if hasattr(os, "posix_fallocate"):  # macOS has none
            os.posix_fallocate(file.fileno(), 0, size_bytes)


def remove_leftovers(folder, name=""):
    """Remove the files that killed processes left half written directly in a folder, a Path.

    The caller holds the folder's lock. `name` begins the names of the files that are meant.
    """
    for path in folder.glob(f"{PARTIAL}*-{glob.escape(name)}*"):
        path.unlink(missing_ok=True)


def set_aside(path):
    """Rename a damaged file to NAME.damaged, over an earlier one, and return that path."""
    aside = path.with_name(f"{path.name}.damaged")
    os.replace(path, aside)
    return aside


def digest(path):
    """SHA-256 of a file's bytes, hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path, text):
    """Write a text file atomically, UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Write JSON atomically; NumPy scalars and arrays become plain numbers, NaN becomes null."""
    write_text(path, json.dumps(_plain(value), indent=2, allow_nan=False) + "\n")


def read_json(path, *, if_missing="Check the path."):
    """Read JSON; a missing or damaged file raises PosekitError, which ends with `if_missing`."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PosekitError(
            f"{path}: the file must exist; got nothing there. {if_missing}"
        ) from error
    # Not only what is no JSON: also numbers of too many digits and lists nested without end.
    except (ValueError, RecursionError) as error:
        raise PosekitError(f"{path}: must hold JSON; got {error}.") from error


def read_bounded(path, limit_bytes):
    """The bytes of a stranger's file; PosekitError where it cannot be read or holds more."""
    try:
        with path.open("rb") as file:
            # Special files have no size.
            size = path.stat().st_size if path.is_file() else limit_bytes
            content = file.read(min(size, limit_bytes) + 1)
    except OSError as error:
        raise PosekitError(
            f"{path}: must be a file that can be read; got {error.strerror}. Check the path."
        ) from error
    if len(content) > limit_bytes:
        raise PosekitError(f"{path}: must have at most {limit_bytes:,} bytes; got more.")
    return content


def read_text(path, limit_bytes):
    """The text of a person's file, see `decode_text`; PosekitError as for `read_bounded`."""
    return decode_text(read_bounded(path, limit_bytes))


def decode_text(content):
    """Text of a file's bytes, without a byte order mark.

    It is UTF-8, UTF-16 or UTF-32 by their marks or zeros, else Latin-1.
    """
    # JSON's rule for UTF-16 and UTF-32 without marks holds for all text that begins with ASCII.
    for encoding in (json.detect_encoding(content), "utf-8"):
        try:
            return content.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def write_csv(path, rows):
    """Write a list of dicts with equal keys as CSV, atomically."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


def write_npz(path, **arrays):
    """Write a compressed .npz atomically."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def read_npz(path, *, limit_bytes):
    """All arrays of an .npz file, name -> array; together they may take `limit_bytes` in memory.

    Raises:
        PosekitError: the file is missing or no .npz, holds anything but plain arrays, or its
            arrays would take more than the limit. Nothing is then read of their values.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(_checked_bytes(archive, entry) for entry in archive.infolist())
            if total > limit_bytes:
                raise PosekitError(
                    f"must hold arrays of at most {limit_bytes:,} bytes; got {total:,}"
                )
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except PosekitError as error:
        raise PosekitError(f"{path}: {error}.") from error
    # A damaged file fails anywhere in zipfile, zlib or NumPy, each with its own error.
    except Exception as error:
        raise PosekitError(f"{path}: must be a file of arrays (.npz); got {error}.") from error


def _checked_bytes(archive, entry):
    """The bytes of one array, from its header."""
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise PosekitError(f"`{entry.filename}` must have version 1.0 or 2.0; got {version}")
        shape, _, dtype = _HEADERS[version](file)
        # NumPy asks for the memory that the header declares, whatever then follows.
        declared, follows = math.prod(shape) * dtype.itemsize, entry.file_size - file.tell()
    if declared != follows:
        raise PosekitError(
            f"`{entry.filename}` must hold the {declared:,} bytes that its header declares; got "
            f"{follows:,}"
        )
    return declared
