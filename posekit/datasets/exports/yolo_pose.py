"""YOLO-pose folders, as Ultralytics, Roboflow and CVAT write them, as the content of a COCO file.

    data.yaml     kpt_shape: [17, 3], names, and perhaps flip_idx and kpt_names
    images/ and labels/, in any order of folders; a text file for each picture, a person on each
    line: class, box's centre, width and height, then x, y (and v) of each keypoint, in shares of
    the picture as it is shown

Source: docs.ultralytics.com, "Pose Estimation Datasets Overview".
"""

from pathlib import PurePosixPath

import yaml

from posekit import files
from posekit.datasets.exports.values import number
from posekit.errors import PosekitError, raise_problems

# COCO's keypoints in COCO's order, which YOLO's own networks have, and what a mirror makes of them.
COCO17 = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle"),
)
COCO17_FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
KEYPOINT_LIMIT = 200
LINE_LIMIT = 10_000


def read_description(caller, content):
    """The dict in a YAML file of YOLO, {} for other YAML; PosekitError where it is none."""
    try:
        stored = yaml.safe_load(files.decode_text(content))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PosekitError(f"{caller}: must be YAML; got {str(error):.300}.") from error
    return stored if isinstance(stored, dict) else {}


def content_of(caller, described, tree, *, labels, pictures):
    """Text files as images, annotations and categories.

    `labels` and `pictures` are names of files in `tree`. Gives a dict as of a COCO file, whose
    numbers are shares of the picture; a list of notes, sentences; and the pairs of names that
    `flip_idx` exchanges, or None. PosekitError where `kpt_shape` is missing or no shape, or a line
    does not fit it.
    """
    shape = described.get("kpt_shape")
    if (
        not isinstance(shape, list)
        or [type(side) for side in shape] != [int, int]
        or not (1 <= shape[0] <= KEYPOINT_LIMIT and shape[1] in (2, 3))
    ):
        raise PosekitError(
            f"{caller}: `kpt_shape` must be [keypoints, 2 or 3]; got {shape!r:.200}. Boxes alone "
            "are no poses: export as YOLO pose."
        )
    names, notes = _keypoint_names(described, shape[0])
    picture_of = _pictures_of_labels(labels, pictures)
    images, people, problems = [], [], []
    for index, (label, picture) in enumerate(picture_of.items()):
        images.append({"id": index, "file_name": picture})
        for line_number, line in enumerate(_lines(tree, label), start=1):
            values = [number(word) for word in line.split()]
            if None in values or len(values) not in (0, 5, 5 + shape[0] * shape[1]):
                got = f"{len(values)} words" if None not in values else f"{line!r:.80}"
                problems.append(
                    f"{label}, line {line_number}: must hold a class, a box and {shape[0]} "
                    f"keypoints, {5 + shape[0] * shape[1]} numbers; got {got}."
                )
            elif values:
                people.append({"image_id": index, **_person(values, shape)})
    raise_problems(caller, problems)
    classes = described.get("names")
    classes = dict(enumerate(classes)) if isinstance(classes, list) else classes
    classes = classes if isinstance(classes, dict) else {}
    categories = [
        {"id": number_, "name": str(classes.get(number_, number_)), "keypoints": list(names)}
        for number_ in sorted({person["category_id"] for person in people} or {0})
    ]
    annotations = [{"id": number_, **person} for number_, person in enumerate(people, start=1)]
    unlabelled = len(pictures) - len(picture_of)
    if unlabelled:
        notes.append(f"{unlabelled} pictures have no file of labels and are left out.")
    content = {"images": images, "categories": categories, "annotations": annotations}
    return content, notes, None if names == COCO17 else _flipped_pairs(described, names)


def _lines(tree, label):
    lines = files.decode_text(tree.read(label)).splitlines()
    if len(lines) > LINE_LIMIT:
        raise PosekitError(f"{label}: must have at most {LINE_LIMIT:,} lines; got {len(lines):,}.")
    return lines


def _person(values, shape):
    centre, box = values[1:3], values[3:5]
    flat = []
    for start in range(5, len(values), shape[1]):
        row = values[start : start + shape[1]]
        flat += row if shape[1] == 3 else [*row, 2 if any(row) else 0]
    corner = [middle - side / 2 for middle, side in zip(centre, box, strict=True)]
    return {"category_id": int(values[0]), "bbox": [*corner, *box], "keypoints": flat}


def _keypoint_names(described, count):
    """Names of the keypoints, and a list of notes about them."""
    named = described.get("kpt_names", described.get("keypoint_names"))
    if isinstance(named, dict) and named:
        named = next(iter(named.values()))
    if isinstance(named, list) and len(named) == count == len({str(name) for name in named}):
        return tuple(map(str, named)), []
    if count == len(COCO17) and described.get("flip_idx", COCO17_FLIP) == COCO17_FLIP:
        return COCO17, ["the 17 keypoints have no names and are taken in COCO's order."]
    return tuple(f"keypoint_{number_}" for number_ in range(1, count + 1)), []


def _flipped_pairs(described, names):
    """Pairs of names that a mirror exchanges, the earlier first, or None."""
    flip = described.get("flip_idx")
    is_flip = isinstance(flip, list) and all(type(index) is int for index in flip)
    if not is_flip or sorted(flip) != list(range(len(names))):
        return None
    return [[names[one], names[other]] for one, other in enumerate(flip) if one < other]


def _pictures_of_labels(labels, pictures):
    """Name of each text file that belongs to a picture -> the picture, in the pictures' order."""
    by_place = {}
    for name in pictures:
        for place in _places(name, "images"):
            by_place.setdefault(place, name)
    found = {}
    for label in labels:
        place = next((one for one in _places(label, "labels") if one in by_place), None)
        if place is not None:
            found[label] = by_place[place]
    order = {name: index for index, name in enumerate(pictures)}
    return dict(sorted(found.items(), key=lambda item: order[item[1]]))


def _places(name, part):
    """(folder, stem) of a file without the folders named `part`, and as it stands."""
    path = PurePosixPath(name)
    bare = "/".join(each for each in path.parent.parts if each.lower() != part)
    return (bare, path.stem), (str(path.parent), path.stem)
