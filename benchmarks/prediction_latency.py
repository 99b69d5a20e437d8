"""One photograph, from its file to keypoints: posekit against MediaPipe Pose, side by side.

    make peers
    .venv/bin/python benchmarks/prediction_latency.py --data data/raw/lspet_dataset.zip

Both run as processes of their own with their default threads and see the same files in turn. The
accuracy of both is measured on the same pictures, since a fast wrong answer is no comparison.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from side_by_side import Worker, alternate

from posekit import artifacts, experiment, metrics
from posekit.skeleton import JOINT_COUNT, LIMB_JOINTS

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".venv" / "bin" / "python"


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="LSPet's zip or folder")
    parser.add_argument("--model", default="best", help="default: %(default)s")
    parser.add_argument("--complexity", default="1", help="MediaPipe: 0 lite, 1 full, 2 heavy")
    parser.add_argument(
        "--split",
        default="validation",
        choices=("validation", "development"),
        help="development once for each delivered model; default: %(default)s",
    )
    parser.add_argument("--images", type=int, default=60, help="default: %(default)s")
    parser.add_argument("--turns", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--json", type=Path, help="write the result here")
    options = parser.parse_args()
    whole = experiment.open_experiment(options.data, profile="full", seed=0)
    part = whole.part(options.split)
    chosen = np.linspace(0, len(part) - 1, options.images).round().astype(int)
    part = part.subset(np.unique(chosen))
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for image_id in part.image_ids:
            paths.append(str(Path(folder) / f"{image_id}.jpg"))
            Path(paths[-1]).write_bytes(part.read_image(str(image_id)))
        ours = Worker("posekit", [sys.executable, str(HERE / "workers/posekit_pose.py"), options.model])
        theirs = Worker(
            "mediapipe", [str(PEERS), str(HERE / "workers/mediapipe_pose.py"), options.complexity]
        )
        result = alternate(ours, theirs, paths, turns=options.turns)
        ours.close()
        theirs.close()
    for name, answers in result.pop("answers").items():
        result[f"{name}_pck"] = _pck(answers, part)
    for name, milliseconds in result["milliseconds"].items():
        print(f"{name:10} {milliseconds:6.1f} ms a picture, PCK@0.2 {result[f'{name}_pck']:.3f}")
    low, high = result["ratio_range"]
    print(f"posekit is {result['ratio']:.2f} times as fast ({low:.2f} to {high:.2f})")
    if options.json is not None:
        artifacts.write_json(
            options.json, {"split": options.split, **result, **artifacts.provenance()}
        )


def _pck(answers, part):
    """PCK@0.2 over the limb joints; a person that was not found is wrong everywhere."""
    keypoints_px = np.full((len(part), JOINT_COUNT, 2), -1e6)
    for index, answer in enumerate(answers):
        if answer["keypoints_px"] is not None:
            keypoints_px[index, : len(answer["keypoints_px"])] = answer["keypoints_px"]
    return metrics.pck_total(keypoints_px, part.keypoints_px, part.labelled, joints=LIMB_JOINTS)


if __name__ == "__main__":
    main()
