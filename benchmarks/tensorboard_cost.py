"""What TensorBoard's extras and the scores per image cost, as shares of a training's time.

    .venv/bin/python benchmarks/tensorboard_cost.py --profile quick

One training of the profile's length, on synthetic people, in a folder that is
removed. Every call is timed inside the training itself, so both times of a share are of the same
minutes.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from functools import wraps

from posekit import files, profiles
from posekit.datasets.sources import SYNTHETIC
from posekit.models.names import NETWORKS
from posekit.profiles import PROFILES
from posekit.provenance import provenance
from posekit.training import engine


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", choices=tuple(PROFILES), default="quick")
    parser.add_argument("--network", choices=NETWORKS, default="poster_batchnorm")
    parser.add_argument("--json", help="write the result here")
    options = parser.parse_args()
    engine.start(0)

    from posekit.pipeline.experiment import open_experiment
    from posekit.training import fit, tensorboard
    from posekit.training.config import TrainingConfig

    seconds = defaultdict(float)
    _time_calls(tensorboard.BaselineAndGraph, "on_train_begin", seconds, "graph")
    _time_calls(tensorboard.BaselineAndGraph, "on_epoch_end", seconds, "mean pose's line")
    _time_calls(fit, "_score_images", seconds, "scores per image")
    profile = profiles.by_name(options.profile)
    experiment = open_experiment(SYNTHETIC, profile=options.profile, seed=0)
    config = TrainingConfig(
        network=options.network,
        label_treatment="masked",
        epochs=profile.epochs,
        batch_size=profile.batch_size,
        seed=0,
    )
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        fit.fit(config, experiment, folder, verbose=0)
        total = time.perf_counter() - started
    for name, spent in seconds.items():
        print(f"{name:28} {spent:8.2f} s  {spent / total:7.2%}")
    print(f"{'training':28} {total:8.2f} s")
    if options.json is not None:
        result = {"seconds": dict(seconds), "training_seconds": total}
        files.write_json(options.json, {**result, **provenance(**vars(options))})


def _time_calls(owner, name, seconds, label):
    """Add the time of every call of a function or class to `seconds[label]`."""
    timed = getattr(owner, name)

    @wraps(timed, updated=())
    def call(*arguments, **options):
        started = time.perf_counter()
        result = timed(*arguments, **options)
        seconds[label] += time.perf_counter() - started
        return result

    setattr(owner, name, call)


if __name__ == "__main__":
    main()
