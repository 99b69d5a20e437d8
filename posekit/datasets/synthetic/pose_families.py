"""Pose families: how the joint angles of people who stand, run, climb, ... vary, within limits.

The numbers are in pose_families.toml.
"""

import tomllib
from functools import cache
from pathlib import Path

SIDED = ("shoulder_", "elbow_", "hip_", "knee_", "ankle_")
# These turn about an axis that a mirror reverses, so their means are written for a leading left.
REVERSED_BY_MIRROR = ("root_roll", "spine_lean", "spine_twist", "neck_turn")


@cache
def tables():
    """The tables of pose_families.toml, in degrees.

    `limits` has each angle's smallest and largest, `relaxed` its mean and standard deviation, and
    `families` the variants of each family: the angles in which they differ from relaxed people.
    """
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def draw_pose(rng, family):
    """Draw the joint angles of one pose of a family: dict angle -> degrees within the limits.

    The names of limbs' angles start with `left_` or `right_`.
    """
    variants = tables()["families"][family]
    chosen = tables()["relaxed"] | variants[rng.integers(len(variants))]
    leading = ("left", "right")[rng.integers(2)]
    pose = {}
    for angle, (low, high) in tables()["limits"].items():
        sides = ("left", "right") if angle.startswith(SIDED) else (None,)
        for side in sides:
            role = "lead" if side == leading else "trail"
            mean, spread = chosen.get(f"{role}_{angle}", chosen[angle])
            if leading == "right" and angle in REVERSED_BY_MIRROR:
                mean = -mean
            degrees = min(max(rng.normal(mean, spread), low), high)
            pose[f"{side}_{angle}" if side else angle] = degrees
    return pose
