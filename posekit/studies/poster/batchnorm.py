"""Notebook 03: what batch normalisation does for the poster's network, each at its best rate."""

from dataclasses import dataclass

import numpy as np

from posekit.files import PROJECT_ROOT
from posekit.models import losses
from posekit.studies.poster import trials
from posekit.studies.poster.batchnorm_findings import LABELS, findings
from posekit.studies.poster.trials import SCALINGS, Trial, best_rates
from posekit.training.keras_patches import seeded

# Trainings on LSPet's photographs, as numbers.
TRACKED = PROJECT_ROOT / "reports" / "batchnorm.json"

# Rates that each network is tried at: Adam's usual one, four times and a quarter of it.
RATES = (1e-3, 4e-3, 2.5e-4)

START_IMAGES = 64


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
