"""Folders and zip files of a data set, which may come from strangers: names and bounded reads.

Nothing is ever unpacked to disk. A zip is judged by its directory before anything is read from it.
"""

import stat
import threading
import zipfile
from collections import Counter
from pathlib import PureWindowsPath

from posekit.datasets.image_files import FILE_LIMIT_BYTES
from posekit.errors import PosekitError, raise_problems

ADVICE = "data/README.md shows the layout and names sources."
MISTRUST = "Do not trust this file: get the archive from its source again."

# Ten times LSPet, and three times the bytes of its largest known copy (2.9 GB). More would keep
# a reader busy for hours.
ENTRY_LIMIT = 100_000
TOTAL_LIMIT_BYTES = 8 << 30


def open_container(path):
    """Open a folder or a zip file, with or without one leading folder in the zip.

    Returns:
        an object with `names`, list of str: the files at the top and, in a folder, those in
        `images/`; `open(name)`, a binary file or whatever error prevents it; and `read(name)`,
        bytes or PosekitError, from any thread. Both refuse files beyond FILE_LIMIT_BYTES.

    Raises:
        PosekitError: nothing is there, it is no zip, or the zip names paths outside of itself,
            links, unprintable or repeated names, other compressions than deflate, or sizes beyond
            the limits.
    """
    try:
        if path.is_dir():
            return _Folder(path)
        if path.exists():
            return _Archive(path)
    except OSError as error:
        raise PosekitError(
            f"lsp.read(): `source` must be a folder or a zip file that can be read; got "
            f"{str(path)!r}: {error.strerror}."
        ) from error
    raise PosekitError(
        f"lsp.read(): `source` must be a folder or a zip file; got {path}, which does not exist. "
        f"{ADVICE}"
    )


class _Folder:
    def __init__(self, path):
        self._path = path
        self.names = [
            file.relative_to(path).as_posix()
            for pattern in ("*", "images/*")
            for file in path.glob(pattern)
            if file.is_file()
        ]

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
        self._path = path
        self._lock = threading.Lock()
        # The directory of a damaged zip fails in many ways, each with its own error.
        try:
            self._zip = zipfile.ZipFile(path)
        except Exception as error:
            raise PosekitError(
                f"lsp.read(): `source` must be a folder or a zip file; got {path}, which is "
                f"neither ({error}). {ADVICE}"
            ) from error
        entries = self._zip.infolist()
        _check_directory(str(path), entries)
        # macOS adds an entry of its own for every file; these hold no data.
        names = [
            entry.filename
            for entry in entries
            if not entry.is_dir() and not entry.filename.startswith("__MACOSX/")
        ]
        tops = {name.partition("/")[0] + "/" for name in names}
        only = tops.pop() if len(tops) == 1 else ""
        is_leading = only != "images/" and all(name.startswith(only) for name in names)
        self._prefix = only if is_leading else ""
        self.names = [name.removeprefix(self._prefix) for name in names]

    def open(self, name):
        entry = self._zip.getinfo(self._prefix + name)
        _check_size(entry.file_size)
        return self._zip.open(entry)

    def read(self, name):
        # A damaged, encrypted or wrongly declared entry each raise their own type.
        try:
            with self._lock, self.open(name) as file:
                # Without the size, zipfile would inflate all there is before it looks at it. One
                # byte more than none makes it compare the checksum of an empty file too.
                return file.read(self._zip.getinfo(self._prefix + name).file_size or 1)
        except Exception as error:
            raise _unreadable(self._path, name, error) from error


def _check_directory(caller, entries):
    """Raise unless a zip's entries are plain files of bounded size inside of it."""
    if len(entries) > ENTRY_LIMIT:
        raise PosekitError(
            f"{caller}: the archive must hold at most {ENTRY_LIMIT:,} files; "
            f"got {len(entries):,}. {MISTRUST}"
        )
    total = sum(entry.file_size for entry in entries)
    problems = []
    if total > TOTAL_LIMIT_BYTES:
        problems.append(
            f"the archive must unpack to at most {TOTAL_LIMIT_BYTES:,} bytes; got {total:,}. "
            f"{MISTRUST}"
        )
    counts = Counter(entry.filename for entry in entries)
    problems += [
        f"`{name}` must be in the archive once; got it {count} times. {MISTRUST}"
        for name, count in counts.items()
        if count > 1 and name.isprintable()
    ]
    for entry in entries:
        finding = _finding(entry)
        if finding:
            problems.append(f"{finding}. {MISTRUST}")
    raise_problems(caller, problems)


def _finding(entry):
    """What is wrong with a zip's entry by its own account, or None."""
    if not entry.filename or not entry.filename.isprintable():
        # Shown with escapes: a terminal would obey such a name.
        return f"names in the archive must be printable; got {entry.filename!r}"
    if escapes(entry.filename):
        return f"`{entry.filename}` must be a path inside the archive; got an absolute path or '..'"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        called = "a link" if kind == stat.S_IFLNK else "a device or the like"
        return f"`{entry.filename}` must be a plain file; got {called}"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # The other methods inflate a whole block at once, whatever its size.
        return (
            f"`{entry.filename}` must be stored or deflated; "
            f"got compression method {entry.compress_type}"
        )
    return None


def escapes(name):
    """Whether a stranger's path leads out of its folder."""
    # Windows rules know both slashes and drive letters, so they also cover POSIX names.
    path = PureWindowsPath(name)
    return bool(path.anchor) or ".." in path.parts


def _check_size(size):
    if size > FILE_LIMIT_BYTES:
        raise OSError(f"{size:,} bytes, more than the limit of {FILE_LIMIT_BYTES:,}")


def _unreadable(source, name, error):
    return PosekitError(
        f"{source}: `{name}` must be readable; got {error}. Get the data from its source again."
    )
