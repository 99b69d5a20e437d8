"""Whether confidences can be believed."""

import numpy as np

from posekit.plots.style import colours, new_figure, styled


@styled
def reliability(measured):
    """How often joints of about one confidence were right, and how many joints have it.

    `measured` is a dict, name -> dict of `calibration.reliability`.
    """
    figure, ((axis,), (counts,)) = new_figure(
        2, 1, size_inches=(6, 5.2), sharex=True, height_ratios=(3, 1)
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
