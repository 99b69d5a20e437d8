"""Articulated 3-D people: a body, a view of it, and where the joints are in a given pose.

Axes of a person who stands and faces the camera: x to their left (the picture's right), y up,
z towards the camera. Lengths are in body heights, angles in degrees.
"""

import math
from dataclasses import dataclass

import numpy as np

from posekit.skeleton import LSP

LENGTHS = {
    "pelvis_half": 0.052,
    "abdomen": 0.125,
    "chest": 0.165,
    "shoulder_half": 0.105,
    "head": 0.185,
    "upper_arm": 0.170,
    "forearm": 0.150,
    "hand": 0.055,
    "thigh": 0.245,
    "shank": 0.245,
    "foot": 0.110,
}
RADII = {
    "hip": 0.054,
    "waist": 0.056,
    "shoulder": 0.040,
    "neck": 0.030,
    "head": 0.058,
    "elbow": 0.029,
    "wrist": 0.021,
    "hand": 0.022,
    "knee": 0.039,
    "ankle": 0.025,
    "foot": 0.024,
}


@dataclass(frozen=True, eq=False)
class Figure:
    """A posed person in camera axes (x right, y up, z to the camera), in body heights."""

    points: dict  # name -> float64 (3,): the 14 joints, and what else is drawn between
    frames: dict  # "chest" and "head" -> float64 (3, 3), columns are their left, up and forward
    radii: dict  # name -> float, half the thickness of the body there

    def joints(self):
        """float64 (14, 3), the joints in the order of `skeleton.JOINTS`."""
        return np.stack([self.points[name] for name in LSP.joints])


def draw_body(rng):
    """Draw a body: (lengths, radii), name -> body heights, each some 5 % off the average."""
    build = math.exp(rng.normal(0, 0.13))
    lengths = {k: v * f for (k, v), f in zip(LENGTHS.items(), _spread(rng, len(LENGTHS), 0.05))}
    radii = {k: v * build * f for (k, v), f in zip(RADII.items(), _spread(rng, len(RADII), 0.06))}
    # A stout person's head is no larger.
    return lengths, radii | {"head": RADII["head"] * lengths["head"] / LENGTHS["head"]}


def draw_view(rng):
    """A random view of a person: rotation matrix (3, 3) from their axes to the camera's.

    Any yaw, though mostly from the front, any pitch but the steepest, and a tilt in the plane of
    the picture that is large for one person in five.
    """
    tilt_spread = 30 if rng.random() < 0.2 else 6
    tilt = _rotation(2, rng.normal(0, tilt_spread))
    return tilt @ _rotation(0, rng.normal(6, 20)) @ _rotation(1, rng.normal(0, 75))


def assemble(body, pose, view):
    """Forward kinematics: the Figure of a body in a pose from a view, its pelvis at the origin.

    `body` comes from `draw_body`, `pose` from `pose_families.draw_pose`, `view` from `draw_view`.
    """
    lengths, radii = body
    root = view @ _rotation(2, -pose["root_roll"]) @ _rotation(0, pose["root_pitch"])
    # The spine's bend is shared evenly by the small of the back and the chest.
    half_bend = (
        _rotation(0, pose["spine_flexion"] / 2)
        @ _rotation(2, -pose["spine_lean"] / 2)
        @ _rotation(1, pose["spine_twist"] / 2)
    )
    abdomen = root @ half_bend
    chest = abdomen @ half_bend
    head = chest @ _rotation(0, pose["neck_flexion"]) @ _rotation(1, pose["neck_turn"])

    points = {"pelvis": np.zeros(3)}
    points["waist"] = lengths["abdomen"] * abdomen[:, 1]
    points["neck"] = points["waist"] + lengths["chest"] * chest[:, 1]
    points["head_top"] = points["neck"] + lengths["head"] * head[:, 1]
    for side, sign in (("left", 1), ("right", -1)):
        upper_arm = chest @ _ball_joint(pose, f"{side}_shoulder", sign)
        forearm = upper_arm @ _rotation(0, -pose[f"{side}_elbow_flexion"])
        shoulder = points["neck"] + chest @ [sign * lengths["shoulder_half"], -0.022, 0]
        points[f"{side}_shoulder"] = shoulder
        points[f"{side}_elbow"] = shoulder - lengths["upper_arm"] * upper_arm[:, 1]
        points[f"{side}_wrist"] = points[f"{side}_elbow"] - lengths["forearm"] * forearm[:, 1]
        points[f"{side}_hand"] = points[f"{side}_wrist"] - lengths["hand"] * forearm[:, 1]

        thigh = root @ _ball_joint(pose, f"{side}_hip", sign)
        shank = thigh @ _rotation(0, pose[f"{side}_knee_flexion"])
        foot = shank @ _rotation(0, pose[f"{side}_ankle_flexion"])
        points[f"{side}_hip"] = sign * lengths["pelvis_half"] * root[:, 0]
        points[f"{side}_knee"] = points[f"{side}_hip"] - lengths["thigh"] * thigh[:, 1]
        points[f"{side}_ankle"] = points[f"{side}_knee"] - lengths["shank"] * shank[:, 1]
        points[f"{side}_heel"] = points[f"{side}_ankle"] + foot @ [0, -0.018, -0.012]
        points[f"{side}_toe"] = points[f"{side}_ankle"] + foot @ [0, -0.028, lengths["foot"]]
    return Figure(points=points, frames={"chest": chest, "head": head}, radii=radii)


def _spread(rng, count, spread):
    return np.clip(rng.normal(1, spread, count), 1 - 3 * spread, 1 + 3 * spread).tolist()


def _ball_joint(pose, name, sign):
    return (
        _rotation(0, -pose[f"{name}_flexion"])
        @ _rotation(2, sign * pose[f"{name}_abduction"])
        @ _rotation(1, sign * pose[f"{name}_twist"])
    )


def _rotation(axis, degrees):
    """Rotation matrix about axis 0 (x), 1 (y) or 2 (z), right-handed."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    if axis == 0:
        return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    if axis == 1:
        return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
