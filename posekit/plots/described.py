"""A figure that shows itself sharply, at its size on the page, and says in words what it shows."""

import base64
import io

import numpy as np
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

CSS_PX_PER_INCH = 96
SHARPNESS = 2  # pixels of the picture for each pixel of the page's width
MOST_NAMED = 16  # bars in an alternative text; more are summed up


class DescribedFigure(Figure):
    """A Figure whose pictures in notebooks have a size on the page and an alternative text.

    `alt_text` may be set by the function that draws; None describes the axes.
    """

    alt_text = None

    def png(self):
        """The figure as PNG, bytes."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=SHARPNESS * CSS_PX_PER_INCH)
        return buffer.getvalue()

    def page_attributes(self):
        """Width and height on the page, int px of CSS, and the alternative text."""
        width, height = (round(CSS_PX_PER_INCH * inches) for inches in self.get_size_inches())
        return {"width": width, "height": height, "alt": self.alt_text or describe(self)}

    def _repr_mimebundle_(self, **_):
        attributes = self.page_attributes()
        encoded = base64.b64encode(self.png()).decode("ascii")
        return (
            {"image/png": encoded, "text/plain": attributes["alt"]},
            {"image/png": attributes},
        )


def describe(figure):
    """What a figure shows, as text: its title, and of each axes the axes' names and the series."""
    title = figure.get_suptitle()
    return " ".join(filter(None, [_sentence(title), *map(_describe_axes, figure.axes)]))


def _describe_axes(axis):
    series = [text for text in (*map(_bars, _bar_groups(axis)), *map(_line, _lines(axis))) if text]
    title = axis.get_title("left") or axis.get_title()
    if not axis.axison:
        return _sentence(title)
    across = [name for name in (axis.get_xlabel(), axis.get_ylabel()) if name]
    named = f"Axes: {'; '.join(across)}" if across else ""
    return " ".join(filter(None, map(_sentence, (title, named, "; ".join(series)))))


def _sentence(text):
    text = " ".join(text.split())
    return text if not text or text[-1] in ".?!" else f"{text}."


def _bar_groups(axis):
    return [(axis, group) for group in axis.containers if isinstance(group, BarContainer)]


def _bars(axis_and_group):
    axis, group = axis_and_group
    upright = group.orientation == "vertical"
    values = np.array([bar.get_height() if upright else bar.get_width() for bar in group])
    labels = axis.get_xticklabels() if upright else axis.get_yticklabels()
    names = [label.get_text().replace("\n", " ") for label in labels]
    lead = "" if group.get_label().startswith("_") else f"{group.get_label()}: "
    if len(names) == len(values) <= MOST_NAMED:
        pairs = zip(names, values, strict=True)
        return lead + ", ".join(f"{name} {value:.4g}" for name, value in pairs)
    return lead + _between(values) if len(values) else ""


def _lines(axis):
    return [(axis, line) for line in axis.get_lines() if not line.get_label().startswith("_")]


def _line(axis_and_line):
    """One series: what it begins and ends with; a straight guide is named alone."""
    _, line = axis_and_line
    x, y = (np.asarray(values, float) for values in line.get_data())
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if not len(x) or (len(x) == 2 and (x[0] == x[1] or y[0] == y[1])):
        return line.get_label()
    if (np.diff(x) > 0).all():
        return f"{line.get_label()}: {y[0]:.4g} at {x[0]:.4g}, {y[-1]:.4g} at {x[-1]:.4g}"
    return f"{line.get_label()}: {_between(x)}"


def _between(values):
    return f"between {np.nanmin(values):.4g} and {np.nanmax(values):.4g}"
