"""All benchmarks, one after the other, and their page: what `make bench` does.

    .venv/bin/python benchmarks/run.py
    .venv/bin/python benchmarks/run.py --data data/raw/lspet_dataset.zip --only prediction_latency

One that fails, for want of `make peers` say, is named, and the others run all the same; the exit
status is then 1.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import page
import results

HERE = Path(__file__).resolve().parent

# Those that look at pictures take --data.
SCRIPTS = {
    "input_pipeline": True,
    "training_step": False,
    "prediction_latency": True,
    "library": False,
}


def main():
    """Run, write the page; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="synthetic", help="default: %(default)s")
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=SCRIPTS, help="default: all")
    options = parser.parse_args()
    started, problems = time.monotonic(), []
    for name in options.only:
        arguments = ["--data", options.data] if SCRIPTS[name] else []
        print(f"\n{name}", flush=True)
        problem = run(name, arguments)
        if problem is not None:
            problems.append(problem)
            print(problem, file=sys.stderr)
    stored = page.read(results.FOLDER)
    print()
    results.show([row for found in stored.values() for row in found["rows"]])
    page.write(page.PAGE, stored, problems=problems)
    print(f"{(time.monotonic() - started) / 60:.1f} minutes")
    print(page.PAGE)
    return 1 if problems else 0


def run(name, arguments):
    """Run one benchmark; what it left before is removed first.

    Args:
        name: str, of SCRIPTS.
        arguments: list of str.

    Returns:
        None, or str, what went wrong.
    """
    # Else the page would show an old result as if it were this run's.
    (results.FOLDER / f"{name}.json").unlink(missing_ok=True)
    # TensorFlow's remarks on itself would bury the tables.
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ}
    finished = subprocess.run([sys.executable, str(HERE / f"{name}.py"), *arguments], env=quiet)
    if finished.returncode == 0:
        return None
    return f"{name} failed with exit status {finished.returncode}; its message stands above."


if __name__ == "__main__":
    sys.exit(main())
