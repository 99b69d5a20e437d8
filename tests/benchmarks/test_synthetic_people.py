from dataclasses import replace

import numpy as np
import pytest
import synthetic_people

from posekit.datasets import lsp
from posekit.skeleton import LSP


def test_torsos_and_views_by_hand(synthetic_folder):
    people = lsp.read(synthetic_folder).subset(np.arange(40))
    facing_px = np.random.default_rng(0).uniform(0, 90, (40, 14, 2))
    placed = {"neck": (50, 20), "left_hip": (55, 60), "right_hip": (45, 60)}
    placed |= {"left_shoulder": (60, 25), "right_shoulder": (40, 25)}
    for joint, xy in placed.items():
        facing_px[:, LSP.index[joint]] = xy
    keypoints_px = facing_px.copy()
    keypoints_px[:10] = facing_px[:10, :, ::-1] * [1, -1]  # a quarter of a turn: still facing
    keypoints_px[10:30] *= [-1, 1]  # seen from behind
    keypoints_px[20:30] *= [-1, -1]  # and turned by half a circle
    labelled = np.ones((40, 14), bool)
    found = synthetic_people.measures(replace(people, keypoints_px=keypoints_px, labelled=labelled))
    assert found["people"] == 40
    assert found["torso nearer to horizontal"] == 0.25
    assert found["torso upside down"] == 0.25
    assert found["facing the camera"] == pytest.approx(0.5)
