"""What the data are like: labels, sizes, and what guessing a constant costs."""

import numpy as np

import posekit.plots.style as style


@style.styled
def joint_visibility(labelled, *, skeleton):
    """How often each joint is labelled; labelled is bool (N, K)."""
    xlabel, title = f"labelled (% of {len(labelled)} images)", "How often is each joint labelled?"
    figure, axis = style.one_axis(style.HALF, 4.2, xlabel=xlabel, title=title)
    percent = 100 * np.mean(labelled, axis=0)
    names = [joint.replace("_", " ") for joint in skeleton.joints]
    bars = axis.barh(names, percent, color=style.PALETTE[0])
    axis.bar_label(bars, fmt="%.0f", padding=3)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set(xlim=(0, 108), xticks=range(0, 101, 20))
    return figure


@style.styled
def junk_coordinates(keypoints_px, labelled):
    """Stored coordinates (N, K, 2), px, of joints that are not labelled, over those that are."""
    title = "Where do joints without a label lie?\n(left of 0 and above 0 is outside)"
    figure, axis = style.one_axis(
        style.HALF, 4.9, xlabel="stored x (px)", ylabel="stored y (px)", title=title
    )
    for colour, name, chosen in (
        (style.QUIET, "labelled", labelled),
        (style.PALETTE[1], "not labelled", ~labelled),
    ):
        label = f"{name} ({chosen.sum()} joints)"
        axis.plot(*keypoints_px[chosen].T, ".", color=colour, markersize=2, label=label)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.invert_yaxis()
    style.legend_below(axis, markerscale=4)
    return figure


@style.styled
def person_size(shares):
    """How much of the picture the person fills: histograms with their medians.

    shares, float (N, 2), are the joints' box over the picture, (width, height); NaN is left out.
    """
    xlabel = "person / picture (share of its width or height)"
    title = "How small are people in the frame?"
    figure, axis = style.one_axis(style.HALF, 3.7, xlabel=xlabel, ylabel="images", title=title)
    known = np.asarray(shares)[np.isfinite(shares).all(axis=1)]
    bins = np.linspace(0, max(1, known.max(initial=0)), 41)
    for colour, name, values in zip(style.PALETTE, ("width", "height"), known.T, strict=False):
        median = np.median(values)
        label = f"{name}, median {median:.2f}"
        axis.hist(values, bins, histtype="step", color=colour, linewidth=1.6, label=label)
        axis.axvline(median, color=colour, linestyle=":")
    style.legend_below(axis)
    return figure


@style.styled
def constant_guesses(scores, references):
    """What it costs to predict the same pose for every image, next to published losses.

    Errors are mean squared ones, px² of the frame: `scores` are treatment of missing joints ->
    guess -> error, `references` name -> error, drawn as vertical lines.
    """
    guesses = dict.fromkeys(guess for by_guess in scores.values() for guess in by_guess)
    colour_of = {guess: colour for guess, _, colour, _ in style.coloured(guesses)}
    rows = []  # (label, value, colour); a treatment's name has no bar
    for treatment, by_guess in scores.items():
        rows.append((treatment.replace("_", " "), 0.0, None))
        rows += [
            (f"{guess.replace('_', ' ')}: {value:.0f}", value, colour_of[guess])
            for guess, value in by_guess.items()
        ]
    labels, values, bar_colours = zip(*rows, strict=True)
    title = "How low an error does no learning at all reach?"
    xlabel = "mean squared error (px² of the frame)"
    figure, axis = style.one_axis(style.WHOLE, 1.6 + 0.28 * len(rows), xlabel=xlabel, title=title)
    axis.barh(range(len(rows)), values, 0.8, color=[each or "none" for each in bar_colours])
    for dashes, (name, value) in zip((":", "--", "-."), references.items(), strict=False):
        label = f"{name}: {value:g}"
        axis.axvline(value, color="black", linestyle=dashes, linewidth=1.2, label=label)
    axis.set_yticks(range(len(rows)), labels)
    for text, colour in zip(axis.get_yticklabels(), bar_colours, strict=True):
        text.set_fontweight("normal" if colour else "bold")
    axis.tick_params(axis="y", length=0)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    if references:
        style.legend_below(axis, at=-0.22, ncols=len(references))
    return figure


@style.styled
def error_parts(parts_by_name):
    """What a squared error consists of: a bar for each prediction, divided into its parts.

    `parts_by_name` is a dict, name -> dict, part -> mean squared error, px² of the frame; all
    predictions have the same parts, as of `baselines.error_parts`.
    """
    title = "What is wrong: the person's place, size, or the shape of the pose?"
    xlabel = "mean squared error on labelled joints (px² of the frame)"
    figure, axis = style.one_axis(
        style.WHOLE, 1.4 + 0.42 * len(parts_by_name), xlabel=xlabel, title=title
    )
    totals = [sum(parts.values()) for parts in parts_by_name.values()]
    names = [f"{name}: {total:.0f}" for name, total in zip(parts_by_name, totals, strict=True)]
    left = np.zeros(len(names))
    for colour, part in zip(style.PALETTE, next(iter(parts_by_name.values())), strict=False):
        values = np.array([parts[part] for parts in parts_by_name.values()])
        axis.barh(names, values, left=left, height=0.7, color=colour, label=part)
        left += values
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    style.legend_below(axis, at=-0.22, ncols=3)
    return figure
