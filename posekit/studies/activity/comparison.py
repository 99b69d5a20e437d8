"""Activities recognised from the image, from the pose and from both: trained and compared."""

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np

from posekit import files
from posekit.datasets import splits
from posekit.errors import PosekitError
from posekit.evaluation.seeds import paired_difference, seed_summary
from posekit.studies.activity import networks
from posekit.studies.activity.scores import SCORES, confusion_per_picture, f1, interval
from posekit.studies.activity.trainer import (
    Budget,
    Pictures,
    Trainer,
    predicted_cues,
    share_of_each,
    true_cues,
)
from posekit.wording import headline

TITLES = {
    "image": "image alone",
    "pose": "pose alone",
    "both": "image and pose",
    "true_pose": "true joints (upper bound)",
}
SCORE_TITLES = {"accuracy": "accuracy", "macro_f1": "macro F1"}

# What is compared, first minus second.
PAIRS = (("both", "image"), ("both", "pose"), ("pose", "image"))

NETWORK_FILE = "activity/image_and_pose.keras"


def compare(
    labels, experiment, pose_network, described, run_dir, *, seeds, steps=None, fractions=None
):
    """Train and score all kinds of classifier on all fractions of the labels, JSON-ready.

    The pose network has learned the joints of all training pictures, whatever the fraction: only
    labels of activities are few. For each seed all kinds see the same pictures.

    Args:
        labels: ActivityLabels, or None: `measured` is then False, and nothing is.
        pose_network, described: from `poster.predictions.trained_model`.
        run_dir: folder; NETWORK_FILE in it gets the network with both branches, trained on all
            training pictures with the first seed.
        steps: int > 0, of every training, or None for the profile's.
        fractions: ascending list of floats in (0, 1], of the training pictures of each activity,
            the last 1; or None for the profile's.
    """
    if labels is None:
        return {
            "data": experiment.describe(),
            "measured": False,
            "needs": [],
            "headline": [{"label": "accuracy of activities", "value": None, "note": "no labels"}],
        }
    profile = experiment.profile
    fractions = list(profile.activity_fractions if fractions is None else fractions)
    splits.check_no_leak(experiment.split)
    _check(labels, experiment, fractions)
    budget = Budget(
        steps=profile.activity_steps if steps is None else steps, batch_size=profile.batch_size
    )
    sample = _Sample(labels, experiment)
    kinds, confusions = {}, {}
    for kind, trainer, parts in _variants(labels, experiment, pose_network, budget):
        confusions[kind] = [
            _confusions(trainer, *parts, sample, fraction, seeds) for fraction in fractions
        ]
        kinds[kind] = _kind_row(kind, trainer.network, confusions[kind], sample, fractions)
        if kind == "both":
            with files.replacing(Path(run_dir) / NETWORK_FILE) as temporary:
                networks.whole_network(pose_network, trainer.network).save(temporary)
    return {
        "data": experiment.describe(),
        "measured": True,
        "labels": labels.source,
        "activities": list(labels.names),
        "budget": asdict(budget),
        "seeds": list(seeds),
        "fractions": fractions,
        "pictures": {
            "validation": len(sample.true),
            "train": [
                len(share_of_each(sample.train_codes, fraction, seed=seeds[0]))
                for fraction in fractions
            ],
        },
        "pose_network": {
            "folder": described["folder"],
            "epochs": described["epochs"],
            "parameters": pose_network.count_params(),
            "validation_mse": described["validation_mse"],
            "mean_pose_mse": described["baselines"]["mean_pose"],
        },
        "kinds": kinds,
        "constant": _constant(sample, labels),
        "differences": [_differences(pair, confusions, sample, fractions) for pair in PAIRS],
        "gain_with_few_labels": _gain_with_few_labels(confusions, sample, fractions),
        "needs": [NETWORK_FILE, f"{described['folder']}/best.keras"],
        "headline": [
            headline(
                f"{SCORE_TITLES[name]}, {TITLES[kind]}", kinds[kind]["by_fraction"][-1][name], 3
            )
            for name in SCORES
            for kind in ("image", "pose", "both")
        ],
    }


class _Sample:
    """The labelled pictures: activities to train on, and those that are scored."""

    def __init__(self, labels, experiment):
        dataset, split = experiment.dataset, experiment.split
        validation = split.indices(dataset, "validation")
        self.train_codes = labels.codes[split.indices(dataset, "train")]
        self.validated = labels.codes[validation] >= 0
        self.true = labels.codes[validation][self.validated]
        self.groups = split.groups[validation][self.validated]
        self.activities = len(labels.names)
        self._bootstrap = {"seed": split.seed, "resamples": experiment.profile.resamples}

    def contrast(self, score, signs, confusions):
        """A signed sum of the score of several confusions (S, n, C, C), pooled over their seeds.

        A dict of value, float, and interval, [low, high], over pictures.
        """

        def statistic(sums):  # (R, M, C, C)
            return score(sums) @ np.array(signs)

        pooled = [each.sum(axis=0) for each in confusions]  # (n, C, C) each
        value = float(statistic(np.stack([each.sum(axis=0) for each in pooled])[None])[0])
        return {
            "value": value,
            "interval": interval(statistic, pooled, self.groups, **self._bootstrap),
        }

    def scores(self, confusions):
        """name of SCORES -> value and interval, of confusions (S, n, C, C)."""
        return {name: self.contrast(score, [1], [confusions]) for name, score in SCORES.items()}


def _check(labels, experiment, fractions):
    dataset, split = experiment.dataset, experiment.split
    of_train = counts(labels, split.indices(dataset, "train"))
    if not of_train.all():
        code = int(np.argmin(of_train))
        everywhere = np.flatnonzero(labels.codes == code)
        raise PosekitError(
            f"{labels.source}: every activity must have a picture in the train part; got none of "
            f"{labels.names[code]!r}, which {len(everywhere)} pictures have, such as "
            f"{dataset.image_ids[everywhere[0]]}. Correct these labels, or label more pictures."
        )
    if not counts(labels, split.indices(dataset, "validation")).any():
        raise PosekitError(
            f"{labels.source}: pictures of the validation part must have an `activity`; got none. "
            "Label more pictures."
        )
    rises = fractions == sorted(set(fractions))
    if not fractions or not rises or fractions[0] <= 0 or fractions[-1] != 1:
        raise PosekitError(
            f"compare(): `fractions` must be above 0, rise and end in 1; got {fractions}."
        )


def _variants(labels, experiment, pose_network, budget):
    """(kind, Trainer, (train, validation) as activity.Pictures), one kind after the other."""
    images = {part: experiment.images(part) for part in ("train", "validation")}
    reader = networks.cue_reader(pose_network)
    predicted = [
        predicted_cues(reader, shown, mirrored=part == "train") for part, shown in images.items()
    ]
    true = [true_cues(experiment, part, mirrored=part == "train") for part in images]
    for kind in TITLES:
        cues = true if kind == "true_pose" else predicted

        def build(kind=kind, cues=cues):
            return networks.classifier(
                "pose" if kind == "true_pose" else kind,
                activities=len(labels.names),
                frame_px=experiment.frame_px,
                features=cues[0].features.shape[-1],
                joints=cues[0].keypoints_px.shape[-1] // 2,
            )

        yield kind, Trainer(build, budget), list(map(Pictures, images.values(), cues))


def _confusions(trainer, train, validation, sample, fraction, seeds):
    """What each scored picture adds to each seed's confusion matrix, float (S, n, C, C)."""
    each = []
    # The first seed comes last, so that its network is there in the end.
    for seed in reversed(seeds):
        rows = share_of_each(sample.train_codes, fraction, seed=seed)
        trainer.train(train, sample.train_codes, rows, seed=seed)
        predicted = trainer.predict(validation)[sample.validated]
        each.insert(0, confusion_per_picture(sample.true, [predicted], sample.activities))
    return np.stack(each)


def _kind_row(kind, network, confusions, sample, fractions):
    """One kind of classifier, JSON-ready.

    `by_fraction` has scores with intervals over pictures (of the confusion pooled over the seeds)
    and `by_seed`, each seed's; confusion and F1 by activity are those of the last fraction.
    """
    rows = [
        {
            "fraction": fraction,
            **sample.scores(each),
            "by_seed": {name: _by_seed(score, each).tolist() for name, score in SCORES.items()},
        }
        for fraction, each in zip(fractions, confusions, strict=True)
    ]
    confusion = confusions[-1].sum(axis=(0, 1))
    return {
        "title": TITLES[kind],
        "trained_parameters": sum(
            math.prod(variable.shape) for variable in network.trainable_variables
        ),
        "by_fraction": rows,
        "over_seeds": {name: seed_summary(each) for name, each in rows[-1]["by_seed"].items()},
        "confusion": confusion.astype(int),
        "f1": f1(confusion),
    }


def _by_seed(score, confusions):
    return score(confusions.sum(axis=1))


def _constant(sample, labels):
    codes = sample.train_codes[sample.train_codes >= 0]
    most_frequent = int(np.bincount(codes).argmax())
    predicted = np.full((1, len(sample.true)), most_frequent)
    confusions = confusion_per_picture(sample.true, predicted, sample.activities)[None]
    return {"activity": labels.names[most_frequent], **sample.scores(confusions)}


def _differences(pair, confusions, sample, fractions):
    """How much better the first of two kinds is than the second, by fraction and score."""
    rows = []
    for index, fraction in enumerate(fractions):
        both = [confusions[kind][index] for kind in pair]
        row = {"fraction": fraction}
        for name, score in SCORES.items():
            over_seeds = paired_difference(*(_by_seed(score, each) for each in both))["interval"]
            row[name] = _decided(sample.contrast(score, [1, -1], both), over_seeds)
        rows.append(row)
    return {"first": pair[0], "second": pair[1], "by_fraction": rows}


def _gain_with_few_labels(confusions, sample, fractions):
    """How much more accuracy the pose adds to the image with the fewest labels than with all."""
    if len(fractions) == 1:
        return None
    score = SCORES["accuracy"]
    four = [confusions[kind][index] for index in (0, -1) for kind in ("both", "image")]
    few, few_image, everything, all_image = (_by_seed(score, each) for each in four)
    over_seeds = paired_difference(few - few_image, everything - all_image)["interval"]
    found = sample.contrast(score, [1, -1, -1, 1], four)
    return {"fraction": fractions[0], **_decided(found, over_seeds)}


def _decided(contrast, over_seeds):
    """Decided is what excludes 0 over pictures and over seeds, on the same side."""
    intervals = [contrast["interval"], over_seeds]
    apart = over_seeds is not None and (
        all(low > 0 for low, _ in intervals) or all(high < 0 for _, high in intervals)
    )
    return {**contrast, "interval_over_seeds": over_seeds, "decided": bool(apart)}


def counts(labels, indices):
    """How many of the chosen pictures have each activity, int (C,)."""
    codes = labels.codes[indices]
    return np.bincount(codes[codes >= 0], minlength=len(labels.names))
