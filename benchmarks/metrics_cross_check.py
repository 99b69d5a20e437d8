"""posekit's metrics against those of mmpose and scikit-learn, on the same poses.

    make peers
    .venv/bin/python benchmarks/metrics_cross_check.py --published path/to/published_predictions

Compared is what both sides define alike. Where they differ: mmpose takes an error below the
threshold for correct, posekit one that is equal too, as LSP's own evaluator does; a torso of length
zero makes a joint wrong here and is left out there. Neither knows PCP, which the published tables
check (`tests/test_published_predictions.py`), nor does posekit know COCO's object keypoint
similarity. Exit status 1 when a score differs by more than rounding.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import scipy.io
from side_by_side import Worker

from posekit import files, geometry
from posekit.datasets import sources
from posekit.evaluation import metrics
from posekit.provenance import provenance
from posekit.skeleton import LSP

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".venv-metrics" / "bin" / "python"

# mmpose computes distances in float32.
ROUNDING = 1e-6

EVALUATORS = {
    "pck_per_joint": "mmpose keypoint_pck_accuracy",
    "pdj_per_joint": "mmpose keypoint_pck_accuracy at each threshold",
    "auc_of_joint_means": "mmpose keypoint_auc",
    "mpjpe_px": "mmpose keypoint_epe",
    "mpjpe_torso": "mmpose keypoint_nme",
    "frame_mse": "scikit-learn mean_squared_error",
    "pck_auc": "scikit-learn auc",
}


def main():
    """Score all poses twice, print the differences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--published", type=Path, help="folder of published predictions on LSP")
    parser.add_argument("--json", type=Path, help="write the result here")
    options = parser.parse_args()
    pose_sets = {"drawn people, noisy": drawn()}
    if options.published is not None:
        pose_sets |= published(options.published)
    worker = Worker("public metrics", [str(PEERS), str(HERE / "workers" / "public_metrics.py")])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, poses in pose_sets.items():
            ours, inputs = ours_and_inputs(**poses)
            path = Path(folder) / "poses.npz"
            files.write_npz(path, **inputs)
            theirs, _ = worker.answer(str(path))
            rows += [compared(name, score, ours[score], theirs[score]) for score in EVALUATORS]
    worker.close()
    for row in rows:
        print(
            f"{row['poses']:28} {row['score']:19} {row['posekit']:12.6f} {row['public']:12.6f}  "
            f"{row['largest_difference']:.1e} of {row['numbers']:4}  {row['evaluator']}"
        )
    if options.json is not None:
        files.write_json(options.json, {"rows": rows, **provenance()})
    return 0 if all(row["largest_difference"] <= ROUNDING for row in rows) else 1


def drawn(seed=0):
    """Drawn people with their missing labels; predictions lie about a fifth of a torso off."""
    people = sources.load("synthetic", synthetic_images=240, max_images=None, seed=seed)
    torso_px = geometry.torso_length_px(people.keypoints_px, people.labelled, skeleton=LSP)
    noise = np.random.default_rng(seed).normal(size=people.keypoints_px.shape)
    spread_px = 0.15 * np.nan_to_num(torso_px, nan=50.0)[:, None, None]
    # What is stored for an unlabelled joint is junk, and may be far away.
    return {
        "pred_px": np.where(people.labelled[..., None], people.keypoints_px, 0) + spread_px * noise,
        "true_px": people.keypoints_px,
        "labelled": people.labelled,
        "image_sizes_px": people.image_sizes_px,
    }


def published(folder):
    """Every method's predictions of LSP's test images, scored person-centric."""

    def joints_px(path, key):
        return scipy.io.loadmat(path)[key].T[..., :2].astype(float)

    true_px = joints_px(folder / "LSP-joints-PC.mat", "joints")[1000:]
    sets = {}
    for path in sorted(folder.glob("*.mat")):
        # SciPy reads MATLAB's formats before 7.3, which all but one method use.
        if path.stem.startswith("LSP-joints") or scipy.io.matlab.matfile_version(path)[0] > 1:
            continue
        pred_px = joints_px(path, "pred")
        found = np.isfinite(pred_px).all(axis=-1)
        sets[path.stem] = {
            "pred_px": np.nan_to_num(pred_px),
            "true_px": true_px,
            "labelled": found,
            "image_sizes_px": np.full((len(true_px), 2), 96),
        }
    return sets


def ours_and_inputs(pred_px, true_px, labelled, image_sizes_px):
    """posekit's scores, and the arrays that the worker needs for its own."""
    errors = metrics.PoseErrors(pred_px, true_px, labelled, skeleton=LSP)
    torso_px = geometry.torso_length_px(true_px, labelled, skeleton=LSP)
    measurable = np.isfinite(torso_px) & (torso_px > 0)
    curve = errors.pck_curve()
    ours = {
        "pck_per_joint": errors.pck().per_column,
        "pdj_per_joint": errors.pdj(metrics.AUC_THRESHOLDS),
        # mmpose stops before the last threshold and averages joints, then thresholds.
        "auc_of_joint_means": errors.pdj(metrics.AUC_THRESHOLDS[:-1]).mean(),
        "mpjpe_px": errors.mpjpe_px().total,
        "mpjpe_torso": errors.mpjpe_torso().total,
        "frame_mse": errors.frame_mse(image_sizes_px).total,
        "pck_auc": errors.pck_area().total,
    }
    inputs = {
        "pred_px": pred_px,
        "true_px": np.where(labelled[..., None], true_px, 0),
        "labelled": labelled,
        "counted": labelled & measurable[:, None],
        "torso_px": np.where(measurable, torso_px, 1),
        "scale": 96 / np.asarray(image_sizes_px, float),
        "thresholds": metrics.AUC_THRESHOLDS,
        "curve": curve,
    }
    return ours, inputs


def compared(poses, score, ours, theirs):
    """One row: means for the reader, the largest relative difference of all their numbers."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    size = np.maximum(np.maximum(np.abs(ours), np.abs(theirs)), 1e-12)
    return {
        "poses": poses,
        "score": score,
        "posekit": ours.mean(),
        "public": theirs.mean(),
        "largest_difference": float((np.abs(ours - theirs) / size).max()),
        "numbers": ours.size,
        "evaluator": EVALUATORS[score],
    }


if __name__ == "__main__":
    sys.exit(main())
