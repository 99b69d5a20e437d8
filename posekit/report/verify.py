"""Verify a report: does a rerun give the same numbers?"""

import re

from posekit.errors import PosekitError
from posekit.files import read_json
from posekit.report import index

# Where a run records its results, as patterns below its folder.
RESULTS = ("*.json", "training/*/config.json", "training/*/history.json")
OWN = ("index.json", "verification.json")

# Tables show four significant digits; a smaller difference changes the last by one at most.
RELATIVE_TOLERANCE = 5e-4

# Around zero, where a relative difference means nothing.
ABSOLUTE_TOLERANCE = 1e-9

# What the clock measured, by words in a value's path: no two runs agree on it.
CLOCK = re.compile(r"seconds|minutes|step_ratio|time of")

# Under what conditions a file was made: compared on their own, not as results.
CONDITIONS = ("python", "versions", "git_commit", "cores", "onednn_fpmath_mode")


def settings(run_dir):
    """What `runner.run` needs to rerun a run's finished notebooks: `notebooks` and `overrides`."""
    path = run_dir / "index.json"
    if not path.is_file():
        raise PosekitError(
            f"{run_dir}: must be the folder of a report; got no index.json in it. "
            "Check the path, or run the report first."
        )
    entries = read_json(path)["notebooks"]
    finished = [entry for entry in entries if entry["status"] in index.DONE]
    if not finished:
        states = ", ".join(f"{entry['name']} ({entry['status']})" for entry in entries)
        raise PosekitError(
            f"{run_dir}: must hold a finished notebook; got {states}. Run the report first."
        )
    return {
        "notebooks": [entry["name"] for entry in finished],
        "overrides": [
            f"{entry['name']}.{name}={value!r}"
            for entry in finished
            for name, value in entry["parameters"].items()
            if name != "run_dir"
        ],
    }


def compare(first_dir, second_dir):
    """Compare everything that a run and its rerun recorded, except times, as a JSON-ready dict.

    `conditions` lists what might explain a difference: name, first, second, same. `files` counts
    for each file of the rerun the values that are `equal`, `within` the tolerance and `beyond` it,
    and gives the `largest` difference (path, first, second) or None. `agrees`: nothing is beyond.
    """
    paths = [path for pattern in RESULTS for path in second_dir.glob(pattern)]
    names = sorted(str(path.relative_to(second_dir)) for path in paths if path.name not in OWN)
    first, second = (
        [read_json(folder / name) if (folder / name).is_file() else {} for name in names]
        for folder in (first_dir, second_dir)
    )
    files = [
        {"file": name, **_compared(_values(then), _values(now))}
        for name, then, now in zip(names, first, second, strict=True)
    ]
    return {
        "run": str(first_dir),
        "relative_tolerance": RELATIVE_TOLERANCE,
        "conditions": side_by_side(_conditions(first), _conditions(second)),
        "files": files,
        "agrees": not any(row["beyond"] for row in files),
    }


def to_text(result):
    """A comparison as text: conditions that differ, a line for each file, the verdict."""
    files = result["files"]
    width = max((len(row["file"]) for row in files), default=0)
    lines = [f"{'':{width}} {'equal':>8} {'within':>8} {'beyond':>8}  largest difference"]
    for row in files:
        counts = " ".join(f"{row[name]:>8}" for name in ("equal", "within", "beyond"))
        largest = row["largest"]
        difference = f"{largest['path']}: {_then_now(largest)}" if largest else ""
        lines.append(f"{row['file']:{width}} {counts}  {difference}".rstrip())
    for row in result["conditions"]:
        if not row["same"]:
            lines.append(f"other {row['name']}: {_then_now(row)}")
    beyond, within = (sum(row[name] for row in files) for name in ("beyond", "within"))
    share = f"{result['relative_tolerance']:g} of its size"
    if not result["agrees"]:
        lines.append(f"not verified: {beyond} values differ by more than {share}")
    elif within:
        lines.append(f"verified: {within} values differ, none by more than {share}")
    else:
        lines.append("verified: all values are equal")
    return "\n".join(lines)


def _values(content, path=""):
    """path -> value of everything that a rerun should reproduce; list items go by their label."""
    if isinstance(content, dict):
        inner = {f"{path}.{key}".lstrip("."): content[key] for key in content}
        inner = {key: value for key, value in inner.items() if key not in CONDITIONS}
    elif isinstance(content, list):
        labels = [
            item.get("label", position) if isinstance(item, dict) else position
            for position, item in enumerate(content)
        ]
        inner = {f"{path}[{label}]": item for label, item in zip(labels, content, strict=True)}
    else:
        return {} if CLOCK.search(path) else {path: content}
    return {leaf: value for key in inner for leaf, value in _values(inner[key], key).items()}


def _compared(then, now):
    counts = {"equal": 0, "within": 0, "beyond": 0}
    largest, largest_share = None, 0.0
    for path in then | now:
        first, second = (values.get(path, "nothing") for values in (then, now))
        share = _relative_difference(first, second)
        verdict = "within" if share <= RELATIVE_TOLERANCE else "beyond"
        counts[verdict if share else "equal"] += 1
        if share > largest_share:
            largest = {"path": path, "first": first, "second": second}
            largest_share = share
    return {**counts, "largest": largest}


def _relative_difference(first, second):
    """0 if equal, up to 2 for numbers, infinite for other values that differ."""
    if first == second:
        return 0.0
    if not {type(first), type(second)} <= {int, float}:
        return float("inf")
    difference = abs(first - second)
    share = difference / max(abs(first), abs(second))
    return min(RELATIVE_TOLERANCE, share) if difference <= ABSOLUTE_TOLERANCE else share


def side_by_side(first, second):
    """Two dicts of text as rows: name, first, second, and whether they are the same."""
    return [
        {
            "name": name,
            "first": first.get(name, "–"),
            "second": second.get(name, "–"),
            "same": first.get(name) == second.get(name),
        }
        for name in first | second
    ]


def _conditions(contents):
    """name -> the values that the files of a run name, as text."""
    found = {}
    for content in contents:
        if not isinstance(content, dict) or "versions" not in content:
            continue
        named = {
            "data fingerprint": content.get("data", {}).get("fingerprint"),
            "git commit": content["git_commit"],
            "number of cores": content.get("cores"),
            "python": content["python"],
            "precision of oneDNN": content.get("onednn_fpmath_mode", "–"),
            **content["versions"],
        }
        for name, value in named.items():
            found.setdefault(name, set()).add(str(value))
    return {name: ", ".join(sorted(values)) for name, values in found.items()}


def _then_now(row):
    return f"{row['first']} then, {row['second']} now"
