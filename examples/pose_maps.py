"""A photograph to a pose with an exported model, in NumPy and Pillow alone, for any runtime.

For models whose output is maps, like the shipped ones. The numbers come from the export's
manifest.json; its "how_to" describes the same steps.
"""

import json

import numpy as np
from PIL import Image, ImageOps


def find_pose(folder, photo, open_network):
    """Joint -> position in the photograph's pixels and confidence, None where not calibrated.

    `open_network(file)` gives a function from a frame (S, S, 3) to logits (h, w, K), float32.
    """
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    picture = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    size = np.array(picture.size, float)
    side = size.max()
    corner = (size - side) / 2  # the smallest centred square that holds all of the picture
    for stage in manifest["stages"]:
        network, frame_px = open_network(folder / stage["file"]), stage["input_px"]
        for crops in stage["looks"]:
            if stage["view"] == "person":
                low, high = keypoints.min(axis=0) + 0.5, keypoints.max(axis=0) + 0.5
                side = max(*(high - low), manifest["least_side_px"]) * manifest["person_margin"]
                corner = (low + high - side) / 2
            widest, total = max(crop["scale"] for crop in crops), 0
            for crop in crops:
                shown = corner + side * (1 - crop["scale"]) / 2, side * crop["scale"]
                frame = cut(picture, *shown, frame_px, manifest["fill"])
                if crop["mirrored"]:
                    frame = np.ascontiguousarray(frame[:, ::-1])
                maps = softmax(network(frame))
                if crop["mirrored"]:
                    maps = maps[:, ::-1, manifest["mirror"]]
                total = total + zoomed_out(maps, widest / crop["scale"])
            in_frame, mass = find_peaks(total / len(crops), frame_px, **manifest["decoding"])
            in_crop = (in_frame + 0.5) * widest * side / frame_px
            keypoints = in_crop + corner + side * (1 - widest) / 2 - 0.5
    confidences = [None] * len(mass)
    if manifest["calibration"]:
        mass, fitted = np.clip(mass, 1e-4, 1 - 1e-4), manifest["calibration"]
        odds = fitted["slope"] * np.log(mass / (1 - mass)) + fitted["offsets"]
        confidences = (1 / (1 + np.exp(-odds))).tolist()
    joints = zip(manifest["joints"], keypoints.tolist(), confidences, strict=True)
    return {name: {"x_px": x, "y_px": y, "confidence": sure} for name, (x, y), sure in joints}


def cut(picture, corner, side, frame_px, fill):
    """A square of the picture as float32 (frame_px, frame_px, 3); `fill` beyond its edge."""
    beyond = np.concatenate([-corner, corner + side - picture.size]).max()
    border = max(0, int(np.ceil(beyond)))
    canvas = ImageOps.expand(picture, border, (fill, fill, fill))
    box = (*(corner + border), *(corner + border + side))
    return np.asarray(canvas.resize((frame_px, frame_px), Image.BILINEAR, box), np.float32)


def softmax(logits):
    """Logits (h, w, K) to probabilities of each joint's position, float64 (h, w, K)."""
    raised = np.exp(logits.astype(float) - logits.max(axis=(0, 1)))
    return raised / raised.sum(axis=(0, 1))


def zoomed_out(maps, factor):
    """Maps (h, w, K) of a square as maps of one `factor` times as wide, around the same centre."""
    count = len(maps)
    edges = np.linspace(-0.5, 0.5, count + 1)
    wider = edges * factor
    low, high = np.maximum(wider[:-1, None], edges[:-1]), np.minimum(wider[1:, None], edges[1:])
    shares = np.maximum(high - low, 0) * count
    return np.einsum("yi,ijk,xj->yxk", shares, maps, shares)


def find_peaks(maps, frame_px, smoothing, neighbourhood, sure_radius):
    """Keypoints (K, 2) in the frame at each map's highest peak, and the mass there (K,)."""
    cells = (np.arange(len(maps)) + 0.5) * frame_px / len(maps) - 0.5  # the same for x and y
    nearby = np.exp(-((cells[:, None] - cells) ** 2) / (2 * (smoothing * frame_px) ** 2))
    smooth = np.einsum("yi,xj,ijk->kyx", nearby, nearby, maps)
    keypoints, mass = [], []
    for probability, top in zip(maps.transpose(2, 0, 1), smooth, strict=True):
        y, x = cells[list(np.unravel_index(top.argmax(), top.shape))]
        away = (cells[:, None] - y) ** 2 + (cells - x) ** 2
        weight = probability * np.exp(-away / (2 * (neighbourhood * frame_px) ** 2))
        x, y = weight.sum(axis=0) @ cells / weight.sum(), weight.sum(axis=1) @ cells / weight.sum()
        away = (cells[:, None] - y) ** 2 + (cells - x) ** 2
        keypoints.append((x, y))
        mass.append(probability[away <= (sure_radius * frame_px) ** 2].sum())
    return np.array(keypoints), np.array(mass)
