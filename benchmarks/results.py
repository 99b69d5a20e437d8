"""What a benchmark found, one row for each thing compared: value, target, whether it holds."""

import statistics
from pathlib import Path

from posekit import files
from posekit.provenance import provenance

FOLDER = files.PROJECT_ROOT / "reports" / "benchmarks"


def row(work, against, value, *, unit, spread=None, at_least=None, at_most=None, note=None):
    """One row of the table.

    Args:
        work: str, what was measured.
        against: str, the peer, or "-".
        value: number, or None where it could not be measured.
        unit: str, "x" for a ratio (above 1: posekit is faster).
        spread: [low, high] of the pairs or repetitions, or None.
        at_least, at_most: number, the target, or neither for a row that only informs.
        note: str, what a reader must know, or None.

    Returns:
        dict, JSON-ready; `holds` is None without a target or a value.
    """
    holds = None
    if value is not None and at_least is not None:
        holds = bool(value >= at_least)
    elif value is not None and at_most is not None:
        holds = bool(value <= at_most)
    return {
        "work": work,
        "against": against,
        "value": value,
        "unit": unit,
        "spread": spread,
        "at_least": at_least,
        "at_most": at_most,
        "holds": holds,
        "note": note,
    }


def median_and_range(values):
    """(median, [least, most]) of some numbers."""
    return statistics.median(values), [min(values), max(values)]


def verdict(row):
    """A row's verdict in words; with the target inside the range, another run may say otherwise."""
    if row["value"] is None:
        return "not measured"
    if row["holds"] is not None and row["spread"]:
        low, high = row["spread"]
        target = row["at_most"] if row["at_least"] is None else row["at_least"]
        if low < target < high:
            return "not decided"
    return {True: "holds", False: "misses", None: ""}[row["holds"]]


def amount(value, unit):
    """A number with its unit, for people."""
    if value is None:
        return "-"
    shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{shown}x" if unit == "x" else f"{shown} {unit}"


def target(row):
    """A row's target in words."""
    if row["at_least"] is not None:
        return f"at least {amount(row['at_least'], row['unit'])}"
    if row["at_most"] is not None:
        return f"at most {amount(row['at_most'], row['unit'])}"
    return ""


def spread(row):
    """A row's range in words."""
    return " to ".join(amount(value, "").strip() for value in row["spread"] or [])


def show(rows):
    """Print rows as a Markdown table, notes below."""
    print("| work | against | measured | range | target | |")
    print("|---|---|---|---|---|---|")
    for each in rows:
        shown = spread(each)
        print(
            f"| {each['work']} | {each['against']} | {amount(each['value'], each['unit'])} "
            f"| {shown} | {target(each)} | {verdict(each)} |"
        )
    for each in rows:
        if each["note"]:
            print(f"{each['work']}: {each['note']}")


def write(name, rows, *, path=None, **details):
    """Print rows and write them as JSON.

    Args:
        name: str, the benchmark.
        rows: list of `row`.
        path: path of the file; None for FOLDER/NAME.json, where the page finds it.
        **details: what else is worth keeping.
    """
    show(rows)
    path = FOLDER / f"{name}.json" if path is None else Path(path)
    files.write_json(path, {"rows": rows, **details, **provenance()})


def add_options(parser, *, images, pairs):
    """The options that all benchmarks share."""
    parser.add_argument("--data", default="synthetic", help="default: %(default)s")
    parser.add_argument("--images", type=int, default=images, help="default: %(default)s")
    parser.add_argument(
        "--pairs",
        "--turns",
        type=int,
        default=pairs,
        help="turns of each side (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, help="default: reports/benchmarks/NAME.json")
