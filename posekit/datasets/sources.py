"""Opens the data that one string names."""

import os
import warnings
from collections import Counter

import numpy as np

from posekit import files
from posekit.datasets import lsp, packed
from posekit.datasets.coco import own_data, reading
from posekit.datasets.pose_dataset import evenly_spread, join
from posekit.datasets.synthetic import writing
from posekit.errors import PosekitError
from posekit.files import PROJECT_ROOT, from_root

# As `data`, instead of a path: synthetic people.
SYNTHETIC = "synthetic"
LABEL_SUFFIXES = (".json", ".toml", ".xml", ".yaml", ".yml")


def load(
    data,
    *,
    synthetic_images,
    seed,
    max_images=None,
    whole_if_fixed_test=False,
    bad_images="error",
    one_person=False,
):
    """The PoseDataset that a notebook or command was pointed at.

    Args:
        data: str, "synthetic", a folder or zip in the official layout, or own data as
            `own_data.find` takes them, or the folder of a packed set; several, separated as in
            PATH, are joined (LSP and LSPet together are the poster's 12,000).
        synthetic_images, seed: int, how many images the synthetic set has, and what draws it.
        max_images: int or None; with more images than that, an evenly spread part is used.
        whole_if_fixed_test: bool, lift that limit for data that have a fixed test part.
        bad_images: "error", or "skip" to leave unreadable images out with a warning.
        one_person: bool, whether to use only the largest person of each picture, with a warning,
            for networks that see whole pictures: one picture cannot have several targets.

    Raises:
        PosekitError: what is named is neither the official layout nor own data, or the joints of
            several differ.
    """
    if not data:
        raise PosekitError(
            f"load(): `data` must be {SYNTHETIC!r} or the path of a folder or zip; got {data!r}."
        )
    if data == SYNTHETIC:
        name = f"synthetic-v{writing.GENERATOR_VERSION}-{synthetic_images}-seed{seed}"
        folder = PROJECT_ROOT / "data" / name
        if not folder.is_dir() and (files.IS_INSTALLED or not files.is_writable(folder.parent)):
            folder = files.cache_dir() / name
        writing.write(folder, count=synthetic_images, seed=seed)
        return lsp.read(folder)
    paths = [from_root(path) for path in data.split(os.pathsep)]
    sets = [_read(path, bad_images=bad_images) for path in paths]
    if one_person:
        sets = _with_largest_people(sets)
    dataset = join(_told_apart(sets, paths))
    if bad_images == "skip":
        dataset = _without_bad_images(dataset)
    if max_images is None or (whole_if_fixed_test and dataset.has_fixed_test):
        return dataset
    return dataset.subset(evenly_spread(len(dataset), max_images))


def _read(path, *, bad_images):
    if packed.is_packed(path):
        return packed.read(path)
    own = own_data.find(path)
    reader, source = (lsp, path) if own is None else (reading, own)
    return reader.read(source, bad_images=bad_images)


def _told_apart(datasets, paths):
    """Own data whose pictures have the names of other sets', with the set's name before each id.

    Labelling tools call every clip's frames frame_000000 and so on. The same set given twice keeps
    its ids: joining refuses it.
    """
    counts = Counter(image_id for each in datasets for image_id in each.image_ids.tolist())
    clashing = [
        index
        for index, dataset in enumerate(datasets)
        if dataset.name == reading.NAME
        and any(counts[image_id] > 1 for image_id in dataset.image_ids.tolist())
        and paths.count(paths[index]) == 1
    ]
    names = _short_names([paths[index] for index in clashing])
    for index, name in zip(clashing, names, strict=True):
        datasets[index] = datasets[index].with_prefix(name)
    if clashing:
        warnings.warn(
            f"{len(clashing)} sets have pictures of the same names: the ids begin with "
            f"{', '.join(names)}.",
            stacklevel=3,
        )
    return datasets


def _short_names(paths):
    """A name for each path that no other has: its folder or zip, with as many above as it takes."""
    shown = [
        (path.parent if path.suffix in LABEL_SUFFIXES else path).with_suffix("").parts
        for path in paths
    ]
    for count in range(1, 1 + max(map(len, shown), default=0)):
        names = ["_".join(parts[-count:]).replace("#", "_") for parts in shown]
        if len(set(names)) == len(names):
            return names
    return [f"set{number}" for number in range(1, len(paths) + 1)]


def _with_largest_people(sets):
    chosen = [each.with_largest_people() for each in sets]
    people, pictures = sum(map(len, sets)), sum(map(len, chosen))
    if people > pictures:
        warnings.warn(
            f"{people} people are labelled in {pictures} pictures. A network that sees a whole "
            f"picture predicts one person, so the largest of each is used and {people - pictures} "
            'are left out, as with people = "largest". Models that see people, such as "best", '
            "are evaluated on all.",
            stacklevel=4,
        )
    return chosen


def _without_bad_images(dataset):
    """Leave out what does not decode, which reading the headers alone does not show."""
    problems = lsp.check_images(dataset)
    if problems:
        named = "; ".join(f"{image_id}: {problem}" for image_id, problem in problems[:10])
        warnings.warn(
            f"{dataset.name}: {len(problems)} images do not decode and are left out: {named}",
            stacklevel=3,
        )
    return dataset.subset(~np.isin(dataset.image_ids, [image_id for image_id, _ in problems]))
