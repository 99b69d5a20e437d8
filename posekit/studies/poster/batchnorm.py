"""Notebook 03: the poster's network with and without batch normalisation, at equal budget."""

import time

import keras
import numpy as np

from posekit.evaluation import baselines, predictions
from posekit.evaluation.seeds import paired_difference, seed_summary
from posekit.models import losses, poster
from posekit.training.config import TrainingConfig
from posekit.training.fit import fit
from posekit.training.keras_patches import fused_kernels
from posekit.wording import comparability, number, verdict

LABELS = {"poster_batchnorm": "with batch norm", "poster_plain": "without"}
TIMED_PAIRS = 8


def train_pairs(experiment, run_dir, *, label_treatment, seeds, epochs=None, **settings):
    """Both networks trained for every seed, dict of network -> list of TrainingRun.

    `epochs` None takes comparison_epochs; `settings` are further fields of TrainingConfig.
    """
    profile = experiment.profile
    runs = {network: [] for network in LABELS}
    for seed in seeds:
        for network, trained in runs.items():
            config = TrainingConfig(
                network=network,
                label_treatment=label_treatment,
                epochs=profile.comparison_epochs if epochs is None else epochs,
                seed=seed,
                batch_size=profile.batch_size,
                **settings,
            )
            trained.append(fit(config, experiment, run_dir))
    return runs


def compare(runs, experiment):
    """Everything notebook 03 reports on the dict of `train_pairs`, JSON-ready.

    Differences are with minus without batch normalisation.
    """
    treatment = runs["poster_plain"][0].config.label_treatment
    targets = experiment.targets("train", treatment)
    scores = {
        "best_validation_mse": _over(runs, lambda run: run.best_validation_mse),
        "last_validation_mse": _over(runs, lambda run: run.history["validation_mse"][-1]),
        "train_mse_training_mode": _over(runs, lambda run: run.history["train_mse"][-1]),
        "train_mse_inference_mode": _over(
            runs,
            lambda run: baselines.treatment_mse(
                predictions.predict_frame_px(run.last_model(), experiment.images("train")), targets
            ),
        ),
    }
    differences = {
        name: paired_difference(values["poster_batchnorm"], values["poster_plain"])
        for name, values in scores.items()
    }
    batch_size = experiment.profile.batch_size
    seconds = paired_step_seconds(
        experiment.images("train")[:batch_size], targets[:batch_size], pairs=TIMED_PAIRS
    )
    ratios = seconds["poster_batchnorm"] / seconds["poster_plain"]
    best = differences["best_validation_mse"]
    return {
        "data": experiment.describe(),
        "label_treatment": treatment,
        "seeds": [run.config.seed for run in runs["poster_plain"]],
        "epochs": runs["poster_plain"][0].config.epochs,
        "baselines": runs["poster_plain"][0].baselines,
        "train_mean_pose_mse": baselines.constant_errors(targets, targets, experiment.frame_px)[
            "mean_pose"
        ],
        "needs": [
            f"training/{run.folder.name}/last.keras" for trained in runs.values() for run in trained
        ],
        "scores": scores,
        "summary": {
            name: {network: seed_summary(values) for network, values in by.items()}
            for name, by in scores.items()
        },
        "difference_with_minus_without": differences,
        "step_seconds_median": {name: float(np.median(times)) for name, times in seconds.items()},
        "step_ratio_median": float(np.median(ratios)),
        "step_ratio_range": [float(ratios.min()), float(ratios.max())],
        "headline": [
            {
                "label": f"best validation MSE, with minus without, {treatment}",
                "value": round(best["mean_difference"], 1),
                "interval": best["interval"],
                "note": f"seeds: {len(best['differences'])}, "
                + ("decided" if best["decided"] else "not decided"),
            },
            {
                "label": "time of a training step, with over without",
                "value": round(float(np.median(ratios)), 2),
                "note": "median of alternating steps",
            },
        ],
    }


def difference_table(result):
    """Rows for a table: each score's mean with and without, the constant's, the difference."""
    return [
        {
            "score": name.replace("_", " "),
            **{
                LABELS[network]: summary["mean"]
                for network, summary in result["summary"][name].items()
            },
            "mean pose": result["train_mean_pose_mse"]
            if name.startswith("train")
            else result["baselines"]["mean_pose"],
            "difference": paired["mean_difference"],
            "95 % interval": paired["interval"],
            "decided": "yes" if paired["decided"] else "no",
        }
        for name, paired in result["difference_with_minus_without"].items()
    ]


def answer(result):
    """What notebook 03 found, as Markdown."""
    mean_pose = result["baselines"]["mean_pose"]
    differences = result["difference_with_minus_without"]
    validation, training = (
        {network: result["summary"][name][network]["mean"] for network in LABELS}
        for name in ("best_validation_mse", "train_mse_inference_mode")
    )
    verdicts = {network: verdict(validation[network], mean_pose) for network in LABELS}
    low, high = result["step_ratio_range"]
    seconds = result["step_seconds_median"]
    return (
        f"**Answer.** The best validation MSE is {number(validation['poster_batchnorm'])} with "
        f"batch normalisation and {number(validation['poster_plain'])} without: "
        f"{_difference(differences['best_validation_mse'])}. With it, the network "
        f"{verdicts['poster_batchnorm']}; without, it {verdicts['poster_plain']} (mean pose "
        f"{number(mean_pose)}). The poster claims less bias, that is, less training error. In "
        f"inference mode the training error is {number(training['poster_batchnorm'])} with and "
        f"{number(training['poster_plain'])} without: "
        f"{_difference(differences['train_mse_inference_mode'])}. A training step takes "
        f"{number(result['step_ratio_median'], 2)} times as long with it (alternating steps: "
        f"{number(low, 2)} to {number(high, 2)}; medians {number(seconds['poster_batchnorm'], 3)} "
        f"and {number(seconds['poster_plain'], 3)} s). All with `{result['label_treatment']}` "
        f"labels, {len(result['seeds'])} seeds and {result['epochs']} epochs."
        f"{comparability(result['data'])}"
    )


def _over(runs, score):
    return {network: [score(run) for run in trained] for network, trained in runs.items()}


def _difference(paired):
    mean = paired["mean_difference"]
    if paired["interval"] is None:
        return f"a difference of {number(mean)} with one seed; not decided"
    low, high = paired["interval"]
    what = f"{number(abs(mean))} {'less' if mean < 0 else 'more'} with it"
    spread = f"95 % interval of the difference {number(low)} to {number(high)}"
    decided = "" if paired["decided"] else ", which includes 0; not decided"
    return f"{what} ({spread}{decided})"


def paired_step_seconds(images, targets, *, pairs, warm_up=2):
    """Seconds of one training step with and without batch normalisation, alternating.

    All steps see one batch: uint8 images (B, S, S, 3), float32 targets (B, K, 3). Returns a dict,
    network name -> float (pairs,); `warm_up` steps before are not timed.
    """
    networks = {}
    for batch_norm in (True, False):
        model = poster.poster_network(
            batch_norm=batch_norm, frame_px=images.shape[1], joints=targets.shape[1]
        )
        model.compile(optimizer=keras.optimizers.Adam(), loss=losses.weighted_mse)
        networks[model.name] = model
    seconds = {name: [] for name in networks}
    with fused_kernels():
        for step in range(warm_up + pairs):
            for name, model in networks.items():
                started = time.perf_counter()
                model.train_on_batch(images, targets)
                if step >= warm_up:
                    seconds[name].append(time.perf_counter() - started)
    return {name: np.array(values) for name, values in seconds.items()}
