import numpy as np
import pytest

from posekit import drawing
from posekit.errors import PosekitError
from posekit.skeleton import LSP


def spread_pose(width, height):
    """Joints far apart, so that their dots do not overlap."""
    angle = np.linspace(0, 2 * np.pi, LSP.joint_count, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return (circle * 0.4 + 0.5) * [width, height]


def test_joints_have_the_colour_of_their_side():
    keypoints_px = np.rint(spread_pose(300, 200))
    drawn = drawing.draw_skeleton(np.full((200, 300, 3), 90, np.uint8), keypoints_px, skeleton=LSP)
    for name in ("left_wrist", "right_knee", "neck"):
        x, y = keypoints_px[LSP.index[name]].astype(int)
        assert tuple(drawn[y, x]) == drawing.SIDE_COLOURS[LSP.sides[LSP.index[name]]]


def test_a_limb_runs_between_its_joints():
    labelled = np.zeros(LSP.joint_count, bool)
    labelled[[LSP.index["left_elbow"], LSP.index["left_wrist"]]] = True
    keypoints_px = np.full((LSP.joint_count, 2), np.nan)
    keypoints_px[labelled] = [[10, 30], [70, 30]]
    drawn = drawing.draw_skeleton(
        np.zeros((60, 80, 3), np.uint8), keypoints_px, labelled, skeleton=LSP
    )
    np.testing.assert_array_equal(drawn[30, 20:61], [drawing.SIDE_COLOURS["left"]] * 41)
    assert not drawn[:20].any() and not drawn[41:].any()


def test_a_limb_with_a_missing_joint_is_left_out():
    labelled = np.zeros(LSP.joint_count, bool)
    labelled[LSP.index["left_wrist"]] = True
    keypoints_px = np.zeros((LSP.joint_count, 2))
    keypoints_px[LSP.index["left_wrist"]] = [50, 30]
    drawn = drawing.draw_skeleton(
        np.zeros((60, 80, 3), np.uint8), keypoints_px, labelled, skeleton=LSP
    )
    assert drawn[30, 50].any() and not drawn[:, :40].any()


def test_joints_that_are_rather_wrong_are_pale_and_thin():
    image, keypoints_px = np.zeros((200, 300, 3), np.uint8), np.rint(spread_pose(300, 200))
    confidences = np.ones(LSP.joint_count)
    wrist, elbow, neck = (LSP.index[name] for name in ("left_wrist", "left_elbow", "neck"))
    confidences[[wrist, elbow, neck]] = [0.49, 0.5, np.nan]
    drawn = drawing.draw_skeleton(image, keypoints_px, confidences=confidences, skeleton=LSP)
    colours = {joint: drawn[y, x] for joint, (x, y) in enumerate(keypoints_px.astype(int))}
    for joint, name in ((elbow, "left"), (neck, "centre")):
        assert tuple(colours[joint]) == drawing.SIDE_COLOURS[name]
    # A mixture with white: lighter in every channel, and the order of the channels stays.
    sure = np.array(drawing.SIDE_COLOURS["left"])
    assert (colours[wrist] > sure).all() and colours[wrist].max() < 255
    assert colours[wrist].argsort().tolist() == sure.argsort().tolist()
    # Half-way between two joints, a column of the line and its outline.
    pair, across = np.zeros((200, 900, 3), np.uint8) + 200, {}
    ankle, knee = LSP.index["left_ankle"], LSP.index["left_knee"]
    ends = np.zeros((LSP.joint_count, 2))
    ends[[ankle, knee]] = [[100, 100], [700, 100]]
    drawn_joints = np.isin(np.arange(LSP.joint_count), [ankle, knee])
    for confidence in (0.4, 0.6):
        shares = np.full(LSP.joint_count, confidence)
        line = drawing.draw_skeleton(pair, ends, drawn_joints, shares, skeleton=LSP)[:, 400]
        across[confidence] = (line != 200).any(axis=-1).sum()
    assert 0 < across[0.4] < across[0.6] - 1


def test_a_limb_is_as_sure_as_its_ends():
    labelled = np.zeros(LSP.joint_count, bool)
    ends = [LSP.index["left_elbow"], LSP.index["left_wrist"]]
    labelled[ends] = True
    keypoints_px = np.zeros((LSP.joint_count, 2))
    keypoints_px[ends] = [[10, 30], [70, 30]]
    middle = {}
    for confidence in (0.4, 0.6):
        confidences = np.ones(LSP.joint_count)
        confidences[ends[1]] = confidence
        image = np.zeros((60, 80, 3), np.uint8)
        drawn = drawing.draw_skeleton(image, keypoints_px, labelled, confidences, skeleton=LSP)
        middle[confidence] = drawn[30, 40]
    assert tuple(middle[0.6]) == drawing.SIDE_COLOURS["left"]
    assert (middle[0.4] > middle[0.6]).all()


def test_nothing_labelled_draws_nothing():
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    drawn = drawing.draw_skeleton(image, np.zeros((14, 2)), np.zeros(14, bool), skeleton=LSP)
    np.testing.assert_array_equal(drawn, image)
    assert drawn is not image


def test_a_skeleton_outside_the_picture_is_cut_off():
    image = np.zeros((40, 50, 3), np.uint8)
    assert not drawing.draw_skeleton(image, spread_pose(50, 40) + 1000, skeleton=LSP).any()


def test_every_limb_is_a_segment_and_mirroring_keeps_them():
    segments = {(frozenset((start, end)), side) for start, end, side in LSP.segments}
    assert {frozenset(limb[1:]) for limb in LSP.limbs} <= {joints for joints, _ in segments}
    swap = {"left": "right", "right": "left", "centre": "centre"}
    mirrored = {
        (frozenset(LSP.mirror[joint] for joint in joints), swap[side]) for joints, side in segments
    }
    assert mirrored == segments


def test_bad_arguments_are_all_named():
    with pytest.raises(PosekitError, match=r"float64 \(4, 4, 3\)(.|\n)*got \(3, 2\)"):
        drawing.draw_skeleton(np.zeros((4, 4, 3)), np.zeros((3, 2)), skeleton=LSP)
    with pytest.raises(PosekitError, match=r"`confidences` must have shape \(14,\); got \(2,\)"):
        drawing.draw_skeleton(
            np.zeros((4, 4, 3), np.uint8), np.zeros((14, 2)), None, [1, 0], skeleton=LSP
        )
    keypoints_px = np.zeros((14, 2))
    keypoints_px[3] = np.nan
    with pytest.raises(PosekitError, match=r"must be finite; got \[nan, nan\] at \[0, 3\]"):
        drawing.draw_skeleton(np.zeros((4, 4, 3), np.uint8), keypoints_px, skeleton=LSP)


def test_arguments_are_left_alone():
    image, keypoints_px = np.zeros((40, 50, 3), np.uint8), spread_pose(50, 40)
    kept = keypoints_px.copy()
    assert drawing.draw_skeleton(image, keypoints_px, skeleton=LSP).any()
    assert not image.any()
    np.testing.assert_array_equal(keypoints_px, kept)
