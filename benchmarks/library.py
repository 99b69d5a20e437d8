"""What posekit does without a peer: metrics, synthetic people, start of the command line, reports.

    .venv/bin/python benchmarks/library.py
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import results

from posekit import files
from posekit.evaluation import metrics
from posekit.skeleton import LSP

# Asks a fresh Python for its own seconds of an import, and whether TensorFlow came along.
QUESTION = """
import sys, time
started = time.perf_counter()
import posekit
print(time.perf_counter() - started, "tensorflow" in sys.modules)
"""


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--poses", type=int, default=100_000, help="default: %(default)s")
    parser.add_argument("--images", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--pairs", type=int, default=5, help="repetitions (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="default: reports/benchmarks/library.json")
    options = parser.parse_args()
    rows = [
        metrics_row(options.poses, options.pairs),
        synthetic_row(options.images, options.pairs),
        *start_rows(options.pairs),
        report_row(newest_quick_report(files.PROJECT_ROOT / "reports")),
    ]
    results.write("library", rows, path=options.json, poses=options.poses, images=options.images)


def seconds_of(work, times):
    """Seconds of each of `times` calls, after one that is not timed."""
    work()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return taken


def metrics_row(count, times):
    """All scores of `evaluate` on so many poses."""
    rng = np.random.default_rng(0)
    true_px = rng.uniform(0, 300, (count, 14, 2))
    pred_px = true_px + rng.normal(0, 10, true_px.shape)
    labelled = rng.random((count, 14)) < 0.88
    sizes_px = rng.integers(100, 400, (count, 2))

    def score():
        errors = metrics.PoseErrors(pred_px, true_px, labelled, skeleton=LSP)
        return [sums.total for sums in errors.headline(sizes_px).values()]

    median, spread = results.median_and_range(seconds_of(score, times))
    return results.row(
        f"metrics on {count:,} poses", "-", median, unit="s", spread=spread, at_most=1,
        note="PCK, its area under the curve, PCP, mean joint error in pixels and in torso lengths, "
        "squared error",
    )


def synthetic_row(count, times):
    """Drawing, encoding and writing, on one core where the system lets a process choose."""
    code = (
        "import os, sys, tempfile, time\n"
        "hasattr(os, 'sched_setaffinity') and os.sched_setaffinity(0, {0})\n"
        "import cv2\n"
        "cv2.setNumThreads(1)\n"
        "from posekit.datasets.synthetic import writing\n"
        "writing.example(0, seed=0)\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    for seed in range(int(sys.argv[2])):\n"
        "        started = time.perf_counter()\n"
        "        writing.write(f'{folder}/{seed}', count=int(sys.argv[1]), seed=seed)\n"
        "        print(time.perf_counter() - started)\n"
    )
    taken = [float(line) for line in _answer(["-c", code, str(count), str(times)]).split()]
    median, spread = results.median_and_range([count / each for each in taken])
    return results.row(
        "synthetic people", "-", median, unit="images/s per core", spread=spread, at_least=150
    )


def start_rows(times):
    """Seconds of importing posekit, and of the whole process that prints the help."""
    imports = [_answer(["-c", QUESTION]).split() for _ in range(times + 1)][1:]
    loaded = [line for line in imports if line[1] == "True"]
    median, spread = results.median_and_range([float(line[0]) for line in imports])
    traced = _answer(["-X", "importtime", "-m", "posekit", "--help"], stderr=subprocess.STDOUT)
    heavy = "tensorflow" in traced
    helped = seconds_of(lambda: _answer(["-m", "posekit", "--help"]), times)
    helped_median, helped_spread = results.median_and_range(helped)
    notes = {True: "TensorFlow is loaded", False: "no TensorFlow loaded"}
    return [
        results.row(
            "import posekit", "-", median, unit="s", spread=spread,
            # What loads TensorFlow misses the target whatever its time.
            at_most=0 if loaded else 0.5, note=notes[bool(loaded)],
        ),
        results.row(
            "python -m posekit --help", "-", helped_median, unit="s", spread=helped_spread,
            at_most=0 if heavy else 0.5, note=notes[heavy],
        ),
    ]


def newest_quick_report(reports):
    """The index of the newest finished quick report that ran all its notebooks, or None."""
    found = []
    for path in Path(reports).glob("*/index.json"):
        index = files.read_json(path)
        entries = index.get("notebooks", [])
        ran = entries and all(entry["status"] == "ok" for entry in entries)
        if ran and index.get("finished") and index["parameters"].get("profile") == "quick":
            found.append((index["finished"], path, index))
    return max(found)[1:] if found else None


def report_row(found):
    """A report's wall time by the sum of its notebooks' compute cells.

    Args:
        found: (path, index) of `newest_quick_report`, or None.
    """
    settings = {"unit": "times", "at_most": 1.25}
    work, against = "quick report, wall time", "its compute cells"
    if found is None:
        note = "make reports leaves one; there is none that ran whole"
        return results.row(work, against, None, **settings, note=note)
    path, index = found
    computing = sum(entry["compute_seconds"] for entry in index["notebooks"])
    return results.row(
        work,
        against,
        index["seconds"] / computing,
        **settings,
        note=f"{index['seconds']:.0f} s, {computing:.0f} s in cells; {path.parent.name}, "
        f"finished {index['finished'][:16]}",
    )


def _answer(arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments],
        check=True,
        text=True,
        cwd=files.PROJECT_ROOT,
        **{"stdout": subprocess.PIPE, **options},
    ).stdout


if __name__ == "__main__":
    main()
