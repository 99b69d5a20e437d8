"""A JPEG decoded small shows the same picture; what is odd is left to a thorough decoder."""

import cv2
import numpy as np
import pytest

from posekit.datasets import image_files
from posekit.errors import PosekitError


def waves(width, height):
    """A smooth picture of three different channels, RGB."""
    x, y = np.meshgrid(np.linspace(0, 3, width), np.linspace(0, 2, height))
    channels = [np.sin(2 * x + y), np.cos(x - 2 * y), np.sin(x * y)]
    return np.stack([127 + 100 * channel for channel in channels], axis=-1).astype(np.uint8)


def encoded(image, extension=".jpg", quality=95):
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality] if extension == ".jpg" else []
    return cv2.imencode(extension, pixels, settings)[1].tobytes()


@pytest.mark.parametrize(
    ("size_px", "shown_px"),
    [
        ((96, 96), (96, 96)),
        ((192, 96), (192, 96)),
        ((192, 192), (96, 96)),
        ((800, 768), (100, 96)),
        ((1600, 1600), (200, 200)),  # an eighth is the least
        ((300, 300), (113, 113)),  # 3/8, rounded up; 2/8 would be 75
        ((50, 700), (50, 700)),
    ],
)
def test_the_smallest_size_that_is_large_enough(size_px, shown_px):
    shown, covered_px = image_files.decode_small(encoded(waves(*size_px)), 96)
    assert shown.dtype == np.uint8 and shown.shape == (*shown_px[::-1], 3)
    eighths = 8 * np.array(covered_px) / size_px
    np.testing.assert_allclose(eighths, round(eighths[0]))
    assert np.ceil(covered_px).tolist() == list(shown_px)


def test_a_small_picture_is_the_large_one_averaged():
    image = waves(400, 320)
    small, _ = image_files.decode_small(encoded(image), 40)
    averaged = image.reshape(40, 8, 50, 8, 3).mean(axis=(1, 3))
    assert np.abs(small - averaged).max() < 4 and np.abs(small - averaged).mean() < 1


def test_full_size_is_what_the_thorough_decoder_shows():
    data = encoded(waves(60, 40))
    shown, covered_px = image_files.decode_small(data, 40)
    np.testing.assert_array_equal(shown, image_files.decode(data))
    assert covered_px == (60, 40)


@pytest.mark.parametrize("side_px", [301, 303, 307, 499, 1001])
def test_a_jpeg_decoded_small_is_where_the_picture_is(side_px):
    # A ramp shows how far pixels are off: 200 levels over 96 pixels. Sizes are rounded up, which
    # had moved the far end by 0.26 to 0.45 pixels.
    line = 20 + 200 * (np.arange(side_px) + 0.5) / side_px
    ramp = np.repeat(np.tile(line, (side_px, 1))[..., None], 3, axis=-1)
    for image, axis in ((ramp, 0), (ramp.transpose(1, 0, 2), 1)):
        frame = image_files.squashed(encoded(image.round().astype(np.uint8), quality=98), 96)
        levels = frame[..., 0].mean(axis=axis)
        off_px = (levels - 20) * 96 / 200 - 0.5 - np.arange(96)
        assert abs(off_px[-20:].mean()) < 0.15 and abs(off_px[:20].mean()) < 0.15


def test_grey_pictures_have_three_channels():
    grey = waves(200, 200)[..., 0]
    shown, _ = image_files.decode_small(encoded(grey), 100)
    assert shown.shape == (100, 100, 3) and np.ptp(shown, axis=-1).max() == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-2],
        lambda data: data[:20],
        lambda data: data[:2],
        lambda data: b"",
        lambda data: encoded(waves(20, 20), ".png"),
    ],
    ids=["half", "no end", "no header", "no more than a mark", "empty", "png"],
)
def test_what_is_no_whole_jpeg_is_left_to_others(damage):
    assert image_files.decode_small(damage(encoded(waves(200, 150))), 20) is None


def test_a_size_beyond_the_limits_is_left_to_others():
    data = bytearray(encoded(waves(64, 64)))
    start = data.index(b"\xff\xc0") + 5  # the frame's height and width, two bytes each
    data[start : start + 4] = b"\xff\xff\xff\xff"
    assert image_files.decode_small(bytes(data), 96) is None


def test_too_many_scans_are_refused_before_decoding():
    data = encoded(waves(20, 20)) + (image_files.SCAN_LIMIT + 1) * b"\xff\xda"
    with pytest.raises(PosekitError, match="must have at most 1,000 scans; got 1,002"):
        image_files.decode_small(data, 10)
