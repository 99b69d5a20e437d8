"""Recognise what a labelling tool has written, and read it as one COCO keypoints file.

    COCO keypoints      one or several JSON files: COCO's own download, CVAT's "COCO Keypoints 1.0",
                        Roboflow's "COCO", Label Studio's "COCO with images"
    CVAT's XML          "CVAT for images 1.1", "CVAT for video 1.1"
    Label Studio        JSON, JSON-MIN
    YOLO pose           data.yaml with kpt_shape; images/ and labels/

A folder or a zip may hold any of them.
"""

import json
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from posekit import files
from posekit.datasets.containers import open_tree, split_path
from posekit.datasets.exports import cvat_xml, label_studio, merging, yolo_pose
from posekit.errors import PosekitError

PICTURE_SUFFIXES = tuple(".jpg .jpeg .jpe .jfif .png .webp .bmp .tif .tiff .gif".split())
# Of files that may hold labels, whether they are read or not.
LABEL_SUFFIXES = tuple(".json .xml .yaml .yml .csv .h5 .slp .mat".split())
# COCO's largest file of keypoints has 238 MB and some 30 million values.
LIMIT_BYTES = 256 << 20
VALUE_LIMIT = 60_000_000
# More JSON files than parts of a set: then each picture has its own, as LabelMe writes them.
JSON_LIMIT = 40
READ_EXPORTS = (
    'Export as COCO keypoints (CVAT: "COCO Keypoints 1.0" or "CVAT for images 1.1"; Label Studio: '
    'JSON or "COCO"; Roboflow: "COCO" or "YOLO pose"); docs/own_data.md shows each.'
)


@dataclass(frozen=True, eq=False)
class Opened:
    """Labels that were recognised."""

    kind: str  # the layout, for people
    # As of a COCO keypoints file: images, categories, annotations. An image may have `near`, a
    # tuple of folders where its file is looked for first.
    content: dict
    files: object  # what `containers.open_tree` gives for the pictures
    is_export: bool = False  # recognised without a word of where things are: it should be said
    pixel_centre: float = 0.0  # what the layout calls the centre of the first pixel
    notes: tuple = ()  # of str, sentences: what was chosen and left out
    flipped: list | None = None  # pairs of keypoints that a mirror exchanges, by the layout
    are_fractions: bool = False  # whether the annotations' numbers are shares of the picture


def open_labels(path, images):
    """Open labels that somebody named, as Opened; PosekitError for none of the layouts.

    `path` is that of a JSON, XML or YAML file, of a folder or of a zip, or of one of these in a
    zip; `images` that of the folder or zip of the pictures.
    """
    archive, inner = split_path(path)
    suffix = path.suffix.lower()
    if path.is_dir() or (suffix == ".zip" and not inner):
        opened = recognise(path)
        if opened is None:
            raise PosekitError(f"{path}: must hold labels; got none. {READ_EXPORTS}")
        return opened
    if inner:
        content = open_tree(archive).read(inner)
    else:
        content = files.read_bounded(path, LIMIT_BYTES)
    if suffix in (".yaml", ".yml"):
        described = yolo_pose.read_description(str(path), content)
        return _yolo(str(path), described, open_tree(path.parent))
    return _of_file(str(path), content, open_tree(images))


def recognise(path):
    """The labels, Opened, in a folder or zip; None where it holds none, and beside a joints.mat.

    PosekitError where it holds labels that are not read; the message names the export that is.
    """
    tree = open_tree(path)
    names = tree.names
    if any(PurePosixPath(name).name == "joints.mat" for name in names):
        return None
    contents = {}
    for name in _keypoints_first(_ending_in(names, ".json"))[:JSON_LIMIT]:
        caller = f"{path}/{name}"
        stored = _parse(caller, tree.read(name))
        if label_studio.is_label_studio(stored):
            return _say(_of_tasks(stored, tree), [name])
        if _is_coco(stored):
            contents[name] = stored
    with_keypoints = {
        name: stored
        for name, stored in contents.items()
        if any(category.get("keypoints") for category in stored["categories"])
    }
    if with_keypoints:
        return _coco(str(path), tree, with_keypoints, contents)
    for name in _ending_in(names, ".xml"):
        content = tree.read(name)
        if cvat_xml.is_cvat(content):
            return _say(_of_file(f"{path}/{name}", content, tree), [name])
    for name in _ending_in(names, (".yaml", ".yml")):
        described = yolo_pose.read_description(f"{path}/{name}", tree.read(name))
        if "kpt_shape" in described:
            return _say(_yolo(f"{path}/{name}", described, tree), [name])
    unread = _ending_in(names, LABEL_SUFFIXES)
    # YOLO's, without the data.yaml that says what their numbers are.
    unread += [name for name in _ending_in(names, ".txt") if "labels" in name.split("/")[:-1]]
    if unread:
        raise PosekitError(
            f"{path}: must hold keypoints in a layout that is read; got {_some(unread)} with "
            f"boxes, outlines or another layout. {READ_EXPORTS}"
        )
    return None


def _ending_in(names, suffixes):
    return [name for name in names if name.lower().endswith(suffixes)]


def _of_file(caller, content, pictures):
    if cvat_xml.is_cvat(content):
        stored = cvat_xml.content_of(caller, content)
        return Opened("CVAT's XML", stored, pictures, pixel_centre=0.5)
    stored = _parse(caller, content)
    if label_studio.is_label_studio(stored):
        return _of_tasks(stored, pictures)
    if not isinstance(stored, dict):
        raise PosekitError(
            f"{caller}: must be an object with images, annotations and categories; got "
            f"{type(stored).__name__}. {READ_EXPORTS}"
        )
    return Opened("COCO keypoints", stored, pictures)


def _of_tasks(stored, pictures):
    content, notes = label_studio.content_of(stored)
    return Opened(
        "Label Studio's JSON",
        content,
        pictures,
        pixel_centre=0.5,
        notes=tuple(notes),
        are_fractions=True,
    )


def _coco(caller, tree, with_keypoints, seen):
    """One or several COCO files as one set."""
    chosen = {name: one for name, one in with_keypoints.items() if one["images"]} or with_keypoints
    content, used, notes = merging.merge(caller, chosen, tree)
    left = sorted(set(seen) - set(used))
    if left:
        notes.append(f"{len(left)} other JSON files are not used: {_some(left)}.")
    return _say(Opened("COCO keypoints", content, tree, notes=tuple(notes)), used)


def _yolo(caller, described, tree):
    content, notes, flipped = yolo_pose.content_of(
        caller,
        described,
        tree,
        labels=_ending_in(tree.names, ".txt"),
        pictures=_ending_in(tree.names, PICTURE_SUFFIXES),
    )
    return Opened(
        "YOLO pose",
        content,
        tree,
        pixel_centre=0.5,
        notes=tuple(notes),
        flipped=flipped,
        are_fractions=True,
    )


def _say(opened, names):
    """The same with a note of what was recognised, first."""
    note = f"recognised {opened.kind} in {_some(names)}."
    return replace(opened, is_export=True, notes=(note, *opened.notes))


def _some(names):
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _parse(caller, content):
    """A stranger's JSON within bounds, whatever its encoding; NaN and infinity become floats."""
    # Each value follows one of these; in memory it takes ten times the bytes that it has here.
    value_count = sum(content.count(mark) for mark in (b",", b"[", b"{"))
    if value_count > VALUE_LIMIT:
        raise PosekitError(
            f"{caller}: must hold at most {VALUE_LIMIT:,} values; got about {value_count:,}."
        )
    try:
        return json.loads(files.decode_text(content))
    # Not only what is no JSON: also numbers of too many digits and lists nested without end.
    except (ValueError, RecursionError) as error:
        raise PosekitError(f"{caller}: must hold JSON; got {error}.") from error


def _keypoints_first(names):
    """Of COCO's download only the keypoints: its other files take minutes and hold none."""
    keypoints = [name for name in names if PurePosixPath(name).name.startswith("person_keypoints")]
    return sorted(keypoints or names, key=lambda name: (name.count("/"), name))


def _is_coco(stored):
    return isinstance(stored, dict) and all(
        isinstance(stored.get(table), list) and all(isinstance(row, dict) for row in stored[table])
        for table in ("images", "annotations", "categories")
    )
