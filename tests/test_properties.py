"""What holds for all poses, boxes and maps: hypothesis looks for those for which it does not."""

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from posekit import geometry
from posekit.errors import PosekitError
from posekit.estimators import decoding
from posekit.estimators.calibration import Calibration
from posekit.evaluation import metrics
from posekit.geometry import (
    keypoints_into_boxes,
    keypoints_out_of_boxes,
    mirror_keypoints,
    resize_keypoints,
)
from posekit.pipeline import transforms
from posekit.pipeline.augmentation import crop_matrices
from posekit.skeleton import LSP

# The same examples in every run: a test that fails today failed yesterday.
settings.register_profile("posekit", derandomize=True, deadline=None, max_examples=25)
settings.load_profile("posekit")

coordinates = st.floats(-500, 500, width=32)
sizes = st.integers(1, 600)
IMAGES = 3


def arrays(*shape, of=coordinates, dtype=np.float64):
    return hnp.arrays(dtype, shape, elements=of)


poses = arrays(IMAGES, LSP.joint_count, 2)
masks = hnp.arrays(bool, (IMAGES, LSP.joint_count))


@st.composite
def people(draw):
    """(pred_px, true_px, labelled): every torso can be measured, and no length is nearly zero."""
    # Halves are exact, so that a common shift changes no distance by rounding.
    places = st.integers(-400, 400).map(lambda halves: halves / 2)
    pred_px, true_px = (draw(arrays(IMAGES, LSP.joint_count, 2, of=places)) for _ in range(2))
    labelled = draw(masks)
    ends = LSP.index["left_shoulder"], LSP.index["right_hip"]
    labelled[:, ends] = True
    true_px[:, ends[0]] = true_px[:, ends[1]] + [3, 4]
    return pred_px, true_px, labelled


# Geometry.


@given(poses, masks, st.lists(sizes, min_size=IMAGES, max_size=IMAGES))
def test_mirrored_twice_keypoints_are_as_before(keypoints_px, labelled, widths_px):
    once = mirror_keypoints(keypoints_px, labelled, widths_px, mirror=LSP.mirror)
    again_px, again = mirror_keypoints(*once, widths_px, mirror=LSP.mirror)
    np.testing.assert_allclose(again_px, keypoints_px, atol=1e-9)
    np.testing.assert_array_equal(again, labelled)
    # A mirror keeps distances, only the joints' names change.
    np.testing.assert_allclose(
        np.linalg.norm(once[0][:, LSP.mirror[0]] - once[0][:, LSP.mirror[3]], axis=-1),
        np.linalg.norm(keypoints_px[:, 0] - keypoints_px[:, 3], axis=-1),
        atol=1e-9,
    )


@given(
    hnp.arrays(np.uint8, (2, 4, 7, 3)),
    hnp.arrays(np.float32, (2, LSP.joint_count, 3), elements=st.integers(-64, 64).map(float)),
    hnp.arrays(bool, 2),
)
def test_mirrored_twice_pictures_and_targets_are_as_before(images, targets, flip):
    once = transforms.flip_left_right(images, targets, flip, mirror=LSP.mirror)
    again_images, again = transforms.flip_left_right(*once, flip, mirror=LSP.mirror)
    np.testing.assert_array_equal(again_images, images)
    np.testing.assert_array_equal(again, targets)


boxes = st.tuples(coordinates, coordinates, st.floats(1, 900), st.floats(1, 900))


@given(poses, boxes, st.integers(1, 512))
def test_into_boxes_and_out_of_boxes_undo_each_other(keypoints_px, box_px, frame_px):
    inside_px = keypoints_into_boxes(keypoints_px, box_px, frame_px)
    back_px = keypoints_out_of_boxes(inside_px, box_px, frame_px)
    np.testing.assert_allclose(back_px, keypoints_px, atol=1e-6)
    outside_px = keypoints_out_of_boxes(keypoints_px, box_px, frame_px)
    back_px = keypoints_into_boxes(outside_px, box_px, frame_px)
    np.testing.assert_allclose(back_px, keypoints_px, atol=1e-6)


@given(poses, *[st.tuples(sizes, sizes)] * 3)
def test_resizing_twice_is_resizing_once(keypoints_px, first_px, second_px, third_px):
    via = resize_keypoints(resize_keypoints(keypoints_px, first_px, second_px), second_px, third_px)
    direct = resize_keypoints(keypoints_px, first_px, third_px)
    np.testing.assert_allclose(via, direct, rtol=1e-9, atol=1e-6)


@given(sizes.filter(lambda size: size > 1), st.integers(2, 600))
def test_a_ramp_resized_by_tensorflow_shows_where_each_pixel_was(from_px, to_px):
    import tensorflow as tf

    # Each pixel's grey is its own place; linear interpolation then shows where a new pixel's
    # centre lies in the old picture.
    ramp = np.arange(from_px, dtype=np.float32)[None, :, None]
    shown = tf.image.resize(ramp, (1, to_px))[0, :, 0].numpy()
    new_px = np.stack([np.arange(to_px), np.zeros(to_px)], axis=-1)
    old_px = resize_keypoints(new_px, (to_px, 1), (from_px, 1))[:, 0]
    # Beyond the outermost centres there is nothing to interpolate with.
    np.testing.assert_allclose(shown, np.clip(old_px, 0, from_px - 1), atol=1e-3)


crops = st.tuples(
    st.tuples(st.floats(20, 76), st.floats(20, 76)),
    st.floats(20, 200),
    st.floats(-3.2, 3.2),
    st.floats(0.7, 1.4),
)


@given(crops, hnp.arrays(np.float64, (1, LSP.joint_count, 2), elements=st.floats(0, 63)))
def test_joints_move_by_the_inverse_of_the_crops_matrix(crop, in_frame_px):
    centre_px, side_px, radians, stretch = crop
    matrices = crop_matrices(
        np.array([centre_px]), np.array([side_px]), 64, radians=radians, stretch=stretch
    )
    on_canvas_px = in_frame_px @ matrices[0, :, :2].T + matrices[0, :, 2]
    targets = np.concatenate([on_canvas_px, np.ones((1, LSP.joint_count, 1))], axis=-1)
    canvas = np.zeros((1, 96, 96, 3), np.float32)
    _, moved = transforms.affine(canvas, targets.astype(np.float32), matrices.astype(np.float32), 64)
    np.testing.assert_allclose(moved[..., :2], in_frame_px, atol=1e-2)
    assert (np.asarray(moved)[..., 2] == 1).all()
    undone = cv2.invertAffineTransform(matrices[0])
    np.testing.assert_allclose(
        on_canvas_px @ undone[:, :2].T + undone[:, 2], in_frame_px, atol=1e-6
    )


# Scores.


def errors_of(*poses_px):
    return metrics.PoseErrors(*poses_px, skeleton=LSP)


@given(people(), st.lists(st.floats(0, 50), min_size=2, max_size=8))
def test_pck_and_pcp_never_fall_as_the_threshold_rises(poses_px, thresholds):
    thresholds = sorted(thresholds)
    curve = errors_of(*poses_px).pck_curve(thresholds)
    assert (np.diff(curve) >= 0).all() and curve.min() >= 0 and curve.max() <= 1
    assert curve[-1] == errors_of(*poses_px).pck(thresholds[-1]).total
    parts = [errors_of(*poses_px).pcp(threshold).total for threshold in thresholds]
    assert np.isnan(parts).all() or (np.diff(parts) >= 0).all()


def all_scores(pred_px, true_px, labelled, sizes_px):
    errors = errors_of(pred_px, true_px, labelled)
    return np.concatenate(
        [
            errors.pck().per_column,
            errors.pcp().per_column,
            [
                errors.pck_area().total,
                errors.mpjpe_torso().total,
                errors.mpjpe_px().total,
                errors.frame_mse(sizes_px).total,
            ],
        ]
    )


@given(people(), st.tuples(*[st.integers(-300, 300)] * 2), st.sampled_from([0.25, 0.5, 2, 8]))
def test_a_common_shift_and_scale_change_no_score_but_errors_in_pixels(poses_px, shift, scale):
    pred_px, true_px, labelled = poses_px
    sizes_px = np.full((IMAGES, 2), (200, 100))
    before = all_scores(*poses_px, sizes_px)
    shifted = all_scores(pred_px + shift, true_px + shift, labelled, sizes_px)
    np.testing.assert_allclose(shifted, before, rtol=1e-9)
    # Powers of two are exact: no joint crosses a threshold by rounding.
    scaled = all_scores(pred_px * scale, true_px * scale, labelled, sizes_px)
    np.testing.assert_allclose(scaled[:-2], before[:-2], rtol=1e-9)
    np.testing.assert_allclose(scaled[-2:], before[-2:] * [scale, scale**2], rtol=1e-9)
    # With its pictures enlarged as well, the squashed frame shows the same.
    enlarged = all_scores(pred_px * scale, true_px * scale, labelled, sizes_px * scale)
    assert enlarged[-1] == pytest.approx(before[-1])


@given(people(), st.permutations(range(IMAGES)))
def test_the_order_of_images_does_not_matter_and_the_mirror_only_renames(poses_px, order):
    pred_px, true_px, labelled = poses_px
    before = errors_of(*poses_px).pck().per_column
    after = errors_of(*(part[order] for part in poses_px)).pck().per_column
    np.testing.assert_allclose(after, before)
    # The torso runs from the left shoulder to the right hip: the mirror has the other diagonal.
    error = errors_of(pred_px, true_px, labelled).mpjpe_px().total
    mirrored_px, mirrored = mirror_keypoints(true_px, labelled, 100, mirror=LSP.mirror)
    mirrored_pred_px, _ = mirror_keypoints(pred_px, labelled, 100, mirror=LSP.mirror)
    after = errors_of(mirrored_pred_px, mirrored_px, mirrored).mpjpe_px().total
    assert after == pytest.approx(error)


SIZES_PX = np.full((IMAGES, 2), 100)
SCORES = {
    "PoseErrors": errors_of,
    "evaluate": lambda *poses_px: metrics.evaluate(
        *poses_px, SIZES_PX, np.arange(IMAGES), skeleton=LSP, seed=0, resamples=2
    ),
}
places_of_one_number = st.tuples(
    st.integers(0, IMAGES - 1), st.integers(0, LSP.joint_count - 1), st.integers(0, 1)
)


def test_every_way_into_the_scores_is_here():
    public = {
        name
        for name, value in vars(metrics).items()
        if callable(value)
        and value.__module__ == "posekit.evaluation.metrics"
        and not name.startswith("_")
    }
    assert public == {*SCORES, "Score", "Sums"}


@pytest.mark.parametrize("name", SCORES)
@settings(max_examples=8)
@given(people(), places_of_one_number, st.sampled_from([np.nan, np.inf, -np.inf]))
def test_no_score_takes_what_is_not_finite(name, poses_px, place, value):
    pred_px, true_px, labelled = poses_px
    spoilt = pred_px.copy()
    spoilt[place] = value
    with pytest.raises(PosekitError, match=rf"`pred_px` must be finite; got .*{value}"):
        SCORES[name](spoilt, true_px, labelled)
    spoilt = true_px.copy()
    spoilt[place] = value
    counted = labelled.copy()
    counted[place[:2]] = True
    with pytest.raises(PosekitError, match=rf"`true_px` must be finite; got .*{value}"):
        SCORES[name](pred_px, spoilt, counted)
    with pytest.raises(PosekitError, match=rf"`keypoints_px` must be finite; got .*{value}"):
        geometry.torso_length_px(spoilt, counted, skeleton=LSP)


@given(people(), places_of_one_number)
def test_what_is_not_labelled_changes_no_score(poses_px, place):
    pred_px, true_px, labelled = poses_px
    joint = place[1]
    assume(joint not in (LSP.index["left_shoulder"], LSP.index["right_hip"]))
    labelled[place[:2]] = False
    junk_px = true_px.copy()
    junk_px[place[:2]] = np.nan
    np.testing.assert_array_equal(
        all_scores(pred_px, junk_px, labelled, SIZES_PX), all_scores(*poses_px, SIZES_PX)
    )


# From maps to places, and from raw values to confidences.


@given(
    hnp.arrays(np.float64, (1, 4, 4, 2), elements=st.floats(-8, 8, width=32)),
    *[st.integers(0, 12)] * 4,
    st.floats(-1e3, 1e3),
)
def test_a_moved_hill_is_found_as_far_away(logits, row, column, other_row, other_column, level):
    def placed(row, column):
        # All around is as good as impossible, so that the edges see nothing of the hill.
        wide = np.full((1, 48, 48, 2), level - 200.0)
        top, left = row + 16, column + 16
        wide[:, top : top + 4, left : left + 4] = logits + level
        return decoding.find_peaks(decoding.softmax_maps(wide), 96)

    first_px, first = placed(row, column)
    second_px, second = placed(other_row, other_column)
    moved_px = 2.0 * np.array([other_column - column, other_row - row])
    expected_px = np.broadcast_to(first_px + moved_px, (1, 2, 2))
    np.testing.assert_allclose(second_px, expected_px, atol=1e-5)
    np.testing.assert_allclose(second, first, atol=1e-9)


@given(
    st.floats(0, 20),
    hnp.arrays(np.float64, 3, elements=st.floats(-20, 20)),
    hnp.arrays(np.float64, (2, 3), elements=st.floats(0, 1)),
)
def test_a_surer_network_is_never_less_confident(slope, offsets, raw):
    less, more = Calibration(slope, offsets).confidence(np.sort(raw, axis=0))
    assert (less <= more).all() and (less >= 0).all() and (more <= 1).all()
