"""A pose for a person's own photograph: read, predict, draw, write."""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from posekit import artifacts, drawing, evaluation, pipeline
from posekit.datasets.lsp import PICTURE_FORMATS
from posekit.errors import PosekitError
from posekit.skeleton import JOINTS


def read_photo(path):
    """Decode a photograph as a person sees it: EXIF orientation applied, RGB.

    Args:
        path: a JPEG or PNG file.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        PosekitError: the file is missing, empty or no whole image.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PosekitError(
            f"{path}: the image must be a readable file; got {error.strerror}."
        ) from error
    try:
        with Image.open(io.BytesIO(content), formats=PICTURE_FORMATS) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except Image.UnidentifiedImageError as error:
        raise PosekitError(
            f"{path}: must be a JPEG or PNG image; got {len(content)} bytes that begin like "
            "neither."
        ) from error
    except (OSError, Image.DecompressionBombError, SyntaxError) as error:
        raise PosekitError(
            f"{path}: must be a whole JPEG or PNG image; got {len(content)} bytes that do not "
            f"decode ({error})."
        ) from error


def predict_photo(model, image):
    """One person's keypoints.

    Args:
        model: keras.Model, from `models.load`.
        image: uint8 (H, W, 3), RGB.

    Returns:
        float64 (14, 2), (x, y) in the image's pixels.
    """
    frame_px = model.input_shape[1]
    frame = pipeline.squash(image, frame_px).numpy()
    height, width = image.shape[:2]
    in_frame_px = evaluation.predict_frame_px(model, frame[None])
    return evaluation.to_original_px(in_frame_px, (width, height), frame_px)[0]


def predict_files(model, paths, folder):
    """Predict each photograph; write a drawn copy and a JSON file beside it.

    Args:
        model: keras.Model, from `models.load`.
        paths: list of image paths.
        folder: where NAME_pose.png and NAME_pose.json go.

    Returns:
        list of dict, one for each image: image, drawn, json (paths) and keypoints_px.

    Raises:
        PosekitError: two images share a name, or one cannot be read; what was written stays.
    """
    stems = [Path(path).stem for path in paths]
    repeated = sorted({stem for stem in stems if stems.count(stem) > 1})
    if repeated:
        raise PosekitError(
            f"predict: image names must differ, the outputs are named after them; got "
            f"{repeated[0]!r} more than once. Predict them into different folders."
        )
    results = []
    for path, stem in zip(paths, stems, strict=True):
        image = read_photo(path)
        keypoints_px = predict_photo(model, image)
        drawn = Path(folder) / f"{stem}_pose.png"
        described = Path(folder) / f"{stem}_pose.json"
        skeleton_bgr = cv2.cvtColor(drawing.draw_skeleton(image, keypoints_px), cv2.COLOR_RGB2BGR)
        with artifacts.replacing(drawn) as temporary:
            temporary.write_bytes(cv2.imencode(".png", skeleton_bgr)[1].tobytes())
        artifacts.write_json(
            described,
            {
                "image": str(path),
                "width_px": image.shape[1],
                "height_px": image.shape[0],
                "keypoints_px": dict(zip(JOINTS, keypoints_px.round(2), strict=True)),
            },
        )
        results.append(
            {"image": path, "drawn": drawn, "json": described, "keypoints_px": keypoints_px}
        )
    return results
