"""Load an estimator: a shipped model, a training's folder or a .keras file."""

from dataclasses import replace
from pathlib import Path

from posekit import files
from posekit.errors import PosekitError
from posekit.estimators import manifest, runtimes
from posekit.estimators.estimator import PoseEstimator, Stage
from posekit.estimators.manifest import MANIFEST, ONE_PASS
from posekit.files import PROJECT_ROOT
from posekit.models import saved
from posekit.skeleton import LSP
from posekit.training.runs import open_run

SHIPPED = PROJECT_ROOT / "models"
CONFIG = "config.json"


def load(model, *, compiled=True):
    """The PoseEstimator of a name or path; PosekitError if there is none, or a file is another.

    Args:
        model: the name of a shipped model ("best", "from_scratch"), a folder with a manifest, the
            folder of a training, or a `.keras` file of a network that predicts coordinates from
            squashed pictures, as the poster's do. A manifest may also name exported files.
        compiled: bool, whether Keras networks are made fast for prediction.
    """
    path = path_of(model)
    if (path / MANIFEST).is_file():
        read = manifest.read(path)
        stages = []
        for entry in read.stages:
            manifest.check_file(entry)
            network = _network(entry.path, entry.head, read.skeleton, compiled)
            stages.append(Stage(network, entry.head, entry.view, entry.passes))
        certainty = read.calibration, read.presence
        return PoseEstimator(path.name, tuple(stages), read.skeleton, *certainty, read.stored)
    head, view, skeleton = "coordinates", "squashed", LSP
    if path.is_dir() and (path / CONFIG).is_file():
        run = open_run(path)
        head, view, skeleton = run.config.head, run.config.view, run.skeleton
    elif not path.exists() and path.suffix != ".keras":
        shipped = ", ".join(sorted(each.parent.name for each in SHIPPED.glob(f"*/{MANIFEST}")))
        raise PosekitError(
            f"estimators.load(): `model` must be the name of a shipped model ({shipped or 'none'}) "
            f"or the path of a model; got {str(model)!r}."
        )
    network = _network(path, head, skeleton, compiled)
    return PoseEstimator(str(model), (Stage(network, head, view),), skeleton)


def _network(path, head, skeleton, compiled):
    if path.suffix in runtimes.READERS:
        network = runtimes.read(path)
        saved.check_shapes(path, network, head=head, joints=skeleton.joint_count)
        return network
    network = saved.load(path, head=head, joints=skeleton.joint_count)
    return runtimes.compiled(network, str(path)) if compiled else network


def training_split(model):
    """The split that a model, as for `load`, was trained on: dict of `splits.Split.summary`.

    None where no file next to the model says so. A training's file belongs to its folder.
    """
    path = path_of(model)
    folder = path if path.is_dir() else path.parent
    file = folder / (MANIFEST if (folder / MANIFEST).is_file() else CONFIG)
    try:
        split = files.read_json(file)["data"]["split"]
        known = isinstance(split, dict) and {"name", "seed", "images"} <= set(split)
        return split if known else None
    except (PosekitError, KeyError, TypeError):
        return None  # another program's file says nothing about splits


def path_of(model):
    """The Path of a model, as `load` takes it; it need not exist."""
    shipped = SHIPPED / str(model)
    return shipped if (shipped / MANIFEST).is_file() else Path(model)


def from_runs(name, runs, *, passes=ONE_PASS):
    """An estimator, not calibrated, from TrainingRuns, one for each stage, in order.

    `passes` are the last stage's, see Stage.
    """
    stages = [Stage(run.best_model(), run.config.head, run.config.view) for run in runs]
    stages[-1] = replace(stages[-1], passes=passes)
    return PoseEstimator(name, tuple(stages), runs[-1].skeleton)
