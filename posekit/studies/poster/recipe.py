"""Notebook 02: the poster's recipe, trained under named label treatments."""

from posekit.evaluation import baselines, predictions
from posekit.evaluation.scores import score
from posekit.studies.poster.published import PUBLISHED_MSE
from posekit.training import config
from posekit.training.fit import fit
from posekit.wording import comparability, number, rounded, verdict, with_interval


def train_treatments(experiment, run_dir, *, label_treatments, seed, epochs=None, **settings):
    """Train the network with batch normalisation once per label treatment.

    Args:
        experiment: Experiment.
        run_dir: folder of the run.
        label_treatments: list of str; later notebooks look at the first one's network.
        seed: int.
        epochs: int, or None for the profile's.
        **settings: further fields of training.TrainingConfig.

    Returns:
        dict, label treatment -> TrainingRun.
    """
    return {
        treatment: fit(
            config.TrainingConfig(
                network="poster_batchnorm",
                label_treatment=treatment,
                epochs=experiment.profile.epochs if epochs is None else epochs,
                seed=seed,
                batch_size=experiment.profile.batch_size,
                **settings,
            ),
            experiment,
            run_dir,
        )
        for treatment in label_treatments
    }


def describe(run, experiment, run_dir):
    """One finished training in numbers, of the epoch that did best on validation.

    Args:
        run: TrainingRun.
        experiment: Experiment that it was trained on.
        run_dir: folder of the run; the training's folder is named relative to it.

    Returns:
        dict: label_treatment, network, flip, folder, best_epoch, epochs, seconds, baselines;
        train_mse and validation_mse (inference mode, one label treatment); bias, the training
        error; variance, how far validation lies above it; and metrics of `evaluation.score` on
        validation, with the constants' beside them.
    """
    treatment = run.config.label_treatment
    model = run.best_model()
    pred_frame_px = {
        part: predictions.predict_frame_px(model, experiment.images(part))
        for part in ("train", "validation")
    }
    mse = {
        part: baselines.treatment_mse(pred, experiment.targets(part, treatment))
        for part, pred in pred_frame_px.items()
    }
    constants = baselines.constant_poses(
        experiment.targets("train", "masked"), experiment.frame_px
    )
    candidates = {"network": pred_frame_px["validation"], **constants}
    return {
        "label_treatment": treatment,
        "network": run.config.network,
        "flip": run.config.flip,
        "folder": str(run.folder.relative_to(run_dir)),
        "best_epoch": run.best_epoch,
        "epochs": len(run.history["epoch"]),
        "seconds": sum(run.history["seconds"]),
        "baselines": run.baselines,
        "train_mse": mse["train"],
        "validation_mse": mse["validation"],
        "bias": mse["train"],
        "variance": mse["validation"] - mse["train"],
        "share_of_mean_pose": mse["validation"] / run.baselines["mean_pose"],
        "validation_scores": {
            name: score(pred, experiment, "validation", seed=run.config.seed)
            for name, pred in candidates.items()
        },
    }


def report(runs, experiment, run_dir):
    """Everything notebook 02 reports, JSON-ready.

    Args:
        runs: dict of `train_treatments`.
        experiment: Experiment.
        run_dir: folder of the run.
    """
    described = [describe(run, experiment, run_dir) for run in runs.values()]
    return {
        "data": experiment.describe(),
        "runs": described,
        "needs": [f"{run['folder']}/best.keras" for run in described],
        "poster": PUBLISHED_MSE,
        "headline": [
            *(
                {
                    "label": f"validation MSE, {run['label_treatment']}",
                    "value": round(run["validation_mse"], 1),
                    "note": f"mean pose {number(run['baselines']['mean_pose'])}: "
                    + verdict(run["validation_mse"], run["baselines"]["mean_pose"]),
                }
                for run in described
            ),
            {
                "label": f"validation PCK@0.2, {described[0]['label_treatment']}",
                "value": rounded(_pck(described[0])["value"], 3),
                "interval": _pck(described[0])["interval"],
            },
        ],
    }


def score_table(result):
    """Rows for a table: each network and each constant, all scored on labelled joints only."""
    return [
        {
            "trained under": run["label_treatment"],
            "prediction": name,
            **{metric: value["value"] for metric, value in scores["metrics"].items()},
        }
        for run in result["runs"]
        for name, scores in run["validation_scores"].items()
        if name == "network" or run is result["runs"][0]
    ]


def answer(result):
    """What notebook 02 found, as Markdown."""
    lines = [
        f"- Trained under `{run['label_treatment']}` labels ({run['epochs']} epochs, best "
        f"{run['best_epoch']}): training MSE {number(run['train_mse'])} (bias), validation MSE "
        f"{number(run['validation_mse'])}, so {number(abs(run['variance']))} "
        f"{'more' if run['variance'] > 0 else 'less'} (variance). Under the "
        f"same treatment the mean pose scores {number(run['baselines']['mean_pose'])} and the "
        f"image centre {number(run['baselines']['image_centre'])}: the network "
        f"{verdict(run['validation_mse'], run['baselines']['mean_pose'])}."
        for run in result["runs"]
    ]
    first = result["runs"][0]
    pck = _pck(first)
    constant = first["validation_scores"]["mean_pose"]["metrics"]["pck_0.2"]
    return "\n".join(
        [
            f"**Answer.** On {result['data']['name']} ({result['data']['images']} images, split "
            f"`{result['data']['split']['name']}`, flips `{first['flip']}`):",
            "",
            *lines,
            "",
            f"In original pixels the `{first['label_treatment']}` network gets "
            f"{with_interval(pck['value'], pck['interval'], 3)} of the labelled joints within "
            f"0.2 torso lengths (PCK@0.2), the mean pose {number(constant['value'], 3)}. The "
            f"poster reports {result['poster']['training']} for training and "
            f"{result['poster']['validation']} for validation on LSP and LSPet, treatment "
            f"unstated.{comparability(result['data'])}",
        ]
    )


def _pck(run):
    return run["validation_scores"]["network"]["metrics"]["pck_0.2"]
