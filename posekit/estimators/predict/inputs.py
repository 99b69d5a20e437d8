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
    """What `find_files` found.

    Attributes:
        paths: list of Path, to be predicted, in the order given.
        left_out: dict, a reason -> list of Path, the other files of folders and patterns.
    """

    paths: list
    left_out: dict


def find_files(paths):
    """The photographs and videos of files, folders and patterns.

    Args:
        paths: list of paths. A folder stands for the pictures and videos in it, by their content
            or their name, and a pattern such as "clips/*.mp4" or "holiday/**/*" for those that
            it matches; sorted by name, without hidden ones and without what `predict_files` wrote.

    Returns:
        Found. A file that is named counts whether or not it is there, and once.

    Raises:
        PosekitError: a folder or pattern without such a file.
    """
    found, left_out, problems = {}, {}, []

    def leave_out(path, reason):
        left_out.setdefault(reason, []).append(path)

    for path in map(str, paths):
        is_folder = os.path.isdir(path)
        if not is_folder and (os.path.exists(path) or not set(path) & set("*?[")):
            matches = [Path(path)]
        else:
            held = Path(path).iterdir() if is_folder else glob.iglob(path, recursive=True)
            matches, others = [], 0
            for each in sorted(map(Path, held)):
                if each.name.startswith(".") or _is_written(each) or _is_systems(each):
                    continue
                if each.is_dir():
                    if is_folder:
                        leave_out(
                            each, "a folder; name it too, or a pattern such as 'holiday/**/*'"
                        )
                elif kind(each, by_name=False) is None:
                    others += 1
                    leave_out(each, "not a picture or video")
                else:
                    matches.append(each)
            if not matches:
                problems.append(
                    f"{path} must hold pictures or videos; got none"
                    f"{f' but {others} other files' if others else ''}. Name another folder or "
                    "pattern."
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
    disks.

    Args:
        paths: list of paths that differ.

    Returns:
        list of str, for each path, relative to the folder of outputs.
    """
    paths = [Path(path) for path in paths]
    inner = [Path(name) for name in _from_common_folder(paths)]
    choices = [
        [path.stem for path in paths],
        [path.name for path in paths],
        [str(path.with_suffix("")) if path.parent.name else path.name for path in inner],
        [str(path) for path in inner],
    ]
    chosen = list(choices[0])
    for choice in choices[1:]:
        repeated = _repeated(chosen)
        if not repeated:
            return chosen
        # Together: one of them must not keep a name that the others give up.
        clashing = [_as_on_disk(name) in repeated for name in chosen]
        chosen = [b if clash else a for a, b, clash in zip(chosen, choice, clashing, strict=True)]
    taken = Counter()
    for index, name in enumerate(chosen):
        taken[_as_on_disk(name)] += 1
        if taken[_as_on_disk(name)] > 1:
            chosen[index] = f"{name}_{taken[_as_on_disk(name)]}"
    return chosen


def file_names(paths):
    """Names of files to be listed by, as annotations do; with folders where two are the same."""
    names = [Path(path).name for path in paths]
    counts = Counter(names)
    inner = _from_common_folder([Path(path) for path in paths])
    return [
        Path(folder_and_name).as_posix() if counts[name] > 1 else name
        for name, folder_and_name in zip(names, inner, strict=True)
    ]


def _from_common_folder(paths):
    """Paths of files seen from the deepest folder that holds all of them."""
    absolute = [os.path.abspath(path) for path in paths]
    try:
        folder = os.path.commonpath([os.path.dirname(path) for path in absolute])
    except ValueError:  # Windows' drives, or no files
        return [Path(path).name for path in paths]
    return [os.path.relpath(path, folder) for path in absolute]


def _repeated(names):
    counts = Counter(map(_as_on_disk, names))
    return {name for name, count in counts.items() if count > 1}


def _as_on_disk(name):
    return unicodedata.normalize("NFC", name).casefold()


def _is_systems(path):
    return path.name.lower() in _SYSTEM_FILES


def _is_written(path):
    """Whether a file is what an earlier prediction wrote."""
    name = path.name.removeprefix("partial_")
    if name in (TABLE, RESULTS) or name.endswith(("_pose.json", "_pose.csv")):
        return True
    beside = (
        *(path.with_suffix(suffix) for suffix in (".json", ".csv")),
        *(path.with_name(name) for name in (TABLE, RESULTS)),
    )
    return path.stem.endswith("_pose") and any(each.is_file() for each in beside)
