"""Notebook 04: where the predictions are correct and where they fail."""

from pathlib import Path

import numpy as np

from posekit import files, wording
from posekit.datasets import lsp
from posekit.errors import PosekitError
from posekit.evaluation import baselines, bootstrap, pose_statistics
from posekit.evaluation.per_image import differences
from posekit.evaluation.predictions import predict_frame_px
from posekit.evaluation.scores import examples, per_image, score, score_original_px
from posekit.geometry import mirror_keypoints, resize_keypoints, torso_length_px
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
    """A trained network, and its label_treatment, folder, best_epoch and epochs, as a dict.

    It is the network that notebook 02 trained first in `run_dir`, or that of `network`: the folder
    of a training, or the start of its name in `run_dir`/training, of which the latest is taken.
    It must predict coordinates in the experiment's frame and have been trained on its split.
    """
    run_dir = Path(run_dir)
    if network is None:
        trained = files.read_json(
            run_dir / "training.json",
            if_missing="It is written by notebooks/02_training.ipynb: run that first, with the "
            "same run_dir.",
        )
        folder = run_dir / trained["runs"][0]["folder"]
    else:
        folder = _folder_of(network, run_dir / "training")
    run = runs.open_run(folder)
    path, config, here = folder / "config.json", run.config, experiment.split.summary()
    if run.data.get("split") != here:
        raise PosekitError(
            f"{path}: the network must be trained on the split that is open here, {here}; got "
            f"{run.data.get('split')}. Run notebooks/02_training.ipynb again with the same data, "
            "profile, seed and split."
        )
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
        "folder": str(folder.relative_to(run_dir) if inside else folder),
        "best_epoch": run.best_epoch,
        "epochs": len(run.history["epoch"]),
    }


def _folder_of(network, trainings):
    """The folder of a training, given itself or by the start of its name in `trainings`."""
    folder = files.from_root(network)
    if (folder / "history.json").is_file():
        return folder
    found = [path.parent for path in trainings.glob("*/history.json")]
    named = [path for path in found if path.name.startswith(str(network))]
    if not named:
        raise PosekitError(
            f"trained_model(): `network` must be the folder of a training or the start of a name "
            f"in {trainings} ({', '.join(sorted(path.name for path in found)) or 'none'}); got "
            f"{str(network)!r}."
        )
    return max(named, key=lambda path: (path / "history.json").stat().st_mtime)


def predict_parts(model, experiment, parts=("train", "validation")):
    """Predictions in pixels of the original pictures, dict of part -> float (n, K, 2)."""
    frame_px = (experiment.frame_px, experiment.frame_px)
    return {
        part: resize_keypoints(
            predict_frame_px(model, experiment.images(part)),
            frame_px,
            experiment.part(part).image_sizes_px,
        )
        for part in parts
    }


def estimated(estimator, experiment, part="validation"):
    """An estimator's predictions for a part; None where its joints are not the data's."""
    chosen = experiment.part(part)
    if estimator.skeleton.joints != chosen.skeleton.joints:
        return None
    return estimator.estimate_dataset(chosen).keypoints_px


def gallery(pred_px, experiment, count, part="validation"):
    """The `count` typical, good and worst predictions, as plots.prediction_grid's arguments.

    Predictions are float (n, K, 2), pixels of the original pictures, ranked by the mean error of
    the labelled joints; images without any are left out.
    """
    chosen = experiment.part(part)
    total_px, joints = per_image(pred_px, experiment, part).sums["mpjpe_px"]
    errors_px = total_px / np.where(joints, joints, np.nan)
    kinds = examples(errors_px, count)
    indices = [index for _, index in kinds]
    return {
        "images": [lsp.decode(chosen, index) for index in indices],
        "true_px": chosen.keypoints_px[indices],
        "pred_px": pred_px[indices],
        "labelled": chosen.labelled[indices],
        "skeleton": chosen.skeleton,
        "titles": [f"{kind}: {errors_px[index]:.1f} px" for kind, index in kinds],
    }


def pck_by_contortion(pred_px, experiment, *, seed):
    """PCK@0.2 on validation, in equal bins of how unlike the training poses each pose is.

    Mirrored training poses count as training poses, since training flips. Predictions are float
    (n, K, 2), pixels of the original pictures. Poses with too few labelled joints to compare are
    left out; [] where all are.
    """
    chosen, train = experiment.part("validation"), experiment.part("train")
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
    return _pck_rows(members, pred_px, experiment, seed)


def pck_by_person_count(pred_px, experiment, *, seed):
    """The same rows by the number of people in the picture; [] where that is unknown."""
    counts = experiment.part("validation").extras.get("person_count", [])
    members = [(str(count), np.flatnonzero(counts == count)) for count in np.unique(counts)]
    return _pck_rows(members, pred_px, experiment, seed)


def _pck_rows(members, pred_px, experiment, seed):
    """A row for each (label, image indices); allowed_px is the mean error that PCK allows."""
    chosen, frame_px = experiment.part("validation"), experiment.frame_px
    own, constant = _beside_the_mean_pose(pred_px, experiment)
    (hits, counted), (constant_hits, _) = own.sums["pck_0.2"], constant.sums["pck_0.2"]
    true_px = resize_keypoints(chosen.keypoints_px, chosen.image_sizes_px, (frame_px, frame_px))
    torsos_px = torso_length_px(true_px, chosen.labelled, skeleton=chosen.skeleton)
    rows = []
    for label, indices in members:
        total = counted[indices].sum()
        if not total:
            continue
        interval = bootstrap.ratio_interval(
            hits[indices],
            counted[indices],
            own.groups[indices],
            seed=seed,
            resamples=experiment.profile.resamples,
        )
        rows.append(
            {
                "label": label,
                "pck": float(hits[indices].sum() / total),
                "interval": list(interval),
                "mean_pose_pck": float(constant_hits[indices].sum() / total),
                "images": len(indices),
                "allowed_px": 0.2 * float(np.nanmean(torsos_px[indices])),
            }
        )
    return rows


def _beside_the_mean_pose(pred_px, experiment):
    """PerImage of validation predictions, and of the mean pose."""
    poses_px = pred_px, baselines.mean_pose_px(experiment, "validation")
    return [per_image(each_px, experiment, "validation") for each_px in poses_px]


def bin_table(grouping, result, photographs=None):
    """Rows for a table: the bins of every network, on photographs too where known.

    `grouping` is "by_contortion" or "by_person_count".
    """
    return [
        {
            "pictures of": where,
            "predicted by": model,
            "bin": row["label"],
            "pictures": row["images"],
            "PCK@0.2": {"value": row["pck"], "interval": row["interval"]},
            "mean pose's PCK@0.2": row["mean_pose_pck"],
            "allowed error, px of the frame": row["allowed_px"],
        }
        for where, each in (("this run", result), ("photographs", photographs))
        if each is not None
        for model, groups in {"the network": each, **each["shipped"]}.items()
        for row in groups[grouping]
    ]


def report(predictions, described, experiment, *, seed, shipped=None):
    """Everything notebook 04 reports on `predict_parts` and `trained_model`, JSON-ready.

    `shipped` is a dict, name of a shipped model -> its `estimated`; models without are left out.
    """
    shipped = {name: px for name, px in (shipped or {}).items() if px is not None}
    scores = {
        part: score_original_px(pred_px, experiment, part, seed=seed)
        for part, pred_px in predictions.items()
    }
    targets = experiment.targets("train", "masked")
    for name, pose in baselines.constant_poses(targets, experiment.frame_px).items():
        scores[name] = score(pose, experiment, "validation", seed=seed)
    for name, pred_px in shipped.items():
        scores[name] = score_original_px(pred_px, experiment, "validation", seed=seed)

    def bins(pred_px):
        return {
            "by_contortion": pck_by_contortion(pred_px, experiment, seed=seed),
            "by_person_count": pck_by_person_count(pred_px, experiment, seed=seed),
        }

    return {
        "data": experiment.describe(),
        "publishable": list(PUBLISHABLE),
        "model": described["folder"],
        "label_treatment": described["label_treatment"],
        "epochs": described["epochs"],
        "best_epoch": described["best_epoch"],
        "scores": scores,
        "metrics": {name: each["metrics"] for name, each in scores.items()},
        "gain": _gain(predictions["validation"], experiment, seed),
        **bins(predictions["validation"]),
        "shipped": {name: bins(pred_px) for name, pred_px in shipped.items()},
        "headline": [
            headline(f"PCK@0.2, {part}", scores[part]["metrics"]["pck_0.2"], 3)
            for part in ("train", "validation", "mean_pose")
        ],
    }


def _gain(pred_px, experiment, seed):
    """PCK@0.2 minus the mean pose's on the same validation images, with its interval."""
    own, constant = _beside_the_mean_pose(pred_px, experiment)
    rows = differences(constant, own, seed=seed, resamples=experiment.profile.resamples)
    nothing = {"difference": None, "interval": [None, None]}
    found = {row["score"]: row for row in rows}.get("pck_0.2", nothing)
    return {"value": found["difference"], "interval": found["interval"]}


def curve_arguments(result):
    """All predictions' curves as plots.pck_curves' arguments."""
    scores = result["scores"]
    return {
        "curves": {_NAMES.get(name, name): each["pdj"]["total"] for name, each in scores.items()},
        "thresholds": scores["validation"]["pdj"]["thresholds"],
    }


def joint_arguments(result):
    """All predictions' mean errors of each joint as plots.error_by_joint's first argument."""
    return {
        _NAMES.get(name, name): list(scores["mpjpe_px_per_joint"].values())
        for name, scores in result["scores"].items()
    }


def score_table(result, photographs=None):
    """Rows for a table: every prediction's PCK and MSE, on photographs too where known."""
    columns = {"this run": result["metrics"]}
    if photographs is not None:
        columns["photographs"] = photographs["metrics"]
    return [
        {"prediction": _NAMES.get(name, name)}
        | {
            f"{words}, {where}": metrics.get(name, {}).get(score)
            for where, metrics in columns.items()
            for score, words in (("pck_0.2", "PCK@0.2"), ("frame_mse", "MSE"))
        }
        for name in {name: None for metrics in columns.values() for name in metrics}
    ]


def answer(result):
    """What notebook 04 found, as Markdown."""
    pck = {name: metrics["pck_0.2"] for name, metrics in result["metrics"].items()}
    mse, constant_mse = (
        result["metrics"][name]["frame_mse"]["value"] for name in ("validation", "mean_pose")
    )
    value, constant = pck["validation"]["value"], pck["mean_pose"]["value"]
    low, high = result["gain"]["interval"]
    verdict_text = "Not decided: too few pictures to tell it from one constant pose."
    if low is None:
        verdict_text = "Not measured: no picture has a torso to measure by."
    elif high < 0:
        verdict_text = "Worse than one constant pose for everybody."
    elif low > 0:
        better = "Better than one constant pose, but mostly wrong."
        verdict_text = "Mostly right." if value > 0.5 else better
    per_joint = result["scores"]["validation"]["pck_per_joint"]
    known = {name: value for name, value in per_joint.items() if value is not None}
    hardest = sorted(known, key=known.get)[:3]
    return wording.answer(
        verdict_text,
        f"{with_interval(value, pck['validation']['interval'], 3)} of the joints of people whom "
        f"the network has not seen are within a fifth of the torso's length (PCK@0.2); the mean "
        f"pose of the training people, the same for all, gets {number(constant, 3)}. In squared "
        f"error the network {verdict(mse, constant_mse)}.",
        *(
            f"`{name}` gets {with_interval(**pck[name], digits=3)} on the same pictures."
            for name in result["shipped"]
        ),
        _ends_text(
            result["by_contortion"],
            "on the poses least like the training poses",
            "on those most like them",
        ),
        _ends_text(result["by_person_count"], "with most people in the picture", "with fewest"),
        comparability(result["data"]).strip(),
        numbers=[
            f"PCK@0.2 on training images: {with_interval(**pck['train'], digits=3)}.",
            "PCK@0.2 of the hardest joints: "
            f"{', '.join(f'`{name}` {known[name]:.3f}' for name in hardest) or 'not measured'}.",
        ],
    )


def _ends_text(rows, of_last, of_first):
    """PCK of the last and the first bin, and whether they differ; "" without bins to compare."""
    if len(rows) < 2:
        return ""
    first, last = rows[0], rows[-1]
    (low, high), (last_low, last_high) = first["interval"], last["interval"]
    alike = low <= last_high and last_low <= high
    return (
        f"PCK is {with_interval(last['pck'], last['interval'], 3)} {of_last}, "
        f"{with_interval(first['pck'], first['interval'], 3)} {of_first}"
        f"{': these pictures do not tell them apart' if alike else ''}."
    )
