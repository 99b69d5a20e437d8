"""Notebook 03: what batch normalisation does for the poster's network, each at its best rate."""

from dataclasses import dataclass

import numpy as np

from posekit import wording
from posekit.evaluation.seeds import paired_difference
from posekit.files import PROJECT_ROOT
from posekit.models import losses
from posekit.studies.poster import trials
from posekit.studies.poster.trials import SCALINGS, Trial, best_rates
from posekit.training.keras_patches import seeded
from posekit.wording import comparability, number

# Trainings on LSPet's photographs, as numbers.
TRACKED = PROJECT_ROOT / "reports" / "batchnorm.json"

# Rates that each network is tried at: Adam's usual one, four times and a quarter of it.
RATES = (1e-3, 4e-3, 2.5e-4)

START_IMAGES = 64

LABELS = {True: "with batch norm", False: "without"}

# What is compared: the name in a row of `trials.train_all`, and in words.
SCORES = {"best_validation_mse": "validation MSE", "train_mse": "training MSE"}

# A table's only row, where trainings are still to come.
NONE_YET = [{"trainings": "none yet"}]

# The scalings as parts of sentences.
WHERE = {
    "plain pixels": "in plain pixels",
    "posekit's": "in posekit's scaling",
    "small start": "from a small start",
}

# What a difference between the networks means, by `_effect`.
VERDICTS = {"less": "it helps", "more": "it harms", None: "not decided"}
POSTERS_CLAIM = {"less": "is reproduced", "more": "is not reproduced", None: "is not decided"}


@dataclass(frozen=True)
class Size:
    """How much of the comparison a notebook trains itself."""

    scalings: tuple
    frame_px: int
    data_fraction: float
    epochs: int
    batch_size: int


SIZES = {
    "smoke": Size(("plain pixels",), 32, 0.5, 1, 16),
    "quick": Size(("plain pixels", "posekit's"), 32, 0.5, 4, 16),
    "full": Size(tuple(SCALINGS), 64, 0.5, 10, 32),
}


def compare_scalings(
    experiment, run_dir, *, epochs, batch_size, seeds, final_epochs=None, out=None
):
    """The rows of the poster's network in each scaling, with and without batch normalisation.

    Each is trained, by `trials.train_all`, at each of RATES with the first seed, for `epochs`; then
    at its own best rate with all seeds, for `final_epochs` (None: as many).
    """
    kept = {"experiment": experiment, "run_dir": run_dir, "out": out}
    search = trials.train_all(
        [
            Trial(*each, rate, seeds[0], epochs, batch_size)
            for rate in RATES
            for each in _networks(SCALINGS)
        ],
        **kept,
    )
    best = best_rates(search)
    final = [
        Trial(*each, best[each], seed, final_epochs or epochs, batch_size)
        for seed in seeds
        for each in _networks(SCALINGS)
        if each in best
    ]
    return search + [row for row in trials.train_all(final, **kept) if row not in search]


def train(experiment, run_dir, *, seeds, label_treatment, epochs=None):
    """A notebook's own trainings, in the profile's size, at the rates that photographs liked best.

    `epochs` None takes those of the size. Returns the rows of `trials.train_all`.
    """
    size = SIZES[experiment.profile.name]
    rates = best_rates(latest(trials.read(TRACKED)))
    return trials.train_all(
        [
            Trial(
                *each,
                rates.get(each, RATES[0]),
                seed,
                epochs or size.epochs,
                size.batch_size,
                label_treatment=label_treatment,
            )
            for seed in seeds
            for each in _networks(size.scalings)
        ],
        _in_size(experiment, size),
        run_dir,
    )


def starts(experiment, *, label_treatment, seed=0):
    """What each network says before it has learned anything, rows for a table.

    `spread` is the standard deviation of its first outputs from picture to picture and `loss` the
    error of its first training step, both in pixels of the frame. Batch normalisation gives the
    last layer inputs of one size, whatever the layers before it do.
    """
    images = experiment.images("train")[:START_IMAGES].astype(np.float32)
    targets = experiment.targets("train", label_treatment)[:START_IMAGES]
    rows = []
    for scaling in SCALINGS:
        row = {"scaling": scaling}
        for batch_norm, label in LABELS.items():
            with seeded(seed):
                model = trials.network(
                    scaling,
                    batch_norm=batch_norm,
                    frame_px=experiment.frame_px,
                    joints=targets.shape[1],
                )
            said_px = model(images, training=True)
            row[f"spread, {label}"] = float(np.std(said_px, axis=0).mean())
            row[f"loss, {label}"] = float(losses.weighted_mse(targets, said_px))
        rows.append(row)
    return rows


def latest(rows):
    """The rows of the tracked file that belong together: those on its last training's data."""
    shared = ("data", "batch_size", "label_treatment", "flip")
    return [row for row in rows if all(row[name] == rows[-1][name] for name in shared)]


def compare(rows, experiment, *, label_treatment):
    """Everything notebook 03 reports on the rows of its own trainings, JSON-ready."""
    photographs = latest(trials.read(TRACKED))
    in_size = _in_size(experiment, SIZES[experiment.profile.name])
    found = findings(rows)
    return {
        "data": experiment.describe(),
        "label_treatment": label_treatment,
        "starts": starts(in_size, label_treatment=label_treatment),
        "trainings": rows,
        "findings": found,
        "photographs": {"trainings": photographs, "findings": findings(photographs)},
        "headline": [
            {
                "label": "validation MSE, with minus without batch normalisation, "
                f"{each['scaling']}",
                "value": round(difference["mean_difference"], 1),
                "interval": difference["interval"],
                "note": f"seeds: {len(each['seeds'])}, "
                f"{'decided' if difference['decided'] else 'not decided'}",
            }
            for each in found
            for difference in [each["differences"]["best_validation_mse"]]
        ],
    }


def _networks(scalings):
    return [(scaling, batch_norm) for scaling in scalings for batch_norm in LABELS]


def _in_size(experiment, size):
    return experiment.with_data_fraction(size.data_fraction).resized(size.frame_px)


def findings(rows):
    """What trainings show about each scaling, list of dict, JSON-ready.

    Each network is judged at its own best rate, over the seeds that both of a pair have. `rates`
    and `means` are with and without, `differences` with minus without; `mean_pose` is the
    constant's validation MSE.
    """
    rates, found = best_rates(rows), []
    for scaling in SCALINGS:
        pair = [
            {row["seed"]: row for row in rows_at(rows, scaling, batch_norm, rates)}
            for batch_norm in LABELS
        ]
        seeds = sorted(set(pair[0]) & set(pair[1]))
        if not seeds:
            continue
        values = {
            score: [[by_seed[seed][score] for seed in seeds] for by_seed in pair]
            for score in SCORES
        }
        first = pair[0][seeds[0]]
        found.append(
            {
                "scaling": scaling,
                "seeds": seeds,
                "rates": [rates[scaling, batch_norm] for batch_norm in LABELS],
                "means": {score: np.mean(both, axis=1).tolist() for score, both in values.items()},
                "differences": {score: paired_difference(*both) for score, both in values.items()},
                "epochs": first["epochs"],
                "mean_pose": first["baselines"]["mean_pose"],
            }
        )
    return found


def rows_at(rows, scaling, batch_norm, rates):
    """The rows of one network at its rate in `rates`, those of the longest trainings."""
    chosen = [
        row
        for row in rows
        if (row["scaling"], row["batch_norm"]) == (scaling, batch_norm)
        and row["learning_rate"] == rates.get((scaling, batch_norm))
        and "diverged" not in row
    ]
    longest = max((row["epochs"] for row in chosen), default=None)
    return [row for row in chosen if row["epochs"] == longest]


def search_table(rows):
    """Rows for a table: each network's validation MSE at each rate, with the first seed."""
    if not rows:
        return NONE_YET
    first = min(row["seed"] for row in rows)
    least = min(row["epochs"] for row in rows)
    found = {
        (row["scaling"], row["batch_norm"], row["learning_rate"]): row.get("best_validation_mse")
        for row in rows
        if (row["seed"], row["epochs"]) == (first, least)
    }
    rates = sorted({rate for _, _, rate in found})
    return [
        {
            "scaling": scaling,
            "batch normalisation": "with" if batch_norm else "without",
            **{f"rate {rate:g}": found.get((scaling, batch_norm, rate)) for rate in rates},
        }
        for scaling, batch_norm in dict.fromkeys(key[:2] for key in found)
    ]


def difference_table(found):
    """Rows for a table: each score with and without, and the paired difference over the seeds."""
    return [
        {
            "scaling": each["scaling"],
            "score": words,
            **dict(zip(LABELS.values(), each["means"][score], strict=True)),
            "mean pose": each["mean_pose"] if score == "best_validation_mse" else None,
            "difference": each["differences"][score]["mean_difference"],
            "95 % interval": each["differences"][score]["interval"],
            "seeds": len(each["seeds"]),
            "decided": each["differences"][score]["decided"],
        }
        for each in found
        for score, words in SCORES.items()
    ] or NONE_YET


def panels(rows):
    """What `plots.learning_panels` draws: histories of each network at its own best rate."""
    rates = best_rates(rows)
    drawn = {
        WHERE[scaling]: {
            label: [row["history"] for row in rows_at(rows, scaling, batch_norm, rates)]
            for batch_norm, label in LABELS.items()
        }
        for scaling in ("plain pixels", "posekit's")
    }
    return {name: both for name, both in drawn.items() if all(both.values())}


def photographs_text(trained):
    """What was run on photographs, Markdown; `trained` are the tracked rows."""
    if not trained:
        return "No trainings on photographs are stored."
    data = trained[0]["data"]
    epochs = sorted({row["epochs"] for row in trained})
    return (
        f"Measured on photographs, LSPet: {_count(len(trained), 'training')} of "
        f"{' and '.join(map(str, epochs))} epochs, {data['train']:,} pictures of "
        f"{data['frame_px']} x {data['frame_px']} px to train, {data['validation']:,} to validate, "
        f"`{trained[0]['label_treatment']}` labels, batches of {trained[0]['batch_size']}. Only "
        "numbers are kept, in `reports/batchnorm.json`."
    )


def answer(result):
    """What notebook 03 found, as Markdown."""
    on_photographs, name = result["photographs"], result["data"]["name"]
    # Photographs say more than synthetic people, where there are seeds to decide it.
    repeated = any(len(each["seeds"]) > 1 for each in on_photographs["findings"])
    source = on_photographs if repeated else result
    # Small networks may answer otherwise than the poster's.
    side_px = source["trainings"][0]["data"]["frame_px"]
    where = f"{'photographs' if repeated else name} of {side_px} px"
    ours = next(row for row in result["starts"] if row["scaling"] == "posekit's")
    with_it, without = (number(ours[f"spread, {label}"], 2) for label in LABELS.values())
    return wording.answer(
        _verdict(source["findings"], where),
        "Batch normalisation replaces a scaling that a network lacks. Where there is one, its "
        f"first outputs are larger than a pose asks for: they spread by {with_it} px with it and "
        f"{without} px without in posekit's scaling.",
        _posters_claim(source["findings"]),
        comparability(result["data"]).strip(),
        numbers=[
            *lines("photographs", on_photographs["findings"]),
            *lines(name, result["findings"]),
        ],
    )


def _verdict(found, where):
    scalings = {effect: [] for effect in VERDICTS}
    for each in found:
        scalings[_effect(each, "best_validation_mse")].append(WHERE[each["scaling"]])
    parts = [
        f"{VERDICTS[effect]} {' and '.join(them)}" for effect, them in scalings.items() if them
    ]
    text = "; ".join(parts) or "no pair of networks is trained"
    seeds = max((len(each["seeds"]) for each in found), default=0)
    return f"{text[0].upper()}{text[1:]} ({where}, {_count(seeds, 'seed')})."


def _posters_claim(found):
    """Whether less bias is seen where the poster saw it; "" without such trainings."""
    for each in found:
        if each["scaling"] == "plain pixels":
            with_it, without = map(number, each["means"]["train_mse"])
            return (
                f"The poster's lower bias {POSTERS_CLAIM[_effect(each, 'train_mse')]} in plain "
                f"pixels (training MSE {with_it} with it, {without} without)."
            )
    return ""


def lines(data, found):
    """A line for each scaling: the scores with and without, and the difference."""
    return [
        f"{data}, {WHERE[each['scaling']]}: "
        + "; ".join(
            f"{words} {' with and '.join(map(number, each['means'][score]))} without "
            f"({_difference(each['differences'][score])})"
            for score, words in SCORES.items()
        )
        + f"; mean pose {number(each['mean_pose'])}; rates {each['rates'][0]:g} and "
        f"{each['rates'][1]:g}, {_count(each['epochs'], 'epoch')}, "
        + _count(len(each["seeds"]), "seed")
        for each in found
    ]


def _effect(each, score):
    """ "less" or "more" with batch normalisation where the seeds decide it, else None."""
    paired = each["differences"][score]
    if not paired["decided"]:
        return None
    return "less" if paired["mean_difference"] < 0 else "more"


def _difference(paired):
    text = f"{paired['mean_difference']:+.1f} with it"
    if paired["interval"] is None:
        return text
    low, high = map(number, paired["interval"])
    return f"{text}, 95 % interval {low} to {high}{'' if paired['decided'] else ', not decided'}"


def _count(count, what):
    return f"{count} {what}{'s' * (count != 1)}"
