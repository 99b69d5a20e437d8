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
        ([0.25, 0.5], "0.25 to 0.5"),
        ([None, None], "– to –"),
        ((48, 48, 16), "48 to 48 to 16"),
        ([], "–"),
    ],
)
def test_any_value_in_a_table(value, text):
    assert wording.shown(value) == text
