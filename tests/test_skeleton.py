import numpy as np

from posekit import skeleton
from posekit.skeleton import INDEX, JOINTS, LSP, MIRROR


def test_joints_are_the_fourteen_of_the_data_in_their_order():
    assert len(set(JOINTS)) == skeleton.JOINT_COUNT == 14
    assert (JOINTS[0], JOINTS[5], JOINTS[6], JOINTS[13]) == (
        "right_ankle",
        "left_ankle",
        "right_wrist",
        "head_top",
    )
    assert [INDEX[name] for name in JOINTS] == list(range(14))


def test_mirror_twice_is_identity():
    assert sorted(MIRROR) == list(range(14))
    assert [MIRROR[MIRROR[joint]] for joint in range(14)] == list(range(14))


def test_mirror_exchanges_the_sides_and_nothing_else():
    swapped = {"right": "left", "left": "right"}
    for name, partner in zip(JOINTS, MIRROR, strict=True):
        side, _, rest = name.partition("_")
        expected = f"{swapped[side]}_{rest}" if side in swapped else name
        assert JOINTS[partner] == expected
    unmoved = [JOINTS[joint] for joint in range(14) if MIRROR[joint] == joint]
    assert unmoved == ["neck", "head_top"]


def test_limbs_join_two_joints_of_one_side():
    assert len({name for name, _, _ in LSP.limbs}) == len(LSP.limbs) == 9
    for name, start, end in LSP.limbs:
        sides = {JOINTS[joint].partition("_")[0] for joint in (start, end)}
        assert sides == ({"neck", "head"} if name == "head" else {name.partition("_")[0]})


def test_limbs_mirror_onto_limbs():
    ends = {frozenset((start, end)) for _, start, end in LSP.limbs}
    assert {frozenset((MIRROR[start], MIRROR[end])) for _, start, end in LSP.limbs} == ends


def test_torso_runs_from_left_shoulder_to_right_hip():
    assert [JOINTS[joint] for joint in LSP.torso_joints] == ["left_shoulder", "right_hip"]
    name, hips, shoulders = LSP.torso_stick
    assert name == "torso"
    assert sorted(JOINTS[joint] for joint in hips) == ["left_hip", "right_hip"]
    assert sorted(JOINTS[joint] for joint in shoulders) == ["left_shoulder", "right_shoulder"]


def test_groups_hold_every_joint_and_every_stick_once():
    grouped_joints = np.concatenate(list(dict(LSP.joint_groups).values())).tolist()
    assert sorted(grouped_joints) == sorted(JOINTS)
    grouped_sticks = np.concatenate(list(dict(LSP.stick_groups).values())).tolist()
    assert sorted(grouped_sticks) == sorted(["torso", *(name for name, _, _ in LSP.limbs)])


def test_limb_joints_are_all_but_the_two_of_the_head():
    assert list(LSP.limb_joints) == list(JOINTS[:12])
    assert set(JOINTS) - set(LSP.limb_joints) == {"neck", "head_top"}
