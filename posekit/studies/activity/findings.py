"""Notebook 07: does the pose help to recognise what people do?"""

import itertools

from posekit import wording
from posekit.datasets import lsp
from posekit.files import PROJECT_ROOT, read_json
from posekit.studies.activity.comparison import SCORE_TITLES, counts
from posekit.studies.activity.scores import SCORES
from posekit.wording import comparability, number, with_interval

TRACKED = PROJECT_ROOT / "reports" / "activity.json"

# What the picture branch may see.
SHOWS = {
    "imagenet": "features of a network that knows ImageNet",
    "pictures": "the picture, from new weights (`make imagenet` was not run)",
}

UNLABELLED = (
    "Nothing was measured: these data have no activity labels. Put a `labels.csv` with the columns "
    "`image` and `activity` next to them, or pass its path as `labels`."
)


def tracked(result):
    """The repository's larger run on synthetic people, or None where there is none."""
    stored = read_json(TRACKED) if TRACKED.is_file() else None
    return None if stored is None or stored["data"] == result["data"] else stored


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
    dataset = experiment.dataset
    train = experiment.split.indices(dataset, "train")
    chosen, titles = train[:count], None
    if labels is not None:
        of_each = [train[labels.codes[train] == code] for code in range(len(labels.names))]
        # The first of each activity, then the second of each, and so on.
        turns = itertools.zip_longest(*of_each)
        chosen = [index for turn in turns for index in turn if index is not None][:count]
        titles = [labels.names[code] for code in labels.codes[chosen]]
    return {
        "images": [lsp.decode(dataset, index) for index in chosen],
        "keypoints_px": dataset.keypoints_px[chosen],
        "labelled": dataset.labelled[chosen],
        "titles": titles,
        "skeleton": dataset.skeleton,
    }


def score_table(result):
    """Rows for a table: scores of all kinds and fractions, and of the constant."""
    constant, pictures = result["constant"], result["pictures"]["train"]
    rows = [
        (count, row["title"], row["trained_parameters"], row["by_fraction"][index])
        for index, count in enumerate(pictures)
        for row in result["kinds"].values()
    ]
    rows.append((pictures[-1], f"always {constant['activity']}", 0, constant))
    return [
        {
            "training pictures": count,
            "network": title,
            "trained weights": weights,
            **{f"{SCORE_TITLES[name]} (95 % interval)": _score(scores[name]) for name in SCORES},
        }
        for count, title, weights, scores in rows
    ]


def _score(scored):
    return {part: scored[part] for part in ("value", "interval")}


def difference_table(result):
    """Rows for a table: differences in accuracy, pair by pair."""
    titles = {kind: row["title"] for kind, row in result["kinds"].items()}
    return [
        {
            "difference in accuracy": f"{titles[pair['first']]}, minus {titles[pair['second']]}",
            "training pictures": pictures,
            "value (95 % interval over pictures)": _score(row["accuracy"]),
            "95 % interval over seeds": row["accuracy"]["interval_over_seeds"],
            "decided": "yes" if row["accuracy"]["decided"] else "no",
        }
        for pair in result["differences"]
        for row, pictures in zip(pair["by_fraction"], result["pictures"]["train"], strict=True)
    ]


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
    shown = [result["kinds"][kind] for kind in ("image", "pose", "staged", "true_pose")]
    return {
        "confusion_by_name": {row["title"]: row["confusion"] for row in shown},
        "activities": result["activities"],
    }


def pose_errors_text(result):
    """What the pose network's training means for the comparison, as Markdown."""
    model = result["pose_model"]
    if not model["has_seen_training_pictures"]:
        return (
            f"`{model['name']}` learned from photographs and has seen none of these pictures, so "
            "what it says of training pictures is as good as what it says of validation pictures."
        )
    return (
        f"`{model['name']}` was **trained on these pictures**: it knows the poses of training "
        "pictures better than those of validation pictures, and a classifier trusts it too much. "
        "The pose is worth more than these numbers say."
    )


def answer(result):
    """What notebook 07 found, as Markdown."""
    if not result["measured"]:
        return wording.answer("Not measured.", UNLABELLED)
    kinds = {kind: row["by_fraction"][-1] for kind, row in result["kinds"].items()}
    image, pose, staged, true = (
        number(kinds[kind]["accuracy"]["value"], 2)
        for kind in ("image", "pose", "staged", "true_pose")
    )
    train = result["pictures"]["train"]
    constant = result["constant"]
    return wording.answer(
        _verdict(result),
        f"With {train[-1]:,} labelled pictures of {result['data']['name']}, "
        f"{len(result['activities'])} activities are recognised in {image} of validation pictures "
        f"from the picture alone, in {pose} from the pose that `{result['pose_model']['name']}` "
        f"finds, and in {staged} from both. True joints would give {true}: the rest is what errors "
        "of the pose cost.",
        _few_labels(result),
        comparability(result["data"]).strip(),
        numbers=[
            *(
                f"Both, in stages, minus {result['kinds'][pair['second']]['title']}: accuracy "
                f"{_difference(pair['by_fraction'][-1]['accuracy'])}"
                for pair in result["differences"][:2]
            ),
            *(
                f"{row['title'].capitalize()}: accuracy {with_interval(**_score(at['accuracy']))}"
                for kind, row in result["kinds"].items()
                for at in [kinds[kind]]
            ),
            f"The picture branch sees {SHOWS[result['shows']]}",
            f"Always `{constant['activity']}`: accuracy {number(constant['accuracy']['value'], 2)}",
            f"{result['pictures']['validation']:,} validation pictures, {len(result['seeds'])} "
            f"seeds, {result['budget']['steps']:,} steps of {result['budget']['batch_size']} "
            "pictures for each network",
        ],
    )


def _verdict(result):
    """The answer in a few words: does picture and pose beat either alone?"""
    image, pose = (pair["by_fraction"][-1]["accuracy"] for pair in result["differences"][:2])
    better = [each["decided"] and each["value"] > 0 for each in (image, pose)]
    worse = [each["decided"] and each["value"] < 0 for each in (image, pose)]
    if all(better):
        return "Yes: picture and pose together beat either alone."
    if better[0] and worse[1]:
        return "The pose helps, but the pose alone is better than both."
    if better[0]:
        return "Yes, the pose helps; whether the picture adds to the pose is not decided."
    if worse[0]:
        return "No: the picture alone is better than both."
    few = result["pictures"]["validation"]
    return f"Not decided: {few:,} validation pictures and this training are too few."


def _few_labels(result):
    more = result["gain_with_few_labels"]
    if more is None:
        return ""
    few = f"With only {result['pictures']['train'][0]:,} labelled pictures"
    if not more["decided"]:
        return f"{few} the pose may help more or less than with all: not decided."
    return f"{few} the pose helps {'more' if more['value'] > 0 else 'less'} than with all."


def _difference(difference):
    low, high = difference["interval"]
    decided = "" if difference["decided"] else "; not decided"
    return f"{difference['value']:+.3f} (95 % interval {low:+.3f} to {high:+.3f}{decided})"
