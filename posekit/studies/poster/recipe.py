"""Notebook 02: the poster's recipe, trained under named label treatments."""

from posekit import wording
from posekit.evaluation import baselines, predictions
from posekit.evaluation.scores import score, score_original_px
from posekit.pipeline.targets import LABEL_TREATMENTS
from posekit.studies.poster.published import PUBLISHED_MSE, reading
from posekit.wording import (
    comparability,
    few_images,
    headline,
    number,
    pck_coverage,
    verdict,
    with_interval,
)

# What tables and figures call the predictions.
NAMES = {"network": "network", **baselines.NAMES}


def describe(run, experiment, run_dir):
    """A TrainingRun's results at its best epoch, JSON-ready; its folder is relative to `run_dir`.

    train_mse, the bias, and validation_mse are in inference mode and under its label treatment;
    scores and `mse_parts`, by prediction, are of labelled joints.
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
    train, validation = (experiment.targets(part, "masked") for part in ("train", "validation"))
    candidates = {
        "network": pred_frame_px["validation"],
        **baselines.constant_poses(train, experiment.frame_px),
        **baselines.placed_figures(train, validation),
    }
    return {
        "label_treatment": treatment,
        "flip": run.config.flip,
        "folder": str(run.folder.relative_to(run_dir)),
        "best_epoch": run.best_epoch,
        "epochs": len(run.history["epoch"]),
        "history": run.history,
        "baselines": run.baselines,
        "train_mse": mse["train"],
        "validation_mse": mse["validation"],
        "validation_scores": {
            name: score(pred, experiment, "validation", seed=run.config.seed)
            for name, pred in candidates.items()
        },
        "mse_parts": {
            name: baselines.error_parts(pred, validation) for name, pred in candidates.items()
        },
    }


def report(runs, experiment, run_dir):
    """Everything notebook 02 reports on `runs`, label treatment -> TrainingRun, JSON-ready.

    Later notebooks use the first one's. `run_dir` is the folder of the run, a Path.
    """
    described = [describe(run, experiment, run_dir) for run in runs.values()]
    return {
        "data": experiment.describe(),
        "epochs": next(iter(runs.values())).config.epochs,
        # The mean pose's validation MSE under each treatment.
        "constants": {
            treatment: baselines.constant_errors(
                experiment.targets("train", treatment),
                experiment.targets("validation", treatment),
                experiment.frame_px,
            )["mean_pose"]
            for treatment in LABEL_TREATMENTS
        },
        "publishable": ["runs", "poster", "epochs", "constants"],
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


def curve_arguments(run):
    """One entry of `runs` of a result as the arguments of `plots.learning_curves`."""
    lines = {NAMES[name]: value for name, value in run["baselines"].items()}
    if run["label_treatment"] == "masked":
        lines[NAMES["true_centre"]] = sum(run["mse_parts"]["true_centre"].values())
    return {"histories": {run["label_treatment"]: [run["history"]]}, "baselines": lines}


def part_arguments(result):
    """The parts of the first network's error and of the constants', for `plots.error_parts`."""
    return {NAMES[name]: parts for name, parts in result["runs"][0]["mse_parts"].items()}


def score_table(result):
    """Rows for a table: each network and each constant, all scored on labelled joints only."""
    return [
        {
            "trained under": run["label_treatment"].replace("_", " "),
            "prediction": NAMES[name],
            **scores["metrics"],
        }
        for run in result["runs"]
        for name, scores in run["validation_scores"].items()
        if name == "network" or run is result["runs"][0]
    ]


def own_table(run, experiment, result):
    """Rows for a table: a TrainingRun, the poster's network in `result`, and the constants."""
    config, known = run.config, result["runs"][0]["validation_scores"]
    pred_px = predictions.predict_px(run.best_model(), experiment, config)
    candidates = {
        "your network": score_original_px(pred_px, experiment, "validation", seed=config.seed),
        "the poster's network": known["network"],
        **{NAMES[name]: known[name] for name in ("mean_pose", "image_centre")},
    }
    return [{"prediction": name, **scores["metrics"]} for name, scores in candidates.items()]


def answer(result):
    """What notebook 02 found, as Markdown."""
    first = result["runs"][0]
    pck = _pck(first)
    constant = first["validation_scores"]["mean_pose"]["metrics"]["pck_0.2"]
    parts = first["mse_parts"]
    error = {name: sum(each.values()) for name, each in parts.items()}
    mostly = "bias" if 2 * first["train_mse"] >= first["validation_mse"] else "variance"
    place, size, shape = (
        f"{parts['network'][name] / error['network']:.0%}" for name in ("place", "size", "shape")
    )
    return wording.answer(
        f"{_learned(error)}; its error is mostly {mostly}.",
        f"On labelled joints of new pictures the network's MSE is {number(error['network'])}. One "
        f"constant, the mean pose, scores {number(error['mean_pose'])}; the mean figure put at "
        f"each person's true centre, which knows nothing of the pose, "
        f"{number(error['true_centre'])}. Of the network's error {place} is the place of the "
        f"person, {size} its size and {shape} the shape of the pose.",
        few_images(result["data"]["split"]["validation"]),
        f"Validation was still falling in the last of {first['epochs']} epochs: the run is too "
        "short to say how far the recipe gets."
        if first["best_epoch"] == first["epochs"]
        else "",
        reading(result["constants"]) if "lsp" in result["data"]["name"] else "",
        comparability(result["data"]).strip(),
        numbers=[
            *map(_treatment_line, result["runs"]),
            f"PCK@0.2 of the `{first['label_treatment']}` network: "
            f"{with_interval(pck['value'], pck['interval'], 3)} of the labelled joints within 0.2 "
            f"torso lengths; the mean pose gets {number(constant['value'], 3)}. "
            f"{pck_coverage(first['validation_scores']['network'])}",
            f"Data: {result['data']['name']}, {result['data']['images']:,} images, split "
            f"`{result['data']['split']['name']}`, flips `{first['flip']}`.",
        ],
    )


def _learned(error):
    if not error["network"] < 0.99 * error["mean_pose"]:
        return "Nothing that one constant pose does not know"
    if error["network"] > error["true_centre"]:
        return "At best where people are, not how they stand"
    return "Where people are, and some of how they stand"


def _treatment_line(run):
    constants = run["baselines"]
    return (
        f"`{run['label_treatment']}` labels: the network "
        f"{verdict(run['validation_mse'], constants['mean_pose'])}. Validation MSE "
        f"{number(run['validation_mse'])}, mean pose {number(constants['mean_pose'])}, image "
        f"centre {number(constants['image_centre'])}. Training MSE (bias) "
        f"{number(run['train_mse'])}, the rest is variance. {run['epochs']} epochs, best "
        f"{run['best_epoch']}."
    )


def _pck(run):
    return run["validation_scores"]["network"]["metrics"]["pck_0.2"]
