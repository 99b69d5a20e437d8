"""Files of arrays (.npz) that may come from strangers: sizes first, then memory."""

import math
import zipfile

import numpy as np

from posekit.errors import PosekitError

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path, *, limit_bytes):
    """All arrays of an .npz file.

    Args:
        path: Path of the file.
        limit_bytes: int, what all arrays together may take in memory.

    Returns:
        dict, name -> array.

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
