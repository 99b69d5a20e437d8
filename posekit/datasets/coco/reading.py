"""Read people labelled as COCO keypoints: the JSON that COCO, CVAT and Label Studio write.

    images       id, file_name, width and height each
    categories   id, name, and the names of its keypoints
    annotations  image_id, category_id, bbox [x, y, width, height], iscrowd, and keypoints: x, y, v
                 of one keypoint after the other; v is 0: not labelled, 1: labelled but hidden,
                 2: labelled and seen

Keypoints are pixel indices from 0 in COCO's own files: an integer is the centre of a pixel, as it
is here (Detectron2 reads them so too, and boxes as lengths from the picture's corner). CVAT and
Label Studio measure keypoints from the corner as well, so that the first pixel's centre is at
0.5. `OwnData.pixel_centre` says which; half a pixel matters in small pictures only.

Of several people in a picture the one with the largest box is read, or, with people = "all", each
as a record of its own. A joint counts when v > 0 and it lies in the picture; a picture without
such a person is left out, and so are crowds and annotations without keypoints. Pictures are shown
upright, as annotators saw them; `orientation` decides in which frame the labels are.

Source: cocodataset.org, "Data format"; that keypoints are pixels from 0 to W - 1, while outlines
are measured from 0 to W: github.com/facebookresearch/detectron2/pull/175.
"""

import warnings
from collections import defaultdict
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
    are_fractions: bool  # whether the labels' numbers are shares of the upright picture
    people: list  # of Person, crowds left out


@dataclass(frozen=True, eq=False)
class Inspected:
    """All that own data hold."""

    pictures: list  # of Picture, in the order of the file
    category_id: int  # of the people
    faults: list  # of (picture's name or "", what is wrong): parts that cannot be used
    bad_images: list  # of the same, for pictures that cannot be read
    files: object  # what `containers.open_tree` gives for the pictures
    notes: list  # of str, how the data were read, and what is left out without being a fault


def read(own, *, bad_images="error"):
    """Read labels and image sizes of OwnData; pictures are read on demand.

    `bad_images` is "error", or "skip" to drop annotations and pictures that cannot be used, with a
    warning that names them.

    Returns:
        PoseDataset named "coco" with the joints of `own`, in the order of the file. Image ids are
        the names of the files, and with people = "all" NAME#ANNOTATION. Extras are `occluded`,
        bool (N, K), and int (N,): `person_count`, `coco_image_id`, `coco_annotation_id` and
        `coco_category_id`. With people = "all" also `person_box_px`, float64 (N, 4).

    Raises:
        PosekitError: the file is not as the module describes it.
    """
    check_choice("coco.read()", "bad_images", bad_images, ("error", "skip"))
    inspected = inspect(own)
    caller = str(own.annotations)
    for note in inspected.notes:
        warnings.warn(f"{caller}: {note}", stacklevel=3)
    bad = [*inspected.faults, *inspected.bad_images]
    if bad_images == "error":
        problems = [
            f'{_sentence(*fault)} Mend it, or drop it with bad_images="skip" (--skip-bad-images).'
            for fault in inspected.faults
        ] + [
            f'{_sentence(*fault)} Get it again, or drop it with bad_images="skip" '
            "(--skip-bad-images)."
            for fault in inspected.bad_images
        ]
        raise_problems(caller, problems)
    elif bad:
        what = "annotations and pictures" if inspected.faults else "pictures"
        named = "; ".join(_sentence(*fault) for fault in bad[:10])
        warnings.warn(
            f"{caller}: dropped {len(bad)} {what} that cannot be used: {named}", stacklevel=3
        )
    return dataset_of(own, inspected)


def dataset_of(own, inspected):
    """The PoseDataset of `read` from what `inspect` found usable.

    Raises:
        PosekitError: no picture has a person with a labelled joint.
    """
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
    everyone = own.people == "all"
    names = [
        f"{picture.name}#{person.annotation_id}" if everyone else picture.name
        for picture, person in chosen
    ]
    file_of = {key: picture.file for key, (picture, _) in zip(names, chosen, strict=True)}
    files = inspected.files
    extras = {
        "occluded": np.array([person.occluded for _, person in chosen]),
        "person_count": np.array([len(picture.people) for picture, _ in chosen]),
        "coco_image_id": np.array([picture.image_id for picture, _ in chosen]),
        "coco_annotation_id": np.array([person.annotation_id for _, person in chosen]),
        "coco_category_id": np.full(len(chosen), inspected.category_id),
    }
    if everyone:
        extras[PERSON_BOX] = np.array([person.box_px for _, person in chosen])
    return PoseDataset(
        name=NAME,
        image_ids=np.array(names),
        keypoints_px=np.array([person.keypoints_px for _, person in chosen]),
        labelled=np.array([person.labelled for _, person in chosen]),
        image_sizes_px=np.array([picture.size_px for picture, _ in chosen], np.int64),
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

    Raises:
        PosekitError: the file cannot be used at all: it is no such JSON, has no fitting category,
            or the folder of pictures is missing.
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
    pictures, problem_of, faults, notes = _pictures(own, opened, images)
    found, annotated, more = _annotations(category, annotations, pictures)
    faults += found.faults
    notes = [*opened.notes, *notes, *more]
    usable = {
        image_id: picture for image_id, picture in pictures.items() if image_id not in problem_of
    }
    labelled = {key: found.of_picture.get(key, []) for key in usable}
    notes += _place_people(own, category, usable, labelled, problem_of)
    return Inspected(
        pictures=[each for image_id, each in usable.items() if image_id not in problem_of],
        category_id=category["id"],
        faults=faults,
        # Pictures without annotations need not exist: COCO's own lists name many of them.
        bad_images=[
            (pictures[image_id].name, problem)
            for image_id, problem in problem_of.items()
            if image_id in annotated
        ],
        files=opened.files,
        notes=notes,
    )


class _Found(NamedTuple):
    """Annotations that can be used: image id -> list of (id, keypoints, box), and faults."""

    of_picture: dict
    faults: list


def _annotations(category, annotations, pictures):
    """_Found; ids of the images that are annotated; notes."""
    names, faults = category["keypoints"], []
    of_picture, annotated, ids = defaultdict(list), set(), set()
    mine = [
        (number, annotation)
        for number, annotation in enumerate(annotations)
        if identity(annotation.get("category_id")) == category["id"]
    ]
    are_confidences = any(json_fields.has_confidences(annotation) for _, annotation in mine)
    left_out = defaultdict(int)
    for number, annotation in mine:
        if json_fields.is_crowd(annotation):
            left_out["of crowds"] += 1
            continue
        if not json_fields.has_keypoints(annotation):
            left_out["without keypoints"] += 1
            continue
        image_id = identity(annotation.get("image_id"))
        picture = pictures.get(image_id)
        annotation_id = number if annotation.get("id") is None else identity(annotation["id"])
        values, box, problem = None, None, None
        if picture is None:
            got = annotation.get("image_id")
            problem = f"`image_id` must be the id of an image; got {got!r:.60}."
        elif annotation_id is None:
            problem = f"`id` must be a whole number or a name; got {annotation['id']!r:.60}."
        else:
            values, problem = json_fields.keypoints_of(
                annotation, names, are_fractions=picture.are_fractions
            )
        if problem is None:
            box, problem = json_fields.box_of(annotation)
        if problem is None and annotation_id in ids:
            problem = "`id` must be there once; got it again."
        if problem is not None:
            called = f"number {number}" if annotation_id is None else annotation_id
            faults.append((picture.name if picture else "", f"annotation {called}: {problem}"))
            continue
        if are_confidences:
            values[:, 2] = np.where(values[:, 2] >= CONFIDENCE, 2, 0)
        annotated.add(image_id)
        ids.add(annotation_id)
        of_picture[image_id].append((annotation_id, values, box))
    notes = [f"{count} annotations {what} are left out." for what, count in left_out.items()]
    if are_confidences:
        notes.append(
            "the visibilities are confidences, as predictions have them: a joint counts from "
            f"{CONFIDENCE} on."
        )
    return _Found(of_picture, faults), annotated, notes


def _pictures(own, opened, images):
    """Id -> Picture without people; id -> what is wrong with the file; faults; notes."""
    finder = Finder(opened.files)
    pictures, problem_of, faults = {}, {}, []
    located, entries = {}, {}
    for number, image in enumerate(images):
        problem = json_fields.problem_of_image(image, entries)
        if problem is not None:
            faults.append(("", f"entry {number} of `images`: {problem}"))
            continue
        entries[identity(image["id"])] = (number, image)
    found = {
        key: finder.find(image["file_name"], _near(image)) for key, (_, image) in entries.items()
    }
    # A file that somebody names exactly is not another's with a name like it.
    exact = {name for name, is_exact in found.values() if is_exact}
    other_names = []
    for key, (number, image) in entries.items():
        name, is_exact = found[key]
        if name is not None and not is_exact and name in exact:
            name = None
        if name is not None and name in located:
            problem = f"`file_name` must be there once; got {printable(name)} again."
            faults.append(("", f"entry {number} of `images`: {problem}"))
            continue
        shown = printable(image["file_name"] if name is None else name)
        if name is None:
            problem_of[key] = f"must be a file in {own.images}; got none."
        else:
            located[name] = key
            if not is_exact:
                other_names.append(f"{printable(image['file_name'])} is {shown}")
        pictures[key] = _picture(opened, key, shown, name, image, problem_of)
    notes = []
    if other_names:
        notes.append(f"{len(other_names)} pictures are found under other names: {other_names[0]}.")
    if opened.is_export:
        _shorten(pictures)
    return pictures, problem_of, faults, notes


def _near(image):
    # A stranger's JSON may have such a field too, but holds no tuples.
    return image["near"] if isinstance(image.get("near"), tuple) else ()


def _picture(opened, key, shown, name, image, problem_of):
    declared_px = json_fields.declared_size(image)
    size_px, turn = None, 1
    if name is not None:
        try:
            with opened.files.open(name) as file:
                size_px, turn = image_files.read_frame(file)
        except PosekitError as error:
            problem_of[key] = f"{error}."
        except Exception as error:  # whatever a damaged zip raises
            problem_of[key] = f"must be readable; got {error}."
    if size_px is not None and declared_px is not None:
        if max(abs(a - b) for a, b in zip(declared_px, size_px, strict=True)) <= ROUNDING_PX:
            declared_px = size_px
        elif sorted(declared_px) != sorted(size_px):
            problem_of[key] = _other_size(declared_px, size_px)
    return Picture(key, shown, name, size_px, turn, declared_px, opened.are_fractions, [])


def _shorten(pictures):
    """Leave out of all names the folders that they have in common."""
    folders = [PurePosixPath(picture.name).parts[:-1] for picture in pictures.values()]
    shared = 0
    while folders and all(len(parts) > shared for parts in folders):
        if len({parts[shared] for parts in folders}) > 1:
            break
        shared += 1
    for key, picture in pictures.items():
        parts = PurePosixPath(picture.name).parts[shared:]
        pictures[key] = picture._replace(name="/".join(parts))


def _other_size(declared_px, size_px):
    return (
        f"must have the size that its annotations were made on, {declared_px[0]} x "
        f"{declared_px[1]}; got {size_px[0]} x {size_px[1]}. Use the pictures that were annotated."
    )


def _place_people(own, category, pictures, labelled, problem_of):
    """Add the people to their pictures, in the upright picture's pixels; notes."""
    index_of = {name: index for index, name in enumerate(category["keypoints"])}
    source_indices = [[index_of[keypoint] for keypoint in sources] for sources in own.sources]
    points = {
        key: np.concatenate(
            [np.zeros((0, 2)), *(one[:, :2][one[:, 2] > 0] for _, one, _ in people)]
        )
        - own.pixel_centre
        for key, people in labelled.items()
    }
    turned = [key for key, each in pictures.items() if not each.are_fractions]
    seen = [
        orientation.Labelled(each.size_px, each.declared_px, each.orientation, points[key])
        for key in turned
        for each in (pictures[key],)
    ]
    stored = {
        key
        for key, is_stored in zip(turned, orientation.in_stored_frame(seen), strict=True)
        if is_stored
    }
    upright_though = 0
    for key, picture in pictures.items():
        other = picture.declared_px not in (None, picture.size_px) and not picture.are_fractions
        if other and picture.orientation not in orientation.SIDEWAYS:
            # Width and height exchanged by a slip: right where the labels lie in the picture.
            ends = np.array(picture.size_px) - 0.5
            if ((points[key] < -0.5) | (points[key] > ends)).any():
                problem_of[key] = _other_size(picture.declared_px, picture.size_px)
                continue
        upright_though += bool(other and key not in stored and labelled[key])
        for annotation_id, values, box in labelled[key]:
            if picture.are_fractions:
                size_px = np.array(picture.size_px, float)
                values = np.concatenate([values[:, :2] * size_px, values[:, 2:]], axis=1)
                box = None if box is None else np.array(box) * np.tile(size_px, 2)
            picture.people.append(
                _person(own, annotation_id, values, box, picture, source_indices, key in stored)
            )
    notes = []
    if upright_though:
        notes.append(
            f"{upright_though} pictures: width and height are those of the file as stored, the "
            "labels are read in the picture as viewers show it."
        )
    count = sum(bool(labelled[key]) for key in stored)
    if count:
        notes.append(orientation.turned_note(count))
    return notes


@dataclass(frozen=True)
class Layout:
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
    return Layout(
        image_ids={name: number for number, name in enumerate(names, start=1)},
        category_id=1,
        joints=tuple(range(skeleton.joint_count)),
        pixel_centre=0.0,
    )


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
    # The picture's own pixels reach from half a pixel before 0 to half a pixel beyond the last.
    inside = ((keypoints_px >= -0.5) & (keypoints_px <= np.array(size_px) - 0.5)).all(-1)
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
    if not known.any():
        return np.zeros(4)
    (box_px,) = geometry.joint_boxes(keypoints_px[None], known[None])
    return np.maximum(box_px, [-np.inf, -np.inf, 1.0, 1.0])


def _sentence(name, problem):
    return f"{name}: {problem}" if name else problem
