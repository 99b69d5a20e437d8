"""From photographs' files to keypoints: posekit against MediaPipe Pose and MoveNet, in turn.

    make peers
    .venv/bin/python benchmarks/prediction_latency.py --data data/raw/lspet_dataset.zip

All run as processes of their own with their default threads and see the same files in turn, one at
a time and 32 at a time. The accuracy of all is measured on the same pictures, since a fast wrong
answer is no comparison. MoveNet is left out where `make peers` could not get it.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import results
from side_by_side import Worker, ratio_of, take_turns

from posekit import experiment, metrics
from posekit.settings import SYNTHETIC
from posekit.skeleton import JOINT_COUNT, LIMB_JOINTS

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".venv" / "bin" / "python"
MOVENET = HERE / ".movenet"
BATCH = 32
OURS = "posekit"
COMPLEXITIES = {"0": "lite", "1": "full", "2": "heavy"}


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    results.add_options(parser, images=64, pairs=7)
    parser.add_argument("--model", default="best", help="default: %(default)s")
    parser.add_argument(
        "--complexity", default="1", choices=COMPLEXITIES, help="MediaPipe: 0 lite, 1 full, 2 heavy"
    )
    parser.add_argument(
        "--split",
        default="validation",
        choices=("validation", "development"),
        help="development once for each delivered model; default: %(default)s",
    )
    options = parser.parse_args()
    profile = "quick" if options.data == SYNTHETIC else "full"
    whole = experiment.open_experiment(options.data, profile=profile, seed=0)
    part = whole.part(options.split)
    part = part.subset(np.unique(np.linspace(0, len(part) - 1, options.images).round().astype(int)))
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for image_id in part.image_ids.tolist():
            paths.append(str(Path(folder) / f"{image_id}.jpg"))
            Path(paths[-1]).write_bytes(part.read_image(image_id))
        workers = _workers(options)
        singly, answers = take_turns(workers, paths, turns=options.pairs)
        batches = ["\t".join(paths[start : start + BATCH]) for start in range(0, len(paths), BATCH)]
        together, _ = take_turns(workers, batches, turns=options.pairs)
        for worker in workers:
            worker.close()
    accuracies = {name: accuracy(found, part) for name, found in answers.items()}
    results.write(
        "prediction_latency",
        rows_of(singly, together, accuracies, images=len(paths)),
        path=options.json,
        data=options.data,
        split=options.split,
        model=options.model,
        images=len(paths),
        pck=accuracies,
        milliseconds={
            how: {
                name: 1000 * results.median_and_range(taken)[0] / len(paths)
                for name, taken in seconds.items()
            }
            for how, seconds in (("one image", singly), (f"of {BATCH}", together))
        },
    )


def _workers(options):
    scripts = HERE / "workers"
    python = sys.executable
    workers = [
        Worker(OURS, [python, str(scripts / "posekit_pose.py"), options.model]),
        Worker(
            f"MediaPipe Pose {COMPLEXITIES[options.complexity]}",
            [str(PEERS), str(scripts / "mediapipe_pose.py"), options.complexity],
        ),
    ]
    if (MOVENET / "movenet-lightning.json").is_file():
        command = [python, str(scripts / "movenet_pose.py"), str(MOVENET)]
        workers.append(Worker("MoveNet Lightning", command))
    return workers


def accuracy(answers, part):
    """PCK@0.2 over the limb joints; a person that was not found is wrong everywhere.

    Args:
        answers: list of {"keypoints_px": [one pose, or None]}, one for each image.
        part: PoseDataset.

    Returns:
        float in [0, 1].
    """
    keypoints_px = np.full((len(part), JOINT_COUNT, 2), -1e6)
    for index, answer in enumerate(answers):
        (pose,) = answer["keypoints_px"]
        if pose is not None:
            keypoints_px[index, : len(pose)] = pose
    return metrics.pck_total(keypoints_px, part.keypoints_px, part.labelled, joints=LIMB_JOINTS)


def rows_of(singly, together, accuracies, *, images):
    """The table's rows.

    Args:
        singly, together: dict, name -> seconds of each turn over all images.
        accuracies: dict, name -> PCK.
        images: int, in each turn.

    Returns:
        list of `results.row`.
    """
    rows = []
    for how, seconds in (("one image", singly), (f"batch {BATCH}", together)):
        milliseconds = {
            name: 1000 * results.median_and_range(taken)[0] / images
            for name, taken in seconds.items()
        }
        for peer in seconds:
            if peer == OURS:
                continue
            found = ratio_of(seconds[peer], seconds[OURS])
            rows.append(
                results.row(
                    f"prediction, {how}",
                    peer,
                    found["ratio"],
                    unit="x",
                    spread=found["ratio_range"],
                    at_least=1,
                    note=f"{milliseconds[OURS]:.1f} against {milliseconds[peer]:.1f} ms an image",
                )
            )
    for peer, score in accuracies.items():
        if peer != OURS:
            rows.append(
                results.row(
                    "prediction, PCK@0.2 above the peer's",
                    peer,
                    float(accuracies[OURS] - score),
                    unit="of 1",
                    at_least=0,
                    note=f"{accuracies[OURS]:.3f} against {score:.3f} on {images} images",
                )
            )
    return rows


if __name__ == "__main__":
    main()
