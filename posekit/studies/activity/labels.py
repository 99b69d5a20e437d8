"""What people in pictures do: read from a table that someone wrote; synthetic people have it.

A table is a CSV file with the columns `image` and `activity` and a row for each picture; other
columns are ignored, and semicolons or tabs between cells are read too:

    image,activity
    im0001,tennis
    im0002,gymnastics

`image` is the picture's name, with or without ending and folders and in any case, as long as it
fits one picture. Where every person of a picture is labelled, it is meant for all of them, or for
one by the name of its record.

A synthetic person's activity is its pose family.
"""

import csv
import io
import os
import unicodedata
import warnings
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from posekit import files
from posekit.datasets import sources
from posekit.datasets.sources import SYNTHETIC
from posekit.errors import PosekitError, check_choice, raise_problems

LABELS_FILE = "labels.csv"
COLUMNS = ("image", "activity")

# A row has some 20 bytes, the largest set 100,000 pictures.
SIZE_LIMIT_BYTES = 16 << 20
NAME_LIMIT = 60

# Endings that a table may leave out or write in another way.
PICTURE_SUFFIXES = tuple(".jpg .jpeg .png .webp .bmp .tif .tiff .gif .avif .heic .heif".split())


@dataclass(frozen=True, eq=False)
class ActivityLabels:
    """The activity of each of N pictures."""

    source: str  # where the labels come from, for people
    names: tuple  # of str, the activities that occur, sorted; at least two
    codes: np.ndarray  # int (N,), index into `names`; -1 where a picture has no label


def open_labels(
    data, dataset, *, path=None, activities=None, unlabelled="error", bad_images="error"
):
    """The activities of a data set's pictures, ActivityLabels, or None where nothing names one.

    They are read from `path` where it is given, else from a `labels.csv` in a folder of the data
    or next to a data file; without any, they are those that the data set itself has. Bad lines of a
    table are listed in one PosekitError.

    Args:
        data: str that the data set was opened with, see `sources.load`.
        dataset: PoseDataset of N pictures, which may be a part of the data.
        activities: list of the names that labels may have, or None for any.
        unlabelled: "error", or "skip" to leave pictures without label out with a warning.
        bad_images: as for `dataset`; under "skip" a label may name a picture that was left out.
    """
    check_choice("open_labels()", "unlabelled", unlabelled, ("error", "skip"))
    if activities is not None and (isinstance(activities, str) or len(set(activities)) < 2):
        raise PosekitError(
            "open_labels(): `activities` must be None or a list of two or more different names; "
            f"got {activities!r}."
        )
    tables = [files.from_root(path)] if path is not None else _tables_beside(data)
    if tables:
        source = " and ".join(str(table) for table in tables)
        activity_of = {}
        for table in tables:
            activity_of |= _read(table, data, dataset, activities, bad_images)
        found = [activity_of.get(image_id, "") for image_id in dataset.image_ids.tolist()]
    elif "activity" in dataset.extras:
        source = f"what {dataset.name} knows of its pictures"
        found = dataset.extras["activity"].tolist()
    else:
        return None
    return _encoded(source, found, dataset, unlabelled)


def _tables_beside(data):
    if data == SYNTHETIC:
        return []
    paths = [files.from_root(part) for part in data.split(os.pathsep)]
    nearby = [(path if path.is_dir() else path.parent) / LABELS_FILE for path in paths]
    return [path for path in dict.fromkeys(nearby) if path.is_file()]


def _read(path, data, dataset, activities, bad_images):
    """image id -> activity, of one table."""
    header, rows = _rows(path)
    problems, unknown, line_of, activity_of = [], [], {}, {}
    # An activity may be written in small or capital letters; the first spelling counts.
    spelling_of = {name.casefold(): name for name in activities or []}
    names = _Names(dataset)
    for line, cells in rows:
        if len(cells) != len(header):
            problems.append(
                f"line {line} must have {len(header)} cells, as line 1; got {len(cells)}. Put "
                "quotation marks around a cell with a comma."
            )
            continue
        image, activity = (cells[header.index(column)].strip() for column in COLUMNS)
        pictures = names.find(image)
        ids = next(iter(pictures.values()), [f"no picture {image}"])
        earlier = next((line_of[image_id] for image_id in ids if image_id in line_of), None)
        if len(pictures) > 1:
            problems.append(
                f"line {line}: `image` must fit one picture; got {image!r}, which fits "
                f"{' and '.join(map(repr, list(pictures)[:3]))}. Write the whole name."
            )
            continue
        if earlier is not None:
            problems.append(
                f"line {line}: `image` must be named once; got {image!r}, as in line {earlier}. "
                "Keep one of the two."
            )
            continue
        if not pictures:
            unknown.append((line, image))
        if not 1 <= len(activity) <= NAME_LIMIT or not activity.isprintable():
            problems.append(
                f"line {line}: `activity` of {image!r} must be a name of 1 to {NAME_LIMIT} "
                f"printable characters; got {activity[: NAME_LIMIT + 1]!r}."
            )
        elif activities is not None and activity.casefold() not in spelling_of:
            problems.append(
                f"line {line}: `activity` of {image!r} must be one of "
                f"{', '.join(map(repr, activities))}; got {activity!r}."
            )
        line_of |= dict.fromkeys(ids, line)
        spelling = spelling_of.setdefault(activity.casefold(), activity)
        activity_of |= dict.fromkeys(ids, spelling)
    raise_problems(str(path), problems)
    if unknown:
        _check_pictures(path, unknown, data, dataset, bad_images)
    return activity_of


def _rows(path):
    """A table's column names, and (line, cells) of each row that is not blank."""
    text = files.read_text(path, SIZE_LIMIT_BYTES)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        header = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise PosekitError(
            f"{path}: must be a table with commas between its cells; got {error}."
        ) from error
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise PosekitError(
            f"{path}: line 1 must name the columns {' and '.join(COLUMNS)}; got "
            f"{', '.join(header)[:200]!r}, without {' and '.join(missing)}."
        )
    return header, rows


class _Names:
    """Finds the pictures of a data set that a table's names fit."""

    def __init__(self, dataset):
        self._ids_of, self._pictures_of = {}, {}
        for image_id, picture in zip(
            dataset.image_ids.tolist(), dataset.picture_names, strict=True
        ):
            for name in {image_id, picture}:
                self._ids_of.setdefault(name, []).append(image_id)
            self._pictures_of.setdefault(_parts(picture)[-1], {})[picture] = None

    def find(self, name):
        """Picture -> ids of its records: none, or more than one picture where it is not clear."""
        if name in self._ids_of:
            return {name: self._ids_of[name]}
        parts = _parts(name)[::-1]
        return {
            picture: self._ids_of[picture]
            for picture in self._pictures_of.get(parts[0], ())
            # Folders that only one of the two names do not matter.
            if all(map(str.__eq__, parts, _parts(picture)[::-1]))
        }


def _parts(name):
    """Folders and stem of a picture's name, as they are compared."""
    path = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/").casefold())
    stem = path.stem if path.suffix in PICTURE_SUFFIXES else path.name
    return [part for part in (*path.parent.parts, stem) if part not in ("/", ".")] or [""]


def _check_pictures(path, unknown, data, dataset, bad_images):
    """Raise where rows (line, image) name no picture of the data, of which `dataset` is a part."""
    if data != SYNTHETIC:
        whole = sources.load(data, synthetic_images=1, seed=0, bad_images=bad_images)
        names = _Names(whole)
        unknown = [(line, image) for line, image in unknown if not names.find(image)]
    problems = [
        f"line {line}: `image` must be a picture of {dataset.name}, such as "
        f"{str(dataset.image_ids[0])!r}; got {image!r}."
        for line, image in unknown
    ]
    if bad_images == "skip" and problems:
        warnings.warn(
            f"{path}: {len(problems)} labels name no picture that can be read, the first in "
            f"{problems[0]}",
            stacklevel=4,
        )
        return
    raise_problems(str(path), problems)


def _encoded(source, found, dataset, unlabelled):
    without = [
        image_id
        for image_id, activity in zip(dataset.image_ids.tolist(), found, strict=True)
        if not activity
    ]
    if without:
        finding = (
            f"{len(without):,} of {len(found):,} without one, such as {', '.join(without[:3])}"
        )
        if unlabelled == "error":
            raise PosekitError(
                f"{source}: every picture of {dataset.name} must have an `activity`; got "
                f'{finding}. Label them, or leave them out with unlabelled="skip".'
            )
        warnings.warn(f"{source}: {finding}, are left out.", stacklevel=3)
    names = tuple(sorted(set(found) - {""}))
    if len(names) < 2:
        raise PosekitError(
            f"{source}: `activity` must name two or more activities of the pictures of "
            f"{dataset.name}; got {', '.join(map(repr, names)) or 'none'}."
        )
    code_of = {name: code for code, name in enumerate(names)} | {"": -1}
    return ActivityLabels(source, names, np.array([code_of[activity] for activity in found]))
