"""Archives, pictures and labels that are damaged, or made to do harm: each is refused by name."""

import io
import itertools
import stat
import struct
import tracemalloc
import zipfile
import zlib
from contextlib import contextmanager

import cv2
import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from PIL import Image
from tiny_sets import labels, lspet_files, mat, picture, write_folder, write_zip

from posekit.datasets import containers, image_files, joints_mat, lsp
from posekit.errors import PosekitError
from posekit.estimators.predict import photos

FILES = lspet_files(labels(2))


def refused(source, finding):
    """The message with which a set is refused; it names the source."""
    with pytest.raises(PosekitError, match=finding) as caught:
        lsp.read(source)
    assert str(source) in str(caught.value)
    return str(caught.value)


@contextmanager
def memory_below(limit_bytes):
    """What runs inside may have so much in memory at a time, beyond what is there already."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit_bytes
    finally:
        tracemalloc.stop()


def zip_with(path, entry, content=b"", **attributes):
    """A good set and one more entry, with the ZipInfo's attributes as given."""
    with zipfile.ZipFile(write_zip(path, FILES), "a", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(entry)
        for name, value in attributes.items():
            setattr(info, name, value)
        archive.writestr(info, content)
    return path


def patched(path, old, new):
    """Replace bytes in a file wherever they occur."""
    content = path.read_bytes()
    assert old in content and len(old) == len(new)
    path.write_bytes(content.replace(old, new))
    return path


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/a", "C:/a", "..\\a", "\\\\host\\a"])
def test_paths_outside_the_archive(tmp_path, name):
    message = refused(zip_with(tmp_path / "set.zip", name), "must be a path inside the archive")
    assert f"`{name}`" in message and "Do not trust this file" in message


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK])
def test_links_and_devices(tmp_path, kind):
    path = zip_with(
        tmp_path / "set.zip", "images/a.jpg", b"/etc/passwd", external_attr=(kind | 0o777) << 16
    )
    refused(path, "`images/a.jpg` must be a plain file; got a link, a device or")


def test_names_that_a_terminal_would_obey(tmp_path):
    path = zip_with(tmp_path / "set.zip", "images/\x1b[2Jim9.jpg")
    message = refused(
        path, r"names in the archive must be printable; got 'images/\\x1b\[2Jim9.jpg'"
    )
    assert "\x1b" not in message


def test_names_that_are_empty(tmp_path):
    # zipfile cuts names at the first zero byte.
    path = patched(zip_with(tmp_path / "set.zip", "empty"), b"empty", b"\0mpty")
    refused(path, "names in the archive must be printable; got ''")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_come_twice(tmp_path):
    path = zip_with(tmp_path / "set.zip", "joints.mat", b"another")
    refused(path, "`joints.mat` must be in the archive once; got it 2 times")


@pytest.mark.parametrize("method", [9, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 93])
def test_compressions_other_than_deflate(tmp_path, method):
    path = write_zip(tmp_path / "set.zip", FILES)
    with zipfile.ZipFile(path, "a") as archive:
        for entry in archive.infolist():
            entry.compress_type = method
        archive._didModify = True
    message = refused(path, f"`joints.mat` must be readable; got compression method {method}")
    assert "unpack them and name the folder" in message and "Do not trust" not in message


@pytest.mark.parametrize("start", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x1f\x8b\x08"])
def test_archives_that_are_no_zip(tmp_path, start):
    path = tmp_path / "set.zip"
    path.write_bytes(start + bytes(100))
    refused(path, "neither .*Unpack an archive of another kind and name the folder")


def test_too_many_files(monkeypatch, tmp_path):
    path = write_zip(tmp_path / "set.zip", FILES)
    monkeypatch.setattr(containers, "ENTRY_LIMIT", len(FILES))
    assert len(lsp.read(path)) == 2
    monkeypatch.setattr(containers, "ENTRY_LIMIT", len(FILES) - 1)
    refused(path, "must hold at most 2 files; got 3")


def test_too_many_bytes_in_all(tmp_path):
    path = zip_with(tmp_path / "set.zip", "a", b"x" * 77)
    # Three entries that declare 4 GB each, though they hold next to nothing.
    with zipfile.ZipFile(path, "a") as archive:
        for name in "bcd":
            archive.writestr(name, b"y" * 77)
        for entry in archive.infolist()[-3:]:
            entry.file_size = 0xFFFFFF00
        archive._didModify = True
    total = 3 * 0xFFFFFF00 + 77 + sum(map(len, FILES.values()))
    refused(path, f"must unpack to at most {8 << 30:,} bytes; got {total:,}")


def test_bomb_in_one_entry(monkeypatch, tmp_path):
    monkeypatch.setattr(containers, "FILE_LIMIT_BYTES", 1 << 20)
    path = write_zip(tmp_path / "set.zip", FILES | {"images/im00002.jpg": bytes(20 << 20)})
    labels_path = write_zip(tmp_path / "labels.zip", FILES | {"joints.mat": bytes(20 << 20)})
    assert path.stat().st_size < 50_000
    limit = "must be readable; got 20,971,520 bytes, more than the limit of 1,048,576"
    with memory_below(4 << 20):
        refused(path, f"im00002.jpg` {limit}")
        with pytest.warns(UserWarning, match="dropped 1 pictures"):
            assert len(lsp.read(path, bad_images="skip")) == 1
        refused(labels_path, f"`joints.mat` {limit}")


def test_bomb_that_declares_little(tmp_path):
    name, size = "images/im00002.jpg", 10 << 20
    path = write_zip(tmp_path / "set.zip", FILES | {name: picture(300, 300) + bytes(size)})
    declared = struct.pack("<I", len(picture(300, 300)) + size)
    patched(path, declared, struct.pack("<I", 5000))
    dataset = lsp.read(path)
    finding = f"`{name}` must be readable; got Bad CRC-32"
    with memory_below(1 << 20), pytest.raises(PosekitError, match=finding):
        dataset.read_image("im00002")


def test_bombs_in_a_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(containers, "FILE_LIMIT_BYTES", 5000)
    path = write_folder(tmp_path, FILES | {"images/im00002.jpg": bytes(5001)})
    refused(path, "im00002.jpg` must be readable; got 5,001 bytes, more than the limit of 5,000")


def test_encrypted_entries(tmp_path):
    path = write_zip(tmp_path / "set.zip", FILES)
    with zipfile.ZipFile(path, "a") as archive:
        for entry in archive.infolist():
            entry.flag_bits |= 1
        archive._didModify = True
    refused(path, "`joints.mat` must be readable; got .*encrypted")


def test_every_cut_of_a_zip(tmp_path):
    path = write_zip(tmp_path / "set.zip", FILES)
    content = path.read_bytes()
    for length in range(0, len(content), 50):
        path.write_bytes(content[:length])
        refused(path, "must be a folder or a zip file; got .*neither")


def test_an_entry_that_declares_nothing(tmp_path):
    # Reading no bytes is where a checksum is easily forgotten.
    name = "images/im00002.jpg"
    path = write_zip(tmp_path / "set.zip", FILES)
    files = containers.open_container(path)
    assert zlib.crc32(files.read(name)) == zlib.crc32(FILES[name])
    patched(path, struct.pack("<I", len(FILES[name])), bytes(4))
    with pytest.raises(PosekitError, match=f"`{name}` must be readable; got Bad CRC-32"):
        containers.open_container(path).read(name)


def test_a_name_longer_than_any_file_system_takes(tmp_path):
    refused(tmp_path / ("a" * 5000), "must be a folder or a zip file; .* too long")


def test_numbers_longer_than_any_set_has(tmp_path):
    files = lspet_files(labels(1))
    long = {"images/im" + "1" * 5000 + ".jpg": picture(), "joints.mat": files["joints.mat"]}
    refused(write_zip(tmp_path / "set.zip", long), "im and a number of at most 9 digits; got im111")


def test_names_of_no_encoding(tmp_path):
    path = zip_with(tmp_path / "set.zip", "images/é.jpg")
    patched(path, "é".encode(), b"\xff\xff")
    refused(path, "must be a folder or a zip file; got .*utf-8")


def png(*chunks):
    """A PNG of the given (kind, content) chunks, with right checksums."""
    blocks = [
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(blocks)


def png_header(width, height):
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)


def empty_png(width, height):
    return png(png_header(width, height), (b"IDAT", b""), (b"IEND", b""))


def huge_jpeg(width, height):
    """A small JPEG whose header claims another size."""
    content = picture(20, 10)
    old = struct.pack(">HH", 10, 20)
    position = content.index(b"\xff\xc0") + 5
    assert content[position : position + 4] == old
    return content[:position] + struct.pack(">HH", height, width) + content[position + 4 :]


def other_format(name):
    return picture(file_format=name)


BAD_PICTURES = {
    "empty": (b"", "no JPEG or PNG header|0 bytes that begin like neither"),
    "page": (b"<html>404</html>", "no JPEG or PNG header|16 bytes that begin like neither"),
    "GIF": (other_format("GIF"), "no JPEG or PNG header|bytes that begin like neither"),
    "BMP": (other_format("BMP"), "no JPEG or PNG header|bytes that begin like neither"),
    "TIFF": (other_format("TIFF"), "no JPEG or PNG header|bytes that begin like neither"),
    "WebP": (other_format("WEBP"), "no JPEG or PNG header|bytes that begin like neither"),
    "just too large": (empty_png(8000, 10_001), "80,000,000 pixels.*; got 8000 x 10001"),
    "too large": (huge_jpeg(12_000, 10_000), "80,000,000 pixels.*; got 12000 x 10000"),
    "far too large": (huge_jpeg(65_000, 65_000), "at most 80,000,000 pixels; got .*4225000000 pix"),
    "huge PNG": (empty_png(2**31 - 1, 2**31 - 1), "at most 80,000,000 pixels; got .*exceeds"),
    "too long": (empty_png(70_000, 1), "sides of at most 65,535; got 70000 x 1"),
    "without width": (empty_png(0, 5), "no JPEG or PNG header|bytes that begin like neither"),
    "without height": (huge_jpeg(20, 0), "no JPEG or PNG header|bytes that begin like neither"),
    "cut header": (empty_png(5, 5)[:20], "damaged header .Truncated File Read"),
    "text bomb": (
        png(png_header(5, 5), (b"zTXt", b"a\0\0" + zlib.compress(bytes(20 << 20)))),
        "damaged header .Decompressed data too large|do not decode .Decomp",
    ),
}

OTHER_FORMATS = ("GIF", "BMP", "TIFF", "WebP")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("case", BAD_PICTURES)
def test_bad_pictures_are_refused_before_they_are_decoded(tmp_path, case):
    content, finding = BAD_PICTURES[case]
    write_folder(tmp_path, FILES | {"images/im00002.jpg": content})
    with memory_below(8 << 20):
        message = refused(tmp_path, f"`images/im00002.jpg` must .*({finding})")
        assert "Get it again, or drop it" in message
        with pytest.warns(UserWarning, match="dropped 1 pictures that cannot be used: .*im00002"):
            assert len(lsp.read(tmp_path, bad_images="skip")) == 1
        path = tmp_path / "images" / "im00002.jpg"
        if case in OTHER_FORMATS:  # fine as a photograph of one's own
            assert photos.read_photo(path).ndim == 3
            return
        finding = finding.replace("like neither", "like none")
        with pytest.raises(PosekitError, match=rf"im00002\.jpg: must .*({finding})"):
            photos.read_photo(path)


def test_a_large_photograph_is_welcome(monkeypatch, tmp_path):
    # As many pixels as the limit allows, for a limit that a test can afford.
    monkeypatch.setattr(image_files, "PIXEL_LIMIT", 200)
    (tmp_path / "photo.jpg").write_bytes(picture(20, 10))
    assert photos.read_photo(tmp_path / "photo.jpg").shape == (10, 20, 3)
    monkeypatch.setattr(image_files, "PIXEL_LIMIT", 199)
    with pytest.raises(PosekitError, match="at most 199 pixels .* got 20 x 10"):
        photos.read_photo(tmp_path / "photo.jpg")
    # Pillow's own warning comes later than the limit.
    monkeypatch.undo()
    assert image_files.PIXEL_LIMIT < Image.MAX_IMAGE_PIXELS


def test_pictures_of_many_scans(monkeypatch):
    # Each scan of a progressive picture passes over all of its pixels again.
    content = picture(20, 10, progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    many = content[:-2] + last * 1001 + content[-2:]
    scans = many.count(b"\xff\xda")
    with pytest.raises(PosekitError, match=f"at most 1,000 scans; got {scans:,}"):
        image_files.decode(many)
    few = content[:-2] + last * 90 + content[-2:]
    assert image_files.decode(few).shape == (10, 20, 3)
    # A PNG may hold these bytes anywhere: they mean nothing in it.
    image_files.check_scans(b"\x89PNG" + b"\xff\xda" * 1001)


def test_a_png_with_a_wrong_checksum():
    # What is wrong here would else be other pixels: Pillow does not look.
    content = picture(file_format="PNG")
    assert image_files.decode(content).shape == (10, 20, 3)
    size = struct.unpack_from(">I", content, content.index(b"IDAT") - 4)[0]
    place = content.index(b"IDAT") + 4 + size
    for spoilt in (place, place - 1):
        changed = content[:spoilt] + bytes([content[spoilt] ^ 1]) + content[spoilt + 1 :]
        with pytest.raises(PosekitError, match="bytes that do not decode .*(bad|broken) "):
            image_files.decode(changed)


def test_files_without_end(monkeypatch, tmp_path):
    monkeypatch.setattr(image_files, "FILE_LIMIT_BYTES", 100_000)
    endless = tmp_path / "photo.jpg"
    endless.symlink_to("/dev/zero")
    with pytest.raises(PosekitError, match="photo.jpg: must have at most 100,000 bytes; got more"):
        photos.read_photo(endless)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_every_cut_of_a_picture(tmp_path, file_format):
    content = picture(40, 30, file_format=file_format)
    path = tmp_path / "photo"
    for length in range(0, len(content) - 20, 23):
        path.write_bytes(content[:length])
        with pytest.raises(PosekitError, match="photo: must be a "):
            photos.read_photo(path)


def test_orientation_turns_photographs_but_not_labelled_pictures(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((10, 20, 3), np.uint8)
    pixels[:, :10] = 250
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", exif=exif, quality=95)
    dataset = lsp.read(write_folder(tmp_path, FILES | {"images/im00001.jpg": buffer.getvalue()}))
    assert dataset.image_sizes_px[0].tolist() == [20, 10]
    np.testing.assert_allclose(lsp.decode(dataset, 0), pixels, atol=12)
    shown = photos.read_photo(tmp_path / "images" / "im00001.jpg")
    np.testing.assert_array_equal(shown, np.rot90(lsp.decode(dataset, 0), -1))


def test_cmyk_becomes_rgb(tmp_path):
    colours = np.zeros((8, 24, 3), np.uint8)
    colours[:, :8, 0], colours[:, 8:16, 1], colours[:, 16:, 2] = 255, 255, 255
    Image.fromarray(colours).convert("CMYK").save(tmp_path / "photo.jpg", quality=100)
    with Image.open(tmp_path / "photo.jpg") as image:
        assert image.mode == "CMYK"
    got = photos.read_photo(tmp_path / "photo.jpg")[:, [4, 12, 20]]
    np.testing.assert_allclose(got, colours[:, [4, 12, 20]], atol=6)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_of_sixteen_bits_the_upper_eight_count(tmp_path, channels):
    shape = (5, 6) if channels == 1 else (5, 6, channels)
    deep = np.random.default_rng(0).integers(0, 65_536, shape, np.uint16)
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), deep)  # channels in the order B, G, R, A
    expected = np.repeat(deep[..., None], 3, axis=-1) if channels == 1 else deep[..., 2::-1]
    np.testing.assert_array_equal(photos.read_photo(path), expected >> 8)


def test_sixteen_bits_in_a_set(tmp_path):
    deep = (np.arange(200, dtype=np.uint16) * 300).reshape(10, 20)
    encoded = cv2.imencode(".png", deep)[1].tobytes()
    files = {name: content for name, content in FILES.items() if name != "images/im00001.jpg"}
    dataset = lsp.read(write_folder(tmp_path, files | {"images/im00001.png": encoded}))
    np.testing.assert_array_equal(lsp.decode(dataset, 0)[..., 1], deep >> 8)
    assert lsp.check_images(dataset) == []


def read_labels(content, count=2):
    return joints_mat.read_joints("set", content, count)


def refused_labels(content, finding):
    with pytest.raises(PosekitError, match=f"set: `joints.*{finding}"):
        read_labels(content)


TYPES = ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("shape", [(3, 14, 5), (14, 3, 5)])
@pytest.mark.parametrize("stored", TYPES)
def test_labels_are_what_scipy_reads(stored, shape, compressed):
    joints = (np.random.default_rng(0).normal(size=shape) * 100).astype(stored)
    buffer = io.BytesIO()
    others = {"a": "text", "z": {"q": np.ones(2)}, "very_long_name": np.eye(2)}
    scipy.io.savemat(buffer, {**others, "joints": joints}, do_compression=compressed)
    buffer.seek(0)
    oracle = scipy.io.loadmat(buffer)["joints"]
    got, is_lsp = read_labels(buffer.getvalue(), 5)
    assert is_lsp == (shape[0] == 3) and got.dtype == np.float64
    np.testing.assert_array_equal(got, oracle.transpose((2, 1, 0) if is_lsp else (2, 0, 1)))


def element(kind, content, order="<"):
    padding = bytes(-len(content) % 8)
    return struct.pack(f"{order}II", kind, len(content)) + content + padding


def labels_by_hand(order, value_type=9, values=None, flags=6):
    """joints.mat with labels of two images, byte by byte as the format describes them."""
    values = labels(2).transpose(1, 2, 0) if values is None else values
    mark = b"\x00\x01IM" if order == "<" else b"\x01\x00MI"
    parts = (
        element(6, struct.pack(f"{order}II", flags, 0), order)
        + element(5, struct.pack(f"{order}3i", 14, 3, 2), order)
        + element(1, b"joints", order)
        + element(value_type, values.astype(f"{order}f8").tobytes(order="F"), order)
    )
    return b"MATLAB 5.0 MAT-file".ljust(124) + mark + element(14, parts, order)


@pytest.mark.parametrize("order", ["<", ">"])
def test_labels_of_either_byte_order(order):
    np.testing.assert_array_equal(read_labels(labels_by_hand(order))[0], labels(2))


def test_a_type_that_ends_scipys_process():
    for value_type in (0, 8, 10, 25, 250):
        refused_labels(labels_by_hand("<", value_type), f"values of the unknown type {value_type}")


def hdf5(tmp_path, userblock):
    path = tmp_path / "joints.mat"
    with h5py.File(path, "w", userblock_size=userblock) as file:
        file["joints"] = labels(2)
    content = path.read_bytes()
    head = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    return head + content[128:] if userblock else content


@pytest.mark.parametrize("userblock", [0, 512])
def test_version_7_3_is_named(tmp_path, userblock):
    refused_labels(hdf5(tmp_path, userblock), r"version 7 or older; got version 7.3 \(HDF5\)")


@pytest.mark.parametrize("compressed", [False, True])
def test_every_cut_of_the_labels(compressed):
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"joints": labels(2).transpose(1, 2, 0)}, do_compression=compressed)
    content = buffer.getvalue()
    for length in itertools.chain(range(0, len(content) - 1, 7), [len(content) - 1]):
        # After the header alone, the file is a whole one without variables.
        finding = (
            r"variable `joints`; got \[\]" if length == 128 else f"got {length} bytes that are"
        )
        refused_labels(content[:length], finding)


def test_every_byte_changed_in_the_labels():
    content = mat(joints=labels(2).transpose(1, 2, 0))
    outcomes = set()
    for position in range(128, 210):
        for value in (0, 1, 127, 255):
            changed = content[:position] + bytes([value]) + content[position + 1 :]
            try:
                read_labels(changed)
                outcomes.add("read")
            except PosekitError:
                outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_sizes_that_lie():
    whole = labels_by_hand("<")
    position = whole.index(struct.pack("<II", 9, 672))
    for size in (0, 671, 680, 2**32 - 1):
        lying = whole[: position + 4] + struct.pack("<I", size) + whole[position + 8 :]
        refused_labels(lying, "ends early|for the shape")
    cut = zlib.compress(whole[128:])[:-3]
    refused_labels(whole[:128] + struct.pack("<II", 15, len(cut)) + cut, "values that end early")
    refused_labels(labels_by_hand("<", values=labels(3).transpose(1, 2, 0)), "for the shape")


def test_bomb_in_the_labels(monkeypatch):
    bomb = zlib.compress(labels_by_hand("<")[128:] + bytes(20 << 20))
    content = labels_by_hand("<")[:128] + struct.pack("<II", 15, len(bomb)) + bomb
    monkeypatch.setattr(joints_mat, "INFLATED_LIMIT_BYTES", 1 << 20)
    with memory_below(4 << 20):
        refused_labels(content, "must unpack to at most 1,048,576 bytes; got more")


def test_many_small_bombs_in_the_labels(monkeypatch):
    # Each is within the limit; together they are not.
    monkeypatch.setattr(joints_mat, "INFLATED_LIMIT_BYTES", 1 << 20)
    small = zlib.compress(bytes(300 << 10))
    part = struct.pack("<II", 15, len(small)) + small
    whole = labels_by_hand("<")
    assert read_labels(whole[:128] + 3 * part + whole[128:])[1] is False
    refused_labels(whole[:128] + 4 * part + whole[128:], "must unpack to at most 1,048,576 bytes")


def test_labels_that_are_no_numbers():
    cells = np.full((14, 3, 2), None)
    cells[:] = [[["a"]]]
    for variable, finding in (
        (cells, "got the class cell"),
        (np.full((14, 3, 2), "a"), "got the class char|must have shape"),
        (np.ones((14, 3, 2)) * 1j, "got the class complex"),
        ({"a": 1}, r"got \(1, 1\)\.\n.*got the class struct"),
        (scipy.sparse.eye(3), r"got \(3, 3\)\.\n.*got the class sparse"),
    ):
        refused_labels(mat(joints=variable), f"(.|\\n)*({finding})")
    refused_labels(labels_by_hand("<", flags=200), "got the class unknown")
    refused_labels(mat(other=1), r"variable `joints`; got \['other'\]")


def test_labels_full_of_nan(tmp_path):
    joints = np.full((2, 14, 3), np.nan)
    message = refused(
        write_folder(tmp_path, lspet_files(joints)),
        r"`joints` in joints.mat must be finite and lie where a picture can; "
        r"got \[nan, nan\] for right_ankle of im00001",
    )
    assert "... and 46 more." in message


@pytest.mark.parametrize(
    ("table", "finding"),
    [
        (
            b"image,activity,person_count\nim00001," + b"x" * 200_000,
            "of every picture; got field lar",
        ),
        (b"image,activity,person_count\nim00001\nim00002,a,1", "invalid literal for .*: ''"),
        (b"image,activity,person_count\nim00001,a," + b"9" * 5000 + b"\nim00002,a,1", "limit"),
        (b"image,activity,person_count\nim00001,a," + b"9" * 50 + b"\nim00002,a,1", "too large"),
        (b"activity,person_count,image\na\nb,1,im00001\n", "got none of 'im00002'"),
        (b"\xff\xfe\x00", "got none of 'im00001'"),
    ],
)
def test_annotations(tmp_path, table, finding):
    files = FILES | {"synthetic.json": b"{}", "annotations.csv": table}
    refused(write_folder(tmp_path, files), finding)
