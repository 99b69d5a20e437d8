"""The JSON of COCO keypoints, which may come from strangers: read within bounds, field by field.

What is wrong with a field is a sentence; `reading` adds the file and the annotation.
"""

import json

from posekit import files
from posekit.datasets import image_files
from posekit.errors import PosekitError

# COCO's largest file of keypoints has 238 MB and some 30 million values.
LIMIT_BYTES = 256 << 20
VALUE_LIMIT = 60_000_000


def read_json(path):
    """The object in a stranger's JSON file, dict; PosekitError where it is too large or none."""
    content = files.read_bounded(path, LIMIT_BYTES)
    # Each value follows one of these; in memory it takes ten times the bytes that it has here.
    value_count = sum(content.count(mark) for mark in (b",", b"[", b"{"))
    if value_count > VALUE_LIMIT:
        raise PosekitError(
            f"{path}: must hold at most {VALUE_LIMIT:,} values; got about {value_count:,}."
        )
    try:
        stored = json.loads(content, parse_constant=_refuse_constant)
    # Not only what is no JSON: also numbers of too many digits and lists nested without end.
    except (ValueError, RecursionError) as error:
        raise PosekitError(f"{path}: must hold JSON; got {error}.") from error
    if not isinstance(stored, dict):
        raise PosekitError(
            f"{path}: must be an object with images, annotations and categories; got "
            f"{type(stored).__name__}."
        )
    return stored


def table(caller, content, field):
    """The list of objects under `field` in what `read_json` gave; PosekitError without one."""
    rows = content.get(field)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PosekitError(
            f"{caller}: `{field}` must be a list of objects; got {rows!r:.200}. Export the "
            "annotations as COCO keypoints."
        )
    return rows


def category_of(caller, own, categories):
    """The one category, dict, that fits own data: its keypoints hold all that the joints need.

    Raises:
        PosekitError: no category fits, or several do.
    """
    fitting = [
        category
        for category in categories
        if is_id(category.get("id"))
        and isinstance(keypoints := category.get("keypoints"), list)
        and keypoints
        and all(isinstance(name, str) for name in keypoints)
        and own.category in (None, category.get("name"))
    ]
    if len(fitting) != 1:
        wanted = "one category" if own.category is None else f"one category {own.category!r}"
        named = ", ".join(f"{category.get('name')!r:.60}" for category in fitting) or "none"
        raise PosekitError(
            f"{caller}: `categories` must hold {wanted} with a list of keypoints; got {named}. "
            "Name one as `category` in an own_data.toml, or export with keypoints."
        )
    (category,) = fitting
    wanted = {keypoint for sources in own.sources for keypoint in sources}
    missing = sorted(wanted - set(category["keypoints"]))
    if missing:
        raise PosekitError(
            f"{caller}: the keypoints must hold {', '.join(sorted(wanted))}; got none named "
            f"{', '.join(missing)} among {', '.join(map(repr, category['keypoints'])):.2000}. Say "
            "in an own_data.toml which keypoint each joint is (docs/own_data.md)."
        )
    return category


def problem_of_image(image, listed):
    """What is wrong with an entry of `images`, or None; `listed` are the ids before it."""
    name = image.get("file_name")
    if not is_id(image.get("id")):
        return f"`id` must be a whole number; got {image.get('id')!r:.60}."
    if image["id"] in listed:
        return f"`id` must be there once; got {image['id']} again."
    if not isinstance(name, str) or not name.strip("./\\ ") or not name.isprintable():
        # Shown with escapes: a terminal would obey such a name.
        return f"`file_name` must be a printable name; got {name!r:.200}."
    for field in ("width", "height"):
        if not isinstance(image.get(field, 0), (int, float, type(None))):
            return f"`{field}` must be a number; got {image[field]!r:.60}."
    return None


def problem_of_annotation(annotation, picture, keypoint_count):
    """What is wrong with an annotation of a person, or None."""
    if picture is None:
        return (
            f"`image_id` must be the id of an image; got {annotation.get('image_id')!r:.60}."
        )
    if not is_id(annotation.get("id", 0)):
        return f"`id` must be a whole number; got {annotation['id']!r:.60}."
    keypoints = annotation.get("keypoints")
    if not isinstance(keypoints, list) or len(keypoints) != 3 * keypoint_count:
        got = f"{len(keypoints)} values" if isinstance(keypoints, list) else f"{keypoints!r:.60}"
        return (
            f"`keypoints` must hold x, y and v of each of {keypoint_count} keypoints, "
            f"{3 * keypoint_count} values; got {got}."
        )
    if not all(map(_is_coordinate, keypoints)):
        wrong = next(value for value in keypoints if not _is_coordinate(value))
        return (
            f"`keypoints` must be numbers of at most {image_files.SIDE_LIMIT_PX:,}; got "
            f"{wrong!r:.60}."
        )
    if not set(keypoints[2::3]) <= {0, 1, 2}:
        wrong = next(value for value in keypoints[2::3] if value not in (0, 1, 2))
        return f"the visibility in `keypoints` must be 0, 1 or 2; got {wrong!r:.60}."
    box = annotation.get("bbox")
    if box and not (isinstance(box, list) and len(box) == 4 and all(map(_is_coordinate, box))):
        return f"`bbox` must be x, y, width and height, numbers; got {box!r:.200}."
    return None


def is_id(value):
    """Whether a value can be an id: a whole number that NumPy holds."""
    return type(value) is int and abs(value) < 2**63


def _refuse_constant(text):
    raise ValueError(f"{text}, which is no number")


def _is_coordinate(value):
    return type(value) in (int, float) and abs(value) <= image_files.SIDE_LIMIT_PX
