"""What every notebook uses: a session that opens data and writes results, and tables."""

import ast
from dataclasses import dataclass
from html import escape
from pathlib import Path

from IPython import get_ipython
from IPython.display import HTML

from posekit import files, wording
from posekit.provenance import provenance


@dataclass(frozen=True, eq=False)
class Session:
    """One notebook at work.

    Attributes:
        run_path: Path of the run's folder.
        settings: dict, the notebook's parameters; they are stored with every result.
        experiment: pipeline.experiment.Experiment, or None for a notebook that opens no data.
    """

    run_path: Path
    settings: dict
    experiment: object = None

    def describe(self):
        """What the data are, JSON-ready dict."""
        return self.experiment.describe()

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
    settings, experiment = {}, None
    if data is not None:
        from posekit.pipeline.experiment import open_experiment
        from posekit.training import engine

        settings = {"data": data, "deterministic": deterministic}
        choices = {"profile": profile, "seed": seed, "split": split, "bad_images": bad_images}
        engine.start(seed, deterministic=deterministic)
        experiment = open_experiment(data, **choices)
        settings |= choices
    return Session(files.from_root(run_dir), {**settings, **_parameters()}, experiment)


def _parameters():
    """The notebook's parameters, name -> value; empty outside IPython.

    A parameter is what a cell assigns that does nothing but assign literals: the parameters cell,
    and the cell in which papermill or a report gives other values. The folder of the run is left
    out: it says where results are, not what they are.
    """
    shell = get_ipython()
    if shell is None:
        return {}
    names = {name for source in shell.user_ns["In"] for name in _assigned_literals(source)}
    return {name: shell.user_ns[name] for name in sorted(names - {"run_dir"})}


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
    """A table of equal-keyed rows; numbers get four significant digits.

    Args:
        rows: non-empty list of dict; the first one's keys are the columns.

    Returns:
        IPython.display.HTML.
    """
    head = "".join(f"<th>{escape(str(column))}</th>" for column in rows[0])
    body = "".join(
        "<tr>"
        + "".join(f"<td>{escape(wording.shown(row[column]))}</td>" for column in rows[0])
        + "</tr>"
        for row in rows
    )
    return HTML(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
