"""Curves: errors by epoch, correct joints by allowed error and by confidence."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from posekit.plots.style import (
    HALF,
    WHOLE,
    check_equal_lengths,
    colours,
    log_scale,
    new_figure,
    styled,
)

DASHES = (":", "-.", (0, (1, 4)), (0, (6, 3)))


@styled
def learning_curves(histories, *, baselines=None):
    """Training (dashed) and validation error by epoch, mean and range over the seeds.

    Args:
        histories: dict, variant -> list of histories, one for each seed. A history is a dict of
            equally long lists, "epoch" among them. Where seeds stop at different epochs, mean and
            range are those of the seeds still training.
        baselines: dict, name -> value drawn as a horizontal line, or None.
    """
    figure, ((axis,),) = new_figure(size_inches=(WHOLE, 4.2))
    _draw_curves(axis, histories, baselines)
    log_scale(axis, "y")
    seeds = max((len(runs) for runs in histories.values()), default=0)
    spread = f" (mean and range of {seeds} seeds)" if seeds > 1 else ""
    # Figures of one variant each would otherwise share their title.
    lead = f"{next(iter(histories)).replace('_', ' ')}: does" if len(histories) == 1 else "Does"
    axis.set(
        xlabel="epoch",
        ylabel="mean squared error (px² of the frame)",
        title=f"{lead} validation keep falling with training?{spread}",
    )
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@styled
def learning_panels(panels, *, title):
    """`learning_curves` next to each other, on one scale: do the same networks learn alike?

    Args:
        panels: dict, what a panel shows -> its histories, as for `learning_curves`; the variants
            of all have the same names.
        title: str, what is shown.
    """
    figure, (axes,) = new_figure(1, len(panels), size_inches=(WHOLE, 4.2), sharey=True)
    for axis, (name, histories) in zip(axes, panels.items(), strict=True):
        _draw_curves(axis, histories, None)
        axis.set(xlabel="epoch", title=name)
    axes[0].set_ylabel("mean squared error (px² of the frame)")
    log_scale(axes[0], "y")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return figure


@styled
def pck_curves(curves, thresholds, *, xlabel="allowed error (share of the torso's length)"):
    """Share of correct joints against the allowed error, (T,) thresholds.

    `curves` is a dict, name -> float (T,) in [0, 1], NaN or None where nothing was measured.
    """
    check_equal_lengths("pck_curves()", thresholds=thresholds, **curves)
    figure, ((axis,),) = new_figure(size_inches=(WHOLE, 3.8))
    for colour, (name, values) in zip(colours(curves), curves.items(), strict=True):
        axis.plot(
            thresholds, 100 * np.array(values, float), color=colour, label=name.replace("_", " ")
        )
    axis.set(xlabel=xlabel, ylabel="joints within it (%)", ylim=(0, 100))
    axis.set_xlim(np.min(thresholds), np.max(thresholds))
    axis.set_title("How many joints are right, by how strictly one judges?")
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@styled
def reliability(measured):
    """How often joints of about one confidence were right, and how many joints have it.

    `measured` is a dict, name -> dict of `calibration.reliability`.
    """
    figure, ((axis,), (counts,)) = new_figure(
        2, 1, size_inches=(HALF, 5.2), sharex=True, height_ratios=(3, 1)
    )
    axis.plot([0, 1], [0, 1], ":", color="#555555", label="as sure as right")
    for colour, (name, bins) in zip(colours(measured), measured.items(), strict=True):
        filled = np.array(bins["count"]) > 0
        confidence, correct = (
            np.array(bins[key], float)[filled] for key in ("mean_confidence", "share_correct")
        )
        error = bins["expected_calibration_error"]
        axis.plot(confidence, correct, "o-", color=colour, label=f"{name}: off by {error:.3f}")
        counts.stairs(bins["count"], bins["edges"], color=colour)
    axis.set(
        xlim=(0, 1),
        ylim=(0, 1),
        ylabel="share of joints that were right",
        title="Is a joint of confidence 0.7 right seven times in ten?",
    )
    axis.legend(loc="upper left")
    counts.set(xlabel="confidence", ylabel="joints")
    return figure


def _draw_curves(axis, histories, baselines):
    for colour, (name, runs) in zip(colours(histories), histories.items(), strict=True):
        for role, key, dashes in (
            ("training", "train_mse", "--"),
            ("validation", "validation_mse", "-"),
        ):
            epochs, values = _aligned(runs, key)
            mean = _over_seeds(np.nanmean, values)
            label = f"{name.replace('_', ' ')}, {role}"
            # One epoch alone draws no line.
            marker = "o" if len(mean) == 1 else None
            axis.plot(epochs, mean, dashes, marker=marker, color=colour, label=label)
            if len(runs) > 1:
                low, high = _over_seeds(np.nanmin, values), _over_seeds(np.nanmax, values)
                axis.fill_between(epochs, low, high, color=colour, alpha=0.15, linewidth=0)
    for n, (name, value) in enumerate((baselines or {}).items()):
        dashes, label = DASHES[n % len(DASHES)], f"{name.replace('_', ' ')}: {value:.4g}"
        axis.axhline(value, color="#555555", linestyle=dashes, linewidth=1.2, label=label)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _aligned(runs, key):
    """Epochs of any run, ascending, and the runs' values there, (runs, epochs), NaN if absent."""
    epochs = np.unique(np.concatenate([np.asarray(run["epoch"], float) for run in runs]))
    values = np.full((len(runs), len(epochs)), np.nan)
    for row, run in zip(values, runs, strict=True):
        # JSON has no NaN: None becomes NaN here.
        row[np.searchsorted(epochs, run["epoch"])] = np.array(run[key], float)
    return epochs, values


def _over_seeds(summary, values):
    """The seeds' summary at each epoch, NaN where no seed has a value."""
    known = ~np.isnan(values).all(axis=0)
    summarised = np.full(values.shape[1], np.nan)
    summarised[known] = summary(values[:, known], axis=0)
    return summarised
