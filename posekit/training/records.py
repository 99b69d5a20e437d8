"""What a training left in its folder, read without Keras: settings, data, history."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posekit import files
from posekit.errors import PosekitError

# What is noted of each epoch.
HISTORY_COLUMNS = ("epoch", "train_mse", "validation_mse", "learning_rate", "seconds")


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """A training with at least one finished epoch."""

    folder: Path
    config: dict  # the settings as they were stored; one of an earlier version lacks some
    data: dict  # of `Experiment.describe`
    baselines: dict  # name -> validation MSE of that constant pose under the run's treatment
    # Column -> list with one entry per epoch: epoch (from 1), train_mse (as training saw it,
    # weights changing and, with batch norm, in training mode), validation_mse (inference mode),
    # learning_rate, seconds.
    history: dict
    keeps_last: bool  # whether the last epoch counts as the best one

    @property
    def best_epoch(self):
        """Number (from 1) of the epoch whose network is kept as the best."""
        if self.keeps_last:
            return self.history["epoch"][-1]
        return self.history["epoch"][int(np.argmin(self.history["validation_mse"]))]

    @property
    def best_validation_mse(self):
        """Validation MSE of the best epoch, frame pixels squared."""
        return self.history["validation_mse"][self.best_epoch - 1]


def read(folder):
    """The TrainingRecord of a training's own folder; PosekitError where it holds none."""
    folder = Path(folder)
    path = folder / "config.json"
    stored = files.read_json(path)
    try:
        config, data = dict(stored["config"]), dict(stored.get("data", {}))
        baselines = dict(stored["baselines"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PosekitError(
            f"{path}: must describe a training; got {error!r} reading it."
        ) from error
    texts = (data.get("name", ""), data.get("fingerprint", ""))
    if not isinstance(data.get("split", {}), dict) or any(not isinstance(it, str) for it in texts):
        raise PosekitError(f"{path}: `data` must describe a data set; got {str(data)[:200]!r}.")
    if not all(it is None or _is_number(it) for it in baselines.values()):
        raise PosekitError(f"{path}: `baselines` must be numbers; got {baselines!r}.")
    rows = read_history(folder)
    if not rows:
        raise PosekitError(f"{folder}: history.json must hold finished epochs; got none.")
    history = {column: [row[column] for row in rows] for column in HISTORY_COLUMNS}
    return TrainingRecord(folder, config, data, baselines, history, config.get("keeps") == "last")


def read_history(folder):
    """The rows of the finished epochs; empty where there is no history. Errors as for `read`."""
    path = folder / "history.json"
    if not path.is_file():
        return []
    rows = files.read_json(path)
    if not isinstance(rows, list):
        raise PosekitError(f"{path}: must be a list of epochs; got {type(rows).__name__}.")
    for epoch, row in enumerate(rows, start=1):
        values = [row.get(name) for name in HISTORY_COLUMNS] if isinstance(row, dict) else [None]
        if not all(map(_is_number, values)) or values[0] != epoch:
            raise PosekitError(
                f"{path}: row {epoch} must have finite numbers {', '.join(HISTORY_COLUMNS)}, epoch "
                f"{epoch}; got {str(row)[:200]!r}."
            )
    return rows


def _is_number(value):
    # A whole number may be too large for any float.
    return type(value) in (int, float) and abs(value) <= sys.float_info.max
