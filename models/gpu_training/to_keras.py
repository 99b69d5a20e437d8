"""Convert networks that `train.py` wrote into posekit's, check them, and write a model folder.

    python models/gpu_training/to_keras.py OUT DATA FOLDER

OUT is the folder of train.py or finetune.py; a stage that is not in it is that of `best`. DATA is
LSPet's archive, whose validation part calibrates the confidences, and FOLDER the model to write, as
`posekit build` does. Runs in posekit's own environment.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from posekit import files
from posekit.estimators import loading, release
from posekit.estimators.estimator import PoseEstimator, Stage
from posekit.models.lite0 import lite0_network
from posekit.pipeline.experiment import open_experiment
from posekit.skeleton import LSP

HEAD = "soft_argmax"
NETWORKS = {
    "whole": {"frame_px": 224, "stages": 5},
    "person": {"frame_px": 192, "stages": 7},
}
# Between PyTorch's logits and Keras', which span some tens.
LARGEST_DIFFERENCE = 1e-3


def converted(view, path):
    """posekit's network with the weights of a file of train.py.

    Args:
        view: "whole" or "person".
        path: npz file; NAME/0, NAME/1, ... are the weights of the layer NAME.

    Returns:
        (keras.Model, greatest difference of its logits from those in the file).
    """
    network = lite0_network(head=HEAD, joints=LSP.joint_count, frozen_stages=0, **NETWORKS[view])
    with np.load(path) as arrays:
        stored = dict(arrays)
    frames, logits = stored.pop("check_frames"), stored.pop("check_logits")
    for layer in network.layers:
        names = [f"{layer.name}/{index}" for index in range(len(layer.weights))]
        if names:
            layer.set_weights([stored.pop(name) for name in names])
    if stored:
        raise SystemExit(f"{path}: must hold the network's layers alone; got {sorted(stored)}.")
    answer = network.predict_on_batch(frames.astype(np.float32))
    return network, float(np.abs(answer - logits).max())


def deliver(source, data, folder):
    """Convert both networks, calibrate on validation, write the model; return it read back.

    Args:
        source: Path, train.py's folder.
        data: str, LSPet's archive.
        folder: Path of the model, made where missing.
    """
    results = files.read_json(source / "results.json")
    trained = {phase["phase"]["name"]: phase for phase in results["phases"]}
    shipped = loading.load("best", compiled=False)
    stages, trainings = [], []
    for stage, entry in zip(shipped.stages, shipped.manifest["stages"], strict=True):
        view = stage.view
        if view not in trained:
            stages.append(stage)
            trainings.append(entry["training"])
            continue
        network, difference = converted(view, source / f"{view}.npz")
        print(f"{view}: logits differ by at most {difference:.1e}")
        if difference > LARGEST_DIFFERENCE:
            raise SystemExit(f"{view}: both frameworks' networks must agree.")
        stages.append(Stage(network, HEAD, view))
        trainings.append(
            {
                "recipe": f"models/gpu_training, {view}",
                "seed": results["seed"],
                "device": results["device"],
                "steps": trained[view]["steps"],
                "minutes": round(trained[view]["seconds"] / 60, 1),
            }
        )
    stages[-1] = replace(stages[-1], passes=shipped.stages[-1].passes)
    estimator = PoseEstimator(folder.name, tuple(stages), LSP)
    experiment = open_experiment(data, profile="full", seed=0)
    return release.write(estimator, trainings, experiment, folder)


def main():
    """Read the command line and write the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="train.py's folder")
    parser.add_argument("data", help="lspet_dataset.zip")
    parser.add_argument("folder", type=Path, help="model to write")
    options = parser.parse_args()
    deliver(options.source, options.data, options.folder)


if __name__ == "__main__":
    main()
