"""Notebook 00: a first look at pictures, labels and what a model makes of them."""

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
from posekit.wording import comparability, number, rounded, with_interval

WORST_COUNT = 10


def choose_images(experiment, part, *, count=None):
    """Evenly spread images of a part, int (n,) into the data set.

    Args:
        experiment: Experiment.
        part: str, as for `Experiment.part`.
        count: int > 0, at most how many; None takes as many as notebook 05 looks at.
    """
    indices = experiment.split.indices(experiment.dataset, part)
    count = count or experiment.profile.saliency_images
    return indices[evenly_spread(len(indices), count)]


def usable_model(model, dataset):
    """The model to ask about a data set: itself, or none where the joints are not LSP's.

    That holds for the shipped models, the notebook's default, which would otherwise end every
    report on other joints.

    Args:
        model: str, as for `explore.open_explorer`.
        dataset: PoseDataset.
    """
    if not _is_shipped(model) or dataset.skeleton == LSP:
        return model
    warnings.warn(
        f"{model} knows the joints of {LSP.name}, and these are {dataset.skeleton.name}: labels "
        "are shown alone. Name a model that was trained on these joints.",
        stacklevel=2,
    )
    return NO_MODEL


def states_to_keep(explorer, *, joint, seed):
    """What a report shows of the panel: three of its states.

    Args:
        explorer: explore.Explorer.
        joint: str, a name of the data set's joints; None takes the last.
        seed: int, of the augmentation's draw.

    Returns:
        dict, heading -> explore.State.
    """
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
    """Everything notebook 00 reports, JSON-ready.

    Args:
        explorer: explore.Explorer of the chosen images.
        experiment: Experiment.
        indices: int (n,), as `choose_images` returns them.
        model, part: str, for the record.
        seed: int, of the bootstrap.
    """
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
            {
                "label": f"PCK@0.2 of {model}, {part}",
                "value": rounded(pck["value"], 3),
                "interval": pck["interval"],
                "note": f"{len(dataset)} images",
            }
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
    labelled = (
        f"{result['images']} {result['part']} images of {result['data']['name']} can be browsed; "
        f"{result['labelled_share']:.1%} of their joints are labelled."
    )
    if "scores" not in result:
        return f"**Answer.** {labelled} No error is known.{comparability(result['data'])}"
    pck = result["scores"]["metrics"]["pck_0.2"]
    known = {
        name: error
        for name, error in result["scores"]["mpjpe_px_per_joint"].items()
        if error is not None
    }
    easiest, hardest = min(known, key=known.get), max(known, key=known.get)
    worst = result["images_worst_first"][0]
    return (
        f"**Answer.** {labelled} `{result['model']}` puts "
        f"{with_interval(pck['value'], pck['interval'], 3)} of these within 0.2 torso lengths of "
        f"the label. The joint that it finds best is `{easiest}` (off by "
        f"{number(known[easiest])} px on average), worst `{hardest}` ({number(known[hardest])} "
        "px). The picture to look at first is "
        f"`{worst['image']}`: its joints are off by {number(worst['mean_error_px'])} px on average."
        f"{result['other_split']}{comparability(result['data'])}"
    )


def _is_shipped(model):
    return path_of(model).parent == loading.SHIPPED


def _other_split(model, experiment):
    """A warning, as a sentence, where the model may have learned from the images shown."""
    if _is_shipped(model) and experiment.dataset.name == SYNTHETIC:
        return ""  # the shipped models learned from photographs
    trained = loading.training_split(path_of(model))
    if trained is None or trained == experiment.split.summary():
        return ""
    return (
        " The model was trained on another split than this one: if that was of the same pictures, "
        "it may have learned from some that are shown here."
    )
