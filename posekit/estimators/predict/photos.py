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
from posekit.estimators.predict.videos import output_paths, predict_video
from posekit.provenance import provenance

# Photographs in memory at a time; one of 24 megapixels takes 72 MB.
CHUNK_SIZE = 8


def read_photo(path):
    """Decode a photograph upright, as its orientation says, RGB.

    Args:
        path: a file in one of `pictures.FORMATS`, or HEIC where pillow-heif is installed.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        PosekitError: the file is missing, empty, not a whole picture or beyond the limits of
            `image_files`.
    """
    path = Path(path)
    if path.suffix.lower() in pictures.RAW_SUFFIXES and path.is_file():
        raise PosekitError(
            f"{path}: must be a finished picture; got a camera's raw file. Export it as JPEG."
        )
    try:
        content = _read_bounded(path)
    except OSError as error:
        raise PosekitError(
            f"{path}: the image must be a readable file; got {error.strerror}."
        ) from error
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
        folder: where NAME_pose.png goes for a photograph, NAME_pose.mp4 for a video, and
            NAME_pose.json for both, NAME being that of `inputs.output_names`; as CSV,
            NAME_pose.csv for a video, and `TABLE` for all photographs together; as COCO results,
            `RESULTS` for all photographs.
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
        dict for each file: image, drawn, poses (paths), problem (None) and note, None or that
        nobody was found. For an
        unreadable file, problem says what is wrong with it; drawn and poses are None. A video that
        ends early has all of them; one whose sound had to be left out has a note.

    Raises:
        PosekitError: before anything is written, an input would be overwritten, or an earlier
            output without `overwrite`; there is a box but
            not one single photograph, smoothing without a video, a video as COCO results, or
            annotations that do not list a photograph or have other
            joints; later, the box does not fit or the folder is not writable.
    """
    paths = [Path(path) for path in paths]
    names = dict(zip(paths, inputs.output_names(paths), strict=True))
    videos = [path for path in paths if inputs.kind(path) == "video"]
    photos = [path for path in paths if path not in set(videos)]
    drawn = {path: Path(folder) / f"{names[path]}_pose.png" for path in photos}
    drawn |= {path: output_paths(folder, names[path], "json")[0] for path in videos}
    _check_files(photos, videos, drawn, boxes_px, file_format, smoothing)
    if not overwrite:
        written = {drawn[path].with_suffix(f".{file_format}") for path in videos}
        of_all = {"csv": Path(folder) / TABLE, "coco": Path(folder) / RESULTS}
        for path in photos:
            written.add(of_all.get(file_format, drawn[path].with_suffix(".json")))
        _check_new({*drawn.values(), *written})
    layout = None
    if file_format == "coco":
        layout = _coco_layout(estimator, photos, annotations)
    if photos:
        several = boxes_px is not None and len(boxes_px) > 1
        with _photo_writer(folder, file_format, estimator, layout, photos, drawn, several) as write:
            yield from _predict_photos(estimator, photos, drawn, boxes_px, write, all_joints)
    for path in videos:
        try:
            stream = video_files.open_video(path)
        except PosekitError as error:
            yield _unread(path, error)
            continue
        result = predict_video(
            estimator,
            stream,
            folder,
            names[path],
            file_format=file_format,
            smoothing=smoothing,
            all_joints=all_joints,
        )
        yield {**result, "image": path}


def _unread(path, error):
    return {"image": path, "drawn": None, "poses": None, "problem": str(error), "note": None}


def _predict_photos(estimator, paths, drawn, boxes_px, write, all_joints):
    for start in range(0, len(paths), CHUNK_SIZE):
        images = {}
        for path in paths[start : start + CHUNK_SIZE]:
            try:
                images[path] = read_photo(path)
            except PosekitError as error:
                yield _unread(path, error)
        if not images:
            continue
        if boxes_px is None:
            poses = estimator.estimate(list(images.values()))
            people = [[Pose.of(poses, index)] for index in range(len(images))]
        else:
            (image,) = images.values()
            poses = estimator.estimate([image] * len(boxes_px), np.array(boxes_px, float))
            people = [[Pose.of(poses, index) for index in range(len(boxes_px))]]
        for (path, image), those in zip(images.items(), people, strict=True):
            _write_picture(drawn[path], draw(image, those, estimator.skeleton, all_joints))
            yield {
                "image": path,
                "drawn": drawn[path],
                "poses": write(path, image, those),
                "problem": None,
                "note": None if any(pose.found for pose in those) else f"{path}: {NOBODY}",
            }


@contextmanager
def _photo_writer(folder, file_format, estimator, layout, paths, drawn, several):
    """Yield a function that writes a photograph's Poses and returns the path of the file."""
    folder, joints = Path(folder), estimator.skeleton.joints
    if file_format == "coco":
        names = dict(zip(paths, inputs.file_names(paths), strict=True))
        with pose_files.writing_coco(folder / RESULTS, layout) as add:

            def write(path, image, people):
                labels = {"image_id": layout.image_ids[names[path]], "file_name": names[path]}
                for pose in people:
                    add(labels, pose)
                return folder / RESULTS

            yield write
    elif file_format == "csv":
        columns = ("image", "person") if several else ("image",)
        with pose_files.writing_csv(folder / TABLE, columns, joints=joints) as add:

            def write(path, image, people):
                for person, pose in enumerate(people):
                    add({"image": str(path), "person": person}, pose)
                return folder / TABLE

            yield write
    else:
        made_by = provenance()

        def write(path, image, people):
            written = drawn[path].with_suffix(".json")
            entries = [pose_files.pose_entry(pose, joints=joints) for pose in people]
            content = {
                "image": str(path),
                "width_px": image.shape[1],
                "height_px": image.shape[0],
                "model": estimator.name,
                **({"people": entries} if several else entries[0]),
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


def _check_files(photos, videos, drawn, boxes_px, file_format, smoothing):
    check_choice("predict", "format", file_format, pose_files.FORMATS)
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


def _coco_layout(estimator, paths, annotations):
    names = inputs.file_names(paths)
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
