"""Pages of the reports: one look, numbers as people read them, nothing loaded from elsewhere.

Style and pictures are inside a page, and a content security policy keeps a browser from loading
or running anything else: no page needs a script, sorting and filtering included.
"""

import base64
import io
from datetime import datetime

import jinja2

from posekit import artifacts

TEMPLATES = artifacts.PROJECT_ROOT / "posekit" / "templates"


def render(template, **values):
    """The HTML of a template in `TEMPLATES`; values are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(duration=duration, number=number, moment=moment)
    return environment.get_template(template).render(**values)


def picture_of(figure, *, dots_per_inch=150):
    """A matplotlib Figure as base64 text of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def duration(seconds):
    """A length of time for people: 4.2 s, 3 min 05 s, 1 h 02 min."""
    if seconds is None:
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def number(value):
    """A number for people: four significant digits, whole numbers in full, text as it is."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def moment(text):
    """A time in ISO format for people, in UTC as it was noted."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S UTC") if text else "–"
