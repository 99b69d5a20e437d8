"""A person's own pictures in the formats that cameras, phones and browsers write."""

import io
import warnings
from pathlib import Path

from PIL import Image

from posekit.datasets import image_files, orientation
from posekit.errors import PosekitError, brief

# Usual names of pictures; a file with such a name that is not a picture is an error.
SUFFIXES = tuple(
    ".jpg .jpeg .jfif .jpe .png .apng .webp .avif .avifs .gif .bmp .dib .tif .tiff .jp2 .j2k .jpx "
    ".ppm .pgm .pbm .pnm .heic .heif .hif".split()
)
# Cameras' raw files are TIFFs whose first picture is a thumbnail.
RAW_SUFFIXES = tuple(
    ".dng .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .raf .orf .rw2 .pef .srw .x3f .3fr .iiq".split()
)
# Pillow's other formats need outside programs or match almost any file.
FORMATS = (
    *image_files.FORMATS,
    *("WEBP", "AVIF", "GIF", "BMP", "DIB", "TIFF", "JPEG2000", "PPM", "PCX", "SGI", "QOI"),
)
# Of these several pictures are an animation; of the others (MPO, TIFF) they are pages.
_ANIMATED_FORMATS = ("GIF", "WEBP", "PNG", "AVIF")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2")


def open_picture(file):
    """The PIL image of a binary file, its size checked; nothing is decoded yet.

    PosekitError for no picture of `FORMATS` (or HEIF, with pillow-heif), or one beyond the limits
    of `image_files`. Callers put the file's name in front.
    """
    try:
        image = _open(file)
    except Image.UnidentifiedImageError:
        if _is_heif(file):
            raise PosekitError(
                "must be a picture that Pillow reads; got HEIC, which needs one more package. "
                "Install pillow-heif: .venv/bin/python -m pip install pillow-heif==1.8.1"
            ) from None
        size = file.seek(0, io.SEEK_END)
        raise PosekitError(
            f"must be a picture (JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF, HEIC); got {size} bytes "
            "that begin like none"
        ) from None
    except Exception as error:
        raise image_files.of_header(error) from error
    image_files.check_size(image.size)
    return image


def is_picture(path):
    """Whether a file begins like a picture, whatever its name."""
    try:
        with Path(path).open("rb") as file:
            if _is_heif(file):
                return True
            with _open(file):
                return True
    except Image.DecompressionBombError:
        return True
    except Exception:
        return False


def is_animated(path):
    """Whether a picture moves: a GIF, WebP, PNG or AVIF of several frames."""
    try:
        with Path(path).open("rb") as file, _open(file) as image:
            return image.format in _ANIMATED_FORMATS and image.n_frames > 1
    # A damaged file fails anywhere in a decoder, each with its own error; its reader names it.
    except Exception:
        return False


def decode(encoded):
    """Decode a picture as a person sees it: turned upright, RGB, uint8 (H, W, 3).

    `encoded` are its bytes; of several pages the first counts. PosekitError as for `open_picture`,
    or where it is no whole picture.
    """
    with open_picture(io.BytesIO(encoded)) as image:
        if image.format in ("JPEG", "MPO", "PNG"):
            return image_files.decode(encoded, upright=True)
        try:
            image.load()  # a TIFF turns itself here
            return image_files.rgb(orientation.turned(image, orientation.orientation_of(image)))
        except Exception as error:
            raise PosekitError(
                f"must be a whole {image.format} picture; got {len(encoded)} bytes that do not "
                f"decode ({brief(error)})"
            ) from error


def _is_heif(file):
    file.seek(0)
    head = file.read(12)
    file.seek(0)
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def _open(file):
    Image.init()
    try:
        import pillow_heif
    except ImportError:
        pass
    else:
        pillow_heif.register_heif_opener()
    formats = tuple(name for name in (*FORMATS, "HEIF") if name in Image.OPEN)
    with warnings.catch_warnings():
        # It warns of sizes that `image_files` refuses in any case.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file, formats=formats)
