"""Poses for photographs and videos: read, predict, draw, write."""

from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from posekit import files
from posekit.datasets import image_files
from posekit.datasets.coco import reading
from posekit.errors import PosekitError, check_choice, raise_problems
from posekit.estimators.predict import inputs, pictures, pose_files, video_files
from posekit.estimators.predict.inputs import RESULTS, TABLE
from posekit.estimators.predict.poses import NOBODY, Pose, draw
from posekit.estimators.predict.videos import predict_video
from posekit.provenance import provenance

# Photographs in memory at a time; one of 24 megapixels takes 72 MB.
CHUNK_SIZE = 8


def read_photo(path):
    """Decode a photograph upright, as its orientation says, RGB.

    uint8 (H, W, 3) of a file in one of `pictures.FORMATS`, or HEIC where pillow-heif is installed.
    PosekitError where it is missing, no whole picture or beyond the limits of `image_files`.
    """
    path = Path(path)
    if path.suffix.lower() in pictures.RAW_SUFFIXES and path.is_file():
        raise PosekitError(
            f"{path}: must be a finished picture; got a camera's raw file. Export it as JPEG."
        )
    content = files.read_bounded(path, image_files.FILE_LIMIT_BYTES)
    try:
        return pictures.decode(content)
    except PosekitError as error:
        raise PosekitError(f"{path}: {error}.".replace("..", ".")) from error


def predict_files(
    estimator,
    paths,
    folder,
    *,
    boxes_px=None,
    file_format="json",
    smoothing=None,
    annotations=None,
    overwrite=True,
    all_joints=False,
):
    """Predict photographs, then videos; write a copy with the pose drawn, and the poses.

    A few photographs, and one frame of a video, are in memory at a time.

    Args:
        estimator: estimators.PoseEstimator.
        paths: list of paths of photographs and videos, which differ.
        folder: where NAME_pose.png, for a video NAME_pose.mp4, and NAME_pose.json go, NAME being
            that of `inputs.output_names`. As CSV, all photographs go to `TABLE`, as COCO results
            to `RESULTS`.
        boxes_px: None, or a list of the people in the one photograph, each x, y, width and height,
            pixels. Of several, its JSON lists the poses under "people", and a CSV file has a
            column "person", counted from 0.
        file_format: str, one of pose_files.FORMATS.
        smoothing: smoothing.OneEuroFilter for videos, or None.
        annotations: own_data.OwnData that lists the photographs and gives COCO results their ids
            and keypoints; None counts the ids from 1 and takes the estimator's joints.
        overwrite: bool, whether outputs that exist are replaced.
        all_joints: bool, whether joints outside the picture or surely wrong are drawn too.

    Yields:
        dict for each file: image, drawn, poses (paths), problem (None, or what is wrong with the
        file) and note (None, or that nobody was found or sound was left out). Of an unreadable
        file drawn and poses are None; a video that ends early has them.

    Raises:
        PosekitError: before anything is written, an input would be overwritten, or an earlier
            output without `overwrite`; the arguments do not go together; annotations do not list a
            photograph or have other joints. Later, the box does not fit or there is no writing.
    """
    check_choice("predict", "format", file_format, pose_files.FORMATS)
    folder, paths = Path(folder), [Path(path) for path in paths]
    names = dict(zip(paths, inputs.output_names(paths), strict=True))
    videos = [path for path in paths if inputs.kind(path) == "video"]
    photos = [path for path in paths if path not in set(videos)]
    drawn = {path: folder / f"{names[path]}_pose.png" for path in photos}
    drawn |= {path: folder / f"{names[path]}_pose.mp4" for path in videos}
    written = {path: drawn[path].with_suffix(f".{file_format}") for path in paths}
    if file_format != "json":
        written |= dict.fromkeys(photos, folder / (TABLE if file_format == "csv" else RESULTS))
    _check_files(photos, videos, drawn, boxes_px, file_format, smoothing)
    if not overwrite:
        _check_new({*drawn.values(), *written.values()})
    listed = dict(zip(photos, inputs.file_names(photos), strict=True))
    layout = None
    if file_format == "coco":
        layout = _coco_layout(estimator, list(listed.values()), annotations)
    if photos:
        several = boxes_px is not None and len(boxes_px) > 1
        writer = (folder, file_format, written, estimator, layout, listed, several)
        with _photo_writer(*writer) as write:
            for path, image, people in _predicted(estimator, photos, boxes_px):
                if people is None:
                    yield _unread(path, image)
                    continue
                _write_picture(drawn[path], draw(image, people, estimator.skeleton, all_joints))
                write(path, image, people)
                is_found = any(pose.found for pose in people)
                yield {
                    "image": path,
                    "drawn": drawn[path],
                    "poses": written[path],
                    "problem": None,
                    "note": None if is_found else f"{path}: {NOBODY}",
                }
    for path in videos:
        try:
            stream = video_files.open_video(path)
        except PosekitError as error:
            yield _unread(path, error)
            continue
        settings = {"file_format": file_format, "smoothing": smoothing, "all_joints": all_joints}
        result = predict_video(estimator, stream, folder, names[path], **settings)
        yield {**result, "image": path}


def _unread(path, error):
    return {"image": path, "drawn": None, "poses": None, "problem": str(error), "note": None}


def _predicted(estimator, paths, boxes_px):
    """Yield (path, image, list of Pose), or (path, PosekitError, None) where it is unreadable."""
    for start in range(0, len(paths), CHUNK_SIZE):
        images = {}
        for path in paths[start : start + CHUNK_SIZE]:
            try:
                images[path] = read_photo(path)
            except PosekitError as error:
                yield path, error, None
        if not images:
            continue
        shown = list(images.values()) * (1 if boxes_px is None else len(boxes_px))
        poses = estimator.estimate(shown, None if boxes_px is None else np.array(boxes_px, float))
        people = [Pose.of(poses, index) for index in range(len(shown))]
        for index, (path, image) in enumerate(images.items()):
            yield path, image, people[index :: len(images)]


@contextmanager
def _photo_writer(folder, file_format, written, estimator, layout, listed, several):
    """Yield a function that writes a photograph's Poses, to its path in `written`."""
    joints = estimator.skeleton.joints
    if file_format == "json":
        made_by = provenance()

        def write(path, image, people):
            entries = [pose_files.pose_entry(pose, joints=joints) for pose in people]
            content = {
                "image": str(path),
                "width_px": image.shape[1],
                "height_px": image.shape[0],
                "model": estimator.name,
                **({"people": entries} if several else entries[0]),
                "made_by": made_by,
            }
            files.write_json(written[path], content)

        yield write
        return
    columns = ("image", "person") if several else ("image",)
    with (
        pose_files.writing_csv(folder / TABLE, columns, joints=joints)
        if file_format == "csv"
        else pose_files.writing_coco(folder / RESULTS, layout)
    ) as add:

        def write(path, image, people):
            for person, pose in enumerate(people):
                labels = {"image": str(path), "person": person}
                if layout is not None:
                    labels = {"image_id": layout.image_ids[listed[path]], "file_name": listed[path]}
                add(labels, pose)

        yield write


def _check_files(photos, videos, drawn, boxes_px, file_format, smoothing):
    problems = []
    files_read = {path.resolve() for path in drawn}
    for path, picture in drawn.items():
        if picture.resolve() in files_read:
            problems.append(
                f"no image may be overwritten; got {picture}, which is also where the drawn copy "
                f"of {path} goes. Predict into another folder."
            )
    if boxes_px is not None and (len(photos) != 1 or videos):
        problems.append(
            f"a box needs exactly one image; got {len(photos)} images and {len(videos)} "
            "videos. Predict each image with its box."
        )
    if file_format == "coco" and videos:
        problems.append(
            f"COCO results need photographs; got {len(videos)} videos. Choose another format for "
            "them."
        )
    if smoothing is not None and not videos:
        problems.append("smoothing needs a video; got images alone. Leave it out for them.")
    raise_problems("predict", problems)


def _check_new(outputs):
    existing = sorted(path for path in outputs if path.is_file())
    if existing:
        raise PosekitError(
            f"predict: outputs must be new; got {existing[0]}, which exists, and "
            f"{len(existing) - 1} more. Choose another folder with --out, or overwrite them with "
            "--force."
        )


def _coco_layout(estimator, names, annotations):
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
