"""The report of a study: which choice is best, by how much, and do the seeds agree?"""

from posekit import files
from posekit.errors import PosekitError, check_choice
from posekit.evaluation import metrics
from posekit.evaluation.seeds import paired_difference
from posekit.studies.sweep import table
from posekit.training import records
from posekit.wording import number, with_interval

# How the scores are called, and their decimals. The error that training minimises is one of the
# label treatment's own, so that choices of other treatments do not compare by it.
SCORES = {
    "pck_0.2": ("PCK@0.2", 3),
    "pck_auc": ("area under the PCK curve", 3),
    "pcp_0.5": ("strict PCP@0.5", 3),
    "mpjpe_px": ("mean joint error (px)", 1),
    "mpjpe_torso": ("mean joint error (torso lengths)", 3),
    "frame_mse": ("MSE in the 96 x 96 frame (px²)", 1),
    "validation_mse": ("validation MSE under the trial's own labels (px²)", 1),
}


def read(run_dir):
    """The table of a study, see `sweep_table.build`.

    Raises:
        PosekitError: there is none, or none of its trials has succeeded.
    """
    result = files.read_json(run_dir / table.ARTIFACT)
    if not result["choices"]:
        raise PosekitError(
            f"{run_dir}: at least one trial must have succeeded; got none of "
            f"{result['study']['trials']}. See the errors in {table.ARTIFACT}."
        )
    return result


def ranked(result, score):
    """The choices, best first.

    Args:
        result: dict of `read`.
        score: str, one of SCORES.

    Returns:
        list of the result's choices.
    """
    check_choice("ranked()", "score", score, tuple(SCORES))
    sign = 1 if is_lower_better(score) else -1
    return sorted(result["choices"], key=lambda choice: sign * choice["scores"][score]["mean"])


def is_lower_better(score):
    """Whether a score is an error."""
    return score == "validation_mse" or metrics.SCORES[score].lower_is_better


def choice_table(result, score):
    """Rows for a table of the choices, best first: scores with intervals over seeds, costs."""
    return [
        {
            "choice": choice["label"],
            "seeds": len(choice["seeds"]),
            **_score_columns(choice, score),
            **{
                SCORES[name][0]: choice["scores"][name]["mean"]
                for name in ("pck_0.2", "frame_mse")
                if name != score
            },
            "minutes": choice["minutes"],
        }
        for choice in ranked(result, score)
    ]


def _score_columns(choice, score):
    return {
        SCORES[score][0]: choice["scores"][score]["mean"],
        "95 % interval over seeds": choice["scores"][score]["interval"],
        "mean pose": choice["mean_pose"][score],
    }


def trial_table(result):
    """Rows for a table of the trials: settings that differ, outcome."""
    names = [*result["varied"], "seed"]
    return [
        {
            **{name.replace("_", " "): row[name] for name in names},
            "PCK@0.2": row["scores"]["pck_0.2"] if "scores" in row else None,
            "validation MSE": row["scores"]["validation_mse"] if "scores" in row else None,
            "best epoch": row.get("best_epoch"),
            "minutes": row.get("minutes"),
            "outcome": row["error"] or "done",
        }
        for row in result["trials"]
    ]


def plot_arguments(result, score):
    """What plots.choices draws, best choice first."""
    chosen = ranked(result, score)
    better = "less" if is_lower_better(score) else "more"
    return {
        "values_by_choice": {
            choice["label"]: choice["scores"][score]["values"] for choice in chosen
        },
        "intervals": [choice["scores"][score]["interval"] for choice in chosen],
        "mean_pose": chosen[0]["mean_pose"][score],
        "xlabel": SCORES[score][0],
        "title": f"Which choice is best? ({better} is better)",
    }


def histories(result, run_dir, score, *, count):
    """Histories of the best choices, as plots.learning_curves takes them.

    Args:
        result: dict of `read`.
        run_dir: Path, where the trainings are.
        score: str, one of SCORES.
        count: int > 0, at most so many choices.

    Returns:
        dict, label -> list of histories, one for each seed.
    """
    chosen = [choice["label"] for choice in ranked(result, score)[:count]]
    found = {label: [] for label in chosen}
    for row in result["trials"]:
        label = table.label(row, result["varied"])
        if label in found and row["error"] is None:
            folder = run_dir / "training" / row["folder"]
            found[label].append(records.read(folder).history)
    return found


def answer(result, score):
    """What the study found, as Markdown."""
    best, *others = ranked(result, score)
    name, digits = SCORES[score]
    study, own = result["study"], best["scores"][score]
    words = (
        f"**Answer.** Of {len(result['choices'])} choices on {result['data']['name']}, "
        f"{best['label']} is best by {name}: {with_interval(own['mean'], own['interval'], digits)} "
        f"over {len(best['seeds'])} seeds; the mean pose gets "
        f"{number(best['mean_pose'][score], digits)}."
    )
    if others:
        words += " " + _against(best, others[0], score)
    failed = sum(row["error"] is not None for row in result["trials"])
    if not result["complete"]:
        open_trials = study["trials"] - len(result["trials"])
        words += f" {failed} of {study['trials']} trials failed, {open_trials} are not over yet."
    return words


def _against(best, second, score):
    """The best choice against the next one, on the seeds that both have."""
    name, digits = SCORES[score]
    pairs = [
        dict(zip(choice["seeds"], choice["scores"][score]["values"], strict=True))
        for choice in (best, second)
    ]
    seeds = [seed for seed in pairs[0] if seed in pairs[1]]
    if not seeds:
        return f"The next one, {second['label']}, has no seed in common with it."
    paired = paired_difference(*([pair[seed] for seed in seeds] for pair in pairs))
    gap = with_interval(paired["mean_difference"], paired["interval"], digits)
    decided = "" if paired["decided"] else ", which these seeds do not decide"
    return f"Against the next one, {second['label']}, that is a difference of {gap}{decided}."
