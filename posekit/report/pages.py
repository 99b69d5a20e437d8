"""What all HTML pages share: one style, and nothing loaded from elsewhere.

Style and pictures are inside each page, and a content security policy forbids everything else. No
page needs a script, not even to sort and filter.
"""

import base64
import io
from html import escape
from pathlib import Path

import jinja2

from posekit import wording

TEMPLATES = Path(__file__).with_name("templates")
NOTEBOOK_TEMPLATE = TEMPLATES / "notebook.html.j2"
STYLE = TEMPLATES / "style.css"


def render(template, *, folder=TEMPLATES, **values):
    """The HTML of a template of `folder`, which may use those in `TEMPLATES`; it escapes values."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {
        "duration": wording.duration,
        "number": wording.shown,
        "moment": wording.moment,
        "markdown": _markdown,
        "lead": lead,
    }
    environment.filters.update(filters)
    return environment.get_template(template).render(**values)


def lead(answer):
    """The first paragraph of an answer, Markdown."""
    return answer.split("\n\n")[0].strip()


def _markdown(text):
    from nbconvert.filters import markdown2html  # a second that most pages need not wait

    # Markup in a notebook's text stays text. A value of a template is marked safe there.
    return markdown2html(escape(text, quote=False))


def picture_of(figure):
    """A matplotlib Figure as base64 text of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
