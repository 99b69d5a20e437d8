"""Which way up pictures are, and in which frame their labels are."""

import io
import json
import struct
import warnings
import zlib

import numpy as np
import pytest
from coco_sets import COCO17, content, write
from PIL import Image, ImageOps

from posekit.datasets import image_files, orientation, sources
from posekit.datasets.exports import recognition
from posekit.estimators.predict import photos

LOADING = {"synthetic_images": 10, "seed": 0}
UPRIGHT = (30, 50)
FORMATS = ("JPEG", "MPO", "PNG", "PNG, at its end")


def shown():
    """uint8 (50, 30, 3), four corners of different brightness."""
    pixels = np.zeros((50, 30, 3), np.uint8)
    pixels[:25, :15], pixels[:25, 15:], pixels[25:, :15] = 240, 160, 80
    return pixels


def encoded(turn, file_format):
    """The picture as a camera stores it that is held another way."""
    back = {6: 8, 8: 6}.get(turn, turn)
    stored = orientation.turned(Image.fromarray(shown()), back)
    exif = Image.Exif()
    exif[orientation.TAG] = turn
    buffer = io.BytesIO()
    if file_format == "MPO":
        small = stored.resize((8, 8))
        stored.save(buffer, "MPO", save_all=True, append_images=[small], exif=exif, quality=95)
    elif file_format == "JPEG":
        stored.save(buffer, "JPEG", exif=exif, quality=95)
    elif file_format == "PNG":
        stored.save(buffer, "PNG", exif=exif)
    else:
        stored.save(buffer, "PNG")
        block = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
        chunk = struct.pack(">I", len(block) - 4) + block + struct.pack(">I", zlib.crc32(block))
        return buffer.getvalue()[:-12] + chunk + buffer.getvalue()[-12:]
    return buffer.getvalue()


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("turn", range(1, 9))
def test_every_reader_shows_what_viewers_show(tmp_path, turn, file_format):
    content_ = encoded(turn, file_format)
    assert image_files.read_frame(io.BytesIO(content_)) == (UPRIGHT, turn)
    for pixels in (
        image_files.decode(content_, upright=True),
        image_files.decode(image_files.upright(content_)),
    ):
        np.testing.assert_allclose(pixels.astype(int), shown(), atol=40)
    path = tmp_path / "photo.jpg"
    path.write_bytes(content_)
    np.testing.assert_allclose(photos.read_photo(path).astype(int), shown(), atol=40)
    with Image.open(io.BytesIO(content_)) as image:
        assert ImageOps.exif_transpose(image).size == UPRIGHT


@pytest.mark.parametrize("turn", range(1, 9))
def test_points_and_boxes_turn_with_their_picture(turn):
    stored_px = orientation.upright_size(UPRIGHT, turn)
    stored = np.zeros(stored_px[::-1], np.uint8)
    point = np.array([4, 7])
    stored[point[1], point[0]] = 1
    upright = np.asarray(orientation.turned(Image.fromarray(stored), turn))
    (y,), (x,) = np.nonzero(upright)
    assert orientation.points_to_upright(point, UPRIGHT, turn).tolist() == [x, y]
    box = orientation.box_to_upright([4, 7, 1, 1], UPRIGHT, turn)
    assert box.tolist() == [x, y, 1, 1]


def test_a_damaged_note_is_none():
    content_ = bytearray(encoded(6, "JPEG"))
    start = content_.index(b"Exif\0\0")
    content_[start + 6 : start + 14] = bytes(8)
    assert image_files.read_frame(io.BytesIO(bytes(content_)))[1] == 1


def turned_set(folder, turn, positions, declared, file_format="JPEG", count=3):
    """A set whose keypoint k is at positions[k]; `declared` stands as its size, or None."""
    stored = content(count)
    path = write(folder, stored)
    for image, one in zip(stored["images"], stored["annotations"], strict=True):
        image.pop("width"), image.pop("height")
        if declared is not None:
            image["width"], image["height"] = declared
        (folder / "images" / image["file_name"]).write_bytes(encoded(turn, file_format))
        one["keypoints"] = [value for x, y in positions for value in (float(x), float(y), 2)]
        one["bbox"] = []
    path.write_text(json.dumps(stored))
    return path


# Keypoints over the whole upright picture, and over the whole of it as stored.
STANDING = np.stack([np.linspace(2, 27, 17), np.linspace(1, 48, 17)], axis=-1)
LYING = STANDING[:, ::-1]
SMALL = np.stack([np.linspace(2, 27, 17), np.linspace(1, 28, 17)], axis=-1)


def read(path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = sources.load(str(path), **LOADING)
    return dataset, " ".join(str(warning.message) for warning in caught)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("turn", [5, 6, 7, 8])
@pytest.mark.parametrize("declared", [UPRIGHT, UPRIGHT[::-1], None], ids=["upright", "stored", "-"])
def test_labels_of_the_upright_picture(tmp_path, turn, declared, file_format):
    dataset, said = read(turned_set(tmp_path, turn, STANDING, declared, file_format))
    np.testing.assert_allclose(dataset.keypoints_px[0], STANDING)
    assert dataset.labelled.all() and (dataset.image_sizes_px == UPRIGHT).all()
    assert ("width and height are those of the file as stored" in said) == (
        declared == UPRIGHT[::-1]
    )


@pytest.mark.parametrize("turn", [5, 6, 7, 8])
@pytest.mark.parametrize("declared", [UPRIGHT[::-1], None], ids=["stored", "-"])
def test_labels_of_the_frame_as_stored(tmp_path, turn, declared):
    dataset, said = read(turned_set(tmp_path, turn, LYING, declared))
    expected = orientation.points_to_upright(LYING, UPRIGHT, turn)
    np.testing.assert_allclose(dataset.keypoints_px[0], expected)
    assert dataset.labelled.all() and (dataset.image_sizes_px == UPRIGHT).all()
    assert "3 pictures: the labels are in the frame of the file as stored" in said


def test_what_fits_both_is_upright_and_goes_with_the_others(tmp_path):
    path = turned_set(tmp_path, 6, SMALL, UPRIGHT[::-1])
    np.testing.assert_allclose(read(path)[0].keypoints_px[0], SMALL)
    stored = json.loads(path.read_text())
    lying = [value for x, y in LYING for value in (float(x), float(y), 2)]
    for one in stored["annotations"][1:]:
        one["keypoints"] = lying
    path.write_text(json.dumps(stored))
    expected = orientation.points_to_upright(SMALL, UPRIGHT, 6)
    np.testing.assert_allclose(read(path)[0].keypoints_px[0], expected)


def test_one_joint_outside_tells_nothing(tmp_path):
    positions = SMALL.copy()
    positions[0] = [33, 10]  # a hand beyond the right edge
    dataset, _ = read(turned_set(tmp_path, 6, positions, UPRIGHT))
    np.testing.assert_allclose(dataset.keypoints_px[0], positions)
    assert not dataset.labelled[0, 0] and dataset.labelled[0, 1:].all()


def test_width_and_height_exchanged_by_a_slip(tmp_path):
    dataset, said = read(turned_set(tmp_path, 1, STANDING, UPRIGHT[::-1]))
    assert dataset.labelled.all() and "width and height" in said
    path = turned_set(tmp_path, 1, LYING, UPRIGHT[::-1])
    with pytest.raises(ValueError, match="must have the size that its annotations were made on"):
        read(path)


def test_shares_of_the_picture_are_of_the_upright_one(tmp_path):
    path = turned_set(tmp_path, 6, STANDING, UPRIGHT[::-1])
    tasks = [
        {
            "data": {"image": f"im{n}.jpg"},
            "annotations": [
                {
                    "result": [
                        {
                            "value": {
                                "x": 100 * (x + 0.5) / 30,
                                "y": 100 * (y + 0.5) / 50,
                                "keypointlabels": [name],
                            },
                            "original_width": 50,
                            "original_height": 30,
                        }
                        for name, (x, y) in zip(COCO17, STANDING, strict=True)
                    ]
                }
            ],
        }
        for n in (1, 2, 3)
    ]
    path.write_text(json.dumps(tasks))
    dataset, _ = read(path)
    np.testing.assert_allclose(dataset.keypoints_px[0], STANDING)
    assert recognition.open_labels(path, tmp_path / "images").kind == "Label Studio's JSON"
