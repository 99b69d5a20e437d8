"""What all pages share."""

import base64

import pytest

from posekit.plots import curves
from posekit.report import pages


@pytest.mark.parametrize("template", sorted(path.name for path in pages.TEMPLATES.glob("*.html")))
def test_every_page_forbids_what_is_loaded_and_run(template):
    text = (pages.TEMPLATES / template).read_text(encoding="utf-8")
    assert "<script" not in text
    # Parts are part of a page; every other template is one, or takes its head from one.
    extends = '{% extends "page.html" %}' in text
    assert template == "parts.html" or extends or "default-src 'none'" in text


def test_a_picture_is_a_png():
    figure = curves.pck_curves({"a": [0, 1]}, [0, 1])
    assert base64.b64decode(pages.picture_of(figure)).startswith(b"\x89PNG")
