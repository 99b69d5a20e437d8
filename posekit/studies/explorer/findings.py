"""Notebook 00: a first look at images, labels and a model's predictions."""

import warnings
from dataclasses import replace

import numpy as np

from posekit.datasets.pose_dataset import evenly_spread
from posekit.datasets.sources import SYNTHETIC
from posekit.estimators import loading
from posekit.evaluation import metrics
from posekit.pipeline.augmentation import AUGMENTATIONS
from posekit.skeleton import LSP
from posekit.studies.explorer.explorer import NO_MODEL, path_of
from posekit.wording import comparability, headline, number, with_interval

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
    """States that a report shows, dict of heading -> State; `seed` is the augmentation's."""
    start = explorer.start()
    shown = replace(start, joint=joint or start.joint)
    heading = "first image"
    if explorer.poses is not None:
        shown, heading = explorer.first(replace(shown, order="error")), "largest error"
    kept = {heading: shown}
    if explorer.has_saliency:
        name = shown.joint.replace("_", " ")
        kept[f"which pixels move the {name}"] = replace(shown, saliency=True)
    varied = replace(shown, augmentation=AUGMENTATIONS["turned"], draw=seed)
    return {**kept, "as training may vary it": varied}


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
    if "scores" not in result:
        return f"**Answer.** {data}. No error is known.{comparability(result['data'])}"
    pck = result["scores"]["metrics"]["pck_0.2"]
    per_joint = result["scores"]["mpjpe_px_per_joint"]
    known = {name: error for name, error in per_joint.items() if error is not None}
    easiest, hardest = min(known, key=known.get), max(known, key=known.get)
    worst = result["images_worst_first"][0]
    return (
        f"**Answer.** `{result['model']}` puts {with_interval(pck['value'], pck['interval'], 3)} "
        f"of the labelled joints within 0.2 torso lengths of the label ({data}). The easiest joint "
        f"is `{easiest}` (mean error {number(known[easiest])} px), the hardest `{hardest}` "
        f"({number(known[hardest])} px). Look first at `{worst['image']}`, the image with the "
        f"largest mean error, {number(worst['mean_error_px'])} px."
        f"{result['other_split']}{comparability(result['data'])}"
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
        " The model was trained on another split: if it was one of the same images, some of those "
        "shown here may have been training images."
    )
