"""The JSON of COCO keypoints, which may come from strangers: read within bounds, field by field.

What is wrong with a field is a sentence; `reading` adds the file and the annotation.
"""

import numpy as np

from posekit import sides
from posekit.datasets import image_files
from posekit.datasets.exports.finding import printable
from posekit.datasets.exports.values import identity, number
from posekit.errors import PosekitError


def table(caller, content, field):
    """The list of objects under `field` in a file's content; PosekitError without one."""
    rows = content.get(field)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PosekitError(
            f"{caller}: `{field}` must be a list of objects; got {rows!r:.200}. Export the "
            "annotations as COCO keypoints."
        )
    return rows


def category_of(caller, own, categories):
    """The one category, dict, that fits own data: its keypoints hold all that the joints need.

    Where they are spelled otherwise ("Left Wrist"), they are as `own.sources` spells them.

    Raises:
        PosekitError: no category fits, or several do.
    """
    fitting = [
        category
        for category in categories
        if identity(category.get("id")) is not None
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
    keypoints = _spelled(category["keypoints"], wanted)
    missing = sorted(wanted - set(keypoints))
    if missing:
        raise PosekitError(
            f"{caller}: the keypoints must hold {', '.join(sorted(wanted))}; got none named "
            f"{', '.join(missing)} among {', '.join(map(repr, category['keypoints'])):.2000}. Say "
            "in an own_data.toml which keypoint each joint is (docs/own_data.md)."
        )
    return {**category, "id": identity(category["id"]), "keypoints": keypoints}


def _spelled(keypoints, wanted):
    """Keypoints, with those that are wanted under another spelling ("Left Wrist") as wanted."""
    free = {sides.canonical(name): name for name in wanted - set(keypoints)}
    by_canonical = {}
    for name in keypoints:
        by_canonical.setdefault(sides.canonical(name), []).append(name)
    other = {
        found[0]: free[key]
        for key, found in by_canonical.items()
        if key in free and len(found) == 1
    }
    return [other.get(name, name) for name in keypoints]


def problem_of_image(image, listed):
    """What is wrong with an entry of `images`, or None; `listed` are the ids before it."""
    name, image_id = image.get("file_name"), identity(image.get("id"))
    if image_id is None:
        return f"`id` must be a whole number or a name; got {image.get('id')!r:.60}."
    if image_id in listed:
        return f"`id` must be there once; got {image_id} again."
    if not isinstance(name, str) or not name.strip("./\\ ") or not _is_printable(name):
        # Shown with escapes: a terminal would obey such a name.
        return f"`file_name` must be a printable name; got {name!r:.200}."
    for field in ("width", "height"):
        value = image.get(field)
        is_unknown = value is None or value == "" or value != value  # NaN
        if not is_unknown and number(value) is None:
            return f"`{field}` must be a number; got {value!r:.60}."
    return None


def declared_size(image):
    """(width, height) that an entry of `images` tells, or None where it tells none."""
    sides_px = number(image.get("width")), number(image.get("height"))
    return tuple(map(round, sides_px)) if all(side and side > 0 for side in sides_px) else None


def is_crowd(annotation):
    """Whether an annotation is of a crowd."""
    return annotation.get("iscrowd") is True or number(annotation.get("iscrowd")) == 1


def has_keypoints(annotation):
    """Whether an annotation has keypoints: boxes, and tracks outside of the picture, have none."""
    return annotation.get("keypoints") not in (None, [], "")


def has_confidences(annotation):
    """Whether what should be visibilities are confidences: shares of 1."""
    keypoints = annotation.get("keypoints")
    flags = _flat(keypoints)[2::3] if isinstance(keypoints, list) else []
    return any(type(flag) is float and 0 < flag < 1 for flag in flags)


def keypoints_of(annotation, names, *, are_fractions=False):
    """The keypoints of an annotation.

    Args:
        annotation: dict with `keypoints`.
        names: list of str, K names of the keypoints.
        are_fractions: bool, whether the coordinates are shares of the picture.

    Returns:
        float64 (K, 3), x, y and v, 0 where v is 0, or None; and what is wrong, or None.
    """
    keypoints = annotation["keypoints"]
    flat = _flat(keypoints) if isinstance(keypoints, list) else None
    if flat is None or len(flat) != 3 * len(names):
        got = f"{len(flat)} values" if flat is not None else f"{keypoints!r:.60}"
        return None, (
            f"`keypoints` must hold x, y and v of each of {len(names)} keypoints, "
            f"{3 * len(names)} values; got {got}."
        )
    values = np.zeros((len(names), 3))
    limit = 100.0 if are_fractions else image_files.SIDE_LIMIT_PX
    for index, name in enumerate(names):
        *position, flag = flat[3 * index : 3 * index + 3]
        shown = int(flag) if isinstance(flag, bool) else number(flag)
        if shown is None and flag is None and position == [None, None]:
            continue
        if shown is None or not (0 <= shown <= 1 or shown == 2):
            return None, (
                "the visibility in `keypoints` must be 0, 1 or 2, or a confidence from 0 to 1; "
                f"got {flag!r:.60} for {name!r:.60}."
            )
        if shown == 0:
            continue  # the position of what is not labelled means nothing
        numbers = [number(value) for value in position]
        for value, read in zip(position, numbers, strict=True):
            if read is None or abs(read) > limit:
                return None, (
                    f"`keypoints` must be numbers of at most {limit:,}; got {value!r:.60} for "
                    f"{name!r:.60}."
                )
        values[index] = *numbers, shown
    return values, None


def box_of(annotation):
    """x, y, width and height of an annotation's box, or None; and what is wrong, or None."""
    box = annotation.get("bbox")
    if not box:
        return None, None
    numbers = [number(value) for value in box] if isinstance(box, list) else []
    if len(numbers) != 4 or any(
        side is None or abs(side) > image_files.SIDE_LIMIT_PX for side in numbers
    ):
        return None, f"`bbox` must be x, y, width and height, numbers; got {box!r:.200}."
    return numbers, None


def _flat(keypoints):
    """Keypoints in one list, also where each has a list of its own."""
    if keypoints and all(isinstance(one, list) and len(one) == 3 for one in keypoints):
        return [value for one in keypoints for value in one]
    return keypoints


def _is_printable(name):
    # Bytes of no encoding can be shown as Latin-1; what cannot becomes "?".
    return printable(name).count("?") == name.count("?")
