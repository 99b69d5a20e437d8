"""Notebook 01: what is in the data, and what a constant guess scores."""

import numpy as np

from posekit.datasets import lsp
from posekit.evaluation import baselines, pose_statistics
from posekit.pipeline.batches import training_batches
from posekit.studies.poster.published import PUBLISHED_MSE
from posekit.wording import comparability, number

COMPONENT_COUNT = 5


def record(dataset, index):
    """One raw record as stored: image_id, file_bytes, size_px, joints (name, x, y, labelled)."""
    image_id = str(dataset.image_ids[index])
    return {
        "image_id": image_id,
        "file_bytes": len(dataset.read_image(image_id)),
        "size_px": tuple(dataset.image_sizes_px[index].tolist()),
        "joints": [
            (name, *position.round(1).tolist(), bool(labelled))
            for name, position, labelled in zip(
                dataset.skeleton.joints,
                dataset.keypoints_px[index],
                dataset.labelled[index],
                strict=True,
            )
        ],
    }


def one_batch(experiment, *, seed):
    """Shapes, types and ranges of one training batch, as the network gets it."""
    batches, steps = training_batches(
        experiment.images("train"),
        experiment.targets("train", "masked"),
        batch_size=experiment.profile.batch_size,
        seed=seed,
        epochs=1,
        mirror=experiment.dataset.skeleton.mirror,
    )
    images, targets = next(batches.as_numpy_iterator())
    return {
        "images": f"{images.dtype} {images.shape}, {images.min()} to {images.max()}",
        "targets": f"{targets.dtype} {targets.shape}, x, y in frame pixels and weight",
        "steps_per_epoch": steps,
    }


def original_images(dataset, indices):
    """The chosen pictures decoded at their own size, list of uint8 (H, W, 3)."""
    return [lsp.decode(dataset, index) for index in indices]


def similar_pairs(experiment, limit):
    """At most `limit` image pairs of the same near-duplicate group, int (M, 2)."""
    groups = experiment.split.groups
    order = np.argsort(groups, kind="stable")
    same = groups[order[1:]] == groups[order[:-1]]
    return np.stack([order[:-1][same], order[1:][same]], axis=1)[:limit]


def pose_components(dataset):
    """Principal components of the poses, over the joints that enough of them have.

    Only poses with all the compared joints can be compared. Joints that are never labelled are left
    out, and then the most rarely labelled ones, until more than COMPONENT_COUNT poses remain.

    Returns:
        pose_statistics.PoseComponents of all K joints, NaN for those left out; None where fewer
        than two joints would remain.
    """
    compared = dataset.labelled.any(axis=0)
    counts = dataset.labelled.sum(axis=0)
    while compared.sum() >= 2:
        normalised, usable = pose_statistics.normalise(
            dataset.keypoints_px[:, compared], dataset.labelled[:, compared]
        )
        if usable.sum() > COMPONENT_COUNT:
            count = min(COMPONENT_COUNT, 2 * int(compared.sum()))
            found = pose_statistics.principal_components(normalised[usable], count)
            mean = np.full((len(compared), 2), np.nan)
            components = np.full((count, len(compared), 2), np.nan)
            mean[compared], components[:, compared] = found.mean, found.components
            return found._replace(mean=mean, components=components)
        compared[np.argmin(np.where(compared, counts, len(dataset) + 1))] = False
    return None


def components_left_out(dataset, components):
    """What `pose_components` could not use, as a sentence; empty where it used every joint."""
    if components is None:
        return (
            f"More than {COMPONENT_COUNT} images must have two or more joints in common; "
            f"among these {len(dataset)} they do not."
        )
    left_out = [
        joint.replace("_", " ")
        for joint, position in zip(dataset.skeleton.joints, components.mean, strict=True)
        if np.isnan(position).any()
    ]
    return f"Left out, because too few images label them: {', '.join(left_out)}." * bool(left_out)


def explore(experiment):
    """Everything notebook 01 reports, JSON-ready."""
    dataset, joints = experiment.dataset, experiment.dataset.skeleton.joints
    every = (experiment.keypoints_frame_px, dataset.labelled)
    train, validation = (
        tuple(values[experiment.split.indices(dataset, part)] for values in every)
        for part in ("train", "validation")
    )
    components = pose_components(dataset)
    group_sizes = np.bincount(experiment.split.groups)
    summary = lsp.summarise(dataset)
    guesses = baselines.constant_errors_by_treatment(
        train, validation, frame_px=experiment.frame_px
    )
    return {
        "data": experiment.describe(),
        "summary": summary,
        "constant_guess_validation": guesses,
        "constant_guess_all_images": baselines.constant_errors_by_treatment(
            every, every, frame_px=experiment.frame_px
        ),
        "similar_groups": int((group_sizes > 1).sum()),
        "images_in_similar_groups": int(group_sizes[group_sizes > 1].sum()),
        "pose_variance_explained": [] if components is None else components.explained,
        "never_labelled": [name for name in joints if name not in dataset.known_joints],
        "poster": PUBLISHED_MSE,
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


def answer(result):
    """What notebook 01 found, as Markdown."""
    guesses = {
        treatment: scores["mean_pose"]
        for treatment, scores in result["constant_guess_validation"].items()
    }
    summary = result["summary"]
    return (
        f"**Answer.** {summary['labelled_share']:.1%} of the joints of these "
        f"{summary['images']} images ({result['data']['name']}) are labelled. "
        f"{_never_labelled(result['never_labelled'])}What a loss means "
        f"depends on how the others are treated: the mean pose of the training part has a "
        f"validation MSE of {number(guesses['masked'])} when only labelled joints count, "
        f"{number(guesses['poster_origin'])} when missing joints are put at the origin, and "
        f"{number(guesses['poster'])} when they count as stored. "
        f"{_poster_compared(result, guesses)}{comparability(result['data'])}"
    )


def _never_labelled(joints):
    if not joints:
        return ""
    named = ", ".join(f"`{joint}`" for joint in joints)
    return f"Never labelled, and so in no score: {named}. "


def _poster_compared(result, guesses):
    published = result["poster"]
    if "lsp" not in result["data"]["name"]:
        return (
            f"The poster's losses ({published['training']} in training, {published['validation']} "
            "in validation) were measured on photographs and are not comparable with these; set "
            "`data` to LSPet for that."
        )
    nearest = min(guesses, key=lambda name: abs(guesses[name] - published["validation"]))
    excess = published["validation"] / guesses[nearest] - 1
    below = [name for name, guess in guesses.items() if published["training"] < guess]
    return (
        f"The poster's validation loss of {published['validation']} (on its own 24,000 images of "
        f"LSP and LSPet; it states neither unit nor treatment, so we assume these) is "
        f"{abs(excess):.0%} {'above' if excess > 0 else 'below'} the nearest of these constants, "
        f"`{nearest}`. Its training loss of {published['training']} is below {len(below)} of the "
        f"{len(guesses)} constants."
    )
