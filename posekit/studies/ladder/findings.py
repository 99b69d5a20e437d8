"""Notebook 06: what each idea on the way from the poster's recipe to the best model was worth."""

from dataclasses import fields


from posekit.datasets.pose_dataset import evenly_spread
from posekit.datasets.sources import SYNTHETIC
from posekit.estimators import manifest, passes, recipes
from posekit.estimators.loading import SHIPPED
from posekit.files import PROJECT_ROOT, read_json
from posekit.models import imagenet
from posekit.pipeline import frames
from posekit.studies.ladder.climbing import DIGITS, SCORES, climb, estimator_of, train
from posekit.studies.ladder.rungs import for_profile
from posekit.training import config
from posekit.wording import comparability, number, verdict, with_interval

TRACKED = PROJECT_ROOT / "reports" / "ladder.json"

# Rungs of stored ladders that the code no longer has. They brought nothing; what was measured is
# still shown from the file.
RETIRED = ("flow", "second_opinion")

# The parts on which a model is scored when it ships.
SHIPPED_PARTS = ("validation", "development")


def rungs(experiment, *, epochs=None, with_imagenet=None):
    """The rungs that are climbed on these data, see `studies.rungs.for_profile`.

    Args:
        experiment: Experiment.
        epochs: int > 0, of every network, or None for the profile's.
        with_imagenet: bool, whether to start from ImageNet weights, or None to do so where they
            are at hand.

    Returns:
        tuple of Rung; drawn data have none that starts from drawn people.
    """
    if with_imagenet is None:
        with_imagenet = imagenet.WEIGHTS.is_file()
    everything = for_profile(experiment.profile, epochs=epochs, imagenet=with_imagenet)
    drawn = experiment.dataset.name == SYNTHETIC
    return tuple(rung for rung in everything if not (drawn and _starts_drawn(rung)))


def climb_or_read(experiment, run_dir, *, seeds, epochs=None):
    """The tracked ladder where it was climbed on these data with these rungs, else a new one.

    Args:
        experiment, run_dir, seeds: as for `climb`.
        epochs: int > 0, of every network, or None to read a ladder of any number and to climb a
            new one with the profile's.

    Returns:
        dict of `climb`.
    """
    stored = tracked()
    if stored is not None:
        # Reading needs no ImageNet weights, and takes whatever budget was climbed with.
        every_rung = rungs(experiment, epochs=epochs or stored["epochs"], with_imagenet=True)
        if fits(stored, every_rung, experiment, seeds):
            # The trainings behind it lie elsewhere.
            return {**stored, "needs": []}
    return climb(rungs(experiment, epochs=epochs), experiment, run_dir, seeds=seeds)


def tracked():
    """The ladder that the repository holds, or None without one."""
    return read_json(TRACKED) if TRACKED.is_file() else None


def tracked_beside(result):
    """The ladder that the repository holds, or None where `result` is that or there is none."""
    stored = tracked()
    is_result = stored is not None and stored["rungs"] == result["rungs"]
    return None if is_result else stored


def fits(stored, rungs, experiment, seeds):
    """Whether a ladder that was climbed before says what climbing these rungs would say.

    Args:
        stored: dict of `climb`, read back.
        rungs, experiment, seeds: as for `climb`.

    Returns:
        bool.
    """
    rows = [row for row in stored["rungs"] if row["key"] not in RETIRED]
    return (
        stored["complete"]
        and stored["data"]["fingerprint"] == experiment.dataset.fingerprint()
        and stored["data"]["split"] == experiment.split.summary()
        and set(seeds) <= set(stored["seeds"])
        and [row["key"] for row in rows] == [rung.key for rung in rungs]
        and all(_is_same(rung, row["settings"]) for rung, row in zip(rungs, rows, strict=True))
    )


def _is_same(rung, settings):
    # Settings that came later have the values they always had; unknown ones are of another age,
    # unless they are switched off.
    known = {field.name for field in fields(config.TrainingConfig)}
    others = {name: value for name, value in settings.items() if name not in ("stages", "looks")}
    if any(others.values()) or any(set(stage) - known for stage in settings["stages"]):
        return False
    stages = tuple(config.TrainingConfig(**stage) for stage in settings["stages"])
    return stages == rung.stages and settings["looks"] == passes.to_json(rung.looks)


def _starts_drawn(rung):
    return any(stage.initial_weights == SYNTHETIC for stage in rung.stages)


def idea_table(result):
    """Rows for a table of the rungs: the idea and what it changes."""
    titles = {row["key"]: row["title"] for row in result["rungs"]}
    return [
        {
            "rung": place,
            "title": row["title"],
            "idea": row["idea"],
            "what changes": row["change"],
            "made from": titles.get(row["parent"], "-"),
        }
        for place, row in enumerate(result["rungs"], start=1)
    ]


def score_table(result):
    """Rows for a table of what was climbed: scores, difference to the parent, costs."""
    return [
        {
            "rung": place,
            "title": f"({row['title']})" if row["branch"] else row["title"],
            **{label: row["validation"][name]["value"] for name, label in SCORES.items()},
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
        for place, row in enumerate(result["rungs"], start=1)
    ]


def _decided(difference):
    if difference is None:
        return "-"
    return "yes" if difference["pck_0.2"]["decided"] else "no"


def joint_arguments(result):
    """PCK of each joint on the first and the last rung, as plots.error_by_joint's arguments."""
    first, last = result["rungs"][0], result["rungs"][-1]
    return {
        "values_by_name": {
            row["title"]: list(row["pck_per_joint"].values()) for row in (first, last)
        },
        "joints": list(first["pck_per_joint"]),
    }


def pictures(result, experiment, run_dir, *, count):
    """Drawn validation pictures with the last rung's poses.

    Args:
        result: dict of `climb`.
        experiment, run_dir: as for `climb`, the same; its trainings are found there.
        count: int, how many pictures, evenly spread over the part.

    Returns:
        dict of plots.prediction_grid's arguments, or None where the data are photographs.
    """
    if experiment.dataset.name != SYNTHETIC:
        return None
    last = rungs(experiment, epochs=result["epochs"])[-1]
    trained = train(last, experiment, run_dir, result["seeds"][0])
    validation = experiment.part("validation")
    shown = validation.subset(evenly_spread(len(validation), count))
    return {
        "images": [
            frames.decode(shown.read_image(str(image_id))).numpy() for image_id in shown.image_ids
        ],
        "true_px": shown.keypoints_px,
        "pred_px": estimator_of(last, trained).estimate_dataset(shown).keypoints_px,
        "labelled": shown.labelled,
        "skeleton": shown.skeleton,
        "titles": shown.image_ids,
    }


def worth(result):
    """What each rung brought, as a Markdown list.

    Args:
        result: dict of `climb`.
    """
    titles = {row["key"]: row["title"] for row in result["rungs"]}
    return "\n".join(
        f"- **{row['title']}**, from {titles[row['parent']]} ({row['change']}): PCK@0.2 "
        f"{_difference(row['difference']['pck_0.2'], 3)}, MSE "
        f"{_difference(row['difference']['frame_mse'], 1)}."
        for row in result["rungs"]
        if row["parent"]
    )


def photograph_words(result):
    """What `tracked_beside` says of real people, as Markdown."""
    if result is None:
        return "No other ladder is there."
    pictures = f"{result['data']['images']:,} pictures of {result['data']['name']}."
    return f"{pictures} {answer(result).removeprefix('**Answer.** ')}\n\n{worth(result)}"


def shipped_table(folder=SHIPPED):
    """Rows for a table of the models that ship: the same ideas, trained for long.

    Args:
        folder: Path of the models' folders, whose scores were written when they shipped.

    Returns:
        list of dict, the best of validation last; empty where no model ships. Models that a user
        built beside them are left out.
    """
    rows = [
        _shipped_row(folder / name)
        for name in recipes.MODELS
        if all((folder / name / f"{part}.json").is_file() for part in SHIPPED_PARTS)
    ]
    return sorted(rows, key=lambda row: row[SCORES["pck_0.2"]])


def _shipped_row(folder):
    validation, development = (
        read_json(folder / f"{part}.json")["limb_joints"]["metrics"]
        for part in SHIPPED_PARTS
    )
    files = [stage.path for stage in manifest.read(folder).stages]
    return {
        "model": folder.name,
        **{label: validation[name]["value"] for name, label in SCORES.items()},
        "PCK's 95 % interval": validation["pck_0.2"]["interval"],
        "PCK, development": development["pck_0.2"]["value"],
        "its 95 % interval": development["pck_0.2"]["interval"],
        "epochs of all its trainings": sum(
            recipes.RECIPES[name]["epochs"] for name in recipes.recipes_of(folder.name)
        ),
        "megabytes": round(sum(file.stat().st_size for file in files) / 1e6, 1),
    }


def _difference(difference, digits):
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
        [with_interval(**row["validation"][name], digits=DIGITS[name]) for row in (first, last)]
        for name in ("pck_0.2", "frame_mse")
    )
    bias, variance, operations, minutes = (
        [number(value(row), digits) for row in (first, last)]
        for value, digits in (
            (lambda row: row["train"]["frame_mse"]["value"], 1),
            (lambda row: row["gap"]["frame_mse"], 1),
            (lambda row: row["gigaflops"], 2),
            (lambda row: row["minutes"], 1),
        )
    )
    return (
        f"**Answer.** On {result['images']['validation']:,} validation images of "
        f"{result['data']['name']}, over the {len(result['joints'])} limb joints, with "
        f"{result['epochs']} epochs for every network, PCK@0.2 goes from {pck[0]} "
        f"({first['title']}) to {pck[1]} ({last['title']}); the mean pose gets "
        f"{number(mean_pose['pck_0.2'], 3)}. The MSE goes from {mse[0]} to {mse[1]}: the last rung "
        f"{verdict(last['validation']['frame_mse']['value'], mean_pose['frame_mse'])}. "
        f"{_steps(result)} The training error (bias) goes from {bias[0]} to {bias[1]}, what "
        f"validation adds to it (variance) from {variance[0]} to {variance[1]}. A picture costs "
        f"{operations[1]} billion operations in place of {operations[0]}, training {minutes[1]} "
        f"minutes in place of {minutes[0]}.{comparability(result['data'])}"
    )


def _steps(result):
    """Which steps of the way up help, harm or decide nothing, in PCK."""
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
