import numpy as np
import pytest

from posekit import wording


def test_numbers_have_a_fixed_count_of_decimals():
    assert wording.number(427.41) == "427.4"
    assert wording.number(0.5, 3) == "0.500"
    assert wording.number(None) == "not measured"
    assert wording.number(None, missing="–") == "–"
    assert wording.rounded(0.12345, 3) == 0.123
    assert wording.rounded(None, 3) is None


@pytest.mark.parametrize("interval", [None, [None, None]])
def test_a_value_without_interval_stands_alone(interval):
    assert wording.with_interval(0.5, interval, 2) == "0.50"
    assert wording.with_interval(None, interval) == "not measured"


def test_a_value_with_interval():
    assert wording.with_interval(0.5, [0.25, 0.75], 2) == "0.50 (95 % interval 0.25 to 0.75)"


@pytest.mark.parametrize(
    ("mse", "words"),
    [
        (75.0, "beats the mean pose by 25%"),
        (99.9, "beats the mean pose by less than 1%"),
        (100.0, "does not beat the mean pose (error 0% above it)"),
        (100.1, "does not beat the mean pose (error 0% above it)"),
        (150.0, "does not beat the mean pose (error 50% above it)"),
        (float("nan"), "does not beat the mean pose (error nan% above it)"),
    ],
)
def test_verdict_beside_a_mean_pose_of_100(mse, words):
    assert wording.verdict(mse, 100.0) == words


def test_verdict_where_all_labels_are_equal():
    assert "which has no error where all labels are equal" in wording.verdict(3.0, 0.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (4, "4.0 s"), (59.97, "1 min 00 s"), (185, "3 min 05 s"), (3720, "1 h 02 min")],
)
def test_duration(seconds, text):
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (427.41, "427.4"),
        (1234.5, "1,234"),
        (-1234.5, "-1,234"),
        (np.float64(2.0), "2"),
        (0, "0"),
        (None, "–"),
        (float("nan"), "nan"),
        (True, "yes"),
        ("12 %", "12 %"),
        ([0.25, 0.5], "0.25 to 0.50"),
        ([None, None], "– to –"),
        ((48, 48, 16), "48 x 48 x 16"),
        ([0.38012, 0.4412], "0.380 to 0.441"),
        ([8, 16, 32], "8, 16, 32"),
        ({"value": 215.31, "interval": [198.2, 231.9]}, "215 (198 to 232)"),
        ({"value": 0.5, "interval": [None, None]}, "0.5"),
        ({"value": None, "interval": None}, "–"),
        ([], "–"),
    ],
)
def test_any_value_in_a_table(value, text):
    assert wording.shown(value) == text


def test_the_interval_decides_the_digits():
    assert (
        wording.with_interval(0.41234, [0.3801, 0.4412]) == "0.412 (95 % interval 0.380 to 0.441)"
    )
    assert wording.with_interval(215.3, [198.2, 231.9]) == "215 (95 % interval 198 to 232)"
    assert wording.with_interval(1.0, [1.0, 1.0]) == "1.000 (95 % interval 1.000 to 1.000)"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mpjpe_px", "mean joint error, px"),
        ("pck_0.2", "PCK@0.2"),
        ("validation_mse", "validation MSE"),
        ("output_shape", "output shape"),
        ("PCK@0.2, all", "PCK@0.2, all"),
    ],
)
def test_names_as_words(name, text):
    assert wording.words(name) == text


def test_numbers_of_a_column_have_equally_many_decimals():
    rows = [{"error_px": 441.23, "share": 0.5, "n": 3}, {"error_px": 12.0, "share": 0.123, "n": 12}]
    table = wording.html_table(rows)
    assert [text for text in ("441.2", "12.0", "0.500", "0.123") if text not in table] == []
    assert 'text-align:right">error, px</th>' in table and ">12</td>" in table


def test_facts_open_dicts():
    described = {
        "frame_px": 96,
        "split": {"name": "standard", "score": {"value": 1, "interval": None}},
    }
    assert [tuple(row.values()) for row in wording.facts(described)] == [
        ("frame, px", 96),
        ("split: name", "standard"),
        ("split: score", {"value": 1, "interval": None}),
    ]


def test_an_answer_is_bold_first_then_numbers():
    text = wording.answer("Mostly bias.", "It means this.", "", numbers=["MSE 5", "mean pose 7"])
    assert text == "**Mostly bias.** It means this.\n\n- MSE 5\n- mean pose 7"
    assert wording.answer("No.") == "**No.**"
