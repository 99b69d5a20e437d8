"""Notebook 01: what is in the data, and what a constant guess scores."""

import numpy as np

from posekit import wording
from posekit.datasets import lsp
from posekit.evaluation import baselines
from posekit.studies.poster.published import PUBLISHED_MSE, WORDS, reading
from posekit.wording import comparability, few_images, number

# Entries of the result that hold numbers alone, see studies.photographs.
PUBLISHABLE = (
    *("summary", "constant_guess_validation", "placed_figure_validation", "similar_groups"),
    *("images_in_similar_groups", "never_labelled", "poster"),
)


def record(dataset, index):
    """One raw record as stored: rows for a table of its joints."""
    return [
        {"joint": name.replace("_", " "), "x, px": x, "y, px": y, "labelled": bool(labelled)}
        for name, (x, y), labelled in zip(
            dataset.skeleton.joints,
            dataset.keypoints_px[index].round(1).tolist(),
            dataset.labelled[index],
            strict=True,
        )
    ]


def original_images(dataset, indices):
    """The chosen pictures decoded at their own size, list of uint8 (H, W, 3)."""
    return [lsp.decode(dataset, index) for index in indices]


def explore(experiment):
    """Everything notebook 01 reports, JSON-ready."""
    dataset, joints = experiment.dataset, experiment.dataset.skeleton.joints
    train, validation = (
        (experiment.keypoints_frame_px[indices], dataset.labelled[indices])
        for part in ("train", "validation")
        for indices in [experiment.split.indices(dataset, part)]
    )
    group_sizes = np.bincount(experiment.split.groups)
    summary = lsp.summarise(dataset)
    guesses = baselines.constant_errors_by_treatment(
        train, validation, frame_px=experiment.frame_px
    )
    labels = [experiment.targets(part, "masked") for part in ("train", "validation")]
    placed = {
        name: baselines.treatment_mse(figure_px, labels[1])
        for name, figure_px in baselines.placed_figures(*labels).items()
    }
    return {
        "data": experiment.describe(),
        "summary": summary,
        "constant_guess_validation": guesses,
        "placed_figure_validation": placed,
        "similar_groups": int((group_sizes > 1).sum()),
        "images_in_similar_groups": int(group_sizes[group_sizes > 1].sum()),
        "never_labelled": [name for name in joints if name not in dataset.known_joints],
        "poster": PUBLISHED_MSE,
        "publishable": list(PUBLISHABLE),
        "headline": [
            {"label": "images", "value": len(dataset)},
            {"label": "joints labelled", "value": f"{summary['labelled_share']:.1%}"},
            *(
                {
                    "label": f"mean pose, validation MSE, {treatment}",
                    "value": round(scores["mean_pose"], 1),
                    "note": "squared pixels of the 96 x 96 frame",
                }
                for treatment, scores in guesses.items()
            ),
        ],
    }


def guess_arguments(result):
    """What needs no learning, for `plots.constant_guesses`; the poster's losses on photographs."""
    placed = result["placed_figure_validation"]
    scores = {
        treatment: {
            baselines.NAMES[name]: value
            for name, value in {**guesses, **(placed if treatment == "masked" else {})}.items()
        }
        for treatment, guesses in result["constant_guess_validation"].items()
    }
    published = result["poster"] if _is_photographs(result) else {}
    references = {f"poster, {name}": value for name, value in published.items()}
    return {"scores": scores, "references": references}


def answer(result):
    """What notebook 01 found, as Markdown."""
    guesses = {
        treatment: scores["mean_pose"]
        for treatment, scores in result["constant_guess_validation"].items()
    }
    low, high = min(guesses.values()), max(guesses.values())
    summary, placed = result["summary"], result["placed_figure_validation"]["true_centre"]
    return wording.answer(
        f"A loss says nothing before it says what missing joints count for: one pose for every "
        f"picture scores {number(low, 0)} to {number(high, 0)}.",
        f"{summary['labelled_share']:.1%} of the joints of these {summary['images']:,} images "
        f"({result['data']['name']}) are labelled. {_never_labelled(result['never_labelled'])}"
        "That constant has learned nothing, so a network's loss means something only next to its "
        "constant's.",
        f"Finding the person is worth more than any constant: the mean figure at each person's "
        f"true centre scores {number(placed)} on labelled joints, and knows nothing of the pose.",
        reading(guesses) if _is_photographs(result) else "",
        few_images(result["data"]["split"]["validation"]),
        comparability(result["data"]).strip(),
        numbers=[
            *(
                f"Mean pose, validation MSE {WORDS[treatment]} (`{treatment}`): {number(value)}."
                for treatment, value in guesses.items()
            ),
            f"Missing joints: {summary['unlabelled_joints']['count']:,} of {summary['joints']:,}, "
            f"{summary['unlabelled_joints']['negative']:,} of them stored outside the picture.",
            f"Near-duplicates: {result['images_in_similar_groups']} images in "
            f"{result['similar_groups']} groups, each kept on one side of the split.",
        ],
    )


def _is_photographs(result):
    return "lsp" in result["data"]["name"]


def _never_labelled(joints):
    if not joints:
        return ""
    named = ", ".join(f"`{joint}`" for joint in joints)
    return f"Never labelled, and so in no score: {named}. "
