"""Worker: path of an .npz with poses in, scores by public evaluators out.

Run by the metric peers' environment. The arrays: pred_px, true_px (N, K, 2); labelled and counted
bool (N, K), the latter in images whose torso is measurable; torso_px (N,); scale (N, 2), from
original to frame pixels; thresholds (T,); curve (T,), posekit's total PCK at them.
"""

import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
from sklearn.metrics import auc, mean_squared_error


def mmpose_functions():
    """mmpose.evaluation.functional.keypoint_eval, without the package around it.

    Importing mmpose itself needs mmcv and PyTorch, for networks that nobody asks for here.
    """
    (package,) = importlib.util.find_spec("mmpose").submodule_search_locations
    folder = Path(package) / "evaluation" / "functional"
    heatmaps = types.ModuleType("mmpose.codecs.utils")
    heatmaps.get_heatmap_maximum = heatmaps.get_simcc_maximum = None
    sys.modules["mmpose.codecs.utils"] = heatmaps
    functional = types.ModuleType("functional")
    functional.__path__ = [str(folder)]
    sys.modules["functional"] = functional
    return importlib.import_module("functional.keypoint_eval")


def scores(poses, mmpose):
    """Each public score of the poses, named as posekit names its own."""
    pred_px, true_px = poses["pred_px"], poses["true_px"]
    labelled, counted = poses["labelled"], poses["counted"]
    torso_px = np.repeat(poses["torso_px"][:, None], 2, axis=1)  # (N, 2), one factor for each axis
    in_torsos = poses["torso_px"][:, None, None]
    frame = poses["scale"][:, None]  # (N, 1, 2)
    # mmpose writes to the factors that it is given.
    per_joint, _, _ = mmpose.keypoint_pck_accuracy(pred_px, true_px, counted, 0.2, torso_px.copy())
    weights = np.repeat(labelled, 2, axis=1).ravel()
    return {
        "pck_per_joint": per_joint.tolist(),
        "pdj_per_joint": [
            mmpose.keypoint_pck_accuracy(pred_px, true_px, counted, threshold, torso_px.copy())[
                0
            ].tolist()
            for threshold in poses["thresholds"]
        ],
        # Twenty thresholds, 0 to 0.95 of a fifth of the torso.
        "auc_of_joint_means": mmpose.keypoint_auc(
            pred_px / in_torsos, true_px / in_torsos, counted, 0.2
        ),
        "mpjpe_px": mmpose.keypoint_epe(pred_px, true_px, labelled),
        "mpjpe_torso": mmpose.keypoint_nme(pred_px, true_px, counted, torso_px.copy()),
        "frame_mse": mean_squared_error(
            (true_px * frame).ravel(), (pred_px * frame).ravel(), sample_weight=weights
        ),
        "pck_auc": auc(poses["thresholds"], poses["curve"]) / poses["thresholds"][-1],
    }


mmpose = mmpose_functions()
print("ready", flush=True)
for line in sys.stdin:
    with np.load(line.strip(), allow_pickle=False) as poses:
        # NumPy's own numbers among them become Python's.
        print(json.dumps(scores(dict(poses), mmpose), default=float), flush=True)
