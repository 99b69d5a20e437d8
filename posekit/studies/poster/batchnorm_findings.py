"""Notebook 03 in words: what trainings with and without batch normalisation show."""

import numpy as np

from posekit import wording
from posekit.evaluation.seeds import paired_difference
from posekit.studies.poster.trials import SCALINGS, best_rates
from posekit.wording import comparability, number

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
_VERDICTS = {"less": "it helps", "more": "it harms", None: "not decided"}
_SMALL_START = {
    "less": "Even from a small start it lowers the error",
    "more": "From a small start it is not needed: the error is higher with it",
    None: "From a small start no difference is decided",
}
_POSTERS_CLAIM = {
    "less": "The poster saw less bias with it: in plain pixels, that is reproduced",
    "more": "The poster's lower bias is not reproduced in plain pixels",
    None: "Whether it lowers bias in plain pixels, as the poster says, is not decided",
}


def findings(rows):
    """What trainings show about each scaling, list of dict, JSON-ready.

    Of the rows at each network's own best rate: `seeds` that both networks of a pair have; `rates`
    and `means` of SCORES, with and without; their `differences`, with minus without; `epochs`;
    and `mean_pose`, the constant's validation MSE.
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
    on_photographs = result["photographs"]["findings"]
    # Photographs say more than synthetic people, where there are seeds to decide it.
    repeated = any(len(each["seeds"]) > 1 for each in on_photographs)
    found = on_photographs if repeated else result["findings"]
    trained = result["photographs"]["trainings"] if repeated else result["trainings"]
    name = "photographs" if repeated else result["data"]["name"]
    # Small networks may answer otherwise than the poster's.
    data = f"{name} of {trained[0]['data']['frame_px']} px" if trained else name
    return wording.answer(
        _verdict(found, data),
        _too_short(found),
        _what_it_does(result["starts"]),
        _on_one(found, "small start", "best_validation_mse", _SMALL_START),
        _on_one(found, "plain pixels", "train_mse", _POSTERS_CLAIM),
        comparability(result["data"]).strip(),
        numbers=[
            *lines("photographs", on_photographs),
            *lines(result["data"]["name"], result["findings"]),
        ],
    )


def _verdict(found, data):
    parts = []
    for effect, words in _VERDICTS.items():
        where = [
            WHERE[each["scaling"]]
            for each in found
            if _effect(each, "best_validation_mse") == effect
        ]
        parts += [f"{words} {' and '.join(where)}"] * bool(where)
    seeds = max((len(each["seeds"]) for each in found), default=0)
    text = "; ".join(parts) or "no pair of networks is trained"
    return f"{text[:1].upper()}{text[1:]} ({data}, {_count(seeds, 'seed')})."


def _too_short(found):
    lowest = min((min(each["means"]["best_validation_mse"]) for each in found), default=0)
    if found and lowest > found[0]["mean_pose"]:
        return "No network beats the mean pose here: this run is too short to say more."
    return ""


def _count(count, what):
    return f"{count} {what}{'s' * (count != 1)}"


def _what_it_does(starts):
    ours = next(row for row in starts if row["scaling"] == "posekit's")
    with_it, without = (number(ours[f"spread, {label}"], 2) for label in LABELS.values())
    return (
        "Batch normalisation gives the last layer inputs of one size, whatever came before, and so "
        "replaces a scaling that a network lacks. Where there is one, its first outputs are larger "
        f"than a pose asks for: they spread by {with_it} px with it and {without} px without in "
        "posekit's scaling."
    )


def _on_one(found, scaling, score, texts):
    """One of `texts`, by the effect in a scaling, and its numbers; "" where none was trained."""
    each = next((each for each in found if each["scaling"] == scaling), None)
    if each is None:
        return ""
    with_it, without = map(number, each["means"][score])
    return (
        f"{texts[_effect(each, score)]} ({SCORES[score]} {with_it} with it, {without} without, "
        f"{_count(len(each['seeds']), 'seed')})."
    )


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
    low, high = paired["interval"]
    decided = "" if paired["decided"] else ", not decided"
    return f"{text}, 95 % interval {number(low)} to {number(high)}{decided}"
