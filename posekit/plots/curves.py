"""Curves: errors by epoch, correct joints by allowed error and by confidence."""

import numpy as np
from matplotlib.ticker import MaxNLocator

import posekit.plots.style as style

ERROR = "mean squared error (px² of the frame)"
DASHES = (":", "-.", (0, (1, 4)), (0, (6, 3)))


@style.styled
def learning_curves(histories, *, baselines=None):
    """Training (dashed) and validation error by epoch, mean and range over the seeds.

    Args:
        histories: dict, variant -> list of histories, one for each seed: dicts of equally long
            lists, "epoch" among them. Seeds that have stopped no longer count.
        baselines: dict, name -> value drawn as a horizontal line, or None.
    """
    seeds = max((len(runs) for runs in histories.values()), default=0)
    spread = f" (mean and range of {seeds} seeds)" if seeds > 1 else ""
    # Figures of one variant each would otherwise share their title.
    lead = f"{next(iter(histories)).replace('_', ' ')}: does" if len(histories) == 1 else "Does"
    title = f"{lead} validation keep falling with training?{spread}"
    figure, axis = style.one_axis(style.WHOLE, 4.2, xlabel="epoch", ylabel=ERROR, title=title)
    _draw_curves(axis, histories, baselines)
    style.log_scale(axis, "y")
    style.legend_aside(axis)
    return figure


@style.styled
def learning_panels(panels, *, title):
    """`learning_curves` next to each other, on one scale: do the same networks learn alike?

    `panels` is a dict, what a panel shows -> its histories, all of variants of the same names.
    """
    figure, (axes,) = style.new_figure(1, len(panels), size_inches=(style.WHOLE, 4.2), sharey=True)
    for axis, (name, histories) in zip(axes, panels.items(), strict=True):
        _draw_curves(axis, histories, None)
        axis.set(xlabel="epoch", title=name)
    axes[0].set_ylabel(ERROR)
    style.log_scale(axes[0], "y")
    style.head(figure, title)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return figure


@style.styled
def pck_curves(curves, thresholds, *, xlabel="allowed error (share of the torso's length)"):
    """Share of correct joints against the allowed error, (T,) thresholds.

    `curves` is a dict, name -> float (T,) in [0, 1], NaN or None where nothing was measured.
    """
    style.check_equal_lengths("pck_curves()", thresholds=thresholds, **curves)
    title = "How many joints are right, by how strictly one judges?"
    labels = {"xlabel": xlabel, "ylabel": "joints within it (%)", "title": title}
    figure, axis = style.one_axis(style.WHOLE, 3.8, **labels)
    for name, values, colour, _ in style.coloured(curves):
        percent = 100 * np.array(values, float)
        axis.plot(thresholds, percent, color=colour, label=name.replace("_", " "))
    axis.set(xlim=(np.min(thresholds), np.max(thresholds)), ylim=(0, 100))
    style.legend_aside(axis)
    return figure


@style.styled
def reliability(measured):
    """How often joints of about one confidence were right, and how many joints have it.

    `measured` is a dict, name -> dict of `calibration.reliability`.
    """
    figure, ((axis,), (counts,)) = style.new_figure(
        2, 1, size_inches=(style.HALF, 5.2), sharex=True, height_ratios=(3, 1)
    )
    axis.plot([0, 1], [0, 1], ":", color=style.DARK, label="as sure as right")
    for name, bins, colour, _ in style.coloured(measured):
        filled = np.array(bins["count"]) > 0
        confidence, correct = (
            np.array(bins[key], float)[filled] for key in ("mean_confidence", "share_correct")
        )
        error = bins["expected_calibration_error"]
        axis.plot(confidence, correct, "o-", color=colour, label=f"{name}: off by {error:.3f}")
        counts.stairs(bins["count"], bins["edges"], color=colour)
    title = "Is a joint of confidence 0.7 right seven times in ten?"
    axis.set(xlim=(0, 1), ylim=(0, 1), ylabel="share of joints that were right", title=title)
    axis.legend(loc="upper left")
    counts.set(xlabel="confidence", ylabel="joints")
    return figure


def _draw_curves(axis, histories, baselines):
    for name, runs, colour, _ in style.coloured(histories):
        for role, key, dashes in (
            ("training", "train_mse", "--"),
            ("validation", "validation_mse", "-"),
        ):
            epochs, mean, low, high = _over_seeds(runs, key)
            label = f"{name.replace('_', ' ')}, {role}"
            # One epoch alone draws no line.
            marker = "o" if len(epochs) == 1 else None
            axis.plot(epochs, mean, dashes, marker=marker, color=colour, label=label)
            if len(runs) > 1:
                axis.fill_between(epochs, low, high, color=colour, alpha=0.15, linewidth=0)
    for n, (name, value) in enumerate((baselines or {}).items()):
        dashes, label = DASHES[n % len(DASHES)], f"{name.replace('_', ' ')}: {value:.4g}"
        axis.axhline(value, color=style.DARK, linestyle=dashes, linewidth=1.2, label=label)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _over_seeds(runs, key):
    """Epochs of any run, ascending, and the runs' mean, least and largest value, NaN for none."""
    epochs = np.unique(np.concatenate([np.asarray(run["epoch"], float) for run in runs]))
    values = np.full((len(runs), len(epochs)), np.nan)
    for row, run in zip(values, runs, strict=True):
        # JSON has no NaN: None becomes NaN here.
        row[np.searchsorted(epochs, run["epoch"])] = np.array(run[key], float)
    known = np.ma.masked_invalid(values)
    return epochs, *(each(axis=0).filled(np.nan) for each in (known.mean, known.min, known.max))
