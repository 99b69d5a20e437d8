"""A study: which trainings to compare, written down in a YAML file.

    data: synthetic             # as --data; paths are seen from this file's folder
    profile: quick              # sizes of the run
    trials:
      network: [poster_plain, poster_batchnorm]
      label_treatment: [masked, poster]
      seed: [0, 1, 2]
      data_fraction: [0.25, 1.0]
      epochs: 8

Every value of a list under `trials` is tried with every value of the other lists; a single value
holds for all. Other settings are those of the command `train`. `trials` may also be a list of such
grids.
"""

import itertools
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import yaml

from posekit import files, profiles
from posekit.datasets import splits
from posekit.datasets.sources import SYNTHETIC
from posekit.errors import PosekitError, check_choice, raise_problems
from posekit.models.names import IMAGENET
from posekit.training.config import TrainingConfig

FRACTION = "data_fraction"

LIMIT_BYTES = 1 << 20


@dataclass(frozen=True)
class Trial:
    """One training of a study."""

    config: TrainingConfig
    data_fraction: float  # in (0, 1], see `splits.with_fewer_to_train`

    def settings(self):
        """All settings, JSON-ready: the fields of TrainingConfig and data_fraction."""
        return {**asdict(self.config), FRACTION: self.data_fraction}


@dataclass(frozen=True)
class Study:
    """What a study's file says; settings as for `experiment.open_experiment`."""

    name: str  # the file's without its ending
    data: str
    profile: str
    split: str
    seed: int
    bad_images: str
    trials: tuple  # of Trial, in the order of the file, none twice

    @property
    def varied(self):
        """Names of the settings that differ between trials, in their own order."""
        rows = [trial.settings() for trial in self.trials]
        return tuple(name for name in rows[0] if any(row[name] != rows[0][name] for row in rows))


def read(path):
    """The Study in a YAML file; PosekitError names what is wrong in it."""
    path = Path(path)
    try:
        stored = yaml.safe_load(files.read_text(path, LIMIT_BYTES))
    # Not YAML, or a key that cannot be one.
    except (yaml.YAMLError, TypeError, RecursionError) as error:
        raise PosekitError(f"{path}: must hold YAML; got {error}.") from error
    if not isinstance(stored, dict):
        raise PosekitError(f"{path}: must hold `trials` and other settings; got {stored!r:.80}.")
    shared = {
        "data": SYNTHETIC,
        "profile": "quick",
        "split": "standard",
        "seed": 0,
        "bad_images": "error",
    }
    _check_names(path, stored, [*shared, "trials"], "a setting of a study")
    grids = stored.pop("trials", None)
    shared |= stored
    _check_shared(path, shared)
    shared["data"] = _seen_from(path.parent, shared["data"])
    trials = []
    for grid in grids if isinstance(grids, list) else [grids]:
        trials += _trials(path, grid, profiles.by_name(shared["profile"]))
    return Study(name=path.stem, trials=tuple(dict.fromkeys(trials)), **shared)


def _check_names(path, stored, known, what):
    for name in stored:
        if name not in known:
            raise PosekitError(
                f"{path}: `{name}` must be {what}, one of {', '.join(known)}; got that name."
            )


def _check_shared(path, shared):
    check_choice(str(path), "profile", shared["profile"], tuple(profiles.PROFILES))
    check_choice(str(path), "split", shared["split"], tuple(splits.SPLITS))
    check_choice(str(path), "bad_images", shared["bad_images"], ("error", "skip"))
    if type(shared["seed"]) is not int or not 0 <= shared["seed"] < 2**32:
        raise PosekitError(
            f"{path}: `seed` must be a whole number from 0 to 2**32 - 1; got {shared['seed']!r}."
        )
    if not isinstance(shared["data"], str) or not shared["data"]:
        raise PosekitError(
            f"{path}: `data` must be {SYNTHETIC!r} or paths; got {shared['data']!r}."
        )


def _trials(path, grid, profile):
    """The trials of one grid, in the order of its lists, the last of them fastest."""
    if not isinstance(grid, dict) or not grid:
        raise PosekitError(
            f"{path}: `trials` must name settings with their values, or list such grids; got "
            f"{grid!r:.80}."
        )
    known = [*(field.name for field in fields(TrainingConfig)), FRACTION]
    _check_names(path, grid, known, "a setting of a training")
    lists = {name: value if isinstance(value, list) else [value] for name, value in grid.items()}
    problems = [
        f"`{name}` must be a value or a list of values; got {grid[name]!r:.80}."
        for name, values in lists.items()
        if not values or any(isinstance(value, (list, dict)) for value in values)
    ]
    raise_problems(str(path), problems)
    usual = {
        "network": "poster_batchnorm",
        "label_treatment": "masked",
        "epochs": profile.epochs,
        "batch_size": profile.batch_size,
        "seed": 0,
    }
    trials, problems = [], {}
    for values in itertools.product(*lists.values()):
        settings = {**usual, **dict(zip(lists, values, strict=True))}
        try:
            trials.append(_trial(path.parent, settings))
        except PosekitError as error:
            # Many trainings share a wrong setting.
            problems[str(error)] = None
    raise_problems(str(path), list(problems))
    return trials


def _trial(folder, settings):
    fraction = settings.pop(FRACTION, 1.0)
    if type(fraction) not in (int, float) or not 0 < fraction <= 1:
        raise PosekitError(f"trials: `{FRACTION}` must lie in (0, 1]; got {fraction!r}.")
    for field in fields(TrainingConfig):
        value = settings.get(field.name, field.default)
        if field.type is bool and type(value) is not bool:
            raise PosekitError(f"trials: `{field.name}` must be true or false; got {value!r}.")
        if isinstance(value, str) and _is_number(value):
            raise PosekitError(
                f"trials: `{field.name}` must be a number; got the text {value!r}. YAML wants "
                "1.0e-3 or 0.001 for 1e-3."
            )
    weights = settings.get("initial_weights")
    if isinstance(weights, str) and weights != IMAGENET:
        settings["initial_weights"] = _seen_from(folder, weights)
    try:
        return Trial(TrainingConfig(**settings), float(fraction))
    except TypeError as error:
        # Some rules of the settings compare numbers before they check types.
        raise PosekitError(
            f"trials: each value must be of its setting's kind; got {error}."
        ) from error


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _seen_from(folder, paths):
    """Absolute paths: a worker may have another working directory."""
    if paths == SYNTHETIC:
        return paths
    return os.pathsep.join(str((folder / path).absolute()) for path in paths.split(os.pathsep))
