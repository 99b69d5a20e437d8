"""Several COCO keypoints files as one: train, valid and test, or a file for each folder."""

import re
from pathlib import PurePosixPath

from posekit.datasets.exports.finding import Finder
from posekit.datasets.exports.values import identity
from posekit.errors import PosekitError


def merge(caller, contents, tree):
    """Put files together that name different pictures of `tree`.

    `contents` is name of each file -> its images, annotations and categories, lists of dict. Gives
    one such content, with new ids where they would clash and `near` in each image; the names of the
    files that are in it; and a list of notes, sentences. PosekitError where two files name the same
    picture, as a copy and its original do.
    """
    marked = {
        name: {**one, "images": [{**image, "near": _near(name)} for image in one["images"]]}
        for name, one in contents.items()
    }
    finder, owner, notes = Finder(tree), {}, []
    missing = set(marked)
    for name, one in marked.items() if len(marked) > 1 else ():
        for image in one["images"]:
            picture, _ = finder.find(str(image.get("file_name")), image["near"])
            if picture is None:
                continue
            missing.discard(name)
            if owner.setdefault(picture, name) != name:
                raise PosekitError(
                    f"{caller}: its JSON files must label different pictures; got {picture} in "
                    f"{owner[picture]} and {name}. Name the file that is meant, as the data or as "
                    "`annotations` in an own_data.toml."
                )
    if missing and len(missing) < len(marked):
        left_out = ", ".join(sorted(missing))
        notes.append(f"{left_out}: none of its pictures are there; it is not used.")
        marked = {name: one for name, one in marked.items() if name not in missing}
    several = list(marked.values())
    return several[0] if len(several) == 1 else _together(several), list(marked), notes


def _near(name):
    """The folders in which a COCO file's pictures are: next to it, and those named like it."""
    path = PurePosixPath(name)
    subset = re.sub(r"^_*(person_)?(keypoints|instances|annotations)?_*|\.coco$", "", path.stem)
    roots = [path.parent]
    if path.parent.name.lower() in ("annotations", "labels"):
        roots.append(path.parent.parent)
    inside = (f"images/{subset}", subset, "images", ".")
    found = dict.fromkeys(str(root / inner) for root in roots for inner in inside)
    return tuple("" if one == "." else one for one in found)


def _together(several):
    """All tables in one, with ids that are unique: those of the files where they are."""
    shift = not all(
        _are_unique([identity(row.get("id")) for one in several for row in one[table]])
        for table in ("images", "annotations")
    )
    images, annotations, categories = [], [], {}
    for index, one in enumerate(several):
        number_of, known = {}, {}
        for category in one["categories"]:
            keypoints = category.get("keypoints")
            if isinstance(keypoints, list) and keypoints:
                key = tuple(map(str, (category.get("name"), *keypoints)))
                merged = categories.setdefault(key, {**category, "id": len(categories) + 1})
                number_of[identity(category.get("id"))] = merged["id"]
        for image in one["images"]:
            old, new = identity(image.get("id")), image.get("id")
            if shift and old is not None and old not in known:
                new = len(images) + 1
            known.setdefault(old, new)
            images.append({**image, "id": new})
        for annotation in one["annotations"]:
            image_id = identity(annotation.get("image_id"))
            annotations.append(
                {
                    **annotation,
                    "id": len(annotations) + 1 if shift else annotation.get("id"),
                    "image_id": known.get(image_id, f"none of file {index}"),
                    "category_id": number_of.get(identity(annotation.get("category_id"))),
                }
            )
    return {"images": images, "annotations": annotations, "categories": list(categories.values())}


def _are_unique(ids):
    return len(set(ids)) == len(ids)
