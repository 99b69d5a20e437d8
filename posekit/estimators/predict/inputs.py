"""Which files to predict, what each of them is, and the names of their outputs."""

import glob
import os
import unicodedata
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from posekit.errors import raise_problems
from posekit.estimators.predict import pictures, video_files

# Where the poses of all photographs go as CSV and as COCO results.
TABLE = "poses.csv"
RESULTS = "coco_results.json"

# Left in folders of pictures by the system.
_SYSTEM_FILES = ("thumbs.db", "desktop.ini", "icon\r")


class Found(NamedTuple):
    """What `find_files` found."""

    paths: list  # of Path, to be predicted, in the order given
    left_out: dict  # a reason -> list of Path, the other files of folders and patterns


def find_files(paths):
    """The photographs and videos of files, folders and patterns.

    A folder stands for the pictures and videos in it, by their content or their name, and a pattern
    such as "clips/*.mp4" or "holiday/**/*" for those that it matches; sorted by name, without
    hidden ones and without what `predict_files` wrote. A file that is named counts whether or not
    it is there, and once. PosekitError for a folder or pattern without such a file.
    """
    found, left_out, problems = {}, {}, []
    for path in map(str, paths):
        is_folder = os.path.isdir(path)
        if not is_folder and (os.path.exists(path) or not set(path) & set("*?[")):
            matches = [Path(path)]
        else:
            held = Path(path).iterdir() if is_folder else glob.iglob(path, recursive=True)
            matches, others = [], []
            for each in sorted(map(Path, held)):
                if _is_passed_over(each) or (each.is_dir() and not is_folder):
                    continue
                if each.is_dir():
                    reason = "a folder; name it too, or a pattern such as 'holiday/**/*'"
                    left_out.setdefault(reason, []).append(each)
                elif kind(each, by_name=False) is None:
                    others.append(each)
                else:
                    matches.append(each)
            if others:
                left_out.setdefault("not a picture or video", []).extend(others)
            if not matches:
                problems.append(
                    f"{path} must hold pictures or videos; got none"
                    f"{f' but {len(others)} other files' if others else ''}. Name another folder "
                    "or pattern."
                )
        for each in matches:
            found.setdefault(os.path.abspath(each), each)
    raise_problems("predict", problems)
    return Found(list(found.values()), left_out)


def kind(path, *, by_name=True):
    """What a file is by its content: "photo", "video" or None for neither.

    What is not readable, or like neither, is what its name says; of another name it is None, or
    with `by_name` a photo, so that its reader says what is wrong.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if path.is_file() and suffix not in pictures.RAW_SUFFIXES:
        # One JPEG after the other: here alone the content does not tell.
        if suffix not in (".mjpeg", ".mjpg") and pictures.is_picture(path):
            return "video" if pictures.is_animated(path) else "photo"
        if video_files.is_video(path):
            return "video"
    if suffix in video_files.SUFFIXES:
        return "video"
    return "photo" if by_name or suffix in pictures.SUFFIXES + pictures.RAW_SUFFIXES else None


def output_names(paths):
    """What the outputs of files are named after, so that no two are the same.

    A file's name without its ending, as long as no other file has it. Where some do, the ending
    stays (IMG_0001.JPG and IMG_0001.MOV); where the whole name is the same, the outputs go into
    folders like those of the files (a/x and b/x). Upper and lower case are the same, as on most
    disks. Returns a list of str, relative to the folder of outputs.
    """
    inner = _from_common_folder(paths)
    chosen = [path.stem for path in inner]
    for choice in (
        [path.name for path in inner],
        [str(path.with_suffix("")) if path.parent.name else path.name for path in inner],
        list(map(str, inner)),
    ):
        counts = Counter(map(_as_on_disk, chosen))
        # Together: one of them must not keep a name that the others give up.
        chosen = [
            other if counts[_as_on_disk(name)] > 1 else name
            for name, other in zip(chosen, choice, strict=True)
        ]
    taken = Counter()
    for index, name in enumerate(chosen):
        taken[_as_on_disk(name)] += 1
        if taken[_as_on_disk(name)] > 1:
            chosen[index] = f"{name}_{taken[_as_on_disk(name)]}"
    return chosen


def file_names(paths):
    """Names of files to be listed by, as annotations do; with folders where two are the same."""
    inner = _from_common_folder(paths)
    counts = Counter(path.name for path in inner)
    return [path.as_posix() if counts[path.name] > 1 else path.name for path in inner]


def _from_common_folder(paths):
    """Paths of files seen from the deepest folder that holds all of them."""
    absolute = [os.path.abspath(path) for path in paths]
    folder = os.path.commonpath(map(os.path.dirname, absolute)) if absolute else ""
    return [Path(os.path.relpath(path, folder)) for path in absolute]


def _as_on_disk(name):
    return unicodedata.normalize("NFC", name).casefold()


def _is_passed_over(path):
    """Whether a file is hidden, the system's, or what an earlier prediction wrote."""
    if path.name.startswith(".") or path.name.lower() in _SYSTEM_FILES:
        return True
    name = path.name.removeprefix("partial_")
    if name in (TABLE, RESULTS) or name.endswith(("_pose.json", "_pose.csv")):
        return True
    beside = (
        *(path.with_suffix(suffix) for suffix in (".json", ".csv")),
        *(path.with_name(name) for name in (TABLE, RESULTS)),
    )
    return path.stem.endswith("_pose") and any(each.is_file() for each in beside)
