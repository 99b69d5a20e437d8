"""A training's folder: its name, whether it is finished, and how to open it."""

import hashlib
import json
from dataclasses import asdict, dataclass

import numpy as np

from posekit import joint_sets
from posekit.errors import PosekitError
from posekit.models import saved
from posekit.models.names import IMAGENET
from posekit.training import records
from posekit.training.config import OwnConfig, TrainingConfig

# Part of every training's name: raise it when a change of code, other than of the network's
# layers or the settings, changes what a training computes.
TRAINING_VERSION = 1


@dataclass(frozen=True, eq=False)
class TrainingRun(records.TrainingRecord):
    """A training read back from its folder, with its networks, uncompiled.

    `config` is a TrainingConfig, or the OwnConfig of a network from elsewhere.
    """

    def best_model(self):
        """The network of the best epoch."""
        return self._model("best.keras")

    def last_model(self):
        """The network of the last epoch."""
        return self._model("last.keras")

    @property
    def skeleton(self):
        """Skeleton of the joints that the networks answer for."""
        path = self.folder / "config.json"
        return joint_sets.from_metadata(str(path), self.data.get("joint_set"))

    def _model(self, name):
        joints = self.skeleton.joint_count
        return saved.load(self.folder / name, head=self.config.head, joints=joints)


def open_run(folder):
    """The TrainingRun of a training's own folder; errors as for `records.read`."""
    record = records.read(folder)
    try:
        kind = OwnConfig if "optimizer" in record.config else TrainingConfig
        config = kind(**record.config)
    except TypeError as error:
        raise PosekitError(
            f"{record.folder / 'config.json'}: must describe a training; got {error!r} reading it."
        ) from error
    return TrainingRun(**{**vars(record), "config": config})


def definition(config, model):
    """What a TrainingConfig's training is, for `folder_name`; its model has its first weights."""
    settings = asdict(config)
    if config.keeps == "best":
        # Trainings from before there was a choice are found again.
        del settings["keeps"]
    if config.initial_weights not in (None, IMAGENET):
        # The weights count, not the path: another file may lie there later, and this one may move.
        settings["initial_weights"] = "from a file"
    weights = weights_digest(model) if config.initial_weights else None
    return [settings, model.get_config(), weights]


def folder_name(config, definition, experiment):
    """A name that differs where the training would, so that a finished one is found by it.

    `definition` is what the training is, apart from the data: a list, JSON-ready.
    """
    data = [experiment.dataset.fingerprint(), experiment.split.summary()]
    key_parts = [TRAINING_VERSION, *definition, *data]
    if config.label_treatment != "masked":
        # In trainings from before, they moved when a picture was mirrored or turned.
        key_parts.append("missing joints stay")
    described = json.dumps(key_parts, sort_keys=True)
    digest = hashlib.sha256(described.encode()).hexdigest()[:8]
    return f"{config.network}-{config.label_treatment}-seed{config.seed}-{digest}"


def weights_digest(model):
    digest = hashlib.sha256()
    for values in model.get_weights():
        digest.update(np.ascontiguousarray(values, dtype=np.float32).tobytes())
    return digest.hexdigest()


def finished(history, config):
    return len(history) >= config.epochs or out_of_patience(history, config.patience)


def out_of_patience(history, patience):
    if patience is None or not history:
        return False
    best = int(np.argmin([row["validation_mse"] for row in history]))
    return len(history) - 1 - best >= patience
