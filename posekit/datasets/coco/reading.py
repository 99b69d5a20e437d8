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
such a person is left out, and so are crowds. Pictures are shown upright, as annotators saw them.

Source: cocodataset.org, "Data format"; that keypoints are pixels from 0 to W - 1, while outlines
are measured from 0 to W: github.com/facebookresearch/detectron2/pull/175.
"""

import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import NamedTuple

import numpy as np

from posekit import geometry
from posekit.datasets import image_files
from posekit.datasets.coco import json_fields
from posekit.datasets.containers import escapes, open_container
from posekit.datasets.pose_dataset import PoseDataset
from posekit.errors import PosekitError, check_choice, raise_problems

NAME = "coco"


class Person(NamedTuple):
    """One annotated person."""

    annotation_id: int
    keypoints_px: np.ndarray  # float64 (K, 2), (x, y), pixels; 0 where not labelled
    labelled: np.ndarray  # bool (K,), True where the joint counts
    outside: tuple  # names of the joints that are labelled outside of the picture
    occluded: np.ndarray  # bool (K,), labelled but hidden
    box_px: np.ndarray  # float64 (4,), x, y, width and height, pixels


class Picture(NamedTuple):
    """One picture that can be read, and its people."""

    image_id: int  # the file's own
    name: str  # the file's name in the folder of pictures
    size_px: tuple  # (width, height), pixels, upright
    people: list  # of Person, crowds left out


@dataclass(frozen=True, eq=False)
class Inspected:
    """All that own data hold."""

    pictures: list  # of Picture, in the order of the file
    category_id: int  # of the people
    faults: list  # of (picture's name or "", what is wrong): parts that cannot be used
    bad_images: list  # of the same, for pictures that cannot be read
    files: object  # what `containers.open_container` gives for the folder of pictures


def read(own, *, bad_images="error"):
    """Read labels and image sizes of OwnData; pictures are read on demand, `bad_images` as in lsp.

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
    problems = [_sentence(*fault) for fault in inspected.faults]
    if bad_images == "error":
        problems += [
            f'{_sentence(*fault)} Get it again, or drop it with bad_images="skip" '
            "(--skip-bad-images)."
            for fault in inspected.bad_images
        ]
    raise_problems(caller, problems)
    if inspected.bad_images:
        named = "; ".join(_sentence(*fault) for fault in inspected.bad_images[:10])
        warnings.warn(
            f"{caller}: dropped {len(inspected.bad_images)} pictures that cannot be used: {named}",
            stacklevel=3,
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
    name_of = {key: picture.name for key, (picture, _) in zip(names, chosen, strict=True)}
    files = inspected.files
    extras = {
        "occluded": np.array([person.occluded for _, person in chosen]),
        "person_count": np.array([len(picture.people) for picture, _ in chosen]),
        "coco_image_id": np.array([picture.image_id for picture, _ in chosen]),
        "coco_annotation_id": np.array([person.annotation_id for _, person in chosen]),
        "coco_category_id": np.full(len(chosen), inspected.category_id),
    }
    if everyone:
        extras["person_box_px"] = np.array([person.box_px for _, person in chosen])
    return PoseDataset(
        name=NAME,
        image_ids=np.array(names),
        keypoints_px=np.array([person.keypoints_px for _, person in chosen]),
        labelled=np.array([person.labelled for _, person in chosen]),
        image_sizes_px=np.array([picture.size_px for picture, _ in chosen], np.int64),
        fixed_test=np.zeros(len(chosen), bool),
        has_fixed_test=False,
        read_image=lambda image_id: image_files.upright(files.read(name_of[image_id])),
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
    content = json_fields.read_json(own.annotations)
    categories, images, annotations = (
        json_fields.table(caller, content, field) for field in ("categories", "images", "annotations")
    )
    category = json_fields.category_of(caller, own, categories)
    if not own.images.is_dir():
        raise PosekitError(
            f"{caller}: the folder of its pictures must be there; got {own.images}. Name it as "
            "`images` in an own_data.toml."
        )
    files = open_container(own.images)
    pictures, problem_of, faults = _pictures(own, files, images)
    source_indices = [
        [category["keypoints"].index(keypoint) for keypoint in sources] for sources in own.sources
    ]
    annotated, annotation_ids = set(), set()
    for number, annotation in enumerate(annotations):
        if annotation.get("category_id") != category["id"] or annotation.get("iscrowd") == 1:
            continue
        image_id = annotation.get("image_id")
        picture = pictures.get(image_id) if json_fields.is_id(image_id) else None
        problem = json_fields.problem_of_annotation(annotation, picture, len(category["keypoints"]))
        annotation_id = annotation.get("id", number)
        if problem is None and annotation_id in annotation_ids:
            problem = "`id` must be there once; got it again."
        if problem is not None:
            called = annotation_id if json_fields.is_id(annotation_id) else f"number {number}"
            faults.append((picture.name if picture else "", f"annotation {called}: {problem}"))
            continue
        annotated.add(image_id)
        annotation_ids.add(annotation_id)
        if image_id not in problem_of:
            picture.people.append(_person(own, annotation, annotation_id, picture, source_indices))
    return Inspected(
        pictures=[each for image_id, each in pictures.items() if image_id not in problem_of],
        category_id=category["id"],
        faults=faults,
        # Pictures without annotations need not exist: COCO's own lists name many of them.
        bad_images=[
            (pictures[image_id].name, problem)
            for image_id, problem in problem_of.items()
            if image_id in annotated
        ],
        files=files,
    )


def _pictures(own, files, images):
    """Id -> Picture without people; id -> what is wrong with the file; faults of the list."""
    pictures, problem_of, faults, names = {}, {}, [], set()
    for number, image in enumerate(images):
        problem = json_fields.problem_of_image(image, pictures)
        if problem is None:
            name = _located(own.images, image["file_name"])
            if name in names:
                problem = f"`file_name` must be there once; got {name} again."
        if problem is not None:
            faults.append(("", f"entry {number} of `images`: {problem}"))
            continue
        size_px = None
        if name is None:
            problem_of[image["id"]] = f"must be a file in {own.images}; got none."
        else:
            names.add(name)
            try:
                size_px = _size_px(files, name, image)
            except PosekitError as error:
                problem_of[image["id"]] = str(error)
        pictures[image["id"]] = Picture(image["id"], name or image["file_name"], size_px, [])
    return pictures, problem_of, faults


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
    content = json_fields.read_json(own.annotations)
    category = json_fields.category_of(caller, own, json_fields.table(caller, content, "categories"))
    names = defaultdict(list)
    for image in json_fields.table(caller, content, "images"):
        if isinstance(image.get("file_name"), str) and json_fields.is_id(image.get("id")):
            names[PureWindowsPath(image["file_name"]).name].append(image["id"])
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


def _located(folder, file_name):
    """A picture's name in the folder, or None; annotation tools write other machines' paths too."""
    last = PureWindowsPath(file_name).name
    for name in (last,) if escapes(file_name) else (file_name, last):
        try:
            if (folder / name).is_file():
                return name
        except OSError:  # a name longer than any file system takes
            continue
    return None


def _size_px(files, name, image):
    """Size of a picture, upright; PosekitError with the rest of a sentence about it."""
    try:
        with files.open(name) as file:
            size_px = image_files.read_size_px(file, upright=True)
    except OSError as error:
        raise PosekitError(f"must be readable; got {error}.") from error
    except PosekitError as error:
        raise PosekitError(f"{error}.") from error
    declared = image.get("width"), image.get("height")
    if all(declared) and declared != size_px:
        raise PosekitError(
            f"must have the size that its annotations were made on, {declared[0]} x "
            f"{declared[1]}; got {size_px[0]} x {size_px[1]}. Use the pictures that were annotated."
        )
    return size_px


def _person(own, annotation, number, picture, source_indices):
    stored = np.array(annotation["keypoints"], float).reshape(-1, 3)
    width, height = picture.size_px
    joint_count = len(source_indices)
    keypoints_px = np.zeros((joint_count, 2))
    known, occluded = np.zeros(joint_count, bool), np.zeros(joint_count, bool)
    for joint, sources in enumerate(source_indices):
        flags = stored[sources, 2]
        if sources and (flags > 0).all():
            keypoints_px[joint] = stored[sources, :2].mean(axis=0) - own.pixel_centre
            known[joint], occluded[joint] = True, (flags == 1).any()
    # The picture's own pixels reach from half a pixel before 0 to half a pixel beyond the last.
    inside = ((keypoints_px >= -0.5) & (keypoints_px <= np.array([width, height]) - 0.5)).all(-1)
    names = own.skeleton.joints
    return Person(
        annotation_id=number,
        keypoints_px=keypoints_px,
        labelled=known & inside,
        outside=tuple(names[joint] for joint in np.flatnonzero(known & ~inside)),
        occluded=occluded,
        box_px=_box_px(annotation.get("bbox"), keypoints_px, known),
    )


def _box_px(stored, keypoints_px, known):
    """The annotation's box, or that of its joints where it has none."""
    if stored and min(stored[2:]) > 0:
        return np.array(stored, float)
    if not known.any():
        return np.zeros(4)
    (box_px,) = geometry.joint_boxes(keypoints_px[None], known[None])
    return np.maximum(box_px, [-np.inf, -np.inf, 1.0, 1.0])


def _sentence(name, problem):
    return f"{name}: {problem}" if name else problem
