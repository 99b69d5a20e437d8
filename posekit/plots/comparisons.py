"""Comparisons: seeds, joints, bins of images, layers, the choices of a study."""

import textwrap

import numpy as np

from posekit.plots.style import (
    HALF,
    PALETTE,
    QUIET,
    WHOLE,
    check_equal_lengths,
    colours,
    new_figure,
    styled,
)

MARKERS = "osD^vP*"


@styled
def seed_comparison(values_by_variant, *, ylabel="validation mean squared error (px²)"):
    """One line for each seed across the variants: do all seeds agree on the better one?

    values_by_variant has S values for each variant, in the same order of seeds.
    """
    check_equal_lengths("seed_comparison()", **values_by_variant)
    figure, ((axis,),) = new_figure(size_inches=(HALF, 3.6))
    values = np.array(list(values_by_variant.values()), float)  # (variants, S)
    positions = np.arange(len(values))
    for seed in values.T:
        axis.plot(positions, seed, "o-", color=QUIET, linewidth=1, markersize=5)
    means = values.mean(axis=1)
    axis.hlines(means, positions - 0.2, positions + 0.2, color=PALETTE[1], linewidth=3, zorder=3)
    ticks = [
        f"{name}\nmean {mean:.4g}" for name, mean in zip(values_by_variant, means, strict=True)
    ]
    axis.set_xticks(positions, ticks)
    axis.set(xlim=(-0.5, len(values) - 0.5), ylabel=ylabel)
    axis.set_title("Do all seeds agree?\n(a line is one seed, a bar the mean)")
    axis.grid(axis="x", visible=False)
    return figure


@styled
def error_by_joint(values_by_name, *, joints, xlabel="mean error (px of the photograph)"):
    """Error of each joint, float (K,) by model's name, NaN where not measured."""
    check_equal_lengths("error_by_joint()", joints=joints, **values_by_name)
    figure, ((axis,),) = new_figure(size_inches=(WHOLE, 4.6))
    positions = np.arange(len(joints))
    for n, (colour, (name, values)) in enumerate(
        zip(colours(values_by_name), values_by_name.items(), strict=True)
    ):
        marker = MARKERS[n % len(MARKERS)]
        label = name.replace("_", " ")
        axis.plot(values, positions, marker, color=colour, markersize=6, label=label)
    axis.set_yticks(positions, [joint.replace("_", " ") for joint in joints])
    axis.invert_yaxis()
    axis.set_xlim(left=0)
    axis.set(xlabel=xlabel, title="Which joints are hard?")
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@styled
def error_by_bin(
    labels,
    values,
    intervals,
    counts,
    *,
    xlabel,
    ylabel="mean error",
    title="Does it change along the bins by more than the intervals?",
):
    """A quantity by bins of another, with its uncertainty and how many pictures carry it.

    Args:
        labels: B str, the bins in order.
        values: float (B,), NaN for an empty bin.
        intervals: float (B, 2), low and high ends.
        counts: int (B,), pictures in each bin.
        xlabel: str, what is binned, with its unit.
        ylabel: str, what is measured, with its unit.
        title: str, the question.
    """
    check_equal_lengths(
        "error_by_bin()", labels=labels, values=values, intervals=intervals, counts=counts
    )
    width = HALF if len(labels) <= 4 else WHOLE
    figure, ((axis,),) = new_figure(size_inches=(width, 3.6))
    positions = np.arange(len(labels))
    low, high = np.asarray(intervals, float).T
    axis.vlines(positions, low, high, color=PALETTE[0], linewidth=2)
    axis.plot(positions, values, "o-", color=PALETTE[0], linewidth=1, markersize=6)
    ticks = [f"{label}\nn = {count}" for label, count in zip(labels, counts, strict=True)]
    axis.set_xticks(positions, ticks)
    axis.set_xlim(-0.5, len(labels) - 0.5)
    axis.set(xlabel=xlabel, ylabel=ylabel, title=textwrap.fill(title, 48 if width == HALF else 100))
    axis.grid(axis="x", visible=False)
    return figure


@styled
def edge_correlation(trained, untrained, *, draws, title="Which layers follow edges?"):
    """How far each layer follows the picture's edges, trained and untrained.

    Both are dicts, layer name -> (value, low, high), of the same layers in the network's order; of
    the untrained ones low and high are the range of `draws` networks.
    """
    check_equal_lengths("edge_correlation()", trained=trained, untrained=untrained)
    figure, ((axis,),) = new_figure(size_inches=(WHOLE, 3.8))
    positions = np.arange(len(trained))
    for shift, colour, marker, name, results in (
        (-0.06, PALETTE[0], "o", "trained (95 % interval)", trained),
        (0.06, PALETTE[1], "s", f"untrained (range of {draws} draws)", untrained),
    ):
        value, low, high = np.array([results[layer] for layer in trained], float).T
        axis.vlines(positions + shift, low, high, color=colour, linewidth=2)
        axis.plot(positions + shift, value, marker + "-", color=colour, linewidth=1, label=name)
    axis.axhline(0, color=QUIET, linewidth=1)
    axis.set_xticks(positions, list(trained), rotation=30, ha="right")
    axis.set_ylabel("correlation with Sobel edges")
    axis.set_title(title)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@styled
def choices(values_by_choice, intervals, *, mean_pose, xlabel, title):
    """One row for each choice: every seed, their mean and its interval.

    Args:
        values_by_choice: dict, label -> values of its seeds; drawn from the top.
        intervals: list of [low, high] for each choice, or None where there is none.
        mean_pose: float, drawn as a line: what a constant gets.
        xlabel: str, what is measured, with its unit.
        title: str, the question.
    """
    check_equal_lengths("choices()", values_by_choice=values_by_choice, intervals=intervals)
    figure, ((axis,),) = new_figure(size_inches=(WHOLE, 1.4 + 0.32 * len(values_by_choice)))
    axis.axvline(mean_pose, color=QUIET, linestyle=":", label=f"mean pose: {mean_pose:.4g}")
    for row, (values, interval) in enumerate(
        zip(values_by_choice.values(), intervals, strict=True)
    ):
        if interval is not None:
            axis.hlines(row, *interval, color=PALETTE[0], linewidth=2)
        axis.plot(values, [row] * len(values), "o", color=QUIET, markersize=4)
        axis.plot(np.mean(values), row, "D", color=PALETTE[1], markersize=6, zorder=3)
    axis.set_yticks(range(len(values_by_choice)), list(values_by_choice))
    axis.set_ylim(len(values_by_choice) - 0.5, -0.5)
    axis.set_xlabel(xlabel)
    axis.set_title(f"{title}\n(dots: seeds; diamond: mean; bar: 95 % interval of it)")
    axis.grid(axis="y", visible=False)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
