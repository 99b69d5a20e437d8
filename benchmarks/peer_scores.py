"""PCK and PCP of posekit's models and of their peers on the same photographs, and differences.

    make peers
    .venv/bin/python benchmarks/peer_scores.py --data data/raw/lspet_dataset.zip --part development

Nobody is given a box. A person whom a peer does not find is wrong everywhere; posekit's models are
scored both with all joints, as `evaluate` does, and in that way ("if found"). Intervals and paired
differences are by bootstrap over groups of near-duplicates.
"""

import argparse
import sys
import tempfile

import prediction_latency as latency
import results
from side_by_side import Worker

from posekit import files
from posekit.evaluation import bootstrap
from posekit.pipeline.experiment import open_experiment
from posekit.provenance import provenance
from posekit.wording import with_interval

OURS = ("best", "quick", "from_scratch")
SCORES = {"pck_0.2": "PCK@0.2", "pcp_0.5": "PCP@0.5", "box_pck_0.1": "box PCK@0.1"}


def main():
    """Ask all, compare and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="lspet_dataset.zip")
    parser.add_argument("--part", default="validation", choices=("validation", "development"))
    parser.add_argument("--models", nargs="+", default=OURS, help="default: those that ship")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    options = parser.parse_args()
    experiment = open_experiment(options.data, profile="full", seed=0)
    part = experiment.part(options.part)
    groups = experiment.split.groups[experiment.split.indices(experiment.dataset, options.part)]
    scripts, answers = latency.HERE / "workers", {}
    commands = {
        f"posekit {model}": [sys.executable, str(scripts / "posekit_pose.py"), model]
        for model in options.models
    }
    peers = latency.peer_commands("1")
    with tempfile.TemporaryDirectory() as folder:
        paths = latency.written(part, folder)
        for name, command in {**commands, **peers}.items():
            worker = Worker(name, command)
            answers[name] = [worker.answer(path)[0] for path in paths]
            worker.close()
    for name in commands:
        found = [
            answer if answer["found"][0] else {"keypoints_px": [None]} for answer in answers[name]
        ]
        if found != answers[name]:
            answers[f"{name}, if found"] = found
    sums = {name: sums_of(latency.errors_of(found, part)) for name, found in answers.items()}
    table = compare(
        sums, groups, ours=[name for name in sums if name.startswith("posekit")], seed=options.seed
    )
    show(table)
    files.write_json(
        results.FOLDER / f"peer_scores_{options.part}.json",
        {"images": len(part), **table, **provenance(part=options.part, seed=options.seed)},
    )


def sums_of(errors):
    """Score -> what each picture adds to it, (numerators, denominators), float (N,)."""
    scores = {"pck_0.2": errors.pck(), "pcp_0.5": errors.pcp(), "box_pck_0.1": errors.box_pck()}
    return {name: score.per_image for name, score in scores.items()}


def compare(sums, groups, *, ours, seed):
    """Scores with intervals, and each of ours minus each peer, paired over pictures.

    Args:
        sums: name -> score -> (numerators, denominators), float (N,).
        groups: (N,), of near-duplicates.
        ours: names that are compared with the others, the peers.
        seed: int, of the bootstrap.

    Returns:
        dict: `scores`, name -> score -> [value, low, high]; `differences`, "A minus B" -> the same.
    """
    scores = {
        name: {
            score: [
                float(hits.sum() / counted.sum()),
                *bootstrap.ratio_interval(hits, counted, groups, seed=seed),
            ]
            for score, (hits, counted) in each.items()
        }
        for name, each in sums.items()
    }
    differences = {}
    for first in ours:
        for second in sums:
            if second in ours:
                continue
            differences[f"{first} minus {second}"] = {
                score: [
                    float((hits - sums[second][score][0]).sum() / counted.sum()),
                    *bootstrap.paired_difference_interval(
                        hits, sums[second][score][0], counted, groups, seed=seed
                    ),
                ]
                for score, (hits, counted) in sums[first].items()
            }
    return {"scores": scores, "differences": differences}


def show(table):
    """Print both as one Markdown table."""
    print("| | " + " | ".join(SCORES.values()) + " |\n" + "|---" * (1 + len(SCORES)) + "|")
    for name, each in {**table["scores"], **table["differences"]}.items():
        cells = [with_interval(value, (low, high), 3) for value, low, high in each.values()]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
