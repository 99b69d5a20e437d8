"""Several COCO keypoints files as one: train, valid and test, or a file for each folder."""

from typing import NamedTuple

from posekit.datasets.exports.finding import Finder
from posekit.datasets.exports.values import identity
from posekit.errors import PosekitError


class Merged(NamedTuple):
    """One content of several, the names of the files that are in it, and notes about them."""

    content: dict
    used: list
    notes: list


def merge(caller, contents, near, tree):
    """Put files together that name different pictures.

    Args:
        caller: str, the folder or zip, for messages.
        contents: dict, name of each file -> its content, a dict with images, annotations and
            categories, lists of dict.
        near: dict, name of each file -> folders of its pictures.
        tree: what `containers.open_tree` gives.

    Returns:
        Merged. Ids are new where they would clash; images have `near`.

    Raises:
        PosekitError: two files name the same picture, as a copy and its original do.
    """
    finder = Finder(tree)
    notes = []
    if len(contents) > 1:
        there = {
            name: [
                finder.find(str(image.get("file_name")), near[name])[0] for image in one["images"]
            ]
            for name, one in contents.items()
        }
        missing = [name for name, found in there.items() if not any(found)]
        if missing and len(missing) < len(contents):
            notes.append(f"{', '.join(missing)}: none of its pictures are there; it is not used.")
            contents = {name: one for name, one in contents.items() if name not in missing}
        _check_disjoint(caller, {name: there[name] for name in contents})
    marked = {
        name: {**one, "images": [{**image, "near": near[name]} for image in one["images"]]}
        for name, one in contents.items()
    }
    if len(marked) == 1:
        return Merged(next(iter(marked.values())), list(marked), notes)
    return Merged(_together(list(marked.values())), list(marked), notes)


def _check_disjoint(caller, there):
    owner = {}
    for name, found in there.items():
        for picture in filter(None, found):
            if owner.setdefault(picture, name) != name:
                raise PosekitError(
                    f"{caller}: its JSON files must label different pictures; got {picture} in "
                    f"{owner[picture]} and {name}. Name the file that is meant, as the data or as "
                    "`annotations` in an own_data.toml."
                )


def _together(several):
    """All tables in one, with ids that are unique: those of the files where they are."""
    shift = not all(
        _are_unique([identity(row.get("id")) for one in several for row in one[table]])
        for table in ("images", "annotations")
    )
    images, annotations, categories = [], [], {}
    for index, one in enumerate(several):
        number_of = {}
        for category in one["categories"]:
            keypoints = category.get("keypoints")
            if isinstance(keypoints, list) and keypoints:
                key = tuple(map(str, (category.get("name"), *keypoints)))
                merged = categories.setdefault(key, {**category, "id": len(categories) + 1})
                number_of[identity(category.get("id"))] = merged["id"]
        known = {}
        for image in one["images"]:
            old = identity(image.get("id"))
            new = (
                len(images) + 1
                if shift and old is not None and old not in known
                else image.get("id")
            )
            known.setdefault(old, new)
            images.append({**image, "id": new})
        for annotation in one["annotations"]:
            image_id = known.get(identity(annotation.get("image_id")), f"none of file {index}")
            annotations.append(
                {
                    **annotation,
                    "id": len(annotations) + 1 if shift else annotation.get("id"),
                    "image_id": image_id,
                    "category_id": number_of.get(identity(annotation.get("category_id"))),
                }
            )
    return {"images": images, "annotations": annotations, "categories": list(categories.values())}


def _are_unique(ids):
    return len(set(ids)) == len(ids)
