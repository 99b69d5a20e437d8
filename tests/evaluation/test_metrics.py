"""Scores on joints placed by hand, against closed forms and against a plain-loop oracle."""

import json
import tomllib
from math import dist, exp, isnan, nan, pi, sqrt

import numpy as np
import pytest

from posekit import geometry, joint_sets
from posekit.datasets.coco import own_data
from posekit.errors import PosekitError
from posekit.evaluation import metrics
from posekit.skeleton import INDEX, JOINTS, LSP

RIGHT_HIP, LEFT_SHOULDER = INDEX["right_hip"], INDEX["left_shoulder"]
RIGHT_KNEE, NECK = INDEX["right_knee"], INDEX["neck"]


def standing_person():
    """One person of hand-picked coordinates; left shoulder to right hip is 10 px (6 by 8)."""
    pose = np.array(
        [
            [10, 40],  # right ankle
            [10, 28],  # right knee
            [10, 18],  # right hip
            [14, 18],  # left hip
            [14, 28],  # left knee
            [14, 40],  # left ankle
            [4, 22],  # right wrist
            [6, 16],  # right elbow
            [8, 10],  # right shoulder
            [16, 10],  # left shoulder
            [18, 16],  # left elbow
            [20, 22],  # left wrist
            [12, 8],  # neck
            [12, 2],  # head top
        ],
        float,
    )
    return pose[None], np.ones((1, 14), bool)


def random_people(count, seed, *, labelled_share=0.85, noise_px=12.0):
    rng = np.random.default_rng(seed)
    true_px = rng.uniform(0, 200, (count, 14, 2))
    labelled = rng.random((count, 14)) < labelled_share
    return true_px + rng.normal(0, noise_px, true_px.shape), true_px, labelled


def errors_of(pred_px, true_px, labelled, joints=None):
    return metrics.PoseErrors(pred_px, true_px, labelled, skeleton=LSP, joints=joints)


SCORES = {
    "pck": lambda errors: errors.pck().per_column,
    "box_pck": lambda errors: errors.box_pck().per_column,
    "pck_total": lambda errors: errors.pck().total,
    "pck_curve": lambda errors: errors.pck_curve(),
    "pck_area": lambda errors: errors.pck_area().total,
    "pdj": lambda errors: errors.pdj(),
    "pcp": lambda errors: errors.pcp().per_column,
    "pcp_total": lambda errors: errors.pcp().total,
    "mpjpe_px": lambda errors: errors.mpjpe_px().total,
    "mpjpe_torso": lambda errors: errors.mpjpe_torso().total,
}


def score(name, *poses):
    return SCORES[name](errors_of(*poses))


each_score = pytest.mark.parametrize("name", SCORES)


# By hand.


def test_torso_runs_from_left_shoulder_to_right_hip():
    true_px, labelled = standing_person()
    people_px, people_labelled = np.repeat(true_px, 3, axis=0), np.repeat(labelled, 3, axis=0)
    people_labelled[1, LEFT_SHOULDER] = False
    people_labelled[2, RIGHT_HIP] = False
    got = geometry.torso_length_px(people_px, people_labelled, skeleton=LSP)
    np.testing.assert_array_equal(got, [10, nan, nan])


def test_pck_counts_an_error_on_the_threshold_as_correct():
    true_px, labelled = standing_person()
    pred_px = true_px.copy()
    # The radius is 0.2 x 10 = 2 px.
    pred_px[0, INDEX["right_wrist"]] += (2, 0)
    pred_px[0, INDEX["left_wrist"]] += (0, 2.001)
    pred_px[0, INDEX["neck"]] += (1.5, 1.5)
    got = errors_of(pred_px, true_px, labelled).pck().per_column
    wrong = [name for name, score in zip(JOINTS, got, strict=True) if score == 0]
    assert wrong == ["left_wrist", "neck"]
    assert errors_of(pred_px, true_px, labelled).pck().total == 12 / 14


def test_box_pck_counts_images_without_a_torso():
    true_px, labelled = standing_person()
    true_px, labelled = np.repeat(true_px, 2, axis=0), np.repeat(labelled, 2, axis=0)
    labelled[1, RIGHT_HIP] = False
    height_px = np.ptp(true_px[0, :, 1])
    assert height_px > np.ptp(true_px[0, :, 0])
    pred_px = true_px.copy()
    pred_px[:, NECK] += (height_px / 10 - 0.001, 0)
    pred_px[:, INDEX["left_wrist"]] += (0, height_px / 10 + 0.001)
    pred_px[1, RIGHT_HIP] += 50  # no label
    errors = errors_of(pred_px, true_px, labelled)
    assert errors.box_pck().total == (13 + 12) / (14 + 13)
    assert errors.pck().denominators[1].sum() == 0


def test_pck_over_images_is_pooled_and_unmeasurable_torsos_do_not_count():
    true_px, labelled = standing_person()
    true_px, labelled = np.repeat(true_px, 4, axis=0), np.repeat(labelled, 4, axis=0)
    pred_px = true_px.copy()
    pred_px[0] += 50  # all 14 wrong
    labelled[1, :6] = False  # 8 joints, but the right hip is gone: the image does not count
    pred_px[1] += 50
    labelled[2, NECK] = False  # 13 correct
    labelled[:, RIGHT_KNEE] = False  # never counted
    labelled[3, :] = False
    got = errors_of(pred_px, true_px, labelled).pck().per_column
    assert isnan(got[RIGHT_KNEE])
    assert got[NECK] == 0.0  # counted in image 0 only
    assert got[INDEX["head_top"]] == 0.5
    assert errors_of(pred_px, true_px, labelled).pck().total == 12 / (13 + 12)


def test_a_torso_of_length_zero_makes_every_joint_wrong():
    true_px, labelled = standing_person()
    true_px[0, LEFT_SHOULDER] = true_px[0, RIGHT_HIP]
    assert errors_of(true_px, true_px, labelled).pck().total == 0.0
    assert errors_of(true_px, true_px, labelled).pck_area().total == 0.0
    # There is no length to express the error in.
    assert isnan(errors_of(true_px, true_px, labelled).mpjpe_torso().total)


def test_pcp_needs_both_ends_within_half_the_true_length():
    true_px, labelled = standing_person()
    pred_px = true_px.copy()
    # Right lower leg 12 px, right upper leg 10 px: the knee may be off by 6 and by 5.
    pred_px[0, RIGHT_KNEE] += (6, 0)
    # Head 6 px: both ends exactly on their limit of 3.
    pred_px[0, NECK] += (0, 3)
    pred_px[0, INDEX["head_top"]] += (3, 0)
    got = dict(zip(LSP.sticks, errors_of(pred_px, true_px, labelled).pcp().per_column, strict=True))
    assert [name for name, score in got.items() if score == 0] == ["right_upper_leg"]
    pred_px[0, NECK] += (0, 0.001)
    got = dict(zip(LSP.sticks, errors_of(pred_px, true_px, labelled).pcp().per_column, strict=True))
    assert [name for name, score in got.items() if score == 0] == ["right_upper_leg", "head"]
    assert errors_of(pred_px, true_px, labelled).pcp().total == 0.8


def test_the_torso_stick_joins_mid_points_and_needs_four_labels():
    true_px, labelled = standing_person()
    torso = LSP.sticks.index("torso")
    pred_px = true_px.copy()
    # Opposite errors of both hips leave the mid-hip where it is.
    pred_px[0, RIGHT_HIP] += (30, -30)
    pred_px[0, INDEX["left_hip"]] -= (30, -30)
    assert errors_of(pred_px, true_px, labelled).pcp().per_column[torso] == 1.0
    # Mid-hip (12, 18) to mid-shoulder (12, 10) is 8 px; a mid-hip off by 4 is on the limit.
    pred_px[0, RIGHT_HIP] += (8, 0)
    assert errors_of(pred_px, true_px, labelled).pcp().per_column[torso] == 1.0
    pred_px[0, RIGHT_HIP] += (0.01, 0)
    assert errors_of(pred_px, true_px, labelled).pcp().per_column[torso] == 0.0
    for name in ("right_hip", "left_hip", "right_shoulder", "left_shoulder"):
        partly = labelled.copy()
        partly[0, INDEX[name]] = False
        assert isnan(errors_of(pred_px, true_px, partly).pcp().per_column[torso])


def test_a_stick_counts_when_both_ends_are_labelled():
    true_px, labelled = standing_person()
    labelled[0, RIGHT_KNEE] = False
    got = dict(zip(LSP.sticks, errors_of(true_px, true_px, labelled).pcp().per_column, strict=True))
    uncounted = [name for name, score in got.items() if isnan(score)]
    assert uncounted == ["right_lower_leg", "right_upper_leg"]
    assert errors_of(true_px, true_px, labelled).pcp().total == 1.0


def test_a_stick_of_length_zero_is_wrong_even_without_error():
    true_px, labelled = standing_person()
    true_px[0, INDEX["right_ankle"]] = true_px[0, RIGHT_KNEE]
    assert errors_of(true_px, true_px, labelled).pcp().total == 0.9


def test_mean_errors_by_hand():
    true_px, labelled = standing_person()
    labelled[0, :] = False
    labelled[0, [LEFT_SHOULDER, RIGHT_HIP, NECK]] = True
    pred_px = true_px.copy()
    pred_px[0, LEFT_SHOULDER] += (3, 4)
    pred_px[0, NECK] += (-6, 8)
    pred_px[0, INDEX["left_ankle"]] += (999, 999)  # no label, no effect
    assert errors_of(pred_px, true_px, labelled).mpjpe_px().total == (5 + 0 + 10) / 3
    assert errors_of(pred_px, true_px, labelled).mpjpe_torso().total == pytest.approx(15 / 3 / 10)


def test_frame_mse_scales_x_by_width_and_y_by_height():
    true_px, labelled = standing_person()
    true_px, labelled = np.repeat(true_px, 2, axis=0), np.repeat(labelled, 2, axis=0)
    labelled[1, 1:] = False
    sizes_px = np.array([[192, 48], [96, 960]])
    # Image 0: (4, 3) px become (2, 6); image 1, one joint: (4, 3) px become (4, 0.3).
    got = errors_of(true_px + (4, 3), true_px, labelled).frame_mse(sizes_px).total
    assert got == pytest.approx((14 * (2**2 + 6**2) + (4**2 + 0.3**2)) / (2 * 15))
    half = errors_of(true_px + (4, 3), true_px, labelled).frame_mse(sizes_px, frame_px=48).total
    assert half == pytest.approx(got / 4)


def test_the_selected_joints_alone_are_scored():
    true_px, labelled = standing_person()
    pred_px = true_px.copy()
    pred_px[0, NECK] += 100
    pred_px[0, INDEX["left_wrist"]] += 100
    twelve = JOINTS[:12]
    assert errors_of(pred_px, true_px, labelled, joints=twelve).pck().total == 11 / 12
    # Nine sticks without the head; the left forearm is wrong.
    assert errors_of(pred_px, true_px, labelled, joints=twelve).pcp().total == 8 / 9
    # The torso is measured although its joints are not scored.
    assert errors_of(pred_px, true_px, labelled, joints=["left_wrist"]).pck().total == 0.0
    assert isnan(errors_of(pred_px, true_px, labelled, joints=["left_wrist"]).pcp().total)
    assert errors_of(pred_px, true_px, labelled, joints=["neck"]).mpjpe_px().total == dist(
        (0, 0), (100, 100)
    )


# Closed forms of Gaussian errors.


def test_gaussian_errors_meet_their_closed_forms():
    count, sigma_px = 20_000, 1.7
    true_px, labelled = standing_person()
    true_px, labelled = np.repeat(true_px, count, axis=0), np.repeat(labelled, count, axis=0)
    pred_px = true_px + np.random.default_rng(3).normal(0, sigma_px, true_px.shape)
    # 280,000 errors: the tolerances are five standard errors or more.
    sizes_px = np.full((count, 2), 96)
    got = errors_of(pred_px, true_px, labelled).frame_mse(sizes_px).total
    assert got == pytest.approx(sigma_px**2, rel=0.01)
    got = errors_of(pred_px, true_px, labelled).mpjpe_px().total
    assert got == pytest.approx(sigma_px * sqrt(pi / 2), rel=0.006)
    # A radius of 2 px holds 1 - exp(-r^2 / 2 sigma^2) of a two-dimensional Gaussian.
    got = errors_of(pred_px, true_px, labelled).pck().total
    assert got == pytest.approx(1 - exp(-(2**2) / (2 * sigma_px**2)), abs=0.005)


# An independent oracle: loops over images, joints and sticks.


def loop_pck(pred_px, true_px, labelled, threshold):
    hits = counted = 0
    for pred, true, mask in zip(pred_px, true_px, labelled, strict=True):
        if not (mask[9] and mask[2]):
            continue
        torso = dist(true[9], true[2])
        for k in range(14):
            if mask[k]:
                counted += 1
                hits += dist(pred[k], true[k]) <= threshold * torso
    return hits / counted


def loop_pcp(pred_px, true_px, labelled, threshold):
    sticks = [((start,), (end,)) for _, start, end in LSP.limbs] + [((2, 3), (8, 9))]
    hits = counted = 0
    for pred, true, mask in zip(pred_px, true_px, labelled, strict=True):
        for start, end in sticks:
            if not all(mask[k] for k in start + end):
                continue
            (pred_a, true_a), (pred_b, true_b) = [
                [pose[list(ids)].mean(axis=0) for pose in (pred, true)] for ids in (start, end)
            ]
            limit = threshold * dist(true_a, true_b)
            counted += 1
            hits += dist(pred_a, true_a) <= limit and dist(pred_b, true_b) <= limit
    return hits / counted


@pytest.mark.parametrize("threshold", [0.05, 0.2, 0.5])
def test_totals_agree_with_plain_loops(threshold):
    poses = random_people(60, seed=1)
    assert errors_of(*poses).pck(threshold).total == loop_pck(*poses, threshold)
    assert errors_of(*poses).pcp(threshold).total == loop_pcp(*poses, threshold)


def test_curve_pdj_and_area_agree_with_pck():
    poses = random_people(50, seed=2)
    curve = errors_of(*poses).pck_curve()
    assert curve[-1] == errors_of(*poses).pck(0.2).total
    assert curve[5] == loop_pck(*poses, 0.05)
    np.testing.assert_array_equal(errors_of(*poses).pdj()[20], errors_of(*poses).pck().per_column)
    area = np.trapezoid(curve, np.linspace(0, 1, 21))
    assert errors_of(*poses).pck_area().total == pytest.approx(area, rel=1e-12)


# Properties.


@pytest.mark.parametrize("name", ["pck_total", "pcp_total", "mpjpe_torso"])
def test_relative_scores_ignore_translation_and_scale(name):
    pred_px, true_px, labelled = random_people(80, seed=4)
    moved = score(name, pred_px * 3.7 + (50, -20), true_px * 3.7 + (50, -20), labelled)
    assert moved == pytest.approx(score(name, pred_px, true_px, labelled), rel=1e-12)


def test_scores_rise_with_the_threshold():
    poses = random_people(80, seed=5)
    curve = errors_of(*poses).pck_curve(np.linspace(0, 3, 40))
    assert (np.diff(curve) >= 0).all() and curve[0] == 0 and curve[-1] > curve[1] > 0
    parts = [errors_of(*poses).pcp(share).total for share in np.linspace(0, 1, 11)]
    assert (np.diff(parts) >= 0).all() and parts[0] == 0 and parts[-1] > 0.5


@each_score
def test_junk_where_unlabelled_changes_nothing_and_warns_nothing(name, recwarn):
    pred_px, true_px, labelled = random_people(40, seed=6)
    junk_px = true_px.copy()
    junk_px[~labelled] = [nan, -322.0]
    expected = score(name, pred_px, true_px, labelled)
    np.testing.assert_array_equal(score(name, pred_px, junk_px, labelled), expected)
    assert np.isfinite(expected).all()
    assert not recwarn.list


@each_score
def test_exact_predictions_are_perfect_and_nothing_counted_is_nan(name):
    _, true_px, labelled = random_people(40, seed=7)
    best = 0.0 if name in ("mpjpe_px", "mpjpe_torso") else 1.0
    assert np.all(score(name, true_px, true_px, labelled) == best)
    assert np.isnan(score(name, true_px, true_px, np.zeros_like(labelled))).all()
    assert np.isnan(score(name, true_px[:0], true_px[:0], labelled[:0])).all()


@each_score
def test_unsigned_integers_do_not_wrap_around(name):
    pred_px, true_px, labelled = random_people(40, seed=11, noise_px=5.0)
    pred_px, true_px = np.clip(pred_px, 0, 255).astype(np.uint8), true_px.astype(np.uint8)
    expected = score(name, pred_px.astype(float), true_px.astype(float), labelled)
    np.testing.assert_array_equal(score(name, pred_px, true_px, labelled), expected)


@each_score
def test_arguments_are_not_written_to(name):
    arguments = random_people(10, seed=8)
    before = [argument.copy() for argument in arguments]
    score(name, *arguments)
    for argument, copy in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(argument, copy)


# The whole evaluation.


def evaluated(count=40, **options):
    pred_px, true_px, labelled = random_people(count, seed=9, noise_px=25.0)
    sizes_px = np.full((count, 2), (200, 150))
    options = {"seed": 0, "resamples": 200, "skeleton": LSP} | options
    groups = np.arange(count)
    report = metrics.evaluate(pred_px, true_px, labelled, sizes_px, groups, **options)
    return report, (pred_px, true_px, labelled), sizes_px


def test_evaluate_repeats_the_single_scores():
    report, poses, sizes_px = evaluated()
    expected = {
        "pck_0.2": errors_of(*poses).pck().total,
        "pck_auc": errors_of(*poses).pck_area().total,
        "pcp_0.5": errors_of(*poses).pcp().total,
        "mpjpe_px": errors_of(*poses).mpjpe_px().total,
        "mpjpe_torso": errors_of(*poses).mpjpe_torso().total,
        "frame_mse": errors_of(*poses).frame_mse(sizes_px).total,
    }
    got = {name: metric["value"] for name, metric in report["metrics"].items()}
    assert got == pytest.approx(expected, rel=1e-12)
    for metric in report["metrics"].values():
        low, high = metric["interval"]
        assert low < metric["value"] < high
    assert report["image_count"] == 40
    assert report["scored_joint_count"] == poses[2].sum()
    counted = errors_of(*poses).pck().denominators
    assert report["pck_counts"] == {
        "image_count": counted.any(axis=1).sum(),
        "joint_count": counted.sum(),
    }
    assert 0 < report["pck_counts"]["image_count"] < 40
    assert report["box_pck_0.1"]["value"] == errors_of(*poses).box_pck(0.1).total
    assert list(report["pck_per_joint"].values()) == errors_of(*poses).pck().per_column.tolist()
    assert list(report["pcp_per_stick"].values()) == errors_of(*poses).pcp().per_column.tolist()
    assert (
        report["mpjpe_px_per_joint"]["neck"] == errors_of(*poses, joints=["neck"]).mpjpe_px().total
    )
    assert report["pck_curve"]["total"] == errors_of(*poses).pck_curve().tolist()
    assert report["pck_curve"]["thresholds"][-1] == 0.2
    assert report["pdj"]["total"][20] == report["metrics"]["pck_0.2"]["value"]
    assert report["pdj"]["per_joint"]["left_knee"] == errors_of(*poses).pdj()[:, 4].tolist()


def test_evaluate_groups_joints_and_sticks_like_the_published_tables():
    report, _, _ = evaluated()
    joint, stick = report["pck_per_joint"], report["pcp_per_stick"]
    assert report["pck_per_group"]["head"] == (joint["neck"] + joint["head_top"]) / 2
    assert report["pcp_per_group"]["forearm"] == pytest.approx(
        (stick["right_forearm"] + stick["left_forearm"]) / 2
    )
    assert report["pcp_per_group"]["torso"] == stick["torso"]


def test_evaluate_survives_json_and_marks_what_was_not_measured():
    report, _, _ = evaluated(joints=JOINTS[:12])
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["pck_per_joint"]["neck"] is None
    assert report["pck_per_group"]["head"] is None
    assert report["pdj"]["per_joint"]["head_top"] == [None] * 51
    assert report["joints"] == list(JOINTS[:12])


def test_evaluate_without_a_label_scores_none():
    _, true_px, labelled = random_people(5, seed=10)
    nothing = np.zeros_like(labelled)
    sizes_px = np.full((5, 2), 200)
    report = metrics.evaluate(
        true_px, true_px, nothing, sizes_px, np.arange(5), seed=0, skeleton=LSP
    )
    assert report["metrics"]["pck_0.2"] == {"value": None, "interval": [None, None]}
    assert report["scored_joint_count"] == 0
    assert report["pck_counts"] == {"image_count": 0, "joint_count": 0}
    assert report["box_pck_0.1"] == {"value": None, "interval": [None, None]}


def test_evaluate_repeats_with_its_seed():
    assert evaluated(seed=3)[0] == evaluated(seed=3)[0]
    intervals = [evaluated(seed=seed)[0]["metrics"]["mpjpe_px"]["interval"] for seed in (3, 4)]
    assert intervals[0] != intervals[1]


def test_a_score_has_words_digits_and_a_direction():
    report, _, _ = evaluated()
    assert list(report["metrics"]) == list(metrics.SCORES)
    assert metrics.SCORES["mpjpe_px"].title == "mean joint error (px)"
    assert metrics.SCORES["pck_auc"].title == "area under the PCK curve"
    # Exact predictions are best in every score.
    _, true_px, labelled = random_people(5, seed=1)
    best = errors_of(true_px, true_px, labelled).headline(np.full((5, 2), 200))
    for name, sums in best.items():
        assert sums.total == (0 if metrics.SCORES[name].lower_is_better else 1)


stored = tomllib.loads((own_data.MAPPINGS / "coco17.toml").read_text(encoding="utf-8"))
COCO17 = joint_sets.parse("coco17.toml", stored | {"joints": list(stored["joints"])})


def test_seventeen_joints_are_scored_like_fourteen():
    rng = np.random.default_rng(0)
    true_px = rng.uniform(0, 200, (30, 17, 2))
    pred_px = true_px + rng.normal(0, 12, true_px.shape)
    labelled = rng.random((30, 17)) < 0.85
    sizes_px, groups = np.full((30, 2), 200), np.arange(30)
    report = metrics.evaluate(
        pred_px, true_px, labelled, sizes_px, groups, skeleton=COCO17, seed=0, resamples=50
    )
    errors = metrics.PoseErrors(pred_px, true_px, labelled, skeleton=COCO17)
    error_px = np.linalg.norm(pred_px - true_px, axis=-1)
    assert report["metrics"]["mpjpe_px"]["value"] == pytest.approx(error_px[labelled].mean())
    start, end = COCO17.torso_joints
    torso_px = np.linalg.norm(true_px[:, start] - true_px[:, end], axis=-1)
    counted = labelled & labelled[:, [start]] & labelled[:, [end]]
    correct = (error_px <= 0.2 * torso_px[:, None]) & counted
    pck = correct.sum() / counted.sum()
    assert 0 < pck < 1 and report["metrics"]["pck_0.2"]["value"] == pytest.approx(pck)
    np.testing.assert_array_equal(
        errors.pck(0.2).per_image, [correct.sum(axis=1), counted.sum(axis=1)]
    )
    assert list(report["pck_per_joint"]) == list(COCO17.joints)
    assert list(report["pcp_per_stick"]) == list(COCO17.sticks)
    with pytest.raises(PosekitError, match=r"must have shape \(N, 14, 2\); got \(30, 17, 2\)"):
        errors_of(pred_px, true_px, labelled)


def test_per_image_sums_divide_to_the_scores():
    report, poses, sizes_px = evaluated()
    for name, sums in errors_of(*poses).headline(sizes_px).items():
        numerators, denominators = sums.per_image
        assert numerators.shape == denominators.shape == (40,)
        got = numerators.sum() / denominators.sum()
        assert got == pytest.approx(report["metrics"][name]["value"])


# Errors.


def test_a_prediction_that_is_not_finite_raises_even_without_a_label():
    true_px, labelled = standing_person()
    pred_px = true_px.copy()
    pred_px[0, NECK] = [nan, 3.5]
    labelled[0, NECK] = False
    message = r"^PoseErrors\(\): `pred_px` must be finite; got \[nan, 3.5\] at \[0, 12\]"
    with pytest.raises(PosekitError, match=message):
        errors_of(pred_px, true_px, labelled)


def test_shapes_and_dtypes_are_checked():
    true_px, labelled = standing_person()
    with pytest.raises(PosekitError, match=r"`pred_px` must have the shape .* got \(1, 13, 2\)"):
        errors_of(true_px[:, :13], true_px, labelled)
    with pytest.raises(PosekitError, match=r"`labelled` must be bool .* got int64 \(1, 14\)"):
        errors_of(true_px, true_px, labelled.astype(np.int64))
    few = slice(0, 13)
    with pytest.raises(PosekitError, match=r"must have shape \(N, 14, 2\); got \(1, 13, 2\)"):
        errors_of(true_px[:, few], true_px[:, few], labelled[:, few])


def test_torso_length_checks_the_joint_count():
    true_px, labelled = standing_person()
    with pytest.raises(PosekitError, match=r"`keypoints_px` must have shape .* got \(1, 3, 2\)"):
        geometry.torso_length_px(true_px[:, :3], labelled[:, :3], skeleton=LSP)


def test_unknown_joints_are_named():
    true_px, labelled = standing_person()
    with pytest.raises(PosekitError, match="`joints` must hold names among .* got 'nose'"):
        errors_of(true_px, true_px, labelled, joints=["neck", "nose"])
    with pytest.raises(PosekitError, match="got no name"):
        errors_of(true_px, true_px, labelled, joints=[])


@pytest.mark.parametrize("threshold", [-0.1, nan, [0.1, 0.2]])
@pytest.mark.parametrize("method", ["pck", "pcp"])
def test_thresholds_are_checked(method, threshold):
    errors = errors_of(*random_people(1, seed=0))
    finding = str(threshold).replace("[", r"\[").replace("]", r"\]")
    with pytest.raises(PosekitError, match=f"`threshold` must be one number.* got {finding}"):
        getattr(errors, method)(threshold)


@pytest.mark.parametrize("method", ["pck_curve", "pdj"])
def test_lists_of_thresholds_are_checked(method):
    curve = getattr(errors_of(*random_people(1, seed=0)), method)
    with pytest.raises(PosekitError, match=r"`threshold` must be one number.* got -1"):
        curve([0.1, -1])
    with pytest.raises(PosekitError, match=r"`threshold` must be one number.* got \[0.1 0.2\]"):
        curve([[0.1, 0.2]])


def test_image_sizes_are_checked():
    true_px, labelled = standing_person()
    with pytest.raises(PosekitError, match=r"must have shape \(1, 2\) .* got shape \(2,\)"):
        errors_of(true_px, true_px, labelled).frame_mse([96, 96])
    with pytest.raises(PosekitError, match=r"> 0 pixels; got shape \(1, 2\), \[\[96.0, 0.0\]\]"):
        errors_of(true_px, true_px, labelled).frame_mse([[96, 0]])


def test_evaluate_checks_groups():
    true_px, labelled = standing_person()
    with pytest.raises(PosekitError, match=r"`groups` \(N,\); got .* and \(2,\)"):
        metrics.evaluate(true_px, true_px, labelled, [[96, 96]], ["a", "b"], seed=0, skeleton=LSP)
