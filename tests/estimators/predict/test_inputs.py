"""Which files are predicted, what is left out and said, and what outputs are called."""

import json
from pathlib import Path

import films
import numpy as np
import pytest
from PIL import Image
from test_photos import ConstantPose

from posekit.errors import PosekitError
from posekit.estimators.predict import inputs, photos

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)


def photo(path, form=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(films.square(3)).save(path, format=form)
    return path


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.webp", None),
        ("a.avif", None),
        ("a.tif", None),
        ("a.bmp", None),
        ("a.gif", None),
        ("a.jfif", "JPEG"),
        ("a.jpe", "JPEG"),
        ("a.jp2", None),
        ("a.ppm", None),
        ("a", "PNG"),
        ("a.txt", "JPEG"),
        ("a.jpg", "WEBP"),
        ("a.mp4", "PNG"),
    ],
)
def test_every_usual_picture_is_read_whatever_its_name(tmp_path, name, form):
    path = photo(tmp_path / name, form)
    assert inputs.find_files([tmp_path]) == ([path], {})
    got = photos.read_photo(path)
    assert np.abs(got.astype(int) - films.square(3)).mean() < 12
    (result,) = photos.predict_files(ConstantPose(), [path], tmp_path / "out")
    assert result["problem"] is None and result["drawn"].name == "a_pose.png"


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.tif", "I;16"), ("a.tif", "CMYK"), ("a.png", "LA"), ("a.webp", "RGBA"), ("a.gif", "P")],
)
def test_every_mode_becomes_rgb(tmp_path, name, mode):
    if mode == "I;16":
        grey = Image.fromarray(np.full((4, 6), 204 * 257, np.uint16))
    else:
        grey = Image.new("RGB", (6, 4), (204, 204, 204)).convert(mode)
    grey.save(tmp_path / name)
    np.testing.assert_allclose(photos.read_photo(tmp_path / name), 204, atol=3)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_deep_greys_are_not_clipped(tmp_path, dtype):
    values = np.linspace(0, 65535, 24).reshape(4, 6).astype(dtype)
    Image.fromarray(values).save(tmp_path / "deep.tif")
    got = photos.read_photo(tmp_path / "deep.tif")
    np.testing.assert_allclose(got[..., 0], values / 257, atol=1)


@pytest.mark.parametrize("name", ["a.webp", "a.tif", "a.avif", "a.png"])
def test_orientation_is_applied_in_every_format(tmp_path, name):
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = films.square(3)
    Image.fromarray(np.rot90(upright).copy()).save(tmp_path / name, exif=exif)
    got = photos.read_photo(tmp_path / name)
    assert got.shape == upright.shape and np.abs(got.astype(int) - upright).mean() < 12


def test_what_a_folder_holds_else_is_named_and_counted(tmp_path):
    wanted = [photo(tmp_path / name) for name in ("a.jpg", "b.webp")]
    (tmp_path / "IMG_1.HEIC").write_bytes(HEIC)
    (tmp_path / "clip.mts").write_bytes(b"G" * 188)
    for name in ("notes.txt", "IMG_1.AAE", "._a.jpg", ".hidden", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).write_text("x")
    photo(tmp_path / "deeper" / "c.jpg")
    paths, left_out = inputs.find_files([tmp_path])
    assert paths == [tmp_path / "IMG_1.HEIC", *wanted, tmp_path / "clip.mts"]
    folders, others = sorted(left_out.items())
    assert "a folder; name it" in folders[0] and folders[1] == [tmp_path / "deeper"]
    assert others == ("not a picture or video", [tmp_path / "IMG_1.AAE", tmp_path / "notes.txt"])


def test_a_folder_of_other_files_alone_says_how_many(tmp_path):
    for name in ("a.txt", "b.pdf"):
        (tmp_path / name).write_text("x")
    with pytest.raises(PosekitError, match="must hold pictures or videos; got none but 2 other"):
        inputs.find_files([tmp_path])


@pytest.mark.parametrize("name", ["a.heic", "a.jpg", "a"])
def test_heic_without_its_package_says_how_to_install_it(monkeypatch, tmp_path, name):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    (tmp_path / name).write_bytes(HEIC)
    assert inputs.find_files([tmp_path]).paths == [tmp_path / name]
    with pytest.raises(PosekitError, match=r"got HEIC.* pip install pillow-heif==\S+\d\.$"):
        photos.read_photo(tmp_path / name)


def test_heic_is_read_where_its_package_is_there(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    photo(tmp_path / "a.heic", "HEIF")
    assert inputs.kind(tmp_path / "a.heic") == "photo"
    assert np.abs(photos.read_photo(tmp_path / "a.heic").astype(int) - films.square(3)).mean() < 12


@pytest.mark.parametrize("suffix", [".dng", ".NEF", ".cr2"])
def test_a_raw_file_is_not_its_thumbnail(tmp_path, suffix):
    photo(tmp_path / "a.tif").rename(tmp_path / f"a{suffix}")
    assert inputs.find_files([tmp_path]).paths == [tmp_path / f"a{suffix}"]
    with pytest.raises(PosekitError, match="got a camera's raw file. Export it as JPEG"):
        photos.read_photo(tmp_path / f"a{suffix}")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["x.jpg", "y.jpg", "z.mp4"], ["x", "y", "z"]),
        (["I.JPG", "I.MOV", "J.JPG"], ["I.JPG", "I.MOV", "J"]),
        (["I.JPG", "I.HEIC", "i.mov"], ["I.JPG", "I.HEIC", "i.mov"]),
        (["a/x.jpg", "b/x.jpg", "b/y.jpg"], ["a/x", "b/x", "y"]),
        (["a/x.jpg", "a/x.png", "b/x.jpg"], ["a/x", "x.png", "b/x"]),
        (["2024/a/x.jpg", "2025/a/x.jpg"], ["2024/a/x", "2025/a/x"]),
        (["I.JPG", "I.MOV", "I.MOV.png"], ["I.JPG", "I.MOV", "I.MOV.png"]),
        (["x.jpg", "X.JPG"], ["x.jpg", "X.JPG_2"]),
    ],
)
def test_names_of_outputs_never_collide(tmp_path, paths, names):
    found = inputs.output_names([tmp_path / path for path in paths])
    assert len({inputs._as_on_disk(name) for name in found}) == len(paths)
    assert [Path(name).as_posix() for name in found] == names


def test_a_phones_live_photos_are_all_predicted(tmp_path):
    folder = tmp_path / "phone"
    for name in ("IMG_0001.JPG", "IMG_0002.JPG"):
        photo(folder / name)
    films.write(folder / "IMG_0001.MOV", form="mov", count=3)
    results = photos.predict_files(
        ConstantPose(0.9), inputs.find_files([folder]).paths, tmp_path / "out"
    )
    assert all(result["problem"] is None for result in results)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "IMG_0001.JPG_pose.json",
        "IMG_0001.JPG_pose.png",
        "IMG_0001.MOV_pose.json",
        "IMG_0001.MOV_pose.mp4",
        "IMG_0002_pose.json",
        "IMG_0002_pose.png",
    ]
    # None of it is found again.
    assert len(inputs.find_files([folder]).paths) == 3
    with pytest.raises(PosekitError, match="got none"):
        inputs.find_files([tmp_path / "out"])


@pytest.mark.parametrize("file_format", ["json", "csv", "coco"])
def test_pictures_of_the_same_name_in_two_folders(tmp_path, file_format):
    paths = [photo(tmp_path / folder / "x.jpg") for folder in "ab"]
    found = inputs.find_files([tmp_path / "*" / "*.jpg", paths[0]]).paths
    assert found == paths
    results = list(
        photos.predict_files(ConstantPose(0.9), found, tmp_path / "out", file_format=file_format)
    )
    out = tmp_path / "out"
    assert [result["drawn"] for result in results] == [out / f / "x_pose.png" for f in "ab"]
    if file_format == "coco":
        rows = json.loads((out / "coco_results.json").read_text())
        assert [(row["image_id"], row["file_name"]) for row in rows] == [
            (1, "a/x.jpg"),
            (2, "b/x.jpg"),
        ]
