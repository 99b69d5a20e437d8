"""Notebook 00: a first look at images, labels and a model's predictions."""

import warnings
from dataclasses import replace

import numpy as np

from posekit import wording
from posekit.datasets.pose_dataset import evenly_spread
from posekit.datasets.sources import SYNTHETIC
from posekit.estimators import loading
from posekit.evaluation import metrics
from posekit.evaluation.scores import examples
from posekit.pipeline.augmentation import AUGMENTATIONS
from posekit.skeleton import LSP
from posekit.studies.explorer.explorer import NO_MODEL, path_of
from posekit.wording import (
    comparability,
    few_images,
    headline,
    number,
    pck_coverage,
    with_interval,
)

WORST_COUNT = 10


def choose_images(experiment, part, *, count=None):
    """At most `count` (None: saliency_images) evenly spread images of a part, int (n,)."""
    indices = experiment.split.indices(experiment.dataset, part)
    count = count or experiment.profile.saliency_images
    return indices[evenly_spread(len(indices), count)]


def usable_model(model, dataset):
    """`model`, or NO_MODEL where it ships and the joints are not LSP's.

    A shipped model is the notebook's default and would end every report on other joints.
    """
    if not _is_shipped(model) or dataset.skeleton == LSP:
        return model
    warnings.warn(
        f"{model} predicts the joints of {LSP.name}, and these are {dataset.skeleton.name}: only "
        "labels are shown. Name a model that was trained on these joints.",
        stacklevel=2,
    )
    return NO_MODEL


def states_to_keep(explorer, *, joint, seed):
    """States that a report shows, dict of heading -> State; `seed` is the augmentation's.

    A typical picture in three states, and the one with the largest error.
    """
    start = explorer.start()
    shown = replace(start, joint=joint or start.joint)
    kept, worst = {"first image": shown}, {}
    error_px = explorer.image_error_px
    ranked = np.argsort(error_px)[: np.isfinite(error_px).sum()]
    if len(ranked):
        shown = replace(shown, order="error", image=int(ranked[len(ranked) // 2]))
        kept = {"a typical picture": shown}
        worst = {"the largest error": replace(shown, image=int(ranked[-1]))}
    if explorer.has_saliency:
        name = shown.joint.replace("_", " ")
        kept[f"which pixels move its {name}"] = replace(shown, saliency=True)
    varied = replace(shown, augmentation=AUGMENTATIONS["turned"], draw=seed)
    return {**kept, "as training may vary it": varied, **worst}


def gallery(explorer, *, each=4):
    """Typical, good and worst pictures, `each` of a kind, as arguments of `plots.prediction_grid`.

    None without errors.
    """
    kinds = examples(explorer.image_error_px, each)
    if not kinds:
        return None
    subjects = [explorer.subject(replace(explorer.start(), image=int(it))) for _, it in kinds]
    return {
        "images": [subject.image for subject in subjects],
        "true_px": np.stack([subject.true_px for subject in subjects]),
        "pred_px": np.stack([subject.predicted_px for subject in subjects]),
        "labelled": np.stack([subject.labelled for subject in subjects]),
        "skeleton": explorer.dataset.skeleton,
        "titles": [f"{kind}: {explorer.image_error_px[image]:.1f} px" for kind, image in kinds],
        "columns": max(3, len(kinds) // 3),
    }


def report(explorer, experiment, indices, *, model, part, seed):
    """Everything notebook 00 reports on the images `indices`, JSON-ready."""
    dataset = explorer.dataset
    result = {
        "data": experiment.describe(),
        "model": model,
        "part": part,
        "images": len(dataset),
        "labelled_share": float(dataset.labelled.mean()),
        "headline": [{"label": f"images to browse, {part}", "value": len(dataset)}],
    }
    if not np.isfinite(explorer.error_px).any():
        return result
    scores = metrics.evaluate(
        explorer.poses.keypoints_px,
        dataset.keypoints_px,
        dataset.labelled,
        dataset.image_sizes_px,
        experiment.split.groups[indices],
        seed=seed,
        resamples=experiment.profile.resamples,
        skeleton=dataset.skeleton,
    )
    pck = scores["metrics"]["pck_0.2"]
    return {
        **result,
        "other_split": _other_split(model, experiment),
        "scores": scores,
        "images_worst_first": [
            {
                "image": str(dataset.image_ids[image]),
                "mean_error_px": explorer.image_error_px[image],
                "worst_joint": explorer.joints[int(np.nanargmax(explorer.error_px[image]))],
            }
            for image in explorer.browsed(replace(explorer.start(), order="error"))
            if np.isfinite(explorer.image_error_px[image])
        ],
        "headline": [
            headline(f"PCK@0.2 of {model}, {part}", pck, 3, note=f"{len(dataset)} images")
        ],
    }


def worst_table(result):
    """Rows for a table: the images with the largest errors."""
    return [
        {"image": row["image"], "mean error, px": row["mean_error_px"], "worst": row["worst_joint"]}
        for row in result.get("images_worst_first", [])[:WORST_COUNT]
    ] or [{"image": "-", "mean error, px": None, "worst": "no error is known"}]


def answer(result):
    """What notebook 00 found, as Markdown."""
    data = (
        f"{result['images']} {result['part']} images of {result['data']['name']}, "
        f"{result['labelled_share']:.1%} of their joints labelled"
    )
    comparable = comparability(result["data"]).strip()
    if "scores" not in result:
        verdict = "No error is known, since no model was used."
        return wording.answer(verdict, comparable, numbers=[f"{data}."])
    pck = result["scores"]["metrics"]["pck_0.2"]
    per_joint = result["scores"]["mpjpe_px_per_joint"]
    known = {name: error for name, error in per_joint.items() if error is not None}
    easiest, hardest = min(known, key=known.get), max(known, key=known.get)
    ranked = result["images_worst_first"]
    worst, median = ranked[0], ranked[len(ranked) // 2]
    share = pck["value"]
    verdict = "The model finds too few torsos to be scored."
    if share is not None:
        verdict = (
            f"`{result['model']}` places {share:.0%} of the joints within 0.2 torso lengths of "
            "their labels."
        )
    return wording.answer(
        verdict,
        f"The easiest joint is the {easiest.replace('_', ' ')}, off by {number(known[easiest])} "
        f"px, the hardest the {hardest.replace('_', ' ')}, off by {number(known[hardest])} px. The "
        f"median picture is off by {number(median['mean_error_px'])} px, the worst, "
        f"`{worst['image']}`, by {number(worst['mean_error_px'])} px. Look at the worst first; "
        "they are often other people, occlusion or a faulty label.",
        few_images(result["images"]),
        result["other_split"],
        comparable,
        numbers=[
            f"PCK@0.2: {with_interval(pck['value'], pck['interval'], 3)} of the labelled joints. "
            f"{pck_coverage(result['scores'])}",
            f"{data}.",
        ],
    )


def _is_shipped(model):
    return path_of(model).parent == loading.SHIPPED


def _other_split(model, experiment):
    """A sentence of warning where the model may have been trained on the images shown."""
    if _is_shipped(model) and experiment.dataset.name == SYNTHETIC:
        return ""  # the shipped models learned from photographs
    trained = loading.training_split(path_of(model))
    if trained is None or trained == experiment.split.summary():
        return ""
    return (
        "The model was trained on another split: if it was one of the same images, some of those "
        "shown here may have been training images."
    )
