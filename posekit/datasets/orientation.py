"""Which way up pictures are, and in which frame their labels are.

A camera writes pictures as its sensor reads them and notes in EXIF how to turn them; viewers,
browsers and labelling tools show them turned: upright. Labels are in this frame, unless the sizes
that stand with them and the labels themselves both say that they are in the frame as stored.
"""

import struct
from typing import NamedTuple

import numpy as np
from PIL import Image

# EXIF's tag, and those of its values 1 to 8 that exchange width and height.
TAG = 0x0112
SIDEWAYS = (5, 6, 7, 8)
_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# A PNG of the largest size has about 30,000 chunks.
_CHUNK_LIMIT = 100_000
# Labels a little outside their picture are common; a share this much larger decides.
_CLEAR_SHARE = 0.25


class Labelled(NamedTuple):
    """What tells the frame of one picture's labels."""

    size_px: tuple  # (width, height) upright
    declared_px: tuple | None  # (width, height) that stand with the labels
    orientation: int  # EXIF's
    points_px: np.ndarray  # float (M, 2), all labelled points, in the unknown frame


def orientation_of(image):
    """EXIF's orientation of a picture that Pillow has opened, not decoded: 1 to 8."""
    # A damaged note fails in many ways; viewers then show the picture as it is.
    try:
        if image.format == "PNG":
            # Pillow would decode a PNG in full to find what follows its pixels.
            exif = Image.Exif()
            exif.load(image.info.get("exif") or _late_exif(image.fp) or b"")
        else:
            exif = image.getexif()
        found = exif.get(TAG, 1)
    except Exception:
        return 1
    return found if found in range(1, 9) else 1


def turned(image, orientation):
    """A PIL image as viewers show it."""
    return image.transpose(_TURN[orientation]) if orientation in _TURN else image


def upright_size(size_px, orientation):
    """(width, height) of a picture as viewers show it, from the size as stored; and back."""
    return tuple(size_px)[::-1] if orientation in SIDEWAYS else tuple(size_px)


def points_to_upright(points_px, upright_size_px, orientation):
    """Pixel indices (..., 2) in the frame as stored, as those of the upright picture, float."""
    return _turned_points(points_px, np.array(upright_size_px) - 1, orientation)


def box_to_upright(box_px, upright_size_px, orientation):
    """The same for a box: float (4,), x, y, width and height from the picture's corner."""
    ends = np.array([box_px[:2], np.add(box_px[:2], box_px[2:])], float)
    ends = _turned_points(ends, np.array(upright_size_px), orientation)
    return np.concatenate([ends.min(axis=0), np.abs(ends[1] - ends[0])])


def in_stored_frame(pictures):
    """Of each Labelled whether its labels are in the frame as stored, to be turned with it.

    Where the size with the labels is the upright one, they are upright. Where it is the one as
    stored, or none is given, the frame in which more of the labels lie is theirs: a clear picture
    decides for itself, all together for the others. Where that tells nothing they are upright.
    """
    votes = [_vote(each) for each in pictures]
    together = sum(vote for vote, _ in votes) < 0
    return [
        vote < 0 if clear else together and _is_open(each)
        for (vote, clear), each in zip(votes, pictures, strict=True)
    ]


def inside(points_px, size_px):
    """Which points (..., 2) lie on a pixel of their picture, bool (...).

    Its pixels reach from half a pixel before 0 to half a pixel beyond the last.
    """
    return ((points_px >= -0.5) & (points_px <= np.asarray(size_px) - 0.5)).all(axis=-1)


def _vote(picture):
    """How many more labels lie in the upright picture than in the stored one; is it clear?"""
    if not _is_open(picture) or not len(picture.points_px):
        return 0, False
    sizes_px = picture.size_px, picture.size_px[::-1]
    upright, stored = (int(inside(picture.points_px, size_px).sum()) for size_px in sizes_px)
    count, vote = len(picture.points_px), upright - stored
    return vote, max(upright, stored) == count and abs(vote) >= max(2, _CLEAR_SHARE * count)


def _is_open(picture):
    sideways = picture.orientation in SIDEWAYS and picture.size_px[0] != picture.size_px[1]
    return sideways and picture.declared_px != picture.size_px


def _turned_points(points_px, last, orientation):
    x, y = np.moveaxis(np.asarray(points_px, float), -1, 0)
    if orientation in SIDEWAYS:
        x, y = y, x
    if orientation in (2, 3, 6, 7):
        x = last[0] - x
    if orientation in (3, 4, 7, 8):
        y = last[1] - y
    return np.stack([x, y], axis=-1)


def _late_exif(file):
    """The eXIf chunk that follows a PNG's pixels, or None; nothing is decoded."""
    start = file.tell()
    try:
        file.seek(8)
        for _ in range(_CHUNK_LIMIT):
            size, kind = struct.unpack(">I4s", file.read(8))
            if kind == b"eXIf":
                return file.read(min(size, 1 << 16))
            file.seek(size + 4, 1)
    except (OSError, struct.error):
        return None  # the file's end
    finally:
        file.seek(start)
    return None
