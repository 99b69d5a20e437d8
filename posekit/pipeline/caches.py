"""Files that can always be made again: used while their bytes are as written, else remade."""

import math
import warnings

from posekit import files, locks


def ensure(path, write, *, holds):
    """Have a cache file at `path`, written by `write(temporary_path)` where it is missing.

    A digest in NAME.sha256, in the format of sha256sum, tells whether the file is as written. A
    damaged one is set aside as NAME.damaged, with a warning. While one process writes the file,
    others wait for it.

    `holds` tells whether a file without a digest, as earlier versions left it, can be used. It may
    raise anything for one that cannot.
    """
    if _is_as_written(path):
        return
    lock = path.with_name(f".{path.name}.lock")
    with locks.held(lock, what=f"cache {path}", patience_seconds=math.inf):
        files.remove_leftovers(path.parent, path.name)
        # Another process may have made it while this one waited.
        if _is_as_written(path):
            return
        if path.is_file():
            if not _note(path).is_file() and _is_usable(path, holds):
                _record(path)
                return
            aside = files.set_aside(path)
            warnings.warn(
                f"{path}: the cache is damaged. It is set aside as {aside.name} and made again.",
                stacklevel=3,
            )
        # A file must never meet the digest of another one.
        _note(path).unlink(missing_ok=True)
        with files.replacing(path) as temporary:
            write(temporary)
        _record(path)


def _is_as_written(path):
    try:
        recorded = _note(path).read_text(encoding="ascii").split()
        return bool(recorded) and files.digest(path) == recorded[0]
    except (OSError, ValueError):
        return False


def _is_usable(path, holds):
    try:
        return holds(path)
    # A damaged file may fail in any way; all mean the same here.
    except Exception:
        return False


def _record(path):
    files.write_text(_note(path), f"{files.digest(path)}  {path.name}\n")


def _note(path):
    return path.with_name(f"{path.name}.sha256")
