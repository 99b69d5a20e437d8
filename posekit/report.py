"""Notebooks -> HTML: run them in order, strictly, with one index page over all of them."""

import fcntl
import hashlib
import json
import os
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import nbformat
from papermill.iorw import load_notebook_node
from tqdm import tqdm

from posekit import artifacts, report_execution, report_index, report_parameters
from posekit.errors import PosekitError, raise_problems

NOTEBOOKS_DIR = artifacts.PROJECT_ROOT / "notebooks"


class ReportFailed(PosekitError):
    """A notebook stopped. `index` is the path of the index page that says where and why."""

    def __init__(self, message, index):
        super().__init__(message)
        self.index = index


def run(
    run_dir,
    *,
    parameters,
    overrides=(),
    notebooks=None,
    resume=False,
    notebooks_dir=NOTEBOOKS_DIR,
):
    """Run the notebooks in order and leave `index.html` and a page for each in `run_dir`.

    The first notebook that fails ends the run. Pages made before it stay, and so does its own up
    to the failure.

    Args:
        run_dir: path, seen from the project's root when relative. Notebooks get it, absolute, as
            their parameter `run_dir`.
        parameters: dict, given to every notebook that declares the name.
        overrides: str each, "epochs=50" or "02_training.epochs=50"; see
            `report_parameters.resolve`.
        notebooks: names such as "02_training" or their numbers such as "02"; None runs all. The
            others keep their place in the index.
        resume: bool, whether to leave out a notebook that succeeded last time with the same code,
            parameters, data and package versions, after the same runs of those before it, and
            whose files are still there: its page, its artifacts, and what these list under
            "needs" (paths in `run_dir`, such as trained networks).
        notebooks_dir: path of the folder with `NN_name.ipynb`.

    Returns:
        path of index.html. index.json beside it holds the same facts.

    Raises:
        PosekitError: before anything runs: an unknown notebook or parameter, a value of another
            type than the default, another report at work in `run_dir`.
        ReportFailed: a notebook failed.
    """
    run_dir = artifacts.from_root(run_dir).resolve()
    if "run_dir" in parameters:
        raise PosekitError(
            "run(): `parameters` must leave `run_dir` to the argument; "
            f"got {str(parameters['run_dir'])!r} in both."
        )
    suite = _load(notebooks_dir)
    selected = _select(suite, notebooks)
    declared = {name: report_parameters.declared(name, suite[name]) for name in selected}
    given = report_parameters.resolve(declared, {"run_dir": str(run_dir), **parameters}, overrides)

    with _locked(run_dir):
        earlier = _earlier_entries(run_dir)
        index = {
            "parameters": dict(parameters),
            "overrides": list(overrides),
            "started": _now(),
            "finished": None,
            "seconds": None,
            "provenance": artifacts.provenance(),
            "notebooks": [
                _waiting_entry(name, suite[name], earlier.get(name), name in selected)
                for name in suite
            ],
        }
        begun = time.monotonic()
        report_index.write(run_dir, index)
        entries = {entry["name"]: entry for entry in index["notebooks"]}
        with tqdm(
            total=sum(entries[name]["cells"] for name in selected),
            disable=None,  # where standard error is a file, one line for each notebook is enough
            leave=False,
            bar_format="{desc} |{bar}| {n_fmt}/{total_fmt} cells [{elapsed}]",
        ) as bar:
            for name in selected:
                entry = entries[name]
                inputs = _inputs(index, name, suite[name], {**declared[name], **given[name]})
                if resume and _is_unchanged(run_dir, earlier.get(name), inputs):
                    entry["status"] = "reused"
                    bar.update(entry["cells"])
                else:
                    links = _links(run_dir, name, list(suite), selected)
                    entry["inputs"] = inputs
                    entry |= _run_notebook(
                        run_dir, entry, suite[name], given[name], links, notebooks_dir, bar
                    )
                seconds = report_index.duration(entry["seconds"])
                tqdm.write(f"{name}  {entry['status']}  {seconds}", file=sys.stderr)
                index["seconds"] = time.monotonic() - begun
                report_index.write(run_dir, index)
                if entry["status"] == "failed":
                    break
        index["finished"] = _now()
        page = report_index.write(run_dir, index)

    if entry["status"] == "failed":
        error = entry["error"]
        where = f" in cell {error['cell']} of {entry['cells']}" if error["cell"] else ""
        raise ReportFailed(
            f"{name} failed{where}: {error['name']}: {error['message']}\n  See {page}.", page
        )
    return page


def _load(notebooks_dir):
    paths = sorted(notebooks_dir.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise PosekitError(
            f"run(): `notebooks_dir` must hold notebooks named NN_name.ipynb; got {notebooks_dir}."
        )
    return {path.stem: load_notebook_node(str(path)) for path in paths}


def _select(suite, notebooks):
    if notebooks is None:
        return list(suite)
    named = {wanted: [name for name in suite if wanted in (name, name[:2])] for wanted in notebooks}
    raise_problems(
        "run()",
        [
            f"`notebooks` must hold names or numbers of {', '.join(suite)}; got {wanted!r}."
            for wanted, names in named.items()
            if not names
        ],
    )
    return [name for name in suite if any(name in names for names in named.values())]


@contextmanager
def _locked(run_dir):
    """Hold `run_dir` for this process; the system lets go of it when the process ends."""
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        file = (run_dir / ".lock").open("a+")
    except OSError as error:
        raise PosekitError(
            f"run(): `run_dir` must be a folder that can be written to; got {run_dir}: "
            f"{error.strerror}. Choose another folder."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise PosekitError(
                f"run(): `run_dir` must be used by one report at a time; got {run_dir}, in use by "
                f"process {file.read()}. Wait for it, or choose another folder."
            ) from None
        # The file stays: were it deleted, two runs could each lock a file of this name.
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _earlier_entries(run_dir):
    path = run_dir / "index.json"
    if not path.exists():
        return {}
    return {entry["name"]: entry for entry in artifacts.read_json(path)["notebooks"]}


def _waiting_entry(name, notebook, earlier, is_selected):
    """A notebook's entry before its turn: what is known from an earlier run stays in sight."""
    blank = {
        "name": name,
        "executed": f"executed/{name}.ipynb",
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
    }
    status = "not run"
    if earlier and not is_selected:
        status = "kept" if earlier["status"] in report_index.DONE else earlier["status"]
    return {
        **blank,
        **(earlier or {}),
        "status": status,
        "title": report_index.title_of(name, notebook),
        "cells": len(notebook.cells),
    }


def _inputs(index, name, notebook, values):
    """Everything that decides what a notebook computes; equal inputs make a rerun needless."""
    source = [[cell.cell_type, cell.source, cell.metadata.tags] for cell in notebook.cells]
    names = [entry["name"] for entry in index["notebooks"]]
    return {
        "notebook": _digest(source),
        "posekit": _code_state(artifacts.PROJECT_ROOT / "posekit"),
        "parameters": values,
        "data": _data_state(values.get("data")),
        "provenance": {key: index["provenance"][key] for key in ("python", "versions")},
        # Reruns of earlier notebooks show here, for each run ends at a time of its own.
        "before": {
            entry["name"]: entry["finished"]
            for entry in index["notebooks"][: names.index(name)]
        },
    }


def _is_unchanged(run_dir, earlier, inputs):
    return (
        earlier is not None
        and earlier["status"] in report_index.DONE
        and earlier["inputs"] == inputs
        and all((run_dir / path).exists() for path in _files_of(run_dir, earlier))
    )


def _files_of(run_dir, entry):
    """What a notebook left in `run_dir`: its pages, its artifacts and what these need."""
    yield from (entry["html"], entry["executed"])
    for artifact, producer in artifacts.PRODUCER.items():
        if producer == entry["name"]:
            yield artifact
            # Who asks on has found the artifact; `all` stops at the first that is missing.
            yield from artifacts.read_json(run_dir / artifact).get("needs", [])


def _code_state(package):
    files = [*package.rglob("*.py"), *package.glob("templates/*")]
    return _digest(
        {str(path.relative_to(package)): path.read_text(encoding="utf-8") for path in files}
    )


def _data_state(data):
    """Digest of every file's name, size and time; None for synthetic data."""
    if not isinstance(data, str) or data == "synthetic":
        return None
    paths = [artifacts.from_root(path) for path in data.split(os.pathsep)]
    return _digest([_file_states(path) for path in paths])


def _file_states(path):
    files = [*path.glob("*"), *path.glob("images/*")] if path.is_dir() else [path]
    return sorted(
        [file.name, file.stat().st_size, file.stat().st_mtime_ns]
        for file in files
        if file.is_file()
    )


def _digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _links(run_dir, name, names, selected):
    """The notebooks before and after this one that have a page, or get one in this run."""
    position = names.index(name)
    around = {
        "previous": names[position - 1] if position else None,
        "following": names[position + 1] if position + 1 < len(names) else None,
    }
    return {
        role: other
        for role, other in around.items()
        if other in selected or (run_dir / f"{other}.html").exists()
    }


def _run_notebook(run_dir, entry, notebook, given, links, notebooks_dir, bar):
    """Execute one notebook, write its page, and return what changes in its entry."""
    name, started, begun = entry["name"], _now(), time.monotonic()
    executed, error = report_execution.execute(name, notebook, given, notebooks_dir, bar)
    seconds = time.monotonic() - begun
    headline = []
    if error is None:
        try:
            headline = report_index.headline_of(run_dir, name)
        except PosekitError as problem:
            error = {"cell": None, "anchor": None, "name": "PosekitError", "message": str(problem)}
    if error:
        links.pop("following", None)  # it will not be run
    page = report_index.notebook_page(executed, title=entry["title"], error=error, **links)
    with artifacts.replacing(run_dir / entry["executed"]) as temporary:
        nbformat.write(executed, temporary)
    artifacts.write_text(run_dir / f"{name}.html", page)
    return {
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
        "answer": report_index.answer_of(executed),
        "headline": headline,
    }


def _now():
    return datetime.now(UTC).isoformat(timespec="milliseconds")
