"""Resizing without TensorFlow gives TensorFlow's own pixels."""

import numpy as np
import pytest
import tensorflow as tf

from posekit import resizing


def by_tensorflow(image, frame_px):
    resized = tf.image.resize(image, (frame_px, frame_px), antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8).numpy()


def test_every_pixel_is_tensorflows():
    rng = np.random.default_rng(0)
    sizes = [(1, 1), (1, 700), (96, 96), (97, 95), (2000, 3), *rng.integers(2, 500, (12, 2))]
    for height, width in sizes:
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        for frame_px in (96, 31):
            np.testing.assert_array_equal(
                resizing.squash(image, frame_px),
                by_tensorflow(image, frame_px),
                err_msg=f"{height} x {width} to {frame_px}",
            )


@pytest.mark.parametrize("level", [0, 1, 127, 255])
def test_an_even_picture_stays_even(level):
    image = np.full((50, 333, 3), level, np.uint8)
    assert (resizing.squash(image, 40) == level).all()


def test_two_pixels_become_one_by_hand():
    # Enlarging nothing, shrinking 4 to 2: a triangle of radius 2 around 0.5 weighs the pixels 0
    # to 2 with 3/4, 3/4 and 1/4, and the other new pixel mirrors it.
    line = np.array([0, 70, 140, 210], np.uint8)
    image = np.repeat(np.tile(line, (4, 1))[..., None], 3, axis=-1)
    left = (0 * 3 + 70 * 3 + 140 * 1) / 7
    assert resizing.squash(image, 2)[0, :, 0].tolist() == [round(left), 210 - round(left)]


def test_arguments_stay_as_they_are():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    before = image.copy()
    resizing.squash(image, 8)[:] = 0
    np.testing.assert_array_equal(image, before)
