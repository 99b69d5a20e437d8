"""Notebook 07: does knowing the pose help to tell what people do?"""

import numpy as np

from posekit.datasets import lsp
from posekit.errors import check_choice
from posekit.studies.activity.comparison import SCORE_TITLES, counts
from posekit.studies.activity.scores import SCORES
from posekit.wording import comparability, number, with_interval

UNLABELLED = (
    "These data name no activities, so nothing is measured. Write a `labels.csv` with the columns "
    "`image` and `activity` beside them, or give its path as `labels`."
)


def count_table(labels, experiment):
    """Rows for a table: how many pictures of each activity train and validate.

    Args:
        labels: ActivityLabels, or None.
        experiment: Experiment.
    """
    if labels is None:
        return [{"activity": "no labels", "train": None, "validation": None}]
    counts_of = {
        part: counts(labels, experiment.split.indices(experiment.dataset, part))
        for part in ("train", "validation")
    }
    return [
        {"activity": name, **{part: int(of[code]) for part, of in counts_of.items()}}
        for code, name in enumerate(labels.names)
    ]


def pictures(labels, experiment, *, count=12):
    """Training pictures with their joints and activities, two of each activity at first.

    Args:
        labels: ActivityLabels, or None.
        experiment: Experiment.
        count: int, how many at most.

    Returns:
        dict of plots.sample_grid's arguments.
    """
    train = experiment.split.indices(experiment.dataset, "train")
    if labels is None:
        chosen, titles = train[:count], None
    else:
        codes = labels.codes[train]
        # The first of each activity, then the second of each, and so on.
        places = np.concatenate(
            [train[codes == code][: count] for code in range(len(labels.names))]
        )
        rank = np.concatenate(
            [np.arange(min(count, (codes == code).sum())) for code in range(len(labels.names))]
        )
        chosen = places[np.argsort(rank, kind="stable")][:count]
        titles = [labels.names[code] for code in labels.codes[chosen]]
    dataset = experiment.dataset
    return {
        "images": [lsp.decode(dataset, index) for index in chosen],
        "keypoints_px": dataset.keypoints_px[chosen],
        "labelled": dataset.labelled[chosen],
        "titles": titles,
        "skeleton": dataset.skeleton,
    }


def budget_table(result):
    """Rows for a table: what each kind of classifier had."""
    budget, pose_network = result["budget"], result["pose_network"]
    return [
        {
            "network": row["title"],
            "steps": budget["steps"],
            "pictures in a step": budget["batch_size"],
            "parameters trained": row["trained_parameters"],
            "frozen parameters of the pose network": pose_network["parameters"]
            if kind in ("pose", "both")
            else 0,
            "epochs on joints before": pose_network["epochs"] if kind in ("pose", "both") else 0,
        }
        for kind, row in result["kinds"].items()
    ]


def score_table(result):
    """Rows for a table: scores of all kinds and fractions, and of the constant."""
    rows = [
        {
            "training pictures": pictures,
            "network": row["title"],
            "accuracy": row["by_fraction"][place]["accuracy"]["value"],
            "95 % interval": row["by_fraction"][place]["accuracy"]["interval"],
            "by seed": ", ".join(
                number(value, 3) for value in row["by_fraction"][place]["by_seed"]["accuracy"]
            ),
            "macro F1": row["by_fraction"][place]["macro_f1"]["value"],
            "its 95 % interval": row["by_fraction"][place]["macro_f1"]["interval"],
        }
        for place, pictures in enumerate(result["pictures"]["train"])
        for row in result["kinds"].values()
    ]
    constant = result["constant"]
    return [
        *rows,
        {
            "training pictures": result["pictures"]["train"][-1],
            "network": f"always {constant['activity']}",
            "accuracy": constant["accuracy"]["value"],
            "95 % interval": constant["accuracy"]["interval"],
            "by seed": None,
            "macro F1": constant["macro_f1"]["value"],
            "its 95 % interval": constant["macro_f1"]["interval"],
        },
    ]


def difference_table(result):
    """Rows for a table: differences in accuracy and macro F1, pair by pair."""
    titles = {kind: row["title"] for kind, row in result["kinds"].items()}
    return [
        {
            "difference": f"{titles[pair['first']]} minus {titles[pair['second']]}",
            "training pictures": pictures,
            "score": SCORE_TITLES[name],
            "value": row[name]["value"],
            "95 % interval over pictures": row[name]["interval"],
            "95 % interval over seeds": row[name]["interval_over_seeds"],
            "decided": "yes" if row[name]["decided"] else "no",
        }
        for pair in result["differences"]
        for row, pictures in zip(pair["by_fraction"], result["pictures"]["train"], strict=True)
        for name in SCORES
    ]


def f1_table(result):
    """Rows for a table: F1 of each activity, with all training pictures."""
    return [
        {
            "activity": name,
            **{row["title"]: _or_none(row["f1"][code]) for row in result["kinds"].values()},
        }
        for code, name in enumerate(result["activities"])
    ]


def _or_none(value):
    return None if value is None or np.isnan(value) else float(value)


def curve_arguments(result, score="accuracy"):
    """A score by training pictures, as plots.scores_by_pictures' arguments."""
    check_choice("curve_arguments()", "score", score, tuple(SCORES))
    return {
        "pictures": result["pictures"]["train"],
        "scores_by_name": {
            row["title"]: [each[score] for each in row["by_fraction"]]
            for row in result["kinds"].values()
        },
        "constant": result["constant"][score]["value"],
        "ylabel": SCORE_TITLES[score],
    }


def confusion_arguments(result):
    """Confusions with all training pictures, pooled over seeds, as plots.confusions' arguments."""
    return {
        "confusion_by_name": {
            row["title"]: row["confusion"] for row in result["kinds"].values()
        },
        "activities": result["activities"],
    }


def answer(result):
    """What notebook 07 found, as Markdown."""
    if not result["measured"]:
        return f"**Answer.** {UNLABELLED}"
    kinds, train = result["kinds"], result["pictures"]["train"]
    accuracy, f1 = (
        {
            kind: with_interval(**row["by_fraction"][-1][name], digits=3)
            for kind, row in kinds.items()
        }
        for name in ("accuracy", "macro_f1")
    )
    constant, pose_network = result["constant"], result["pose_network"]
    gains = result["differences"][0]["by_fraction"]
    lines = [
        f"- Image alone: accuracy {accuracy['image']}, macro F1 {f1['image']}.",
        f"- Pose alone: accuracy {accuracy['pose']}, macro F1 {f1['pose']}.",
        f"- Image and pose: accuracy {accuracy['both']}, macro F1 {f1['both']}.",
        f"- Always `{constant['activity']}`: accuracy "
        f"{number(constant['accuracy']['value'], 3)}, macro F1 "
        f"{number(constant['macro_f1']['value'], 3)}.",
        f"- Told the true joints, which no method is: accuracy {accuracy['true_pose']}.",
    ]
    few = ""
    if result["more_where_few"]:
        more = result["more_where_few"]
        few = (
            f" With {train[0]:,} labelled pictures it is {_difference(gains[0]['accuracy'])}, "
            f"which is {number(abs(more['value']), 3)} {'more' if more['value'] > 0 else 'less'} "
            f"than with all ({_spread(more)}): {_where_most(more)}."
        )
    return "\n".join(
        [
            f"**Answer.** On {result['pictures']['validation']:,} validation pictures of "
            f"{result['data']['name']} with {len(result['activities'])} activities, after "
            f"{result['budget']['steps']} steps on {train[-1]:,} training pictures, over "
            f"{len(result['seeds'])} seeds:",
            "",
            *lines,
            "",
            f"What the pose adds to the accuracy of the image alone is "
            f"{_difference(gains[-1]['accuracy'])}.{few} The pose network had learned the joints "
            f"of all training pictures before, for {pose_network['epochs']} epochs, and errs by an "
            f"MSE of {number(pose_network['validation_mse'])} where the mean pose errs by "
            f"{number(pose_network['mean_pose_mse'])}; the image alone has no such labels. "
            f"{comparability(result['data']).strip()}".rstrip(),
        ]
    )


def _difference(difference):
    return f"{difference['value']:+.3f} ({_spread(difference)})"


def _spread(difference):
    spans = {"pictures": difference["interval"], "seeds": difference["interval_over_seeds"]}
    measured = ", ".join(
        f"over {what} {span[0]:+.3f} to {span[1]:+.3f}" for what, span in spans.items() if span
    )
    return f"95 % interval {measured}{'' if difference['decided'] else ', not decided'}"


def _where_most(more):
    if not more["decided"]:
        return "whether the pose adds most where pictures are few is not decided"
    return f"the pose adds {'most' if more['value'] > 0 else 'least'} where pictures are few"
