"""Kill trainings and reports at random moments, go on, and compare with undisturbed ones.

    .venv/bin/python tests/support/kill_and_go_on.py --json kills.json

Each trial starts a process, waits for its moment, kills it (SIGKILL) and notes what the kill
interrupted. In the end every training must have the weights of one that nobody disturbed, bit by
bit, and every report all its pages. Processes are forked from a server that has TensorFlow
loaded: a start then takes a second, not ten.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from functools import partial
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from posekit import files
from posekit.errors import PosekitError
from posekit.provenance import provenance

EPOCHS = 8
# How long a process may take to its moment; a busy machine is slow.
LIMIT_SECONDS = 1800
POLL_SECONDS = 0.002

TRAINING_FILES = (
    "config.json",
    "best.keras",
    "last.keras",
    "history.json",
    "history.csv",
    "checkpoint.weights.h5",
    "checkpoint.json",
)

# A report's moments, in the order in which its notebooks come; see `report_moment`.
REPORT_MOMENTS = (
    "01_first running",
    "01_first converting",
    "01_first.html",
    "index.json",
    "02_training training",
    "02_training converting",
    "between 02_training and 03_last",
    "03_last converting",
    "03_last.html",
    "03_last.ipynb",
)


def processes():
    """The context that trainings and reports are started in."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["posekit.training.fit", "posekit.report.runner"])
    return context


def train(root, run_dir, epochs=EPOCHS):
    """Train a small network to its end, on one thread; run in a process of its own.

    Args:
        root: Path, folder of the people, which are drawn where missing, and of the caches.
        run_dir: Path.
        epochs: int.

    Returns:
        TrainingRun.
    """
    import tensorflow as tf

    from posekit.datasets.synthetic import writing
    from posekit.models import poster
    from posekit.pipeline.experiment import open_experiment
    from posekit.training import engine
    from posekit.training.config import TrainingConfig
    from posekit.training.fit import fit

    engine.start(0, deterministic=True)
    # Making the graphs of so small a network takes longer than training it.
    tf.config.run_functions_eagerly(True)
    warnings.filterwarnings("ignore", message="Even though the `tf.config.experimental_run_func")
    poster.poster_network = partial(
        poster.poster_network, convolution_widths=((8,), (16,)), dense_widths=(32,)
    )
    writing.write(root / "people", count=48, seed=0)
    experiment = open_experiment(
        str(root / "people"), profile="smoke", seed=0, frame_px=32, cache_dir=root / "cache"
    )
    config = TrainingConfig(
        network="poster_batchnorm",
        label_treatment="masked",
        epochs=epochs,
        seed=0,
        batch_size=4,
        frame_px=32,
        weight_average=0.9,
        schedule="warmup_cosine",
    )
    return fit(config, experiment, run_dir, verbose=0)


def outcome(folder):
    """What two equal trainings have in common: epochs, errors and the digest of all weights."""
    from posekit.models import saved

    digest = hashlib.sha256()
    for name in ("best.keras", "last.keras"):
        for values in saved.load(folder / name, joints=14).get_weights():
            digest.update(values.tobytes())
    columns = ("epoch", "train_mse", "validation_mse", "learning_rate")
    rows = json.loads((folder / "history.json").read_text())
    history = [[row[column] for column in columns] for row in rows]
    return {"history": history, "weights": digest.hexdigest()}


def train_and_note(root, run_dir, epochs):
    """`train`, and the outcome in outcome.json beside."""
    run = train(root, run_dir, epochs)
    files.write_json(run_dir / "outcome.json", outcome(run.folder))


def report(notebooks_dir, run_dir):
    """Run a report, or go on with it; a file `converting` is there while a page is made."""
    from posekit.report import runner

    make_page = runner.notebook_page

    def announced(*args, **options):
        # The tool's one look inside: a conversion leaves no trace until it is over.
        (run_dir / "converting").touch()
        page = make_page(*args, **options)
        (run_dir / "converting").unlink()
        return page

    runner.notebook_page = announced
    runner.run(run_dir, parameters={}, resume=True, notebooks_dir=notebooks_dir)


def write_notebooks(root, epochs=EPOCHS):
    """Write a report's three notebooks, of which the second trains; return their folder."""
    here = str(Path(__file__).resolve().parent)
    trains = (
        f"import sys\nsys.path.insert(0, {here!r})\nfrom pathlib import Path\n"
        "import kill_and_go_on\n"
        f"kill_and_go_on.train_and_note(Path({str(root)!r}), Path(run_dir), {epochs})"
    )
    sources = {
        "01_first": "import time; time.sleep(0.3)\nprint('first')",
        "02_training": trains,
        "03_last": "import time; time.sleep(0.3)\nprint('last')",
    }
    folder = root / "notebooks"
    for name, source in sources.items():
        node = new_notebook(
            cells=[
                new_markdown_cell(f"# {name}", id="title"),
                new_code_cell(
                    'run_dir = ""\n', id="given", metadata={"tags": ["parameters"]}
                ),
                new_code_cell(source, id="work"),
                new_markdown_cell("**Answer.** Done.", id="answer"),
            ]
        )
        with files.replacing(folder / f"{name}.ipynb") as temporary:
            nbformat.write(node, temporary)
    return folder


def partial_file(folder, name):
    """Whether a file of that name is being written in a folder."""
    return any(folder.glob(f"{files.PARTIAL}*-{name}"))


def kill_at(context, target, arguments, moment, delay_seconds):
    """Start a process and kill it a while after its moment has come.

    Args:
        context: what `processes` returns.
        target: function to run in the process.
        arguments: tuple, its arguments.
        moment: function without arguments, True when the moment has come.
        delay_seconds: float >= 0.

    Returns:
        bool, False when the process had ended by itself, with success.
    """
    process = context.Process(target=target, args=arguments)
    process.start()
    deadline = time.monotonic() + LIMIT_SECONDS
    while process.is_alive() and not moment():
        if time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"{target.__name__} did not reach its moment")
        time.sleep(POLL_SECONDS)
    time.sleep(delay_seconds)
    process.kill()
    process.join()
    if process.exitcode > 0:
        raise AssertionError(f"{target.__name__} failed with exit status {process.exitcode}")
    return process.exitcode < 0


def finish(context, target, arguments):
    """Run a process to its end."""
    process = context.Process(target=target, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise AssertionError(f"{target.__name__} ended with exit status {process.exitcode}")


def training_moment(folder, name):
    """The moment when a file of a training is being written; any epoch's, where name is None."""
    if name is not None:
        return lambda: partial_file(folder, name)
    record = folder / "checkpoint.json"
    before = record.stat().st_mtime_ns if record.exists() else None
    return lambda: record.exists() and record.stat().st_mtime_ns != before


def interrupted(folder):
    """What a kill interrupted in a training's folder, from what it left there."""
    halves = sorted(
        path.name for path in folder.rglob(f"{files.PARTIAL}*") if path.is_file()
    )
    if halves:
        return f"while {halves[0].rpartition('-')[2]} was written"
    from posekit.training.checkpoint import CheckpointFiles

    return "during an epoch" if CheckpointFiles(folder).is_whole() else "between two files"


def report_moment(run_dir, name):
    """One of REPORT_MOMENTS as a function that says whether it has come."""
    notebook, _, doing = name.partition(" ")
    if doing == "running":
        return lambda: (run_dir / "index.json").exists()
    if doing == "training":
        return lambda: any(run_dir.glob("training/*/checkpoint.json"))
    if doing == "converting":
        return lambda: (run_dir / "converting").exists() and first_to_do(run_dir) == notebook
    if notebook == "between":
        return lambda: first_to_do(run_dir) == doing.split()[-1]
    return lambda: partial_file(run_dir, name) or partial_file(run_dir / "executed", name)


def first_to_do(run_dir):
    """The first notebook that index.json does not call done, or None."""
    try:
        index = files.read_json(run_dir / "index.json")
    except PosekitError:
        return None
    waiting = (entry["name"] for entry in index["notebooks"] if entry["status"] == "not run")
    return next(waiting, None)


def kill_trainings(context, root, rng, kills, expected, log):
    """Kill trainings so often, each until it has come to its end; compare every one."""
    done, round_number = 0, 0
    while done < kills:
        round_number += 1
        run_dir = root / f"killed{round_number}"
        folder = run_dir / "training" / expected["folder"]
        arguments, unfinished = (root, run_dir, EPOCHS), True
        while unfinished and done < kills:
            # Half of the kills fall anywhere in an epoch, half on a file being written.
            name = rng.choice(TRAINING_FILES) if rng.random() < 0.5 else None
            delay = rng.uniform(0.0, 0.004 if name else expected["epoch_seconds"])
            unfinished = kill_at(
                context, train_and_note, arguments, training_moment(folder, name), delay
            )
            if unfinished:
                done += 1
                log(interrupted(folder))
        finish(context, train_and_note, arguments)
        check_outcome(run_dir, expected)


def kill_reports(context, root, rng, kills, expected, log):
    """Kill reports so often; each must end with all its pages and the undisturbed weights."""
    notebooks_dir = write_notebooks(root)
    done, round_number = 0, 0
    while done < kills:
        round_number += 1
        run_dir = root / f"report{round_number}"
        arguments = (notebooks_dir, run_dir)
        for name in REPORT_MOMENTS[: kills - done]:
            (run_dir / "converting").unlink(missing_ok=True)
            moment = report_moment(run_dir, name)
            if kill_at(context, report, arguments, moment, rng.uniform(0.0, 0.05)):
                done += 1
                log(f"report: {name}")
        finish(context, report, arguments)
        check_report(run_dir)
        check_outcome(run_dir, expected)


def check_outcome(run_dir, expected):
    """Raise AssertionError unless a training ended as the undisturbed one did."""
    found = files.read_json(run_dir / "outcome.json")
    if found != {key: expected[key] for key in found}:
        raise AssertionError(f"{run_dir}: another outcome than the undisturbed training's")
    # The note itself is written outside of any lock, so what a kill left of it stays.
    left = [
        str(path)
        for path in run_dir.rglob(f"{files.PARTIAL}*")
        if not path.name.endswith("-outcome.json")
    ]
    damaged = [str(path) for path in run_dir.rglob("*.damaged")]
    if left or damaged:
        raise AssertionError(f"{run_dir}: left behind {left}, called damaged {damaged}")


def check_report(run_dir):
    """Raise AssertionError unless a report is whole."""
    index = files.read_json(run_dir / "index.json")
    for entry in index["notebooks"]:
        page = (run_dir / f"{entry['name']}.html").read_text(encoding="utf-8")
        executed = nbformat.read(run_dir / entry["executed"], as_version=4)
        whole = page.rstrip().endswith("</html>") and executed.cells[-1].id == "answer"
        if entry["status"] not in ("ok", "reused") or not whole:
            raise AssertionError(f"{run_dir}: {entry['name']} is {entry['status']}")


def undisturbed(context, root, epochs=EPOCHS):
    """The outcome of a training that nobody kills, its folder's name and how long epochs took."""
    run_dir = root / "undisturbed"
    finish(context, train_and_note, (root, run_dir, epochs))
    (folder,) = (run_dir / "training").iterdir()
    seconds = [row["seconds"] for row in files.read_json(folder / "history.json")]
    return {
        "folder": folder.name,
        "epoch_seconds": max(seconds),
        **files.read_json(run_dir / "outcome.json"),
    }


def main():
    """Kill, compare, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainings", type=int, default=20, help="kills (default: %(default)s)")
    parser.add_argument("--reports", type=int, default=10, help="kills (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    rng, context, counts = random.Random(options.seed), processes(), Counter()

    def log(what):
        counts[what] += 1
        print(f"{sum(counts.values()):3}  {what}", flush=True)

    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="posekit-kill-") as folder:
        root = Path(folder)
        expected = undisturbed(context, root)
        kill_trainings(context, root, rng, options.trainings, expected, log)
        kill_reports(context, root, rng, options.reports, expected, log)
    minutes = (time.monotonic() - started) / 60
    print(f"{sum(counts.values())} kills, every outcome as undisturbed, {minutes:.1f} min")
    if options.json is not None:
        figures = {"kills": counts, "seed": options.seed, "minutes": round(minutes, 1)}
        files.write_json(options.json, {**figures, **provenance()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
