"""Compare two runs: their curves in one figure, and differences with intervals.

A run is the folder of a report, of trainings, or of one training. Trainings are paired by their
settings, the most similar first; trainings that differ in the seed alone belong together.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

from posekit.errors import PosekitError
from posekit.evaluation import metrics, per_image
from posekit.evaluation.seeds import paired_difference
from posekit.plots import curves
from posekit.report import pages
from posekit.report.verify import side_by_side
from posekit.training import records

# Of the bootstrap over image groups: the same two runs always give the same page.
SEED = 0
RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Run:
    """What was found in one folder."""

    folder: Path
    variants: list


@dataclass(frozen=True, eq=False)
class Variant:
    """Trainings that differ in their seed alone."""

    settings: dict  # the configuration without the seed
    data: dict  # the data set's fingerprint and the split
    trainings: dict  # seed -> records.TrainingRecord

    @property
    def title(self):
        names = ("network", "label_treatment", "view")
        return ", ".join(str(self.settings[name]) for name in names if self.settings.get(name))


def open_run(folder):
    """The Run in the folder, a Path, of a report, of trainings, or of one training."""
    must_be = f"{folder}: must be the folder of a report or of a training; got"
    if not folder.is_dir():
        raise PosekitError(f"{must_be} {'a file' if folder.exists() else 'nothing there'}.")
    folders = [folder]
    if not (folder / "config.json").is_file():
        folders = sorted(path.parent for path in folder.glob("training/*/history.json"))
    if not folders:
        raise PosekitError(
            f"{must_be} no training/*/history.json in it. `posekit runs` lists what there is."
        )
    variants = {}
    for record in map(records.read, folders):
        settings = {name: value for name, value in record.config.items() if name != "seed"}
        data = {name: record.data.get(name) for name in ("fingerprint", "split")}
        key = repr((sorted(settings.items()), data))
        variant = variants.setdefault(key, Variant(settings, data, {}))
        variant.trainings[record.config.get("seed")] = record
    return Run(folder, list(variants.values()))


def compare(first, second):
    """Compare two Runs in everything that they share.

    Returns a dict of lists: `conditions`, as of `side_by_side`; `pairs`, as of `_pair`; `alone`,
    "side" and "title" of trainings without a partner; `problems`, sentences on what cannot be
    compared.
    """
    if first.folder.resolve() == second.folder.resolve():
        raise PosekitError(f"compare: the runs must be two; got {first.folder} twice.")
    matched, alone = _matched(first.variants, second.variants)
    pairs = [_pair(one, other) for one, other in matched]
    # Most often all pairs have the same one.
    problems = list(dict.fromkeys(problem for pair in pairs for problem in pair["problems"]))
    if not pairs:
        problems.append("Not comparable: no training of one run has a partner in the other.")
    return {
        "conditions": side_by_side(_described(first), _described(second)),
        "pairs": pairs,
        "alone": alone,
        "problems": problems,
    }


def page(result, names):
    """The HTML page of a comparison; `names` are what the two runs are called in it."""
    return pages.render(
        "compare.html",
        result=result,
        names=names,
        figures=[_figure(pair, names) for pair in result["pairs"]],
        scores=[_score_rows(pair, names) for pair in result["pairs"]],
        resamples=RESAMPLES,
    )


def to_text(result, names):
    """The differences as text for a terminal, problems last."""
    lines = []
    for pair in result["pairs"]:
        lines.append(pair["title"])
        for row in _score_rows(pair, names):
            lines.append(
                f"  {row['score']:34}{row['first']:>9}{row['second']:>9}  {row['difference']} "
                f"({row['low']} to {row['high']})  better: {row['better'] or 'undecided'}"
            )
    return "\n".join([*lines, *result["problems"]])


def names_of(first, second):
    """Short names that tell two runs apart."""
    one, other = first.folder.resolve(), second.folder.resolve()
    return (str(one), str(other)) if one.name == other.name else (one.name, other.name)


def _matched(firsts, seconds):
    """Pairs of variants, the most alike first, each in one pair at most; and who is left."""
    pairs, left, other_left = [], list(firsts), list(seconds)
    while left and other_left:
        one, other = min(
            product(left, other_left),
            key=lambda pair: (len(_differing(*pair)), pair[0].data != pair[1].data),
        )
        pairs.append((one, other))
        left.remove(one)
        other_left.remove(other)
    alone = [
        {"side": side, "title": f"{variant.title}, {variant.settings.get('epochs')} epochs"}
        for side, variants in (("first", left), ("second", other_left))
        for variant in variants
    ]
    return pairs, alone


def _differing(one, other):
    """Settings that both have and that differ; older trainings lack some settings."""
    return [
        {"name": name, "first": value, "second": other.settings[name]}
        for name, value in one.settings.items()
        if name in other.settings and value != other.settings[name]
    ]


def _pair(one, other):
    """What a page shows of a pair of variants; `scores` and `over_seeds` may be None."""
    differing = _differing(one, other)
    changed = "; ".join(f"{row['name']} {row['first']} → {row['second']}" for row in differing)
    scores, image_count, problems = None, None, _obstacles(one, other)
    if not problems:
        scores, image_count, problems = _scores(one, other)
    trainings = [list(variant.trainings.values()) for variant in (one, other)]
    return {
        "title": f"{one.title} ({changed})" if changed else one.title,
        "differing": differing,
        "seeds": [sorted(one.trainings), sorted(other.trainings)],
        "histories": [[record.history for record in each] for each in trainings],
        "mean_pose": [each[0].baselines.get("mean_pose") for each in trainings],
        "scores": scores,
        "image_count": image_count,
        "over_seeds": _over_seeds(one, other),
        "problems": problems,
    }


def _obstacles(one, other):
    """Why two variants cannot be compared image by image; empty if they can."""
    both, obstacles = (one, other), []
    prints = [str(each.data["fingerprint"]) for each in both]
    splits = [
        ", ".join(f"{name} {value}" for name, value in (each.data["split"] or {}).items())
        for each in both
    ]
    views = [each.settings.get("view", "squashed") for each in both]
    if prints[0] != prints[1]:
        obstacles.append(f"different data, fingerprints {' and '.join(prints)}")
    elif one.data["split"] != other.data["split"]:
        obstacles.append(f"different splits, {' and '.join(splits)}")
    if views[0] != views[1]:
        seen = " and ".join(views)
        obstacles.append(f"the networks see different parts of a picture, {seen}")
    return [f"Not comparable: {obstacle}." for obstacle in obstacles]


def _scores(one, other):
    """Differences over images, averaged over seeds: (rows or None, image count, problems)."""
    sides = [
        [record.folder / per_image.FILE for record in _in_common(*pair).values()]
        for pair in ((one, other), (other, one))
    ]
    missing = [path.parent for side in sides for path in side if not path.is_file()]
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        problem = (
            f"No intervals: {per_image.FILE} is missing in {missing[0]}{others}. A training of an "
            "earlier version has none: run its command again, which scores finished trainings "
            "without training them again."
        )
        return None, None, [problem]
    read = [[per_image.read(path) for path in side] for side in sides]
    if not per_image.are_alike([*read[0], *read[1]]):
        return None, None, ["No intervals: the two were not scored on the same images and labels."]
    first, second = map(per_image.mean, read)
    rows = per_image.differences(first, second, seed=SEED, resamples=RESAMPLES)
    return rows, len(first.image_ids), []


def _in_common(one, other):
    """One's trainings of the seeds that both have; all of them if no seed is shared."""
    common = {seed: record for seed, record in one.trainings.items() if seed in other.trainings}
    return common or one.trainings


def _over_seeds(one, other):
    """Student's interval of the validation error's change; None if the errors differ in kind."""
    seeds = sorted(set(one.trainings) & set(other.trainings))
    same_error = all(
        one.settings.get(name) == other.settings.get(name)
        for name in ("label_treatment", "frame_px", "view")
    )
    if not seeds or not same_error or one.data != other.data:
        return None
    errors = [
        [variant.trainings[seed].best_validation_mse for seed in seeds] for variant in (one, other)
    ]
    difference = paired_difference(errors[1], errors[0])
    means = [sum(values) / len(values) for values in errors]
    return {"seeds": seeds, "first": means[0], "second": means[1], **difference}


def _described(run):
    """The conditions of a run, name -> text; several values are listed."""
    data = [record.data for variant in run.variants for record in variant.trainings.values()]
    splits = [each.get("split") or {} for each in data]
    facts = {
        "data": [each.get("name") for each in data],
        "images": [each.get("images") for each in data],
        "data fingerprint": [each.get("fingerprint") for each in data],
        "split": [split.get("name") for split in splits],
        "seed of the split": [split.get("seed") for split in splits],
        "validation images": [split.get("validation") for split in splits],
        "trainings": [len(data)],
    }
    return {
        name: ", ".join(sorted({str(value) for value in values if value is not None})) or "–"
        for name, values in facts.items()
    }


def _score_rows(pair, names):
    """The differences of a pair as text; `better` is None or a name."""
    rows = []
    for row in pair["scores"] or []:
        # A file of another version may hold other scores.
        score = metrics.SCORES.get(row["score"]) or metrics.Score(row["score"], "", 3, False)
        low, high = row["interval"]
        signed = {"difference": row["difference"], "low": low, "high": high}
        rows.append(
            {
                "score": score.title,
                **{side: f"{row[side]:.{score.digits}f}" for side in ("first", "second")},
                **{name: f"{value:+.{score.digits}f}" for name, value in signed.items()},
                "better": {"first": names[0], "second": names[1]}.get(row["better"]),
            }
        )
    return rows


def _figure(pair, names):
    """The learning curves of a pair over each other, base64 text of a PNG."""
    poses = pair["mean_pose"]
    if poses[0] == poses[1]:
        baselines = {"mean pose": poses[0]}
    else:
        baselines = {f"mean pose of {name}": pose for name, pose in zip(names, poses, strict=True)}
    baselines = {name: round(pose, 1) for name, pose in baselines.items() if pose is not None}
    histories = dict(zip(names, pair["histories"], strict=True))
    return pages.picture_of(curves.learning_curves(histories, baselines=baselines))
