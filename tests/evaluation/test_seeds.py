"""Seed statistics by hand and against SciPy's own paired t test."""

import json

import numpy as np
import pytest
from scipy import stats

from posekit.errors import PosekitError
from posekit.evaluation.seeds import paired_difference, seed_summary


def test_seed_summary_by_hand():
    # Standard error 1 / sqrt(3), t quantile 4.302653 at 2 degrees of freedom.
    margin = 4.302653 / 3**0.5
    got = seed_summary([1, 3, 2])
    assert got["values"] == [1, 3, 2] and got["mean"] == 2
    assert got["interval"] == pytest.approx([2 - margin, 2 + margin])


def test_one_seed_has_no_spread():
    assert seed_summary([2.5]) == {"values": [2.5], "mean": 2.5, "interval": None}
    got = paired_difference([2.5], [1.0])
    assert got["mean_difference"] == 1.5 and got["interval"] is None and not got["decided"]


def test_paired_difference_by_hand():
    # Differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t quantile 4.302653 at 2 degrees.
    got = paired_difference([11, 22, 33], [10, 20, 30])
    assert got["differences"] == [1, 2, 3]
    assert got["mean_difference"] == 2
    assert got["interval"] == pytest.approx([2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5])
    assert got["decided"] is False  # the interval starts at -0.48
    assert json.loads(json.dumps(got)) == got


@pytest.mark.parametrize("shift", [0.0, 0.4, -3.0])
def test_paired_difference_agrees_with_scipy(shift):
    rng = np.random.default_rng(0)
    a, b = rng.normal(shift, 1, 8), rng.normal(0, 1, 8)
    got = paired_difference(a, b)
    test = stats.ttest_rel(a, b)
    assert got["interval"] == pytest.approx(list(test.confidence_interval(0.95)))
    assert got["decided"] == (test.pvalue < 0.05)


def test_exchanging_the_variants_changes_the_sign():
    one, other = paired_difference([3, 5, 8], [1, 1, 1]), paired_difference([1, 1, 1], [3, 5, 8])
    assert other["mean_difference"] == -one["mean_difference"]
    assert other["interval"] == pytest.approx([-one["interval"][1], -one["interval"][0]])


def test_equal_differences_decide_unless_they_are_zero():
    assert paired_difference([2, 3], [1, 2])["interval"] == [1, 1]
    assert paired_difference([2, 3], [1, 2])["decided"] is True
    assert paired_difference([2, 3], [2, 3])["decided"] is False


def test_errors_name_what_was_received():
    with pytest.raises(PosekitError, match=r"`values` must be a non-empty list .* got \[\]"):
        seed_summary([])
    with pytest.raises(PosekitError, match=r"`values` must be .* got \[nan\]"):
        seed_summary([np.nan])
    with pytest.raises(PosekitError, match=r"`b` must be .* got \[1.0, nan\]"):
        paired_difference([1, 2], [1, np.nan])
    with pytest.raises(PosekitError, match="`b` must pair with `a`, 3 scores; got 2"):
        paired_difference([1, 2, 3], [1, 2])
