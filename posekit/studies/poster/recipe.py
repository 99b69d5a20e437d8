"""Notebook 02: the poster's recipe, trained under named label treatments."""

from posekit.evaluation import baselines, predictions
from posekit.evaluation.scores import score, score_original_px
from posekit.studies.poster.published import PUBLISHED_MSE
from posekit.training import config
from posekit.training.fit import fit
from posekit.wording import comparability, headline, number, verdict, with_interval


def train_treatments(experiment, run_dir, *, label_treatments, seed, epochs=None, **settings):
    """The network with batch normalisation by label treatment, dict of TrainingRun.

    Later notebooks use the first one's. `settings` are further fields of TrainingConfig.
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
    """A TrainingRun's results at its best epoch, JSON-ready; its folder is relative to `run_dir`.

    train_mse and validation_mse are in inference mode and under its label treatment.
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
    constants = baselines.constant_poses(experiment.targets("train", "masked"), experiment.frame_px)
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
    """Everything notebook 02 reports, JSON-ready; arguments as for `train_treatments`."""
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
            headline(
                f"validation PCK@0.2, {described[0]['label_treatment']}", _pck(described[0]), 3
            ),
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


def own_table(run, experiment, result):
    """Rows for a table: the reader's network, the poster's and the constants, as `score_table`.

    Args:
        run: TrainingRun of the reader's network.
        experiment: Experiment.
        result: dict of `report`.
    """
    canvases = experiment.canvases(run.config.view, run.config.frame_px)
    pred_px = predictions.predict_px(
        run.best_model(),
        canvases,
        "validation",
        head=run.config.head,
        frame_px=run.config.frame_px,
    )
    own = score_original_px(pred_px, experiment, "validation", seed=run.config.seed)
    known = result["runs"][0]["validation_scores"]
    candidates = {"your network": own, "the poster's network": known["network"]}
    candidates |= {name: known[name] for name in ("mean_pose", "image_centre")}
    return [
        {
            "prediction": name.replace("_", " "),
            **{metric: value["value"] for metric, value in scores["metrics"].items()},
        }
        for name, scores in candidates.items()
    ]


def answer(result):
    """What notebook 02 found, as Markdown."""
    lines = [
        f"- `{run['label_treatment']}` labels: the network "
        f"{verdict(run['validation_mse'], run['baselines']['mean_pose'])}. Validation MSE "
        f"{number(run['validation_mse'])}, mean pose {number(run['baselines']['mean_pose'])}, "
        f"image centre {number(run['baselines']['image_centre'])}. Training MSE (bias) "
        f"{number(run['train_mse'])}; validation is {number(abs(run['variance']))} "
        f"{'higher' if run['variance'] > 0 else 'lower'} (variance). {run['epochs']} epochs, best "
        f"{run['best_epoch']}."
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
            f"{result['poster']['validation']} for validation on LSP and LSPet, without its label "
            f"treatment.{comparability(result['data'])}",
        ]
    )


def _pck(run):
    return run["validation_scores"]["network"]["metrics"]["pck_0.2"]
