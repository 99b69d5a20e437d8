"""The manifest of a model: its networks in order, and how to read the last one's certainty."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from posekit import files, joint_sets
from posekit.errors import PosekitError, raise_problems
from posekit.estimators import calibration, presence
from posekit.estimators.calibration import Calibration
from posekit.estimators.presence import Presence
from posekit.models.names import HEADS
from posekit.pipeline import views
from posekit.skeleton import LSP, Skeleton

EXPORT_FORMATS = ("litert", "litert-float16", "litert-int8", "onnx")

MANIFEST = "manifest.json"
MANIFEST_VERSION = 2

# Of passes and of a pass's crops; the shipped models run one or two passes of one to three crops.
_MOST = 20

# Beyond them a person would be a few pixels of the frame, or a few joints of the person.
SCALE_LIMITS = (0.25, 4)


@dataclass(frozen=True)
class CropScale:
    """One crop of a pass; a stage runs one pass or several, each averaged over its crops."""

    scale: float = 1.0  # side of the crop over the side of the view's own box
    mirrored: bool = False  # whether left and right are exchanged


ONE_PASS = ((CropScale(),),)


@dataclass(frozen=True)
class StageEntry:
    """What the manifest says of one network."""

    path: Path  # of the network's file, next to the manifest
    sha256: str  # of the file, 64 hexadecimal digits
    head: str  # one of models.names.HEADS
    view: str  # one of views.VIEWS
    passes: tuple  # of tuples of CropScale, as for estimator.Stage; "looks" in the file


@dataclass(frozen=True, eq=False)
class Manifest:
    """A manifest, read and checked."""

    stored: dict  # the file's content
    stages: list  # of StageEntry, not empty; whether their files exist is not checked
    calibration: Calibration | None  # with an offset for each joint
    skeleton: Skeleton
    presence: Presence | None  # tells people from backgrounds


def read(folder):
    """The Manifest of a folder; PosekitError where it is missing or a value has the wrong kind."""
    path = folder / MANIFEST
    stored = files.read_json(path)
    try:
        version, joints = stored["version"], tuple(stored["joints"])
        stages = [
            StageEntry(
                *(folder / _file_name(stage["file"]), stage["sha256"], stage["head"]),
                *(stage["view"], _passes(stage["looks"])),
            )
            for stage in stored["stages"]
        ]
        fitted = stored["calibration"]
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
    skeleton = joint_sets.from_metadata(str(path), stored.get("joint_set"))
    if joints != skeleton.joints:
        found = ", ".join(map(repr, joints))
        problems.append(f"`joints` must be {', '.join(skeleton.joints)}; got {found}.")
    if not stages:
        problems.append("`stages` must list a network; got none.")
    for number, stage in enumerate(stages):
        problems += [f"{problem} in stage {number}." for problem in _problems(stage)]
    fitted = None if fitted is None else calibration.from_json(fitted)
    if fitted is not None and fitted.offsets.shape != (skeleton.joint_count,):
        problems.append(
            f"`calibration` must have {skeleton.joint_count} offsets; got shape "
            f"{fitted.offsets.shape}."
        )
    raise_problems(str(path), problems)
    # Older manifests do not know it.
    present = stored.get("presence")
    present = None if present is None else presence.from_json(present)
    return Manifest(stored, stages, fitted, skeleton, present)


def joints_entry(skeleton):
    """What a manifest says of the joints, JSON-ready; of the 14, their names alone."""
    names = {"joints": list(skeleton.joints)}
    return names if skeleton == LSP else {**names, "joint_set": joint_sets.describe(skeleton)}


def stage_entry(stage, file):
    """What a manifest says of an estimator.Stage whose network is in `file` already, JSON-ready."""
    return {
        "file": file.name,
        "sha256": files.digest(file),
        "view": stage.view,
        "input_px": stage.frame_px,
        "head": stage.head,
        "looks": [[asdict(crop) for crop in crops] for crops in stage.passes],
    }


def check_file(stage):
    """Raise PosekitError unless the file of a StageEntry is the one that the manifest means."""
    found = files.digest(stage.path) if stage.path.is_file() else "no file"
    if found != stage.sha256:
        raise PosekitError(
            f"{stage.path}: must have the SHA-256 {stage.sha256} of the manifest; got {found}. "
            "Fetch the model again."
        )


def _file_name(name):
    # A manifest from elsewhere must not reach for other files.
    if not isinstance(name, str) or not re.fullmatch(r"[\w.-]{1,100}", name) or not name.strip("."):
        raise ValueError(f"`file` is {name!r}, not the name of a file next to the manifest")
    return name


def _passes(stored):
    return tuple(
        tuple(CropScale(crop["scale"], crop["mirrored"]) for crop in crops) for crops in stored
    )


def _problems(stage):
    """What is wrong with a stage's values, without a full stop."""
    if not isinstance(stage.sha256, str) or not re.fullmatch("[0-9a-f]{64}", stage.sha256):
        yield f"`sha256` must be 64 hexadecimal digits; got {stage.sha256!r}"
    for field, choices in (("head", tuple(HEADS)), ("view", tuple(views.VIEWS))):
        value = getattr(stage, field)
        if value not in choices:
            yield f"`{field}` must be one of {', '.join(map(repr, choices))}; got {value!r}"
    counts = [len(stage.passes), *map(len, stage.passes)]
    if not all(1 <= count <= _MOST for count in counts):
        yield f"`looks` must be 1 to {_MOST} passes of 1 to {_MOST} crops; got {counts}"
    least, most = SCALE_LIMITS
    for crop in (crop for crops in stage.passes for crop in crops):
        if type(crop.scale) not in (int, float) or not least <= crop.scale <= most:
            yield f"`scale` must be a number in {least} ... {most}; got {crop.scale!r}"
        if type(crop.mirrored) is not bool:
            yield f"`mirrored` must be true or false; got {crop.mirrored!r}"
