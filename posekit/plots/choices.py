"""Choices of a study against each other, with their seeds."""

import numpy as np

from posekit.plots.style import PALETTE, QUIET, check_equal_lengths, new_figure, styled


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
    figure, ((axis,),) = new_figure(size_inches=(8, 1.4 + 0.32 * len(values_by_choice)))
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
    axis.legend(loc="best")
    return figure
