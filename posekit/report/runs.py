"""All reports and trainings below a folder, as tables that sort and filter."""

import operator
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from posekit import files, wording
from posekit.errors import PosekitError, check_choice
from posekit.report import pages
from posekit.report.index import DONE
from posekit.training import records

KINDS = ("reports", "trainings")

# What the tables show; the settings of a training are columns as well, see `columns`.
SHOWN = {
    "trainings": """
        run network label_treatment view seed epochs epochs_done data images validation_mse
        mean_pose_mse share_of_mean_pose best_epoch minutes finished
    """.split(),
    "reports": "run profile data seed overrides notebooks minutes finished commit".split(),
}

# Columns that the page filters by, each where the rows differ in it.
FILTERS = """
    run profile network head loss label_treatment view frame_px augmentation seed epochs data
""".split()

_CONDITION = re.compile(r"(?P<column>\w+)\s*(?P<operator><=|>=|!=|=|<|>|~)(?P<value>.*)", re.DOTALL)
_COMPARE = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def find(folder):
    """Finished reports and trainings at any depth below a Path: (kind -> rows, problems).

    A row is a dict of column -> str, number or None, with the Path "folder" of what it describes.
    `problems` name folders that look like a run but cannot be read.
    """
    if not folder.is_dir():
        raise PosekitError(
            f"runs: `folder` must be a folder of reports or trainings; got {folder}, which "
            f"{'is a file' if folder.exists() else 'does not exist'}."
        )
    found = [("reports", _report_row, path.parent) for path in sorted(folder.rglob("index.json"))]
    # previous/ keeps a training's files of the epoch before.
    found += [
        ("trainings", _training_row, path.parent)
        for path in sorted(folder.rglob("history.json"))
        if (path.parent / "config.json").is_file() and path.parent.name != "previous"
    ]
    rows, problems = {kind: [] for kind in KINDS}, []
    for kind, describe, each in found:
        try:
            rows[kind].append(describe(each, folder))
        except PosekitError as error:
            problems.append(str(error))
        # A file of another program or a later version may have any shape.
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            problems.append(f"{each}: must be a run of posekit; got {error!r} reading it.")
    return rows, problems


def select(rows, *, sort=None, reverse=False, where=()):
    """The rows of `find` that meet all conditions; rows without a value come last.

    They are sorted by the column `sort`, None for the newest first, with `reverse` from the
    largest value down. A condition of `where` is COLUMN, one of = != < <= > >= ~ and a value; ~
    looks for a part of the text and ignores case.
    """
    for condition in where:
        rows = _meeting(rows, condition)
    if sort is None:
        sort, reverse = "finished", not reverse
    elif rows:
        check_choice("runs", "sort", sort, columns(rows))
    ordered = sorted(rows, key=lambda row: _order(row.get(sort)), reverse=reverse)
    return sorted(ordered, key=lambda row: row.get(sort) is None)


def columns(rows):
    """Names of all columns that any of the rows has, in their order."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [name for name in names if name != "folder"]


def to_text(rows, kind):
    """The shown columns of the rows as aligned text, for a terminal."""
    if not rows:
        return f"no {kind}"
    table = [SHOWN[kind], *([shown(row.get(name)) for name in SHOWN[kind]] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    )


def page(folder, tables, *, written_to):
    """The HTML page of the tables found in `folder`; links start from the Path `written_to`."""
    return pages.render(
        "runs.html",
        name=folder.resolve().name,
        tables=[_table(kind, rows, written_to) for kind, rows in tables.items()],
        made=datetime.now(UTC).isoformat(),
    )


def shown(value):
    """A cell of a table."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT.*", value):
        return datetime.fromisoformat(value).strftime("%Y-%m-%d %H:%M")
    # A seed is no quantity: no separators.
    return str(value) if type(value) is int else wording.shown(value)


def _training_row(folder, root):
    record = records.read(folder)
    mean_pose = record.baselines.get("mean_pose")
    best = record.best_validation_mse
    run = folder.parents[1] if folder.parent.name == "training" else folder
    written = (folder / "history.json").stat().st_mtime
    known = {
        "run": _relative(run, root),
        "data": record.data.get("name"),
        "images": record.data.get("images"),
        "fingerprint": record.data.get("fingerprint"),
        "split": record.data.get("split", {}).get("name"),
        "validation_mse": best,
        "train_mse": record.history["train_mse"][record.best_epoch - 1],
        "mean_pose_mse": mean_pose,
        "share_of_mean_pose": best / mean_pose if mean_pose else None,
        "best_epoch": record.best_epoch,
        "epochs_done": len(record.history["epoch"]),
        "minutes": sum(record.history["seconds"]) / 60,
        "finished": datetime.fromtimestamp(written, UTC).isoformat(timespec="seconds"),
        "training": folder.name,
        "folder": folder,
    }
    # Settings that are lists or missing compare with nothing.
    plain = (str, int, float, bool)
    settings = {name: it if isinstance(it, plain) else None for name, it in record.config.items()}
    return {**settings, **known}


def _report_row(folder, root):
    index = files.read_json(folder / "index.json")
    entries, parameters, seconds = index["notebooks"], index["parameters"], index["seconds"]
    done = sum(entry["status"] in DONE for entry in entries)
    data = parameters.get("data")
    return {
        "profile": parameters.get("profile"),
        "seed": parameters.get("seed"),
        "run": _relative(folder, root),
        # The names of the data's files, without their folders.
        "data": None if data is None else "+".join(re.findall(r"[^/:]+(?=:|$)", str(data))),
        "overrides": ", ".join(index["overrides"]) or None,
        "notebooks": f"{done} of {len(entries)}",
        "complete": done == len(entries),
        "minutes": None if seconds is None else seconds / 60,
        "finished": index["finished"] or None,
        "commit": index["provenance"]["git_commit"],
        "folder": folder,
    }


def _meeting(rows, text):
    """The rows that meet a condition."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise PosekitError(
            f"runs: `where` must be COLUMN=VALUE, or with != < <= > >= or ~; got {text!r}."
        )
    column, sign, value = match["column"], match["operator"], match["value"].strip()
    if rows:
        check_choice("runs", "where", column, columns(rows))
    if sign == "~":
        return [row for row in rows if value.lower() in shown(row.get(column)).lower()]
    try:
        wanted = float(value)
    except ValueError:
        wanted = None
        if sign not in ("=", "!="):
            raise PosekitError(
                f"runs: `where` {column}{sign} must be followed by a number; got {value!r}."
            ) from None

    def holds(found):
        if type(found) in (int, float) and wanted is not None:
            return _COMPARE[sign](found, wanted)
        return sign in ("=", "!=") and _COMPARE[sign](shown(found), value)

    return [row for row in rows if holds(row.get(column))]


def _order(value):
    """Numbers before words, so that a column of both has an order; None last."""
    return (value is None, isinstance(value, str), value)


def _table(kind, rows, written_to):
    """What the template needs of one table: headings, cells, each row's rank by each column."""
    names = [name for name in SHOWN[kind] if any(row.get(name) is not None for row in rows)]
    values = {
        name: sorted({row.get(name) for row in rows}, key=_order) for name in (*names, *FILTERS)
    }
    filters = [name for name in FILTERS if len(values[name]) > 1]
    table = {
        "kind": kind,
        "columns": [
            {"name": name, "is_number": not any(isinstance(it, str) for it in values[name])}
            for name in names
        ],
        "choices": {name: list(map(shown, values[name])) for name in filters},
        "rows": [],
    }
    for row in rows:
        ranks = {name: values[name].index(row.get(name)) for name in values}
        page = row["folder"] / "index.html"  # trainings have none
        table["rows"].append(
            {
                "cells": [shown(row.get(name)) for name in names],
                "ranks": [ranks[name] for name in names],
                "classes": [f"{name}-{ranks[name]}" for name in filters],
                "link": Path(os.path.relpath(page, written_to)).as_posix()
                if kind == "reports" and page.is_file()
                else None,
                "title": ", ".join(f"{name} {shown(row[name])}" for name in columns([row])),
            }
        )
    return table


def _relative(folder, root):
    name = folder.relative_to(root).as_posix()
    return root.resolve().name if name == "." else name
