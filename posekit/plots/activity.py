"""Activities: scores by the number of training pictures, and confusion matrices."""

import numpy as np

from posekit.errors import PosekitError
from posekit.plots.style import (
    HALF,
    QUIET,
    WHOLE,
    check_equal_lengths,
    colours,
    log_scale,
    new_figure,
    styled,
)

MARKERS = "osD^v"


@styled
def scores_by_pictures(pictures, scores_by_name, *, constant):
    """Accuracy of several networks by how many pictures they were trained on, on a log axis.

    Args:
        pictures: F int > 0, ascending.
        scores_by_name: dict, name -> F dicts with "value" and "interval" ([low, high]).
        constant: float, the accuracy of one guess for all pictures, drawn as the last line.
    """
    check_equal_lengths("scores_by_pictures()", pictures=pictures, **scores_by_name)
    figure, ((axis,),) = new_figure(size_inches=(WHOLE, 3.8))
    for n, (colour, (name, scores)) in enumerate(
        zip(colours(scores_by_name), scores_by_name.items(), strict=True)
    ):
        # Side by side, so that no interval hides another.
        positions = np.array(pictures) * 1.03 ** (n - (len(scores_by_name) - 1) / 2)
        low, high = np.array([score["interval"] for score in scores], float).T
        axis.vlines(positions, low, high, color=colour, linewidth=2, alpha=0.5)
        values = [score["value"] for score in scores]
        axis.plot(positions, values, f"{MARKERS[n % len(MARKERS)]}-", color=colour, label=name)
    axis.axhline(constant, color=QUIET, linestyle=":", label="one guess for all")
    log_scale(axis, "x")
    axis.set_ylim(bottom=0)
    axis.set(
        xlabel="training pictures with an activity",
        ylabel="accuracy",
        title="Accuracy by number of labelled pictures (bars: 95 % intervals)",
    )
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@styled
def confusions(confusion_by_name, activities):
    """Confusion matrices: a panel for each network, a row for each true activity.

    Colours are shares of the row, also in percent in each cell; rows without pictures stay empty.

    Args:
        confusion_by_name: non-empty dict, name -> (C, C) counts; rows are the truth.
        activities: C str.
    """
    if not confusion_by_name:
        raise PosekitError("confusions(): `confusion_by_name` must hold a network; got none.")
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
    width = WHOLE if columns == 2 else HALF
    figure, axes = new_figure(rows, columns, size_inches=(width, 4.6 * rows + 0.4))
    for unused in axes.flat[len(confusion_by_name) :]:
        unused.remove()
    axes = axes.flat[: len(confusion_by_name)]
    for axis, (name, counts) in zip(axes, confusion_by_name.items(), strict=True):
        counts = np.asarray(counts, float)
        pictures = counts.sum(axis=1, keepdims=True)
        share = np.divide(counts, pictures, out=np.full(counts.shape, np.nan), where=pictures > 0)
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.argwhere(share > 0):
            axis.text(
                column,
                row,
                f"{100 * share[row, column]:.0f}",
                ha="center",
                va="center",
                fontsize=10,
                color="white" if share[row, column] > 0.5 else "black",
            )
        axis.set_xticks(range(count), activities, rotation=45, ha="right")
        axis.set_yticks(range(count), activities)
        axis.grid(False)
        axis.set(title=name, xlabel="predicted", ylabel="true")
    figure.suptitle(
        "What each activity is taken for (percent of its pictures)", x=0.01, ha="left", fontsize=11
    )
    return figure
