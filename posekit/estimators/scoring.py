"""What a model scores on one part of the data, next to the mean pose."""

import numpy as np

from posekit.estimators import calibration, loading
from posekit.estimators.estimator import PoseEstimator
from posekit.evaluation import baselines
from posekit.evaluation.metrics import SCORES
from posekit.evaluation.scores import correct_joints, score, score_original_px
from posekit.wording import html_table, pck_coverage, with_interval


class Scores(dict):
    """The dict of `evaluate`; a notebook shows it as a table, the model above the constants."""

    def rows(self):
        """Rows of that table: the model, the mean pose and the image centre, all joints."""
        candidates = {
            "this model": self,
            "mean pose": self["mean_pose"],
            "image centre": self["image_centre"],
        }
        return [
            {f"{self['part']}, {self['image_count']} images": name}
            | {
                known.title: with_interval(*scores["metrics"][key].values(), known.digits)
                for key, known in SCORES.items()
            }
            for name, scores in candidates.items()
            if scores is not None
        ]

    def _repr_html_(self):
        return html_table(self.rows()) + f"<p>{pck_coverage(self)}</p>"


def evaluate(model, experiment, *, part="validation", seed=0):
    """Score a model on one part of the data.

    Args:
        model: PoseEstimator, training.runs.TrainingRun, or what `loading.load` takes.
        experiment: Experiment.
        part: str, as for `Experiment.part`.
        seed: int, of the bootstrap over image groups.

    Returns:
        Scores, the dict of `evaluate_poses` and, under "image_centre", the scores over all joints
        of a pose whose joints are all there.
    """
    if not isinstance(model, PoseEstimator):
        model = loading.load(getattr(model, "folder", model))
    poses = model.estimate_dataset(experiment.part(part))
    poses_px = baselines.constant_poses(experiment.targets(part, "masked"), experiment.frame_px)
    return Scores(
        evaluate_poses(poses, experiment, part=part, seed=seed),
        image_centre=score(poses_px["image_centre"], experiment, part, seed=seed),
    )


def evaluate_poses(poses, experiment, *, part, seed):
    """Score the Poses that an estimator found in one part, one for each image; else as `evaluate`.

    Returns:
        dict, JSON-ready: `evaluation.scores.score_original_px` over all joints, and under
        "limb_joints" over those of arms and legs; "mean_pose", both for the training part's mean
        pose, or None without training images; "reliability", `calibration.reliability` of the
        confidences, or None without confidences.
    """

    def scores(keypoints_px):
        every, limbs = (
            score_original_px(keypoints_px, experiment, part, seed=seed, joints=joints)
            for joints in (None, experiment.dataset.skeleton.limb_joints)
        )
        return {**every, "limb_joints": limbs}

    mean_pose = reliability = None
    if len(experiment.split.train):
        mean_pose = scores(baselines.mean_pose_px(experiment, part))
    if not np.isnan(poses.confidences).any():
        correct, counted = correct_joints(poses.keypoints_px, experiment.part(part))
        reliability = calibration.reliability(poses.confidences[counted], correct[counted])
    return {**scores(poses.keypoints_px), "mean_pose": mean_pose, "reliability": reliability}
