"""People and backgrounds: what tells them apart, and strips that hold no joint."""

import numpy as np
import pytest
from scipy.special import expit

from posekit.errors import PosekitError
from posekit.estimators import backgrounds, presence


def features_of(looks, mass):
    maps = sum(looks) / len(looks)
    return dict(zip(presence.FEATURES, presence.features(looks, maps, mass)[0], strict=True))


def test_features_by_hand():
    sure = np.zeros((1, 4, 4, 14))
    sure[0, 1, 1] = 1
    other = np.roll(sure, 2, axis=1)
    flat = np.full((1, 4, 4, 14), 1 / 16)
    mass = np.array([[0.5] * 5 + [expit(1.0)] * 4 + [expit(2.0)] * 5])
    found = features_of([sure, sure], mass)
    assert found["least"] == pytest.approx(0) and found["most"] == pytest.approx(2)
    assert found["mean"] == pytest.approx(14 / 14)
    assert found["spread"] == pytest.approx(0) and found["disagreement"] == pytest.approx(0)
    # Looks that are sure of different cells: two cells, each half.
    apart = features_of([sure, other], mass)
    assert apart["spread"] == apart["disagreement"] == pytest.approx(np.log(2))
    # Flat looks do not disagree; what a look lost beyond the frame does not count.
    vague = features_of([flat, 0.5 * flat], mass)
    assert vague["spread"] == pytest.approx(np.log(16)) and abs(vague["disagreement"]) < 1e-9


def drawn(count, middle, seed):
    rng = np.random.default_rng(seed)
    return middle + rng.normal(0, 1, (count, 5)) * [1, 1, 1, 0.1, 0.1]


def test_the_fit_finds_the_share_of_people_it_promises():
    people, nobody = drawn(400, 1.5, 0), drawn(150, 0.0, 1)
    fitted = presence.fit(people, nobody)
    found = fitted.chance(people) >= fitted.threshold
    assert found.mean() == pytest.approx(presence.FOUND_SHARE, abs=0.005)
    assert (fitted.chance(nobody) >= fitted.threshold).mean() < 0.2
    # However many there are of either: twice the backgrounds are the same fit but for the prior.
    twice = presence.fit(people, np.concatenate([nobody, nobody]))
    np.testing.assert_allclose(twice.chance(people), fitted.chance(people), atol=0.05)


def test_a_fit_comes_back_from_json():
    fitted = presence.fit(drawn(50, 1.0, 0), drawn(50, 0.0, 1))
    again = presence.from_json(presence.to_json(fitted))
    np.testing.assert_array_equal(again.weights, fitted.weights)
    assert (again.offset, again.threshold) == (fitted.offset, fitted.threshold)


@pytest.mark.parametrize(
    "change",
    [
        {"weights": {"mean": 1.0}},
        {"weights": [1.0] * 5},
        {"offset": None},
        {"offset": 10**400},
        {"threshold": 1.5},
        {"threshold": True},
    ],
)
def test_another_json_is_refused(change):
    stored = presence.to_json(presence.fit(drawn(9, 1.0, 0), drawn(9, 0.0, 1)))
    with pytest.raises(PosekitError, match="presence: must hold finite `weights` of mean, least"):
        presence.from_json({**stored, **change})
    with pytest.raises(PosekitError, match="presence: must hold"):
        presence.from_json([])


def test_the_largest_strip_beside_a_person():
    image = np.arange(200 * 300 * 3, dtype=np.int64).reshape(200, 300, 3).astype(np.uint8)
    keypoints_px = np.tile([30.0, 20.0], (14, 1))
    keypoints_px[0], keypoints_px[1] = (70, 100), (-500, 900)
    labelled = np.arange(14) != 1
    # The box reaches from 30.5 to 70.5 and from 20.5 to 100.5; a quarter of 80 stays free.
    strip = backgrounds.strip(image, keypoints_px, labelled)
    np.testing.assert_array_equal(strip, image[:, 90:])
    square = backgrounds.squared(strip)
    assert square.shape == (210, 210, 3) and (square[:5] == 127).all()
    np.testing.assert_array_equal(square[5:205], strip)
    keypoints_px[2], keypoints_px[3] = (0, 0), (299, 199)
    assert backgrounds.strip(image, keypoints_px, labelled) is None
