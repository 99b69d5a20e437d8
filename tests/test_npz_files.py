"""Files of arrays: what is read back, and what is refused before memory is asked for."""

import io
import zipfile

import numpy as np
import pytest

from posekit import files
from posekit.errors import PosekitError

LIMIT_BYTES = 1000


def refused(path, finding):
    with pytest.raises(PosekitError, match=finding) as caught:
        files.read_npz(path, limit_bytes=LIMIT_BYTES)
    assert str(caught.value).startswith(f"{path}: ") and "{" not in str(caught.value)


def header(shape, descr="<f4"):
    """An .npy file's first bytes, without the values that they declare."""
    buffer = io.BytesIO()
    fields = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, fields)
    return buffer.getvalue()


def zipped(path, content, name="kernel.npy"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_as_they_were(tmp_path, save):
    words = np.array(["one", "two"])
    stored = {"a/b": np.arange(6.0).reshape(2, 3), "words": words, "n": np.int8(3)}
    save(tmp_path / "set.npz", **stored)
    read = files.read_npz(tmp_path / "set.npz", limit_bytes=LIMIT_BYTES)
    assert read.keys() == stored.keys()
    for name, array in stored.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == np.asarray(array).dtype


def test_a_header_that_declares_more_than_follows_asks_for_no_memory(tmp_path):
    # NumPy would ask for these 373 GiB at once.
    path = zipped(tmp_path / "set.npz", header((99_999_999_999,)) + bytes(4))
    refused(path, "`kernel.npy` must hold the 399,999,999,996 bytes .* declares; got 4.$")


def test_many_zeros_in_a_small_file_are_beyond_the_limit(tmp_path):
    np.savez_compressed(tmp_path / "set.npz", a=np.zeros(100), b=np.zeros(26))
    assert (tmp_path / "set.npz").stat().st_size < LIMIT_BYTES
    refused(tmp_path / "set.npz", "arrays of at most 1,000 bytes; got 1,008.$")


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (header((-1,)) + bytes(4), "`kernel.npy` must hold the -4 bytes .* got 4"),
        (header((1,), "|O") + bytes(8), "Object arrays cannot be loaded"),
        (b"\x93NUMPY\x03\x00" + bytes(8), r"version 1.0 or 2.0; got \(3, 0\)"),
        (b"no array", "must be a file of arrays .*magic string"),
        (b"", "must be a file of arrays"),
    ],
)
def test_entries_that_are_no_plain_array(tmp_path, content, finding):
    refused(zipped(tmp_path / "set.npz", content), finding)


def test_what_is_no_archive(tmp_path):
    refused(tmp_path / "none.npz", "No such file")
    np.save(tmp_path / "one.npy", np.zeros(3))
    refused(tmp_path / "one.npy", "must be a file of arrays .*; got File is not a zip file")
