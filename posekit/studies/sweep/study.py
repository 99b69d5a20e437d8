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
import math
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import yaml

from posekit import files, profiles
from posekit.datasets import splits
from posekit.datasets.sources import SYNTHETIC
from posekit.errors import PosekitError, raise_problems
from posekit.models.names import IMAGENET
from posekit.training.config import TrainingConfig

# Larger grids are almost certainly a mistake.
MOST_TRIALS = 10_000

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
    """The Study in a YAML file; PosekitError lists all wrong settings."""
    path = Path(path)
    stored = _load(path)
    defaults = {
        "data": SYNTHETIC,
        "profile": "quick",
        "split": "standard",
        "seed": 0,
        "bad_images": "error",
    }
    raise_problems(str(path), _name_problems(stored, [*defaults, "trials"], "a setting of a study"))
    shared = {name: stored.get(name, value) for name, value in defaults.items()}
    raise_problems(str(path), _shared_problems(shared))
    shared["data"] = _seen_from(path.parent, shared["data"])
    grids = stored.get("trials")
    trials = []
    for grid in grids if isinstance(grids, list) else [grids]:
        trials += _trials(path, grid, profiles.by_name(shared["profile"]))
    return Study(name=path.stem, trials=tuple(dict.fromkeys(trials)), **shared)


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key given twice; PyYAML would silently take the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} twice in one block", node.start_mark
                )
        return super().construct_mapping(node, deep)


def _load(path):
    try:
        stored = yaml.load(files.read_text(path, LIMIT_BYTES), _Loader)
    # Not YAML, or a key that cannot be one.
    except (yaml.YAMLError, TypeError, RecursionError) as error:
        raise PosekitError(f"{path}: must hold YAML; got {error}.") from error
    if not isinstance(stored, dict):
        raise PosekitError(f"{path}: must hold `trials` and other settings; got {stored!r:.80}.")
    return stored


def _name_problems(stored, known, what):
    return [
        f"`{name}` must be {what}, one of {', '.join(known)}; got that name."
        for name in stored
        if name not in known
    ]


def _shared_problems(shared):
    choices = {
        "profile": tuple(profiles.PROFILES),
        "split": tuple(splits.SPLITS),
        "bad_images": ("error", "skip"),
    }
    problems = [
        f"`{name}` must be one of {', '.join(allowed)}; got {shared[name]!r}."
        for name, allowed in choices.items()
        if shared[name] not in allowed
    ]
    if type(shared["seed"]) is not int or not 0 <= shared["seed"] < 2**32:
        problems.append(
            f"`seed` must be a whole number from 0 to 2**32 - 1; got {shared['seed']!r}."
        )
    if not isinstance(shared["data"], str) or not shared["data"]:
        problems.append(f"`data` must be {SYNTHETIC!r} or paths; got {shared['data']!r}.")
    return problems


def _trials(path, grid, profile):
    """The trials of one grid, in the order of its lists, the last of them fastest."""
    if not isinstance(grid, dict) or not grid:
        raise PosekitError(
            f"{path}: `trials` must name settings with their values, or list such grids; got "
            f"{grid!r:.80}."
        )
    known = [*(field.name for field in fields(TrainingConfig)), FRACTION]
    raise_problems(str(path), _name_problems(grid, known, "a setting of a training"))
    lists = {name: value if isinstance(value, list) else [value] for name, value in grid.items()}
    problems = [
        f"`{name}` must be a value or a list of different values; got {grid[name]!r:.80}."
        for name, values in lists.items()
        if not values
        or len({repr(value) for value in values}) < len(values)
        or any(isinstance(value, (list, dict)) for value in values)
    ]
    raise_problems(str(path), problems)
    count = math.prod(len(values) for values in lists.values())
    if count > MOST_TRIALS:
        raise PosekitError(
            f"{path}: `trials` must be at most {MOST_TRIALS:,} trainings; got {count:,}."
        )
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
    wrong_types = [
        f"`{field.name}` must be true or false; got {settings[field.name]!r}."
        for field in fields(TrainingConfig)
        if field.type is bool and type(settings.get(field.name, False)) is not bool
    ]
    if type(fraction) not in (int, float) or not 0 < fraction <= 1:
        wrong_types.append(f"`{FRACTION}` must lie in (0, 1]; got {fraction!r}.")
    wrong_types += [
        f"`{name}` must be a number; got the text {value!r}. YAML wants 1.0e-3 or 0.001 for 1e-3."
        for name, value in settings.items()
        if isinstance(value, str) and _is_number(value)
    ]
    raise_problems("trials", wrong_types)
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
