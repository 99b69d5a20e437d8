"""JPEG and PNG files that may come from strangers: sizes from headers, RGB pixels.

The size is checked before anything is decoded, so that a small file cannot claim all memory.
Error messages begin with the rule; callers add the file's name in front.
"""

import io

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from posekit.datasets import orientation
from posekit.errors import PosekitError

FORMATS = ("JPEG", "PNG")
JPEG_START = b"\xff\xd8"

# 240 MB decoded. LSPet's largest picture has 2 million pixels, most cameras' 12 to 61 million.
PIXEL_LIMIT = 80_000_000
# The longest side that a JPEG file can name; drawing and resizing are tested up to no more.
SIDE_LIMIT_PX = 65_535
# A progressive JPEG has about ten scans. Each passes over the whole picture and may take but a few
# bytes of the file: without a limit, one of a megabyte keeps a reader busy for a minute.
SCAN_LIMIT = 1000
# A picture of the pixel limit fits even where it is not compressed at all.
FILE_LIMIT_BYTES = 256 << 20


def read_size_px(file, *, upright=False):
    """(width, height) from the header of a binary file, as stored unless `upright`, pixels.

    Raises:
        PosekitError: no readable header of a JPEG or PNG, or a size beyond the limits.
    """
    return read_frame(file)[0] if upright else _read_header(file, lambda image: image.size)


def read_frame(file):
    """Width and height of the upright picture, and EXIF's orientation, as `read_size_px` reads."""

    def frame(image):
        found = orientation.orientation_of(image)
        return orientation.upright_size(image.size, found), found

    return _read_header(file, frame)


def _read_header(file, read):
    try:
        with Image.open(file, formats=FORMATS) as image:
            size_px, found = image.size, read(image)
    except Image.UnidentifiedImageError:
        raise PosekitError("must be a JPEG or PNG picture; got no JPEG or PNG header") from None
    except Exception as error:
        raise of_header(error) from error
    check_size(size_px)
    return found


def decode(encoded, *, upright=False):
    """Decode a picture in full.

    Args:
        encoded: bytes of a JPEG or PNG, in any of their colour modes. Of 16 bits a channel, the
            upper eight are used, as TensorFlow does too; transparency is dropped.
        upright: bool, apply the EXIF orientation. Without it the picture is in the frame as
            stored, which is the frame that labels are in.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        PosekitError: no JPEG or PNG, a size beyond the limits, or no whole picture.
    """
    try:
        image = Image.open(io.BytesIO(encoded), formats=FORMATS)
    except Image.UnidentifiedImageError:
        raise PosekitError(
            f"must be a JPEG or PNG image; got {len(encoded)} bytes that begin like neither"
        ) from None
    except Exception as error:
        raise of_header(error) from error
    with image:
        check_size(image.size)
        check_scans(encoded)
        # A damaged or hostile file can fail anywhere in a decoder, each with its own error.
        try:
            if image.format == "PNG":
                _check_sums(encoded)
            return rgb(_upright(image) if upright else image)
        except Exception as error:
            raise PosekitError(
                f"must be a whole JPEG or PNG image; got {len(encoded)} bytes that do not decode "
                f"({_finding(error)})"
            ) from error


def decode_small(encoded, at_least_px):
    """Decode a JPEG at the smallest of the eight sizes that its blocks give: 1/8, 2/8, ... 8/8.

    Args:
        encoded: bytes of a JPEG.
        at_least_px: int, the least that either side may have; a smaller picture keeps its size.

    Returns:
        (uint8 (H, W, 3), RGB, in the frame as stored; (width, height) that the picture covers of
        it, float, pixels: sizes are rounded up, so the last row and column may be covered in
        part). None for anything but a JPEG, and for a damaged or rare one, which a thorough
        decoder must judge.
    """
    if not encoded.startswith(JPEG_START):
        return None
    check_scans(encoded)
    least = {"min_height": at_least_px, "min_width": at_least_px}
    try:
        full = simplejpeg.decode_jpeg_header(encoded)[:2]  # (height, width)
        small = simplejpeg.decode_jpeg_header(encoded, **least)[:2]
        if small[0] * small[1] > PIXEL_LIMIT:
            return None
        image = simplejpeg.decode_jpeg(encoded, **least)
    except ValueError:
        return None
    eighths = 8 * small[0] // full[0]
    return image, (full[1] * eighths / 8, full[0] * eighths / 8)


def squashed(encoded, frame_px):
    """A whole picture, squashed to a square frame.

    A JPEG is decoded no larger than the frame needs, which costs less: its blocks give smaller
    pictures, about as if neighbouring pixels were averaged.

    Args:
        encoded: bytes of a JPEG or PNG.
        frame_px: int, the frame's side, pixels.

    Returns:
        uint8 (frame_px, frame_px, 3), RGB, in the frame as stored.

    Raises:
        PosekitError: as for `decode`.
    """
    # From half as much again, averaging leaves 1.9 grey levels of difference to a picture decoded
    # in full (LSPet at 96 px); from the frame's own size it would be 3.7.
    small = decode_small(encoded, frame_px * 3 // 2)
    image, covered_px = (decode(encoded), None) if small is None else small
    return squash(image, frame_px, covered_px)


def squash(image, frame_px, covered_px=None):
    """Scale both axes of a picture to the frame's side, whatever its aspect.

    Args:
        image: uint8 (H, W, 3).
        frame_px: int, the frame's side, pixels.
        covered_px: (width, height) that the picture covers of the image where that is less than
            all of it, see `decode_small`; float, more than W - 1 and H - 1.

    Returns:
        uint8 (frame_px, frame_px, 3). Shrinking averages, so small limbs fade rather than
        flicker; enlarging is bilinear.
    """
    height, width = image.shape[:2]
    x_scale, y_scale = np.divide(frame_px, (width, height) if covered_px is None else covered_px)
    # With factors instead of a size, OpenCV keeps them exactly; a last pixel may be too many.
    if min(x_scale, y_scale) < 1:
        image = cv2.resize(
            image, None, fx=min(x_scale, 1), fy=min(y_scale, 1), interpolation=cv2.INTER_AREA
        )[:frame_px, :frame_px]
    return cv2.resize(image, (frame_px, frame_px), interpolation=cv2.INTER_LINEAR)


def upright(encoded):
    """An encoded picture as a person sees it: a JPEG with an EXIF orientation as an upright PNG.

    Anything else is returned unchanged. PosekitError where a picture that must be turned does not
    decode.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            is_upright = orientation.orientation_of(image) == 1
    except Exception:
        return encoded  # decoding it will say what is wrong
    if is_upright:
        return encoded
    turned = io.BytesIO()
    Image.fromarray(decode(encoded, upright=True)).save(turned, "PNG", compress_level=1)
    return turned.getvalue()


def _upright(image):
    return orientation.turned(image, orientation.orientation_of(image))


def rgb(image):
    """A PIL image in any mode as uint8 (H, W, 3), RGB. Of deeper channels the upper bits count."""
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips: everything from 256 on would be white.
        grey = (np.asarray(image) >> 8).astype(np.uint8)  # (H, W)
        return np.repeat(grey[..., None], 3, axis=-1)
    if image.mode in ("I", "F"):
        # Pillow clips here too; what is deeper than 8 bits is scaled to its own brightest value.
        values = np.nan_to_num(np.asarray(image, np.float64)).clip(0)
        brightest = values.max(initial=0)
        if image.mode == "I":
            scale = 255 if brightest <= 255 else max(brightest, 65535)
        else:
            scale = 1 if brightest <= 1 else brightest
        grey = (values * (255 / scale)).round().astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
    return np.asarray(image.convert("RGB"))


def check_size(size_px):
    """Raise PosekitError where a width and height in pixels are beyond the limits."""
    width, height = size_px
    if width * height > PIXEL_LIMIT or max(size_px) > SIDE_LIMIT_PX:
        raise PosekitError(
            f"must have at most {PIXEL_LIMIT:,} pixels and sides of at most {SIDE_LIMIT_PX:,}; "
            f"got {width} x {height}"
        )


def check_scans(encoded):
    """Raise PosekitError where a JPEG has more scans than `SCAN_LIMIT`, without decoding it."""
    if not encoded.startswith(JPEG_START):
        return
    # Pixel data never look like the mark of a scan; other parts of a file hardly ever do.
    count = encoded.count(b"\xff\xda")
    if count > SCAN_LIMIT:
        raise PosekitError(f"must have at most {SCAN_LIMIT:,} scans; got {count:,}")


def _check_sums(encoded):
    # Pillow decodes pixels without checking their checksums.
    with Image.open(io.BytesIO(encoded), formats=["PNG"]) as image:
        image.verify()


def of_header(error):
    """The PosekitError of what Pillow raises for a header."""
    if isinstance(error, Image.DecompressionBombError):
        # Pillow refuses more than twice its own limit before it gives the size.
        return PosekitError(f"must have at most {PIXEL_LIMIT:,} pixels; got {_finding(error)}")
    return PosekitError(f"must be a JPEG or PNG picture; got a damaged header ({_finding(error)})")


def _finding(error):
    return str(error).rstrip(".") or type(error).__name__
