"""Notebook 06: what each idea between the poster's recipe and the best model contributes."""

from dataclasses import fields

from posekit.datasets import lsp
from posekit.datasets.pose_dataset import evenly_spread
from posekit.datasets.sources import SYNTHETIC
from posekit.estimators import manifest, passes, recipes
from posekit.estimators.loading import SHIPPED
from posekit.evaluation import metrics
from posekit.files import PROJECT_ROOT, read_json
from posekit.models import imagenet
from posekit.studies.ladder.run import SCORES, estimator_of, run_ladder, train
from posekit.studies.ladder.steps import for_profile
from posekit.training import config
from posekit.wording import comparability, number, verdict, with_interval

TRACKED = PROJECT_ROOT / "reports" / "ladder.json"

# Steps of stored ladders that the code no longer has. They contributed nothing; their results are
# still shown from the file.
RETIRED = ("flow", "second_opinion")

# The parts on which a model is scored when it ships.
SHIPPED_PARTS = ("validation", "development")


def steps(experiment, *, epochs=None, with_imagenet=None):
    """The steps that are run on these data; synthetic data have none that starts from them.

    `epochs` None takes the profile's; `with_imagenet` None, whether the weights are available.
    """
    if with_imagenet is None:
        with_imagenet = imagenet.WEIGHTS.is_file()
    synthetic = experiment.dataset.name == SYNTHETIC
    return tuple(
        step
        for step in for_profile(experiment.profile, epochs=epochs, imagenet=with_imagenet)
        if not (synthetic and any(stage.initial_weights == SYNTHETIC for stage in step.stages))
    )


def load_or_run(experiment, run_dir, *, seeds, epochs=None):
    """The tracked ladder where it was run on these data with these steps, else `run_ladder`'s.

    `epochs` None loads a ladder of any number, and runs a new one with the profile's.
    """
    stored = tracked()
    if stored is not None:
        # Loading needs no ImageNet weights, and takes whatever budget it was run with.
        every_step = steps(experiment, epochs=epochs or stored["epochs"], with_imagenet=True)
        if fits(stored, every_step, experiment, seeds):
            return {**stored, "needs": []}  # its trainings are elsewhere
    return run_ladder(steps(experiment, epochs=epochs), experiment, run_dir, seeds=seeds)


def tracked():
    """The repository's ladder, or None without one."""
    return read_json(TRACKED) if TRACKED.is_file() else None


def tracked_beside(result):
    """The repository's ladder, or None where `result` is that or there is none."""
    stored = tracked()
    is_result = stored is not None and stored["rungs"] == result["rungs"]
    return None if is_result else stored


def fits(stored, steps, experiment, seeds):
    """Whether a stored dict of `run_ladder` is what running these steps would give."""
    rows = [row for row in stored["rungs"] if row["key"] not in RETIRED]
    return (
        stored["complete"]
        and stored["data"]["fingerprint"] == experiment.dataset.fingerprint()
        and stored["data"]["split"] == experiment.split.summary()
        and set(seeds) <= set(stored["seeds"])
        and [row["key"] for row in rows] == [step.key for step in steps]
        and all(_is_same(step, row["settings"]) for step, row in zip(steps, rows, strict=True))
    )


def _is_same(step, settings):
    # Settings that an older file lacks have their defaults. Unknown ones must be switched off.
    known = {field.name for field in fields(config.TrainingConfig)}
    others = {name: value for name, value in settings.items() if name not in ("stages", "looks")}
    if any(others.values()) or any(set(stage) - known for stage in settings["stages"]):
        return False
    stages = tuple(config.TrainingConfig(**stage) for stage in settings["stages"])
    return stages == step.stages and settings["looks"] == passes.to_json(step.looks)


def idea_table(result):
    """Rows for a table of the steps: the idea and what it changes."""
    titles = {row["key"]: row["title"] for row in result["rungs"]}
    return [
        {
            "step": number,
            "title": row["title"],
            "idea": row["idea"],
            "what changes": row["change"],
            "made from": titles.get(row["parent"], "-"),
        }
        for number, row in enumerate(result["rungs"], start=1)
    ]


def score_table(result):
    """Rows for a table of the steps: scores, difference to the parent, costs."""
    return [
        {
            "step": number,
            "title": f"({row['title']})" if row["branch"] else row["title"],
            **_values(row["validation"]),
            "PCK against its parent": row["difference"] and row["difference"]["pck_0.2"]["value"],
            "95 % interval": row["difference"] and row["difference"]["pck_0.2"]["interval"],
            "decided": _decided(row["difference"]),
            "train MSE (bias)": row["train"]["frame_mse"]["value"],
            "gap of MSE (variance)": row["gap"]["frame_mse"],
            "parameters": row["parameters"],
            "GFLOPs a picture": row["gigaflops"],
            "minutes of training": row["minutes"],
            "epochs": row["epochs"],
        }
        for number, row in enumerate(result["rungs"], start=1)
    ]


def _values(scores):
    return {metrics.SCORES[name].label: scores[name]["value"] for name in SCORES}


def _decided(difference):
    if difference is None:
        return "-"
    return "yes" if difference["pck_0.2"]["decided"] else "no"


def joint_arguments(result):
    """PCK of each joint at the first and the last step, as plots.error_by_joint's arguments."""
    first, last = result["rungs"][0], result["rungs"][-1]
    return {
        "values_by_name": {
            row["title"]: list(row["pck_per_joint"].values()) for row in (first, last)
        },
        "joints": list(first["pck_per_joint"]),
    }


def pictures(result, experiment, run_dir, *, count):
    """`count` synthetic validation pictures with the last step's poses, for plots.prediction_grid.

    None where the data are photographs.
    """
    if experiment.dataset.name != SYNTHETIC:
        return None
    last = steps(experiment, epochs=result["epochs"])[-1]
    trained = train(last, experiment, run_dir, result["seeds"][0])
    validation = experiment.part("validation")
    shown = validation.subset(evenly_spread(len(validation), count))
    return {
        "images": [lsp.decode(shown, index) for index in range(len(shown))],
        "true_px": shown.keypoints_px,
        "pred_px": estimator_of(last, trained).estimate_dataset(shown).keypoints_px,
        "labelled": shown.labelled,
        "skeleton": shown.skeleton,
        "titles": shown.image_ids,
    }


def contributions(result):
    """What each step contributes, as a Markdown list."""
    titles = {row["key"]: row["title"] for row in result["rungs"]}
    return "\n".join(
        f"- **{row['title']}**, from {titles[row['parent']]} ({row['change']}): PCK@0.2 "
        f"{_difference(row, 'pck_0.2')}, MSE {_difference(row, 'frame_mse')}."
        for row in result["rungs"]
        if row["parent"]
    )


def photograph_text(result):
    """The results of `tracked_beside`, as Markdown."""
    if result is None:
        return "The repository has no other ladder."
    found = answer(result).removeprefix("**Answer.** ")
    images = f"{result['data']['images']:,} images of {result['data']['name']}."
    return f"{images} {found}\n\n{contributions(result)}"


def shipped_table(folder=SHIPPED):
    """Rows for a table of the shipped models, the best on validation last; empty without any.

    The scores were written when they shipped; models that a user built are left out.
    """
    rows = [
        _shipped_row(folder / name)
        for name in recipes.MODELS
        if all((folder / name / f"{part}.json").is_file() for part in SHIPPED_PARTS)
    ]
    return sorted(rows, key=lambda row: row["PCK@0.2"])


def _shipped_row(folder):
    validation, development = (
        read_json(folder / f"{part}.json")["limb_joints"]["metrics"] for part in SHIPPED_PARTS
    )
    files = [stage.path for stage in manifest.read(folder).stages]
    return {
        "model": folder.name,
        **_values(validation),
        "PCK's 95 % interval": validation["pck_0.2"]["interval"],
        "PCK, development": development["pck_0.2"]["value"],
        "its 95 % interval": development["pck_0.2"]["interval"],
        "epochs of all its trainings": sum(
            recipes.RECIPES[name]["epochs"] for name in recipes.recipes_of(folder.name)
        ),
        "megabytes": round(sum(file.stat().st_size for file in files) / 1e6, 1),
    }


def _difference(row, score):
    difference, digits = row["difference"][score], metrics.SCORES[score].digits
    low, high = difference["interval"]
    undecided = "" if difference["decided"] else ", not decided"
    return (
        f"{difference['value']:+.{digits}f} (95 % interval {low:+.{digits}f} to "
        f"{high:+.{digits}f}{undecided})"
    )


def answer(result):
    """What notebook 06 found, as Markdown."""
    first, last = result["rungs"][0], result["rungs"][-1]
    mean_pose = {name: score["value"] for name, score in result["mean_pose"].items()}
    pck, mse = (
        [
            with_interval(**row["validation"][name], digits=metrics.SCORES[name].digits)
            for row in (first, last)
        ]
        for name in ("pck_0.2", "frame_mse")
    )
    bias, variance, operations, minutes = (
        " to ".join(number(value(row), digits) for row in (first, last))
        for value, digits in (
            (lambda row: row["train"]["frame_mse"]["value"], 1),
            (lambda row: row["gap"]["frame_mse"], 1),
            (lambda row: row["gigaflops"], 2),
            (lambda row: row["minutes"], 1),
        )
    )
    return (
        f"**Answer.** PCK@0.2 changes from {pck[0]} ({first['title']}) to {pck[1]} "
        f"({last['title']}); the mean pose gets {number(mean_pose['pck_0.2'], 3)}. These are "
        f"scores on {result['images']['validation']:,} validation images of "
        f"{result['data']['name']}, over {len(result['joints'])} limb joints, after "
        f"{result['epochs']} epochs for every network. {_steps(result)} The MSE changes from "
        f"{mse[0]} to {mse[1]}: the last step "
        f"{verdict(last['validation']['frame_mse']['value'], mean_pose['frame_mse'])}. Its bias "
        f"(training error) changes from {bias}, its variance (validation minus training) from "
        f"{variance}. The cost of a picture changes from {operations} billion operations, that of "
        f"training from {minutes} minutes.{comparability(result['data'])}"
    )


def _steps(result):
    """Which steps of the main line help, harm or are not decided, in PCK."""
    gain = {
        row["title"]: row["difference"]["pck_0.2"]
        for row in result["rungs"]
        if row["parent"] and not row["branch"]
    }
    longest_first = sorted(gain, key=lambda title: -abs(gain[title]["value"]))
    kinds = {"Steps that help": [], "Steps that harm": [], "Not decided by these images": []}
    for title in longest_first:
        helps, harms, undecided = kinds.values()
        step = gain[title]
        kind = undecided if not step["decided"] else helps if step["value"] > 0 else harms
        kind.append(f"{title} ({step['value']:+.3f} PCK)")
    return " ".join(f"{kind}: {', '.join(steps)}." for kind, steps in kinds.items() if steps)
