import resource

import cv2
import numpy as np
import pytest

from posekit.errors import PosekitError
from posekit.estimators.predict import video_files, video_writing


def grey(index, size_px=(64, 48)):
    """A frame that tells its number."""
    return np.full((size_px[1], size_px[0], 3), 20 * index + 10, np.uint8)


def write(path, count=10, frames_per_second=25.0, size_px=(64, 48)):
    with video_writing.writing(path, frames_per_second, size_px) as show:
        for index in range(count):
            show(index / frames_per_second, grey(index, size_px))
    return path


@pytest.mark.parametrize("frames_per_second", [25.0, 30000 / 1001, 120.1234, 7.5])
def test_what_is_written_is_read(tmp_path, frames_per_second):
    path = write(tmp_path / "a.mp4", frames_per_second=frames_per_second)
    stream = video_files.VideoFile(path)
    assert stream.size_px == (64, 48) and stream.frame_count == 10
    assert stream.frames_per_second == pytest.approx(frames_per_second, abs=0.005)
    frames = list(stream.frames())
    assert stream.problem is None
    found = [seconds for seconds, _ in frames]  # in steps of a 90,000th of a second
    np.testing.assert_allclose(found, np.arange(10) / frames_per_second, atol=0.51 / 90_000)
    for index, (_, image) in enumerate(frames):
        np.testing.assert_allclose(image.mean(), 20 * index + 10, atol=6)
    assert [each.name for each in tmp_path.iterdir()] == ["a.mp4"]


def test_colours_are_not_swapped(tmp_path):
    with video_writing.writing(tmp_path / "red.mp4", 25, (64, 48)) as show:
        show(0, np.broadcast_to(np.array([220, 30, 30], np.uint8), (48, 64, 3)))
    ((_, image),) = video_files.VideoFile(tmp_path / "red.mp4").frames()
    np.testing.assert_allclose(image.mean(axis=(0, 1)), [220, 30, 30], atol=12)


def test_an_odd_size_grows_by_one_and_loses_nothing(tmp_path):
    path = write(tmp_path / "odd.mp4", size_px=(33, 17))
    assert video_files.VideoFile(path).size_px == (34, 18)


def test_pictures_keep_their_times(tmp_path):
    times = [0, 0.02, 0.3, 1.0]
    with video_writing.writing(tmp_path / "a.mp4", 10, (64, 48)) as show:
        for index, seconds in enumerate([*times[:2], 0.02, *times[2:]]):  # one comes twice
            show(seconds, grey(index))
    stream = video_files.VideoFile(tmp_path / "a.mp4")
    found = [(seconds, image.mean()) for seconds, image in stream.frames()]
    np.testing.assert_allclose([seconds for seconds, _ in found], times, atol=1e-5)
    np.testing.assert_allclose([mean for _, mean in found], [10, 30, 70, 90], atol=6)


def test_a_stop_keeps_the_part(tmp_path):
    (tmp_path / "a.mp4").write_text("an earlier one")
    with pytest.raises(KeyboardInterrupt), video_writing.writing(tmp_path / "a.mp4", 25, (64, 48)) as show:
        show(0.04, grey(3))
        raise KeyboardInterrupt
    assert len(list(video_files.VideoFile(tmp_path / "partial_a.mp4").frames())) == 1
    assert (tmp_path / "a.mp4").read_text() == "an earlier one"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_fault_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), video_writing.writing(tmp_path / "a.mp4", 25, (64, 48)) as show:
        show(0, grey(3))
        1 / 0
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_noticed(tmp_path):
    rng = np.random.default_rng(0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
    try:
        with (
            pytest.raises(PosekitError, match=r"a\.mp4: there must be room (for|to write)"),
            video_writing.writing(tmp_path / "a.mp4", 25, (320, 240)) as show,
        ):
            for index in range(40):
                show(index / 25, rng.integers(0, 256, (240, 320, 3), np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_what_is_no_video_is_named(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").touch()
    whole = write(tmp_path / "whole.mp4").read_bytes()
    index = whole.index(b"moov") - 4
    (tmp_path / "endless.mp4").write_bytes(whole[:index] + whole[whole.index(b"mdat") - 4 :])
    parts = "another format, damage or a part of a file"
    findings = {"text": parts, "empty": "an empty file", "endless": parts}
    for name, reason in findings.items():
        finding = rf"{name}\.mp4: must be a video .* got {reason}.* ffmpeg -i {name}"
        with pytest.raises(PosekitError, match=finding):
            video_files.VideoFile(tmp_path / f"{name}.mp4")
    with pytest.raises(PosekitError, match=r"gone\.mp4: .* got No such file or directory"):
        video_files.open_video(tmp_path / "gone.mp4")
    with pytest.raises(PosekitError, match="must be a file; got something else"):
        video_files.open_video(tmp_path)


def test_a_video_without_frames_is_named(tmp_path):
    writer = cv2.VideoWriter(
        str(tmp_path / "none.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48)
    )
    writer.release()
    with pytest.raises(PosekitError, match=r"none\.avi: must be a video with frames .* got "):
        video_files.VideoFile(tmp_path / "none.avi")


def test_a_video_that_ends_early_says_so_after_its_frames(tmp_path):
    path = tmp_path / "cut.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    rng = np.random.default_rng(0)
    for _ in range(10):
        writer.write(rng.integers(0, 256, (48, 64, 3), np.uint8))
    writer.release()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    stream = video_files.VideoFile(path)
    frames = list(stream.frames())
    assert 1 <= len(frames) < 9
    finding = f"must have the 0.40 seconds that its header names; got {len(frames) / 25:.2f} before"
    assert f"cut.avi: {finding}" in stream.problem


class FakeCamera:
    """A fake cv2.VideoCapture: a number of frames, then none."""

    def __init__(self, count, told):
        self.count, self.told, self.released = count, told, False

    def isOpened(self):
        return self.told is not None

    def read(self):
        self.count -= 1
        return (True, grey(1)) if self.count >= 0 else (False, None)

    def get(self, _):
        return self.told

    def release(self):
        self.released = True


@pytest.fixture
def camera(monkeypatch):
    def plug_in(count, told=15.0):
        fake = FakeCamera(count, told)
        monkeypatch.setattr(video_files.cv2, "VideoCapture", lambda index: fake)
        return fake

    return plug_in


def test_a_camera_gives_frames_until_it_stops(camera):
    fake = camera(4)
    stream = video_files.Camera(2)
    assert (stream.size_px, stream.frames_per_second) == ((64, 48), 15)
    times = [seconds for seconds, _ in stream.frames()]
    assert len(times) == 4 and times[0] == 0 and (np.diff(times) > 0).all()
    assert fake.released and stream.problem.startswith("camera 2: stopped giving pictures after 4")


def test_a_reader_may_stop_a_camera(camera):
    fake = camera(4)
    stream = video_files.Camera(0)
    for _ in stream.frames():
        break
    assert fake.released and stream.problem is None


def test_a_camera_that_tells_no_rate_has_the_usual_one(camera):
    camera(4, told=0.0)
    assert video_files.Camera(0).frames_per_second == 30


def test_a_camera_that_is_not_there_is_named(camera):
    camera(0, told=None)
    with pytest.raises(PosekitError, match="camera 7: must be .* got no such camera"):
        video_files.Camera(7)
    camera(0)
    with pytest.raises(PosekitError, match="camera 7: must be .* got no picture from it"):
        video_files.Camera(7)


def test_linux_without_a_display_shows_no_window(monkeypatch):
    monkeypatch.setattr(video_files.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not video_files.has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert video_files.has_display()


def test_q_is_seen_in_the_window(monkeypatch):
    shown = []
    keys = iter([-1, ord("q")])
    monkeypatch.setattr(video_files.cv2, "imshow", lambda title, bgr: shown.append((title, bgr[0, 0])))
    monkeypatch.setattr(video_files.cv2, "waitKey", lambda _: next(keys))
    monkeypatch.setattr(video_files.cv2, "destroyAllWindows", lambda: shown.append("closed"))
    with video_files.window("camera 0") as show:
        image = np.broadcast_to(np.array([1, 2, 3], np.uint8), (4, 4, 3))
        assert not show(image)
        assert show(image)
    assert shown[0][0] == "camera 0" and shown[0][1].tolist() == [3, 2, 1] and shown[-1] == "closed"
