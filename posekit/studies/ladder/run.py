"""Train and score steps, compare each with the one it was made from, and keep what is finished."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from posekit import files
from posekit.datasets.pose_dataset import PoseDataset, evenly_spread
from posekit.errors import PosekitError
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

# Of what each picture adds to a score, in the file.
DIGITS = 7


def run_ladder(steps, experiment, run_dir, *, seeds, out=None):
    """Train and score every step with every seed; finished trainings are reused.

    What each finished training adds to the scores of each validation picture is kept in the result
    itself: a training whose folder is gone need not be repeated. Train and validation are scored
    on equally many images, over the joints of the limbs.

    Args:
        steps: tuple of Step, a parent before its children.
        experiment: Experiment.
        run_dir: folder of the trainings.
        seeds: non-empty list of int.
        out: path of the result, written after each training; None for ladder.json in `run_dir`.

    Returns:
        dict, JSON-ready: data, profile, epochs, seeds, joints, images by part, mean_pose (its
        validation scores), complete, rungs (the steps that have all seeds, in order, see `_row`),
        trainings, needs and headline.

    Raises:
        PosekitError: `out` was named and holds trainings on other data or with other settings.
    """
    path = Path(run_dir) / ARTIFACT if out is None else Path(out)
    validation, trained = _samples(experiment)
    constant = validation.scored(baselines.mean_pose_px(experiment, "validation"))
    head = {
        "data": experiment.describe(),
        "profile": experiment.profile.name,
        "epochs": steps[0].stages[0].epochs,
        "seeds": list(seeds),
        "joints": list(experiment.dataset.skeleton.limb_joints),
        "images": {"validation": len(validation.dataset), "train": len(trained.dataset)},
        "mean_pose": validation.scores(constant),
        **provenance(),
    }
    wanted = [(step, seed) for step in steps for seed in seeds]
    finished = _finished(path, head["data"], wanted, must_fit=out is not None)

    def write():
        result = {**head, **_result(steps, seeds, finished, validation, constant, Path(run_dir))}
        files.write_json(path, result)
        return result

    for step, seed in wanted:
        if (step.key, seed) not in finished:
            finished[step.key, seed] = _training(
                step, experiment, run_dir, seed, validation, trained
            )
            write()
    return write()


def _finished(path, data, wanted, *, must_fit):
    """(key, seed) -> training, of those in the file that are wanted."""
    stored = files.read_json(path) if path.is_file() else {}
    trainings = stored.get("trainings", [])
    is_same_data = all(stored.get("data", {}).get(name) == data[name] for name in ("name", "split"))
    settings = {(step.key, seed): step.settings() for step, seed in wanted}
    found = {
        (each["step"], each["seed"]): each
        for each in trainings
        if is_same_data and each["settings"] == settings.get((each["step"], each["seed"]))
    }
    if must_fit and len(found) < len(trainings):
        other = next(each for each in trainings if (each["step"], each["seed"]) not in found)
        raise PosekitError(
            f"{path}: must hold trainings on {data['name']} with the steps, seeds and epochs that "
            f"are asked for; got {other['step']} with seed {other['seed']}, on "
            f"{stored['data']['name']}, {stored['epochs']} epochs. Name another file with --out."
        )
    return found


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
    """One step with one seed, JSON-ready: what it scores, and its costs."""
    runs = train(step, experiment, run_dir, seed)
    estimator = estimator_of(step, runs)
    pred_px = estimator.estimate_dataset(validation.dataset).keypoints_px
    scored = validation.scored(pred_px)
    on_train = trained.scored(estimator.estimate_dataset(trained.dataset).keypoints_px)
    joints = validation.dataset.skeleton.joints
    per_joint = errors_of(pred_px, validation.dataset).pck().per_column
    return {
        "step": step.key,
        "seed": seed,
        "settings": step.settings(),
        "minutes": sum(sum(run.history["seconds"]) for run in runs) / 60,
        "epochs": sum(len(run.history["epoch"]) for run in runs),
        "parameters": sum(stage.network.count_params() for stage in estimator.stages),
        "gigaflops": sum(summary.count_flops(stage.network) for stage in estimator.stages) / 1e9,
        # A joint that nobody labels has none.
        "pck_per_joint": {
            joint: None if np.isnan(value) else float(value)
            for joint, value in zip(joints, per_joint, strict=True)
        },
        "train": {name: on_train.value(name) for name in SCORES},
        "sums": {
            name: [float(f"{value:.{DIGITS}g}") for value in scored.sums[name][0]]
            for name in SCORES
        },
        "folders": [str(run.folder.relative_to(run_dir)) for run in runs],
    }


def train(step, experiment, run_dir, seed):
    """The trainings of one step, one for each stage."""
    return [fit(replace(stage, seed=seed), experiment, run_dir) for stage in step.stages]


def estimator_of(step, runs):
    """The PoseEstimator of one step, from what `train` returns."""
    return loading.from_runs(step.key, runs)


def _result(steps, seeds, finished, validation, constant, run_dir):
    def scored(training):
        sums = {name: (np.array(training["sums"][name]), constant.sums[name][1]) for name in SCORES}
        return PerImage(constant.image_ids, constant.groups, sums)

    by_key = {step.key: step for step in steps}
    trainings = {
        step.key: [finished[step.key, seed] for seed in seeds]
        for step in steps
        if all((step.key, seed) in finished for seed in seeds)
    }
    scored_of = {key: list(map(scored, each)) for key, each in trainings.items()}
    rows = [
        _row(by_key[key], by_key.get(by_key[key].parent), trainings[key], scored_of, validation)
        for key in trainings
    ]
    networks = {f"{folder}/best.keras" for each in finished.values() for folder in each["folders"]}
    return {
        "complete": len(rows) == len(steps),
        "rungs": rows,
        "trainings": list(finished.values()),
        "needs": sorted(path for path in networks if (run_dir / path).is_file()),
        "headline": _headlines(rows),
    }


def _row(step, parent, trainings, scored_of, validation):
    """One step, JSON-ready; scores are means over its seeds.

    `gap` is by how much validation is worse than training: the variance, where the training error
    is the bias. `difference` is the step minus its parent on validation.
    """
    own = scored_of[step.key]
    scores = validation.scores(per_image.mean(own))
    on_train = {
        name: {"value": float(np.mean([each["train"][name] for each in trainings]))}
        for name in SCORES
    }
    by_seed = {name: [each.value(name) for each in own] for name in SCORES}
    per_joint = {
        joint: value and float(np.mean([each["pck_per_joint"][joint] for each in trainings]))
        for joint, value in trainings[0]["pck_per_joint"].items()
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
        "train": on_train,
        "gap": {
            name: (scores[name]["value"] - on_train[name]["value"])
            * (1 if name == "frame_mse" else -1)
            for name in SCORES
        },
        "difference": parent and _difference(own, scored_of[parent.key], validation),
        "over_seeds": {name: seed_summary(values) for name, values in by_seed.items()},
        "pck_per_joint": per_joint,
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
        name = row["score"]
        pairs = ([each.value(name) for each in side] for side in (own, parents))
        over_seeds = paired_difference(*pairs)["interval"]
        intervals = [row["interval"]] if over_seeds is None else [row["interval"], over_seeds]
        found[name] = {
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
