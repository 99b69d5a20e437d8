"""The ladder: scores step by step, bias and variance, and what accuracy costs.

All figures number the steps from the bottom up, so a number means the same step in all of them.
`rungs` is a non-empty list of dict, the steps from the bottom up: "key", "title", "parent" (the key
of a step before it, or None), "branch" (bool, True where the staircase continues without it),
"train" and "validation", score -> {"value", "interval": [low, high]}, "minutes" and "gigaflops".
"""

import numpy as np
from matplotlib.patheffects import withStroke

from posekit.plots.style import PALETTE, QUIET, WHOLE, head, log_scale, new_figure, styled

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


@styled
def ladder_costs(rungs):
    """PCK against the minutes of training and against the operations of a picture."""
    figure, ((left, right),) = new_figure(1, 2, size_inches=(WHOLE, 3.8), sharey=True)
    for axis, cost, xlabel in (
        (left, "minutes", "minutes of training, all networks"),
        (right, "gigaflops", "billion operations for one picture"),
    ):
        points = [(rung[cost], rung["validation"]["pck_0.2"]["value"]) for rung in rungs]
        for at, rung in zip(points, rungs, strict=True):
            axis.plot(*at, "o", color=QUIET if rung["branch"] else PALETTE[0], markersize=6)
        for group in _neighbours(points):
            x, y = np.transpose([points[index] for index in group])
            text, at = _in_ranges(group), (x.max(), y.min())
            axis.annotate(text, at, xytext=(5, 3), textcoords="offset points", fontsize=10)
        log_scale(axis, "x")
        axis.margins(x=0.1, y=0.1)
        axis.set_xlabel(xlabel)
    left.set_ylim(bottom=0)
    left.set(ylabel="PCK@0.2 (share of joints)", title="What accuracy costs (numbers of the steps)")
    return figure


def _neighbours(points):
    """Indices of points, in groups whose labels would lie on each other; x is on a log axis."""
    places = np.array(points, float)
    places[:, 0] = np.log(places[:, 0])
    extent = places.max(axis=0) - [places[:, 0].min(), 0]  # y begins at 0
    places /= np.where(extent > 0, extent, 1)
    groups = []
    for index, place in enumerate(places):
        near = [
            group for group in groups if (np.abs(places[group] - place) < 0.06).all(axis=1).any()
        ]
        groups = [group for group in groups if group not in near]
        groups.append(sorted([index, *(other for group in near for other in group)]))
    return groups


def _in_ranges(indices):
    """The numbers of steps, from 1, as "1-3, 5"."""
    runs = np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1)
    return ", ".join(
        f"{run[0] + 1}-{run[-1] + 1}" if len(run) > 2 else ", ".join(str(n + 1) for n in run)
        for run in runs
    )


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
