"""CVAT's own XML, "CVAT for images 1.1" and "for video 1.1", as the content of a COCO file.

    <image name width height>   <skeleton label> <points label points="x,y" outside occluded>
                                <points label points="x,y" group_id>, or one of several points
    <track label>               <skeleton frame>, or <points frame>

Source: docs.cvat.ai, "CVAT for image", "CVAT for video".
"""

import re
from collections import defaultdict
from xml.etree import ElementTree

from posekit.datasets.exports.values import number
from posekit.errors import PosekitError


def is_cvat(content):
    """Whether bytes begin like CVAT's XML."""
    return b"<annotations" in content[:4096] and content.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"<"


def content_of(caller, content):
    """The XML, bytes, as images, annotations and categories: a dict as of a COCO file.

    PosekitError, which `caller` begins, for no such XML, or without points in it.
    """
    # Entities that unfold to gigabytes; CVAT writes none.
    if b"<!ENTITY" in content:
        raise PosekitError(f"{caller}: must be XML without entities; got some.")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise PosekitError(f"{caller}: must be CVAT's XML; got {error}.") from error
    images, found = [], []
    for image in root.iter("image"):
        found += [(len(images), *person) for person in _people_of_image(image)]
        size = {field: image.get(field) for field in ("width", "height") if image.get(field)}
        images.append({"id": len(images), "file_name": image.get("name"), **size})
    frames = defaultdict(list)
    for track in root.findall("track"):
        for shape in track:
            frames[shape.get("frame", "")].append((track.get("label", ""), shape))
    size = {each.tag: each.text for each in root.iterfind(".//original_size/*") if each.text}
    for frame in sorted(frames, key=lambda text: (len(text), text)):
        for label, shape in frames[frame]:
            if shape.tag in ("skeleton", "points"):
                found.append((len(images), label, _points_of(shape)))
        images.append({"id": len(images), "file_name": _frame_name(frame), **size})
    if not any(points for _, _, points in found):
        raise PosekitError(
            f"{caller}: CVAT's XML must hold skeletons or points; got {len(images)} pictures with "
            'none. Label skeletons, or export as "COCO Keypoints 1.0".'
        )
    names = _declared(root)
    for _, label, points in found:
        names[label] |= dict.fromkeys(points)
    ids = {label: number_ for number_, label in enumerate(names, start=1)}
    annotations = [
        {
            "id": number_,
            "image_id": image_id,
            "category_id": ids[label],
            "keypoints": [value for name in names[label] for value in points.get(name, (0, 0, 0))]
            if points
            else [],
        }
        for number_, (image_id, label, points) in enumerate(found, start=1)
    ]
    categories = [
        {"id": ids[label], "name": label, "keypoints": list(keypoints)}
        for label, keypoints in names.items()
        if keypoints
    ]
    return {"images": images, "categories": categories, "annotations": annotations}


def _frame_name(frame):
    return f"frame_{int(frame):06d}" if re.fullmatch("[0-9]{1,9}", frame) else frame


def _declared(root):
    """Label -> names of its keypoints in order, dicts, as the task's description has them."""
    names = defaultdict(dict)
    for label in root.iter("label"):
        parent, name = label.findtext("parent"), label.findtext("name")
        if parent and name:
            names[parent].setdefault(name)
    return names


def _people_of_image(image):
    """(label, name -> (x, y, flag)) of each person."""
    for skeleton in image.iter("skeleton"):
        yield skeleton.get("label", ""), _points_of(skeleton)
    groups = defaultdict(dict)
    for element in image.findall("points"):
        points = _points_of(element)
        if len(points) > 1:
            yield element.get("label", ""), points
            continue
        group = groups[element.get("group_id", "0")]
        # A keypoint that comes again is another person's.
        if points.keys() & group.keys():
            yield "person", dict(group)
            group.clear()
        group |= points
    for group in groups.values():
        yield "person", group


def _points_of(shape):
    """Name -> (x, y, flag) of a skeleton, or of points, which are numbered where several."""
    if shape.get("outside") == "1":
        return {}
    if shape.tag == "skeleton":
        parts = [_points_of(points) for points in shape.findall("points")]
        return {name: values for part in parts for name, values in part.items()}
    positions = []
    for text in shape.get("points", "").split(";"):
        position = tuple(number(value) for value in text.split(","))
        if len(position) == 2 and None not in position:
            positions.append((*position, 1 if shape.get("occluded") == "1" else 2))
    if len(positions) == 1:
        return {shape.get("label", ""): positions[0]}
    return {str(index): position for index, position in enumerate(positions, start=1)}
