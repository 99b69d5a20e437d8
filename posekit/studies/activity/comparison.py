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
from posekit.evaluation.seeds import all_decide, seed_summary
from posekit.studies.activity import cues, networks, scores
from posekit.studies.activity.scores import SCORES, confusion_per_picture, interval
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

    `labels` are ActivityLabels, or None: `measured` is then False, and nothing is. `steps`, of
    every training, and `fractions`, of the training pictures of each activity, ascending to 1, are
    the profile's where None. NETWORK_FILE in `run_dir` gets the network with both branches, trained
    jointly on all training pictures with the first seed.
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
        kind: [
            sample.confusions(np.argmax([scored for scored, _ in by_seed], axis=-1))
            for by_seed in learned[kind]
        ]
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
            "has_seen_training_pictures": manifest.read(path_of(model)).stored["data"][
                "fingerprint"
            ]
            == experiment.dataset.fingerprint(),
        },
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

    def confusions(self, predicted):
        """What each scored picture adds to each seed's confusion matrix, float (S, n, C, C)."""
        return confusion_per_picture(self.true, predicted, self.activities)

    def contrast(self, name, signs, confusions):
        """A signed sum of the score of several confusions (S, n, C, C), pooled over their seeds.

        A dict of value, float, and interval, [low, high], over pictures.
        """

        def statistic(sums):  # (R, M, C, C)
            return SCORES[name](sums) @ np.array(signs)

        pooled = [each.sum(axis=0) for each in confusions]  # (n, C, C) each
        value = float(statistic(np.stack([each.sum(axis=0) for each in pooled])[None])[0])
        return {
            "value": value,
            "interval": interval(statistic, pooled, self.groups, **self._bootstrap),
        }

    def scores(self, confusions):
        """name of SCORES -> value and interval, of confusions (S, n, C, C)."""
        return {name: self.contrast(name, [1], [confusions]) for name in SCORES}

    def difference(self, name, signs, confusions):
        """A `contrast`, and whether it excludes 0 over pictures and over seeds, on one side."""
        found = self.contrast(name, signs, confusions)
        by_seed = np.dot(signs, [SCORES[name](each.sum(axis=1)) for each in confusions])
        over_seeds = seed_summary(by_seed)["interval"]
        decided = all_decide([found["interval"], over_seeds])
        return {**found, "interval_over_seeds": over_seeds, "decided": decided}


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
    """What the picture branch sees, and (train, validation) as Pictures by the pose's source."""
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
    """Probabilities of scored pictures and, if `crossed`, of training pictures, float (n, C) each.

    A training picture's are those of a training without it and its near-duplicates.
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
    """What picture and pose, each as `_learned`, say together of scored pictures."""
    scored, unseen = zip(image, pose, strict=True)
    return scores.pooled(scored, scores.powers(unseen, codes)), None


def _kind_row(kind, parameters, confusions, sample, fractions):
    """One kind of classifier, JSON-ready; the confusion is that of the last fraction."""
    rows = [
        {
            "fraction": fraction,
            **sample.scores(each),
            "by_seed": {name: score(each.sum(axis=1)).tolist() for name, score in SCORES.items()},
        }
        for fraction, each in zip(fractions, confusions, strict=True)
    ]
    return {
        "title": TITLES[kind],
        "trained_parameters": parameters,
        "by_fraction": rows,
        "confusion": confusions[-1].sum(axis=(0, 1)).astype(int),
    }


def _constant(sample, labels):
    codes = sample.train_codes[sample.train_codes >= 0]
    most_frequent = int(np.bincount(codes).argmax())
    confusions = sample.confusions(np.full((1, len(sample.true)), most_frequent))
    return {"activity": labels.names[most_frequent], **sample.scores(confusions)}


def _differences(pair, confusions, sample, fractions):
    """How much better the first of two kinds is than the second, by fraction and score."""
    rows = []
    for index, fraction in enumerate(fractions):
        both = [confusions[kind][index] for kind in pair]
        found = {name: sample.difference(name, [1, -1], both) for name in SCORES}
        rows.append({"fraction": fraction, **found})
    return {"first": pair[0], "second": pair[1], "by_fraction": rows}


def _gain_with_few_labels(confusions, sample, fractions):
    """How much more accuracy the pose adds to the image with the fewest labels than with all."""
    if len(fractions) == 1:
        return None
    four = [confusions[kind][index] for index in (0, -1) for kind in ("staged", "image")]
    found = sample.difference("accuracy", [1, -1, -1, 1], four)
    return {"fraction": fractions[0], **found}


def counts(labels, indices):
    """How many of the chosen pictures have each activity, int (C,)."""
    codes = labels.codes[indices]
    return np.bincount(codes[codes >= 0], minlength=len(labels.names))
