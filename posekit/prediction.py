"""A pose for a person's own photographs: find, read, predict, draw, write."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from posekit import artifacts, drawing, image_files
from posekit.errors import PosekitError, raise_problems
from posekit.skeleton import JOINTS

SUFFIXES = (".jpg", ".jpeg", ".png")

# How many photographs are in memory at a time; one of 24 megapixels takes 72 MB.
CHUNK_SIZE = 8


def find_photos(paths):
    """The files that paths of files and folders stand for.

    Args:
        paths: list of paths. A folder stands for the JPEG and PNG files in it, by name, without
            hidden ones and without the pictures that `predict_files` wrote there.

    Returns:
        list of Path, in the order given; files as named, whether or not they are there.

    Raises:
        PosekitError: a folder without such a file.
    """
    photos, problems = [], []
    for path in map(Path, paths):
        found = sorted(filter(_is_photo, path.iterdir())) if path.is_dir() else [path]
        if not found:
            problems.append(f"{path} must hold JPEG or PNG files; got none. Name another folder.")
        photos += found
    raise_problems("predict", problems)
    return photos


def read_photo(path):
    """Decode a photograph as a person sees it: EXIF orientation applied, RGB.

    Args:
        path: a JPEG or PNG file.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        PosekitError: the file is missing, empty, no whole image or beyond the limits of
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


def predict_files(estimator, paths, folder, *, box_px=None):
    """Predict photographs; write a drawn copy and a JSON file of each.

    A few photographs are read, predicted and written at a time.

    Args:
        estimator: estimators.PoseEstimator.
        paths: list of image paths.
        folder: where NAME_pose.png and NAME_pose.json go.
        box_px: None, or x, y, width and height of the person in the one image, pixels.

    Yields:
        dict for each image: image, drawn, json (paths) and problem (None). For an image that
        cannot be read, problem says what is wrong with it; drawn and json are None.

    Raises:
        PosekitError: before anything is written, two images share a name, an image would be
            written over, or a box comes with any number of images but one; later, the box does
            not fit or the folder is not writable.
    """
    _check_files(paths, folder, box_px)
    boxes_px = None if box_px is None else np.array([box_px], float)
    for start in range(0, len(paths), CHUNK_SIZE):
        images = {}
        for path in paths[start : start + CHUNK_SIZE]:
            try:
                images[path] = read_photo(path)
            except PosekitError as error:
                yield {"image": path, "drawn": None, "json": None, "problem": str(error)}
        if not images:
            continue
        poses = estimator.estimate(list(images.values()), boxes_px)
        for index, (path, image) in enumerate(images.items()):
            drawn, described = _outputs(path, folder)
            confidences = poses.confidences[index]
            _write_drawing(drawn, image, poses.keypoints_px[index], confidences)
            artifacts.write_json(
                described,
                {
                    "image": str(path),
                    "width_px": image.shape[1],
                    "height_px": image.shape[0],
                    "model": estimator.name,
                    "box_px": poses.boxes_px[index].round(2),
                    "keypoints_px": dict(
                        zip(JOINTS, poses.keypoints_px[index].round(2), strict=True)
                    ),
                    "confidence": dict(zip(JOINTS, confidences.round(3), strict=True)),
                },
            )
            yield {"image": path, "drawn": drawn, "json": described, "problem": None}


def _read_bounded(path):
    """A file's bytes, read in pieces: some files have no size, and some no end."""
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


def _is_photo(path):
    written = path.stem.endswith("_pose") and path.with_suffix(".json").is_file()
    return (
        path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not path.name.startswith(".")
        and not written
    )


def _outputs(path, folder):
    return tuple(Path(folder) / f"{Path(path).stem}_pose.{kind}" for kind in ("png", "json"))


def _check_files(paths, folder, box_px):
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
        drawn, _ = _outputs(path, folder)
        if drawn.resolve() in inputs:
            problems.append(
                f"no image may be written over; got {drawn}, which is also where the drawn copy "
                f"of {path} goes. Predict into another folder."
            )
    if box_px is not None and len(paths) != 1:
        problems.append(
            f"a box needs exactly one image; got {len(paths)} images. Predict each with its box."
        )
    raise_problems("predict", problems)


def _write_drawing(path, image, keypoints_px, confidences):
    drawn = drawing.draw_skeleton(image, keypoints_px, confidences=confidences)
    encoded = cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))[1]
    with artifacts.replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
