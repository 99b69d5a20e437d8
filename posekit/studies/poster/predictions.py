"""Notebook 04: where the predictions are correct and where they fail."""

from pathlib import Path

import numpy as np

from posekit import files
from posekit.errors import PosekitError
from posekit.evaluation import baselines, bootstrap, pose_statistics
from posekit.evaluation.predictions import predict_frame_px
from posekit.evaluation.scores import per_image, score
from posekit.geometry import mirror_keypoints, resize_keypoints
from posekit.models import saved
from posekit.wording import comparability, headline, number, verdict, with_interval

BIN_COUNT = 4
NEIGHBOURS = 5


def trained_model(run_dir, experiment):
    """The network that notebook 02 trained first, and the dict of `recipe.describe` on it.

    Raises:
        PosekitError: notebook 02 has not written its artifact or its model into this run, or it
            trained on another split, so that training images would pass for validation images.
    """
    path = Path(run_dir) / "training.json"
    trained = files.read_json(
        path,
        if_missing="It is written by notebooks/02_training.ipynb: run that first, with the same "
        "run_dir.",
    )
    here = experiment.split.summary()
    if trained["data"]["split"] != here:
        raise PosekitError(
            f"{path}: the network must be trained on the split that is open here, {here}; got "
            f"{trained['data']['split']}. Run notebooks/02_training.ipynb again with the same "
            "data, profile, seed and split."
        )
    described = trained["runs"][0]
    joints = experiment.dataset.skeleton.joint_count
    return saved.load(Path(run_dir) / described["folder"], joints=joints), described


def predict_parts(model, experiment, parts=("train", "validation")):
    """Predictions in the frame, dict of part -> float (n, K, 2)."""
    return {part: predict_frame_px(model, experiment.images(part)) for part in parts}


def ranked(pred_frame_px, experiment, part, count):
    """The `count` best, median and worst predictions, as plots.prediction_grid's arguments.

    Their measure is the mean error of the labelled joints, frame pixels; images without any are
    left out.
    """
    chosen = experiment.part(part)
    true_px = experiment.keypoints_frame_px[experiment.split.indices(experiment.dataset, part)]
    error_px = np.linalg.norm(pred_frame_px - true_px, axis=-1)  # (n, K)
    joint_counts = chosen.labelled.sum(axis=1)  # (n,)
    of_image = (error_px * chosen.labelled).sum(axis=1) / np.maximum(joint_counts, 1)
    measured = np.flatnonzero(joint_counts)
    order = measured[np.argsort(of_image[measured])]
    count = min(count, len(order) // 3)
    middle = (len(order) - count) // 2
    kinds = {
        "best": order[:count],
        "median": order[middle : middle + count],
        "worst": order[len(order) - count :],
    }
    indices = np.concatenate(list(kinds.values()))
    return {
        "images": experiment.images(part)[indices],
        "true_px": true_px[indices],
        "pred_px": pred_frame_px[indices],
        "labelled": chosen.labelled[indices],
        "skeleton": chosen.skeleton,
        "titles": [
            f"{kind}: {of_image[index]:.1f} px"
            for kind, members in kinds.items()
            for index in members
        ],
    }


def pck_by_contortion(pred_frame_px, experiment, part="validation", *, seed):
    """PCK@0.2 of a part in equal bins of how unlike the training poses each pose is.

    Mirrored training poses count as training poses, since training flips. A row for each bin has
    label, pck, interval, mean_pose_pck and images; poses with too few labelled joints to compare
    are left out. [] where all are.
    """
    chosen, train = experiment.part(part), experiment.part("train")
    mirrored_px, mirrored_labelled = mirror_keypoints(
        train.keypoints_px,
        train.labelled,
        train.image_sizes_px[:, 0],
        mirror=train.skeleton.mirror,
    )
    contortion = pose_statistics.contortion(
        chosen.keypoints_px,
        chosen.labelled,
        np.concatenate([train.keypoints_px, mirrored_px]),
        np.concatenate([train.labelled, mirrored_labelled]),
        neighbours=min(NEIGHBOURS, 2 * len(train)),
    )
    if not np.isfinite(contortion).any():
        return []
    edges = np.nanquantile(contortion, np.linspace(0, 1, BIN_COUNT + 1))
    bin_of = np.clip(np.searchsorted(edges, contortion, side="right") - 1, 0, BIN_COUNT - 1)
    # Pairs, not a dict: two narrow bins may have the same label.
    members = [
        (f"{low:.2f} to {high:.2f}", np.flatnonzero(np.isfinite(contortion) & (bin_of == index)))
        for index, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True))
    ]
    return _pck_rows(members, pred_frame_px, experiment, part, seed)


def pck_by_person_count(pred_frame_px, experiment, part="validation", *, seed):
    """The same rows by the number of people in the picture; [] where that is unknown."""
    counts = experiment.part(part).extras.get("person_count")
    if counts is None:
        return []
    members = [(str(count), np.flatnonzero(counts == count)) for count in np.unique(counts)]
    return _pck_rows(members, pred_frame_px, experiment, part, seed)


def _pck_rows(members, pred_frame_px, experiment, part, seed):
    chosen = experiment.part(part)
    groups = experiment.groups(part)
    frame_px = experiment.frame_px
    pred_px = resize_keypoints(pred_frame_px, (frame_px, frame_px), chosen.image_sizes_px)
    hits, counted = per_image(pred_px, experiment, part).sums["pck_0.2"]
    mean_pose_px = baselines.mean_pose_px(experiment, part)
    mean_pose_hits, _ = per_image(mean_pose_px, experiment, part).sums["pck_0.2"]
    rows = []
    for label, indices in members:
        if not counted[indices].sum():
            continue
        interval = bootstrap.ratio_interval(
            hits[indices],
            counted[indices],
            groups[indices],
            seed=seed,
            resamples=experiment.profile.resamples,
        )
        rows.append(
            {
                "label": label,
                "pck": float(hits[indices].sum() / counted[indices].sum()),
                "interval": list(interval),
                "mean_pose_pck": float(mean_pose_hits[indices].sum() / counted[indices].sum()),
                "images": len(indices),
            }
        )
    return rows


def bin_arguments(rows, xlabel):
    """Rows of `pck_by_contortion` or `pck_by_person_count` as plots.error_by_bin's arguments."""
    return {
        "labels": [row["label"] for row in rows],
        "values": [row["pck"] for row in rows],
        "intervals": [row["interval"] for row in rows],
        "counts": [row["images"] for row in rows],
        "xlabel": xlabel,
        "ylabel": "PCK@0.2, share of joints",
        "title": f"Does PCK change with {xlabel.split(' (')[0]}?",
    }


def report(predictions, described, experiment, *, seed):
    """Everything notebook 04 reports on `predict_parts` and `trained_model`, JSON-ready."""
    scores = {part: score(pred, experiment, part, seed=seed) for part, pred in predictions.items()}
    targets = experiment.targets("train", "masked")
    for name, pose in baselines.constant_poses(targets, experiment.frame_px).items():
        scores[name] = score(pose, experiment, "validation", seed=seed)
    validation = predictions["validation"]
    return {
        "data": experiment.describe(),
        "model": described["folder"],
        "label_treatment": described["label_treatment"],
        "scores": scores,
        "by_contortion": pck_by_contortion(validation, experiment, seed=seed),
        "by_person_count": pck_by_person_count(validation, experiment, seed=seed),
        "headline": [
            headline(f"PCK@0.2, {part}", scores[part]["metrics"]["pck_0.2"], 3)
            for part in ("train", "validation", "mean_pose")
        ],
    }


def answer(result):
    """What notebook 04 found, as Markdown."""
    pck = {name: scores["metrics"]["pck_0.2"] for name, scores in result["scores"].items()}
    mse, constant_mse = (
        result["scores"][name]["metrics"]["frame_mse"]["value"]
        for name in ("validation", "mean_pose")
    )
    per_joint = result["scores"]["validation"]["pck_per_joint"]
    known = {name: value for name, value in per_joint.items() if value is not None}
    easiest, hardest = max(known, key=known.get), min(known, key=known.get)
    contortion = people = ""
    if result["by_contortion"]:
        usual, unusual = result["by_contortion"][0], result["by_contortion"][-1]
        contortion = (
            f" It is {with_interval(usual['pck'], usual['interval'], 3)} on the poses most like "
            f"the training poses and {with_interval(unusual['pck'], unusual['interval'], 3)} on "
            f"those least like them (mean pose {number(usual['mean_pose_pck'], 3)} and "
            f"{number(unusual['mean_pose_pck'], 3)})."
        )
    if len(result["by_person_count"]) > 1:
        alone, crowd = result["by_person_count"][0], result["by_person_count"][-1]
        people = (
            f" With {alone['label']} person in the picture it is {number(alone['pck'], 3)}, with "
            f"{crowd['label']} people {number(crowd['pck'], 3)}."
        )
    train, validation = (
        with_interval(pck[part]["value"], pck[part]["interval"], 3)
        for part in ("train", "validation")
    )
    return (
        f"**Answer.** PCK@0.2 is {validation} on validation images and {train} on training images; "
        f"the mean pose gets {number(pck['mean_pose']['value'], 3)}. In squared error on labelled "
        f"joints the network {verdict(mse, constant_mse)}. The easiest joint is `{easiest}` "
        f"({number(known[easiest], 3)}), the hardest `{hardest}` ({number(known[hardest], 3)})."
        f"{contortion}{people}{comparability(result['data'])}"
    )
