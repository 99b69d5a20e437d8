"""Folders and zip files of a data set, which may come from strangers: names and bounded reads.

Nothing is ever unpacked to disk. A zip is judged by its directory before anything is read from it.
"""

import bz2
import copy
import io
import lzma
import os
import stat
import struct
import threading
import zipfile
import zlib
from collections import Counter
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

from posekit.datasets.image_files import FILE_LIMIT_BYTES
from posekit.errors import PosekitError, raise_problems

ADVICE = (
    "data/README.md shows the layout and names sources; docs/own_data.md lists the exports of "
    "labelling tools that are read."
)
MISTRUST = "Do not trust this file: get the archive from its source again."

# Ten times LSPet, and three times the bytes of its largest known copy (2.9 GB). More would keep
# a reader busy for hours.
ENTRY_LIMIT = 100_000
TOTAL_LIMIT_BYTES = 8 << 30
# COCO's training set has 118,000 pictures.
FOLDER_LIMIT = 1_000_000

# What macOS, Windows and file servers leave among other files.
_JUNK = {".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_JUNK_FOLDERS = {"__macosx", "@eadir", ".git", ".ipynb_checkpoints", "$recycle.bin"}

_BLOCK_METHODS = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_PLAIN_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_OTHER_METHODS = {9: "Deflate64, which Windows writes for large files", 93: "Zstandard", 95: "XZ"}
_OTHER_ARCHIVES = {
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\x1f\x8b": "a file of gzip (.tar.gz)",
    b"BZh": "a file of bzip2 (.tar.bz2)",
    b"\xfd7zXZ": "a file of xz (.tar.xz)",
}


def open_container(path):
    """Open the set of LSP's layout in a folder or zip: where its one joints.mat lies, at any depth.

    Returns:
        an object with `names`, list of str: the files at the top and those in `images/`, paths
        with slashes, without what systems leave (.DS_Store and the like); `open(name)`, a binary
        file, or whatever error prevents it; and `read(name)`, bytes, or PosekitError, from any
        thread. A file of more than FILE_LIMIT_BYTES is an error in both.

    Raises:
        PosekitError: nothing is there, it is no zip, it holds several such sets, or the zip names
            paths outside of itself, links, unprintable or repeated names, or sizes beyond the
            limits.
    """
    opened = _opened(path, _Folder)
    if isinstance(opened, _Archive):
        return _Part(opened, _top(str(path), opened.names))
    if "joints.mat" not in opened.names:
        found = [name for depth in ("*", "*/*") for name in path.glob(f"{depth}/joints.mat")]
        names = [name.relative_to(path).as_posix() for name in found if not is_junk(name.name)]
        if top := _top(str(path), names) if names else "":
            return _Folder(path / top)
    return opened


def open_tree(path):
    """Open a folder, a zip, or a folder in a zip, with the files of all its folders.

    Args:
        path: Path; of a folder in a zip, the zip's path and then that in it.

    Returns:
        an object as of `open_container`, with `has(name)` too.

    Raises:
        PosekitError: as `open_container` does.
    """
    archive, inner = split_path(path)
    opened = _opened(archive, _Tree)
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


def _opened(path, folder_kind):
    try:
        if path.is_dir():
            return folder_kind(path)
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


def _top(caller, names):
    """The folder of the one joints.mat, with a slash; where there is none, the one of all files."""
    tops = [
        name.removesuffix("joints.mat")
        for name in names
        if PurePosixPath(name).name == "joints.mat"
    ]
    if "" in tops:
        return ""
    if len(tops) > 1:
        named = ", ".join(f"{top}joints.mat" for top in sorted(tops)[:5])
        raise PosekitError(
            f"{caller}: must hold one set; got {named}. Unpack it and name the folder of one, or "
            "of several separated as in PATH."
        )
    if tops:
        return tops[0]
    top = ""
    while len({name.removeprefix(top).partition("/")[0] for name in names}) == 1 and all(
        "/" in name.removeprefix(top) for name in names
    ):
        folder = names[0].removeprefix(top).partition("/")[0]
        if folder == "images":
            break
        top += f"{folder}/"
    return top


class _Folder:
    def __init__(self, path):
        self._path = path
        self.names = [
            file.relative_to(path).as_posix()
            for pattern in ("*", "images/*")
            for file in path.glob(pattern)
            if file.is_file() and not is_junk(file.name)
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


class _Tree(_Folder):
    """A folder with all of its folders; the files are listed where a name must be searched."""

    def __init__(self, path):
        self._path = path

    def has(self, name):
        # Also a name longer than any file system takes, or with a zero byte.
        try:
            return not escapes(name) and (self._path / name).is_file()
        except (OSError, ValueError):
            return False

    @cached_property
    def names(self):
        found, seen = [], set()
        for folder, folders, files in os.walk(self._path, followlinks=True):
            # A link may lead to a folder that holds it.
            identity = os.stat(folder)[1:3]
            if identity in seen or len(found) > FOLDER_LIMIT:
                folders.clear()
                continue
            seen.add(identity)
            folders.sort()
            inside = Path(folder).relative_to(self._path).as_posix()
            names = [name if inside == "." else f"{inside}/{name}" for name in sorted(files)]
            found += [name for name in names if not is_junk(name) and self.has(name)]
        return found


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
                f"neither ({_what_it_is(path) or error}). {ADVICE}"
            ) from error
        entries = [entry for entry in self._zip.infolist() if not is_junk(_name(entry))]
        _check_directory(str(path), entries)
        self._entries = {_name(entry): entry for entry in entries if not _name(entry).endswith("/")}
        self.names = list(self._entries)

    def has(self, name):
        return name in self._entries

    def open(self, name):
        entry = self._entries[name]
        _check_size(entry.file_size)
        if entry.compress_type in _BLOCK_METHODS:
            return io.BytesIO(self._inflate(entry))
        _check_readable(entry)
        return self._zip.open(entry)

    def read(self, name):
        # A damaged, encrypted or wrongly declared entry each raise their own type.
        try:
            with self._lock, self.open(name) as file:
                # Without the size, zipfile would inflate all there is before it looks at it. One
                # byte more than none makes it compare the checksum of an empty file too.
                return file.read(self._entries[name].file_size or 1)
        except _NotRead as error:
            raise PosekitError(
                f"{self._path}: `{name}` must be readable; got {error}. Unpack the zip and name "
                "the folder instead."
            ) from error
        except Exception as error:
            raise _unreadable(self._path, name, error) from error

    def _inflate(self, entry):
        """A file of bzip2 or LZMA; zipfile would inflate it whole, whatever its size."""
        _check_readable(entry)
        _check_size(entry.compress_size)
        packed = copy.copy(entry)
        packed.compress_type, packed.file_size = zipfile.ZIP_STORED, entry.compress_size
        del packed.CRC  # it is the inflated file's
        with self._zip.open(packed) as file:
            content = file.read()
        if entry.compress_type == zipfile.ZIP_BZIP2:
            inflated = bz2.BZ2Decompressor().decompress(content, entry.file_size + 1)
        else:
            inflated = _inflated_lzma(content, entry.file_size)
        if len(inflated) != entry.file_size or zlib.crc32(inflated) != entry.CRC:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {entry.filename!r}")
        return inflated


def _inflated_lzma(content, size):
    """Raw LZMA after a zip's own header: version, size of the properties, properties."""
    properties_size = struct.unpack_from("<H", content, 2)[0]
    settings, dictionary_bytes = struct.unpack_from("<BI", content, 4)
    described = {
        "id": lzma.FILTER_LZMA1,
        # What it declares is taken from memory at once; no more than the file is ever used.
        "dict_size": min(dictionary_bytes, max(size, 4096)),
        "lc": settings % 9,
        "lp": settings // 9 % 5,
        "pb": settings // 45,
    }
    inflater = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[described])
    return inflater.decompress(content[4 + properties_size :], size + 1)


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


class _NotRead(OSError):
    """What keeps a sound entry of a zip from being read here."""


def _check_readable(entry):
    if entry.flag_bits & 1:
        raise _NotRead("an encrypted file, which needs a password")
    method = entry.compress_type
    if method not in (*_PLAIN_METHODS, *_BLOCK_METHODS):
        called = _OTHER_METHODS.get(method, "which zipfile does not know")
        raise _NotRead(f"compression method {method} ({called})")


def _name(entry):
    """A zip entry's path with slashes: old programs of Windows write backslashes."""
    return entry.filename.replace("\\", "/")


def _what_it_is(path):
    """A kind of archive that is no zip, with the way out, or None."""
    with path.open("rb") as file:
        start = file.read(8)
    for signature, called in _OTHER_ARCHIVES.items():
        if start.startswith(signature):
            return f"{called}: unpack it and name the folder"
    return None


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
