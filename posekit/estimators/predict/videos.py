"""A person's pose in every frame of a video: track, smooth, draw, write."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
from tqdm import tqdm

from posekit import geometry
from posekit.errors import PosekitError
from posekit.estimators.predict import pose_files, video_files, video_writing
from posekit.estimators.predict.poses import Pose, draw
from posekit.provenance import provenance

# Below it a pose is likely wrong: the person is searched for in the whole picture again.
LEAST_CONFIDENCE = 0.5


class Tracker:
    """Finds one person in consecutive pictures.

    From the second picture on, the estimator searches around the previous pose, which skips the
    stages that find the person. Where the mean confidence falls below `LEAST_CONFIDENCE`, or
    there is none, it searches the whole picture again.
    """

    def __init__(self, estimator):
        self._estimator = estimator
        self._can_track = any(stage.view == "person" for stage in estimator.stages)
        self._boxes_px = None

    def estimate(self, image):
        """The Poses of the one person in the next picture, of the previous one's size."""
        poses = self._estimator.estimate([image], self._boxes_px)
        if self._boxes_px is not None and not _is_sure(poses):
            poses = self._estimator.estimate([image])
        self._boxes_px = None
        if self._can_track and _is_sure(poses):
            # The box must meet the picture even if joints were found beyond its edge.
            inside_px = np.clip(poses.keypoints_px, 0, np.array(image.shape[1::-1]) - 1)
            everyone = np.ones(inside_px.shape[:2], bool)
            self._boxes_px = geometry.person_boxes(inside_px, everyone)
        return poses


def _is_sure(poses):
    return poses.confidences.mean() >= LEAST_CONFIDENCE  # False where it is NaN


def predict_video(
    estimator,
    stream,
    folder,
    stem,
    *,
    file_format="json",
    smoothing=None,
    show=None,
    all_joints=False,
):
    """Predict a video; write a copy with the poses drawn, with its times and sound, and the poses.

    Both appear when the video ends. On Ctrl-C, what is done of a video file is kept as
    partial_NAME; a camera's files are whole, since that is how it ends.

    Args:
        estimator, smoothing, all_joints: as for `photos.predict_files`; the filter is restarted.
        stream: video_files.VideoFile, video_files.Animation or video_files.Camera.
        folder, stem: where STEM_pose.mp4 and STEM_pose.json or STEM_pose.csv go.
        file_format: str, "json" or "csv". A CSV file has a row for each frame and joint.
        show: None, or a function that gets each drawn frame and returns whether to stop.

    Returns:
        dict: image (the video's name), drawn, poses (paths), problem: None, or why the video
        ended early, and note: None, or what became of its sound.

    Raises:
        PosekitError: another format, the folder is not writable, or there is no room.
    """
    if file_format == "coco":
        raise PosekitError(
            f"predict: COCO results need photographs; got {stream.name}. Choose another format."
        )
    drawn_path = Path(folder) / f"{stem}_pose.mp4"
    poses_path = drawn_path.with_suffix(f".{file_format}")
    tracker = Tracker(estimator)
    if smoothing is not None:
        smoothing.restart()
    with ExitStack() as stack:
        add = stack.enter_context(_writing(poses_path, stream, estimator, smoothing))
        add_picture = stack.enter_context(
            video_writing.writing(
                drawn_path, stream.frames_per_second, stream.size_px, source=stream
            )
        )
        bar = {"total": stream.frame_count, "desc": stream.name, "unit": "frame"}
        frames = stack.enter_context(tqdm(stream.frames(), **bar, leave=False, disable=None))
        try:
            for index, (seconds, image) in enumerate(frames):
                pose = Pose.of(tracker.estimate(image), 0)
                if smoothing is not None:
                    smooth_px = smoothing.smooth(pose.keypoints_px, seconds)
                    pose = pose._replace(keypoints_px=smooth_px)
                drawn = draw(image, [pose], estimator.skeleton, all_joints)
                add({"frame": index, "seconds": round(seconds, 4)}, pose)
                add_picture(seconds, drawn)
                if show is not None and show(drawn):
                    break
        except KeyboardInterrupt:
            if not isinstance(stream, video_files.Camera):
                raise
    return {
        "image": stream.name,
        "drawn": drawn_path,
        "poses": poses_path,
        "problem": stream.problem,
        "note": add_picture.note,
    }


def _writing(path, stream, estimator, smoothing):
    joints = estimator.skeleton.joints
    if path.suffix == ".csv":
        return pose_files.writing_csv(path, ("frame", "seconds"), joints=joints)
    head = {
        "video": stream.name,
        "width_px": stream.size_px[0],
        "height_px": stream.size_px[1],
        "model": estimator.name,
        "smoothing": None if smoothing is None else smoothing.settings(),
        "made_by": provenance(),
    }
    return pose_files.writing_json(path, head, joints=joints)
