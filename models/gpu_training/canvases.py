"""Training pictures on the device: squares around people, whole pictures, and background.

A canvas is a square of a picture at a fixed number of pixels, as `posekit.pipeline.views.cut`
shows it, with the joints and the picture's own rectangle in the canvas' pixels. `augment` draws
crops from it. An integer coordinate is the centre of a pixel, as everywhere in posekit.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from pack import PERSON_MARGIN, PERSON_REACH, person_box

FILL = 127
PERSON_PX = 384
WHOLE_PX = 288
BACKGROUND_PX = 256

# Background begins this far from the labelled joints, as a share of the person's longer side.
# Narrower strips, and people with fewer labelled joints, give none.
CLEARANCE = 0.16
LEAST_BACKGROUND_PX = 40
LEAST_LABELLED = 12


@dataclass
class Canvases:
    """Squares of pictures of one kind.

    Attributes:
        images: uint8 (N, 3, S, S) on the device.
        rectangles: float32 (N, 4), left, top, right and bottom edge of the picture, canvas pixels.
        keypoints: float32 (N, K, 2), canvas pixels; junk where not labelled.
        labelled: bool (N, K).
        box_px: float, side of the view's own box, canvas pixels.
    """

    images: torch.Tensor
    rectangles: torch.Tensor
    keypoints: torch.Tensor
    labelled: torch.Tensor
    box_px: float

    @property
    def canvas_px(self):
        """Side of the canvases, pixels."""
        return self.images.shape[-1]

    def rows(self, chosen):
        """The same with the chosen rows alone."""
        parts = (self.images, self.rectangles, self.keypoints, self.labelled)
        return Canvases(*(part[chosen] for part in parts), self.box_px)


def cut(image, box, side):
    """`posekit.pipeline.views.cut`: a box (x, y, width, height) of a picture in a square frame."""
    height, width = image.shape[:2]
    scale = side / np.asarray(box[2:], float)
    if (scale < 1).any():
        shrunk = np.maximum(1, np.round([width, height] * np.minimum(scale, 1))).astype(int)
        image = cv2.resize(image, tuple(shrunk.tolist()), interpolation=cv2.INTER_AREA)
    stretch = np.array([image.shape[1] / width, image.shape[0] / height])
    step = stretch / scale
    origin = (0.5 / scale + box[:2]) * stretch - 0.5
    matrix = np.array([[step[0], 0, origin[0]], [0, step[1], origin[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fill = (FILL, FILL, FILL)
    return cv2.warpAffine(
        image, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=fill
    )


class Pack:
    """The pictures and labels that `pack.py` wrote, or the first parts of them.

    Args:
        folder: with labels.npz and images.bin, or parts of it, images00.bin, images01.bin, ...
        limit: int or None, take the first pictures alone.
    """

    def __init__(self, folder, limit=None):
        files = sorted(Path(folder).glob("images*.bin"))
        self._bytes = b"".join(file.read_bytes() for file in files)
        with np.load(Path(folder) / "labels.npz") as stored:
            self._labels = dict(stored)
        ends = self._labels["lengths"].sum(axis=1).cumsum()
        present = int((ends <= len(self._bytes)).sum())
        self.count = present if limit is None else min(limit, present)
        # A trial with few pictures keeps a quarter of them for validation.
        most = present if limit is None else limit // 4
        self.validation_count = min(int(self._labels["validation"]), most)
        self._ends = ends

    def __getitem__(self, name):
        return self._labels[name][: self.count]

    def pictures(self, row):
        """The whole picture, maybe shrunk, and the part around the person, RGB, or None."""
        whole, person = self._labels["lengths"][row]
        end = self._ends[row]
        start = end - whole - person
        return (
            _decoded(self._bytes[start : start + whole]),
            _decoded(self._bytes[start + whole : end]) if person else None,
        )

    def person_box(self, row):
        """posekit's square around the labelled joints, in the original picture's pixels."""
        return person_box(self["keypoints"][row].astype(float), self["labelled"][row])


def _decoded(encoded):
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(image[:, :, ::-1])


def load(pack, device):
    """The canvases of all pictures.

    Args:
        pack: Pack.
        device: torch.device.

    Returns:
        (person, whole): Canvases, a row for each picture.
        background: Canvases without joints that count, of squares and strips without the person.
        source: int (M,) on the device, the picture of each background.
    """
    cv2.setNumThreads(1)
    people, wholes, strips, sources = [], [], [], []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for row, shown in enumerate(pool.map(lambda row: _shown(pack, row), range(pack.count))):
            people.append(shown[0])
            wholes.append(shown[1])
            strips += shown[2]
            sources += [row] * len(shown[2])
    labelled = torch.from_numpy(pack["labelled"].astype(bool)).to(device)
    none = torch.zeros((len(strips), labelled.shape[1]), dtype=torch.bool, device=device)
    return (
        _canvases(people, labelled, PERSON_PX / PERSON_REACH, device),
        _canvases(wholes, labelled, float(WHOLE_PX), device),
        _canvases(strips, none, float(BACKGROUND_PX), device),
        torch.tensor(sources, device=device),
    )


def _canvases(shown, labelled, box_px, device):
    images, rectangles, keypoints = (np.stack(part) for part in zip(*shown, strict=True))
    return Canvases(
        torch.from_numpy(images).to(device).permute(0, 3, 1, 2),
        torch.from_numpy(rectangles.astype(np.float32)).to(device),
        torch.from_numpy(keypoints.astype(np.float32)).to(device),
        labelled,
        box_px,
    )


def _shown(pack, row):
    """(person, whole, backgrounds) of one picture, each as (image, rectangle, keypoints)."""
    whole, person = pack.pictures(row)
    size, keypoints = pack["sizes"][row], pack["keypoints"][row].astype(float)
    all_of_it = np.array([0, 0, *size])
    region = all_of_it if person is None else pack["regions"][row]
    box = pack.person_box(row)
    middle, side = box[:2] + box[2:] / 2, box[2:] * PERSON_REACH
    reach = np.concatenate([middle - side / 2, side])
    longer = np.array([size.max()] * 2)
    square = np.concatenate([(size - longer) / 2, longer])
    return (
        _canvas(whole if person is None else person, region, reach, PERSON_PX, keypoints),
        _canvas(whole, all_of_it, square, WHOLE_PX, keypoints),
        _backgrounds(pack, row, whole, size, box),
    )


def _canvas(image, region, box, side, keypoints):
    """Show a box of the original picture, of which `image` shows `region`.

    Returns:
        (uint8 (side, side, 3), the picture's rectangle (4,), keypoints (K, 2)) in canvas pixels.
    """
    stored = np.array([image.shape[1], image.shape[0]])
    scale = stored / region[2:]
    in_image = np.concatenate([(box[:2] - region[:2]) * scale, box[2:] * scale])
    to_canvas = side / box[2:]
    corners = np.stack([region[:2], region[:2] + region[2:]])
    # Nothing is known beyond the canvas.
    rectangle = np.clip((corners - box[:2]) * to_canvas - 0.5, -0.5, side - 0.5).reshape(-1)
    return cut(image, in_image, side), rectangle, (keypoints + 0.5 - box[:2]) * to_canvas - 0.5


def _backgrounds(pack, row, whole, size, box):
    """Strips of one picture next to the person, each in the square that holds it."""
    if pack["labelled"][row].sum() < LEAST_LABELLED:
        return []
    scale = whole.shape[1] / size[0]
    person = box[2] / PERSON_MARGIN
    low = (box[:2] + box[2:] / 2 - person * (0.5 + CLEARANCE)) * scale
    high = (box[:2] + box[2:] / 2 + person * (0.5 + CLEARANCE)) * scale
    # The joints' own box is narrower than the square in one direction.
    joints = pack["keypoints"][row][pack["labelled"][row]] * scale
    low = np.maximum(low, joints.min(axis=0) - CLEARANCE * person * scale)
    high = np.minimum(high, joints.max(axis=0) + CLEARANCE * person * scale)
    height, width = whole.shape[:2]
    strips = [
        (0, 0, low[0], height),
        (high[0], 0, width, height),
        (0, 0, width, low[1]),
        (0, high[1], width, height),
    ]
    shown = []
    for left, top, right, bottom in np.round(strips).astype(int):
        strip = whole[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        if min(strip.shape[:2]) < LEAST_BACKGROUND_PX:
            continue
        wide = np.array(strip.shape[1::-1])
        longer = np.array([wide.max()] * 2)
        square = np.concatenate([(wide - longer) / 2, longer])
        region = np.array([0, 0, *wide])
        shown.append(_canvas(strip, region, square, BACKGROUND_PX, np.zeros((14, 2))))
    return shown
