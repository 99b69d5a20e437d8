"""Notebook 04: where the predictions are correct and where they fail."""

from pathlib import Path

import numpy as np

from posekit import files, wording
from posekit.datasets import lsp
from posekit.errors import PosekitError
from posekit.evaluation import baselines, bootstrap, pose_statistics
from posekit.evaluation.predictions import predict_frame_px
from posekit.evaluation.scores import per_image, score, score_original_px
from posekit.geometry import mirror_keypoints, resize_keypoints, torso_length_px
from posekit.models import saved
from posekit.training import runs
from posekit.wording import comparability, headline, number, verdict, with_interval

BIN_COUNT = 4
NEIGHBOURS = 5

# Entries of the result that hold numbers alone, see studies.photographs.
PUBLISHABLE = (
    *("label_treatment", "epochs", "best_epoch", "metrics", "gain"),
    *("by_contortion", "by_person_count", "shipped"),
)


_NAMES = {
    "train": "the network on training images",
    "validation": "the network",
    "image_centre": "image centre",
    "mean_pose": "mean pose",
}


def trained_model(run_dir, experiment, *, network=None):
    """A trained network, and what is known of it.

    Args:
        run_dir: folder of the run.
        experiment: Experiment.
        network: None for the network that notebook 02 trained first; else the folder of a
            training, or the start of its folder's name in `run_dir`/training, such as the name of
            the network. Of several the latest is taken.

    Returns:
        (keras.Model, dict): the dict of `recipe.describe`, or of a named network its
        label_treatment, network, flip, folder, best_epoch, epochs, baselines and validation_mse.

    Raises:
        PosekitError: there is no such training, notebook 02 has not written its artifact or its
            model into this run, the network does not predict coordinates in the experiment's
            frame, or it was trained on another split, so that training images would pass for
            validation images.
    """
    if network is not None:
        return _named_model(Path(run_dir), experiment, network)
    path = Path(run_dir) / "training.json"
    trained = files.read_json(
        path,
        if_missing="It is written by notebooks/02_training.ipynb: run that first, with the same "
        "run_dir.",
    )
    _check_split(path, trained["data"].get("split"), experiment)
    described = trained["runs"][0]
    joints = experiment.dataset.skeleton.joint_count
    return saved.load(Path(run_dir) / described["folder"], joints=joints), described


def _named_model(run_dir, experiment, network):
    trainings = run_dir / "training"
    folder = files.from_root(network)
    if not (folder / "history.json").is_file():
        found = [path.parent for path in trainings.glob("*/history.json")]
        named = [path for path in found if path.name.startswith(str(network))]
        if not named:
            raise PosekitError(
                f"trained_model(): `network` must be the folder of a training or the start of a "
                f"name in {trainings} ({', '.join(sorted(path.name for path in found)) or 'none'})"
                f"; got {str(network)!r}."
            )
        folder = max(named, key=lambda path: (path / "history.json").stat().st_mtime)
    run = runs.open_run(folder)
    path, config = folder / "config.json", run.config
    _check_split(path, run.data.get("split"), experiment)
    found = (config.head, config.view, config.frame_px)
    if found != ("coordinates", "squashed", experiment.frame_px):
        raise PosekitError(
            f"{path}: the network must predict coordinates from pictures squashed to "
            f"{experiment.frame_px} px; got head {found[0]!r}, view {found[1]!r}, {found[2]} px. "
            "posekit.load and posekit.evaluate take every network."
        )
    inside = folder.is_relative_to(run_dir)
    return run.best_model(), {
        "label_treatment": config.label_treatment,
        "network": config.network,
        "flip": config.flip,
        "folder": str(folder.relative_to(run_dir) if inside else folder),
        "best_epoch": run.best_epoch,
        "epochs": len(run.history["epoch"]),
        "baselines": run.baselines,
        "validation_mse": run.best_validation_mse,
    }


def _check_split(path, split, experiment):
    here = experiment.split.summary()
    if split != here:
        raise PosekitError(
            f"{path}: the network must be trained on the split that is open here, {here}; got "
            f"{split}. Run notebooks/02_training.ipynb again with the same data, profile, seed and "
            "split."
        )


def predict_parts(model, experiment, parts=("train", "validation")):
    """Predictions in the frame, dict of part -> float (n, K, 2)."""
    return {part: predict_frame_px(model, experiment.images(part)) for part in parts}


def ranked(pred_frame_px, experiment, part, count):
    """The `count` typical, good and worst predictions, as plots.prediction_grid's arguments.

    Their measure is the mean error of the labelled joints, frame pixels: "typical" is about the
    median, "good" the smallest. Images without labelled joints are left out.
    """
    chosen = experiment.part(part)
    indices, titles = _ranks(pred_frame_px, experiment, part, count)
    return {
        "images": experiment.images(part)[indices],
        "true_px": _true_frame_px(experiment, part)[indices],
        "pred_px": pred_frame_px[indices],
        "labelled": chosen.labelled[indices],
        "skeleton": chosen.skeleton,
        "titles": titles,
    }


def estimated(estimator, experiment, part="validation"):
    """An estimator's predictions for a part, float (n, K, 2), pixels of the original pictures.

    None where it finds other joints than the data have.
    """
    chosen = experiment.part(part)
    if estimator.skeleton.joints != chosen.skeleton.joints:
        return None
    return estimator.estimate_dataset(chosen).keypoints_px


def gallery(pred_px, experiment, count, part="validation"):
    """`ranked` for predictions of `estimated`, with the pictures as they were before the frame."""
    chosen = experiment.part(part)
    indices, titles = _ranks(_in_frame(pred_px, experiment, part), experiment, part, count)
    return {
        "images": [lsp.decode(chosen, index) for index in indices],
        "true_px": chosen.keypoints_px[indices],
        "pred_px": pred_px[indices],
        "labelled": chosen.labelled[indices],
        "skeleton": chosen.skeleton,
        "titles": titles,
    }


def _ranks(pred_frame_px, experiment, part, count):
    """Which images of a part `ranked` shows, and their titles."""
    errors_px = _errors_frame_px(pred_frame_px, experiment, part)
    measured = np.flatnonzero(np.isfinite(errors_px))
    order = measured[np.argsort(errors_px[measured])]
    count = min(count, len(order) // 3)
    middle = (len(order) - count) // 2
    kinds = {
        "typical": order[middle : middle + count],
        "good": order[:count],
        "worst": order[len(order) - count :],
    }
    titles = [
        f"{kind}: {errors_px[index]:.1f} px" for kind, members in kinds.items() for index in members
    ]
    return np.concatenate(list(kinds.values())), titles


def _errors_frame_px(pred_frame_px, experiment, part):
    """Mean error of each image's labelled joints, float (n,), frame pixels; NaN without any."""
    labelled = experiment.part(part).labelled
    errors_px = np.linalg.norm(pred_frame_px - _true_frame_px(experiment, part), axis=-1)
    joints = labelled.sum(axis=1)
    total_px = np.where(labelled, errors_px, 0).sum(axis=1)
    return np.where(joints > 0, total_px / np.maximum(joints, 1), np.nan)


def _true_frame_px(experiment, part):
    return experiment.keypoints_frame_px[experiment.split.indices(experiment.dataset, part)]


def _in_frame(pred_px, experiment, part):
    frame_px = experiment.frame_px
    sizes_px = experiment.part(part).image_sizes_px
    return resize_keypoints(pred_px, sizes_px, (frame_px, frame_px))


def pck_by_contortion(pred_px, experiment, part="validation", *, seed):
    """PCK@0.2 of a part in equal bins of how unlike the training poses each pose is.

    Mirrored training poses count as training poses, since training flips. Predictions are float
    (n, K, 2), pixels of the original pictures. A row for each bin has label, pck, interval,
    mean_pose_pck, images, and in frame pixels the mean error_px and the mean error that PCK allows,
    allowed_px. Poses with too few labelled joints to compare are left out; [] where all are.
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
    return _pck_rows(members, pred_px, experiment, part, seed)


def pck_by_person_count(pred_px, experiment, part="validation", *, seed):
    """The same rows by the number of people in the picture; [] where that is unknown."""
    counts = experiment.part(part).extras.get("person_count")
    if counts is None:
        return []
    members = [(str(count), np.flatnonzero(counts == count)) for count in np.unique(counts)]
    return _pck_rows(members, pred_px, experiment, part, seed)


def _pck_rows(members, pred_px, experiment, part, seed):
    chosen, groups = experiment.part(part), experiment.groups(part)
    hits, counted = per_image(pred_px, experiment, part).sums["pck_0.2"]
    mean_pose_px = baselines.mean_pose_px(experiment, part)
    mean_pose_hits, _ = per_image(mean_pose_px, experiment, part).sums["pck_0.2"]
    errors_px = _errors_frame_px(_in_frame(pred_px, experiment, part), experiment, part)
    torsos_px = torso_length_px(
        _true_frame_px(experiment, part), chosen.labelled, skeleton=chosen.skeleton
    )
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
                "error_px": float(np.nanmean(errors_px[indices])),
                "allowed_px": 0.2 * float(np.nanmean(torsos_px[indices])),
            }
        )
    return rows


def bin_arguments(rows, xlabel, predicted_by="the network"):
    """Rows of `pck_by_contortion` or `pck_by_person_count` as plots.error_by_bin's arguments."""
    return {
        "labels": [row["label"] for row in rows],
        "values": [row["pck"] for row in rows],
        "intervals": [row["interval"] for row in rows],
        "counts": [row["images"] for row in rows],
        "xlabel": xlabel,
        "ylabel": "PCK@0.2, share of joints",
        "title": f"PCK of {predicted_by} by {xlabel.split(' (')[0]}",
    }


def bin_table(result, photographs=None):
    """Rows for a table: bins by contortion of every network, on photographs too where known."""
    return [
        {
            "pictures of": where,
            "predicted by": model,
            "bin": row["label"],
            "pictures": row["images"],
            "PCK@0.2": {"value": row["pck"], "interval": row["interval"]},
            "mean pose's PCK@0.2": row["mean_pose_pck"],
            "mean error, px of the frame": row["error_px"],
            "allowed error, px of the frame": row["allowed_px"],
        }
        for where, each in (("this run", result), ("photographs", photographs))
        if each is not None
        for model, groups in {"the network": each, **each["shipped"]}.items()
        for row in groups["by_contortion"]
    ]


def report(predictions, described, experiment, *, seed, shipped=None):
    """Everything notebook 04 reports on `predict_parts` and `trained_model`, JSON-ready.

    `shipped` is a dict, name of a shipped model -> its `estimated`; models without are left out.
    """
    scores = {part: score(pred, experiment, part, seed=seed) for part, pred in predictions.items()}
    targets = experiment.targets("train", "masked")
    for name, pose in baselines.constant_poses(targets, experiment.frame_px).items():
        scores[name] = score(pose, experiment, "validation", seed=seed)
    frame_px, sizes_px = experiment.frame_px, experiment.part("validation").image_sizes_px
    by_model = {
        described["network"]: resize_keypoints(
            predictions["validation"], (frame_px, frame_px), sizes_px
        )
    } | {name: pred_px for name, pred_px in (shipped or {}).items() if pred_px is not None}
    groups = {
        name: {
            "by_contortion": pck_by_contortion(pred_px, experiment, seed=seed),
            "by_person_count": pck_by_person_count(pred_px, experiment, seed=seed),
        }
        for name, pred_px in by_model.items()
    }
    own, *others = groups
    for name in others:
        scores[name] = score_original_px(by_model[name], experiment, "validation", seed=seed)
    return {
        "data": experiment.describe(),
        "publishable": list(PUBLISHABLE),
        "model": described["folder"],
        "label_treatment": described["label_treatment"],
        "epochs": described["epochs"],
        "best_epoch": described["best_epoch"],
        "scores": scores,
        "metrics": {name: each["metrics"] for name, each in scores.items()},
        "gain": _gain(by_model[own], experiment, seed),
        **groups[own],
        "shipped": {name: groups[name] for name in others},
        "headline": [
            headline(f"PCK@0.2, {part}", scores[part]["metrics"]["pck_0.2"], 3)
            for part in ("train", "validation", "mean_pose")
        ],
    }


def _gain(pred_px, experiment, seed):
    """PCK@0.2 minus the mean pose's on the same validation images, with its interval."""
    hits, counted = per_image(pred_px, experiment, "validation").sums["pck_0.2"]
    mean_pose_px = baselines.mean_pose_px(experiment, "validation")
    constant_hits, _ = per_image(mean_pose_px, experiment, "validation").sums["pck_0.2"]
    if not counted.sum():
        return {"value": None, "interval": [None, None]}
    interval = bootstrap.paired_difference_interval(
        hits,
        constant_hits,
        counted,
        experiment.groups("validation"),
        seed=seed,
        resamples=experiment.profile.resamples,
    )
    value = float((hits - constant_hits).sum() / counted.sum())
    return {"value": value, "interval": list(interval)}


def curve_arguments(result):
    """All predictions' curves as plots.pck_curves' arguments."""
    return {
        "curves": {
            _NAMES.get(name, name): scores["pdj"]["total"]
            for name, scores in result["scores"].items()
        },
        "thresholds": result["scores"]["validation"]["pdj"]["thresholds"],
    }


def joint_arguments(result):
    """All predictions' mean errors of each joint as plots.error_by_joint's first argument."""
    return {
        _NAMES.get(name, name): list(scores["mpjpe_px_per_joint"].values())
        for name, scores in result["scores"].items()
    }


def score_table(result, photographs=None):
    """Rows for a table: every prediction's PCK and MSE, on photographs too where known."""
    columns = {"this run": result}
    if photographs is not None:
        columns["photographs"] = photographs
    rows = {}
    for where, each in columns.items():
        for name, metrics in each["metrics"].items():
            row = rows.setdefault(name, {"prediction": _NAMES.get(name, name)})
            row[f"PCK@0.2, {where}"] = metrics["pck_0.2"]
            row[f"MSE, {where}"] = metrics["frame_mse"]
    every = {column: None for row in rows.values() for column in row}
    return [{**every, **row} for row in rows.values()]


def answer(result):
    """What notebook 04 found, as Markdown."""
    pck = {name: metrics["pck_0.2"] for name, metrics in result["metrics"].items()}
    mse, constant_mse = (
        result["metrics"][name]["frame_mse"]["value"] for name in ("validation", "mean_pose")
    )
    value, constant = pck["validation"]["value"], pck["mean_pose"]["value"]
    low, high = result["gain"]["interval"]
    if low is None:
        verdict_text = "Not measured: no picture has a torso to measure by."
    elif low > 0:
        verdict_text = (
            "Mostly right." if value > 0.5 else "Better than one constant pose, but mostly wrong."
        )
    elif high < 0:
        verdict_text = "Worse than one constant pose for everybody."
    else:
        verdict_text = "Not decided: too few pictures to tell it from one constant pose."
    sentences = [
        f"{with_interval(value, pck['validation']['interval'], 3)} of the joints of people whom "
        f"the network has not seen are within a fifth of the torso's length (PCK@0.2); the mean "
        f"pose of the training people, the same for all, gets {number(constant, 3)}. In squared "
        f"error the network {verdict(mse, constant_mse)}.",
        *(
            f"`{name}` gets {with_interval(**pck[name], digits=3)} on the same pictures."
            for name in result["shipped"]
        ),
        _contortion_text(result["by_contortion"]),
    ]
    if result["best_epoch"] == result["epochs"] and low is not None:
        sentences.append(
            f"The last of {result['epochs']} epochs was the best: a longer training may score "
            "higher."
        )
    per_joint = result["scores"]["validation"]["pck_per_joint"]
    known = {name: value for name, value in per_joint.items() if value is not None}
    numbers = [f"PCK@0.2 on training images: {with_interval(**pck['train'], digits=3)}."]
    if known:
        easiest, hardest = max(known, key=known.get), min(known, key=known.get)
        numbers.append(
            f"The easiest joint is `{easiest}` ({number(known[easiest], 3)}), the hardest "
            f"`{hardest}` ({number(known[hardest], 3)})."
        )
    numbers += [
        f"PCK@0.2 by {what} (95 % interval; mean pose): {'; '.join(map(_bin_text, rows))}."
        for what, rows in (
            ("distance to the nearest training poses", result["by_contortion"]),
            ("people in the picture", result["by_person_count"]),
        )
        if rows
    ]
    return wording.answer(
        verdict_text, *sentences, comparability(result["data"]).strip(), numbers=numbers
    )


def _contortion_text(rows):
    """Which poses score higher, and why where unfamiliar ones do; "" without bins to compare."""
    if len(rows) < 2:
        return ""
    usual, unusual = rows[0], rows[-1]
    values = (
        f"PCK is {with_interval(unusual['pck'], unusual['interval'], 3)} on the poses least like "
        f"the training poses, {with_interval(usual['pck'], usual['interval'], 3)} on those most "
        "like them"
    )
    apart = not (
        usual["interval"][0] <= unusual["interval"][1]
        and unusual["interval"][0] <= usual["interval"][1]
    )
    if unusual["pck"] <= usual["pck"]:
        return f"{values}." if apart else f"{values}: these pictures do not tell them apart."
    start = "Surprising: " if apart else "These pictures do not tell familiar poses apart: "
    if unusual["allowed_px"] <= usual["allowed_px"]:
        return f"{start}{values}. The size of the people does not explain it."
    return (
        f"{start}{values}. Unfamiliar poses are compact, so torsos are longer in the frame and "
        f"PCK, measured in them, allows {number(unusual['allowed_px'])} px there and "
        f"{number(usual['allowed_px'])} px on the others; the mean pose gets "
        f"{number(unusual['mean_pose_pck'], 3)} and {number(usual['mean_pose_pck'], 3)}."
    )


def _bin_text(row):
    low, high = (number(end, 3) for end in row["interval"])
    return (
        f"{row['label']}: {number(row['pck'], 3)} ({low} to {high}; "
        f"{number(row['mean_pose_pck'], 3)})"
    )
