"""Read people labelled as COCO keypoints: the JSON that COCO, CVAT and Label Studio write.

    images       id, file_name, width and height each
    categories   id, name, and the names of its keypoints
    annotations  image_id, category_id, bbox [x, y, width, height], iscrowd, and keypoints: x, y, v
                 of one keypoint after the other; v is 0: not labelled, 1: labelled but hidden,
                 2: labelled and seen

Keypoints are pixel indices from 0 in COCO's own files, and boxes lengths from the picture's corner,
as they are here. CVAT and Label Studio measure keypoints from the corner as well, so that the first
pixel's centre is at 0.5. `OwnData.pixel_centre` says which.

Of several people in a picture the one with the largest box is read, or, with people = "all", each
as a record of its own. A joint counts when v > 0 and it lies in the picture; a picture without
such a person is left out, and so are crowds and annotations without keypoints. Pictures are shown
upright, as annotators saw them; `orientation` decides in which frame the labels are.

Source: cocodataset.org, "Data format"; that keypoints are pixels from 0 to W - 1, while outlines
are measured from 0 to W: github.com/facebookresearch/detectron2/pull/175.
"""

import os
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import NamedTuple

import numpy as np

from posekit import geometry
from posekit.datasets import image_files, orientation
from posekit.datasets.coco import json_fields
from posekit.datasets.containers import split_path
from posekit.datasets.exports.finding import Finder, printable
from posekit.datasets.exports.values import identity
from posekit.datasets.pose_dataset import PERSON_BOX, PoseDataset
from posekit.errors import PosekitError, check_choice, raise_problems

NAME = "coco"

# Networks that write their predictions as labels are sure of a joint from here on.
CONFIDENCE = 0.5
# Sizes that tools have rounded.
ROUNDING_PX = 1


class Person(NamedTuple):
    """One annotated person."""

    annotation_id: int | str
    keypoints_px: np.ndarray  # float64 (K, 2), (x, y), pixels; 0 where not labelled
    labelled: np.ndarray  # bool (K,), True where the joint counts
    outside: tuple  # names of the joints that are labelled outside of the picture
    occluded: np.ndarray  # bool (K,), labelled but hidden
    box_px: np.ndarray  # float64 (4,), x, y, width and height, pixels


class Picture(NamedTuple):
    """One picture that can be read, and its people."""

    image_id: int | str  # the file's own
    name: str  # the file's name in the folder of pictures, as it can be printed
    file: str  # its name among the folder's or zip's files
    size_px: tuple  # (width, height), pixels, upright
    orientation: int  # EXIF's
    declared_px: tuple | None  # (width, height) in the labels' file, if any
    people: list  # of Person, crowds left out


@dataclass(frozen=True, eq=False)
class Inspected:
    """All that own data hold."""

    pictures: list  # of Picture, in the order of the file
    category_id: int  # of the people
    faults: list  # of (picture's name or "", what is wrong): what cannot be used
    image_count: int  # pictures, and those with annotations that cannot be read
    files: object  # what `containers.open_tree` gives for the pictures
    notes: list  # of str, how the data were read, and what is left out without being a fault


def read(own, *, bad_images="error"):
    """The PoseDataset of OwnData, named "coco", in the order of the file.

    Image ids are the names of the files, and with people = "all" NAME#ANNOTATION. Extras are
    `occluded`, bool (N, K), and int (N,): `person_count`, `coco_image_id`, `coco_annotation_id`
    and `coco_category_id`. With people = "all" also `person_box_px`, float64 (N, 4).

    `bad_images` is "error", or "skip" to drop annotations and pictures that cannot be used, with a
    warning that names them. PosekitError where the file is not as the module describes it.
    """
    check_choice("coco.read()", "bad_images", bad_images, ("error", "skip"))
    inspected = inspect(own)
    caller = str(own.annotations)
    for note in inspected.notes:
        warnings.warn(f"{caller}: {note}", stacklevel=3)
    bad = [f"{name}: {problem}" if name else problem for name, problem in inspected.faults]
    if bad_images == "error":
        advice = 'Mend it, or drop it with bad_images="skip" (--skip-bad-images).'
        raise_problems(caller, [f"{each} {advice}" for each in bad])
    elif bad:
        warnings.warn(
            f"{caller}: dropped {len(bad)} annotations and pictures that cannot be used: "
            f"{'; '.join(bad[:10])}",
            stacklevel=3,
        )
    return dataset_of(own, inspected)


def dataset_of(own, inspected):
    """The PoseDataset of `read` from what `inspect` found; PosekitError where no joint counts."""
    chosen = [
        (picture, person)
        for picture in inspected.pictures
        for person in chosen_people(picture, own.people)
    ]
    if not chosen:
        raise PosekitError(
            f"{own.annotations}: must label a joint of a person in at least one picture of "
            f"{own.images}; got none in {len(inspected.pictures)} pictures."
        )
    pictures, people = zip(*chosen, strict=True)
    names = [picture.name for picture in pictures]
    extras = {
        "occluded": np.array([each.occluded for each in people]),
        "person_count": np.array([len(each.people) for each in pictures]),
        "coco_image_id": np.array([each.image_id for each in pictures]),
        "coco_annotation_id": np.array([each.annotation_id for each in people]),
        "coco_category_id": np.full(len(chosen), inspected.category_id),
    }
    if own.people == "all":
        names = [f"{picture.name}#{person.annotation_id}" for picture, person in chosen]
        extras[PERSON_BOX] = np.array([person.box_px for person in people])
    file_of = {name: picture.file for name, picture in zip(names, pictures, strict=True)}
    files = inspected.files
    return PoseDataset(
        name=NAME,
        image_ids=np.array(names),
        keypoints_px=np.array([person.keypoints_px for person in people]),
        labelled=np.array([person.labelled for person in people]),
        image_sizes_px=np.array([picture.size_px for picture in pictures], np.int64),
        fixed_test=np.zeros(len(chosen), bool),
        has_fixed_test=False,
        read_image=lambda image_id: image_files.upright(files.read(file_of[image_id])),
        extras=extras,
        skeleton=own.skeleton,
    )


def chosen_people(picture, people):
    """The people with a labelled joint: the largest, or all of them, by own_data's `people`."""
    usable = [person for person in picture.people if person.labelled.any()]
    if people == "largest":
        return sorted(usable, key=lambda person: person.box_px[2:].prod(), reverse=True)[:1]
    return usable


def inspect(own):
    """Read the file as far as possible, and note what is wrong; gives Inspected.

    PosekitError where it cannot be used at all: it is no such JSON, has no fitting category, or the
    folder of pictures is missing.
    """
    caller = str(own.annotations)
    if not own.images.exists() and split_path(own.images)[0] == own.images:
        raise PosekitError(
            f"{caller}: the folder of its pictures must be there; got {own.images}. Name it as "
            "`images` in an own_data.toml."
        )
    opened = own.open()
    categories, images, annotations = (
        json_fields.table(caller, opened.content, field)
        for field in ("categories", "images", "annotations")
    )
    category = json_fields.category_of(caller, own, categories)
    faults, notes = [], list(opened.notes)
    pictures, problem_of = _pictures(own, opened, images, faults, notes)
    labelled = _annotations(opened, category, annotations, pictures, faults, notes)
    usable = {key: each for key, each in pictures.items() if key not in problem_of}
    _place_people(own, opened, category, usable, labelled, problem_of, notes)
    # Pictures without annotations need not exist: COCO's own lists name many of them.
    bad_images = [
        (pictures[key].name, problem) for key, problem in problem_of.items() if key in labelled
    ]
    good = [each for key, each in usable.items() if key not in problem_of]
    return Inspected(
        pictures=good,
        category_id=category["id"],
        faults=faults + bad_images,
        image_count=len(good) + len(bad_images),
        files=opened.files,
        notes=notes,
    )


def _pictures(own, opened, images, faults, notes):
    """Id -> Picture without people; id -> what is wrong with the file."""
    entries = {}
    for number, image in enumerate(images):
        try:
            key = json_fields.id_of(image, entries)
            json_fields.check_image(image)
        except PosekitError as error:
            faults.append(("", f"entry {number} of `images`: {error}"))
        else:
            entries[key] = (number, image)
    finder = Finder(opened.files)
    found = {
        key: finder.find(image["file_name"], _near(image)) for key, (_, image) in entries.items()
    }
    # A file that somebody names exactly is not another's with a name like it.
    exact = {name for name, is_exact in found.values() if is_exact}
    pictures, problem_of, located, other_names = {}, {}, set(), []
    for key, (number, image) in entries.items():
        name, is_exact = found[key]
        if not is_exact and name in exact:
            name = None
        shown = printable(image["file_name"] if name is None else name)
        if name in located:
            problem = f"`file_name` must be there once; got {shown} again."
            faults.append(("", f"entry {number} of `images`: {problem}"))
            continue
        size_px, turn, declared_px = None, 1, json_fields.declared_size(image)
        if name is None:
            problem_of[key] = f"must be a file in {own.images}; got none."
        else:
            located.add(name)
            if not is_exact:
                other_names.append(f"{printable(image['file_name'])} is {shown}")
            try:
                size_px, turn = image_files.frame_of(opened.files, name)
            except PosekitError as error:
                problem_of[key] = f"{error}."
        if None not in (size_px, declared_px):
            if np.abs(np.subtract(declared_px, size_px)).max() <= ROUNDING_PX:
                declared_px = size_px
            elif sorted(declared_px) != sorted(size_px):
                problem_of[key] = _other_size(declared_px, size_px)
        pictures[key] = Picture(key, shown, name, size_px, turn, declared_px, [])
    if other_names:
        notes.append(f"{len(other_names)} pictures are found under other names: {other_names[0]}.")
    if opened.is_export:
        # All names without the folders that they have in common.
        parts = {key: PurePosixPath(each.name).parts for key, each in pictures.items()}
        shared = len(os.path.commonprefix([each[:-1] for each in parts.values()]))
        for key, each in pictures.items():
            pictures[key] = each._replace(name="/".join(parts[key][shared:]))
    return pictures, problem_of


def _near(image):
    # A stranger's JSON may have such a field too, but holds no tuples.
    return image["near"] if isinstance(image.get("near"), tuple) else ()


def _other_size(declared_px, size_px):
    return (
        f"must have the size that its annotations were made on, {declared_px[0]} x "
        f"{declared_px[1]}; got {size_px[0]} x {size_px[1]}. Use the pictures that were annotated."
    )


def _annotations(opened, category, annotations, pictures, faults, notes):
    """Image id -> list of (id, keypoints, box) of the annotations that can be used."""
    mine = [
        (number, annotation)
        for number, annotation in enumerate(annotations)
        if identity(annotation.get("category_id")) == category["id"]
    ]
    are_confidences = any(json_fields.has_confidences(annotation) for _, annotation in mine)
    limit = 100.0 if opened.are_fractions else image_files.SIDE_LIMIT_PX
    labelled, ids, left_out = defaultdict(list), set(), Counter()
    for number, annotation in mine:
        if kind := json_fields.kind_left_out(annotation):
            left_out[kind] += 1
            continue
        image_id, is_nameless = identity(annotation.get("image_id")), annotation.get("id") is None
        try:
            if image_id not in pictures:
                got = annotation.get("image_id")
                raise PosekitError(f"`image_id` must be the id of an image; got {got!r:.60}.")
            key = json_fields.id_of({"id": number} if is_nameless else annotation, ids)
            values = json_fields.keypoints_of(annotation, category["keypoints"], limit=limit)
            box = json_fields.box_of(annotation)
        except PosekitError as error:
            called = identity(annotation.get("id"))
            called = f"number {number}" if called is None else called
            name = pictures[image_id].name if image_id in pictures else ""
            faults.append((name, f"annotation {called}: {error}"))
            continue
        if are_confidences:
            values[:, 2] = np.where(values[:, 2] >= CONFIDENCE, 2, 0)
        ids.add(key)
        labelled[image_id].append((key, values, box))
    notes += [f"{count} annotations {what} are left out." for what, count in left_out.items()]
    if are_confidences:
        notes.append(
            "the visibilities are confidences, as predictions have them: a joint counts from "
            f"{CONFIDENCE} on."
        )
    return labelled


def _place_people(own, opened, category, pictures, labelled, problem_of, notes):
    """Add the people to their pictures, in the upright picture's pixels."""
    index_of = {name: index for index, name in enumerate(category["keypoints"])}
    source_indices = [[index_of[keypoint] for keypoint in sources] for sources in own.sources]
    stored = set()
    if not opened.are_fractions:
        stored = _in_stored_frame(own, pictures, labelled, problem_of, notes)
    for key, picture in pictures.items():
        for annotation_id, values, box in labelled.get(key, ()):
            if opened.are_fractions:
                values[:, :2] *= picture.size_px
                box = None if box is None else np.multiply(box, 2 * picture.size_px).tolist()
            picture.people.append(
                _person(own, annotation_id, values, box, picture, source_indices, key in stored)
            )


def _in_stored_frame(own, pictures, labelled, problem_of, notes):
    """Ids of the pictures whose labels are in the frame as stored, to be turned."""
    points = {
        key: np.concatenate(
            [np.zeros((0, 2)), *(one[:, :2][one[:, 2] > 0] for _, one, _ in labelled.get(key, ()))]
        )
        - own.pixel_centre
        for key in pictures
    }
    seen = [
        orientation.Labelled(each.size_px, each.declared_px, each.orientation, points[key])
        for key, each in pictures.items()
    ]
    are_stored = zip(pictures, orientation.in_stored_frame(seen), strict=True)
    stored = {key for key, is_stored in are_stored if is_stored}
    upright_though = 0
    for key, picture in pictures.items():
        if picture.declared_px in (None, picture.size_px):
            continue
        # Width and height exchanged by a slip: right where the labels lie in the picture.
        is_turned = picture.orientation in orientation.SIDEWAYS
        if not is_turned and not orientation.inside(points[key], picture.size_px).all():
            problem_of[key] = _other_size(picture.declared_px, picture.size_px)
        elif key not in stored and key in labelled:
            upright_though += 1
    if upright_though:
        notes.append(
            f"{upright_though} pictures: width and height are those of the file as stored, the "
            "labels are read in the picture as viewers show it."
        )
    if count := len(stored & labelled.keys()):
        notes.append(
            f"{count} pictures: the labels are in the frame of the file as stored and are turned "
            "with the picture, which viewers show turned."
        )
    return stored


class Layout(NamedTuple):
    """How results are written to fit a file of annotations."""

    image_ids: dict  # name of a picture's file -> its id
    category_id: int
    joints: tuple  # for each keypoint of the file the joint that it is, None for no joint
    pixel_centre: float  # see own_data.OwnData


def layout_of(own):
    """The Layout of own data's annotations.

    A joint that is the middle of several keypoints is none of them, and pictures of one name in
    several folders are left out. PosekitError as for `inspect`, except for the pictures.
    """
    caller = str(own.annotations)
    content = own.open().content
    category = json_fields.category_of(
        caller, own, json_fields.table(caller, content, "categories")
    )
    names = defaultdict(list)
    for image in json_fields.table(caller, content, "images"):
        image_id = identity(image.get("id"))
        if isinstance(image.get("file_name"), str) and image_id is not None:
            names[PureWindowsPath(image["file_name"]).name].append(image_id)
    joint_of = {sources[0]: joint for joint, sources in enumerate(own.sources) if len(sources) == 1}
    return Layout(
        image_ids={name: ids[0] for name, ids in names.items() if len(ids) == 1},
        category_id=category["id"],
        joints=tuple(joint_of.get(keypoint) for keypoint in category["keypoints"]),
        pixel_centre=own.pixel_centre,
    )


def plain_layout(skeleton, names):
    """The Layout of pictures without annotations: ids from 1 in order of `names`, category 1."""
    image_ids = {name: number for number, name in enumerate(names, start=1)}
    return Layout(image_ids, 1, tuple(range(skeleton.joint_count)), 0.0)


def _person(own, number, values, box, picture, source_indices, is_stored):
    size_px = picture.size_px
    keypoints_px = np.zeros((len(source_indices), 2))
    known, occluded = np.zeros(len(source_indices), bool), np.zeros(len(source_indices), bool)
    for joint, sources in enumerate(source_indices):
        flags = values[sources, 2]
        if sources and (flags > 0).all():
            keypoints_px[joint] = values[sources, :2].mean(axis=0) - own.pixel_centre
            known[joint], occluded[joint] = True, (flags == 1).any()
    if is_stored:
        turned = orientation.points_to_upright(keypoints_px, size_px, picture.orientation)
        keypoints_px = np.where(known[:, None], turned, 0.0)
        box = box and orientation.box_to_upright(box, size_px, picture.orientation).tolist()
    inside = orientation.inside(keypoints_px, size_px)
    names = own.skeleton.joints
    return Person(
        annotation_id=number,
        keypoints_px=keypoints_px,
        labelled=known & inside,
        outside=tuple(names[joint] for joint in np.flatnonzero(known & ~inside)),
        occluded=occluded,
        box_px=_box_px(box, keypoints_px, known),
    )


def _box_px(stored, keypoints_px, known):
    """The annotation's box, or that of its joints where it has none."""
    if stored is not None and min(stored[2:]) > 0:
        return np.array(stored, float)
    (box_px,) = geometry.joint_boxes(keypoints_px[None], known[None])
    return np.maximum(box_px, [-np.inf, -np.inf, 1.0, 1.0]) if known.any() else np.zeros(4)
