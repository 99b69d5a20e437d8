"""Notebook 07: does the pose help to recognise what people do?"""

import numpy as np

from posekit.datasets import lsp
from posekit.studies.activity.comparison import SCORE_TITLES, counts
from posekit.studies.activity.scores import SCORES
from posekit.wording import comparability, number, with_interval

UNLABELLED = (
    "Nothing was measured: these data have no activity labels. Put a `labels.csv` with the columns "
    "`image` and `activity` next to them, or pass its path as `labels`."
)


def count_table(labels, experiment):
    """Rows for a table: pictures of each activity by part; labels are ActivityLabels or None."""
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
    """At most `count` training pictures of all activities, as plots.sample_grid's arguments."""
    train = experiment.split.indices(experiment.dataset, "train")
    if labels is None:
        chosen, titles = train[:count], None
    else:
        codes = labels.codes[train]
        of_each = [train[codes == code][:count] for code in range(len(labels.names))]
        # The first of each activity, then the second of each, and so on.
        rank = np.concatenate([np.arange(len(members)) for members in of_each])
        chosen = np.concatenate(of_each)[np.argsort(rank, kind="stable")][:count]
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
            "frozen parameters of the pose network": pose_network["parameters"] * has_pose,
            "epochs on joints before": pose_network["epochs"] * has_pose,
        }
        for kind, row in result["kinds"].items()
        for has_pose in [kind in ("pose", "both")]
    ]


def score_table(result):
    """Rows for a table: scores of all kinds and fractions, and of the constant."""
    rows = [
        {
            "training pictures": pictures,
            "network": row["title"],
            **_score_columns(at),
            "by seed": ", ".join(number(value, 3) for value in at["by_seed"]["accuracy"]),
        }
        for index, pictures in enumerate(result["pictures"]["train"])
        for row in result["kinds"].values()
        for at in [row["by_fraction"][index]]
    ]
    constant = result["constant"]
    return [
        *rows,
        {
            "training pictures": result["pictures"]["train"][-1],
            "network": f"always {constant['activity']}",
            **_score_columns(constant),
            "by seed": None,
        },
    ]


def _score_columns(scores):
    return {
        "accuracy": scores["accuracy"]["value"],
        "95 % interval": scores["accuracy"]["interval"],
        "macro F1": scores["macro_f1"]["value"],
        "its 95 % interval": scores["macro_f1"]["interval"],
    }


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


def curve_arguments(result):
    """Accuracy by training pictures, as plots.scores_by_pictures' arguments."""
    return {
        "pictures": result["pictures"]["train"],
        "scores_by_name": {
            row["title"]: [each["accuracy"] for each in row["by_fraction"]]
            for row in result["kinds"].values()
        },
        "constant": result["constant"]["accuracy"]["value"],
    }


def confusion_arguments(result):
    """Confusions with all training pictures, pooled over seeds, as plots.confusions' arguments."""
    return {
        "confusion_by_name": {row["title"]: row["confusion"] for row in result["kinds"].values()},
        "activities": result["activities"],
    }


def answer(result):
    """What notebook 07 found, as Markdown."""
    if not result["measured"]:
        return f"**Answer.** {UNLABELLED}"
    train, pose_network = result["pictures"]["train"], result["pose_network"]
    gains = [row["accuracy"] for row in result["differences"][0]["by_fraction"]]
    few = ""
    if result["gain_with_few_labels"]:
        more = result["gain_with_few_labels"]
        few = (
            f" With only {train[0]:,} labelled pictures it changes it by {_difference(gains[0])}, "
            f"{number(abs(more['value']), 3)} {'more' if more['value'] > 0 else 'less'} than with "
            f"all ({_intervals(more)}): {_where_most(more)}."
        )
    constant = {name: number(result["constant"][name]["value"], 3) for name in SCORES}
    return "\n".join(
        [
            f"**Answer.** With {train[-1]:,} labelled training pictures, knowing the pose changes "
            f"the accuracy of the image alone by {_difference(gains[-1])}.{few}",
            "",
            f"{result['data']['name']}: {result['pictures']['validation']:,} validation pictures, "
            f"{len(result['activities'])} activities, {result['budget']['steps']} steps, "
            f"{len(result['seeds'])} seeds.",
            "",
            *(
                f"- {row['title'].capitalize()}: {_scores(row)}."
                for row in result["kinds"].values()
            ),
            f"- Always `{result['constant']['activity']}`: accuracy {constant['accuracy']}, "
            f"macro F1 {constant['macro_f1']}.",
            "",
            f"The pose network had learned the joints of all training pictures first "
            f"({pose_network['epochs']} epochs; MSE {number(pose_network['validation_mse'])}, mean "
            f"pose {number(pose_network['mean_pose_mse'])}). The image network had no such labels."
            f"{comparability(result['data'])}",
        ]
    )


def _scores(row):
    accuracy, f1 = (with_interval(**row["by_fraction"][-1][name], digits=3) for name in SCORES)
    return f"accuracy {accuracy}, macro F1 {f1}"


def _difference(difference):
    return f"{difference['value']:+.3f} ({_intervals(difference)})"


def _intervals(difference):
    spans = {"pictures": difference["interval"], "seeds": difference["interval_over_seeds"]}
    measured = ", ".join(
        f"{span[0]:+.3f} to {span[1]:+.3f} over {what}" for what, span in spans.items() if span
    )
    return f"95 % interval {measured}{'' if difference['decided'] else '; not decided'}"


def _where_most(more):
    if not more["decided"]:
        return "whether the pose helps most when labels are few is not decided"
    return f"the pose helps {'most' if more['value'] > 0 else 'least'} when labels are few"
