"""The manifest of a model: its networks in order, and how to read the last one's certainty."""

import re
from dataclasses import dataclass
from pathlib import Path

from posekit import files, joint_sets
from posekit.errors import PosekitError, raise_problems
from posekit.estimators import calibration
from posekit.estimators import looks as estimators_looks
from posekit.estimators.looks import Glimpse
from posekit.models.names import HEADS
from posekit.pipeline import views
from posekit.skeleton import LSP

EXPORT_FORMATS = ("litert", "litert-float16", "litert-int8", "onnx")

MANIFEST = "manifest.json"
MANIFEST_VERSION = 2

# The delivered models look once or twice, with one to three glimpses.
LOOKS_LIMIT = 20
GLIMPSES_LIMIT = 20

# Beyond them a person would be a few pixels of the frame, or a few joints of the person.
SCALE_LIMITS = (0.25, 4)


@dataclass(frozen=True)
class StageEntry:
    """What the manifest says of one network.

    Attributes:
        path: Path of the network's file, beside the manifest.
        sha256: str, 64 hexadecimal digits, of the file.
        head: str, one of models.names.HEADS.
        view: str, one of views.VIEWS.
        looks: tuple of tuples of views.Glimpse, as for estimators.Stage; at most LOOKS_LIMIT of
            at most GLIMPSES_LIMIT, scaled within SCALE_LIMITS.
    """

    path: Path
    sha256: str
    head: str
    view: str
    looks: tuple


def read(folder):
    """Read a folder's manifest.

    Args:
        folder: Path.

    Returns:
        stages: list of StageEntry, not empty; whether the files are there is not looked at.
        calibration: calibration.Calibration with an offset for each joint, or None.

    Raises:
        PosekitError: the manifest is missing, or it or a value in it is not of its kind.
    """
    path = folder / MANIFEST
    manifest = files.read_json(path)
    try:
        version, joints = manifest["version"], tuple(manifest["joints"])
        stages = [
            StageEntry(
                *(folder / _file_name(stage["file"]), stage["sha256"], stage["head"]),
                *(stage["view"], _looks(stage["looks"])),
            )
            for stage in manifest["stages"]
        ]
        fitted = manifest["calibration"]
    except KeyError as error:
        raise PosekitError(
            f"{path}: must describe an estimator's stages; got a manifest without {error}."
        ) from error
    except (TypeError, ValueError) as error:
        raise PosekitError(
            f"{path}: must describe an estimator's stages; got values of other kinds ({error})."
        ) from error
    problems = []
    if type(version) is not int or version != MANIFEST_VERSION:
        problems.append(f"`version` must be {MANIFEST_VERSION}; got {version!r}.")
    skeleton = joint_sets.from_metadata(str(path), manifest.get("joint_set"))
    if joints != skeleton.joints:
        found = ", ".join(map(repr, joints))
        problems.append(f"`joints` must be {', '.join(skeleton.joints)}; got {found}.")
    if not stages:
        problems.append("`stages` must list a network; got none.")
    for number, stage in enumerate(stages):
        problems += [f"{problem} in stage {number}." for problem in _problems(stage)]
    read = None if fitted is None else calibration.from_json(fitted)
    if read is not None and read.offsets.shape != (skeleton.joint_count,):
        problems.append(
            f"`calibration` must have {skeleton.joint_count} offsets; got shape "
            f"{read.offsets.shape}."
        )
    raise_problems(str(path), problems)
    return stages, read


def skeleton_of(folder):
    """The Skeleton of a manifest that `read` accepts."""
    path = folder / MANIFEST
    return joint_sets.from_metadata(str(path), files.read_json(path).get("joint_set"))


def described_joints(skeleton):
    """What a manifest says of the joints, JSON-ready; of the 14, their names alone."""
    names = {"joints": list(skeleton.joints)}
    return names if skeleton == LSP else {**names, "joint_set": joint_sets.describe(skeleton)}


def described(stage, file):
    """What a manifest says of one network, JSON-ready.

    Args:
        stage: estimators.Stage.
        file: Path of its network, written already.
    """
    return {
        "file": file.name,
        "sha256": files.digest(file),
        "view": stage.view,
        "input_px": stage.frame_px,
        "head": stage.head,
        "looks": estimators_looks.listed(stage.looks),
    }


def check_file(stage):
    """Raise PosekitError unless the stage's file is there and is what the manifest says."""
    found = files.digest(stage.path) if stage.path.is_file() else "no file"
    if found != stage.sha256:
        raise PosekitError(
            f"{stage.path}: must have the SHA-256 {stage.sha256} of the manifest; got {found}. "
            "Fetch the model again."
        )


def _file_name(name):
    # A stranger's manifest must not reach for files elsewhere.
    if not isinstance(name, str) or not re.fullmatch(r"[\w.-]{1,100}", name) or not name.strip("."):
        raise ValueError(f"`file` is {name!r}, not the name of a file beside the manifest")
    return name


def _looks(listed):
    return tuple(
        tuple(Glimpse(glimpse["scale"], glimpse["mirrored"]) for glimpse in look)
        for look in listed
    )


def _problems(stage):
    """What is wrong with a stage's values, without a full stop."""
    if not isinstance(stage.sha256, str) or not re.fullmatch("[0-9a-f]{64}", stage.sha256):
        yield f"`sha256` must be 64 hexadecimal digits; got {stage.sha256!r}"
    for field, choices in (("head", tuple(HEADS)), ("view", tuple(views.VIEWS))):
        value = getattr(stage, field)
        if value not in choices:
            yield f"`{field}` must be one of {', '.join(map(repr, choices))}; got {value!r}"
    if not 1 <= len(stage.looks) <= LOOKS_LIMIT:
        yield f"`looks` must be 1 to {LOOKS_LIMIT} looks; got {len(stage.looks)}"
    for look in stage.looks:
        if not 1 <= len(look) <= GLIMPSES_LIMIT:
            yield f"a look must have 1 to {GLIMPSES_LIMIT} glimpses; got {len(look)}"
    least, most = SCALE_LIMITS
    for glimpse in (glimpse for look in stage.looks for glimpse in look):
        if type(glimpse.scale) not in (int, float) or not least <= glimpse.scale <= most:
            yield f"`scale` must be a number in {least} ... {most}; got {glimpse.scale!r}"
        if type(glimpse.mirrored) is not bool:
            yield f"`mirrored` must be true or false; got {glimpse.mirrored!r}"
