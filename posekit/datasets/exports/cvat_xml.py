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
    """The XML as images, annotations and categories.

    Args:
        caller: str, the file, for messages.
        content: bytes.

    Returns:
        dict as of a COCO file; and a list of notes, sentences.

    Raises:
        PosekitError: no such XML, or no points in it.
    """
    # Entities that unfold to gigabytes; CVAT writes none.
    if b"<!ENTITY" in content:
        raise PosekitError(f"{caller}: must be XML without entities; got some.")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise PosekitError(f"{caller}: must be CVAT's XML; got {error}.") from error
    images, found = [], []
    for index, image in enumerate(root.iter("image")):
        images.append(_image(index, image.get("name"), image))
        found += [(index, *person) for person in _people_of_image(image)]
    tracks = root.findall("track")
    if tracks:
        size = root.find(".//original_size")
        frames = defaultdict(list)
        for track in tracks:
            for shape in track:
                frames[shape.get("frame", "")].append((track.get("label", ""), shape))
        for frame in sorted(frames, key=lambda text: (len(text), text)):
            index = len(images)
            images.append(_image(index, _frame_name(frame), None) | _size_of(size))
            for label, shape in frames[frame]:
                found += [(index, label, points) for points in _shapes(label, shape)]
    names = _declared(root)
    for _, label, points in found:
        for name in points:
            names.setdefault(label, {}).setdefault(name)
    if not any(points for _, _, points in found):
        raise PosekitError(
            f"{caller}: CVAT's XML must hold skeletons or points; got {len(images)} pictures with "
            'none. Label skeletons, or export as "COCO Keypoints 1.0".'
        )
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
    return {"images": images, "categories": categories, "annotations": annotations}, []


def _image(index, name, element):
    entry = {"id": index, "file_name": name}
    if element is not None:
        entry |= {field: element.get(field) for field in ("width", "height") if element.get(field)}
    return entry


def _size_of(size):
    return {} if size is None else {each.tag: each.text for each in size if each.text}


def _frame_name(frame):
    return f"frame_{int(frame):06d}" if re.fullmatch("[0-9]{1,9}", frame) else frame


def _declared(root):
    """Label -> names of its keypoints in order, dicts, as the task's description has them."""
    names = {}
    for label in root.iter("label"):
        parent, name = label.findtext("parent"), label.findtext("name")
        if parent and name:
            names.setdefault(parent, {}).setdefault(name)
    return names


def _people_of_image(image):
    """(label, name -> (x, y, flag)) of each person."""
    for skeleton in image.iter("skeleton"):
        yield skeleton.get("label", ""), _points_of(skeleton)
    groups = defaultdict(dict)
    for points in image.findall("points"):
        label = points.get("label", "")
        if len(_positions(points)) > 1:
            yield label, _many(points)
        else:
            group = groups[points.get("group_id", "0")]
            # A keypoint that comes again is another person's.
            if label in group:
                yield "person", dict(group)
                group.clear()
            group |= _one(points)
    for group in groups.values():
        yield "person", group


def _shapes(label, shape):
    """The people of a track's shape: one, or none where it is outside."""
    if shape.get("outside") == "1":
        yield {}
    elif shape.tag == "skeleton":
        yield _points_of(shape)
    elif shape.tag == "points":
        yield _many(shape) if len(_positions(shape)) > 1 else _one(shape)


def _points_of(skeleton):
    return {
        name: values
        for points in skeleton.findall("points")
        for name, values in _one(points).items()
    }


def _one(points):
    positions = _positions(points)
    if points.get("outside") == "1" or not positions:
        return {}
    return {points.get("label", ""): (*positions[0], 1 if points.get("occluded") == "1" else 2)}


def _many(points):
    return {
        str(index): (*position, 2) for index, position in enumerate(_positions(points), start=1)
    }


def _positions(points):
    found = []
    for text in points.get("points", "").split(";"):
        position = tuple(number(value) for value in text.split(","))
        if len(position) == 2 and None not in position:
            found.append(position)
    return found
