"""The report of a study: which choice is best, by how much, and is it decided?"""

from posekit import files
from posekit.errors import PosekitError, check_choice
from posekit.evaluation import metrics
from posekit.evaluation.seeds import paired_difference
from posekit.studies.sweep import table
from posekit.training import records
from posekit.wording import number, with_interval

# The error that training minimises is one of the trial's own label treatment: it does not compare
# choices of different treatments.
SCORES = {
    **metrics.SCORES,
    "validation_mse": metrics.Score(
        "validation MSE under the trial's own labels", "px²", 1, lower_is_better=True
    ),
}


def read(run_dir):
    """The table of a study, see `table.build`; PosekitError where no trial has succeeded."""
    result = files.read_json(run_dir / table.ARTIFACT)
    if not result["choices"]:
        raise PosekitError(
            f"{run_dir}: at least one trial must have succeeded; got none of "
            f"{result['study']['trials']}. See the errors in {table.ARTIFACT}."
        )
    return result


def ranked(result, score):
    """The result's choices, best first by one of SCORES."""
    check_choice("ranked()", "score", score, tuple(SCORES))
    sign = 1 if SCORES[score].lower_is_better else -1
    return sorted(result["choices"], key=lambda choice: sign * choice["scores"][score]["mean"])


def choice_table(result, score):
    """Rows for a table of the choices, best first: scores with intervals over seeds, costs."""
    return [
        {
            "choice": choice["label"],
            "seeds": len(choice["seeds"]),
            SCORES[score].title: choice["scores"][score]["mean"],
            "95 % interval over seeds": choice["scores"][score]["interval"],
            "mean pose": choice["mean_pose"][score],
            **{
                SCORES[name].title: choice["scores"][name]["mean"]
                for name in ("pck_0.2", "frame_mse")
                if name != score
            },
            "minutes": choice["minutes"],
        }
        for choice in ranked(result, score)
    ]


def plot_arguments(result, score):
    """What plots.choices draws, best choice first."""
    chosen = ranked(result, score)
    better = "less" if SCORES[score].lower_is_better else "more"
    return {
        "values_by_choice": {
            choice["label"]: choice["scores"][score]["values"] for choice in chosen
        },
        "intervals": [choice["scores"][score]["interval"] for choice in chosen],
        "mean_pose": chosen[0]["mean_pose"][score],
        "xlabel": SCORES[score].title,
        "title": f"Which choice is best? ({better} is better)",
    }


def histories(result, run_dir, score, *, count):
    """Histories by seed of the `count` best choices, dict of label -> list, to be plotted."""
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
    digits = SCORES[score].digits
    own, total = best["scores"][score], result["study"]["trials"]
    failed = sum(row["error"] is not None for row in result["trials"])
    sentences = [
        f"**Answer.** {best['label']} is the best of {len(result['choices'])} choices by "
        f"{SCORES[score].title}: {with_interval(own['mean'], own['interval'], digits)} on "
        f"{result['data']['name']}, over {len(best['seeds'])} seeds. The mean pose gets "
        f"{number(best['mean_pose'][score], digits)}.",
        _against(best, others[0], score) if others else "",
        f"{failed} of {total} trials failed, {total - len(result['trials'])} have not finished."
        if not result["complete"]
        else "",
    ]
    return " ".join(filter(None, sentences))


def _against(best, second, score):
    """The best choice compared with the second best, on the seeds of both."""
    pairs = [
        dict(zip(choice["seeds"], choice["scores"][score]["values"], strict=True))
        for choice in (best, second)
    ]
    seeds = [seed for seed in pairs[0] if seed in pairs[1]]
    if not seeds:
        return f"The second best, {second['label']}, has no seed in common with it."
    paired = paired_difference(*([pair[seed] for seed in seeds] for pair in pairs))
    gap = with_interval(paired["mean_difference"], paired["interval"], SCORES[score].digits)
    decided = "" if paired["decided"] else "; not decided by these seeds"
    return f"The difference to the second best, {second['label']}, is {gap}{decided}."
