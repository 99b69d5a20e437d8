"""Notebook 03: what batch normalisation does for the poster's network, each at its best rate."""

import time
from dataclasses import dataclass

import keras
import numpy as np

from posekit.files import PROJECT_ROOT
from posekit.models import losses, poster
from posekit.studies.poster import trials
from posekit.studies.poster.batchnorm_findings import LABELS, findings
from posekit.studies.poster.trials import SCALINGS, Trial, best_rates
from posekit.training.keras_patches import fused_kernels, seeded

# Trainings on LSPet's photographs, as numbers.
TRACKED = PROJECT_ROOT / "reports" / "batchnorm.json"

# Rates that each network is tried at: Adam's usual one, four times and a quarter of it.
RATES = (1e-3, 4e-3, 2.5e-4)
USUAL_RATE = RATES[0]

TIMED_PAIRS = 8
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
    """The poster's network in each scaling, with and without batch normalisation.

    Each is trained at each of RATES with the first seed, then at its own best rate with all.

    Args:
        experiment, run_dir, out: as for `trials.train_all`.
        epochs: int, of the search for the rate.
        batch_size: int.
        seeds: non-empty list of int.
        final_epochs: int, of the trainings at the best rate; None for as many as `epochs`.

    Returns:
        list of dict, the rows of all trainings, as `train_all` gives them.
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

    Args:
        experiment: Experiment.
        run_dir: folder of the trainings.
        seeds: list of int.
        label_treatment: str.
        epochs: int, or None for the size's.

    Returns:
        list of dict, the rows of `trials.train_all`.
    """
    size = SIZES[experiment.profile.name]
    rates = best_rates(latest(trials.read(TRACKED)))
    return trials.train_all(
        [
            Trial(
                *each,
                rates.get(each, USUAL_RATE),
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
    """Everything notebook 03 reports, JSON-ready.

    Args:
        rows: list of dict, its own trainings.
        experiment: Experiment.
        label_treatment: str.
    """
    photographs = latest(trials.read(TRACKED))
    batch_size = experiment.profile.batch_size
    seconds = paired_step_seconds(
        experiment.images("train")[:batch_size],
        experiment.targets("train", label_treatment)[:batch_size],
        pairs=TIMED_PAIRS,
    )
    ratios = seconds["poster_batchnorm"] / seconds["poster_plain"]
    size = SIZES[experiment.profile.name]
    result = {
        "data": experiment.describe(),
        "label_treatment": label_treatment,
        "starts": starts(_in_size(experiment, size), label_treatment=label_treatment),
        "trainings": rows,
        "findings": findings(rows),
        "photographs": {"trainings": photographs, "findings": findings(photographs)},
        "step_seconds_median": {name: float(np.median(times)) for name, times in seconds.items()},
        "step_ratio_median": float(np.median(ratios)),
        "step_ratio_range": [float(ratios.min()), float(ratios.max())],
    }
    return {**result, "headline": _headline(result)}


def _headline(result):
    rows = [
        {
            "label": f"validation MSE, with minus without batch normalisation, {found['scaling']}",
            "value": round(found["differences"]["best_validation_mse"]["mean_difference"], 1),
            "interval": found["differences"]["best_validation_mse"]["interval"],
            "note": f"seeds: {len(found['seeds'])}, "
            + (
                "decided"
                if found["differences"]["best_validation_mse"]["decided"]
                else "not decided"
            ),
        }
        for found in result["findings"]
    ]
    return [
        *rows,
        {
            "label": "time of a training step, with over without",
            "value": round(result["step_ratio_median"], 2),
            "note": "median of alternating steps",
        },
    ]


def _networks(scalings):
    return [(scaling, batch_norm) for scaling in scalings for batch_norm in LABELS]


def _in_size(experiment, size):
    return experiment.with_data_fraction(size.data_fraction).resized(size.frame_px)


def paired_step_seconds(images, targets, *, pairs, warm_up=2):
    """Seconds of one training step with and without batch normalisation, alternating.

    All steps see one batch: uint8 images (B, S, S, 3), float32 targets (B, K, 3). Returns a dict,
    network name -> float (pairs,); `warm_up` steps before are not timed.
    """
    networks = {}
    for batch_norm in LABELS:
        model = poster.poster_network(
            batch_norm=batch_norm, frame_px=images.shape[1], joints=targets.shape[1]
        )
        model.compile(optimizer=keras.optimizers.Adam(), loss=losses.weighted_mse)
        networks[model.name] = model
    seconds = {name: [] for name in networks}
    with fused_kernels():
        for step in range(warm_up + pairs):
            for name, model in networks.items():
                started = time.perf_counter()
                model.train_on_batch(images, targets)
                if step >= warm_up:
                    seconds[name].append(time.perf_counter() - started)
    return {name: np.array(values) for name, values in seconds.items()}
