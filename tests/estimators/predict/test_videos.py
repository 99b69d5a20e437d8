import csv
import itertools
import json
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from posekit.estimators.predict import video_files, video_writing, videos
from posekit.estimators.predict.smoothing import OneEuroFilter
from posekit.skeleton import JOINTS, LSP


class Scripted:
    """Stands in for an estimator: poses around a place, with the confidences of a script."""

    name = "scripted"
    skeleton = LSP

    def __init__(self, confidences, *, views=("whole", "person"), place_px=(30.0, 20.0)):
        self.stages = [SimpleNamespace(view=view) for view in views]
        self.confidences = iter(confidences)
        self.place_px = place_px
        self.boxes = []

    def estimate(self, images, boxes_px=None):
        self.boxes.append(None if boxes_px is None else boxes_px[0].tolist())
        keypoints_px = np.array(self.place_px) + np.linspace(-4, 4, 14)[:, None] * [1, 2]
        return SimpleNamespace(
            keypoints_px=keypoints_px[None],
            confidences=np.full((1, 14), next(self.confidences)),
            boxes_px=np.zeros((1, 4)),
            presence=np.full(1, np.nan),
            found=np.ones(1, bool),
        )


IMAGE = np.zeros((48, 64, 3), np.uint8)
# The joints span 16 px from 12 to 28, and pixels reach half a pixel beyond their centres.
FOLLOWED_PX = pytest.approx([30.5 - 10.4, 20.5 - 10.4, 20.8, 20.8])


def test_a_sure_pose_is_followed():
    estimator = Scripted([0.9, 0.9, 0.9])
    follower = videos.Tracker(estimator)
    for _ in range(3):
        follower.estimate(IMAGE)
    assert estimator.boxes == [None, FOLLOWED_PX, FOLLOWED_PX]


def test_a_lost_person_is_looked_for_in_the_same_picture():
    # Sure; lost, and found anew; lost, and not found; then the whole picture at once.
    estimator = Scripted([0.9, 0.2, 0.8, 0.2, 0.3, 0.9])
    follower = videos.Tracker(estimator)
    found = [follower.estimate(IMAGE).confidences[0, 0] for _ in range(4)]
    assert found == [0.9, 0.8, 0.3, 0.9]
    assert estimator.boxes == [None, FOLLOWED_PX, None, FOLLOWED_PX, None, None]


@pytest.mark.parametrize(
    ("confidence", "views"), [(np.nan, ("whole", "person")), (0.9, ("squashed",))]
)
def test_without_confidences_or_a_second_look_nothing_is_followed(confidence, views):
    estimator = Scripted([confidence] * 3, views=views)
    follower = videos.Tracker(estimator)
    for _ in range(3):
        follower.estimate(IMAGE)
    assert estimator.boxes == [None, None, None]


def test_a_pose_beyond_the_edge_still_gives_a_box_that_meets_the_picture():
    estimator = Scripted([0.9, 0.9], place_px=(-500.0, 900.0))
    follower = videos.Tracker(estimator)
    follower.estimate(IMAGE)
    follower.estimate(IMAGE)
    x, y, width, height = estimator.boxes[1]
    assert x < 64 and y < 48 and x + width > 0 and y + height > 0


def clip(path, count=6):
    with video_writing.writing(path, 12.5, (64, 48)) as show:
        for index in range(count):
            show(index / 12.5, np.full((48, 64, 3), 30 * index, np.uint8))
    return video_files.VideoFile(path)


def test_a_video_is_drawn_and_described(tmp_path):
    stream = clip(tmp_path / "a.mp4")
    result = videos.predict_video(Scripted(itertools.repeat(0.9)), stream, tmp_path / "out", "a")
    assert result["problem"] is None
    drawn = video_files.VideoFile(result["drawn"])
    assert (drawn.size_px, drawn.frames_per_second) == ((64, 48), 12.5)
    images = [image.astype(int) for _, image in drawn.frames()]
    assert len(images) == 6
    for index, image in enumerate(images):
        assert np.abs(image[:, :6] - 30 * index).max() < 15  # far from the skeleton
        assert np.ptp(image[10:30, 25:35]) > 60
    written = json.loads(result["poses"].read_text())
    assert (written["video"], written["model"]) == (str(tmp_path / "a.mp4"), "scripted")
    assert (written["width_px"], written["height_px"]) == (64, 48)
    assert written["smoothing"] is None
    assert [frame["seconds"] for frame in written["frames"]] == [0, 0.08, 0.16, 0.24, 0.32, 0.4]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a_pose.json", "a_pose.mp4"]


def test_csv_has_a_row_for_each_frame_and_joint(tmp_path):
    stream = clip(tmp_path / "a.mp4")
    result = videos.predict_video(
        Scripted(itertools.repeat(0.9)), stream, tmp_path, "a", file_format="csv"
    )
    with result["poses"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["frame"], row["joint"]) for row in rows] == [
        (str(frame), joint) for frame in range(6) for joint in JOINTS
    ]
    assert rows[-1]["seconds"] == "0.4" and rows[-1]["confidence"] == "0.9"


class Jumping(Scripted):
    """A pose that is somewhere else in every frame."""

    def estimate(self, images, boxes_px=None):
        poses = super().estimate(images, boxes_px)
        poses.keypoints_px += 4 * (-1) ** len(self.boxes)
        return poses


def test_smoothing_shapes_what_is_written_and_starts_anew(tmp_path):
    smoothing = OneEuroFilter()
    last_px = []
    for name in ("a", "b"):
        stream = clip(tmp_path / f"{name}.mp4")
        result = videos.predict_video(
            Jumping(itertools.repeat(0.9)), stream, tmp_path, name, smoothing=smoothing
        )
        written = json.loads(result["poses"].read_text())
        assert written["smoothing"] == smoothing.settings()
        x_px = [frame["keypoints_px"]["neck"][0] for frame in written["frames"]]
        assert 0 < np.abs(np.diff(x_px)).mean() < 6  # 8 without
        last_px.append(x_px)
    assert last_px[0] == last_px[1]


def test_ctrl_c_keeps_the_part_of_a_file(tmp_path):
    stream = clip(tmp_path / "a.mp4")

    def stop(drawn, frames=iter(range(10))):
        if next(frames) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        videos.predict_video(
            Scripted(itertools.repeat(0.9)), stream, tmp_path / "out", "a", show=stop
        )
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["partial_a_pose.json", "partial_a_pose.mp4"]
    assert len(json.loads((tmp_path / "out" / names[0]).read_text())["frames"]) == 3
    assert len(list(video_files.VideoFile(tmp_path / "out" / names[1]).frames())) == 3


@pytest.mark.parametrize("by_key", [True, False])
def test_q_and_ctrl_c_end_a_camera(monkeypatch, tmp_path, by_key):
    capture = SimpleNamespace(
        read=lambda: (True, IMAGE), get=lambda _: 10.0, release=lambda: None, isOpened=lambda: True
    )
    with monkeypatch.context() as patch:
        patch.setattr(video_files.cv2, "VideoCapture", lambda index: capture)
        stream = video_files.Camera(0)
    shown = []

    def show(drawn):
        shown.append(drawn)
        if len(shown) == 3 and not by_key:
            raise KeyboardInterrupt
        return len(shown) == 3

    result = videos.predict_video(
        Scripted(itertools.repeat(0.9)), stream, tmp_path, "camera0", show=show
    )
    assert result["problem"] is None and len(shown) == 3
    assert len(json.loads(result["poses"].read_text())["frames"]) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "camera0_pose.json",
        "camera0_pose.mp4",
    ]


def test_a_long_video_is_never_in_memory_as_a_whole(tmp_path):
    alive = []

    def frames():
        # What the reader still holds of earlier frames would keep them from being freed.
        for index in range(20):
            image = np.zeros((48, 64, 3), np.uint8)
            alive.append(weakref.ref(image))
            yield index / 10, image
            del image
            assert sum(reference() is not None for reference in alive) <= 2

    stream = SimpleNamespace(
        name="a", size_px=(64, 48), frames_per_second=10.0, frame_count=20, problem=None
    )
    stream.frames = frames
    videos.predict_video(Scripted(itertools.repeat(0.9)), stream, tmp_path, "a")
    assert len(alive) == 20
