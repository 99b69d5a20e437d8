"""A person's own data: a TOML file, own_data.toml, of these fields; docs/own_data.md shows them.

annotations    path of the labels, seen from this file, like all paths
images         folder of the pictures; else the folder `images` beside the annotations or one
               level up, else their own folder
category       where several categories have keypoints
people         "largest" of several in a picture; or "all": each for itself
pixel_centre   see `coco.reading`; 0.5 for CVAT and Label Studio
joints         "coco17", "coco17_to_lsp", a file, or a table: joint = the keypoint that it is,
               a list of several whose middle it is, or [] where it is never labelled
torso ...      and mirror, limbs, lines: see `joint_sets`; or joint_set = "lsp"
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from posekit import files, joint_sets, sides
from posekit.datasets.containers import is_junk, open_tree, split_path
from posekit.datasets.exports import recognition
from posekit.errors import PosekitError, raise_problems
from posekit.skeleton import LSP, Skeleton

NAME = "own_data.toml"
MAPPINGS = Path(__file__).with_name("mappings")
PEOPLE = ("largest", "all")
LIMIT_BYTES = 1 << 20
# Of layouts that measure from the picture's corner.
CORNER_SUFFIXES = (".xml", ".yaml", ".yml")

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
    recognised: recognition.Opened | None = None

    def open(self):
        """The labels, a recognition.Opened; PosekitError where there are none."""
        return self.recognised or recognition.open_labels(self.annotations, self.images)


def find(path):
    """The OwnData that a path names; None for any other path, and for what holds a joints.mat.

    `path` is that of a TOML file; of a JSON, XML or YAML file that `exports.recognition` reads; or
    of a folder or zip with an `own_data.toml` or with what a labelling tool exports. PosekitError
    where the TOML file is not as the module describes it, or the labels cannot be read.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        return _in_folder(path)
    if suffix == ".zip" and path.is_file():
        named = [name for name in open_tree(path).names if Path(name).name == NAME]
        return _read(path / min(named, key=len)) if named else _recognised(path)
    if suffix == ".toml":
        return _read(path)
    if suffix in (".json", *CORNER_SUFFIXES):
        images = _images_of(path)
        return _of_opened(path, images, recognition.open_labels(path, images))
    return None


def _in_folder(folder):
    if (folder / NAME).is_file():
        return _read(folder / NAME)
    if (folder / "joints.mat").exists():
        return None
    # The labels of one set have a file of their own, here or in a folder next to the pictures.
    found = [
        file
        for file in (*folder.glob("*.json"), *folder.glob("annotations/*.json"))
        if not is_junk(file.name)
    ]
    if len(found) == 1 and not any(folder.glob("*.y*ml")):
        return find(found[0])
    return _recognised(folder)


def _recognised(path):
    opened = recognition.recognise(path)
    return None if opened is None else _of_opened(path, path, opened)


def _of_opened(annotations, images, opened):
    skeleton, sources = _joints_of_labels(annotations, opened)
    return OwnData(
        annotations=annotations,
        images=images,
        category=None,
        people="largest",
        pixel_centre=opened.pixel_centre,
        skeleton=skeleton,
        sources=sources,
        recognised=opened,
    )


def _joints_of_labels(path, opened):
    """COCO's 17 joints, or where the keypoints are others, with shoulders and hips, these."""
    skeleton, sources = _joints(path, {})
    categories = opened.content.get("categories")
    named = [
        category
        for category in (categories if isinstance(categories, list) else [])
        if isinstance(category, dict) and isinstance(category.get("keypoints"), list)
    ]
    if len(named) != 1 or not all(isinstance(name, str) for name in named[0]["keypoints"]):
        return skeleton, sources
    names = named[0]["keypoints"]
    spelled = {sides.canonical(name): name for name in names}
    torso = [spelled.get(name) for name in ("left_shoulder", "right_hip")]
    if set(skeleton.joints) <= set(spelled) or None in torso:
        return skeleton, sources
    described = {"joints": names, "torso": torso, "lines": _lines(named[0].get("skeleton"), names)}
    if opened.flipped is not None:
        described["mirror"] = opened.flipped
    return joint_sets.parse(str(path), described), tuple((name,) for name in names)


def _lines(pairs, names):
    """The lines of a category's skeleton, pairs of names; COCO counts its ends from 1."""
    ends = range(1, len(names) + 1)
    return [
        [names[end - 1] for end in pair]
        for pair in (pairs if isinstance(pairs, list) else [])
        if isinstance(pair, list)
        and len(pair) == 2
        and all(type(end) is int and end in ends for end in pair)
        and pair[0] != pair[1]
    ]


def _images_of(annotations):
    """The folder of the pictures of a file of labels, where nothing else is said."""
    if annotations.suffix.lower() == ".zip" or annotations.is_dir():
        return annotations
    parent = annotations.parent
    archive, inner = split_path(annotations)
    names = open_tree(archive).names if inner else []
    for folder in (parent / "images", parent.parent / "images"):
        _, start = split_path(folder)
        if folder.is_dir() or any(start and name.startswith(f"{start}/") for name in names):
            return folder
    return parent.parent if parent.name == "annotations" else parent


def _read(path):
    stored = _read_toml(path)
    fields = SOURCE_FIELDS + JOINT_FIELDS
    unknown = [field for field in stored if field not in fields]
    annotations, centre = stored.get("annotations"), stored.get("pixel_centre", 0.0)
    rules = {
        "annotations": (isinstance(annotations, str), "the path of a JSON file"),
        "images": (isinstance(stored.get("images", ""), str), "text"),
        "category": (isinstance(stored.get("category", ""), str), "text"),
        "people": (stored.get("people", "largest") in PEOPLE, "one of 'largest', 'all'"),
        "pixel_centre": (type(centre) in (int, float) and 0 <= centre <= 1, "a number in [0, 1]"),
    }
    problems = [
        f"the fields must be among {', '.join(fields)}; got {field!r:.200}." for field in unknown
    ]
    problems += [
        f"`{field}` must be {rule}; got {stored.get(field)!r:.200}."
        for field, (fits, rule) in rules.items()
        if not fits
    ]
    raise_problems(str(path), problems)
    annotations = path.parent / annotations
    # CVAT's XML and YOLO measure from the picture's corner; COCO counts pixels.
    usual_centre = 0.5 if annotations.suffix.lower() in CORNER_SUFFIXES else 0.0
    skeleton, sources = _joints(path, stored)
    return OwnData(
        annotations=annotations,
        images=path.parent / stored["images"] if "images" in stored else _images_of(annotations),
        category=stored.get("category"),
        people=stored.get("people", "largest"),
        pixel_centre=float(stored.get("pixel_centre", usual_centre)),
        skeleton=skeleton,
        sources=sources,
    )


def _joints(path, stored):
    """The skeleton and the keypoints of each joint."""
    joints = stored.get("joints", "coco17")
    if isinstance(joints, str):
        shipped = sorted(file.stem for file in MAPPINGS.glob("*.toml"))
        file = MAPPINGS / f"{joints}.toml" if joints in shipped else path.parent / joints
        if not file.is_file() and split_path(file)[0] == file:
            raise PosekitError(
                f"{path}: `joints` must be a table, one of {', '.join(map(repr, shipped))} or the "
                f"path of a file of joints; got {joints!r:.200}."
            )
        path, stored = file, _read_toml(file)
        joints = stored.get("joints")
    described = {field: stored[field] for field in JOINT_FIELDS[2:] if field in stored}
    sources = _sources(str(path), joints)
    if "joint_set" not in stored:
        skeleton = joint_sets.parse(str(path), {**described, "joints": list(sources)})
        return skeleton, tuple(sources.values())
    if stored["joint_set"] != LSP.name or described or sorted(sources) != sorted(LSP.joints):
        raise PosekitError(
            f"{path}: with `joint_set`, which must be {LSP.name!r}, `joints` must name each of "
            f"{', '.join(LSP.joints)}, with [] for one that is never labelled, and nothing else be "
            f"said of them; got {stored['joint_set']!r:.200}, {', '.join(sources)} and "
            f"{', '.join(described) or 'nothing'}."
        )
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
        if isinstance(keypoints, list) and all(isinstance(one, str) for one in keypoints):
            sources[joint] = tuple(keypoints)
        else:
            rule = f"`joints` must give {joint!r:.200} a keypoint or a list of them"
            problems.append(f"{rule}; got {named!r:.200}.")
    raise_problems(caller, problems)
    return sources


def _read_toml(path):
    archive, inner = split_path(path)
    if inner:
        text = files.decode_text(open_tree(archive).read(inner))
    else:
        text = files.read_text(path, LIMIT_BYTES)
    try:
        return tomllib.loads(text)
    # Not only what is no TOML: also lists nested without end.
    except (ValueError, RecursionError) as error:
        raise PosekitError(f"{path}: must be a TOML file; got {error}.") from error
