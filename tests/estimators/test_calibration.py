"""Known slopes and offsets are found again; reliability by hand; bad input is named."""

import json

import numpy as np
import pytest
from scipy.special import expit, logit

from posekit.errors import PosekitError
from posekit.estimators import calibration
from posekit.estimators.calibration import Calibration

SLOPE, OFFSETS = 1.6, np.array([-0.8, 0.0, 1.1])


def simulated(count=6000, *, slope=SLOPE, offsets=OFFSETS, seed=0):
    """Raw values, hits and what is known, of a network that is as sure as the formula says."""
    rng = np.random.default_rng(seed)
    mass = rng.uniform(0.02, 0.98, (count, len(offsets)))
    correct = rng.random(mass.shape) < expit(slope * logit(mass) + offsets)
    return mass, correct, rng.random(mass.shape) < 0.8


def test_known_slope_and_offsets_are_found():
    fitted = calibration.fit(*simulated())
    # Their standard errors are 0.02 to 0.04.
    assert fitted.slope == pytest.approx(SLOPE, abs=0.1)
    np.testing.assert_allclose(fitted.offsets, OFFSETS, atol=0.15)


def test_confidences_by_hand():
    chosen = Calibration(2.0, np.array([0.0, 1.0]))
    # Log-odds of 0.8 are log 4; twice that is log 16.
    got = chosen.confidence(np.array([[0.8, 0.5]]))
    np.testing.assert_allclose(got, [[16 / 17, np.e / (1 + np.e)]])
    identity = Calibration(1.0, np.zeros(3))
    np.testing.assert_allclose(identity.confidence(np.array([0.1, 0.5, 0.9])), [0.1, 0.5, 0.9])


def test_a_surer_network_is_never_less_confident():
    fitted = calibration.fit(*simulated())
    mass = np.linspace(0, 1, 201)[:, None]
    confidence = fitted.confidence(mass)
    assert confidence.shape == (201, 3)
    assert (np.diff(confidence, axis=0) >= 0).all() and (confidence[0] < confidence[-1]).all()
    assert 0 < confidence.min() and confidence.max() < 1  # even of mass 0 and 1


def test_a_network_that_is_surer_where_it_errs_gets_one_confidence():
    mass, correct, counted = simulated(slope=-2.0, offsets=np.zeros(3))
    fitted = calibration.fit(mass, correct, counted)
    assert fitted.slope == 0
    share = correct[counted].mean()
    np.testing.assert_allclose(fitted.confidence(mass)[counted].mean(), share, atol=1e-3)


def test_the_mean_confidence_is_the_share_that_was_right():
    # The likelihood's derivative by the common offset is zero just there.
    mass, correct, counted = simulated(500)
    confidence = calibration.fit(mass, correct, counted).confidence(mass)
    np.testing.assert_allclose(confidence[counted].mean(), correct[counted].mean(), atol=1e-3)


def test_what_is_not_known_does_not_matter():
    mass, correct, counted = simulated(500)
    one = calibration.fit(mass, correct, counted)
    other = calibration.fit(np.where(counted, mass, 0.5), correct ^ ~counted, counted)
    assert one.slope == pytest.approx(other.slope, rel=1e-4)
    np.testing.assert_allclose(one.offsets, other.offsets, atol=1e-3)


def test_a_joint_seen_once_stays_near_the_others():
    mass, correct, counted = simulated(2000, offsets=np.full(3, 0.5))
    counted[:, 2] = False
    counted[0, 2], correct[0, 2], mass[0, 2] = True, False, 0.9
    offsets = calibration.fit(mass, correct, counted).offsets
    # Without a prior, one miss would send its offset to minus infinity. With it, one joint moves
    # by less than 1 from the common offset, and the two others together as far to the other side.
    assert -1.5 < offsets[2] - offsets[:2].mean() < 0


def test_calibrated_confidences_are_reliable_on_new_data():
    fitted = calibration.fit(*simulated(slope=0.4, seed=0))
    mass, correct, counted = simulated(slope=0.4, seed=1)
    before, after = (
        calibration.reliability(values[counted], correct[counted])["expected_calibration_error"]
        for values in (mass, fitted.confidence(mass))
    )
    assert after < 0.02 < 0.08 < before


def test_json_and_back():
    chosen = Calibration(1.25, np.array([0.5, -2.0]))
    again = calibration.from_json(json.loads(json.dumps(calibration.to_json(chosen))))
    assert again.slope == 1.25
    np.testing.assert_array_equal(again.offsets, chosen.offsets)


@pytest.mark.parametrize(
    ("stored", "finding"),
    [
        ({"slope": 1.0}, r"got \{'slope': 1.0\}"),
        ({"slope": None, "offsets": [1]}, "got .*None"),
        ({"slope": 1.0, "offsets": ["high"]}, "got .*'high'"),
        ([1, 2], r"got \[1, 2\]"),
        ({"slope": -1.0, "offsets": [1]}, "slope. >= 0 .*got .*-1.0"),
        ({"slope": float("nan"), "offsets": [1]}, "got .*nan"),
        ({"slope": "1", "offsets": [1]}, "got .*'1'"),
        ({"slope": 1.0, "offsets": [10**400]}, "got .*1000"),
        ({"slope": 1.0, "offsets": [float("inf")]}, "got .*inf"),
        ({"slope": 1.0, "offsets": [[1]]}, r"got .*\[\[1\]\]"),
    ],
)
def test_a_stored_calibration_that_is_none_is_refused(stored, finding):
    with pytest.raises(PosekitError, match=finding):
        calibration.from_json(stored)


def test_reliability_by_hand():
    got = calibration.reliability(
        np.array([0.05, 0.15, 0.17, 0.95]), np.array([False, False, True, True])
    )
    np.testing.assert_allclose(got["edges"], np.arange(11) / 10)
    assert got["count"] == [1, 2, 0, 0, 0, 0, 0, 0, 0, 1]
    nothing = [None] * 7
    assert got["mean_confidence"] == pytest.approx([0.05, 0.16, *nothing, 0.95])
    assert got["share_correct"] == [0, 0.5, *nothing, 1]
    # Distances 0.05, 0.34 and 0.05, of one, two and one joints.
    assert got["expected_calibration_error"] == pytest.approx((0.05 + 2 * 0.34 + 0.05) / 4)
    assert json.loads(json.dumps(got)) == got


def test_confidences_on_the_edges_have_a_bin():
    got = calibration.reliability(np.array([0.0, 0.5, 1.0]), np.array([False, True, True]), bins=2)
    assert got["count"] == [1, 2] and got["mean_confidence"] == [0, 0.75]


def test_the_perfect_have_no_error_and_the_boastful_all_of_it():
    confidence = np.repeat([0.0, 0.25, 0.75, 1.0], 4)
    correct = np.repeat([0, 1, 0, 1, 0, 1], [4, 1, 3, 3, 1, 4]).astype(bool)
    assert calibration.reliability(confidence, correct)["expected_calibration_error"] == 0
    boastful = calibration.reliability(np.ones(8), np.zeros(8, bool))
    assert boastful["expected_calibration_error"] == 1


def test_no_joints_have_no_error():
    got = calibration.reliability(np.zeros(0), np.zeros(0, bool), bins=3)
    assert got["count"] == [0, 0, 0] and got["share_correct"] == [None] * 3
    assert got["expected_calibration_error"] is None


def test_arguments_are_left_alone():
    arrays = simulated(50)
    for array in arrays:
        array.flags.writeable = False
    fitted = calibration.fit(*arrays)
    assert not np.shares_memory(fitted.confidence(arrays[0]), arrays[0])
