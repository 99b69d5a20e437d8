"""Run the notebooks in order and write an HTML page for each, with one index page."""

import re
import sys
import textwrap
import time
import warnings
from datetime import UTC, datetime

import nbformat
from papermill.iorw import load_notebook_node
from tqdm import tqdm

from posekit import files, locks, wording
from posekit.errors import PosekitError
from posekit.files import PROJECT_ROOT, from_root, read_json
from posekit.provenance import provenance
from posekit.report import dependencies, execution
from posekit.report import parameters as report_parameters
from posekit.report.cells import answer_of
from posekit.report.index import DONE, headline_answers, headline_of, notebook_page, title_of, write
from posekit.report.parameters import resolve

SUITE = PROJECT_ROOT / "notebooks"

# What index.json says of a notebook that was never run, next to its name, title and size.
BLANK_ENTRY = {
    "html": None,
    "parameters": {},
    "inputs": None,
    "started": None,
    "finished": None,
    "seconds": None,
    "compute_seconds": None,
    "error": None,
    "answer": "",
    "headline": [],
    "files": {},
}


class ReportFailed(PosekitError):
    """A notebook stopped. `index` is the path of the index page that says where and why."""

    def __init__(self, message, index):
        super().__init__(message)
        self.index = index


def run(run_dir, *, parameters, overrides=(), notebooks=None, resume=False, notebooks_dir=SUITE):
    """Run the notebooks in order and leave `index.html` and a page for each in `run_dir`.

    The first notebook that fails ends the run with ReportFailed; its page shows all up to there.
    Bad arguments raise PosekitError before anything runs.

    Args:
        run_dir: path, relative to the project's root unless absolute. Notebooks get it, absolute,
            as their parameter `run_dir`.
        parameters: dict, given to every notebook that declares the name.
        overrides: str each, as for `parameters.resolve`.
        notebooks: names such as "02_training" or their numbers such as "02"; None runs all. The
            others keep their entry in the index.
        resume: bool, whether to skip a notebook that succeeded last time and would do the same
            again: what decides its result is the same (see `dependencies.inputs_of`), and so are
            the files it left: its page, its artifacts, and what these list under "needs".
        notebooks_dir: path of the folder with `NN_name.ipynb`.

    Returns the path of index.html; index.json next to it holds the same facts.
    """
    run_dir = from_root(run_dir).resolve()
    files.cache_dir()  # all notebooks use this one, even where it is a temporary folder
    paths = sorted(notebooks_dir.glob("[0-9][0-9]_*.ipynb"))
    suite = {path.stem: load_notebook_node(str(path)) for path in paths}
    if not suite:
        raise PosekitError(
            f"run(): `notebooks_dir` must hold notebooks named NN_name.ipynb; got {notebooks_dir}."
        )
    selected = _select(suite, notebooks)
    declared = {name: report_parameters.declared(name, suite[name]) for name in selected}
    given = resolve(declared, {"run_dir": str(run_dir), **parameters}, overrides)

    with locks.held(run_dir / ".lock", what=f"report {run_dir}"):
        for folder in (run_dir, run_dir / "executed"):
            files.remove_leftovers(folder)
        earlier = _earlier_entries(run_dir)
        index = {
            "parameters": dict(parameters),
            "overrides": list(overrides),
            "started": _now(),
            "finished": None,
            "seconds": None,
            "provenance": provenance(),
            "notebooks": [
                _waiting_entry(name, suite[name], earlier.get(name), resume or name not in selected)
                for name in suite
            ],
        }
        begun = time.monotonic()
        write(run_dir, index)
        _announce(run_dir, index, selected)
        entries = {entry["name"]: entry for entry in index["notebooks"]}
        with tqdm(
            total=sum(entries[name]["cells"] for name in selected),
            disable=None,  # where standard error is a file, one line for each notebook is enough
            leave=False,
            bar_format="{desc} |{bar}| {n_fmt}/{total_fmt} cells [{elapsed}]",
        ) as bar:
            for name in selected:
                entry = entries[name]
                values = {**declared[name], **given[name]}
                inputs = dependencies.inputs_of(name, suite[name], values, index)
                before = earlier.get(name)
                if resume and before and before["status"] in DONE and before["inputs"] == inputs:
                    entry["status"] = "reused"
                    bar.update(entry["cells"])
                else:
                    entry["status"] = "not run"
                    for other in selected[selected.index(name) + 1 :]:
                        if name in dependencies.read_by(other, suite[other], list(suite)):
                            entries[other]["status"] = "not run"
                    entry["inputs"] = inputs
                    links = _links(run_dir, name, list(suite), selected)
                    entry |= _run_notebook(
                        run_dir, entry, suite[name], given[name], links, notebooks_dir, bar
                    )
                seconds = wording.duration(entry["seconds"])
                tqdm.write(f"{name}  {entry['status']}  {seconds}", file=sys.stderr)
                index["seconds"] = time.monotonic() - begun
                write(run_dir, index)
                if entry["status"] == "failed":
                    break
        index["finished"] = _now()
        page = write(run_dir, index)
        for answered, answer in headline_answers(index):
            wrapped = textwrap.indent(textwrap.fill(re.sub(r"\*\*|`", "", answer), 96), "  ")
            print(f"\n{answered['title']}\n{wrapped}", file=sys.stderr)

    if entry["status"] == "failed":
        error = entry["error"]
        where = f" in cell {error['cell']} of {entry['cells']}" if error["cell"] else ""
        raise ReportFailed(
            f"{name} failed{where}: {error['name']}: {error['message']}\n  See {page}.", page
        )
    return page


def _announce(run_dir, index, selected):
    """Say what will be run, and how long each notebook took last time."""
    data, profile = (index["parameters"].get(name) for name in ("data", "profile"))
    entries = [entry for entry in index["notebooks"] if entry["name"] in selected]
    print(
        f"{len(entries)} notebooks on {data} (profile {profile}) into {run_dir}:",
        *(f"  {wording.duration(entry['seconds']):>11}  {entry['title']}" for entry in entries),
        sep="\n",
        file=sys.stderr,
    )


def _select(suite, notebooks):
    if notebooks is None:
        return list(suite)
    for wanted in notebooks:
        if not any(wanted in (name, name[:2]) for name in suite):
            raise PosekitError(
                f"run(): `notebooks` must hold names or numbers of {', '.join(suite)}; got "
                f"{wanted!r}."
            )
    return [name for name in suite if {name, name[:2]} & set(notebooks)]


def _earlier_entries(run_dir):
    """The last run's entries of those notebooks whose files are unchanged."""
    path = run_dir / "index.json"
    if not path.exists():
        return {}
    try:
        # An entry of an earlier version of posekit may say less; its notebook is run again.
        noted = [e for e in read_json(path)["notebooks"] if BLANK_ENTRY.keys() <= e.keys()]
    except (PosekitError, KeyError, TypeError, AttributeError):
        aside = files.set_aside(path)
        message = f"{path}: is damaged and set aside as {aside.name}; every notebook is run again."
        warnings.warn(message, stacklevel=3)
        return {}
    unchanged = {}
    for entry in noted:
        changed = [
            run_dir / file
            for file, digest in entry["files"].items()
            if digest is None or _digest(run_dir / file) != digest
        ]
        if not changed:
            unchanged[entry["name"]] = entry
        elif entry["status"] in DONE:
            message = f"{entry['name']}: {changed[0]} is missing or not as the notebook left it."
            warnings.warn(message, stacklevel=3)
    return unchanged


def _digest(path):
    return files.digest(path) if path.is_file() else None


def _waiting_entry(name, notebook, earlier, may_stay):
    """A notebook's entry before its turn; facts of an earlier run stay.

    What may be reused counts as done until then, so that a run killed before loses nothing.
    """
    status = "not run"
    if earlier and may_stay:
        status = "kept" if earlier["status"] in DONE else earlier["status"]
    return {
        **BLANK_ENTRY,
        "executed": f"executed/{name}.ipynb",
        **(earlier or {}),
        "name": name,
        "status": status,
        "title": title_of(name, notebook),
        "cells": len(notebook.cells),
        # Its answer is among those that open the index.
        "opens_index": "headline" in notebook.cells[-1].metadata.get("tags", []),
    }


def _files_of(run_dir, name):
    """The artifacts that a notebook left in `run_dir`, and the files that these need."""
    for artifact, stored in dependencies.written_by(name, run_dir).items():
        yield artifact
        yield from stored.get("needs", [])


def _links(run_dir, name, names, selected):
    """The notebooks before and after this one that have a page, or get one in this run."""
    around = [None, *names, None]
    previous, _, following = around[names.index(name) :][:3]
    return {
        role: other
        for role, other in (("previous", previous), ("following", following))
        if other in selected or (run_dir / f"{other}.html").exists()
    }


def _run_notebook(run_dir, entry, notebook, given, links, notebooks_dir, bar):
    """Execute one notebook, write its page, and return what changes in its entry."""
    name, started, begun = entry["name"], _now(), time.monotonic()
    executed, error = execution.execute(name, notebook, given, notebooks_dir, bar)
    seconds = time.monotonic() - begun
    executed.metadata["posekit"] = provenance()
    headline = []
    try:
        headline = [] if error else headline_of(run_dir, name)
    except PosekitError as problem:
        error = {"cell": None, "anchor": None, "name": "PosekitError", "message": str(problem)}
    if error:
        links.pop("following", None)  # it will not be run
    with files.replacing(run_dir / entry["executed"]) as temporary:
        nbformat.write(executed, temporary)
    entry = {
        **entry,
        "status": "failed" if error else "ok",
        "html": f"{name}.html",
        "parameters": entry["inputs"]["parameters"],
        "started": started,
        "finished": _now(),
        "seconds": seconds,
        "compute_seconds": sum(
            cell.metadata.papermill.get("duration") or 0
            for cell in executed.cells
            if cell.cell_type == "code"
        ),
        "error": error,
        "answer": answer_of(executed),
        "headline": headline,
    }
    page = notebook_page(executed, title=entry["title"], error=error, **links)
    files.write_text(run_dir / entry["html"], page)
    left = [entry["html"], entry["executed"], *_files_of(run_dir, name)]
    return {**entry, "files": {file: _digest(run_dir / file) for file in left}}


def _now():
    return datetime.now(UTC).isoformat(timespec="milliseconds")
