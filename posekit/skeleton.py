"""Joint sets: names, mirror image, sticks. `LSP` is the 14 joints of Leeds Sports Pose.

`joint_sets` reads others.
"""

from dataclasses import dataclass
from functools import cached_property

# The person's own sides, in the order of each of a skeleton's pairs.
SIDES = ("left", "right")


@dataclass(frozen=True)
class Skeleton:
    """A set of joints and what is known of it. A joint is its index in `joints`.

    Attributes:
        name: str.
        joints: names, in the order of all arrays.
        pairs: (left, right) each, of the person's own sides; other joints are central.
        limbs: (name, start, end) each, drawn, and scored by PCP.
        lines: (start, end) each, drawn only.
        torso_joints: the two joints whose distance PCK divides by.
        torso_stick: (name, two joints, two joints), PCP's stick between two mid-points, or None.
        joint_groups, stick_groups: (name, names of its joints or sticks) each, whose scores are
            averaged.
        limb_joints: names of the joints that are also scored by themselves.
    """

    name: str
    joints: tuple
    pairs: tuple
    limbs: tuple
    lines: tuple
    torso_joints: tuple
    torso_stick: tuple | None
    joint_groups: tuple
    stick_groups: tuple
    limb_joints: tuple

    @property
    def joint_count(self):
        """K, how many joints there are."""
        return len(self.joints)

    @cached_property
    def index(self):
        """Name of a joint -> its index."""
        return {name: joint for joint, name in enumerate(self.joints)}

    @cached_property
    def mirror(self):
        """Which joint each one becomes in a mirror, K integers; twice is identity."""
        partner = dict(self.pairs) | {right: left for left, right in self.pairs}
        return tuple(partner.get(joint, joint) for joint in range(self.joint_count))

    @cached_property
    def sides(self):
        """Side of each joint: "left", "right" or "centre"."""
        side = {joint: side for pair in self.pairs for joint, side in zip(pair, SIDES, strict=True)}
        return tuple(side.get(joint, "centre") for joint in range(self.joint_count))

    @cached_property
    def segments(self):
        """Every line of a drawn skeleton, as (start joint, end joint, side)."""
        lines = [*((start, end) for _, start, end in self.limbs), *self.lines]
        return tuple((start, end, self._side_of_line(start, end)) for start, end in lines)

    @property
    def sticks(self):
        """Names of what PCP scores: the limbs, then the torso where there is one."""
        torso = () if self.torso_stick is None else self.torso_stick[:1]
        return (*(name for name, _, _ in self.limbs), *torso)

    def _side_of_line(self, start, end):
        # A collar bone belongs to its shoulder's side, the pelvis to neither.
        sides = {self.sides[start], self.sides[end]} - {"centre"}
        return sides.pop() if len(sides) == 1 else "centre"


_JOINTS = tuple(
    """
    right_ankle right_knee right_hip left_hip left_knee left_ankle
    right_wrist right_elbow right_shoulder left_shoulder left_elbow left_wrist neck head_top
    """.split()
)


def _indices(*names):
    return tuple(_JOINTS.index(name) for name in names)


def _both_sides(*parts):
    """(name, its right and left joint or stick) of each part of the body."""
    return tuple((part, (f"right_{part}", f"left_{part}")) for part in parts)


LSP = Skeleton(
    name="lsp",
    joints=_JOINTS,
    pairs=tuple(
        _indices(f"left_{part}", f"right_{part}")
        for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    ),
    limbs=(
        ("right_lower_leg", *_indices("right_ankle", "right_knee")),
        ("right_upper_leg", *_indices("right_knee", "right_hip")),
        ("left_upper_leg", *_indices("left_hip", "left_knee")),
        ("left_lower_leg", *_indices("left_knee", "left_ankle")),
        ("right_forearm", *_indices("right_wrist", "right_elbow")),
        ("right_upper_arm", *_indices("right_elbow", "right_shoulder")),
        ("left_upper_arm", *_indices("left_shoulder", "left_elbow")),
        ("left_forearm", *_indices("left_elbow", "left_wrist")),
        ("head", *_indices("neck", "head_top")),
    ),
    lines=(
        _indices("right_shoulder", "right_hip"),
        _indices("left_shoulder", "left_hip"),
        _indices("neck", "right_shoulder"),
        _indices("neck", "left_shoulder"),
        _indices("right_hip", "left_hip"),
    ),
    torso_joints=_indices("left_shoulder", "right_hip"),
    torso_stick=(
        "torso",
        _indices("right_hip", "left_hip"),
        _indices("right_shoulder", "left_shoulder"),
    ),
    # The columns of the published tables: each the mean of its joints (or sticks).
    joint_groups=(
        ("head", ("neck", "head_top")),
        *_both_sides("shoulder", "elbow", "wrist", "hip", "knee", "ankle"),
    ),
    stick_groups=(
        ("torso", ("torso",)),
        *_both_sides("upper_leg", "lower_leg", "upper_arm", "forearm"),
        ("head", ("head",)),
    ),
    # Without neck and head top: other data sets label these by other rules, so estimators trained
    # on those are compared on the arms and legs.
    limb_joints=_JOINTS[:12],
)

JOINTS, JOINT_COUNT, INDEX, MIRROR = LSP.joints, LSP.joint_count, LSP.index, LSP.mirror
