"""From photographs' files to keypoints: posekit against MediaPipe Pose and MoveNet, in turn.

MediaPipe meets `best`, MoveNet, the smallest and fastest of them, `quick`.

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

from posekit.datasets.pose_dataset import evenly_spread
from posekit.datasets.sources import SYNTHETIC
from posekit.evaluation import metrics
from posekit.pipeline import experiment
from posekit.skeleton import JOINT_COUNT, LSP

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".venv" / "bin" / "python"
MOVENET = HERE / ".movenet"
BATCH = 32
MEDIAPIPE, MOVENET_LIGHTNING = "MediaPipe Pose", "MoveNet Lightning"
# How many times as fast as their peers the large and the small model must be, one image at a time.
TARGETS = (1.3, 1.15)
COMPLEXITIES = {"0": "lite", "1": "full", "2": "heavy"}


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    results.add_options(parser, images=200, pairs=5)
    parser.add_argument("--model", default="best", help="meets MediaPipe; default: %(default)s")
    parser.add_argument("--quick", default="quick", help="meets MoveNet; default: %(default)s")
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
    part = part.subset(evenly_spread(len(part), options.images))
    with tempfile.TemporaryDirectory() as folder:
        paths = written(part, folder)
        workers, facing = _workers(options)
        singly, answers = take_turns(workers, paths, turns=options.pairs)
        batches = ["\t".join(paths[start : start + BATCH]) for start in range(0, len(paths), BATCH)]
        together, _ = take_turns(workers, batches, turns=options.pairs)
        for worker in workers:
            worker.close()
    accuracies = {name: errors_of(found, part).pck().total for name, found in answers.items()}
    results.write(
        "prediction_latency",
        rows_of(facing, singly, together, accuracies, images=len(paths)),
        path=options.json,
        data=options.data,
        split=options.split,
        facing=facing,
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


def written(part, folder):
    """Write the pictures of a PoseDataset as files; return their paths, list of str."""
    paths = [Path(folder) / f"{image_id}.jpg" for image_id in part.image_ids.tolist()]
    for path in paths:
        path.write_bytes(part.read_image(path.stem))
    return [str(path) for path in paths]


def peer_commands(complexity):
    """Name -> command of each peer's worker; MoveNet where `make peers` could get it."""
    scripts = HERE / "workers"
    name = f"{MEDIAPIPE} {COMPLEXITIES[complexity]}"
    commands = {name: [str(PEERS), str(scripts / "mediapipe_pose.py"), complexity]}
    if (MOVENET / "movenet-lightning.json").is_file():
        worker = str(scripts / "movenet_pose.py")
        commands[MOVENET_LIGHTNING] = [sys.executable, worker, str(MOVENET)]
    return commands


def _workers(options):
    """All workers, and the name of each peer's -> the name of posekit's that it meets."""
    peers = peer_commands(options.complexity)
    models = (options.model, options.quick)[: len(peers)]
    facing = {peer: f"posekit {model}" for peer, model in zip(peers, models, strict=True)}
    workers = [Worker(peer, command) for peer, command in peers.items()]
    for model in dict.fromkeys(models):
        command = [sys.executable, str(HERE / "workers" / "posekit_pose.py"), model]
        workers.append(Worker(f"posekit {model}", command))
    return workers, facing


def errors_of(answers, part):
    """Errors over the limb joints; a person that was not found is wrong everywhere.

    Args:
        answers: list of {"keypoints_px": [one pose, or None]}, one for each image.
        part: PoseDataset.

    Returns:
        metrics.PoseErrors.
    """
    keypoints_px = np.full((len(part), JOINT_COUNT, 2), -1e6)
    for index, answer in enumerate(answers):
        (pose,) = answer["keypoints_px"]
        if pose is not None:
            keypoints_px[index, : len(pose)] = pose
    return metrics.PoseErrors(
        keypoints_px,
        part.keypoints_px,
        part.labelled,
        skeleton=part.skeleton,
        joints=LSP.limb_joints,
    )


def rows_of(facing, singly, together, accuracies, *, images):
    """The table's rows.

    Args:
        facing: dict, peer's name -> name of posekit's that it meets.
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
        for (peer, ours), at_least in zip(facing.items(), TARGETS, strict=True):
            found = ratio_of(seconds[peer], seconds[ours])
            rows.append(
                results.row(
                    f"{ours}, {how}",
                    peer,
                    found["ratio"],
                    unit="x",
                    spread=found["ratio_range"],
                    at_least=at_least if seconds is singly else 1,
                    note=f"{milliseconds[ours]:.1f} against {milliseconds[peer]:.1f} ms an image",
                )
            )
    for peer, ours in facing.items():
        rows.append(
            results.row(
                f"{ours}, PCK@0.2 above the peer's",
                peer,
                float(accuracies[ours] - accuracies[peer]),
                unit="of 1",
                at_least=0,
                note=f"{accuracies[ours]:.3f} against {accuracies[peer]:.3f} on {images} images",
            )
        )
    return rows


if __name__ == "__main__":
    main()
