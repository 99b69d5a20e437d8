"""The look that all figures share, and the helpers that draw people."""

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import Locator, MaxNLocator, NullLocator

from posekit.drawing import OUTLINE_COLOUR, SIDE_COLOURS
from posekit.errors import raise_problems

# Widths of figures on a page, inches: text of 10 points is then as large as the page's own.
WHOLE = 10.0
HALF = 4.9
CSS_PX_PER_INCH = 96
SHARPNESS = 2  # pixels of the picture for each pixel of the page's width

# Okabe and Ito's palette without its yellow, which is faint on white.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555")
QUIET = "#9a9a9a"
DARK = "#555555"
MARKERS = "osD^vP*"

# A decorator: the figure is drawn in this style, and the caller's settings come back after.
styled = plt.rc_context(
    {
        "figure.dpi": CSS_PX_PER_INCH,
        "font.size": 10,
        "axes.titlesize": 11,
        "xtick.labelsize": 10,
        "ytick.labelsize": 10,
        "legend.fontsize": 10,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.prop_cycle": plt.cycler(color=PALETTE),
        "grid.color": "#e4e4e4",
        "legend.frameon": False,
        "lines.linewidth": 1.6,
        "xtick.color": "#444444",
        "ytick.color": "#444444",
    }
)


class DescribedFigure(Figure):
    """A Figure whose pictures in notebooks have a size on the page and an alternative text.

    `alt_text` may be set by the function that draws; None describes the axes.
    """

    alt_text = None

    def _repr_mimebundle_(self, **_):
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=SHARPNESS * CSS_PX_PER_INCH)
        encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
        alt = self.alt_text or describe(self)
        width, height = (round(CSS_PX_PER_INCH * inches) for inches in self.get_size_inches())
        attributes = {"width": width, "height": height, "alt": alt}
        return {"image/png": encoded, "text/plain": alt}, {"image/png": attributes}


def describe(figure):
    """What a figure shows, as text: its title, and of each axes the axes' names and the series."""
    sentences = [figure.get_suptitle()]
    for axis in figure.axes:
        sentences.append(axis.get_title("left") or axis.get_title())
        if axis.axison:
            named = "; ".join(filter(None, (axis.get_xlabel(), axis.get_ylabel())))
            series = "; ".join(axis.get_legend_handles_labels()[1])
            sentences += [named and f"Axes: {named}", series and f"Shown: {series}"]
    texts = [" ".join(sentence.split()) for sentence in sentences if sentence]
    return " ".join(text if text[-1] in ".?!" else f"{text}." for text in texts)


def new_figure(rows=1, columns=1, *, size_inches, **options):
    """A figure with a (rows, columns) array of axes that pyplot does not hold on to.

    It shows itself in notebooks with an alternative text. `size_inches` is (HALF or WHOLE, height).
    """
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=size_inches,
        layout="constrained",
        squeeze=False,
        FigureClass=DescribedFigure,
        **options,
    )
    plt.close(figure)
    return figure, axes


def one_axis(width, height, **labels):
    """A `new_figure` with one pair of axes and its labels: (figure, axis)."""
    figure, ((axis,),) = new_figure(size_inches=(width, height))
    axis.set(**labels)
    return figure, axis


def head(figure, text):
    """A title over all axes of a figure."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=11)


def picture_axes(count, columns, *, title, width=WHOLE):
    """A figure with `count` bare axes, `columns` in a row, as (figure, list of axes)."""
    columns = max(1, columns)
    rows = max(1, -(-count // columns))
    size_inches = (width, 1.1 * width / columns * rows + 0.5)
    figure, axes = new_figure(rows, columns, size_inches=size_inches)
    for axis in axes.flat:
        axis.axis("off")
    for unused in axes.flat[count:]:
        unused.remove()
    head(figure, title)
    return figure, list(axes.flat[:count])


def show_picture(axis, image, title=None):
    """Draw a picture so that an integer coordinate is a pixel's centre."""
    axis.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axis.grid(False)
    # Skeletons may reach outside; the picture's own border stays the frame.
    axis.set_autoscale_on(False)
    if title is not None:
        axis.set_title(title, fontsize=10)


def show_pose(axis, keypoints_px, labelled=None, *, skeleton, colour=None, width=1.8):
    """Draw one skeleton, sides in their colours unless `colour` is given, with a dark outline."""
    labelled = np.ones(len(keypoints_px), bool) if labelled is None else labelled
    segments = [each for each in skeleton.segments if labelled[each[0]] and labelled[each[1]]]
    lines = [(keypoints_px[start], keypoints_px[end]) for start, end, _ in segments]
    joints = np.flatnonzero(labelled)
    line_colours, joint_colours = (
        [side_colour(side) if colour is None else colour for side in sides]
        for sides in ([side for *_, side in segments], [skeleton.sides[joint] for joint in joints])
    )
    outline = np.array(OUTLINE_COLOUR) / 255
    axis.add_collection(LineCollection(lines, colors=[outline], linewidths=width + 1.2))
    axis.add_collection(LineCollection(lines, colors=line_colours, linewidths=width))
    look = {"edgecolors": [outline], "linewidths": 0.6, "zorder": 3, "c": joint_colours}
    axis.scatter(*keypoints_px[joints].T, s=(2.2 * width) ** 2, **look)


class LogLocator(Locator):
    """Ticks of a logarithmic axis: round numbers, at least three wherever the axis ends."""

    def __call__(self):
        return self.tick_values(*sorted(self.axis.get_view_interval()))

    def tick_values(self, low, high):
        decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        for steps in ((1,), (1, 3), (1, 2, 5), range(1, 10), (1, 1.2, 1.5, 2, 2.5)):
            ticks = np.outer(decades, steps).ravel()
            ticks = ticks[(ticks >= low) & (ticks <= high)]
            if len(ticks) >= 3:
                return ticks
        return MaxNLocator(4).tick_values(low, high)


def log_scale(axes, which):
    """Make the "x" or "y" axis logarithmic, with labels that read 200 and not 2 x 10^2."""
    axes.set(**{f"{which}scale": "log"})
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(LogLocator())
    axis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axis.set_minor_locator(NullLocator())


def legend_below(axis, at=-0.16, ncols=2, **options):
    """A legend under the axis' own label, where it hides nothing."""
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, at), ncols=ncols, **options)


def legend_aside(axis):
    """A legend at the right of the axes, where it hides nothing."""
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def coloured(values_by_name):
    """(name, values, colour, marker) of each series; the looks repeat after the last."""
    for n, (name, values) in enumerate(values_by_name.items()):
        yield name, values, PALETTE[n % len(PALETTE)], MARKERS[n % len(MARKERS)]


def side_colour(side):
    """Matplotlib colour of a side."""
    return tuple(np.array(SIDE_COLOURS[side]) / 255)


def check_equal_lengths(caller, /, **sequences):
    """Raise unless all sequences that are not None have the length of the first."""
    lengths = {name: len(values) for name, values in sequences.items() if values is not None}
    first, expected = next(iter(lengths.items()))
    raise_problems(
        caller,
        [
            f"`{name}` must have one entry for each of `{first}`, {expected}; got {length}."
            for name, length in lengths.items()
            if length != expected
        ],
    )
