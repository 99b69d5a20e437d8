"""Does training stand still? Trains for minutes under chosen settings and logs every gap.

    .venv/bin/python benchmarks/stalls.py --minutes 10 --json stalls.json
    .venv/bin/python benchmarks/stalls.py --minutes 30 --settings as-shipped --busy
    .venv/bin/python benchmarks/stalls.py --minutes 30 --settings as-shipped \
      --recipe best_whole --data data/raw/lspet_dataset.zip

For each setting a process of its own trains the poster's network on drawn people, with turned
pictures and a prediction in a callback after each epoch: the mixture under which stalls were seen.
With --recipe it goes on with a training of a shipped model instead, which keeps what it learned.
A gap is more than a second without a sign of life, see `stall_watchdog.py`; it counts as a stall
when the process slept through it: less than a tenth of a core was used, and no thread wanted to
run, as one would that other programs keep from running. Of each gap, the log has what the kernel
says of the threads. `benchmarks/stalls.md` tells what was found.
"""

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from posekit import files
from posekit.provenance import provenance

GAP_SECONDS = 1.0
# Compiling and saving are gaps, too, in which the process is busy.
ASLEEP_SHARE = 0.1

# What each setting changes of how training is shipped: the global futex hash, no tuning of
# tf.data, as many threads as cores.
SETTINGS = {
    "as-shipped": {},
    "own-futex-hash": {"futex_hash": "own"},
    "autotune": {"autotune": True},
    "own-futex-hash-autotune": {"futex_hash": "own", "autotune": True},
    "one-thread": {"threads": 1},
    "one-thread-autotune": {"threads": 1, "autotune": True},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of training, each setting")
    parser.add_argument(
        "--settings", nargs="+", choices=tuple(SETTINGS), default=list(SETTINGS), metavar="NAME",
        help=f"of {', '.join(SETTINGS)} (default: all)",
    )
    parser.add_argument("--busy", action="store_true", help="keep every core busy meanwhile")
    parser.add_argument("--recipe", help="of posekit/recipes.py: train this, under profile full")
    parser.add_argument("--data", default="synthetic", help="of the recipe (default: %(default)s)")
    parser.add_argument(
        "--run-dir", default="reports/models-run", help="of the recipe (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, default=Path("stalls.json"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(train(SETTINGS[options.child], options)))
        return
    results = []
    with busy_cores(options.busy):
        for name in options.settings:
            results.append({"setting": name, **SETTINGS[name], **in_process(name)})
            files.write_json(options.json, described(options, results))
            print(in_words(results[-1]), flush=True)
    print(f"\n{table(results)}\n\n{options.json}")


class busy_cores:
    """Every core computes while the block lasts, where asked for."""

    def __init__(self, wanted):
        count = os.cpu_count() if wanted else 0
        self._processes = [multiprocessing.Process(target=spin, daemon=True) for _ in range(count)]

    def __enter__(self):
        for process in self._processes:
            process.start()

    def __exit__(self, *error):
        for process in self._processes:
            process.kill()


def spin():
    while True:
        sum(range(100_000))


def in_process(name):
    command = [sys.executable, *sys.argv, "--child", name]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    finished = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    return json.loads(finished.stdout.splitlines()[-1])


def train(setting, options):
    """Train under one setting, in a process that has done nothing else; all gaps, JSON-ready."""
    from posekit.pipeline import batches
    from posekit.training import engine, stalls

    if setting.get("futex_hash") == "own":
        engine.use_global_futex_hash = lambda: None
    engine.use_global_futex_hash()
    import keras
    import tensorflow as tf
    import stall_watchdog

    if "threads" in setting:
        tf.config.threading.set_intra_op_parallelism_threads(setting["threads"])
        tf.config.threading.set_inter_op_parallelism_threads(setting["threads"])
    if setting.get("autotune"):
        plain = batches._options

        def tuned():
            options = plain()
            options.autotune.enabled = True
            return options

        batches._options = tuned

    class Gaps(stall_watchdog.Watchdog):
        """A watchdog that notes how much the process computed in each gap, and ends in time."""

        def __init__(self, path, **limit):
            super().__init__(path, limit_seconds=GAP_SECONDS)
            self.steps = 0
            self.started, self._used = time.monotonic(), time.process_time()
            watching.append(self)

        def _show(self, phase, step=0):
            known, used = len(self.stalls), time.process_time()
            super()._show(phase, step)
            if len(self.stalls) > known:
                self.stalls[-1]["cpu_seconds"] = used - self._used
                self.stalls[-1]["at_seconds"] = time.monotonic() - self.started
            self._used = used

        def _report(self, sign, seconds):
            """The log has it all in the end."""

        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            if self.steps == 0:
                # Reading pictures and compiling are not counted.
                self.started = time.monotonic()
            self.steps += 1
            if time.monotonic() - self.started > 60 * options.minutes:
                raise TimeoutError

    watching = []
    stalls.Watchdog = Gaps
    try:
        if options.recipe is None:
            train_poster_network()
        else:
            train_recipe(options)
    except TimeoutError:
        pass
    if not watching:
        raise SystemExit(f"{options.recipe}: must be unfinished; it is trained already.")
    gaps = watching[-1]
    for gap in gaps.stalls:
        # The thread that looks is itself running.
        wanting = sum(thread["state"] == "R" for thread in gap["threads"])
        gap["asleep"] = gap["cpu_seconds"] < ASLEEP_SHARE * gap["seconds"] and wanting <= 1
        gap["threads"] = summary(gap["threads"])
    return {
        "minutes": (time.monotonic() - gaps.started) / 60,
        "steps": gaps.steps,
        "gaps": gaps.stalls,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


def train_poster_network():
    """Without end, in a folder that is thrown away."""
    import keras

    from posekit.pipeline import batches
    from posekit.pipeline.experiment import open_experiment
    from posekit.training.config import TrainingConfig
    from posekit.training.fit import fit

    experiment = open_experiment("synthetic", profile="quick", seed=0)

    class Prediction(keras.callbacks.Callback):
        only_watches = True

        def on_epoch_end(self, epoch, logs=None):
            self.model.predict(
                batches.evaluation_batches(experiment.images("validation"), batch_size=64),
                verbose=0,
            )

    config = TrainingConfig(
        network="poster_batchnorm",
        label_treatment="masked",
        epochs=100_000,
        seed=0,
        augmentation="turned",
    )
    with tempfile.TemporaryDirectory() as folder:
        fit(config, experiment, folder, verbose=0, callbacks=[Prediction()])


def train_recipe(options):
    """As `python -m posekit build` does; a finished training ends at once."""
    from posekit.estimators import release
    from posekit.pipeline.experiment import open_experiment

    experiment = open_experiment(options.data, profile="full", seed=0)
    release.train(options.recipe, experiment, options.run_dir, seed=0, verbose=0)


def summary(threads):
    """How many threads are in each state, waiting in which function and call of the kernel."""
    states = Counter(
        f"{thread['state']} {thread['waits_in']} {thread['syscall']}" for thread in threads
    )
    return dict(states.most_common())


def described(options, results):
    return {
        "minutes": options.minutes,
        "busy": options.busy,
        "recipe": options.recipe,
        "machine": {"kernel": platform.release(), "cores": os.cpu_count()},
        "gap_seconds": GAP_SECONDS,
        "results": results,
        **provenance(),
    }


def stalls_of(result):
    """The gaps that the process slept through."""
    return [gap for gap in result["gaps"] if gap["asleep"]]


def in_words(result):
    seconds = [f"{gap['seconds']:.1f} s in {gap['phase']}" for gap in stalls_of(result)]
    return f"{result['setting']}: {'; '.join(seconds) or 'no stall'}"


def table(results):
    """A Markdown table: a row for each setting, with its verdict."""
    lines = [
        "| setting | minutes | steps | gaps | of them asleep | longest sleep | slept | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        seconds = [gap["seconds"] for gap in stalls_of(result)]
        lines.append(
            f"| {result['setting']} | {result['minutes']:.1f} | {result['steps']:,} | "
            f"{len(result['gaps'])} | {len(seconds)} | {max(seconds, default=0):.1f} s | "
            f"{sum(seconds):.0f} s | {'stalls' if seconds else 'does not stall'} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
