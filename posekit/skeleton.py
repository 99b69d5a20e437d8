"""Joint sets: names, mirror image, sticks. The 14 joints of Leeds Sports Pose are the default.

The constants are those of the 14 joints; what must also work for other joint sets takes a
`Skeleton`, whose default is `LSP`. `joint_sets` reads others.
"""

from dataclasses import dataclass
from functools import cached_property

JOINTS = (
    "right_ankle",
    "right_knee",
    "right_hip",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_wrist",
    "right_elbow",
    "right_shoulder",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "neck",
    "head_top",
)
JOINT_COUNT = len(JOINTS)
INDEX = {name: index for index, name in enumerate(JOINTS)}


def _mirror(name):
    side, _, rest = name.partition("_")
    return {"right": f"left_{rest}", "left": f"right_{rest}"}.get(side, name)


# MIRROR[k] is the joint that joint k becomes in a mirror; MIRROR[MIRROR[k]] == k.
MIRROR = tuple(INDEX[_mirror(name)] for name in JOINTS)

# The 9 sticks between two joints, each as (name, start, end). PCP's tenth stick, the torso,
# runs between two mid-points and so stands apart.
LIMBS = (
    ("right_lower_leg", INDEX["right_ankle"], INDEX["right_knee"]),
    ("right_upper_leg", INDEX["right_knee"], INDEX["right_hip"]),
    ("left_upper_leg", INDEX["left_hip"], INDEX["left_knee"]),
    ("left_lower_leg", INDEX["left_knee"], INDEX["left_ankle"]),
    ("right_forearm", INDEX["right_wrist"], INDEX["right_elbow"]),
    ("right_upper_arm", INDEX["right_elbow"], INDEX["right_shoulder"]),
    ("left_upper_arm", INDEX["left_shoulder"], INDEX["left_elbow"]),
    ("left_forearm", INDEX["left_elbow"], INDEX["left_wrist"]),
    ("head", INDEX["neck"], INDEX["head_top"]),
)
TORSO_STICK = ("torso", ("right_hip", "left_hip"), ("right_shoulder", "left_shoulder"))

# PCK and PDJ measure error against the length between these two joints.
TORSO_JOINTS = (INDEX["left_shoulder"], INDEX["right_hip"])

# The columns of the published tables: each the mean of its joints (or sticks).
JOINT_GROUPS = {
    "head": ("neck", "head_top"),
    "shoulder": ("right_shoulder", "left_shoulder"),
    "elbow": ("right_elbow", "left_elbow"),
    "wrist": ("right_wrist", "left_wrist"),
    "hip": ("right_hip", "left_hip"),
    "knee": ("right_knee", "left_knee"),
    "ankle": ("right_ankle", "left_ankle"),
}
# The 12 joints of arms and legs. Other data sets label neck and head top by other rules, so
# estimators trained on those are compared on these.
LIMB_JOINTS = tuple(name for name in JOINTS if name not in JOINT_GROUPS["head"])
STICK_GROUPS = {
    "torso": ("torso",),
    "upper_leg": ("right_upper_leg", "left_upper_leg"),
    "lower_leg": ("right_lower_leg", "left_lower_leg"),
    "upper_arm": ("right_upper_arm", "left_upper_arm"),
    "forearm": ("right_forearm", "left_forearm"),
    "head": ("head",),
}

# The person's own sides, in the order of each of a skeleton's pairs.
SIDES = ("left", "right")


@dataclass(frozen=True)
class Skeleton:
    """A set of joints and what is known of it. Joints are meant by their place in `joints`.

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
        drawn = [*((start, end) for _, start, end in self.limbs), *self.lines]
        return tuple((start, end, self._side_of_line(start, end)) for start, end in drawn)

    @property
    def sticks(self):
        """Names of what PCP scores: the limbs, then the torso where there is one."""
        torso = () if self.torso_stick is None else self.torso_stick[:1]
        return (*(name for name, _, _ in self.limbs), *torso)

    def _side_of_line(self, start, end):
        # A collar bone belongs to its shoulder's side, the pelvis to neither.
        sides = {self.sides[start], self.sides[end]} - {"centre"}
        return sides.pop() if len(sides) == 1 else "centre"


LSP = Skeleton(
    name="lsp",
    joints=JOINTS,
    pairs=tuple(
        (joint, MIRROR[joint]) for joint, name in enumerate(JOINTS) if name.startswith("left_")
    ),
    limbs=LIMBS,
    lines=(
        (INDEX["right_shoulder"], INDEX["right_hip"]),
        (INDEX["left_shoulder"], INDEX["left_hip"]),
        (INDEX["neck"], INDEX["right_shoulder"]),
        (INDEX["neck"], INDEX["left_shoulder"]),
        (INDEX["right_hip"], INDEX["left_hip"]),
    ),
    torso_joints=TORSO_JOINTS,
    torso_stick=(
        TORSO_STICK[0],
        *(tuple(INDEX[name] for name in pair) for pair in TORSO_STICK[1:]),
    ),
    joint_groups=tuple(JOINT_GROUPS.items()),
    stick_groups=tuple(STICK_GROUPS.items()),
    limb_joints=LIMB_JOINTS,
)
