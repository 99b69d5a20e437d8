"""What every notebook uses: a session that opens data and writes results, and tables."""

import ast
import math
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import NamedTuple

from IPython import get_ipython
from IPython.display import HTML

from posekit import files, wording
from posekit.errors import raise_problems
from posekit.provenance import provenance


class Kind(NamedTuple):
    """What a parameter may hold: one value or a list of a type, and whether None."""

    type: type
    is_list: bool = False
    or_none: bool = False


# Every parameter of the notebooks. Plain papermill passes what it does not recognise, such as
# `-p seeds "[0, 1]"`, as text.
KINDS = {
    **dict.fromkeys(("run_dir", "data", "profile", "split", "bad_images"), Kind(str)),
    **dict.fromkeys(("model", "part", "flip", "schedule", "score"), Kind(str)),
    **dict.fromkeys(("label_treatment", "unlabelled"), Kind(str)),
    **dict.fromkeys(("joint", "labels", "network"), Kind(str, or_none=True)),
    **dict.fromkeys(("epochs", "images", "patience", "steps"), Kind(int, or_none=True)),
    "seed": Kind(int),
    "deterministic": Kind(bool),
    "learning_rate": Kind(float),
    "seeds": Kind(int, is_list=True, or_none=True),
    "fractions": Kind(float, is_list=True, or_none=True),
    "activities": Kind(str, is_list=True, or_none=True),
    "label_treatments": Kind(str, is_list=True),
}

IN_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "True or False"}
TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, eq=False)
class Session:
    """One notebook at work."""

    run_path: Path  # of the run's folder
    settings: dict  # the notebook's parameters; they are stored with every result
    experiment: object = None  # pipeline.experiment.Experiment, None where no data are opened

    def describe(self):
        """What the data are: one line, which opens to a table."""
        described = self.experiment.describe()
        split = described["split"]
        return HTML(
            f"<details><summary>The data: {described['images']:,} images of "
            f"{escape(described['name'])}, {split['train']:,} for training and "
            f"{split['validation']:,} for validation</summary>"
            f"{wording.html_table(wording.facts(described))}</details>"
        )

    def write(self, name, result, **settings):
        """Write a result into the run's folder, with its provenance and all parameters.

        Args:
            name: str, the file's name; see `posekit.report.names`.
            result: dict, JSON-ready. Provenance that it holds already stays.
            **settings: parameters whose values the notebook worked out itself, such as the seeds
                where `seeds` was None.
        """
        made_by = provenance(**{**self.settings, **settings})
        files.write_json(self.run_path / name, {**made_by, **result})


def start(
    run_dir,
    *,
    data=None,
    profile=None,
    seed=None,
    split="standard",
    bad_images="error",
    deterministic=False,
):
    """Begin a notebook: seed everything and open the data.

    Args:
        run_dir: str, folder of the run, relative to the project's root unless absolute.
        data, profile, seed, split, bad_images: as for `pipeline.experiment.open_experiment`;
            without `data` nothing is opened or seeded.
        deterministic: bool, see `training.engine.start`.

    Returns:
        Session.
    """
    choices = {"profile": profile, "seed": seed, "split": split, "bad_images": bad_images}
    arguments = {"run_dir": run_dir, "data": data, "deterministic": deterministic, **choices}
    arguments, parameters = _as_meant(
        {name: value for name, value in arguments.items() if value is not None}, _parameters()
    )
    run_dir, deterministic = arguments["run_dir"], arguments["deterministic"]
    settings, experiment = {}, None
    if data is not None:
        from posekit.pipeline.experiment import open_experiment
        from posekit.training import engine

        data, choices = (
            arguments["data"],
            choices | {name: value for name, value in arguments.items() if name in choices},
        )
        settings = {"data": data, "deterministic": deterministic}
        engine.start(choices["seed"], deterministic=deterministic)
        experiment = open_experiment(data, **choices)
        settings |= choices
    parameters.pop("run_dir", None)  # it says where results are, not what they are
    return Session(files.from_root(run_dir), {**settings, **parameters}, experiment)


def _parameters():
    """The notebook's parameters, name -> value; empty outside IPython.

    A parameter is what a cell assigns that does nothing but assign literals: the parameters cell,
    and the cell in which papermill or a report gives other values.
    """
    shell = get_ipython()
    if shell is None:
        return {}
    names = {name for source in shell.user_ns["In"] for name in _assigned_literals(source)}
    return {name: shell.user_ns[name] for name in sorted(names)}


def _as_meant(arguments, parameters):
    """Both dicts with their values as the KINDS of their names; the notebook gets them as well.

    Raises:
        PosekitError: every value that cannot be read as its kind, at once.
    """
    problems = {}

    def read(name, value):
        try:
            return _read(KINDS[name], value) if name in KINDS else value
        except (ValueError, OverflowError, SyntaxError, TypeError, RecursionError, MemoryError):
            kind = KINDS[name]
            wanted = IN_WORDS[kind.type]
            wanted = f"a list, each entry {wanted}" if kind.is_list else wanted
            problems[name] = (
                f"`{name}` must be {wanted}{', or None' * kind.or_none}; got "
                f"{type(value).__name__} {value!r:.200}."
            )
            if kind.type is str and not kind.is_list:
                problems[name] += " papermill passes text as it stands with -r instead of -p."

    read_dicts = [
        {name: read(name, value) for name, value in each.items()}
        for each in (arguments, parameters)
    ]
    raise_problems("notebook.start()", list(problems.values()))
    shell = get_ipython()
    if shell is not None:
        shell.user_ns.update(read_dicts[1])
    return read_dicts


def _read(kind, value):
    """A value as a parameter of this kind; raises an error of Python's where it is none."""
    if kind.or_none and (value is None or value in ("", "None", "none", "null")):
        return None
    if not kind.is_list:
        return _read_one(kind.type, value)
    if isinstance(value, str):
        value = _entries(value)
    entries = value if isinstance(value, (list, tuple)) else [value]
    return [_read_one(kind.type, entry) for entry in entries]


def _entries(text):
    """The entries of a list as people type it: [0, 1] or 0, 1 or [masked, poster]."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        inside = re.sub(r"^\s*[\[(](.*)[\])]\s*$", r"\1", text, flags=re.DOTALL)
        return [entry.strip().strip("'\"") for entry in inside.split(",") if entry.strip()]


def _read_one(kind, value):
    if kind is str:
        if not isinstance(value, str):
            raise ValueError
        return value
    if kind is bool:
        if isinstance(value, (bool, str, int)) and str(value).strip().lower() in TRUTHS:
            return TRUTHS[str(value).strip().lower()]
        raise ValueError
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError
    if kind is int:
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]+\s*", value):
            return int(value)
        value = float(value) if isinstance(value, str) else value
        if int(value) != value:
            raise ValueError
        return int(value)
    if not math.isfinite(float(value)):
        raise ValueError
    return float(value)


def _assigned_literals(source):
    """The names that a cell assigns; none where it does more than assign literals."""
    try:
        statements = ast.parse(source).body
        for statement in statements:
            ast.literal_eval(statement.value)
        return [target.id for statement in statements for target in statement.targets]
    except (AttributeError, SyntaxError, ValueError):
        return []


def table(rows):
    """A table of rows, dicts with the same keys, see `wording.html_table`."""
    return HTML(wording.html_table(rows))


def facts(described):
    """A table of what a dict says, one row for each value; dicts inside it are opened."""
    return table(wording.facts(described))
