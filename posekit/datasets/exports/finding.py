"""Find a picture under the name that a stranger's file has for it.

Names differ between machines: macOS composes letters otherwise than Windows and Linux (NFD and
NFC), web tools encode blanks (%20), Windows writes \\ and drive letters and ignores case, old
archives hold Latin-1 and code page 437. A file is taken where it is the only one that fits.
"""

import re
import unicodedata
from collections import defaultdict
from contextlib import suppress
from functools import cached_property
from pathlib import PurePosixPath
from urllib.parse import unquote

# Label Studio puts this before the name of each file that is uploaded.
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")


class Finder:
    """Finds pictures among the files of a folder or zip.

    Args:
        tree: what `containers.open_tree` gives; its names are listed only where one is not there.
    """

    def __init__(self, tree):
        self._tree = tree

    def find(self, file_name, near=()):
        """The file that is meant, or None; and whether it has the very name.

        `file_name` is as a stranger's file has it: a path, an address. The folders `near` are
        looked in first.
        """
        parts = _parts(file_name)
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            for name in (*(f"{folder}/{tail}" for folder in near if folder), tail):
                if self._tree.has(name):
                    return name, True
        for wanted in (parts, [*parts[:-1], _UPLOAD.sub("", parts[-1])] if parts else []):
            for is_whole in (True, False) if wanted else ():
                found = self._only(wanted, near, is_whole)
                if found is not None:
                    return found, False
        return None, False

    def _only(self, parts, near, is_whole):
        """The one file with such a last part, or None; `is_whole` compares its ending too."""
        keys = {key if is_whole else _without_ending(key) for key in _keys(parts[-1])}
        candidates = {name for key in keys for name in self._index.get((is_whole, key), ())}
        if len(candidates) > 1:
            # More of the path tells them apart.
            agreeing = {name: _agreement(name, parts) for name in candidates}
            most = max(agreeing.values())
            candidates = {name for name, count in agreeing.items() if count == most}
        if len(candidates) > 1:
            candidates = {name for name in candidates if str(PurePosixPath(name).parent) in near}
        return candidates.pop() if len(candidates) == 1 else None

    @cached_property
    def _index(self):
        """(is_whole, key of the last part) -> names."""
        index = defaultdict(set)
        for name in self._tree.names:
            for key in _keys(PurePosixPath(name).name):
                index[True, key].add(name)
                index[False, _without_ending(key)].add(name)
        return index


def printable(name):
    """A name that a terminal, a page and a file can show: bytes of no encoding as Latin-1."""
    shown = name if name.isprintable() else _from_bytes(name)
    return "".join(letter if letter.isprintable() else "?" for letter in shown)


def _parts(file_name):
    # Label Studio's local files are "/data/local-files/?d=photos/im1.jpg".
    text = file_name.partition("?d=")[2] or file_name
    if re.match(r"[A-Za-z][\w+.-]+://", text):
        text = text.partition("://")[2].partition("?")[0]
    parts = [part for part in re.split(r"[/\\]", text) if part not in ("", ".", "..")]
    return parts[1:] if parts and re.fullmatch("[A-Za-z]:", parts[0]) else parts


def _keys(part):
    """All that a name may mean, composed and in lower case."""
    found = {part, unquote(part), _from_bytes(part)}
    for wrong in ("latin-1", "cp1252", "cp437"):
        # Bytes of UTF-8 that were read as another encoding.
        with suppress(UnicodeError):
            found.add(part.encode(wrong).decode())
    return {
        unicodedata.normalize("NFC", unicodedata.normalize("NFC", one).casefold()) for one in found
    }


def _from_bytes(name):
    """A name whose bytes are no UTF-8, as Latin-1."""
    try:
        content = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return name
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _without_ending(key):
    stem, dot, ending = key.rpartition(".")
    return stem if dot and stem and re.fullmatch("[a-z0-9]{2,5}", ending) else key


def _agreement(name, parts):
    """How many of the last parts of two paths mean the same."""
    count = 0
    for mine, wanted in zip(name.split("/")[-2::-1], parts[-2::-1], strict=False):
        if not _keys(mine) & _keys(wanted):
            break
        count += 1
    return count
