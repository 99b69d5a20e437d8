"""Write the weights of a model's networks for `finetune.py`, in posekit's own environment.

    python models/gpu_training/from_keras.py models/best PACK

PACK is the folder that `pack.py` wrote. The files are PACK/start_whole.npz and start_person.npz.
"""

import argparse
from pathlib import Path

import numpy as np

from posekit.estimators import loading


def main():
    """Read the command line and write one file for each stage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="folder or name of a model")
    parser.add_argument("pack", type=Path, help="folder of pack.py")
    options = parser.parse_args()
    for stage in loading.load(options.model, compiled=False).stages:
        arrays = {
            f"{layer.name}/{index}": values
            for layer in stage.network.layers
            for index, values in enumerate(layer.get_weights())
        }
        np.savez(options.pack / f"start_{stage.view}.npz", **arrays)


if __name__ == "__main__":
    main()
