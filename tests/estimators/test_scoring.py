"""The public way from data to scores, on the tiny estimator and on a training of one epoch."""

import numpy as np
import pytest

import posekit


def test_an_estimator_and_its_folder_score_the_same(experiment, estimator_folder):
    scores = posekit.evaluate(posekit.load(estimator_folder), experiment, part="train", seed=1)
    assert scores == posekit.evaluate(str(estimator_folder), experiment, part="train", seed=1)
    assert scores["part"] == scores["mean_pose"]["part"] == "train"
    assert scores["image_count"] == len(experiment.split.train)
    assert len(scores["mean_pose"]["limb_joints"]["joints"]) == 12
    assert scores["reliability"]["expected_calibration_error"] >= 0


def test_the_lines_of_the_first_page_run(experiment, tmp_path):
    config = posekit.TrainingConfig("poster_batchnorm", "masked", epochs=1, seed=0)
    run = posekit.fit(config, experiment, tmp_path)
    scores = posekit.evaluate(run, experiment)
    assert scores["part"] == "validation"
    assert scores["reliability"] is None  # coordinates without maps have no confidences
    # The error in the frame that the training recorded of the constant is the mean pose's here.
    assert scores["mean_pose"]["metrics"]["frame_mse"]["value"] == pytest.approx(
        run.baselines["mean_pose"], rel=1e-4
    )
    image = np.zeros((40, 30, 3), np.uint8)
    assert posekit.load(run.folder).estimate([image]).keypoints_px.shape == (1, 14, 2)
