"""Label Studio's own exports, JSON and JSON-MIN, as the content of a COCO keypoints file.

A task is a picture. Its results are keypoints, in percent of the picture as it is shown, and
boxes; keypoints belong to the box that is their parent, or that alone holds them, else all of a
picture are one person's.

Source: labelstud.io/guide/export, "Label Studio JSON format of annotated tasks".
"""

from collections import defaultdict

from posekit.datasets.exports.values import number

CATEGORY = 1


def is_label_studio(stored):
    """Whether parsed JSON is a list of Label Studio's tasks."""
    return (
        isinstance(stored, list)
        and bool(stored)
        and all(isinstance(task, dict) for task in stored)
        and any("data" in task or "annotation_id" in task or _rows_of(task) for task in stored)
    )


def content_of(stored):
    """Tasks as a dict of a COCO file, in shares of the picture; and a list of notes, sentences."""
    images, people, names = [], [], {}  # names in their order
    several = unclear = 0
    for index, task in enumerate(stored):
        rows, count = _results(task)
        several += count > 1
        keypoints, boxes = _shapes(rows)
        names |= dict.fromkeys(name for name, _, _ in keypoints)
        images.append({"id": index, "file_name": _file_name(task)} | _size(rows))
        found = _people(keypoints, boxes)
        unclear += found is None
        people += [(index, box, points) for box, points in found or []]
    notes = []
    if several:
        notes.append(f"{several} pictures are annotated several times: the first one counts.")
    if unclear:
        notes.append(
            f"{unclear} pictures hold a keypoint several times and no boxes that tell people "
            "apart: they are left out. Draw a box around each person, as their parent."
        )
    annotations = [
        {
            "id": number_,
            "image_id": image_id,
            "category_id": CATEGORY,
            "bbox": box,
            "keypoints": [
                value
                for name in names
                for value in (*points.get(name, (0, 0)), 2 * (name in points))
            ],
        }
        for number_, (image_id, box, points) in enumerate(people)
    ]
    category = {"id": CATEGORY, "name": "person", "keypoints": list(names)}
    return {"images": images, "categories": [category], "annotations": annotations}, notes


def _rows_of(task):
    """The results that JSON-MIN keeps in the task itself."""
    return [
        row
        for value in task.values()
        if isinstance(value, list)
        for row in value
        if isinstance(row, dict) and ("keypointlabels" in row or "rectanglelabels" in row)
    ]


def _results(task):
    """The rows of the annotation that counts, each a dict with `value`; how many there are."""
    made = task.get("annotations", task.get("completions"))
    if not isinstance(made, list):
        return [{"value": row, **row} for row in _rows_of(task)], 1
    made = [
        one
        for one in made
        if isinstance(one, dict)
        and isinstance(one.get("result"), list)
        and not (one.get("was_cancelled") or one.get("skipped"))
    ]
    made.sort(key=lambda one: not one.get("ground_truth"))
    return [row for one in made[:1] for row in one["result"] if isinstance(row, dict)], len(made)


def _file_name(task):
    data = task.get("data") if isinstance(task.get("data"), dict) else task
    texts = [
        value
        for key, value in data.items()
        if isinstance(value, str) and key not in ("id", "created_at", "updated_at")
    ]
    pictures = [text for text in texts if "." in text[-6:] or "?d=" in text]
    return next(iter(pictures or texts), task.get("file_upload"))


def _size(rows):
    for row in rows:
        size = number(row.get("original_width")), number(row.get("original_height"))
        if all(size):
            return {"width": size[0], "height": size[1]}
    return {}


def _shapes(rows):
    """Keypoints, (name, (x, y), id of the parent); and boxes by id; in shares of the picture."""
    keypoints, boxes = [], {}
    for row in rows:
        value = row["value"] if isinstance(row.get("value"), dict) else {}
        found = [number(value.get(field)) for field in ("x", "y", "width", "height")]
        x, y, *sides = [None if each is None else each / 100 for each in found]
        labels = value.get("keypointlabels")
        if None in (x, y):
            continue
        if isinstance(labels, list) and labels and labels[0] and isinstance(labels[0], str):
            keypoints.append((labels[0], (x, y), row.get("parentID")))
        elif "keypointlabels" not in value and None not in sides and not value.get("rotation"):
            boxes[str(row.get("id"))] = [x, y, *sides]
    return keypoints, boxes


def _people(keypoints, boxes):
    """(box or None, name -> position) of each person; None where they cannot be told apart."""
    groups = defaultdict(dict)
    for name, position, parent in keypoints:
        if not isinstance(parent, str) or parent not in boxes:
            holding = [key for key, box in boxes.items() if _holds(box, position)]
            parent = holding[0] if len(holding) == 1 else None
        if name in groups[parent]:
            return None
        groups[parent][name] = position
    return [(boxes.get(parent), points) for parent, points in groups.items()]


def _holds(box, position):
    return all(
        start <= at <= start + side
        for start, side, at in zip(box[:2], box[2:], position, strict=True)
    )
