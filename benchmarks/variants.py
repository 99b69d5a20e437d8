"""Variants of photographs: other framings, qualities and neighbours, and pictures of nobody.

Every variant is an affine map of the plain picture, so that predictions can be brought back to it.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from posekit import geometry


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture that a model is asked about, and where its person is.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        matrix: float (2, 3), from the plain picture's pixels to this one's.
        mirrored: bool, whether left and right are exchanged.
        box_px: x, y, width and height of the person meant, or None to let the model find one.
        other_px: float (K, 2), another person's joints, NaN where not labelled; None without one.
    """

    image: np.ndarray
    matrix: np.ndarray
    mirrored: bool = False
    box_px: np.ndarray | None = None
    other_px: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Person:
    """A picture and the joints of the person in it: float (K, 2) pixels, bool (K,)."""

    image: np.ndarray
    keypoints_px: np.ndarray
    labelled: np.ndarray

    @property
    def box_px(self):
        return geometry.joint_boxes(self.keypoints_px[None], self.labelled[None])[0]


def affine(scale=1.0, shift=(0.0, 0.0)):
    """Scaling about the corner of the picture, then a shift in pixels, of pixel centres."""
    offset = (scale - 1) / 2 + np.asarray(shift, float)
    return np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])


def apply(matrix, points):
    """Points (..., 2) through a matrix (2, 3)."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def inverse(matrix):
    """The matrix (2, 3) of the opposite way."""
    return cv2.invertAffineTransform(matrix)


def jpeg(image, quality):
    """What is left of a picture after JPEG."""
    encoded = cv2.imencode(
        ".jpg",
        cv2.cvtColor(image, cv2.COLOR_RGB2BGR),
        [cv2.IMWRITE_JPEG_QUALITY, quality],
    )[1]
    return cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def resized(image, scale):
    size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=how)


def _kept(change):
    return lambda person, other, rng: Scene(change(person.image, rng), affine())


def _fills(share):
    """The person's longer side is a share of the picture's; the edge's pixels go on beyond it."""

    def scene(person, other, rng):
        x, y, width, height = person.box_px
        side = max(int(max(width, height) / share), 16)
        corner = np.floor([x + width / 2 - side / 2, y + height / 2 - side / 2]).astype(int)
        return _cropped(person, corner, corner + side)

    return scene


def _cropped(person, corner, end):
    """The pixels from `corner` up to `end`, (x, y), with the edge repeated beyond the picture."""
    size = np.array(person.image.shape[1::-1])
    before, after = np.maximum(-corner, 0), np.maximum(end - size, 0)
    padded = cv2.copyMakeBorder(
        person.image, before[1], after[1], before[0], after[0], cv2.BORDER_REPLICATE
    )
    x, y = corner + before
    image = padded[y : y + end[1] - corner[1], x : x + end[0] - corner[0]]
    return Scene(np.ascontiguousarray(image), affine(shift=-corner))


def _waist(person, other, rng):
    """Nothing below the hips, or above them where the person is upside down; None without hips."""
    hips, shoulders = [2, 3], [8, 9]
    if not person.labelled[hips + shoulders].all():
        return None
    middle = int(round(person.keypoints_px[hips, 1].mean()))
    height, width = person.image.shape[:2]
    upright = person.keypoints_px[shoulders, 1].mean() < middle
    top, bottom = (0, middle) if upright else (middle, height)
    if bottom - top < 32:
        return None
    return _cropped(person, np.array([0, top]), np.array([width, bottom]))


def _edge(person, other, rng):
    """The person begins where the picture does, on the left or on the right."""
    x, _, width, _ = person.box_px
    height, full = person.image.shape[:2]
    left, right = (int(x), full) if rng.random() < 0.5 else (0, int(np.ceil(x + width)) + 1)
    left, right = max(left, 0), min(right, full)
    return _cropped(person, np.array([left, 0]), np.array([right, height]))


def _mirrored(person, other, rng):
    width = person.image.shape[1]
    matrix = np.array([[-1.0, 0, width - 1], [0, 1, 0]])
    return Scene(np.ascontiguousarray(person.image[:, ::-1]), matrix, mirrored=True)


def _bars(person, other, rng):
    """Black bars make it twice as wide as high."""
    height, width = person.image.shape[:2]
    bar = max(0, (2 * height - width) // 2)
    image = cv2.copyMakeBorder(person.image, 0, 0, bar, bar, cv2.BORDER_CONSTANT)
    return Scene(image, affine(shift=(bar, 0)))


def _shifted(person, other, rng):
    shift = rng.uniform(-0.5, 0.5, 2)
    size = person.image.shape[1::-1]
    matrix = affine(shift=shift)
    return Scene(
        cv2.warpAffine(person.image, matrix, size, borderMode=cv2.BORDER_REPLICATE), matrix
    )


def _messenger(image, rng):
    return jpeg(jpeg(image, 70), 70)


def _noise(image, rng):
    return np.clip(image + rng.normal(0, 15, image.shape), 0, 255).astype(np.uint8)


def _grey(image, rng):
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.repeat(grey[..., None], 3, axis=2)


def _beside(person, other, rng):
    """Next to all of another picture of the same height."""
    return _joined(person, other, rng, box=True)


def _pair(box):
    """Next to another person, both cut out with some of their surroundings."""

    def scene(person, other, rng):
        scenes = [_close(each) for each in (person, other)]
        near = [
            Person(cut.image, apply(cut.matrix, each.keypoints_px), each.labelled)
            for cut, each in zip(scenes, (person, other), strict=True)
        ]
        joined = _joined(*near, rng, box=box)
        matrix = _after(joined.matrix, scenes[0].matrix)
        return Scene(joined.image, matrix, box_px=joined.box_px, other_px=joined.other_px)

    return scene


def _close(person):
    """The person's box and a fifth more on each side, within the picture."""
    x, y, width, height = person.box_px
    margin = 0.2 * max(width, height)
    size = np.array(person.image.shape[1::-1])
    corner = np.clip(np.floor([x - margin, y - margin]), 0, size - 8).astype(int)
    end = np.clip(np.ceil([x + width + margin, y + height + margin]), corner + 8, size).astype(int)
    return _cropped(person, corner, end)


def _joined(person, other, rng, *, box):
    height = person.image.shape[0]
    scale = height / other.image.shape[0]
    second = cv2.resize(
        other.image,
        (max(1, round(other.image.shape[1] * scale)), height),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
    )
    first = rng.random() < 0.5
    images = [person.image, second] if first else [second, person.image]
    shift = 0 if first else second.shape[1]
    matrix = affine(shift=(shift, 0))
    other_matrix = affine(scale, (person.image.shape[1] if first else 0, 0))
    moved = apply(matrix, person.keypoints_px)
    box_px = geometry.joint_boxes(moved[None], person.labelled[None])[0]
    other_px = np.where(
        other.labelled[:, None], apply(other_matrix, other.keypoints_px), np.nan
    )
    return Scene(
        np.concatenate(images, axis=1),
        matrix,
        box_px=_wider(box_px, 1.2) if box else None,
        other_px=other_px,
    )


def _wider(box_px, factor):
    middle, size = box_px[:2] + box_px[2:] / 2, np.maximum(box_px[2:], 8) * factor
    return np.concatenate([middle - size / 2, size])


def _after(second, first):
    """One matrix for the first, then the second."""
    whole = [np.vstack([each, [0, 0, 1]]) for each in (second, first)]
    return (whole[0] @ whole[1])[:2]


# Name -> function of a Person, another one and a generator; None where it does not apply.
VARIANTS = {
    "plain": _kept(lambda image, rng: image),
    "person fills 60 %": _fills(0.6),
    "person fills 110 %": _fills(1.1),
    "cut at the waist": _waist,
    "at the edge": _edge,
    "black bars": _bars,
    "grey": _kept(_grey),
    "dark": _kept(lambda image, rng: (image * 0.3).astype(np.uint8)),
    "noise": _kept(_noise),
    "JPEG 85": _kept(lambda image, rng: jpeg(image, 85)),
    "JPEG 25": _kept(lambda image, rng: jpeg(image, 25)),
    "JPEG 70 twice": _kept(_messenger),
    "half resolution": lambda person, other, rng: Scene(resized(person.image, 0.5), affine(0.5)),
    "shifted by half a pixel": _shifted,
    "4 px cut off": lambda person, other, rng: Scene(
        np.ascontiguousarray(person.image[4:, 4:]), affine(shift=(-4, -4))
    ),
    "mirrored": _mirrored,
    "another picture beside, box": _beside,
    "two people, box": _pair(True),
    "two people": _pair(False),
}


def parts(image):
    """A picture, its mirror image and its quarters."""
    rows, columns = image.shape[0] // 2, image.shape[1] // 2
    quarters = [
        image[top : top + rows, left : left + columns]
        for top in (0, rows)
        for left in (0, columns)
    ]
    return [np.ascontiguousarray(each) for each in (image, image[:, ::-1], *quarters)]
