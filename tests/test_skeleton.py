import numpy as np

from posekit.skeleton import LSP


def test_joints_are_the_fourteen_of_the_data_in_their_order():
    assert len(set(LSP.joints)) == LSP.joint_count == 14
    assert (LSP.joints[0], LSP.joints[5], LSP.joints[6], LSP.joints[13]) == (
        "right_ankle",
        "left_ankle",
        "right_wrist",
        "head_top",
    )
    assert [LSP.index[name] for name in LSP.joints] == list(range(14))


def test_mirror_twice_is_identity():
    assert sorted(LSP.mirror) == list(range(14))
    assert [LSP.mirror[LSP.mirror[joint]] for joint in range(14)] == list(range(14))


def test_mirror_exchanges_the_sides_and_nothing_else():
    swapped = {"right": "left", "left": "right"}
    for name, partner in zip(LSP.joints, LSP.mirror, strict=True):
        side, _, rest = name.partition("_")
        expected = f"{swapped[side]}_{rest}" if side in swapped else name
        assert LSP.joints[partner] == expected
    unmoved = [LSP.joints[joint] for joint in range(14) if LSP.mirror[joint] == joint]
    assert unmoved == ["neck", "head_top"]


def test_limbs_join_two_joints_of_one_side():
    assert len({name for name, _, _ in LSP.limbs}) == len(LSP.limbs) == 9
    for name, start, end in LSP.limbs:
        sides = {LSP.joints[joint].partition("_")[0] for joint in (start, end)}
        assert sides == ({"neck", "head"} if name == "head" else {name.partition("_")[0]})


def test_limbs_mirror_onto_limbs():
    ends = {frozenset((start, end)) for _, start, end in LSP.limbs}
    assert {frozenset((LSP.mirror[start], LSP.mirror[end])) for _, start, end in LSP.limbs} == ends


def test_torso_runs_from_left_shoulder_to_right_hip():
    assert [LSP.joints[joint] for joint in LSP.torso_joints] == ["left_shoulder", "right_hip"]
    name, hips, shoulders = LSP.torso_stick
    assert name == "torso"
    assert sorted(LSP.joints[joint] for joint in hips) == ["left_hip", "right_hip"]
    assert sorted(LSP.joints[joint] for joint in shoulders) == ["left_shoulder", "right_shoulder"]


def test_groups_hold_every_joint_and_every_stick_once():
    grouped_joints = np.concatenate(list(dict(LSP.joint_groups).values())).tolist()
    assert sorted(grouped_joints) == sorted(LSP.joints)
    grouped_sticks = np.concatenate(list(dict(LSP.stick_groups).values())).tolist()
    assert sorted(grouped_sticks) == sorted(["torso", *(name for name, _, _ in LSP.limbs)])


def test_limb_joints_are_all_but_the_two_of_the_head():
    assert list(LSP.limb_joints) == list(LSP.joints[:12])
    assert set(LSP.joints) - set(LSP.limb_joints) == {"neck", "head_top"}
