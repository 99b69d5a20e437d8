"""Run an ablation: train and score every step and compare it with the step it was made from."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from posekit import files
from posekit.datasets.pose_dataset import PoseDataset, evenly_spread
from posekit.datasets.sources import SYNTHETIC
from posekit.estimators import loading
from posekit.evaluation import baselines, bootstrap, metrics, per_image
from posekit.evaluation.per_image import PerImage
from posekit.evaluation.scores import errors_of
from posekit.evaluation.seeds import seed_summary
from posekit.models import names, summary
from posekit.pipeline.experiment import open_experiment
from posekit.provenance import provenance
from posekit.studies.ladder.steps import ITSELF, change_text, main_line
from posekit.training.fit import fit
from posekit.wording import headline

ARTIFACT = "ladder.json"

# The scores of metrics.SCORES that are reported.
SCORES = ("pck_0.2", "pcp_0.5", "frame_mse")

# The synthetic people that a step may start from: about as many as LSPet has, whatever the profile.
SYNTHETIC_PROFILE, SYNTHETIC_SEED = "full", 0


def run_ladder(steps, experiment, run_dir, *, seeds, out=None):
    """Train and score every step; finished trainings are reused.

    Train and validation are scored on equally many images, over the joints of the limbs. A
    step's scores are means over its seeds, with intervals by bootstrap over image groups.

    Args:
        steps: tuple of Step, a parent before its children.
        experiment: Experiment.
        run_dir: folder of the trainings.
        seeds: non-empty list of int.
        out: path of the result, written after each step; None for ladder.json in `run_dir`.

    Returns:
        dict, JSON-ready: data, profile, epochs, seeds, joints, images by part, mean_pose (its
        validation scores), complete, rungs (the steps from the bottom up, see `_row`), needs and
        headline.
    """
    out = Path(run_dir) / ARTIFACT if out is None else Path(out)
    samples = _samples(experiment)
    line = main_line(steps)
    by_key = {step.key: step for step in steps}
    result = {
        "data": experiment.describe(),
        "profile": experiment.profile.name,
        "epochs": steps[0].stages[0].epochs,
        "seeds": list(seeds),
        "joints": list(experiment.dataset.skeleton.limb_joints),
        "images": {part: len(sample.dataset) for part, sample in samples.items()},
        "mean_pose": samples["validation"].scores(
            samples["validation"].scored(baselines.mean_pose_px(experiment, "validation"))
        ),
        **provenance(),
    }
    trained, rows, folders = {}, [], set()
    for step in steps:
        trained[step.key] = [_trained(step, experiment, run_dir, seed, samples) for seed in seeds]
        row = _row(step, by_key.get(step.parent), trained, samples)
        rows.append({**row, "branch": step.key not in line})
        folders |= {run.folder for each in trained[step.key] for run in each.runs}
        result = {
            **result,
            "complete": len(rows) == len(steps),
            "rungs": rows,
            "needs": sorted(f"{folder.relative_to(run_dir)}/best.keras" for folder in folders),
            "headline": _headlines(rows, result["joints"]),
        }
        files.write_json(out, result)
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

    def differences(self, scored, parents):
        """name -> value, interval and whether it excludes 0, of a step minus its parent."""
        return {
            row["score"]: {
                "value": row["difference"],
                "interval": row["interval"],
                "decided": row["better"] is not None,
            }
            for row in per_image.differences(parents, scored, **self.bootstrap)
        }


@dataclass(frozen=True, eq=False)
class _Trained:
    """One step with one seed: its trainings, its costs, and by sample what it scores."""

    seed: int
    runs: list
    parameters: int
    flops: int
    scored: dict
    pck_per_joint: np.ndarray


def _samples(experiment):
    dataset, split = experiment.dataset, experiment.split
    validation, trained = (split.indices(dataset, part) for part in ("validation", "train"))
    spread = evenly_spread(len(trained), len(validation))
    chosen = {"validation": validation, "train": trained[spread]}
    settings = {"seed": split.seed, "resamples": experiment.profile.resamples}
    return {
        part: _Sample(dataset.subset(indices), split.groups[indices], settings)
        for part, indices in chosen.items()
    }


def _trained(step, experiment, run_dir, seed, samples):
    runs = train(step, experiment, run_dir, seed)
    estimator = estimator_of(step, runs)
    pred_px = {
        part: estimator.estimate_dataset(sample.dataset).keypoints_px
        for part, sample in samples.items()
    }
    errors = errors_of(pred_px["validation"], samples["validation"].dataset)
    return _Trained(
        seed=seed,
        runs=runs,
        parameters=sum(stage.network.count_params() for stage in estimator.stages),
        # Of one picture's pose, over all stages and their test-time augmentation.
        flops=sum(
            summary.count_flops(stage.network) * sum(map(len, stage.passes))
            for stage in estimator.stages
        ),
        scored={part: sample.scored(pred_px[part]) for part, sample in samples.items()},
        pck_per_joint=errors.pck().per_column,
    )


def train(step, experiment, run_dir, seed):
    """The trainings of one step: those that only gave initial weights, then one for each stage."""
    before, runs = [], []
    for stage in step.stages:
        config = replace(stage, seed=seed)
        if config.initial_weights in (SYNTHETIC, ITSELF):
            before.append(_fit_before(config, experiment, run_dir))
            weights = before[-1].folder / "best.keras"
            config = replace(config, initial_weights=str(weights))
        runs.append(fit(config, experiment, run_dir))
    return before + runs


def _fit_before(config, experiment, run_dir):
    """The training whose weights one of the same settings starts from."""
    if config.initial_weights == ITSELF:
        config = replace(config, initial_weights=names.IMAGENET)
        return fit(config, experiment, run_dir)
    synthetic = open_experiment(
        SYNTHETIC,
        profile=SYNTHETIC_PROFILE,
        seed=SYNTHETIC_SEED,
        cache_dir=experiment.cache_dir,
    )
    return fit(replace(config, initial_weights=None), synthetic, run_dir)


def estimator_of(step, runs):
    """The PoseEstimator of one step, from what `train` returns."""
    return loading.from_runs(step.key, runs[-len(step.stages) :], passes=step.looks)


def _row(step, parent, trained, samples):
    """One step, JSON-ready.

    `gap` is by how much validation is worse than training: the variance, where the training error
    is the bias. `difference` is the step minus its parent on validation, with the paired interval.
    """
    own = trained[step.key]
    # All seeds are scored on the same images.
    mean = {part: per_image.mean([each.scored[part] for each in own]) for part in samples}
    scores = {part: samples[part].scores(mean[part]) for part in samples}
    difference = None
    if parent is not None:
        parents = per_image.mean([each.scored["validation"] for each in trained[parent.key]])
        difference = samples["validation"].differences(mean["validation"], parents)
    by_seed = [_seed_row(each) for each in own]
    per_joint = np.mean([each.pck_per_joint for each in own], axis=0)
    return {
        "key": step.key,
        "title": step.title,
        "idea": step.idea,
        "change": change_text(step, parent),
        "parent": step.parent,
        "settings": step.settings(),
        "parameters": own[0].parameters,
        "gigaflops": own[0].flops / 1e9,
        "minutes": float(np.mean([row["minutes"] for row in by_seed])),
        "epochs": by_seed[0]["epochs"],
        **scores,
        "gap": {name: _gap(scores, name) for name in SCORES},
        "difference": difference,
        "over_seeds": {
            name: seed_summary([row["validation"][name] for row in by_seed]) for name in SCORES
        },
        "pck_per_joint": dict(
            zip(samples["validation"].dataset.skeleton.joints, per_joint, strict=True)
        ),
        "by_seed": by_seed,
    }


def _seed_row(trained):
    return {
        "seed": trained.seed,
        "minutes": sum(sum(run.history["seconds"]) for run in trained.runs) / 60,
        "epochs": sum(len(run.history["epoch"]) for run in trained.runs),
        **{
            part: {name: scored.value(name) for name in SCORES}
            for part, scored in trained.scored.items()
        },
    }


def _gap(scores, name):
    more = scores["validation"][name]["value"] - scores["train"][name]["value"]
    return more if name == "frame_mse" else -more


def _headlines(rows, joints):
    return [
        headline(
            f"{metrics.SCORES[name].label} on {len(joints)} limb joints, {row['title']}",
            row["validation"][name],
            metrics.SCORES[name].digits,
        )
        for name in ("pck_0.2", "frame_mse")
        for row in (rows[0], rows[-1])
    ]
