"""A varied picture keeps its joints on the person, and a saliency map stays aligned with it."""

import numpy as np
import pytest
import tensorflow as tf

from posekit.estimators.estimator import Stage
from posekit.pipeline.augmentation import AUGMENTATIONS, Augmentation
from posekit.skeleton import JOINT_COUNT, LSP, MIRROR
from posekit.studies.explorer.subject import PICTURE_PX, VARIED_PX, Subject, shown_saliency, varied

SIZE_PX = (200, 320)  # a tall picture: its square has grey at both sides
LABELLED = np.arange(JOINT_COUNT) != 4


def dotted():
    """A black picture with a white block at each joint."""
    x = 20 + 12 * np.arange(JOINT_COUNT)
    y = 40 + (97 * np.arange(JOINT_COUNT)) % 240
    image = np.zeros((*SIZE_PX[::-1], 3), np.uint8)
    for column, row in zip(x, y, strict=True):
        image[row - 4 : row + 5, column - 4 : column + 5] = 255
    return image, np.stack([x, y], axis=-1).astype(float)


def vary(augmentation, *, mirrored=False, draw=0):
    rng = np.random.default_rng(draw)
    mirror = LSP.mirror if mirrored else None
    return varied(Subject(*dotted(), LABELLED), augmentation, rng=rng, mirror=mirror)


GEOMETRY = Augmentation(rotation_degrees=40.0, any_rotation=0.5, scale=1.4, aspect=0.1, shift=0.2)


@pytest.mark.parametrize("draw", range(6))
@pytest.mark.parametrize("mirrored", [False, True])
def test_joints_stay_on_their_dots(draw, mirrored):
    subject = vary(GEOMETRY, mirrored=mirrored, draw=draw)
    assert subject.image.shape == (VARIED_PX, VARIED_PX, 3) and subject.image.dtype == np.uint8
    assert subject.labelled.any()
    for x, y in np.rint(subject.true_px[subject.labelled]).astype(int):
        if 2 <= x < VARIED_PX - 2 and 2 <= y < VARIED_PX - 2:
            assert subject.image[y, x].min() > 200


def test_no_strength_is_the_whole_picture():
    subject = vary(AUGMENTATIONS["none"])
    image, keypoints_px = dotted()
    # 320 high, as high as the square: nothing is scaled, and 60 columns of grey come before it.
    np.testing.assert_array_equal(subject.image[:, 60:260], image)
    np.testing.assert_array_equal(subject.image[:, :60], 127)
    np.testing.assert_allclose(
        subject.true_px[LABELLED], keypoints_px[LABELLED] + [60, 0], atol=1e-4
    )
    np.testing.assert_array_equal(subject.labelled, LABELLED)
    assert subject.scale == 1.0


def test_a_mirror_exchanges_left_and_right():
    plain, mirrored = (vary(AUGMENTATIONS["none"], mirrored=side) for side in (False, True))
    np.testing.assert_array_equal(mirrored.image, plain.image[:, ::-1])
    np.testing.assert_array_equal(mirrored.labelled, LABELLED[list(MIRROR)])
    expected_x = VARIED_PX - 1 - plain.true_px[list(MIRROR), 0]
    np.testing.assert_allclose(mirrored.true_px[:, 0], expected_x, atol=1e-4)


def test_one_strength_leaves_the_chance_of_the_others_alone():
    # The same draw, with light on top of the same geometry: the joints stay where they are.
    dim = Augmentation(rotation_degrees=40.0, light=0.5)
    plain = vary(Augmentation(rotation_degrees=40.0), draw=2)
    lit = vary(dim, draw=2)
    np.testing.assert_array_equal(plain.true_px, lit.true_px)
    assert (plain.image != lit.image).any()


def test_what_leaves_the_square_does_not_count():
    subject = vary(Augmentation(shift=2.0), draw=1)
    beyond = (subject.true_px < -0.5).any(axis=1) | (subject.true_px > VARIED_PX - 0.5).any(axis=1)
    assert beyond.any() and not subject.labelled[beyond].any()
    np.testing.assert_array_equal(subject.labelled, LABELLED & ~beyond)


def test_unlabelled_joints_may_hold_anything():
    image, keypoints_px = dotted()
    keypoints_px[4] = np.nan
    stored = Subject(image, keypoints_px, LABELLED)
    subject = varied(stored, GEOMETRY, rng=np.random.default_rng(0))
    assert np.isfinite(subject.true_px).all()


class OnePixel:
    """Every joint's x and y are three times the red of one pixel of the 16 x 16 crop."""

    input_shape = (None, 16, 16, 3)

    def __call__(self, batch, training):
        return tf.repeat(3 * batch[:, 10, 4, :1], 2 * JOINT_COUNT, axis=1)


@pytest.mark.parametrize("view", ["whole", "person"])
def test_saliency_of_a_box_lies_in_that_box(view):
    image, keypoints_px = dotted()
    box_px = np.array([40.0, 80.0, 96.0, 96.0])
    subject = Subject(image, keypoints_px, LABELLED, predicted_px=keypoints_px, input_box_px=box_px)
    strength = shown_saliency(subject, Stage(OnePixel(), "coordinates", view), 3)
    # x + y of a joint: 2 times 3 for each grey level, at the crop's pixel (4, 10) of 6 px each.
    assert strength.max() == pytest.approx(6.0, rel=0.1)
    centre_px = np.array([40 + 4.5 * 6, 80 + 10.5 * 6])
    expected_px = (centre_px + [60, 0]) * PICTURE_PX / 320 - 0.5
    rows, columns = np.nonzero(strength)
    np.testing.assert_allclose([columns.mean(), rows.mean()], expected_px, atol=0.6)
    # Interpolation reaches to the neighbouring pixels' centres and no further.
    assert np.ptp(columns) <= 2 * 6 * PICTURE_PX / 320


def test_errors_in_stored_pixels():
    image, keypoints_px = dotted()
    subject = Subject(
        image, keypoints_px, LABELLED, scale=2.5, predicted_px=keypoints_px + [3.0, 4.0]
    )
    expected = np.where(LABELLED, 12.5, np.nan)
    np.testing.assert_allclose(subject.error_px, expected)
    assert np.isnan(Subject(image, keypoints_px, LABELLED).error_px).all()
