"""Films as cameras, browsers and editors write them: times, shapes, sound, containers."""

import csv
import itertools
import json
from types import SimpleNamespace

import films
import numpy as np
import pytest
from PIL import Image

from posekit.errors import PosekitError
from posekit.estimators.predict import inputs, photos, video_files, video_writing, videos
from posekit.estimators.predict.smoothing import OneEuroFilter
from posekit.skeleton import LSP

UNEVEN = [0, 0.016, 0.05, 0.3, 0.333, 0.4, 1.1, 1.2]


class Still:
    """Stands in for an estimator: the same sure pose in every picture."""

    name, skeleton, stages = "still", LSP, ()

    def estimate(self, images, boxes_px=None):
        count = len(images)
        return SimpleNamespace(
            keypoints_px=np.tile(np.linspace(5, 30, 14)[:, None], (count, 1, 2)),
            confidences=np.full((count, 14), 0.9),
            boxes_px=np.zeros((count, 4)),
            presence=np.full(count, np.nan),
            found=np.ones(count, bool),
        )


def read(path):
    stream = video_files.open_video(path)
    frames = list(stream.frames())
    return stream, [seconds for seconds, _ in frames], [image for _, image in frames]


def drawn(path, tmp_path, **settings):
    (result,) = photos.predict_files(Still(), [path], tmp_path / "out", **settings)
    return result


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "mpeg4"), ("a.webm", "libvpx"), ("a.mov", "mjpeg")],
)
def test_times_of_an_uneven_film_are_kept(tmp_path, name, codec):
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = films.write(tmp_path / name, times=UNEVEN, codec=codec, pixels=pixels)
    result = drawn(path, tmp_path)
    assert result["problem"] is None
    written = json.loads(result["poses"].read_text())
    found = [frame["seconds"] for frame in written["frames"]]
    np.testing.assert_allclose(found, UNEVEN, atol=0.0006)
    codec, size_px, seconds, sounds = films.described(result["drawn"])
    assert (codec, size_px, sounds) == ("h264", (96, 64), [])
    np.testing.assert_allclose(seconds, UNEVEN, atol=0.0006)


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_a_webm_without_a_rate_has_the_times_of_its_frames(tmp_path, codec):
    times = np.cumsum([0, *[0.016, 0.033, 0.05, 0.066, 0.034] * 3]).round(3).tolist()
    path = films.without_rate(films.write(tmp_path / "a.webm", times=times, codec=codec))
    stream, seconds, _ = read(path)
    np.testing.assert_allclose(seconds, times, atol=0.0006)
    assert stream.problem is None
    result = drawn(path, tmp_path, file_format="csv")
    with result["poses"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["seconds"]) == pytest.approx(times[-1], abs=0.0006)


@pytest.mark.parametrize(
    ("name", "form", "codec"),
    [
        ("a.ts", "mpegts", "mpeg2video"),
        ("a.mts", "mpegts", "libx264"),
        ("a.3gp", "3gp", "mpeg4"),
        ("a.flv", "flv", "flv1"),
        ("a", "mp4", "libx264"),
        ("film.txt", "matroska", "ffv1"),
        ("film.jpg", "mov", "libx264"),
        ("a.mpg", "mpeg", "mpeg1video"),
        ("a.MJPEG", "mjpeg", "mjpeg"),
        ("a.h264", "h264", "libx264"),
    ],
)
def test_a_film_is_known_by_its_content(tmp_path, name, form, codec):
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    folder = tmp_path / "in"
    folder.mkdir()
    path = films.write(folder / name, form=form, codec=codec, pixels=pixels)
    found = inputs.find_files([folder])
    assert found == ([path], {}) and inputs.kind(path) == "video"
    stream, seconds, images = read(path)
    assert stream.problem is None and len(images) == 12
    np.testing.assert_allclose(seconds, np.arange(12) / 25, atol=0.002)
    assert np.abs(images[5].astype(int) - films.square(5)).mean() < 12


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "AVIF"])
def test_animated_pictures_are_films(tmp_path, form):
    first, *others = (Image.fromarray(films.square(index)) for index in range(4))
    path = tmp_path / f"a.{form.lower()}"
    first.save(path, save_all=True, append_images=others, duration=[200, 50, 100, 40])
    assert inputs.kind(path) == "video"
    stream, seconds, images = read(path)
    np.testing.assert_allclose(seconds, [0, 0.2, 0.25, 0.35], atol=0.001)
    assert np.abs(images[2].astype(int) - films.square(2)).mean() < 12
    assert stream.problem is None
    np.testing.assert_allclose(
        films.described(drawn(path, tmp_path)["drawn"])[2], seconds, atol=1e-3
    )
    first.save(tmp_path / f"one.{form.lower()}")
    assert inputs.kind(tmp_path / f"one.{form.lower()}") == "photo"


@pytest.mark.parametrize(
    ("size_px", "pixel", "shown_px"),
    [
        ((90, 144), (64, 45), (128, 144)),
        ((72, 48), (8, 9), (64, 48)),
        ((96, 64), (1, 100), (96, 64)),
    ],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_pixels_that_are_no_squares_are_shown_in_their_shape(
    tmp_path, name, size_px, pixel, shown_px
):
    path = films.write(tmp_path / name, size_px=size_px, pixel=pixel, codec="mpeg4", count=4)
    result = drawn(path, tmp_path)
    written = json.loads(result["poses"].read_text())
    assert (written["width_px"], written["height_px"]) == shown_px
    assert films.described(result["drawn"])[1] == shown_px


@pytest.mark.parametrize("degrees", [90, -90, 180, 0])
@pytest.mark.parametrize("pixel", [None, (2, 1)])
def test_a_turned_camera_is_turned_back(tmp_path, degrees, pixel):
    path = films.write(tmp_path / "a.mp4", turn=degrees, pixel=pixel, count=3)
    _, _, images = read(path)
    expected = np.repeat(films.square(0), 2, axis=1) if pixel else films.square(0)
    expected = np.rot90(expected, degrees // 90)
    assert images[0].shape == expected.shape
    assert np.abs(images[0].astype(int) - expected).mean() < 12


@pytest.mark.parametrize(
    ("name", "form", "sound"),
    [
        ("a.mp4", "mp4", "aac"),
        ("a.ts", "mpegts", "aac"),
        ("a.webm", "webm", "libopus"),
        ("a.mkv", "matroska", "mp3"),
        ("a.mov", "mov", "pcm_s16le"),
        ("a.mkv", "matroska", "flac"),
    ],
)
def test_sound_is_kept(tmp_path, name, form, sound):
    codec = "libvpx" if form == "webm" else "libx264"
    path = films.write(tmp_path / name, form=form, codec=codec, sound=sound, count=25)
    result = drawn(path, tmp_path)
    assert result["problem"] is result["note"] is None
    _, _, seconds, sounds = films.described(result["drawn"])
    assert sounds == ["aac"] and len(seconds) == 25
    with video_files.open_container(result["drawn"]) as film:
        stream = film.streams.audio[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(1, abs=0.1)


def test_sound_stays_with_the_picture_that_begins_later(tmp_path):
    path = films.write(tmp_path / "a.mp4", sound="aac", starts=0.4, count=25)
    _, seconds, _ = read(path)
    assert seconds[0] == 0
    result = drawn(path, tmp_path)
    with video_files.open_container(result["drawn"]) as film:
        stream = film.streams.audio[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(0.6, abs=0.1)


def test_two_recordings_joined_go_on(tmp_path):
    one = films.write(tmp_path / "one.ts", form="mpegts", sound="aac").read_bytes()
    (tmp_path / "two.ts").write_bytes(one + one)
    stream, seconds, _ = read(tmp_path / "two.ts")
    assert stream.problem is None
    np.testing.assert_allclose(np.diff(seconds), 0.04, atol=0.002)
    result = drawn(tmp_path / "two.ts", tmp_path, smoothing=OneEuroFilter())
    assert len(films.described(result["drawn"])[2]) == 24


def test_frames_that_change_their_size_are_scaled_to_the_first(tmp_path):
    jpegs = {"codec": "mjpeg", "form": "mjpeg", "pixels": "yuvj420p"}
    first = films.write(tmp_path / "a.mjpeg", **jpegs).read_bytes()
    other = films.write(tmp_path / "b.mjpeg", size_px=(192, 128), **jpegs).read_bytes()
    (tmp_path / "both.mjpeg").write_bytes(first + other)
    stream, _, images = read(tmp_path / "both.mjpeg")
    assert stream.problem is None and len(images) == 24
    assert {image.shape for image in images} == {(64, 96, 3)}


@pytest.mark.parametrize("frames", [1, 5])
def test_what_is_heard_alone_is_no_film(tmp_path, frames):
    path = tmp_path / "song.mp4"
    with video_files.av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48000, layout="mono")
        films._write_sound(output, stream, frames * 1024, 48000)
    with pytest.raises(PosekitError, match=r"song\.mp4: must be a video .* got sound alone"):
        video_files.open_video(path)
    path.rename(tmp_path / "song.m4a")
    (tmp_path / "a.png").write_bytes(b"")
    assert inputs.find_files([tmp_path]).left_out == {
        "not a picture or video": [tmp_path / "song.m4a"]
    }


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{path}'\n",
        "v=0\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    ],
)
def test_a_list_of_other_files_opens_none_of_them(tmp_path, text):
    path = films.write(tmp_path / "a.mp4")
    for name in ("list.mp4", "list.m3u8", "list.txt"):
        (tmp_path / name).write_text(text.format(path=path.name))
        assert not video_files.is_video(tmp_path / name)
        with pytest.raises(PosekitError, match="must be a video with frames"):
            video_files.VideoFile(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "form", "options"),
    [
        ("a.mp4", "mp4", {"movflags": "faststart"}),
        ("a.mkv", "matroska", None),
        ("a.avi", "avi", None),
    ],
)
def test_a_film_that_was_cut_off_says_so(tmp_path, name, form, options):
    codec = "libx264" if form != "avi" else "mpeg4"
    path = films.write(tmp_path / name, form=form, options=options, count=60, codec=codec)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    stream, _, images = read(path)
    assert 1 <= len(images) < 55
    assert f"{name}: must have the " in stream.problem and "get the file again" in stream.problem


def test_damage_inside_a_film_costs_what_it_hits(tmp_path):
    path = films.write(tmp_path / "a.mov", codec="png", pixels="rgb24", count=20)
    data = bytearray(path.read_bytes())
    at = [at for at in range(len(data)) if data[at : at + 8] == b"\x89PNG\r\n\x1a\n"]
    for each in at[5], at[9]:
        data[each : each + 40] = bytes(40)
    path.write_bytes(bytes(data))
    stream, seconds, images = read(path)
    assert len(images) == 18 and seconds[-1] == pytest.approx(19 / 25)
    assert "got 2 damaged part" in stream.problem and "other 18 frames are done" in stream.problem


@pytest.mark.parametrize(
    "name", ["a:b.mp4", "100%d.mp4", "*.mp4", "emoji🏃.mp4", "L\udce4ufer.mp4"]
)
def test_any_name_is_read_and_written(tmp_path, name):
    films.write(tmp_path / "plain.mp4").rename(tmp_path / name)
    result = drawn(tmp_path / name, tmp_path)
    assert result["problem"] is None
    assert len(read(result["drawn"])[2]) == 12


def test_smoothing_sees_the_true_times(tmp_path):
    path = films.write(tmp_path / "a.mp4", times=UNEVEN)
    told = []

    class Watched(OneEuroFilter):
        def smooth(self, keypoints_px, seconds):
            told.append(seconds)
            return super().smooth(keypoints_px, seconds)

    drawn(path, tmp_path, smoothing=Watched())
    np.testing.assert_allclose(told, UNEVEN, atol=0.0006)


def test_ctrl_c_keeps_the_sound_of_the_part(tmp_path):
    stream = video_files.VideoFile(films.write(tmp_path / "a.mp4", sound="aac", count=50))

    def stop(_, shown=itertools.count()):
        if next(shown) == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        videos.predict_video(Still(), stream, tmp_path / "out", "a", show=stop)
    part = tmp_path / "out" / "partial_a_pose.mp4"
    _, _, seconds, sounds = films.described(part)
    assert len(seconds) == 11 and sounds == ["aac"]
    written = json.loads((tmp_path / "out" / "partial_a_pose.json").read_text())
    assert len(written["frames"]) == 11


def test_sound_that_does_not_decode_ends_and_is_said(monkeypatch, tmp_path):
    path = films.write(tmp_path / "a.mov", form="mov", sound="pcm_s16le")

    def fail(*_):
        raise ValueError("no such layout")

    monkeypatch.setattr(video_writing, "_encoded", fail)
    result = drawn(path, tmp_path)
    assert len(films.described(result["drawn"])[2]) == 12 and result["problem"] is None
    assert "a.mov: its sound ends early; got no such layout" in result["note"]
