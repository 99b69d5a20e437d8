"""Pose families: how the joint angles of people who stand, run, climb, ... vary, within limits.

The numbers are in pose_families.toml.
"""

import tomllib
from pathlib import Path

_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
# Angle -> (smallest, largest); angle -> (mean, standard deviation); family -> its variants, each
# with the angles in which it differs from relaxed people. All in degrees.
LIMITS_DEG, RELAXED, FAMILIES = _TABLES["limits"], _TABLES["relaxed"], _TABLES["families"]

SIDED = ("shoulder_", "elbow_", "hip_", "knee_", "ankle_")
# These turn about an axis that a mirror reverses, so their means are written for a leading left.
REVERSED_BY_MIRROR = ("root_roll", "spine_lean", "spine_twist", "neck_turn")


def draw_pose(rng, family):
    """Draw the joint angles of one pose.

    Args:
        rng: np.random.Generator.
        family: str, a key of `FAMILIES`.

    Returns:
        dict angle -> degrees within `LIMITS_DEG`; the names of limbs' angles start with `left_`
        or `right_`.
    """
    variants = FAMILIES[family]
    chosen = RELAXED | variants[rng.integers(len(variants))]
    leading = ("left", "right")[rng.integers(2)]
    pose = {}
    for angle, (low, high) in LIMITS_DEG.items():
        sides = ("left", "right") if angle.startswith(SIDED) else (None,)
        for side in sides:
            role = "lead" if side == leading else "trail"
            mean, spread = chosen.get(f"{role}_{angle}", chosen[angle])
            if leading == "right" and angle in REVERSED_BY_MIRROR:
                mean = -mean
            degrees = min(max(rng.normal(mean, spread), low), high)
            pose[f"{side}_{angle}" if side else angle] = degrees
    return pose
