import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from posekit.errors import PosekitError
from posekit.estimators.predict import inputs, photos, poses, video_writing
from posekit.estimators.predict.smoothing import OneEuroFilter
from posekit.skeleton import JOINTS, LSP


class ConstantPose:
    """Stands in for an estimator: the same pose, as shares of the picture, for every picture."""

    name = "constant"

    stages = ()
    skeleton = LSP

    def __init__(self, confidences=np.nan, presence=np.nan):
        self.presence = presence
        self.share = np.random.default_rng(0).uniform(0, 1, (14, 2))
        self.confidences = np.broadcast_to(confidences, 14).astype(float)
        self.batches = []

    def estimate(self, images, boxes_px=None):
        self.batches.append(len(images))
        sizes_px = np.array([image.shape[1::-1] for image in images])
        whole_px = np.concatenate([np.zeros_like(sizes_px), sizes_px], axis=1)
        return SimpleNamespace(
            keypoints_px=self.share * sizes_px[:, None] - 0.5,
            confidences=np.tile(self.confidences, (len(images), 1)),
            boxes_px=(whole_px if boxes_px is None else np.array(boxes_px)).astype(float),
            presence=np.full(len(images), self.presence),
            found=np.full(len(images), not self.presence < 0.5),
        )


@pytest.fixture
def model():
    return ConstantPose()


def predict(model, paths, folder, **settings):
    return list(photos.predict_files(model, paths, folder, **settings))


def photo(width_px=192, height_px=48, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA", "P", "1"])
def test_every_kind_of_picture_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("photo.jpg" if mode == "CMYK" else "photo.png")
    white = Image.new("RGB", (6, 4), (255, 255, 255))
    white.convert(mode).save(path)
    got = photos.read_photo(path)
    assert got.shape == (4, 6, 3) and got.dtype == np.uint8
    np.testing.assert_allclose(got, 255, atol=2)


def test_png_keeps_its_pixels(tmp_path):
    photo().save(tmp_path / "photo.png")
    np.testing.assert_array_equal(photos.read_photo(tmp_path / "photo.png"), np.array(photo()))


def test_exif_orientation_is_applied(tmp_path):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = [255, 0, 0]  # the stored picture's left half is red
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned clockwise by a quarter: left comes to lie on top
    Image.fromarray(pixels).save(tmp_path / "photo.jpg", exif=exif, quality=95)
    shown = photos.read_photo(tmp_path / "photo.jpg")
    assert shown.shape == (40, 20, 3)
    assert shown[5:15, :, 0].min() > 200 and shown[25:35, :, 0].max() < 50


def test_missing_photo_is_named(tmp_path):
    with pytest.raises(PosekitError, match=r"no\.jpg: .* got No such file or directory"):
        photos.read_photo(tmp_path / "no.jpg")
    with pytest.raises(PosekitError, match="must be a file that can be read; got Is a directory"):
        photos.read_photo(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "photo.jpg").write_bytes(content)
    finding = rf"photo\.jpg: must be a picture .* got {len(content)} bytes that begin like none\."
    with pytest.raises(PosekitError, match=finding):
        photos.read_photo(tmp_path / "photo.jpg")


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png"])
def test_half_a_picture_is_refused(tmp_path, name):
    photo().save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PosekitError, match=rf"must be a whole .* got {len(whole) // 2} bytes"):
        photos.read_photo(tmp_path / name)


def test_folders_stand_for_their_pictures(tmp_path):
    folder = tmp_path / "photos"
    (folder / "deeper.jpg").mkdir(parents=True)
    for name in ("b.JPG", "a.png", "c.jpeg", ".hidden.png", "notes.txt", "yoga_pose.png"):
        (folder / name).touch()
    # What an earlier prediction left: known by the JSON file beside it.
    for name in ("a_pose.png", "a_pose.json"):
        (folder / name).touch()
    names = ["a.png", "b.JPG", "c.jpeg", "yoga_pose.png"]
    assert inputs.find_files([folder]).paths == [folder / name for name in names]
    gone = tmp_path / "gone.jpg"
    assert inputs.find_files([str(gone), folder]).paths[:2] == [gone, folder / "a.png"]


def test_folders_without_pictures_are_named(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    finding = r"a must hold pictures or videos; got none(.|\n)*b must hold pictures or videos"
    with pytest.raises(PosekitError, match=finding):
        inputs.find_files([tmp_path / "a", tmp_path / "b"])


@pytest.mark.parametrize("confidences", [np.nan, np.linspace(0, 1, 14)])
def test_files_are_drawn_and_described(tmp_path, confidences):
    model = ConstantPose(confidences)
    photo(192, 48).save(tmp_path / "first.png")
    photo(50, 70).save(tmp_path / "second.jpg")
    paths = [tmp_path / "first.png", tmp_path / "second.jpg"]
    results = predict(model, paths, tmp_path / "new" / "folder")

    assert [result["image"] for result in results] == paths
    for result, path, size in zip(results, paths, [(192, 48), (50, 70)], strict=True):
        assert result["problem"] is None
        with Image.open(result["drawn"]) as drawn:
            assert drawn.format == "PNG" and drawn.size == size
            assert not np.array_equal(np.asarray(drawn), photos.read_photo(path))
        described = json.loads(result["poses"].read_text())
        assert described["image"] == str(path) and described["model"] == "constant"
        assert (described["width_px"], described["height_px"]) == size
        assert described["box_px"] == [0, 0, *size]
        assert described["made_by"]["versions"]["posekit"]
        assert list(described["keypoints_px"]) == list(described["confidence"]) == list(JOINTS)
        written_px = np.array(list(described["keypoints_px"].values()))
        np.testing.assert_allclose(written_px, model.share * size - 0.5, atol=0.006)
        # NumPy reads JSON's null as NaN, as it is meant.
        written = np.array(list(described["confidence"].values()), float)
        np.testing.assert_allclose(written, model.confidences, atol=0.0006)
    files = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert files == ["first_pose.json", "first_pose.png", "second_pose.json", "second_pose.png"]


def test_photographs_are_predicted_in_chunks(monkeypatch, tmp_path, model):
    monkeypatch.setattr(photos, "CHUNK_SIZE", 3)
    paths = [tmp_path / f"{number}.png" for number in range(7)]
    for path in paths:
        photo(20, 10).save(path)
    results = photos.predict_files(model, paths, tmp_path / "out")
    assert next(results)["image"] == paths[0]
    # The first is there before the fourth is read.
    assert model.batches == [3] and (tmp_path / "out" / "0_pose.json").is_file()
    assert len(list(results)) == 6
    assert model.batches == [3, 3, 1]


def test_a_bad_photograph_holds_up_no_other(monkeypatch, tmp_path, model):
    monkeypatch.setattr(photos, "CHUNK_SIZE", 2)
    paths = [tmp_path / f"{name}.png" for name in ("gone", "lost", "good", "text", "fine")]
    for name in ("good", "fine"):
        photo(20, 10).save(tmp_path / f"{name}.png")
    (tmp_path / "text.png").write_text("no picture")
    results = {result["image"].stem: result for result in predict(model, paths, tmp_path)}
    assert list(results) == ["gone", "lost", "text", "good", "fine"]
    for name in ("good", "fine"):
        assert results[name]["problem"] is None and results[name]["poses"].is_file()
    for name, finding in (("gone", "No such file"), ("text", "10 bytes that begin like none")):
        assert f"{name}.png: " in results[name]["problem"] and finding in results[name]["problem"]
        assert results[name]["drawn"] is results[name]["poses"] is None
    # A chunk without a readable photograph asks for no pose.
    assert model.batches == [1, 1]


def test_photographs_themselves_are_left_alone(tmp_path, model):
    photo().save(tmp_path / "photo.png")
    before = (tmp_path / "photo.png").read_bytes()
    predict(model, [tmp_path / "photo.png"], tmp_path)
    assert (tmp_path / "photo.png").read_bytes() == before


def test_a_photograph_is_never_written_over(monkeypatch, tmp_path, model):
    for name in ("x.jpg", "x_pose.png"):
        photo().save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    finding = r"overwritten; got .*x_pose\.png, which is also where the drawn copy of .*x\.jpg"
    with pytest.raises(PosekitError, match=finding):
        predict(model, inputs.find_files([tmp_path]).paths, ".")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.jpg", "x_pose.png"]
    assert len(predict(model, inputs.find_files([tmp_path]).paths, "out")) == 2


def test_drawn_colours_are_not_swapped(tmp_path, model):
    Image.new("RGB", (192, 48), (250, 0, 0)).save(tmp_path / "red.png")
    (result,) = predict(model, [tmp_path / "red.png"], tmp_path)
    drawn = photos.read_photo(result["drawn"])
    assert (drawn == [250, 0, 0]).all(axis=-1).any()
    assert not (drawn == [0, 0, 250]).all(axis=-1).any()


def test_doubtful_joints_are_drawn_otherwise(tmp_path):
    photo().save(tmp_path / "photo.png")
    drawn = []
    for confidence in (np.nan, 0.9, 0.1):
        model = ConstantPose(confidence)
        (result,) = predict(model, [tmp_path / "photo.png"], tmp_path / str(confidence))
        drawn.append(photos.read_photo(result["drawn"]))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[2] != drawn[0]).any()


def test_the_box_goes_with_the_one_photograph(tmp_path, model):
    photo().save(tmp_path / "photo.png")
    (result,) = predict(model, [tmp_path / "photo.png"], tmp_path, boxes_px=[(-5, 0, 40, 80)])
    assert json.loads(result["poses"].read_text())["box_px"] == [-5, 0, 40, 80]
    with pytest.raises(PosekitError, match="needs exactly one image; got 2 images"):
        predict(model, ["a.jpg", "b.jpg"], tmp_path, boxes_px=[(-5, 0, 40, 80)])


def test_each_box_gives_a_person(tmp_path, model):
    photo().save(tmp_path / "photo.png")
    boxes_px = [(0, 0, 40, 40), (60, 5, 30, 40)]
    (result,) = predict(model, [tmp_path / "photo.png"], tmp_path, boxes_px=boxes_px)
    described = json.loads(result["poses"].read_text())
    assert [person["box_px"] for person in described["people"]] == list(map(list, boxes_px))
    assert all(len(person["keypoints_px"]) == 14 for person in described["people"])
    assert "keypoints_px" not in described
    settings = {"boxes_px": boxes_px, "file_format": "csv"}
    (result,) = predict(model, [tmp_path / "photo.png"], tmp_path, **settings)
    with result["poses"].open(newline="") as file:
        assert [row["person"] for row in csv.DictReader(file)] == ["0"] * 14 + ["1"] * 14


def test_nobody_is_said_to_be_there_and_nothing_drawn(tmp_path):
    photo().save(tmp_path / "photo.png")
    for presence, found in ((0.3, False), (0.9, True), (np.nan, True)):
        nobody = ConstantPose(presence=presence)
        (result,) = predict(nobody, [tmp_path / "photo.png"], tmp_path / str(presence))
        described = json.loads(result["poses"].read_text())
        assert described["person_found"] is found
        assert described["person_confidence"] == (None if np.isnan(presence) else presence)
        same = np.array_equal(photos.read_photo(result["drawn"]), np.array(photo()))
        assert same is not found
        note = None if found else f"{tmp_path / 'photo.png'}: no person found"
        assert result["note"] == note


def test_joints_outside_and_surely_wrong_ones_are_drawn_on_demand():
    image = np.full((60, 60, 3), 90, np.uint8)
    keypoints_px = np.tile([30.0, 30.0], (14, 1))
    keypoints_px[6], keypoints_px[11] = (65, 30), (10, 10)  # one outside, one surely wrong
    confidences = np.where(np.arange(14) == 11, 0.05, 0.9)
    pose = poses.Pose(keypoints_px, confidences, np.zeros(4), 1.0, True)
    usual, every = (poses.draw(image, [pose], LSP, all_joints=wish) for wish in (False, True))
    assert (usual[30, 50:] == 90).all() and (usual[10, 10] == 90).all()
    assert (every[30, 50:] != 90).any() and (every[10, 10] != 90).any()
    assert (usual[30, 30] != 90).any()


def clip(path):
    with video_writing.writing(path, 10, (64, 48)) as show:
        show(0.2, np.zeros((48, 64, 3), np.uint8))


def test_patterns_stand_for_what_they_match(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    names = ("b.jpg", "a.jpg", "notes.txt", "c.MP4", "deep/d.jpg", "deep/er/e.mov", "[1].jpg")
    for name in names:
        (tmp_path / name).touch()

    def found(*patterns):
        return [str(path) for path in inputs.find_files(patterns).paths]

    assert found("*.jpg") == ["[1].jpg", "a.jpg", "b.jpg"]
    assert found("?.*") == ["a.jpg", "b.jpg", "c.MP4"]
    assert found("**/*.mov", "deep/*") == ["deep/er/e.mov", "deep/d.jpg"]
    # A name that is there is no pattern.
    assert found("[1].jpg") == ["[1].jpg"]
    with pytest.raises(PosekitError, match=r"\*\.png must hold pictures or videos; got none"):
        found("*.jpg", "*.png")


def test_what_was_written_is_not_found_again(tmp_path, model):
    photo().save(tmp_path / "a.png")
    clip(tmp_path / "b.mp4")
    found = [tmp_path / "a.png", tmp_path / "b.mp4"]
    for file_format in ("json", "csv"):
        predict(model, inputs.find_files([tmp_path]).paths, tmp_path, file_format=file_format)
        assert inputs.find_files([tmp_path]) == (found, {})


def test_photographs_and_videos_go_together(tmp_path, model):
    photo().save(tmp_path / "a.png")
    clip(tmp_path / "b.mp4")
    (tmp_path / "c.avi").write_text("no video")
    paths = [tmp_path / name for name in ("c.avi", "b.mp4", "a.png")]
    results = predict(model, paths, tmp_path / "out", file_format="csv")
    assert [result["image"].name for result in results] == ["a.png", "c.avi", "b.mp4"]
    assert results[1]["drawn"] is results[1]["poses"] is None
    assert "c.avi: must be a video with frames" in results[1]["problem"]
    assert results[0]["problem"] is results[2]["problem"] is None
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a_pose.png", "b_pose.csv", "b_pose.mp4", "poses.csv"]
    assert [result["note"] for result in results] == [None] * 3


def test_photographs_share_one_table(tmp_path, model):
    for name in ("a", "b"):
        photo().save(tmp_path / f"{name}.png")
    (tmp_path / "c.png").write_text("no picture")
    paths = [tmp_path / f"{name}.png" for name in "acb"]
    results = predict(model, paths, tmp_path / "out", file_format="csv")
    tables = [result["poses"] for result in results if result["problem"] is None]
    assert tables == [tmp_path / "out" / "poses.csv"] * 2
    with tables[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [str(paths[0])] * 14 + [str(paths[2])] * 14
    np.testing.assert_allclose(float(rows[3]["x_px"]), model.share[3, 0] * 192 - 0.5, atol=0.01)


def test_a_stop_keeps_the_rows_so_far(tmp_path, model):
    for name in ("a", "b"):
        photo().save(tmp_path / f"{name}.png")
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    results = photos.predict_files(model, paths, tmp_path / "out", file_format="csv")
    next(results)
    results.close()
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a_pose.png", "partial_poses.csv"]
    assert len((tmp_path / "out" / "partial_poses.csv").read_text().splitlines()) == 15


def test_what_videos_do_not_go_with_is_refused(tmp_path, model):
    with pytest.raises(PosekitError, match="exactly one image; got 0 images and 1 videos"):
        predict(model, ["a.mp4"], tmp_path, boxes_px=[(0, 0, 9, 9)])
    with pytest.raises(PosekitError, match="smoothing needs a video; got images alone"):
        predict(model, ["a.jpg"], tmp_path, smoothing=OneEuroFilter())
    with pytest.raises(
        PosekitError, match="`format` must be one of 'json', 'csv', 'coco'; got 'xml'"
    ):
        predict(model, ["a.jpg"], tmp_path, file_format="xml")
    finding = r"overwritten; got .*a_pose\.mp4, which is also where the drawn copy of .*a\.mov"
    with pytest.raises(PosekitError, match=finding):
        predict(model, [tmp_path / "a.mov", tmp_path / "a_pose.mp4"], tmp_path)
