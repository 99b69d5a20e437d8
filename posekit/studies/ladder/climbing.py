"""Climbing the ladder: every rung trained, scored and set against the rung it was made from."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from posekit import files
from posekit.datasets.pose_dataset import PoseDataset, evenly_spread
from posekit.datasets.sources import SYNTHETIC
from posekit.estimators import loading
from posekit.evaluation import baselines, bootstrap, metrics
from posekit.evaluation.seeds import seed_summary
from posekit.models import names, summary
from posekit.pipeline.experiment import open_experiment
from posekit.provenance import provenance
from posekit.studies.ladder.rungs import ITSELF, change_in_words, main_line
from posekit.training.fit import fit
from posekit.wording import rounded

ARTIFACT = "ladder.json"

# Scores of metrics.per_image_sums that tell of a rung: how they are called, and their decimals.
SCORES = {"pck_0.2": "PCK@0.2", "pcp_0.5": "PCP@0.5", "frame_mse": "MSE"}
DIGITS = {"pck_0.2": 3, "pcp_0.5": 3, "frame_mse": 1}

# The drawn people that a rung may start from: about as many as LSPet has, whatever the profile.
SYNTHETIC_PROFILE, SYNTHETIC_SEED = "full", 0


def climb(rungs, experiment, run_dir, *, seeds, out=None):
    """Train and score every rung; a training that exists already is reused.

    Train and validation are scored on equally many images, over the joints of the limbs. A
    rung's scores are means over its seeds, with intervals by bootstrap over image groups.

    Args:
        rungs: tuple of Rung, a parent before its children.
        experiment: Experiment.
        run_dir: folder that the trainings go to.
        seeds: non-empty list of int.
        out: path of the result, written anew after each rung; None for ladder.json in `run_dir`.

    Returns:
        dict, JSON-ready: data, profile, epochs, seeds, joints, images by part, mean_pose (its
        validation scores), complete, rungs (from the bottom up, see `_row`), needs and headline.

    Raises:
        PosekitError: a training's loss is no longer finite, or a folder is not writable.
    """
    out = Path(run_dir) / ARTIFACT if out is None else Path(out)
    samples = _samples(experiment)
    line = main_line(rungs)
    by_key = {rung.key: rung for rung in rungs}
    result = {
        "data": experiment.describe(),
        "profile": experiment.profile.name,
        "epochs": rungs[0].stages[0].epochs,
        "seeds": list(seeds),
        "joints": list(experiment.dataset.skeleton.limb_joints),
        "images": {part: len(sample.dataset) for part, sample in samples.items()},
        "mean_pose": samples["validation"].scores(
            samples["validation"].sums(baselines.mean_pose_px(experiment, "validation"))
        ),
        **provenance(),
    }
    looks, rows = {}, []
    for rung in rungs:
        looks[rung.key] = [_look(rung, experiment, run_dir, seed, samples) for seed in seeds]
        row = _row(rung, by_key.get(rung.parent), looks, samples)
        rows.append({**row, "branch": rung.key not in line})
        result = {
            **result,
            "complete": len(rows) == len(rungs),
            "rungs": rows,
            "needs": _needs(looks, run_dir),
            "headline": _headline(rows, result["joints"]),
        }
        files.write_json(out, result)
    return result


@dataclass(frozen=True, eq=False)
class _Sample:
    """Images that are scored, and which of them go together in a resample."""

    dataset: PoseDataset
    groups: np.ndarray
    seed: int
    resamples: int

    def sums(self, pred_px):
        """name of SCORES -> (numerators, denominators), each float (N,)."""
        sums = metrics.per_image_sums(
            pred_px,
            self.dataset.keypoints_px,
            self.dataset.labelled,
            self.dataset.image_sizes_px,
            joints=self.dataset.skeleton.limb_joints,
            skeleton=self.dataset.skeleton,
        )
        return {name: sums[name] for name in SCORES}

    def scores(self, sums):
        """name -> value and interval, as metrics.evaluate gives them."""
        return {
            name: {
                "value": _ratio(numerators, denominators),
                "interval": list(
                    bootstrap.ratio_interval(
                        numerators, denominators, self.groups, **self._bootstrap
                    )
                ),
            }
            for name, (numerators, denominators) in sums.items()
        }

    def differences(self, sums, parent_sums):
        """name -> value, interval and whether it excludes 0, of a rung minus its parent."""
        differences = {}
        for name, (numerators, denominators) in sums.items():
            before = parent_sums[name][0]
            low, high = bootstrap.paired_difference_interval(
                numerators, before, denominators, self.groups, **self._bootstrap
            )
            differences[name] = {
                "value": _ratio(numerators - before, denominators),
                "interval": [low, high],
                "decided": bool(low > 0 or high < 0),
            }
        return differences

    @property
    def _bootstrap(self):
        return {"seed": self.seed, "resamples": self.resamples}


@dataclass(frozen=True, eq=False)
class _Look:
    """One rung under one seed: its trainings, its costs and what it found on the samples."""

    seed: int
    runs: list
    parameters: int
    flops: int
    sums: dict
    pck_per_joint: np.ndarray


def _samples(experiment):
    dataset, split = experiment.dataset, experiment.split
    validation, trained = (split.indices(dataset, part) for part in ("validation", "train"))
    spread = evenly_spread(len(trained), len(validation))
    chosen = {"validation": validation, "train": trained[spread]}
    return {
        part: _Sample(
            dataset.subset(indices),
            split.groups[indices],
            split.seed,
            experiment.profile.resamples,
        )
        for part, indices in chosen.items()
    }


def _look(rung, experiment, run_dir, seed, samples):
    runs = train(rung, experiment, run_dir, seed)
    estimator = estimator_of(rung, runs)
    pred_px = {
        part: estimator.estimate_dataset(sample.dataset).keypoints_px
        for part, sample in samples.items()
    }
    validation = samples["validation"].dataset
    return _Look(
        seed=seed,
        runs=runs,
        parameters=sum(stage.network.count_params() for stage in estimator.stages),
        flops=_flops(estimator),
        sums={part: sample.sums(pred_px[part]) for part, sample in samples.items()},
        pck_per_joint=metrics.PoseErrors(
            pred_px["validation"],
            validation.keypoints_px,
            validation.labelled,
            skeleton=validation.skeleton,
        )
        .pck()
        .per_column,
    )


def train(rung, experiment, run_dir, seed):
    """The trainings of one rung.

    Args:
        rung: Rung.
        experiment: Experiment.
        run_dir: folder that the trainings go to.
        seed: int.

    Returns:
        list of TrainingRun: first those that only gave initial weights, then one for each stage.
    """
    before, runs = [], []
    for stage in rung.stages:
        config = replace(stage, seed=seed)
        if config.initial_weights in (SYNTHETIC, ITSELF):
            before.append(_fit_before(config, experiment, run_dir))
            weights = before[-1].folder / "best.keras"
            config = replace(config, initial_weights=str(weights))
        runs.append(fit(config, experiment, run_dir))
    return before + runs


def _fit_before(config, experiment, run_dir):
    """The training whose weights another one of the same settings starts from."""
    if config.initial_weights == ITSELF:
        config = replace(config, initial_weights=names.IMAGENET)
        return fit(config, experiment, run_dir)
    drawn = open_experiment(
        SYNTHETIC,
        profile=SYNTHETIC_PROFILE,
        seed=SYNTHETIC_SEED,
        cache_dir=experiment.cache_dir,
    )
    return fit(replace(config, initial_weights=None), drawn, run_dir)


def estimator_of(rung, runs):
    """The estimators.PoseEstimator of one rung, from what `train` gives."""
    return loading.from_runs(
        rung.key,
        runs[-len(rung.stages) :],
        passes=rung.looks,
    )


def _row(rung, parent, looks, samples):
    """One rung, JSON-ready.

    Scores are dicts of SCORES' names. `gap` says by how much validation is worse than training,
    so it is the variance where the training error is the bias; `difference` is the rung minus
    its parent on validation, with the interval of the paired difference.
    """
    own = looks[rung.key]
    sums = {part: _mean_sums([look.sums[part] for look in own]) for part in samples}
    scores = {part: samples[part].scores(sums[part]) for part in samples}
    difference = None
    if parent is not None:
        parent_sums = _mean_sums([look.sums["validation"] for look in looks[parent.key]])
        difference = samples["validation"].differences(sums["validation"], parent_sums)
    by_seed = [_seed_row(look) for look in own]
    per_joint = np.mean([look.pck_per_joint for look in own], axis=0)
    return {
        "key": rung.key,
        "title": rung.title,
        "idea": rung.idea,
        "change": change_in_words(rung, parent),
        "parent": rung.parent,
        "settings": rung.settings(),
        "parameters": own[0].parameters,
        "gigaflops": own[0].flops / 1e9,
        "minutes": float(np.mean([row["minutes"] for row in by_seed])),
        "epochs": by_seed[0]["epochs"],
        **scores,
        "gap": {name: _gap(scores, name) for name in SCORES},
        "difference": difference,
        "over_seeds": {
            name: seed_summary([row["validation"][name] for row in by_seed])
            for name in SCORES
        },
        "pck_per_joint": dict(
            zip(samples["validation"].dataset.skeleton.joints, per_joint, strict=True)
        ),
        "by_seed": by_seed,
    }


def _seed_row(look):
    return {
        "seed": look.seed,
        "minutes": sum(sum(run.history["seconds"]) for run in look.runs) / 60,
        "epochs": sum(len(run.history["epoch"]) for run in look.runs),
        **{
            part: {name: _ratio(*pair) for name, pair in sums.items()}
            for part, sums in look.sums.items()
        },
    }


def _mean_sums(each):
    """Sums over seeds: all seeds see the same images, so the denominators are shared."""
    return {
        name: (np.mean([sums[name][0] for sums in each], axis=0), each[0][name][1])
        for name in SCORES
    }


def _ratio(numerators, denominators):
    return float(numerators.sum() / denominators.sum()) if denominators.sum() else float("nan")


def _gap(scores, name):
    more = scores["validation"][name]["value"] - scores["train"][name]["value"]
    return more if name == "frame_mse" else -more


def _flops(estimator):
    """Operations behind one picture's pose, through all stages and their crops."""
    return sum(
        summary.count_flops(stage.network) * sum(map(len, stage.passes))
        for stage in estimator.stages
    )


def _needs(looks, run_dir):
    folders = {run.folder for each in looks.values() for look in each for run in look.runs}
    return sorted(f"{folder.relative_to(run_dir)}/best.keras" for folder in folders)


def _headline(rows, joints):
    ends = (rows[0], rows[-1])
    return [
        {
            "label": f"{SCORES[name]} on {len(joints)} limb joints, {row['title']}",
            "value": rounded(row["validation"][name]["value"], DIGITS[name]),
            "interval": row["validation"][name]["interval"],
        }
        for name in ("pck_0.2", "frame_mse")
        for row in ends
    ]
