import json

import numpy as np
import pytest
from PIL import Image

from posekit import prediction
from posekit.errors import PosekitError
from posekit.skeleton import JOINTS


class ConstantPose:
    """Stands in for a network: the same pose of the 96 x 96 frame for every picture."""

    input_shape = (None, 96, 96, 3)

    def __init__(self, pose_px):
        self.pose_px = np.asarray(pose_px, np.float32)

    def predict(self, batches, verbose):
        count = sum(len(batch) for batch in batches.as_numpy_iterator())
        return np.tile(self.pose_px.ravel(), (count, 1))


@pytest.fixture
def model():
    return ConstantPose(np.random.default_rng(0).uniform(0, 95, (14, 2)))


def photo(width_px=192, height_px=48, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA", "P", "1"])
def test_every_kind_of_picture_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("photo.jpg" if mode == "CMYK" else "photo.png")
    white = Image.new("RGB", (6, 4), (255, 255, 255))
    white.convert(mode).save(path)
    got = prediction.read_photo(path)
    assert got.shape == (4, 6, 3) and got.dtype == np.uint8
    np.testing.assert_allclose(got, 255, atol=2)


def test_png_keeps_its_pixels(tmp_path):
    photo().save(tmp_path / "photo.png")
    np.testing.assert_array_equal(prediction.read_photo(tmp_path / "photo.png"), np.array(photo()))


def test_exif_orientation_is_applied(tmp_path):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = [255, 0, 0]  # the stored picture's left half is red
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned clockwise by a quarter: left comes to lie on top
    Image.fromarray(pixels).save(tmp_path / "photo.jpg", exif=exif, quality=95)
    shown = prediction.read_photo(tmp_path / "photo.jpg")
    assert shown.shape == (40, 20, 3)
    assert shown[5:15, :, 0].min() > 200 and shown[25:35, :, 0].max() < 50


def test_missing_photo_is_named(tmp_path):
    with pytest.raises(PosekitError, match=r"no\.jpg: .* got No such file or directory"):
        prediction.read_photo(tmp_path / "no.jpg")
    with pytest.raises(PosekitError, match="must be a readable file; got Is a directory"):
        prediction.read_photo(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "photo.jpg").write_bytes(content)
    finding = rf"photo\.jpg: must be a JPEG or PNG image; got {len(content)} bytes that begin"
    with pytest.raises(PosekitError, match=finding):
        prediction.read_photo(tmp_path / "photo.jpg")


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png"])
def test_half_a_picture_is_refused(tmp_path, name):
    photo().save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PosekitError, match=rf"must be a whole .* got {len(whole) // 2} bytes"):
        prediction.read_photo(tmp_path / name)


def test_keypoints_are_in_pixels_of_the_photograph():
    # Frame to 192 x 48: x grows twofold, y shrinks by half, about the pixels' outer border.
    pose_px = np.stack([np.linspace(-0.5, 95.5, 14), np.linspace(95.5, -0.5, 14)], axis=1)
    got = prediction.predict_photo(ConstantPose(pose_px), np.array(photo(192, 48)))
    expected = np.stack([np.linspace(-0.5, 191.5, 14), np.linspace(47.5, -0.5, 14)], axis=1)
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_keypoints_scale_with_the_photograph(model):
    small = prediction.predict_photo(model, np.array(photo(60, 90)))
    large = prediction.predict_photo(model, np.array(photo(180, 270)))
    np.testing.assert_allclose(large + 0.5, 3 * (small + 0.5), atol=1e-3)


def test_files_are_drawn_and_described(tmp_path, model):
    photo(192, 48).save(tmp_path / "first.png")
    photo(50, 70).save(tmp_path / "second.jpg")
    paths = [str(tmp_path / "first.png"), str(tmp_path / "second.jpg")]
    results = prediction.predict_files(model, paths, tmp_path / "new" / "folder")

    assert [result["image"] for result in results] == paths
    for result, path, size in zip(results, paths, [(192, 48), (50, 70)], strict=True):
        with Image.open(result["drawn"]) as drawn:
            assert drawn.format == "PNG" and drawn.size == size
            assert not np.array_equal(np.asarray(drawn), prediction.read_photo(path))
        described = json.loads(result["json"].read_text())
        assert (described["image"], described["width_px"], described["height_px"]) == (path, *size)
        assert list(described["keypoints_px"]) == list(JOINTS)
        written_px = np.array(list(described["keypoints_px"].values()))
        np.testing.assert_allclose(written_px, result["keypoints_px"], atol=0.006)
        assert ((written_px > -0.5) & (written_px < np.array(size) - 0.5)).all()
    files = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert files == ["first_pose.json", "first_pose.png", "second_pose.json", "second_pose.png"]


def test_photographs_themselves_are_left_alone(tmp_path, model):
    photo().save(tmp_path / "photo.png")
    before = (tmp_path / "photo.png").read_bytes()
    prediction.predict_files(model, [tmp_path / "photo.png"], tmp_path)
    assert (tmp_path / "photo.png").read_bytes() == before


def test_drawn_colours_are_not_swapped(tmp_path, model):
    Image.new("RGB", (192, 48), (250, 0, 0)).save(tmp_path / "red.png")
    (result,) = prediction.predict_files(model, [tmp_path / "red.png"], tmp_path)
    drawn = prediction.read_photo(result["drawn"])
    assert (drawn == [250, 0, 0]).all(axis=-1).any()
    assert not (drawn == [0, 0, 250]).all(axis=-1).any()


def test_two_photographs_of_one_name_are_refused_before_anything_is_written(tmp_path, model):
    paths = [tmp_path / "a" / "x.jpg", tmp_path / "b" / "x.png"]
    with pytest.raises(PosekitError, match="names must differ.*got 'x' more than once"):
        prediction.predict_files(model, paths, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_was_written_before_a_bad_photograph_stays(tmp_path, model):
    photo().save(tmp_path / "good.png")
    with pytest.raises(PosekitError, match=r"bad\.png: the image must be a readable file"):
        prediction.predict_files(model, [tmp_path / "good.png", tmp_path / "bad.png"], tmp_path)
    assert (tmp_path / "good_pose.json").is_file()
