"""Poses for photographs and videos: find the files, read, predict, draw, write."""

import glob
import os
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from posekit import drawing, files
from posekit.datasets import image_files
from posekit.datasets.coco import reading
from posekit.errors import PosekitError, check_choice, raise_problems
from posekit.estimators.predict import pose_files, video_files
from posekit.estimators.predict.videos import output_paths, predict_video
from posekit.provenance import provenance

SUFFIXES = (".jpg", ".jpeg", ".png")

# Photographs in memory at a time; one of 24 megapixels takes 72 MB.
CHUNK_SIZE = 8

# Where the poses of all photographs go, as CSV and as COCO results.
TABLE = "poses.csv"
RESULTS = "coco_results.json"


def find_files(paths):
    """The photographs and videos of files, folders and patterns.

    Args:
        paths: list of paths. A folder stands for the JPEG, PNG and video files in it, a pattern
            such as "clips/*.mp4" or "holiday/**/*.jpg" for those that it matches; sorted by name,
            without hidden files and without the outputs of `predict_files`.

    Returns:
        list of Path, in the order given; a named file is listed whether or not it exists.

    Raises:
        PosekitError: a folder or pattern without such a file.
    """
    found, problems = [], []
    for path in map(str, paths):
        if os.path.isdir(path):
            matches = _wanted(Path(path).iterdir())
        elif os.path.exists(path) or not set(path) & set("*?["):
            matches = [Path(path)]
        else:
            matches = _wanted(map(Path, glob.iglob(path, recursive=True)))
        if not matches:
            problems.append(
                f"{path} must hold JPEG, PNG or video files; got none. Name another folder or "
                "pattern."
            )
        found += matches
    raise_problems("predict", problems)
    return found


def is_video(path):
    """Whether a file's name is that of a video."""
    return Path(path).suffix.lower() in video_files.SUFFIXES


def read_photo(path):
    """Decode a photograph upright, as its EXIF orientation says, RGB.

    Args:
        path: a JPEG or PNG file.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        PosekitError: the file is missing, empty, not a whole image or beyond the limits of
            `image_files`.
    """
    path = Path(path)
    try:
        content = _read_bounded(path)
    except OSError as error:
        raise PosekitError(
            f"{path}: the image must be a readable file; got {error.strerror}."
        ) from error
    try:
        return image_files.decode(content, upright=True)
    except PosekitError as error:
        raise PosekitError(f"{path}: {error}.") from error


def predict_files(
    estimator,
    paths,
    folder,
    *,
    box_px=None,
    file_format="json",
    smoothing=None,
    annotations=None,
):
    """Predict photographs, then videos; write a copy with the pose drawn, and the poses.

    A few photographs, and one frame of a video, are in memory at a time.

    Args:
        estimator: estimators.PoseEstimator.
        paths: list of paths of photographs and videos.
        folder: where NAME_pose.png goes for a photograph, NAME_pose.mp4 for a video, and
            NAME_pose.json for both; as CSV, NAME_pose.csv for a video, and `TABLE` for all
            photographs together; as COCO results, `RESULTS` for all photographs.
        box_px: None, or x, y, width and height of the person in the one photograph, pixels.
        file_format: str, one of pose_files.FORMATS.
        smoothing: smoothing.OneEuroFilter for videos, or None.
        annotations: own_data.OwnData that lists the photographs and gives COCO results their ids
            and keypoints; None counts the ids from 1 and takes the estimator's joints.

    Yields:
        dict for each file: image, drawn, poses (paths) and problem (None). For an unreadable file,
        problem says what is wrong with it; drawn and poses are None. A video that ends early has
        all of them.

    Raises:
        PosekitError: before anything is written, two files share a name, one would be
            overwritten, there is a box but not one single photograph, smoothing without a video,
            a video as COCO results, or annotations that do not list a photograph or have other
            joints; later, the box does not fit or the folder is not writable.
    """
    _check_files(paths, folder, box_px, file_format, smoothing)
    photos = [path for path in paths if not is_video(path)]
    layout = None
    if file_format == "coco":
        layout = _coco_layout(estimator, photos, annotations)
    if photos:
        with _photo_writer(folder, file_format, estimator, layout) as write:
            yield from _predict_photos(estimator, photos, folder, box_px, write)
    for path in filter(is_video, paths):
        try:
            stream = video_files.VideoFile(path)
        except PosekitError as error:
            yield {"image": path, "drawn": None, "poses": None, "problem": str(error)}
            continue
        result = predict_video(
            estimator,
            stream,
            folder,
            Path(path).stem,
            file_format=file_format,
            smoothing=smoothing,
        )
        yield {**result, "image": path}


def _predict_photos(estimator, paths, folder, box_px, write):
    boxes_px = None if box_px is None else np.array([box_px], float)
    for start in range(0, len(paths), CHUNK_SIZE):
        images = {}
        for path in paths[start : start + CHUNK_SIZE]:
            try:
                images[path] = read_photo(path)
            except PosekitError as error:
                yield {"image": path, "drawn": None, "poses": None, "problem": str(error)}
        if not images:
            continue
        poses = estimator.estimate(list(images.values()), boxes_px)
        for index, (path, image) in enumerate(images.items()):
            drawn = _drawn_path(path, folder)
            keypoints_px, confidences = poses.keypoints_px[index], poses.confidences[index]
            shown = drawing.draw_skeleton(
                image, keypoints_px, confidences=confidences, skeleton=estimator.skeleton
            )
            _write_picture(drawn, shown)
            written = write(path, image, keypoints_px, confidences, poses.boxes_px[index])
            yield {"image": path, "drawn": drawn, "poses": written, "problem": None}


@contextmanager
def _photo_writer(folder, file_format, estimator, layout):
    """Yield a function that writes a photograph's pose and returns the path of the file."""
    folder, joints = Path(folder), estimator.skeleton.joints
    if file_format == "coco":
        with pose_files.writing_coco(folder / RESULTS, layout) as add:

            def write(path, image, keypoints_px, confidences, box_px):
                name = Path(path).name
                labels = {"image_id": layout.image_ids[name], "file_name": name}
                add(labels, keypoints_px, confidences)
                return folder / RESULTS

            yield write
    elif file_format == "csv":
        with pose_files.writing_csv(folder / TABLE, ("image",), joints=joints) as add:

            def write(path, image, *pose):
                add({"image": str(path)}, *pose)
                return folder / TABLE

            yield write
    else:
        made_by = provenance()

        def write(path, image, *pose):
            written = folder / f"{Path(path).stem}_pose.json"
            content = {
                "image": str(path),
                "width_px": image.shape[1],
                "height_px": image.shape[0],
                "model": estimator.name,
                **pose_files.pose_entry(*pose, joints=joints),
                "made_by": made_by,
            }
            files.write_json(written, content)
            return written

        yield write


def _read_bounded(path):
    """A file's bytes, read in pieces, since special files have no size and may not end."""
    content = bytearray()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            content += piece
            if len(content) > image_files.FILE_LIMIT_BYTES:
                raise PosekitError(
                    f"{path}: must have at most {image_files.FILE_LIMIT_BYTES:,} bytes; got more. "
                    "Make the image smaller."
                )
    return bytes(content)


def _wanted(paths):
    return sorted(path for path in paths if _is_wanted(path))


def _is_wanted(path):
    pose_paths = (
        *(path.with_suffix(suffix) for suffix in (".json", ".csv")),
        *(path.with_name(name) for name in (TABLE, RESULTS)),
    )
    is_output = path.stem.endswith("_pose") and any(each.is_file() for each in pose_paths)
    return (
        path.suffix.lower() in SUFFIXES + video_files.SUFFIXES
        and path.is_file()
        and not path.name.startswith(".")
        and not is_output
    )


def _drawn_path(path, folder):
    if is_video(path):
        return output_paths(folder, Path(path).stem, "json")[0]
    return Path(folder) / f"{Path(path).stem}_pose.png"


def _check_files(paths, folder, box_px, file_format, smoothing):
    check_choice("predict", "format", file_format, pose_files.FORMATS)
    problems = []
    stems = Counter(Path(path).stem for path in paths)
    repeated = sorted(stem for stem, count in stems.items() if count > 1)
    if repeated:
        problems.append(
            "image names must differ, the outputs are named after them; got "
            f"{repeated[0]!r} more than once. Predict them into different folders."
        )
    inputs = {Path(path).resolve() for path in paths}
    for path in paths:
        drawn = _drawn_path(path, folder)
        if drawn.resolve() in inputs:
            problems.append(
                f"no image may be overwritten; got {drawn}, which is also where the drawn copy of "
                f"{path} goes. Predict into another folder."
            )
    videos = sum(map(is_video, paths))
    if box_px is not None and (len(paths) != 1 or videos):
        problems.append(
            f"a box needs exactly one image; got {len(paths) - videos} images and {videos} "
            "videos. Predict each image with its box."
        )
    if file_format == "coco" and videos:
        problems.append(
            f"COCO results need photographs; got {videos} videos. Choose another format for them."
        )
    if smoothing is not None and not videos:
        problems.append("smoothing needs a video; got images alone. Leave it out for them.")
    raise_problems("predict", problems)


def _coco_layout(estimator, paths, annotations):
    names = [Path(path).name for path in paths]
    if annotations is None:
        return reading.plain_layout(estimator.skeleton, names)
    layout = reading.layout_of(annotations)
    problems = [
        f"{annotations.annotations} must list each photograph once; got none named {name}."
        for name in names
        if name not in layout.image_ids
    ]
    if annotations.skeleton.joints != estimator.skeleton.joints:
        problems.append(
            f"{annotations.annotations} must be read as the joints of {estimator.name}, "
            f"{', '.join(estimator.skeleton.joints)}; got "
            f"{', '.join(annotations.skeleton.joints)}. Map its keypoints to them in an "
            "own_data.toml."
        )
    raise_problems("predict", problems)
    return layout


def _write_picture(path, drawn):
    encoded = cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))[1]
    with files.replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
