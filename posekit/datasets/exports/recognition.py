"""Recognise what a labelling tool has written, and read it as one COCO keypoints file.

    COCO keypoints      one or several JSON files: COCO's own download, CVAT's "COCO Keypoints 1.0",
                        Roboflow's "COCO", Label Studio's "COCO with images"
    CVAT's XML          "CVAT for images 1.1", "CVAT for video 1.1"
    Label Studio        JSON, JSON-MIN
    YOLO pose           data.yaml with kpt_shape; images/ and labels/

A folder or a zip may hold any of them. What holds none is named where it is known, with the export
that is read.
"""

import json
import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from posekit import files
from posekit.datasets.containers import open_tree, split_path
from posekit.datasets.exports import cvat_xml, label_studio, merging, yolo_pose
from posekit.errors import PosekitError

PICTURE_SUFFIXES = tuple(".jpg .jpeg .jpe .jfif .png .webp .bmp .tif .tiff .gif".split())
# COCO's largest file of keypoints has 238 MB and some 30 million values.
LIMIT_BYTES = 256 << 20
VALUE_LIMIT = 60_000_000
DESCRIPTION_LIMIT_BYTES = 1 << 20
# More JSON files than parts of a set: then each picture has its own, as LabelMe writes them.
JSON_LIMIT = 40
READ_EXPORTS = (
    'Export as COCO keypoints (CVAT: "COCO Keypoints 1.0" or "CVAT for images 1.1"; Label Studio: '
    'JSON or "COCO"; Roboflow: "COCO" or "YOLO pose"); docs/own_data.md shows each.'
)


@dataclass(frozen=True, eq=False)
class Opened:
    """Labels that were recognised.

    Attributes:
        kind: str, the layout, for people.
        content: dict as of a COCO keypoints file: images, categories, annotations. An image may
            have `near`, a tuple of folders where its file is looked for first.
        files: what `containers.open_tree` gives for the pictures.
        is_export: bool, recognised without a word of where things are, which should be said.
        pixel_centre: float, what the layout calls the centre of the first pixel.
        notes: tuple of str, sentences: what was chosen and left out.
        flipped: pairs of keypoints that the layout says a mirror exchanges, or None.
        are_fractions: bool, whether the annotations' numbers are shares of the picture.
    """

    kind: str
    content: dict
    files: object
    is_export: bool = False
    pixel_centre: float = 0.0
    notes: tuple = ()
    flipped: list | None = None
    are_fractions: bool = False


def open_labels(path, images):
    """Open labels that somebody named.

    Args:
        path: Path of a JSON, XML or YAML file, of a folder or of a zip, or of one of these in a
            zip.
        images: Path of the folder or zip of the pictures.

    Returns:
        Opened.

    Raises:
        PosekitError: there is no such file, or it is none of the layouts.
    """
    archive, inner = split_path(path)
    if path.is_dir() or (path.suffix.lower() == ".zip" and not inner):
        return _of_tree(path, open_tree(path))
    if inner:
        content = open_tree(archive).read(inner)
    else:
        content = files.read_bounded(path, LIMIT_BYTES)
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        tree = open_tree(path.parent)
        return _yolo(str(path), yolo_pose.read_description(str(path), content), tree)
    return _of_file(str(path), content, open_tree(images))


def recognise(path):
    """The labels in a folder or zip that hold no own_data.toml and no joints.mat.

    Args:
        path: Path.

    Returns:
        Opened, or None where nothing in it is known.

    Raises:
        PosekitError: a layout is recognised that cannot be read; the message names it and the
            export that is.
    """
    tree = open_tree(path)
    if not any(_may_hold_labels(name) for name in tree.names):
        return None
    return _of_tree(path, tree)


def _may_hold_labels(name):
    suffix = PurePosixPath(name).suffix.lower()
    return suffix in (".json", ".xml", ".yaml", ".yml", ".txt", ".csv", ".h5", ".slp", ".mat")


def _of_file(caller, content, pictures):
    if cvat_xml.is_cvat(content):
        stored, notes = cvat_xml.content_of(caller, content)
        return Opened("CVAT's XML", stored, pictures, pixel_centre=0.5, notes=tuple(notes))
    stored = parse(caller, content)
    if label_studio.is_label_studio(stored):
        read, notes = label_studio.content_of(caller, stored)
        kind = "Label Studio's JSON"
        return Opened(
            kind, read, pictures, pixel_centre=0.5, notes=tuple(notes), are_fractions=True
        )
    called = None if _is_coco(stored) else _called(stored)
    if called is not None:
        raise PosekitError(f"{caller}: must hold keypoints; got {called}. {READ_EXPORTS}")
    if not isinstance(stored, dict):
        raise PosekitError(
            f"{caller}: must be an object with images, annotations and categories; got "
            f"{type(stored).__name__}. {READ_EXPORTS}"
        )
    return Opened("COCO keypoints", stored, pictures)


def _of_tree(path, tree):
    """The labels among a folder's or zip's files; None where nothing is known."""
    caller, names = str(path), tree.names
    contents, unknown = {}, []
    jsons = _labels_of_coco([name for name in names if name.lower().endswith(".json")])
    for name in jsons[:JSON_LIMIT]:
        stored = parse(f"{caller}/{name}", _bounded(tree, name))
        if label_studio.is_label_studio(stored):
            return _say(_of_file(f"{caller}/{name}", tree.read(name), tree), [name])
        if _is_coco(stored):
            contents[name] = stored
        elif (called := _called(stored)) is not None:
            unknown.append((name, called))
    with_keypoints = {name: one for name, one in contents.items() if _has_keypoints(one)}
    if with_keypoints:
        return _coco(caller, tree, with_keypoints, [*contents])
    for name in names:
        if name.lower().endswith(".xml"):
            content = _bounded(tree, name)
            if cvat_xml.is_cvat(content):
                return _say(_of_file(f"{caller}/{name}", content, tree), [name])
            if b"<annotation" in content[:4096]:
                unknown.append((name, "Pascal VOC's XML, which holds boxes"))
                break
    for name in names:
        if name.lower().endswith((".yaml", ".yml")):
            described = yolo_pose.read_description(f"{caller}/{name}", _bounded(tree, name))
            if "kpt_shape" in described:
                return _say(_yolo(f"{caller}/{name}", described, tree), [name])
            if "names" in described and ("train" in described or "nc" in described):
                unknown.append((name, "a YOLO data set without `kpt_shape`, which holds boxes"))
    if contents:
        unknown.insert(
            0, (next(iter(contents)), "COCO without keypoints: boxes, outlines or texts")
        )
    unknown += _by_name(names)
    if unknown:
        name, called = unknown[0]
        raise PosekitError(f"{caller}: must hold keypoints; got {called} ({name}). {READ_EXPORTS}")
    return None


def _coco(caller, tree, contents, seen):
    """One or several COCO files as one set."""
    chosen = {name: stored for name, stored in contents.items() if stored["images"]} or contents
    near = {name: _near(name) for name in chosen}
    merged = merging.merge(caller, chosen, near, tree)
    left = sorted(set(seen) - set(merged.used))
    notes = [f"{len(left)} other JSON files are not used: {_some(left)}."] if left else []
    opened = Opened(_coco_kind(merged.used), merged.content, tree, notes=(*merged.notes, *notes))
    return _say(opened, merged.used)


def _coco_kind(names):
    if all(PurePosixPath(name).name == "_annotations.coco.json" for name in names):
        return "Roboflow's COCO"
    if all(
        re.fullmatch(r"person_keypoints_(train|val)20\d\d\.json", PurePosixPath(name).name)
        for name in names
    ):
        return "COCO's own layout"
    return "COCO keypoints"


def _yolo(caller, described, tree):
    def reader(name):
        return lambda: _bounded(tree, name, DESCRIPTION_LIMIT_BYTES)

    names = tree.names
    content, notes, flipped = yolo_pose.content_of(
        caller,
        described,
        {name: reader(name) for name in names if name.lower().endswith(".txt")},
        [name for name in names if name.lower().endswith(PICTURE_SUFFIXES)],
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


def parse(caller, content):
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


def _bounded(tree, name, limit_bytes=LIMIT_BYTES):
    content = tree.read(name)
    if len(content) > limit_bytes:
        raise PosekitError(
            f"{name}: must have at most {limit_bytes:,} bytes; got {len(content):,}."
        )
    return content


def _labels_of_coco(names):
    """Of COCO's download only the keypoints: its other files take minutes and hold none."""
    keypoints = [name for name in names if PurePosixPath(name).name.startswith("person_keypoints")]
    return sorted(keypoints or names, key=lambda name: (name.count("/"), name))


def _is_coco(stored):
    return isinstance(stored, dict) and all(
        isinstance(stored.get(table), list) and all(isinstance(row, dict) for row in stored[table])
        for table in ("images", "annotations", "categories")
    )


def _has_keypoints(stored):
    return any(category.get("keypoints") for category in stored["categories"])


def _near(name):
    """The folders in which a COCO file's pictures are: next to it, and those named like it."""
    path = PurePosixPath(name)
    subset = re.sub(r"^_*(person_)?(keypoints|instances|annotations)?_*|\.coco$", "", path.stem)
    roots = [path.parent]
    if path.parent.name.lower() in ("annotations", "labels"):
        roots.append(path.parent.parent)
    found = []
    for root in roots:
        for inner in (f"images/{subset}", subset, "images", "."):
            found.append(str(root / inner))
    return tuple(dict.fromkeys("" if one == "." else one for one in found))


def _called(stored):
    """What a JSON file of another layout is, or None."""
    if isinstance(stored, list):
        rows = [row for row in stored[:3] if isinstance(row, dict)]
        if rows and all("image_id" in row and "score" in row for row in rows):
            return "COCO results, which are predictions without pictures"
        if rows and all("image_id" in row or "keypoints" in row for row in rows):
            return "a list of annotations without pictures"
        return None
    if not isinstance(stored, dict):
        return None
    marks = {
        "shapes": "LabelMe's JSON",
        "_via_img_metadata": "VGG Image Annotator's project",
        "items": "Datumaro's JSON",
        "objects": "Supervisely's JSON",
        "labelConfig": "a Labelbox or Label Studio project",
    }
    return next((called for mark, called in marks.items() if mark in stored), None)


def _by_name(names):
    """(name, what it is) of files that are known by their names."""
    for name in names:
        last = PurePosixPath(name).name.lower()
        if last.startswith("collecteddata") and last.endswith((".csv", ".h5")):
            yield name, "DeepLabCut's labels"
        elif last.endswith(".slp"):
            yield name, "SLEAP's labels"
        elif last.startswith("mpii") and last.endswith(".mat"):
            yield name, "MPII's labels"
        elif "labels" in PurePosixPath(name).parts[:-1] and last.endswith(".txt"):
            yield name, "YOLO's labels without the data.yaml that says what their numbers are"
