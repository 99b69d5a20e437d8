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

    def _repr_mimebundle_(self, **_):
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=SHARPNESS * CSS_PX_PER_INCH)
        encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
        alt = self.alt_text or describe(self)
        # Its size on the page is in px of CSS.
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
            sentences.append(named and f"Axes: {named}")
            bars = [group for group in axis.containers if isinstance(group, BarContainer)]
            lines = [line for line in axis.get_lines() if not line.get_label().startswith("_")]
            series = [*(_bars(axis, group) for group in bars if group), *map(_line, lines)]
            sentences.append("; ".join(series))
    return " ".join(filter(None, map(_sentence, sentences)))


def _sentence(text):
    text = " ".join(text.split())
    return text if not text or text[-1] in ".?!" else f"{text}."


def _bars(axis, group):
    upright = group.orientation == "vertical"
    values = np.array([bar.get_height() if upright else bar.get_width() for bar in group])
    labels = axis.get_xticklabels() if upright else axis.get_yticklabels()
    lead = "" if group.get_label().startswith("_") else f"{group.get_label()}: "
    if len(labels) == len(values) <= MOST_NAMED:
        pairs = zip((label.get_text().replace("\n", " ") for label in labels), values, strict=True)
        return lead + ", ".join(f"{name} {value:.4g}" for name, value in pairs)
    return lead + _between(values)


def _line(line):
    """One series: what it begins and ends with; a straight guide is named alone."""
    x, y = np.asarray(line.get_data(), float)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if not len(x) or (len(x) == 2 and (x[0] == x[1] or y[0] == y[1])):
        return line.get_label()
    if (np.diff(x) > 0).all():
        return f"{line.get_label()}: {y[0]:.4g} at {x[0]:.4g}, {y[-1]:.4g} at {x[-1]:.4g}"
    return f"{line.get_label()}: {_between(x)}"


def _between(values):
    return f"between {np.nanmin(values):.4g} and {np.nanmax(values):.4g}"
