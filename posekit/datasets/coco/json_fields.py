"""The JSON of COCO keypoints, which may come from strangers: read within bounds, field by field.

What is wrong with an entry is a PosekitError of one sentence; `reading` adds the file and the
entry.
"""

from collections import Counter

import numpy as np

from posekit import sides
from posekit.datasets import image_files
from posekit.datasets.exports.finding import printable
from posekit.datasets.exports.recognition import READ_EXPORTS
from posekit.datasets.exports.values import identity, number
from posekit.errors import PosekitError


def table(caller, content, field):
    """The list of objects under `field` in a file's content; PosekitError without one."""
    rows = content.get(field)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PosekitError(
            f"{caller}: `{field}` must be a list of objects; got {rows!r:.200}. {READ_EXPORTS}"
        )
    return rows


def category_of(caller, own, categories):
    """The one category, dict, that fits own data: its keypoints hold all that the joints need.

    Where they are spelled otherwise ("Left Wrist"), they are as `own.sources` spells them.
    PosekitError where no category fits, or several do.
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
    keys = [sides.canonical(name) for name in keypoints]
    counts = Counter(keys)
    return [
        free.get(key, name) if counts[key] == 1 else name
        for key, name in zip(keys, keypoints, strict=True)
    ]


def id_of(entry, others):
    """An entry's id, int or str; PosekitError for no id, and for one among those of `others`."""
    found = identity(entry.get("id"))
    if found is None:
        raise PosekitError(f"`id` must be a whole number or a name; got {entry.get('id')!r:.60}.")
    if found in others:
        raise PosekitError(f"`id` must be there once; got {found} again.")
    return found


def check_image(image):
    """PosekitError unless an entry of `images` has a name, and numbers if any as its size."""
    name = image.get("file_name")
    # Bytes of no encoding can be shown as Latin-1; what cannot becomes "?".
    if (
        not isinstance(name, str)
        or not name.strip("./\\ ")
        or printable(name).count("?") > name.count("?")
    ):
        # Shown with escapes: a terminal would obey such a name.
        raise PosekitError(f"`file_name` must be a printable name; got {name!r:.200}.")
    for field in ("width", "height"):
        value = image.get(field)
        is_unknown = value is None or value == "" or value != value  # NaN
        if not is_unknown and number(value) is None:
            raise PosekitError(f"`{field}` must be a number; got {value!r:.60}.")


def declared_size(image):
    """(width, height) that an entry of `images` tells, or None where it tells none."""
    sides_px = number(image.get("width")), number(image.get("height"))
    return tuple(map(round, sides_px)) if all(side and side > 0 for side in sides_px) else None


def kind_left_out(annotation):
    """What an annotation is of that is left out without being a fault, or None."""
    if annotation.get("iscrowd") is True or number(annotation.get("iscrowd")) == 1:
        return "of crowds"
    # Boxes, and tracks outside of the picture.
    return "without keypoints" if annotation.get("keypoints") in (None, [], "") else None


def has_confidences(annotation):
    """Whether what should be visibilities are confidences: shares of 1."""
    keypoints = annotation.get("keypoints")
    flags = _flat(keypoints)[2::3] if isinstance(keypoints, list) else []
    return any(type(flag) is float and 0 < flag < 1 for flag in flags)


def keypoints_of(annotation, names, *, limit):
    """The keypoints of an annotation, whose coordinates are at most `limit`.

    Returns:
        float64 (K, 3), x, y and v of each of K `names`, 0 where v is 0.
    """
    keypoints = annotation["keypoints"]
    flat = _flat(keypoints) if isinstance(keypoints, list) else None
    if flat is None or len(flat) != 3 * len(names):
        got = f"{len(flat)} values" if flat is not None else f"{keypoints!r:.60}"
        raise PosekitError(
            f"`keypoints` must hold x, y and v of each of {len(names)} keypoints, "
            f"{3 * len(names)} values; got {got}."
        )
    values = np.zeros((len(names), 3))
    for index, name in enumerate(names):
        *position, flag = flat[3 * index : 3 * index + 3]
        shown = int(flag) if isinstance(flag, bool) else number(flag)
        if shown == 0 or (flag is None and position == [None, None]):
            continue  # the position of what is not labelled means nothing
        if shown is None or not (0 <= shown <= 1 or shown == 2):
            raise PosekitError(
                "the visibility in `keypoints` must be 0, 1 or 2, or a confidence from 0 to 1; "
                f"got {flag!r:.60} for {name!r:.60}."
            )
        for axis, value in enumerate(position):
            read = number(value)
            if read is None or abs(read) > limit:
                raise PosekitError(
                    f"`keypoints` must be numbers of at most {limit:,}; got {value!r:.60} for "
                    f"{name!r:.60}."
                )
            values[index, axis] = read
        values[index, 2] = shown
    return values


def box_of(annotation):
    """x, y, width and height of an annotation's box, or None."""
    box = annotation.get("bbox")
    if not box:
        return None
    numbers = [number(value) for value in box] if isinstance(box, list) else []
    if len(numbers) != 4 or any(
        side is None or abs(side) > image_files.SIDE_LIMIT_PX for side in numbers
    ):
        raise PosekitError(f"`bbox` must be x, y, width and height, numbers; got {box!r:.200}.")
    return numbers


def _flat(keypoints):
    """Keypoints in one list, also where each has a list of its own."""
    if keypoints and all(isinstance(one, list) and len(one) == 3 for one in keypoints):
        return [value for one in keypoints for value in one]
    return keypoints
