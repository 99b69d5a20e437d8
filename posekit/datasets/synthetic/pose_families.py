"""Pose families: what the joint angles of people who stand, run, climb, ... are, within limits."""

# Degrees. Positive is: leaning forward (root_pitch, spine and neck flexion), towards the left
# (root_roll, lean, twist, turn), raising a limb forward (flexion) or sideways (abduction), turning
# it outward (twist), bending (elbow, knee) and pointing the toes (ankle). The root is free, as in
# a somersault.
LIMITS_DEG = {
    "root_pitch": (-360, 360),
    "root_roll": (-360, 360),
    "spine_flexion": (-75, 80),
    "spine_lean": (-30, 30),
    "spine_twist": (-40, 40),
    "neck_flexion": (-50, 45),
    "neck_turn": (-60, 60),
    "shoulder_flexion": (-55, 180),
    "shoulder_abduction": (-25, 150),
    "shoulder_twist": (-90, 90),
    "elbow_flexion": (0, 145),
    "hip_flexion": (-30, 125),
    "hip_abduction": (-15, 60),
    "hip_twist": (-40, 40),
    "knee_flexion": (0, 145),
    "ankle_flexion": (-30, 50),
}
SIDED = ("shoulder_", "elbow_", "hip_", "knee_", "ankle_")
# These turn about an axis that a mirror reverses, so their means are written for a leading left.
REVERSED_BY_MIRROR = ("root_roll", "spine_lean", "spine_twist", "neck_turn")

# Each angle as (mean, standard deviation); a family says where it differs.
RELAXED = {
    "root_pitch": (0, 5),
    "root_roll": (0, 4),
    "spine_flexion": (3, 7),
    "spine_lean": (0, 6),
    "spine_twist": (0, 8),
    "neck_flexion": (4, 10),
    "neck_turn": (0, 20),
    "shoulder_flexion": (4, 14),
    "shoulder_abduction": (14, 8),
    "shoulder_twist": (0, 20),
    "elbow_flexion": (18, 14),
    "hip_flexion": (3, 7),
    "hip_abduction": (6, 5),
    "hip_twist": (6, 8),
    "knee_flexion": (7, 7),
    "ankle_flexion": (0, 6),
}
# A family is a list of equally likely variants. `lead_` and `trail_` are the left and right side,
# or the right and left, by the toss of a coin.
FAMILIES = {
    "standing": [
        {},
        {
            "shoulder_flexion": (-12, 8),
            "shoulder_abduction": (42, 8),
            "shoulder_twist": (-70, 10),
            "elbow_flexion": (95, 12),
        },
        {"shoulder_flexion": (160, 15), "shoulder_abduction": (18, 12)},
        {"shoulder_abduction": (82, 22), "elbow_flexion": (25, 25)},
        {"lead_shoulder_flexion": (85, 30), "trail_elbow_flexion": (70, 30)},
    ],
    "running": [
        {
            "root_pitch": (10, 6),
            "spine_twist": (-12, 8),
            "lead_hip_flexion": (58, 18),
            "lead_knee_flexion": (75, 25),
            "trail_hip_flexion": (-20, 8),
            "trail_knee_flexion": (38, 28),
            "lead_shoulder_flexion": (-38, 10),
            "trail_shoulder_flexion": (42, 16),
            "elbow_flexion": (90, 16),
            "ankle_flexion": (12, 12),
        }
    ],
    "jumping": [
        {
            "hip_flexion": (75, 22),
            "knee_flexion": (95, 22),
            "shoulder_flexion": (100, 45),
            "ankle_flexion": (25, 12),
        },
        {
            "hip_abduction": (36, 10),
            "shoulder_abduction": (118, 18),
            "ankle_flexion": (25, 12),
        },
        {
            "root_pitch": (8, 12),
            "lead_hip_flexion": (68, 16),
            "lead_knee_flexion": (30, 22),
            "trail_hip_flexion": (-22, 7),
            "trail_knee_flexion": (28, 20),
            "shoulder_flexion": (130, 30),
            "shoulder_abduction": (25, 15),
        },
    ],
    "handstand": [
        {
            "root_pitch": (180, 9),
            "shoulder_flexion": (170, 8),
            "shoulder_abduction": (7, 5),
            "elbow_flexion": (8, 7),
            "neck_flexion": (-25, 10),
            "ankle_flexion": (30, 10),
        },
        {
            "root_pitch": (178, 12),
            "shoulder_flexion": (168, 8),
            "shoulder_abduction": (9, 5),
            "elbow_flexion": (10, 8),
            "neck_flexion": (-25, 10),
            "lead_hip_flexion": (70, 20),
            "trail_hip_flexion": (-18, 8),
            "knee_flexion": (25, 22),
            "hip_abduction": (15, 12),
        },
    ],
    "bridge": [
        {
            "root_pitch": (-92, 8),
            "spine_flexion": (-62, 7),
            "neck_flexion": (-32, 10),
            "shoulder_flexion": (172, 6),
            "shoulder_abduction": (8, 5),
            "elbow_flexion": (8, 7),
            "hip_flexion": (-18, 7),
            "hip_abduction": (10, 6),
            "knee_flexion": (78, 12),
        },
        {
            "root_pitch": (-95, 8),
            "spine_flexion": (-62, 7),
            "neck_flexion": (-32, 10),
            "shoulder_flexion": (172, 6),
            "lead_hip_flexion": (75, 20),
            "lead_knee_flexion": (12, 10),
            "trail_hip_flexion": (-18, 7),
            "trail_knee_flexion": (80, 10),
        },
    ],
    "crouch": [
        {
            "root_pitch": (22, 10),
            "spine_flexion": (22, 12),
            "shoulder_flexion": (55, 28),
            "elbow_flexion": (45, 30),
            "hip_flexion": (100, 12),
            "hip_abduction": (16, 10),
            "knee_flexion": (122, 12),
            "ankle_flexion": (-22, 6),
        },
        {
            "root_pitch": (72, 10),
            "spine_flexion": (18, 10),
            "neck_flexion": (-30, 12),
            "shoulder_flexion": (88, 12),
            "elbow_flexion": (10, 8),
            "lead_hip_flexion": (108, 10),
            "lead_knee_flexion": (92, 14),
            "trail_hip_flexion": (70, 14),
            "trail_knee_flexion": (85, 16),
        },
    ],
    "climbing": [
        {
            "spine_lean": (-8, 8),
            "neck_flexion": (-22, 10),
            "lead_shoulder_flexion": (160, 12),
            "lead_elbow_flexion": (25, 18),
            "trail_shoulder_flexion": (112, 24),
            "trail_elbow_flexion": (88, 22),
            "shoulder_abduction": (22, 12),
            "lead_hip_flexion": (18, 14),
            "lead_knee_flexion": (28, 18),
            "trail_hip_flexion": (85, 20),
            "trail_knee_flexion": (98, 18),
            "hip_abduction": (26, 12),
            "hip_twist": (20, 10),
        }
    ],
    "throwing": [
        {
            "root_pitch": (-6, 6),
            "spine_twist": (-24, 8),
            "spine_lean": (-8, 6),
            "lead_shoulder_flexion": (78, 20),
            "trail_shoulder_flexion": (-12, 12),
            "trail_shoulder_abduction": (98, 14),
            "trail_shoulder_twist": (70, 15),
            "trail_elbow_flexion": (82, 22),
            "lead_hip_flexion": (48, 16),
            "lead_knee_flexion": (35, 18),
            "trail_hip_flexion": (-14, 8),
            "trail_knee_flexion": (28, 14),
        },
        {
            "root_pitch": (24, 10),
            "spine_flexion": (22, 10),
            "spine_twist": (22, 9),
            "trail_shoulder_flexion": (95, 28),
            "trail_elbow_flexion": (22, 14),
            "lead_shoulder_flexion": (-22, 14),
            "lead_elbow_flexion": (70, 25),
            "lead_hip_flexion": (58, 14),
            "lead_knee_flexion": (38, 14),
            "trail_hip_flexion": (-20, 7),
            "trail_knee_flexion": (48, 20),
        },
    ],
}


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
