"""The 14 joints of the Leeds Sports Pose data, their sticks and their mirror image."""

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
