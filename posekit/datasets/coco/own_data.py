"""A person's own data: a TOML file that says where they are and what their joints are.

    annotations = "annotations.json"   # COCO keypoints; seen from this file, like all paths
    images = "images"                  # folder of the pictures
    category = "person"                # where several categories have keypoints
    people = "largest"                 # of several in a picture; or "all": each for itself
    pixel_centre = 0.0                 # see `coco`; 0.5 for CVAT and Label Studio
    joints = "coco17"                  # or "coco17_to_lsp", or a file of the following form

Instead of that last line, the file itself may describe the joints:

    torso = ["left_shoulder", "right_hip"]       # and mirror, limbs, lines: see `joint_sets`

    [joints]                                     # joint = the keypoint that it is
    left_shoulder = "l_sho"
    neck = ["l_sho", "r_sho"]                    # the middle of several
    head_top = []                                # never labelled

With `joint_set = "lsp"` instead of `torso` and the like, they are the 14 joints of Leeds Sports
Pose. All but `annotations` may be left out: `images` is then the folder of that name beside the
annotations or one level up, else their own folder; `joints` is "coco17".
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from posekit import files, joint_sets
from posekit.errors import PosekitError, raise_problems
from posekit.skeleton import LSP, Skeleton

NAME = "own_data.toml"
MAPPINGS = Path(__file__).with_name("mappings")
PEOPLE = ("largest", "all")
LIMIT_BYTES = 1 << 20

SOURCE_FIELDS = ("annotations", "images", "category", "people", "pixel_centre")
JOINT_FIELDS = ("joints", "joint_set", "name", "torso", "mirror", "limbs", "lines")


@dataclass(frozen=True)
class OwnData:
    """Where own data are, and how they are read."""

    annotations: Path  # of the COCO JSON file
    images: Path  # of the pictures' folder
    category: str | None  # the category of people, or None for the only one with keypoints
    people: str  # one of PEOPLE
    pixel_centre: float  # the coordinate of the first pixel's centre in the annotations
    skeleton: Skeleton
    # For each joint the names of the keypoints whose middle it is; none, never labelled.
    sources: tuple


def find(path):
    """The OwnData that a path names, or None.

    The path is that of a TOML file, a COCO JSON file, or a folder with an `own_data.toml` or with
    one JSON file and no joints.mat.

    Raises:
        PosekitError: the TOML file is not as the module describes it.
    """
    if path.is_dir():
        path = _in_folder(path)
    if path.suffix == ".toml":
        return _read(path)
    if path.suffix == ".json":
        return _complete(path, {"annotations": path.name})
    return None


def _in_folder(folder):
    """The file in a folder that describes own data, or the folder itself."""
    if (folder / NAME).is_file():
        return folder / NAME
    # CVAT and COCO keep the annotations in a folder of their own.
    found = [*folder.glob("*.json"), *folder.glob("annotations/*.json")]
    return found[0] if len(found) == 1 and not (folder / "joints.mat").exists() else folder


def _read(path):
    stored = _read_toml(path)
    unknown = [field for field in stored if field not in SOURCE_FIELDS + JOINT_FIELDS]
    problems = []
    if unknown:
        fields = ", ".join(SOURCE_FIELDS + JOINT_FIELDS)
        problems.append(f"the fields must be among {fields}; got {unknown[0]!r:.200}.")
    if not isinstance(stored.get("annotations"), str):
        got = stored.get("annotations")
        problems.append(f"`annotations` must be the path of a JSON file; got {got!r:.200}.")
    for field in ("images", "category"):
        if not isinstance(stored.get(field, ""), str):
            problems.append(f"`{field}` must be text; got {stored[field]!r:.200}.")
    if stored.get("people", "largest") not in PEOPLE:
        choices = ", ".join(map(repr, PEOPLE))
        problems.append(f"`people` must be one of {choices}; got {stored['people']!r:.200}.")
    centre = stored.get("pixel_centre", 0.0)
    if type(centre) not in (int, float) or not 0 <= centre <= 1:
        problems.append(f"`pixel_centre` must be a number in [0, 1]; got {centre!r:.200}.")
    raise_problems(str(path), problems)
    return _complete(path, stored)


def _complete(path, stored):
    annotations = path.parent / stored["annotations"]
    folders = (annotations.parent / "images", annotations.parent.parent / "images")
    images = next((folder for folder in folders if folder.is_dir()), annotations.parent)
    if "images" in stored:
        images = path.parent / stored["images"]
    skeleton, sources = _joints(path, stored)
    return OwnData(
        annotations=annotations,
        images=images,
        category=stored.get("category"),
        people=stored.get("people", "largest"),
        pixel_centre=float(stored.get("pixel_centre", 0.0)),
        skeleton=skeleton,
        sources=sources,
    )


def _joints(path, stored):
    """The skeleton and the keypoints of each joint."""
    joints = stored.get("joints", "coco17")
    if isinstance(joints, str):
        shipped = sorted(file.stem for file in MAPPINGS.glob("*.toml"))
        file = MAPPINGS / f"{joints}.toml" if joints in shipped else path.parent / joints
        if not file.is_file():
            raise PosekitError(
                f"{path}: `joints` must be a table, one of {', '.join(map(repr, shipped))} or the "
                f"path of a file of joints; got {joints!r:.200}."
            )
        path, stored = file, _read_toml(file)
        joints = stored.get("joints")
    described = {field: stored[field] for field in JOINT_FIELDS[2:] if field in stored}
    sources = _sources(str(path), joints)
    if "joint_set" not in stored:
        return joint_sets.parse(str(path), {**described, "joints": list(sources)}), tuple(
            sources.values()
        )
    problems = []
    if stored["joint_set"] != LSP.name:
        problems.append(f"`joint_set` must be {LSP.name!r}; got {stored['joint_set']!r:.200}.")
    if described:
        problems.append(f"`{next(iter(described))}` must be left out next to `joint_set`.")
    if sorted(sources) != sorted(LSP.joints):
        problems.append(
            f"`joints` must name each of {', '.join(LSP.joints)}; got {', '.join(sources)}. Write "
            "[] for a joint that is never labelled."
        )
    raise_problems(str(path), problems)
    return LSP, tuple(sources[name] for name in LSP.joints)


def _sources(caller, joints):
    """Joint -> tuple of the keypoints that it is the middle of."""
    if not isinstance(joints, dict):
        raise PosekitError(
            f"{caller}: `joints` must be a table of joint = keypoint; got {joints!r:.200}."
        )
    sources, problems = {}, []
    for joint, named in joints.items():
        keypoints = [named] if isinstance(named, str) else named
        if not isinstance(keypoints, list) or not all(isinstance(one, str) for one in keypoints):
            problems.append(
                f"`joints` must give {joint!r:.200} a keypoint or a list of them; got "
                f"{named!r:.200}."
            )
        else:
            sources[joint] = tuple(keypoints)
    raise_problems(caller, problems)
    return sources


def _read_toml(path):
    content = files.read_bounded(path, LIMIT_BYTES)
    try:
        return tomllib.loads(content.decode("utf-8"))
    # Not only what is no TOML: also lists nested without end.
    except (ValueError, RecursionError) as error:
        raise PosekitError(f"{path}: must be a TOML file; got {error}.") from error
