import csv
import json

import numpy as np
import pytest

from posekit.estimators.predict import pose_files
from posekit.estimators.predict.poses import Pose
from posekit.skeleton import JOINTS

KEYPOINTS_PX = np.arange(28.0).reshape(14, 2) + 0.123
CONFIDENCES = np.array([np.nan, *np.linspace(0, 1, 13)])
POSE = Pose(KEYPOINTS_PX, CONFIDENCES, np.array([-1.0, 2.0, 30.0, 30.456]), 0.875, True)


def test_a_csv_has_a_row_for_each_pose_and_joint(tmp_path):
    path = tmp_path / "poses.csv"
    with pose_files.writing_csv(path, ("image",), joints=JOINTS) as add:
        # A comma, and a byte that is no UTF-8.
        for name in ("a,b.jpg", "\udcff.jpg"):
            add({"image": name}, POSE)
        add({"image": "nobody.jpg"}, POSE._replace(found=False))
        assert not path.exists()
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 28
    assert list(rows[0]) == ["image", "joint", "x_px", "y_px", "confidence"]
    assert [row["joint"] for row in rows[14:]] == list(JOINTS)
    assert [row["image"] for row in rows[::14]] == ["a,b.jpg", "\udcff.jpg"]
    assert list(rows[0].values())[2:] == ["0.12", "1.12", ""]
    assert rows[13]["confidence"] == "1.0"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_frames_grow_in_valid_json(tmp_path, count):
    head = {"video": "a.mp4", "smoothing": None}
    with pose_files.writing_json(tmp_path / "a.json", head, joints=JOINTS) as add:
        for frame in range(count):
            add({"frame": frame}, POSE._replace(found=frame != 1))
    written = json.loads((tmp_path / "a.json").read_text())
    assert list(written) == ["video", "smoothing", "frames"]
    assert [frame["frame"] for frame in written["frames"]] == list(range(count))
    assert [frame["person_found"] for frame in written["frames"]] == [True, False, True][:count]
    for frame in written["frames"]:
        assert frame["person_confidence"] == 0.875
        assert frame["box_px"] == [-1, 2, 30, 30.46]
        assert list(frame["keypoints_px"]) == list(frame["confidence"]) == list(JOINTS)
        assert frame["keypoints_px"][JOINTS[1]] == [2.12, 3.12]
        assert frame["confidence"][JOINTS[0]] is None and frame["confidence"][JOINTS[13]] == 1


def test_what_a_stop_leaves_is_whole_in_itself(tmp_path):
    for path, writing, last in (
        (tmp_path / "a.json", pose_files.writing_json, {"video": "a.mp4"}),
        (tmp_path / "a.csv", pose_files.writing_csv, ("frame",)),
    ):
        with pytest.raises(KeyboardInterrupt), writing(path, last, joints=JOINTS) as add:
            add({"frame": 0}, POSE)
            raise KeyboardInterrupt
    assert len(json.loads((tmp_path / "partial_a.json").read_text())["frames"]) == 1
    assert len((tmp_path / "partial_a.csv").read_text().splitlines()) == 15
    assert len(list(tmp_path.iterdir())) == 2


def test_what_a_fault_leaves_is_removed(tmp_path):
    csv_file = pose_files.writing_csv(tmp_path / "a.csv", (), joints=JOINTS)
    with pytest.raises(ZeroDivisionError), csv_file:
        1 / 0
    assert not list(tmp_path.iterdir())
