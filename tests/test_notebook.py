import numpy as np
import pytest
from bs4 import BeautifulSoup

from posekit import notebook


def cells(rows):
    soup = BeautifulSoup(notebook.html(rows).data, "html.parser")
    head = [cell.text for cell in soup.select("thead th")]
    return head, [[cell.text for cell in row.select("td")] for row in soup.select("tbody tr")]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (427.41, "427.4"),
        (np.float64(2.0), "2"),
        (0, "0"),
        (None, "-"),
        (float("nan"), "nan"),
        (True, "True"),
        ("poster", "poster"),
        ([0.25, 0.5], "0.25 to 0.5"),
        ([None, None], "- to -"),
        ((48, 48, 16), "48 to 48 to 16"),
        ([], "-"),
    ],
)
def test_values_as_readers_see_them(value, shown):
    assert cells([{"what": value}]) == (["what"], [[shown]])


def test_first_row_names_and_orders_the_columns():
    head, body = cells([{"a": 1, "b": 2}, {"b": 4, "a": 3}])
    assert head == ["a", "b"]
    assert body == [["1", "2"], ["3", "4"]]


def test_markup_in_names_and_values_is_text():
    rows = [{"<b>name</b>": "<script>&'\""}]
    assert cells(rows) == (["<b>name</b>"], [["<script>&'\""]])
    assert "<script>" not in notebook.html(rows).data
