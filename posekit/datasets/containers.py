"""Folders and zip files of a data set, which may come from strangers: names and bounded reads.

Nothing is ever unpacked to disk. A zip is judged by its directory before anything is read from it.
"""

import os
import stat
import threading
import zipfile
from collections import Counter
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

from posekit.datasets.image_files import FILE_LIMIT_BYTES
from posekit.errors import PosekitError, raise_problems

ADVICE = (
    "data/README.md shows the layout and names sources; docs/own_data.md lists the exports of "
    "labelling tools that are read."
)

# Ten times LSPet, and three times the bytes of its largest known copy (2.9 GB). More would keep
# a reader busy for hours.
ENTRY_LIMIT = 100_000
TOTAL_LIMIT_BYTES = 8 << 30

# What macOS, Windows and file servers leave among other files.
_JUNK = {".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_JUNK_FOLDERS = {"__macosx", "@eadir", ".git", ".ipynb_checkpoints", "$recycle.bin"}


def open_container(path):
    """`open_tree` of the folder in which a folder's or zip's one joints.mat lies, at any depth.

    PosekitError where there are several.
    """
    files = open_tree(path)
    tops = sorted(
        name.removesuffix("joints.mat")
        for name in files.names
        if PurePosixPath(name).name == "joints.mat"
    )
    if not tops or not tops[0]:
        return files
    if len(tops) > 1:
        raise PosekitError(
            f"{path}: must hold one set; got {', '.join(f'{top}joints.mat' for top in tops[:5])}. "
            "Unpack it and name the folder of one, or of several separated as in PATH."
        )
    return _Part(files, tops[0])


def open_tree(path):
    """Open a folder, a zip, or a folder in a zip (its path and then that in it), with all files.

    Returns:
        an object with `names`, list of str: the files' paths with slashes, without what systems
        leave (.DS_Store and the like); `has(name)`; `open(name)`, a binary file, or whatever error
        prevents it; and `read(name)`, bytes, or PosekitError, from any thread. A file of more than
        FILE_LIMIT_BYTES is an error in both.

    Raises:
        PosekitError: nothing is there, it is no zip, or the zip names paths outside of itself,
            links, unprintable or repeated names, or sizes beyond the limits.
    """
    archive, inner = split_path(path)
    try:
        opened = _Folder(archive) if archive.is_dir() else _Archive(archive)
    except PosekitError:
        raise
    # The directory of a damaged zip fails in many ways, each with its own error.
    except Exception as error:
        is_missing = isinstance(error, FileNotFoundError)
        found = "does not exist" if is_missing else f"is neither ({error})"
        raise PosekitError(
            f"lsp.read(): `source` must be a folder or a zip file; got {archive}, which {found}. "
            f"Unpack an archive of another kind and name the folder. {ADVICE}"
        ) from error
    return _Part(opened, f"{inner}/") if inner else opened


def split_path(path):
    """The zip that a path leads into and the path in it, str; (path, "") for any other path."""
    path = Path(path)
    for parent in path.parents:
        try:
            if parent.suffix.lower() == ".zip" and parent.is_file():
                return parent, path.relative_to(parent).as_posix()
        except OSError:
            break
    return path, ""


def is_junk(name):
    """Whether a path is one that a system leaves among a person's files."""
    *folders, last = name.lower().split("/")
    return last in _JUNK or last.startswith("._") or not _JUNK_FOLDERS.isdisjoint(folders)


def escapes(name):
    """Whether a stranger's path leads out of its folder."""
    # Windows rules know both slashes and drive letters, so they also cover POSIX names.
    path = PureWindowsPath(name)
    return bool(path.anchor) or ".." in path.parts


class _Folder:
    """The files are listed only where a name must be searched."""

    def __init__(self, path):
        self._path = path

    @cached_property
    def names(self):
        found, seen = [], set()
        for folder, folders, files in os.walk(self._path, followlinks=True):
            # A link may lead to a folder that holds it.
            identity = os.stat(folder)[1:3]
            if identity in seen:
                folders.clear()
                continue
            seen.add(identity)
            folders.sort()
            inside = Path(folder).relative_to(self._path).as_posix()
            names = [name if inside == "." else f"{inside}/{name}" for name in sorted(files)]
            found += [name for name in names if not is_junk(name) and self.has(name)]
        return found

    def has(self, name):
        # Also a name longer than any file system takes, or with a zero byte.
        try:
            return not escapes(name) and (self._path / name).is_file()
        except (OSError, ValueError):
            return False

    def open(self, name):
        path = self._path / name
        _check_size(path.stat().st_size)
        return path.open("rb")

    def read(self, name):
        try:
            with self.open(name) as file:
                return file.read()
        except OSError as error:
            raise _unreadable(self._path, name, error) from error


class _Archive:
    def __init__(self, path):
        self._path, self._zip, self._lock = path, zipfile.ZipFile(path), threading.Lock()
        # Old programs of Windows write backslashes.
        named = [(entry.filename.replace("\\", "/"), entry) for entry in self._zip.infolist()]
        named = [(name, entry) for name, entry in named if not is_junk(name)]
        _check_directory(str(path), [entry for _, entry in named])
        self._entries = {name: entry for name, entry in named if not name.endswith("/")}
        self.names = list(self._entries)

    def has(self, name):
        return name in self._entries

    def open(self, name):
        entry = self._entries[name]
        _check_size(entry.file_size)
        if entry.flag_bits & 1:
            raise OSError("an encrypted file, which needs a password")
        # Of other methods zipfile would inflate a file whole, whatever its size.
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise OSError(f"compression method {entry.compress_type}, not stored or deflated")
        return self._zip.open(entry)

    def read(self, name):
        # A damaged, encrypted or wrongly declared entry each raise their own type.
        try:
            with self._lock, self.open(name) as file:
                # Without the size, zipfile would inflate all there is before it looks at it. One
                # byte more than none makes it compare the checksum of an empty file too.
                return file.read(self._entries[name].file_size or 1)
        except Exception as error:
            raise _unreadable(self._path, name, error) from error


class _Part:
    """The files of a container that lie in one of its folders, under their names there."""

    def __init__(self, files, prefix):
        self._files, self._prefix = files, prefix

    @cached_property
    def names(self):
        return [
            name.removeprefix(self._prefix)
            for name in self._files.names
            if name.startswith(self._prefix)
        ]

    def has(self, name):
        return self._files.has(self._prefix + name)

    def open(self, name):
        return self._files.open(self._prefix + name)

    def read(self, name):
        return self._files.read(self._prefix + name)


def _check_directory(caller, entries):
    """Raise unless a zip's entries are plain files of bounded size inside of it."""
    problems = []
    if len(entries) > ENTRY_LIMIT:
        problems.append(
            f"the archive must hold at most {ENTRY_LIMIT:,} files; got {len(entries):,}"
        )
    total = sum(entry.file_size for entry in entries)
    if total > TOTAL_LIMIT_BYTES:
        problems.append(
            f"the archive must unpack to at most {TOTAL_LIMIT_BYTES:,} bytes; got {total:,}"
        )
    problems += [
        f"`{name}` must be in the archive once; got it {count} times"
        for name, count in Counter(entry.filename for entry in entries).items()
        if count > 1 and name.isprintable()
    ]
    problems += filter(None, map(_problem_of, entries))
    advice = "Do not trust this file: get the archive from its source again."
    raise_problems(caller, [f"{problem}. {advice}" for problem in problems])


def _problem_of(entry):
    """What is wrong with a zip's entry by its own account, or None."""
    if not entry.filename or not entry.filename.isprintable():
        # Shown with escapes: a terminal would obey such a name.
        return f"names in the archive must be printable; got {entry.filename!r}"
    if escapes(entry.filename):
        return f"`{entry.filename}` must be a path inside the archive; got an absolute path or '..'"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return f"`{entry.filename}` must be a plain file; got a link, a device or the like"
    return None


def _check_size(size):
    if size > FILE_LIMIT_BYTES:
        raise OSError(f"{size:,} bytes, more than the limit of {FILE_LIMIT_BYTES:,}")


def _unreadable(source, name, error):
    return PosekitError(
        f"{source}: `{name}` must be readable; got {error}. Get the data from its source again, or "
        "unpack them and name the folder."
    )
