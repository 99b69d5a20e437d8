"""Values that a notebook or the report's JSON could not hold are named, whatever they look like."""

import re

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from posekit.errors import PosekitError
from posekit.report import parameters

DECLARED = {"01_a": {"rate": 0.5, "count": 1, "by_name": {}, "text": "a", "limit": None}}


@pytest.mark.parametrize(
    ("override", "finding"),
    [
        ("by_name={[]: 1}", "`by_name` must be a Python literal"),
        ("count=" + "-" * 60_000 + "(1)", "`count` must be a Python literal"),
        ("count=" + "not " * 3000 + "1", "`count` must be a Python literal"),
        ("count=" + "9" * 5000, "`count` of 01_a must be int, as its default 1 is; got str"),
        ("limit=1e999", "`limit` of 01_a must be finite; got inf"),
        ("by_name={'a': [-1e999]}", "`by_name` of 01_a must be finite; got -inf"),
        ("01_\x1ba.count=1", r"an override must read .*; got '01_\\x1ba.count=1'"),
    ],
    ids=range(7),
)
def test_values_that_nothing_could_hold(override, finding):
    with pytest.raises(PosekitError, match=finding) as caught:
        parameters.resolve(DECLARED, {}, [override])
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("y = {[]: 1}", "y = {[]: 1}"),
        ("y = 1e999", "y = 1e309"),
    ],
)
def test_lines_that_nothing_could_hold(line, shown):
    cell = new_code_cell(f"x = 1\n{line}", metadata={"tags": ["parameters"]})
    with pytest.raises(PosekitError, match="01_a: .*; got `" + re.escape(shown) + "`"):
        parameters.declared("01_a", new_notebook(cells=[cell]))


@pytest.mark.parametrize("source", ["y = " + "-" * 60_000 + "1", "y = '\0'", "y = " + "[" * 300])
def test_cells_that_python_cannot_parse(source):
    cell = new_code_cell(source, metadata={"tags": ["parameters"]})
    with pytest.raises(PosekitError, match="01_a: the parameters cell must .* got "):
        parameters.declared("01_a", new_notebook(cells=[cell]))
