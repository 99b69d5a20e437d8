"""What every notebook uses: a session that opens data and writes results, and tables."""

import ast
from dataclasses import dataclass
from html import escape
from pathlib import Path

from IPython import get_ipython
from IPython.display import HTML

from posekit import files, wording
from posekit.errors import PosekitError
from posekit.provenance import provenance


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

        `name` is the file's, see `posekit.report.dependencies`; provenance that the JSON-ready
        `result` holds already stays. `settings` are parameters whose values the notebook worked
        out itself, such as the seeds where `seeds` was None.
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
    """Begin a notebook, a Session: seed everything and open the data.

    Args:
        run_dir: str, folder of the run, relative to the project's root unless absolute.
        data, profile, seed, split, bad_images: as for `pipeline.experiment.open_experiment`;
            without `data` nothing is opened or seeded.
        deterministic: bool, see `training.engine.start`.
    """
    parameters, settings, experiment = _parameters(), {}, None
    if data is not None:
        from posekit.pipeline.experiment import open_experiment
        from posekit.training import engine

        choices = {"profile": profile, "seed": seed, "split": split, "bad_images": bad_images}
        settings = {"data": data, "deterministic": deterministic, **choices}
        engine.start(seed, deterministic=deterministic)
        experiment = open_experiment(data, **choices)
    parameters.pop("run_dir", None)  # it says where results are, not what they are
    return Session(files.from_root(run_dir), {**settings, **parameters}, experiment)


def _parameters():
    """The notebook's parameters, name -> value; empty outside IPython.

    A parameter is what a cell assigns that does nothing but assign literals: the parameters cell,
    and the cell in which papermill or a report gives other values. papermill's -p passes a list
    as text, such as "[0, 1]"; the notebook gets the list.
    """
    shell = get_ipython()
    if shell is None:
        return {}
    names = {name for source in shell.user_ns["In"] for name in _assigned_literals(source)}
    for name in names:
        value = shell.user_ns[name]
        if isinstance(value, str) and value.startswith("["):
            try:
                shell.user_ns[name] = ast.literal_eval(value)
            except (SyntaxError, ValueError):
                raise PosekitError(
                    f"notebook.start(): `{name}` must be text or a list as Python writes it; got "
                    f"{value!r:.200}."
                ) from None
    return {name: shell.user_ns[name] for name in sorted(names)}


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
