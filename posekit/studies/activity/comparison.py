"""Activities recognised from the picture, from the pose and from both: trained and compared."""

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np

from posekit import files
from posekit.datasets import splits
from posekit.errors import PosekitError
from posekit.estimators import manifest
from posekit.estimators.loading import path_of
from posekit.evaluation.seeds import all_decide, paired_difference
from posekit.studies.activity import cues, networks, pooling
from posekit.studies.activity.scores import SCORES, confusion_per_picture, f1, interval
from posekit.studies.activity.trainer import Budget, Pictures, Trainer, share_of_each
from posekit.wording import headline

TITLES = {
    "image": "picture alone",
    "pose": "pose alone",
    "staged": "both, in stages",
    "both": "both, jointly",
    "true_pose": "true joints",
}
SCORE_TITLES = {"accuracy": "accuracy", "macro_f1": "macro F1"}

# What is compared, first minus second.
PAIRS = (
    ("staged", "image"),
    ("staged", "pose"),
    ("staged", "both"),
    ("pose", "image"),
)

# In stages, each of these parts of the training pictures is predicted by networks that learned
# from the others.
FOLDS = 2

NETWORK_FILE = "activity/image_and_pose.keras"


def pose_model(profile):
    """The shipped model that finds the poses: `best`, or the cheaper `quick` for a smoke test."""
    return "quick" if profile.name == "smoke" else "best"


def compare(labels, experiment, run_dir, *, seeds, steps=None, fractions=None):
    """Train and score all kinds of classifier on all fractions of the labels, JSON-ready.

    For each seed all kinds see the same pictures.

    Args:
        labels: ActivityLabels, or None: `measured` is then False, and nothing is.
        run_dir: folder; NETWORK_FILE in it gets the network with both branches, trained jointly on
            all training pictures with the first seed.
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
        steps=profile.activity_steps if steps is None else steps,
        batch_size=profile.activity_batch,
    )
    sample = _Sample(labels, experiment)
    model = pose_model(profile)
    shows, parts = _pictures(experiment, model)
    learned, parameters = {}, {}
    for kind in ("image", "pose", "both", "true_pose"):
        train, validation = parts["true" if kind == "true_pose" else "predicted"]
        trainer = _trainer(kind, labels, train, budget)
        crossed = kind in ("image", "pose")
        # The first seed comes last, so that its network is there in the end.
        learned[kind] = [
            [
                _learned(trainer, train, validation, sample, fraction, seed, crossed=crossed)
                for seed in reversed(seeds)
            ][::-1]
            for fraction in fractions
        ]
        variables = trainer.network.trainable_variables
        parameters[kind] = sum(math.prod(variable.shape) for variable in variables)
        if kind == "both":
            with files.replacing(Path(run_dir) / NETWORK_FILE) as temporary:
                trainer.network.save(temporary)
    learned["staged"] = [
        [
            _staged(*both, sample.train_codes[sample.rows(fraction, seed)])
            for *both, seed in zip(image, pose, seeds, strict=True)
        ]
        for image, pose, fraction in zip(learned["image"], learned["pose"], fractions, strict=True)
    ]
    parameters["staged"] = parameters["image"] + parameters["pose"] + 2
    confusions = {
        kind: [sample.confusions([scored for scored, _ in by_seed]) for by_seed in learned[kind]]
        for kind in TITLES
    }
    kinds = {
        kind: _kind_row(kind, parameters[kind], confusions[kind], sample, fractions)
        for kind in TITLES
    }
    return {
        "data": experiment.describe(),
        "profile": profile.name,
        "measured": True,
        "labels": labels.source,
        "activities": list(labels.names),
        "budget": asdict(budget),
        "seeds": list(seeds),
        "fractions": fractions,
        "pictures": {
            "validation": len(sample.true),
            "train": [len(sample.rows(fraction, seeds[0])) for fraction in fractions],
        },
        "shows": shows,
        "pose_model": {
            "name": model,
            "has_seen_training_pictures": _has_seen(model, experiment.dataset),
        },
        "weights": [[powers for _, powers in by_seed] for by_seed in learned["staged"]],
        "kinds": kinds,
        "constant": _constant(sample, labels),
        "differences": [_differences(pair, confusions, sample, fractions) for pair in PAIRS],
        "gain_with_few_labels": _gain_with_few_labels(confusions, sample, fractions),
        "needs": [NETWORK_FILE],
        "headline": [
            headline(
                f"{SCORE_TITLES[name]}, {TITLES[kind]}", kinds[kind]["by_fraction"][-1][name], 3
            )
            for name in SCORES
            for kind in ("image", "pose", "staged", "both")
        ],
    }


def _has_seen(model, dataset):
    """Whether a pose network was trained on these data."""
    return manifest.read(path_of(model)).stored["data"]["fingerprint"] == dataset.fingerprint()


class _Sample:
    """The labelled pictures: activities to train on, and those that are scored."""

    def __init__(self, labels, experiment):
        dataset, split = experiment.dataset, experiment.split
        validation = split.indices(dataset, "validation")
        train = split.indices(dataset, "train")
        self.train_codes, self.train_groups = labels.codes[train], split.groups[train]
        self.validated = labels.codes[validation] >= 0
        self.true = labels.codes[validation][self.validated]
        self.groups = split.groups[validation][self.validated]
        self.activities = len(labels.names)
        self._bootstrap = {"seed": split.seed, "resamples": experiment.profile.resamples}

    def rows(self, fraction, seed):
        """The training pictures of a fraction, int (M,)."""
        return share_of_each(self.train_codes, fraction, seed=seed)

    def confusions(self, probabilities):
        """What each scored picture adds to each seed's confusion matrix, float (S, n, C, C)."""
        return np.stack(
            [
                confusion_per_picture(self.true, [each.argmax(axis=-1)], self.activities)
                for each in probabilities
            ]
        )

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


def _pictures(experiment, model):
    """What the picture branch sees, str, and (train, validation) as Pictures by the pose's source.

    The sources are "predicted", by the shipped model, and "true".
    """
    dataset, names = experiment.dataset, ("train", "validation")
    indices = {part: experiment.split.indices(dataset, part) for part in names}
    known = cues.picture_features(dataset, experiment.cache_dir)
    predicted = cues.pose_cues(dataset, experiment.cache_dir, model=model)
    parts = {"predicted": [], "true": []}
    for part in names:
        shown = experiment.images(part) if known is None else known[indices[part]]
        parts["predicted"].append(Pictures(shown, predicted.rows(indices[part])))
        parts["true"].append(Pictures(shown, cues.true_cues(experiment, part)))
    return "pictures" if known is None else "imagenet", parts


def _trainer(kind, labels, pictures, budget):
    def build():
        return networks.classifier(
            "pose" if kind == "true_pose" else kind,
            activities=len(labels.names),
            picture_shape=pictures.pictures.shape[1:],
            features=pictures.cues.features.shape[-1],
            joints=pictures.cues.keypoints_px.shape[-1] // 2,
        )

    return Trainer(build, budget)


def _learned(trainer, train, validation, sample, fraction, seed, *, crossed):
    """Probabilities of scored pictures, and of training pictures unseen, each float (n, C).

    A training picture's are those of a training without it and its near-duplicates; they are None
    unless `crossed`.
    """
    rows, codes, unseen = sample.rows(fraction, seed), sample.train_codes, None
    if crossed:
        unseen = np.empty((len(rows), sample.activities))
        folds = _folds(sample.train_groups[rows], seed)
        for fold in range(FOLDS):
            left_out = folds == fold
            trainer.train(train, codes, rows[~left_out], seed=seed)
            unseen[left_out] = trainer.predict(train, rows[left_out])
    trainer.train(train, codes, rows, seed=seed)
    return trainer.predict(validation, np.flatnonzero(sample.validated)), unseen


def _folds(groups, seed):
    """Which of FOLDS each picture is in, int (N,): all of a group in the same, sizes alike."""
    names, group_of = np.unique(groups, return_inverse=True)
    return np.random.default_rng(seed).permutation(np.arange(len(names)) % FOLDS)[group_of]


def _staged(image, pose, codes):
    """What picture and pose, each as `_learned`, say of scored pictures, and their powers."""
    (image_scored, image_unseen), (pose_scored, pose_unseen) = image, pose
    powers = pooling.weights([image_unseen, pose_unseen], codes)
    return pooling.pooled([image_scored, pose_scored], powers), powers.tolist()


def _kind_row(kind, parameters, confusions, sample, fractions):
    """One kind of classifier, JSON-ready.

    `by_fraction` has scores with intervals over pictures (of the confusion pooled over the seeds)
    and `by_seed`, each seed's; confusion and F1 by activity are those of the last fraction.
    """
    rows = [
        {
            "fraction": fraction,
            **sample.scores(each),
            "by_seed": {name: score(each.sum(axis=1)).tolist() for name, score in SCORES.items()},
        }
        for fraction, each in zip(fractions, confusions, strict=True)
    ]
    confusion = confusions[-1].sum(axis=(0, 1))
    return {
        "title": TITLES[kind],
        "trained_parameters": parameters,
        "by_fraction": rows,
        "confusion": confusion.astype(int),
        # An activity without pictures has none.
        "f1": [None if np.isnan(value) else float(value) for value in f1(confusion)],
    }


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
            by_seed = (score(each.sum(axis=1)) for each in both)
            over_seeds = paired_difference(*by_seed)["interval"]
            row[name] = _decided(sample.contrast(score, [1, -1], both), over_seeds)
        rows.append(row)
    return {"first": pair[0], "second": pair[1], "by_fraction": rows}


def _gain_with_few_labels(confusions, sample, fractions):
    """How much more accuracy the pose adds to the image with the fewest labels than with all."""
    if len(fractions) == 1:
        return None
    score = SCORES["accuracy"]
    four = [confusions[kind][index] for index in (0, -1) for kind in ("staged", "image")]
    few, few_image, everything, all_image = (score(each.sum(axis=1)) for each in four)
    over_seeds = paired_difference(few - few_image, everything - all_image)["interval"]
    found = sample.contrast(score, [1, -1, -1, 1], four)
    return {"fraction": fractions[0], **_decided(found, over_seeds)}


def _decided(contrast, over_seeds):
    """Decided is what excludes 0 over pictures and over seeds, on the same side."""
    decided = all_decide([contrast["interval"], over_seeds])
    return {**contrast, "interval_over_seeds": over_seeds, "decided": decided}


def counts(labels, indices):
    """How many of the chosen pictures have each activity, int (C,)."""
    codes = labels.codes[indices]
    return np.bincount(codes[codes >= 0], minlength=len(labels.names))
