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
from posekit.errors import PosekitError, brief

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


def read_frame(file):
    """(width, height) of the upright picture, pixels, and EXIF's orientation, from the header.

    `file` is binary. PosekitError without a readable header of a JPEG or PNG, or beyond the limits.
    """
    with _open(file) as image:
        found = orientation.orientation_of(image)
        return orientation.upright_size(image.size, found), found


def frame_of(files, name):
    """`read_frame` of a file of `containers.open_tree`; PosekitError whatever prevents it."""
    # Pillow reads only the header here, and a zip is inflated only as far as that.
    try:
        with files.open(name) as file:
            return read_frame(file)
    except PosekitError:
        raise
    except Exception as error:  # whatever a damaged zip raises
        raise PosekitError(f"must be readable; got {error}") from error


def decode(encoded, *, upright=False):
    """Decode a JPEG or PNG, bytes, in any of their colour modes: uint8 (H, W, 3), RGB.

    Of 16 bits a channel, the upper eight are used, as TensorFlow does too; transparency is dropped.
    With `upright` the EXIF orientation is applied; without it the picture is as stored.

    Raises:
        PosekitError: no JPEG or PNG, a size beyond the limits, or no whole picture.
    """
    with _open(io.BytesIO(encoded)) as image:
        check_scans(encoded)
        # A damaged or hostile file can fail anywhere in a decoder, each with its own error.
        try:
            if image.format == "PNG":
                # Pillow decodes pixels without checking their checksums.
                with Image.open(io.BytesIO(encoded), formats=["PNG"]) as twin:
                    twin.verify()
            if upright:
                return rgb(orientation.turned(image, orientation.orientation_of(image)))
            return rgb(image)
        except Exception as error:
            raise PosekitError(
                f"must be a whole JPEG or PNG image; got {len(encoded)} bytes that do not decode "
                f"({brief(error)})"
            ) from error


def decode_small(encoded, at_least_px):
    """Decode a JPEG, bytes, at the smallest of its blocks' eight sizes: 1/8, 2/8, ... 8/8.

    `at_least_px` is the least that either side may have; a smaller picture keeps its size.

    Returns:
        uint8 (H, W, 3), RGB, in the frame as stored; and (width, height) that the picture covers of
        it, float, pixels: sizes are rounded up, so the last row and column may be covered in part.
        None for anything but a JPEG, and for a damaged or rare one, which a thorough decoder must
        judge.
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
    """A whole JPEG or PNG, bytes, squashed to a square frame: uint8 (frame_px, frame_px, 3), RGB.

    It is in the frame as stored. A JPEG is decoded no larger than the frame needs, which costs
    less: its blocks give smaller pictures, about as if neighbouring pixels were averaged.
    PosekitError as for `decode`.
    """
    # From half as much again, averaging leaves 1.9 grey levels of difference to a picture decoded
    # in full (LSPet at 96 px); from the frame's own size it would be 3.7.
    small = decode_small(encoded, frame_px * 3 // 2)
    image, covered_px = (decode(encoded), None) if small is None else small
    return squash(image, frame_px, covered_px)


def squash(image, frame_px, covered_px=None):
    """Scale both axes of a picture, uint8 (H, W, 3), to the frame's side, pixels.

    `covered_px`, (width, height), is what the picture covers of the image where that is less than
    all of it, see `decode_small`. Shrinking averages, so small limbs fade rather than flicker;
    enlarging is bilinear.
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
        if read_frame(io.BytesIO(encoded))[1] == 1:
            return encoded
    except PosekitError:
        return encoded  # decoding it will say what is wrong
    turned = io.BytesIO()
    Image.fromarray(decode(encoded, upright=True)).save(turned, "PNG", compress_level=1)
    return turned.getvalue()


def rgb(image):
    """A PIL image in any mode as uint8 (H, W, 3), RGB. Of deeper channels the upper bits count."""
    # Pillow's own conversion clips what is deeper than 8 bits: everything from 256 on is white.
    if image.mode.startswith("I;16"):
        grey = np.asarray(image) >> 8
    elif image.mode in ("I", "F"):  # scaled to its own brightest value
        values = np.nan_to_num(np.asarray(image, np.float64)).clip(0)
        brightest = values.max(initial=0)
        full = 1 if image.mode == "F" else 255 if brightest <= 255 else 65535
        grey = (values * (255 / max(brightest, full))).round()
    else:
        return np.asarray(image.convert("RGB"))
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)


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
    # Pixel data never look like the mark of a scan; other parts of a file hardly ever do.
    count = encoded.count(b"\xff\xda") if encoded.startswith(JPEG_START) else 0
    if count > SCAN_LIMIT:
        raise PosekitError(f"must have at most {SCAN_LIMIT:,} scans; got {count:,}")


def of_header(error):
    """The PosekitError of what Pillow raises for a header."""
    if isinstance(error, Image.DecompressionBombError):
        # Pillow refuses more than twice its own limit before it gives the size.
        return PosekitError(f"must have at most {PIXEL_LIMIT:,} pixels; got {brief(error)}")
    return PosekitError(f"must be a JPEG or PNG picture; got a damaged header ({brief(error)})")


def _open(file):
    """A PIL image within the limits; nothing is decoded yet."""
    try:
        image = Image.open(file, formats=FORMATS)
    except Image.UnidentifiedImageError:
        raise PosekitError("must be a JPEG or PNG picture; got no JPEG or PNG header") from None
    except Exception as error:
        raise of_header(error) from error
    try:
        check_size(image.size)
    except PosekitError:
        image.close()
        raise
    return image
