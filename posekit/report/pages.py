"""Pages of the reports: one look, numbers as people read them, nothing loaded from elsewhere.

Style and pictures are inside a page, and a content security policy keeps a browser from loading
or running anything else: no page needs a script, sorting and filtering included.
"""

import base64
import io
from pathlib import Path

import jinja2

from posekit import wording

TEMPLATES = Path(__file__).with_name("templates")


def render(template, *, folder=TEMPLATES, **values):
    """The HTML of a template of `folder`, which may use those in `TEMPLATES`; values are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(duration=wording.duration, number=number, moment=wording.moment)
    return environment.get_template(template).render(**values)


def picture_of(figure, *, dots_per_inch=150):
    """A matplotlib Figure as base64 text of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def number(value):
    """A number for people: four significant digits, whole numbers in full, text as it is."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
