"""The ladder: scores step by step, bias and variance.

Both figures number the steps from the bottom up, so a number means the same step in both.
`rungs` is a non-empty list of dict, the steps from the bottom up: "key", "title", "parent" (the key
of a step before it, or None), "branch" (bool, True where the staircase continues without it),
"train" and "validation", score -> {"value", "interval": [low, high]}.
"""

import numpy as np
from matplotlib.patheffects import withStroke

from posekit.plots.style import PALETTE, QUIET, WHOLE, head, new_figure, styled

# Score -> label of its axis.
AXES = {
    "pck_0.2": "PCK@0.2 (share of joints, more is better)",
    "frame_mse": "MSE (px² of the 96 x 96 frame, less is better)",
}


@styled
def ladder_steps(rungs, mean_pose):
    """PCK and MSE of every step as a staircase; branches hang next to it.

    `mean_pose` is a dict, score -> {"value"}, of the constant pose, drawn as a line.
    """
    figure, left, right = _two_panels(rungs)
    for axis, (score, xlabel) in zip((left, right), AXES.items(), strict=True):
        _draw_steps(axis, rungs, score)
        constant = mean_pose[score]["value"]
        axis.axvline(constant, color=QUIET, linestyle=":", label="mean pose")
        axis.set_xlabel(xlabel)
        axis.set_xlim(left=0)
    head(figure, "Scores of each step (bars: 95 % intervals; hollow: branches)")
    right.legend(loc="upper right")
    return figure


def _draw_steps(axis, rungs, score):
    row_of = {rung["key"]: row for row, rung in enumerate(rungs)}
    values = [rung["validation"][score]["value"] for rung in rungs]
    for row, rung in enumerate(rungs):
        low, high = rung["validation"][score]["interval"]
        colour = QUIET if rung["branch"] else PALETTE[0]
        axis.hlines(row, low, high, color=colour, linewidth=3, alpha=0.5)
        if rung["parent"] is not None:
            below = row_of[rung["parent"]]
            # Up from the parent's value, then across to the step's own.
            axis.plot(
                [values[below], values[below], values[row]],
                [below, row, row],
                "--" if rung["branch"] else "-",
                color=colour,
                linewidth=1.2,
            )
        inside = "white" if rung["branch"] else colour
        axis.plot(values[row], row, "o", color=colour, markerfacecolor=inside, zorder=3)
        # Numbers are where the next line does not go: PCK climbs to the right, MSE to the left.
        digits, end, shift, side = (
            (3, high, 6, "left") if score == "pck_0.2" else (0, low, -6, "right")
        )
        axis.annotate(
            f"{values[row]:.{digits}f}",
            (end, row),
            xytext=(shift, 0),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=10,
            # Legible where a line of the staircase passes behind it.
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
    axis.margins(x=0.12)


@styled
def bias_and_variance(rungs):
    """The training and the validation score of every step, side by side."""
    figure, left, right = _two_panels(rungs)
    positions = np.arange(len(rungs))
    for axis, (score, xlabel) in zip((left, right), AXES.items(), strict=True):
        for shift, part, colour in ((0.19, "train", PALETTE[5]), (-0.19, "validation", PALETTE[0])):
            values = [rung[part][score]["value"] for rung in rungs]
            axis.barh(positions + shift, values, height=0.36, color=colour, label=f"{part} images")
        axis.set_xlabel(xlabel)
    text = "Training and validation scores (training error: bias; what validation adds: variance)"
    head(figure, text)
    left.legend(loc="lower right")
    return figure


def _two_panels(rungs):
    """A figure and two axes with a row for each rung; the rungs' names are at the left."""
    size_inches = (WHOLE, 1.3 + 0.36 * len(rungs))
    figure, ((left, right),) = new_figure(1, 2, size_inches=size_inches, sharey=True)
    names = [f"{number}  {rung['title']}" for number, rung in enumerate(rungs, start=1)]
    left.set_yticks(range(len(rungs)), names)
    left.tick_params(axis="y", length=0)
    for axis in (left, right):
        axis.set_ylim(-0.6, len(rungs) - 0.4)
        axis.grid(axis="y", visible=False)
    return figure, left, right
