"""Comparisons: joints, layers, activities, the choices of a study."""

import numpy as np

import posekit.plots.style as style
from posekit.errors import PosekitError


@style.styled
def error_by_joint(values_by_name, *, joints, xlabel="mean error (px of the photograph)"):
    """Error of each joint, float (K,) by model's name, NaN where not measured."""
    style.check_equal_lengths("error_by_joint()", joints=joints, **values_by_name)
    figure, axis = style.one_axis(style.WHOLE, 4.6, xlabel=xlabel, title="Which joints are hard?")
    positions = np.arange(len(joints))
    for name, values, colour, marker in style.coloured(values_by_name):
        label = name.replace("_", " ")
        axis.plot(values, positions, marker, color=colour, markersize=6, label=label)
    axis.set_yticks(positions, [joint.replace("_", " ") for joint in joints])
    axis.invert_yaxis()
    axis.set_xlim(left=0)
    style.legend_aside(axis)
    return figure


@style.styled
def edge_correlation(trained, untrained, *, draws, title="Which layers follow edges?"):
    """How far each layer follows the picture's edges, trained and untrained.

    Both are dicts, layer name -> (value, low, high), of the same layers in the network's order; of
    the untrained ones low and high are the range of `draws` networks.
    """
    style.check_equal_lengths("edge_correlation()", trained=trained, untrained=untrained)
    figure, axis = style.one_axis(
        style.WHOLE, 3.8, ylabel="correlation with Sobel edges", title=title
    )
    positions = np.arange(len(trained))
    series = {
        "trained (95 % interval)": trained,
        f"untrained (range of {draws} draws)": untrained,
    }
    for shift, (name, results, colour, marker) in zip(
        (-0.06, 0.06), style.coloured(series), strict=True
    ):
        value, low, high = np.array([results[layer] for layer in trained], float).T
        axis.vlines(positions + shift, low, high, color=colour, linewidth=2)
        axis.plot(positions + shift, value, marker + "-", color=colour, linewidth=1, label=name)
    axis.axhline(0, color=style.QUIET, linewidth=1)
    axis.set_xticks(positions, list(trained), rotation=30, ha="right")
    style.legend_aside(axis)
    return figure


@style.styled
def choices(values_by_choice, intervals, *, mean_pose, xlabel, title):
    """One row for each choice: every seed, their mean and its interval.

    Args:
        values_by_choice: dict, label -> values of its seeds; drawn from the top.
        intervals: list of [low, high] for each choice, or None where there is none.
        mean_pose: float, drawn as a line: what a constant gets.
    """
    style.check_equal_lengths("choices()", values_by_choice=values_by_choice, intervals=intervals)
    title = f"{title}\n(dots: seeds; diamond: mean; bar: 95 % interval of it)"
    figure, axis = style.one_axis(
        style.WHOLE, 1.4 + 0.32 * len(intervals), xlabel=xlabel, title=title
    )
    axis.axvline(mean_pose, color=style.QUIET, linestyle=":", label=f"mean pose: {mean_pose:.4g}")
    for row, values in enumerate(values_by_choice.values()):
        if intervals[row] is not None:
            axis.hlines(row, *intervals[row], color=style.PALETTE[0], linewidth=2)
        axis.plot(values, [row] * len(values), "o", color=style.QUIET, markersize=4)
        axis.plot(np.mean(values), row, "D", color=style.PALETTE[1], markersize=6, zorder=3)
    axis.set_yticks(range(len(values_by_choice)), list(values_by_choice))
    axis.set_ylim(len(values_by_choice) - 0.5, -0.5)
    axis.grid(axis="y", visible=False)
    style.legend_aside(axis)
    return figure


@style.styled
def scores_by_pictures(pictures, scores_by_name, *, constant):
    """Accuracy of several networks by how many pictures they were trained on, on a log axis.

    Args:
        pictures: F int > 0, ascending.
        scores_by_name: dict, name -> F dicts with "value" and "interval" ([low, high]).
        constant: float, the accuracy of one guess for all pictures, drawn as the last line.
    """
    style.check_equal_lengths("scores_by_pictures()", pictures=pictures, **scores_by_name)
    figure, axis = style.one_axis(
        style.WHOLE,
        3.8,
        xlabel="training pictures with an activity",
        ylabel="accuracy",
        title="Accuracy by number of labelled pictures (bars: 95 % intervals)",
    )
    for n, (name, scores, colour, marker) in enumerate(style.coloured(scores_by_name)):
        # Side by side, so that no interval hides another.
        positions = np.array(pictures) * 1.03 ** (n - (len(scores_by_name) - 1) / 2)
        low, high = np.array([score["interval"] for score in scores], float).T
        axis.vlines(positions, low, high, color=colour, linewidth=2, alpha=0.5)
        values = [score["value"] for score in scores]
        axis.plot(positions, values, f"{marker}-", color=colour, label=name)
    axis.axhline(constant, color=style.QUIET, linestyle=":", label="one guess for all")
    style.log_scale(axis, "x")
    axis.set_ylim(bottom=0)
    style.legend_aside(axis)
    return figure


@style.styled
def confusions(confusion_by_name, activities):
    """Confusion matrices: a panel for each network, a row for each true activity.

    Colours are shares of the row, also in percent in each cell; rows without pictures stay empty.

    Args:
        confusion_by_name: non-empty dict, name -> (C, C) counts; rows are the truth.
        activities: C str.
    """
    count = len(activities)
    for name, counts in confusion_by_name.items():
        if np.shape(counts) != (count, count):
            raise PosekitError(
                f"confusions(): the counts of {name!r} must have shape {(count, count)}, a row and "
                f"a column for each of `activities`; got {np.shape(counts)}."
            )
    # Two in a row, so that the numbers in the cells are as large as the text around them.
    columns = min(2, len(confusion_by_name))
    rows = -(-len(confusion_by_name) // columns)
    size_inches = (style.WHOLE if columns == 2 else style.HALF, 4.6 * rows + 0.4)
    figure, axes = style.new_figure(rows, columns, size_inches=size_inches)
    for unused in axes.flat[len(confusion_by_name) :]:
        unused.remove()
    for axis, (name, counts) in zip(axes.flat, confusion_by_name.items(), strict=False):
        counts = np.asarray(counts, float)
        pictures = counts.sum(axis=1, keepdims=True)
        share = np.divide(counts, pictures, out=np.full(counts.shape, np.nan), where=pictures > 0)
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.argwhere(share > 0):
            look = {"color": "white" if share[row, column] > 0.5 else "black", "fontsize": 10}
            percent = f"{100 * share[row, column]:.0f}"
            axis.text(column, row, percent, ha="center", va="center", **look)
        axis.set_xticks(range(count), activities, rotation=45, ha="right")
        axis.set_yticks(range(count), activities)
        axis.grid(False)
        axis.set(title=name, xlabel="predicted", ylabel="true")
    style.head(figure, "What each activity is taken for (percent of its pictures)")
    return figure
