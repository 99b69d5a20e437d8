"""The labels of LSP, LSPet and the synthetic set: the variable `joints` of joints.mat.

The file may come from a stranger, and SciPy 1.17 ends the whole process on a MATLAB file whose
values have an unknown type. Only one array of numbers is needed here, so this reads that part of
the format with NumPy; the tests compare it with SciPy's reader.

Source: "MAT-File Format", MathWorks, chapter 1 (level 5: MATLAB versions 5 to 7).
"""

import math
import struct
import zlib
from itertools import islice

import numpy as np

from posekit.datasets.containers import ADVICE
from posekit.errors import PosekitError, raise_problems
from posekit.skeleton import LSP

# LSPet's 10,000 labels take 3.4 MB, all of a file's variables in LSP and LSPet no more.
INFLATED_LIMIT_BYTES = 64 << 20

HEADER_BYTES = 128
HDF5_SIGNATURE = b"\x89HDF"
BYTE_ORDERS = {b"IM": "<", b"MI": ">"}
VERSION_5, VERSION_73 = 0x0100, 0x0200

MATRIX, COMPRESSED = 14, 15
VALUE_TYPES = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
    **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
NUMBER_CLASSES = range(6, 16)
OTHER_CLASSES = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse"}
IS_COMPLEX = 0x0800


class _Damaged(Exception):
    """What is wrong with a MATLAB file."""


def read_joints(caller, content, image_count):
    """Read the labels of `image_count` images from the bytes of joints.mat.

    Returns:
        float64 (N, 14, 3) of (x, y, flag), and bool, True where the axes are LSP's, (3, 14, N),
        False where they are LSPet's, (14, 3, N).

    Raises:
        PosekitError: no whole MATLAB file of version 5 to 7, one beyond the limits, or no real
            numbers of such a shape under the name `joints`.
    """
    try:
        flags, shape, values, order = _variable(caller, content)
        is_lsp = shape[:2] == (3, LSP.joint_count)
        _check_declared(caller, flags, shape, is_lsp, image_count)
        joints = _array(shape, values, order)
    except (_Damaged, struct.error, zlib.error) as damage:
        raise PosekitError(
            f"{caller}: `joints.mat` must be a MATLAB file; got {len(content)} bytes that are "
            f"none ({damage}). Get the data from its source again."
        ) from damage
    return joints.transpose((2, 1, 0) if is_lsp else (2, 0, 1)), is_lsp


def _variable(caller, content):
    """Of `joints`: flags, shape, the elements that follow its name, unread, and the byte order."""
    order = BYTE_ORDERS.get(content[126:HEADER_BYTES])
    version = struct.unpack_from(f"{order}H", content, 124)[0] if order else None
    if version == VERSION_73 or content.startswith(HDF5_SIGNATURE):
        raise PosekitError(
            f"{caller}: `joints.mat` must be a MATLAB file of version 7 or older; got version 7.3 "
            "(HDF5). Save it again with MATLAB's save -v7, or get the original."
        )
    if version != VERSION_5:
        raise _Damaged("no header of version 5 to 7")
    names, left_bytes = [], INFLATED_LIMIT_BYTES
    for kind, body in _elements(memoryview(content)[HEADER_BYTES:], order):
        if kind == COMPRESSED:
            inflater = zlib.decompressobj()
            inflated = inflater.decompress(body, left_bytes + 1)
            # The limit is on all that is unpacked: many small bombs are a large one.
            left_bytes -= len(inflated)
            if left_bytes < 0:
                raise PosekitError(
                    f"{caller}: `joints.mat` must unpack to at most {INFLATED_LIMIT_BYTES:,} "
                    "bytes; got more. Do not trust this file: get the data from its source again."
                )
            if not inflater.eof:
                raise _Damaged("compressed values that end early")
            kind, body = next(_elements(inflated, order), (None, None))
        if kind == MATRIX:
            parts = _elements(body, order)
            head = [bytes(part) for _, part in islice(parts, 3)]
            if len(head) < 3:
                raise _Damaged("a variable without flags, shape and name")
            names.append(head[2].decode("latin-1"))
            if names[-1] == "joints":
                shape = tuple(size for (size,) in struct.iter_unpack(f"{order}i", head[1]))
                return struct.unpack_from(f"{order}I", head[0])[0], shape, parts, order
    raise PosekitError(
        f"{caller}: `joints.mat` must hold the variable `joints`; got {names}. {ADVICE}"
    )


def _check_declared(caller, flags, shape, is_lsp, image_count):
    problems = []
    if len(shape) != 3 or not (is_lsp or shape[:2] == (LSP.joint_count, 3)):
        problems.append(
            "`joints` in joints.mat must have shape (3, 14, N) for LSP or (14, 3, N) for LSPet; "
            f"got {shape}."
        )
    elif shape[2] != image_count:
        problems.append(
            "`images` must hold one picture per label in joints.mat; "
            f"got {image_count} pictures and {shape[2]} labels. Get the missing files."
        )
    kind = flags & 0xFF
    if kind not in NUMBER_CLASSES or flags & IS_COMPLEX:
        got = "complex" if kind in NUMBER_CLASSES else OTHER_CLASSES.get(kind, "unknown")
        problems.append(f"`joints` in joints.mat must hold real numbers; got the class {got}.")
    raise_problems(caller, problems)


def _array(shape, parts, order):
    kind, values = next(parts, (None, b""))
    if kind not in VALUE_TYPES:
        raise _Damaged(f"values of the unknown type {kind}")
    dtype = np.dtype(f"{order}{VALUE_TYPES[kind]}")
    if len(values) != math.prod(shape) * dtype.itemsize:
        raise _Damaged(f"{len(values)} bytes of {dtype.name} for the shape {shape}")
    return np.frombuffer(values, dtype).reshape(shape, order="F").astype(np.float64)


def _elements(data, order):
    """Type and content of each data element, one after the other."""
    position = 0
    while position < len(data):
        kind, size = struct.unpack_from(f"{order}II", data, position)
        start = position + 8
        if kind >> 16:
            # Up to four bytes are kept in the tag itself, beside a type and size of half length.
            kind, size, start = kind & 0xFFFF, kind >> 16, position + 4
        end = start + size
        if end > (len(data) if start == position + 8 else position + 8):
            raise _Damaged(f"an element of {size:,} bytes that ends early")
        yield kind, data[start:end]
        # All but compressed elements are padded to eight bytes.
        position = end if kind == COMPRESSED else position + -(-(end - position) // 8) * 8
