import pytest

from posekit import wording


def test_numbers_have_a_fixed_count_of_decimals():
    assert wording.number(427.41) == "427.4"
    assert wording.number(0.5, 3) == "0.500"
    assert wording.number(None) == "not measured"
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
