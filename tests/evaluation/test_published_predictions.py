"""Published methods' predictions must score what their tables say, to the printed digit.

POSEKIT_PUBLISHED_PREDICTIONS names a folder with the predictions and the LSP labels of the
repository farrajota/human-pose-benchmark; without it these tests are skipped.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from posekit.evaluation import metrics
from posekit.skeleton import LSP

FOLDER = os.environ.get("POSEKIT_PUBLISHED_PREDICTIONS")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="POSEKIT_PUBLISHED_PREDICTIONS names no folder of predictions"
)

# A printed 90.7 stands for 90.65 to 90.75.
ROUNDING = 0.05 + 1e-9

PCK_COLUMNS = ("head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
PCP_COLUMNS = ("torso", "upper_leg", "lower_leg", "upper_arm", "forearm", "head")

# Person-centric, LSP test set, from that repository's tables: columns, then the total.
PCK_TABLE = {
    "TompsonNIPS14": (90.6, 79.2, 67.9, 63.4, 69.5, 71.0, 64.2, 72.3),
    "FanCVPR15": (92.4, 75.2, 65.3, 64.0, 75.7, 68.3, 70.4, 73.0),
    "ChenYuilleNIPS14": (91.8, 78.2, 71.8, 65.5, 73.3, 70.2, 63.4, 73.4),
    "PishchulinCVPR16": (97.0, 91.0, 83.8, 78.1, 91.0, 86.7, 82.0, 87.1),
    "InsafutdinovECCV16": (97.4, 92.7, 87.5, 84.4, 91.5, 89.9, 87.2, 90.1),
    "WeiCVPR16": (97.8, 92.5, 87.0, 83.9, 91.5, 90.8, 89.9, 90.5),
    "BulatTzimiropoulosECCV16": (97.2, 92.1, 88.1, 85.2, 92.2, 91.4, 88.7, 90.7),
}
PCP_TABLE = {
    "TompsonNIPS14": (90.3, 70.4, 61.1, 63.0, 51.2, 83.7, 66.6),
    "FanCVPR15": (95.4, 77.7, 69.8, 62.8, 49.1, 86.6, 70.1),
    "ChenYuilleNIPS14": (96.0, 77.2, 72.2, 69.7, 58.1, 85.6, 73.6),
    "PishchulinCVPR16": (97.0, 88.8, 82.0, 82.4, 71.8, 95.8, 84.3),
    "InsafutdinovECCV16": (97.0, 90.6, 86.9, 86.1, 79.5, 95.4, 87.8),
    "WeiCVPR16": (98.0, 92.2, 89.1, 85.8, 77.9, 95.0, 88.3),
    "BulatTzimiropoulosECCV16": (97.7, 92.4, 89.3, 86.7, 79.7, 95.2, 88.9),
}


def read_joints_px(name, key):
    """(images, 14, 2) from a MATLAB array whose first axis begins with x and y."""
    return scipy.io.loadmat(Path(FOLDER) / f"{name}.mat")[key].T[..., :2].astype(float)


def read_predictions_px(method):
    # FanCVPR15 lacks 25 joints and stores NaN, which its table counts as wrong.
    return np.nan_to_num(read_joints_px(method, "pred"), nan=1e6)


@pytest.fixture(scope="module")
def person_centric_px():
    return read_joints_px("LSP-joints-PC", "joints")


def scored(pred_px, true_px):
    count = len(true_px)
    return metrics.evaluate(
        pred_px,
        true_px,
        np.ones((count, 14), bool),
        np.full((count, 2), 100),  # the sizes of LSP's images matter to frame_mse alone
        np.arange(count),
        skeleton=LSP,
        seed=0,
    )


@pytest.mark.parametrize("method", PCK_TABLE)
def test_published_tables(method, person_centric_px):
    report = scored(read_predictions_px(method), person_centric_px[1000:])
    pck = [*(report["pck_per_group"][name] for name in PCK_COLUMNS)]
    pck.append(report["metrics"]["pck_0.2"]["value"])
    pcp = [*(report["pcp_per_group"][name] for name in PCP_COLUMNS)]
    pcp.append(report["metrics"]["pcp_0.5"]["value"])
    assert set(PCK_COLUMNS) == set(dict(LSP.joint_groups)) and set(PCP_COLUMNS) == set(
        dict(LSP.stick_groups)
    )
    np.testing.assert_allclose(100 * np.array(pck), PCK_TABLE[method], rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(100 * np.array(pcp), PCP_TABLE[method], rtol=0, atol=ROUNDING)


def test_person_centric_labels_scored_as_observer_centric(person_centric_px):
    observer_centric_px = read_joints_px("LSP-joints-OC", "joints")
    report = scored(person_centric_px[1000:], observer_centric_px[1000:])
    assert 100 * report["metrics"]["pck_0.2"]["value"] == pytest.approx(76.0, abs=ROUNDING)


@pytest.mark.parametrize(
    ("centre", "pck", "pcp"), [(np.mean, 12.4, 14.4), (np.median, 15.6, 19.1)]
)
def test_constant_poses(centre, pck, pcp, person_centric_px):
    pose_px = centre(person_centric_px[:1000], axis=0)
    report = scored(np.tile(pose_px, (1000, 1, 1)), person_centric_px[1000:])
    assert 100 * report["metrics"]["pck_0.2"]["value"] == pytest.approx(pck, abs=ROUNDING)
    assert 100 * report["metrics"]["pcp_0.5"]["value"] == pytest.approx(pcp, abs=ROUNDING)
