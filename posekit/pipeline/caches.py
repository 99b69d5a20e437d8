"""Files that can always be made again: used while their bytes are as written, else remade."""

import math
import warnings

from posekit import files, locks


def ensure(path, write):
    """Have a cache file at `path`, written by `write(temporary_path)` where it is missing.

    A digest in NAME.sha256, in the format of sha256sum, tells whether the file is as written. A
    damaged one is set aside as NAME.damaged, with a warning; one without a digest is written again.
    While one process writes the file, others wait for it.
    """
    note = path.with_name(f"{path.name}.sha256")

    def is_as_written():
        try:
            return files.digest(path) in note.read_text(encoding="ascii").split()
        except (OSError, ValueError):
            return False

    if is_as_written():
        return
    lock = path.with_name(f".{path.name}.lock")
    with locks.held(lock, what=f"cache {path}", patience_seconds=math.inf):
        files.remove_leftovers(path.parent, path.name)
        # Another process may have made it while this one waited.
        if is_as_written():
            return
        if path.is_file() and note.is_file():
            aside = files.set_aside(path)
            warnings.warn(
                f"{path}: the cache is damaged. It is set aside as {aside.name} and made again.",
                stacklevel=3,
            )
        # A file must never meet the digest of another one.
        note.unlink(missing_ok=True)
        with files.replacing(path) as temporary:
            write(temporary)
        files.write_text(note, f"{files.digest(path)}  {path.name}\n")
