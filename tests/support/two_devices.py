"""Train one network on one device and on two, which are halves of a CPU; print both histories.

    python two_devices.py FOLDER_OF_PEOPLE SCRATCH_FOLDER
"""

import json
import sys
from functools import partial
from pathlib import Path

import tensorflow as tf

from posekit.models import poster
from posekit.pipeline.experiment import open_experiment
from posekit.training.config import TrainingConfig
from posekit.training.fit import fit

DEVICES = ["CPU:0", "CPU:1"]


def main(people, scratch):
    (processor,) = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(processor, halves)
    poster.poster_network = partial(
        poster.poster_network, convolution_widths=((4,),), dense_widths=(8,)
    )
    experiment = open_experiment(
        people, profile="smoke", seed=0, frame_px=32, cache_dir=scratch / "cache"
    )
    runs = {}
    config = TrainingConfig(
        network="poster_plain",
        label_treatment="masked",
        epochs=2,
        seed=0,
        batch_size=16,
        frame_px=32,
        weight_average=0.5,
    )
    for name, devices in (("one", None), ("two", DEVICES)):
        run = fit(config, experiment, scratch / name, verbose=0, devices=devices)
        runs[name] = {"folder": run.folder.name, "history": run.history}
    print(json.dumps(runs))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
