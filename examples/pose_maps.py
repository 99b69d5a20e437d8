"""A photograph to a pose with an exported model, in NumPy and Pillow alone, for any runtime.

For models whose output is maps, like the shipped ones. The numbers come from the export's
manifest.json, whose "how_to" points here.
"""

import json

import numpy as np
from PIL import Image, ImageOps


def find_pose(folder, photo, open_network):
    """Joint -> position in the photograph's pixels and confidence, None where not calibrated.

    `open_network(file)` gives a function from a frame (S, S, 3) to logits (h, w, K), float32.
    """
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    picture = np.asarray(ImageOps.exif_transpose(Image.open(photo)).convert("RGB"))
    size = np.array(picture.shape[1::-1], float)
    side = size.max()
    corner = (size - side) / 2  # the smallest centred square that holds all of the picture
    maps = shown = None
    for stage in manifest["stages"]:
        network, frame_px = open_network(folder / stage["file"]), stage["input_px"]
        looks = []
        for crops in stage["looks"]:
            if stage["view"] == "person":
                low, high = extents(maps, manifest["decoding"]["smoothing"], **manifest["extents"])
                low, high = shown[0] + low * shown[1], shown[0] + high * shown[1]
                longer = max(*(high - low), manifest["least_side_px"])
                found = (low + high) / 2, manifest["extent_margin"] * longer
                if looks:  # halfway between the square of the pass before and this one
                    middle = (corner + side / 2 + found[0]) / 2
                    side = np.sqrt(side * found[1])
                else:
                    middle, side = found
                corner = middle - side / 2
            for crop in crops:
                seen = corner + side * (1 - crop["scale"]) / 2, side * crop["scale"]
                frame = cut(picture, *seen, frame_px, manifest["fill"])
                if crop["mirrored"]:
                    frame = np.ascontiguousarray(frame[:, ::-1])
                look = softmax(network(frame))
                if crop["mirrored"]:
                    look = look[:, ::-1, manifest["mirror"]]
                looks.append((look, *seen))
            widest = max(crop["scale"] for crop in crops)
            shown = corner + side * (1 - widest) / 2, side * widest
            maps = sum(shown_in(look, *seen, *shown) for look, *seen in looks) / len(looks)
    in_frame, mass = find_peaks(maps, frame_px, **manifest["decoding"])
    keypoints = (in_frame + 0.5) * shown[1] / frame_px + shown[0] - 0.5
    confidences = [None] * len(mass)
    if manifest["calibration"]:
        mass, fitted = np.clip(mass, 1e-4, 1 - 1e-4), manifest["calibration"]
        odds = fitted["slope"] * np.log(mass / (1 - mass)) + fitted["offsets"]
        confidences = (1 / (1 + np.exp(-odds))).tolist()
    joints = zip(manifest["joints"], keypoints.tolist(), confidences, strict=True)
    return {name: {"x_px": x, "y_px": y, "confidence": sure} for name, (x, y), sure in joints}


def cut(picture, corner, side, frame_px, fill):
    """A square of the picture as float32 (frame_px, frame_px, 3); `fill` beyond its edge."""
    scale, size = frame_px / side, np.array(picture.shape[1::-1])
    if scale < 1:  # shrink first: points alone would miss pixels between them
        width, height = np.maximum(1, np.round(size * scale)).astype(int)
        picture = averaged(averaged(picture, height).transpose(1, 0, 2), width).transpose(1, 0, 2)
    stretch = np.array(picture.shape[1::-1]) / size
    x, y = (
        ((np.arange(frame_px) + 0.5) / scale + start) * stretched - 0.5
        for start, stretched in zip(corner, stretch, strict=True)
    )
    bordered = np.pad(np.rint(picture), ((1, 1), (1, 1), (0, 0)), constant_values=fill)
    return between(between(bordered, y + 1).transpose(1, 0, 2), x + 1).transpose(1, 0, 2)


def averaged(rows, count):
    """Rows (H, ...) as `count` <= H rows, each the mean of what it covers."""
    edges = np.arange(count + 1) * len(rows) / count
    whole = np.minimum(edges.astype(int), len(rows) - 1)
    sums = np.cumsum(rows, axis=0, dtype=np.float64)
    part = (edges - whole).reshape(-1, *[1] * (rows.ndim - 1))
    reached = sums[whole] - rows[whole] * (1 - part)
    return np.diff(reached, axis=0) * count / len(rows)


def between(rows, places):
    """Rows (H, ...) at places between them, linear; beyond the first and last they repeat."""
    places = np.clip(places, 0, len(rows) - 1)
    low = np.minimum(places.astype(int), len(rows) - 2)
    part = (places - low).reshape(-1, *[1] * (rows.ndim - 1))
    return (rows[low] * (1 - part) + rows[low + 1] * part).astype(np.float32)


def softmax(logits):
    """Logits (h, w, K) to probabilities of each joint's position, float64 (h, w, K)."""
    raised = np.exp(logits.astype(float) - logits.max(axis=(0, 1)))
    return raised / raised.sum(axis=(0, 1))


def shown_in(maps, corner, side, wanted_corner, wanted_side):
    """Maps (h, w, K) of a square as maps of another one."""
    count = len(maps)
    steps, shares = np.linspace(0, 1, count + 1), []
    for axis in (1, 0):
        seen = corner[axis] + side * steps
        wanted = wanted_corner[axis] + wanted_side * steps
        low = np.maximum(wanted[:-1, None], seen[:-1])
        shares.append(np.maximum(np.minimum(wanted[1:, None], seen[1:]) - low, 0) * count / side)
    return np.einsum("yi,ijk,xj->yxk", shares[0], maps, shares[1])


def smoothed(maps, smoothing):
    """Maps (h, w, K) under a Gaussian of standard deviation `smoothing`, a share of the side."""
    away = np.arange(len(maps))[:, None] - np.arange(len(maps))
    near = np.exp(-(away**2) / (2 * (smoothing * len(maps)) ** 2))
    return np.einsum("yi,xj,ijk->yxk", near, near, maps)


def extents(maps, smoothing, power):
    """Corners of the box that the joints of maps (h, w, K) are expected to span, as shares."""
    sharp = smoothed(maps, smoothing) ** power
    sharp /= sharp.sum(axis=(0, 1))
    low, high = [], []
    for axis in (0, 1):  # x, then y
        reached = np.minimum(np.cumsum(sharp.sum(axis=axis), axis=0), 1)
        low.append((0.5 + (1 - reached)[:-1].prod(axis=1).sum()) / len(maps))
        high.append(1 - (reached[:-1].prod(axis=1).sum() + 0.5) / len(maps))
    return np.array(low), np.array(high)


def find_peaks(maps, frame_px, smoothing, neighbourhood, sure_radius):
    """Keypoints (K, 2) in the frame at each map's highest peak, and the mass there (K,)."""
    cells = (np.arange(len(maps)) + 0.5) * frame_px / len(maps) - 0.5  # the same for x and y
    keypoints, mass = [], []
    for probability, top in zip(
        maps.transpose(2, 0, 1), smoothed(maps, smoothing).transpose(2, 0, 1), strict=True
    ):
        y, x = cells[list(np.unravel_index(top.argmax(), top.shape))]
        away = (cells[:, None] - y) ** 2 + (cells - x) ** 2
        weight = probability * np.exp(-away / (2 * (neighbourhood * frame_px) ** 2))
        x, y = weight.sum(axis=0) @ cells / weight.sum(), weight.sum(axis=1) @ cells / weight.sum()
        away = (cells[:, None] - y) ** 2 + (cells - x) ** 2
        keypoints.append((x, y))
        mass.append(probability[away <= (sure_radius * frame_px) ** 2].sum())
    return np.array(keypoints), np.array(mass)
