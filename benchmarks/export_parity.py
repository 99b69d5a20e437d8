"""What a model loses and gains by export: keypoints, PCK, size and time, by format.

    .venv/bin/python -m pip install -r benchmarks/export_requirements.txt
    .venv/bin/python benchmarks/export_parity.py --data data/raw/lspet_dataset.zip --profile full

Keypoints and PCK are those of Keras' float32 networks and of the exported files, on the same
pictures of the validation part, with the same code around the networks. int8 measures its ranges
on the training part. Times are of whole processes, from a photograph's file to its keypoints, one
at a time in turn with posekit's own prediction (`side_by_side`). A format whose runtime is not
installed is left out and named.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from side_by_side import Worker, alternate

from posekit import files
from posekit.datasets.pose_dataset import evenly_spread
from posekit.datasets.sources import SYNTHETIC
from posekit.errors import PosekitError
from posekit.estimators import loading, manifest
from posekit.estimators.export import export
from posekit.estimators.manifest import EXPORT_FORMATS
from posekit.evaluation import bootstrap, scores
from posekit.pipeline.experiment import open_experiment
from posekit.profiles import PROFILES
from posekit.provenance import provenance
from posekit.skeleton import JOINTS, LSP

WORKER = Path(__file__).resolve().parent / "workers" / "posekit_pose.py"
LIMBS = [JOINTS.index(name) for name in LSP.limb_joints]


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="best", help="default: %(default)s")
    parser.add_argument("--data", default=SYNTHETIC, help="default: %(default)s")
    parser.add_argument(
        "--profile", default="quick", choices=tuple(PROFILES), help="default: %(default)s"
    )
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--images", type=int, default=200, help="default: %(default)s")
    parser.add_argument(
        "--formats", nargs="+", choices=EXPORT_FORMATS, default=EXPORT_FORMATS, help="default: all"
    )
    parser.add_argument("--timed", type=int, default=20, help="pictures (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--json", type=Path, help="write the result here")
    options = parser.parse_args()
    experiment = open_experiment(options.data, profile=options.profile, seed=options.seed)
    validation = experiment.part("validation")
    chosen = evenly_spread(len(validation), options.images)
    indices = experiment.split.indices(experiment.dataset, "validation")[chosen]
    part, groups = validation.subset(chosen), experiment.split.groups[indices]
    before = loading.load(options.model, compiled=False).estimate_dataset(part)
    rows, left_out = [_row("keras", options.model, before, before, part, groups)], {}
    with tempfile.TemporaryDirectory() as scratch:
        photos = _photos(part, options.timed, Path(scratch))
        for name in options.formats:
            folder = Path(scratch) / name
            try:
                export(
                    options.model, folder, file_format=name, dataset=experiment.part("train")
                )
                after = loading.load(folder).estimate_dataset(part)
            except PosekitError as error:
                left_out[name] = str(error)
                continue
            row = _row(name, folder, before, after, part, groups)
            rows.append({**row, **_times(options.model, folder, photos, options.turns)})
    _show(rows, left_out)
    if options.json is not None:
        result = {"images": len(part), "timed": len(photos), "rows": rows, "left_out": left_out}
        made_by = {"model": options.model, "data": experiment.describe()}
        files.write_json(options.json, {**result, **made_by, **provenance()})


def _row(name, model, before, after, part, groups):
    """What became of the keypoints and of PCK@0.2 over the limb joints, and the files' size."""
    distance_px = np.linalg.norm(after.keypoints_px - before.keypoints_px, axis=-1)  # (N, 14)
    sums = []
    for poses in (after, before):
        right, counted = scores.correct_joints(poses.keypoints_px, part)
        sums.append(right[:, LIMBS].sum(axis=1))
    count = counted[:, LIMBS].sum(axis=1)
    stages = manifest.read(loading.path_of(model)).stages
    return {
        "format": name,
        "megabytes": sum(stage.path.stat().st_size for stage in stages) / 1e6,
        "distance_px": {
            "median": float(np.median(distance_px)),
            "percentile_99": float(np.percentile(distance_px, 99)),
            "maximum": float(distance_px.max()),
        },
        "pck_0.2": float(sums[0].sum() / count.sum()),
        "pck_difference": float((sums[0] - sums[1]).sum() / count.sum()),
        "pck_difference_interval": bootstrap.paired_difference_interval(
            sums[0], sums[1], count, groups, seed=0
        ),
        "confidence_difference": float(np.abs(after.confidences - before.confidences).max()),
    }


def _photos(part, count, folder):
    paths = []
    for image_id in part.image_ids[:count]:
        paths.append(str(folder / f"{image_id}.jpg"))
        Path(paths[-1]).write_bytes(part.read_image(str(image_id)))
    return paths


def _times(model, folder, photos, turns):
    exported, own = (
        Worker(name, [sys.executable, str(WORKER), str(loading.path_of(path).absolute())])
        for name, path in (("exported", folder), ("posekit", model))
    )
    result = alternate(exported, own, photos, turns=turns)
    exported.close()
    own.close()
    return {
        "milliseconds": result["milliseconds"]["exported"],
        "posekit_milliseconds": result["milliseconds"]["posekit"],
        "times_as_fast": result["ratio"],
        "times_as_fast_range": result["ratio_range"],
    }


def _show(rows, left_out):
    print("| format | MB | keypoints move: median, 99 %, most | PCK@0.2 | difference | as fast |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        moved = ", ".join(f"{value:.2f}" for value in row["distance_px"].values())
        low, high = row["pck_difference_interval"]
        difference = f"{row['pck_difference']:+.3f} ({low:+.3f} to {high:+.3f})"
        speed = "-"
        if "times_as_fast" in row:
            low, high = row["times_as_fast_range"]
            speed = f"{row['times_as_fast']:.2f} ({low:.2f} to {high:.2f})"
        print(
            f"| {row['format']} | {row['megabytes']:.1f} | {moved} px | {row['pck_0.2']:.3f} "
            f"| {difference} | {speed} |"
        )
    for name, reason in left_out.items():
        print(f"left out: {name}: {reason}")


if __name__ == "__main__":
    main()
