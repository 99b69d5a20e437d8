"""Train and score steps, and compare each with the one it was made from."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from posekit import files
from posekit.datasets.pose_dataset import PoseDataset, evenly_spread
from posekit.estimators import loading
from posekit.evaluation import baselines, bootstrap, metrics, per_image
from posekit.evaluation.per_image import PerImage
from posekit.evaluation.scores import errors_of
from posekit.evaluation.seeds import all_decide, paired_difference, seed_summary
from posekit.models import summary
from posekit.provenance import provenance
from posekit.studies.ladder.steps import change_text
from posekit.training.fit import fit
from posekit.wording import headline

ARTIFACT = "ladder.json"

# The scores of metrics.SCORES that are reported.
SCORES = ("pck_0.2", "pcp_0.5", "frame_mse")


def run_ladder(steps, experiment, run_dir, *, seeds, out=None):
    """Train and score every step with every seed; finished trainings in `run_dir` are reused.

    `steps` has a parent before its children. Train and validation are scored on equally many
    images, over the joints of the limbs. The result, a JSON-ready dict, is written to `out` (None:
    ladder.json in `run_dir`) after each step; its "rungs" are the finished steps, see `_row`.
    """
    run_dir = Path(run_dir)
    validation, trained = _samples(experiment)
    constant = validation.scored(baselines.mean_pose_px(experiment, "validation"))
    result = {
        "data": experiment.describe(),
        "profile": experiment.profile.name,
        "epochs": steps[0].stages[0].epochs,
        "seeds": list(seeds),
        "joints": list(experiment.dataset.skeleton.limb_joints),
        "images": {"validation": len(validation.dataset), "train": len(trained.dataset)},
        "mean_pose": validation.scores(constant),
        **provenance(),
        "rungs": [],
        "needs": [],
    }
    by_key, scored_of = {step.key: step for step in steps}, {}
    for step in steps:
        found = [_training(step, experiment, run_dir, seed, validation, trained) for seed in seeds]
        scored_of[step.key] = [each["scored"] for each in found]
        result["rungs"].append(_row(step, by_key.get(step.parent), found, scored_of, validation))
        needs = {f"{folder}/best.keras" for each in found for folder in each["folders"]}
        result["needs"] = sorted({*result["needs"], *needs})
        result["complete"] = len(result["rungs"]) == len(steps)
        result["headline"] = _headlines(result["rungs"])
        files.write_json(run_dir / ARTIFACT if out is None else Path(out), result)
    return result


@dataclass(frozen=True, eq=False)
class _Sample:
    """Images that are scored, their groups and the settings of the bootstrap over these."""

    dataset: PoseDataset
    groups: np.ndarray
    bootstrap: dict

    def scored(self, pred_px):
        """PerImage of SCORES over the limb joints."""
        errors = errors_of(pred_px, self.dataset, joints=self.dataset.skeleton.limb_joints)
        sums = errors.headline(self.dataset.image_sizes_px)
        chosen = {name: sums[name].per_image for name in SCORES}
        return PerImage(self.dataset.image_ids, self.groups, chosen)

    def scores(self, scored):
        """name -> value and interval, as metrics.evaluate gives them."""
        return {
            name: {
                "value": scored.value(name),
                "interval": list(
                    bootstrap.ratio_interval(*scored.sums[name], self.groups, **self.bootstrap)
                ),
            }
            for name in SCORES
        }


def _samples(experiment):
    """What is scored of the validation part, and as much of the train part."""
    dataset, split = experiment.dataset, experiment.split
    validation, trained = (split.indices(dataset, part) for part in ("validation", "train"))
    spread = evenly_spread(len(trained), len(validation))
    settings = {"seed": split.seed, "resamples": experiment.profile.resamples}
    return [
        _Sample(dataset.subset(indices), split.groups[indices], settings)
        for indices in (validation, trained[spread])
    ]


def _training(step, experiment, run_dir, seed, validation, trained):
    """What one step scores with one seed, and its costs."""
    runs = train(step, experiment, run_dir, seed)
    estimator = estimator_of(step, runs)
    on_validation, on_train = (
        part.scored(estimator.estimate_dataset(part.dataset).keypoints_px)
        for part in (validation, trained)
    )
    return {
        "minutes": sum(sum(run.history["seconds"]) for run in runs) / 60,
        "epochs": sum(len(run.history["epoch"]) for run in runs),
        "parameters": sum(stage.network.count_params() for stage in estimator.stages),
        "gigaflops": sum(summary.count_flops(stage.network) for stage in estimator.stages) / 1e9,
        "train": {name: on_train.value(name) for name in SCORES},
        "scored": on_validation,
        "folders": [str(run.folder.relative_to(run_dir)) for run in runs],
    }


def train(step, experiment, run_dir, seed):
    """The trainings of one step, one for each stage."""
    return [fit(replace(stage, seed=seed), experiment, run_dir) for stage in step.stages]


def estimator_of(step, runs):
    """The PoseEstimator of one step, from what `train` returns."""
    return loading.from_runs(step.key, runs)


def _row(step, parent, trainings, scored_of, validation):
    """One step, JSON-ready; scores are means over its seeds.

    `gap` is by how much validation is worse than training: the variance, where the training error
    is the bias. `difference` is the step minus its parent on validation.
    """
    own = scored_of[step.key]
    scores = validation.scores(per_image.mean(own))
    train_mean = {
        name: float(np.mean([each["train"][name] for each in trainings])) for name in SCORES
    }
    return {
        "key": step.key,
        "title": step.title,
        "idea": step.idea,
        "change": change_text(step, parent),
        "parent": step.parent,
        "branch": False,
        "settings": step.settings(),
        **{name: trainings[0][name] for name in ("parameters", "gigaflops", "epochs")},
        "minutes": float(np.mean([each["minutes"] for each in trainings])),
        "validation": scores,
        "train": {name: {"value": value} for name, value in train_mean.items()},
        "gap": {
            name: (scores[name]["value"] - value) * (1 if name == "frame_mse" else -1)
            for name, value in train_mean.items()
        },
        "difference": parent and _difference(own, scored_of[parent.key], validation),
        "over_seeds": {name: seed_summary([each.value(name) for each in own]) for name in SCORES},
    }


def _difference(own, parents, validation):
    """name -> a step minus its parent: value, intervals, and whether they exclude 0.

    Both have the same seeds and pictures, in pairs. With one seed the pictures alone decide.
    """
    rows = per_image.differences(
        per_image.mean(parents), per_image.mean(own), **validation.bootstrap
    )
    found = {}
    for row in rows:
        pairs = ([each.value(row["score"]) for each in side] for side in (own, parents))
        over_seeds = paired_difference(*pairs)["interval"]
        intervals = [row["interval"]] if over_seeds is None else [row["interval"], over_seeds]
        found[row["score"]] = {
            "value": row["difference"],
            "interval": row["interval"],
            "interval_over_seeds": over_seeds,
            "decided": all_decide(intervals),
        }
    return found


def _headlines(rows):
    return [
        headline(
            f"{metrics.SCORES[name].label} of limb joints, {row['title']}",
            row["validation"][name],
            metrics.SCORES[name].digits,
        )
        for name in ("pck_0.2", "frame_mse")
        for row in rows[:1] + rows[-1:]
    ]
