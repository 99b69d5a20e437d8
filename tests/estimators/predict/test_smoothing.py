import numpy as np
import pytest

from posekit.errors import PosekitError
from posekit.estimators.predict.smoothing import OneEuroFilter

STEP_SECONDS = 1 / 30


def run(keypoints_px, **settings):
    """Frames (T, K, 2) through one filter, at 30 frames a second."""
    smoothing = OneEuroFilter(**settings)
    return np.array(
        [smoothing.smooth(frame, index * STEP_SECONDS) for index, frame in enumerate(keypoints_px)]
    )


def person(frames, rng, noise_px=2.0):
    """A resting person of 14 joints with noise, (T, 14, 2)."""
    return rng.uniform(0, 100, (14, 2)) + rng.normal(0, noise_px, (frames, 14, 2))


def test_first_two_frames_by_hand():
    # 100 px long; the joint moves 10 px in 0.1 s: 1 length/s after 10 px of 100 px.
    frames = np.array([[[0.0, 0], [100, 0]], [[0.0, 10], [100, 0]]])
    smoothing = OneEuroFilter(cutoff_hz=1.0, speed_gain=2.0, speed_cutoff_hz=0.5)
    np.testing.assert_array_equal(smoothing.smooth(frames[0], 5.0), frames[0])
    speed = 1.0 / (1 + 1 / (2 * np.pi * 0.5 * 0.1))
    weight = 1 / (1 + 1 / (2 * np.pi * (1.0 + 2.0 * speed) * 0.1))
    got = smoothing.smooth(frames[1], 5.1)
    np.testing.assert_allclose(got, [[0, 10 * weight], [100, 0]], atol=1e-9)


def test_without_gain_a_steady_movement_lags_by_its_closed_form():
    # A first-order low-pass lags behind a ramp by 1 / (2 pi cutoff) seconds.
    frames = np.zeros((300, 2, 2))
    frames[:, :, 0] = 60 * STEP_SECONDS * np.arange(300)[:, None]  # 60 px/s
    frames[:, 1, 1] = 50
    lag_px = frames[-1] - run(frames, cutoff_hz=2.0, speed_gain=0.0)[-1]
    np.testing.assert_allclose(lag_px[:, 0], 60 / (2 * np.pi * 2.0), rtol=1e-6)
    np.testing.assert_allclose(lag_px[:, 1], 0, atol=1e-9)


def test_without_gain_noise_shrinks_by_its_closed_form():
    # An exponential mean of weight a leaves a / (2 - a) of the variance.
    frames = person(4000, np.random.default_rng(0))
    smooth = run(frames, cutoff_hz=1.5, speed_gain=0.0)[200:]
    weight = 1 / (1 + 1 / (2 * np.pi * 1.5 * STEP_SECONDS))
    share = smooth.var(axis=0).mean() / frames[200:].var(axis=0).mean()
    assert share == pytest.approx(weight / (2 - weight), rel=0.05)


def test_gain_shortens_the_lag_of_movement():
    frames = np.zeros((200, 2, 2))
    frames[:, :, 0] = 100 * STEP_SECONDS * np.arange(200)[:, None]
    frames[:, 1, 1] = 50
    lags_px = [
        (frames[-1] - run(frames, cutoff_hz=1.0, speed_gain=gain)[-1])[0, 0]
        for gain in (0.0, 2.0, 20.0)
    ]
    assert lags_px[0] > 2 * lags_px[1] > 4 * lags_px[2] > 0


def test_defaults_take_out_most_jitter():
    frames = person(300, np.random.default_rng(1))
    before, after = (
        np.linalg.norm(np.diff(each, n=2, axis=0), axis=-1).mean() for each in (frames, run(frames))
    )
    assert after < 0.4 * before


def test_size_and_direction_do_not_matter():
    frames = person(40, np.random.default_rng(2))
    turn = 7.0 * np.array([[0.6, -0.8], [0.8, 0.6]])
    # The person's length is that of an upright box, so only quarter turns keep it.
    quarter = 7.0 * np.array([[0.0, -1.0], [1.0, 0.0]])
    np.testing.assert_allclose(run(frames @ quarter.T + 30), run(frames) @ quarter.T + 30)
    plain = {"speed_gain": 0.0}
    np.testing.assert_allclose(run(frames @ turn.T, **plain), run(frames, **plain) @ turn.T)


def test_half_the_frame_rate_lags_alike():
    # What counts is time, not the number of frames.
    moving = np.zeros((2, 2)) + [[0.0, 0.0], [0.0, 50.0]]
    lags_px = []
    for step_seconds in (0.01, 0.02):
        smoothing = OneEuroFilter(cutoff_hz=1.0, speed_gain=0.0)
        for seconds in np.arange(0, 4, step_seconds):
            frame = moving + [30 * seconds, 0]
            lags_px.append(frame - smoothing.smooth(frame, seconds))
    last_px = [lags_px[399][0, 0], lags_px[-1][0, 0]]
    assert last_px[0] == pytest.approx(last_px[1], rel=1e-6) == pytest.approx(30 / (2 * np.pi))


def test_arguments_and_results_stay_apart():
    frames = person(3, np.random.default_rng(3))
    kept = frames.copy()
    first, second = OneEuroFilter(), OneEuroFilter()
    for index, frame in enumerate(frames):
        first.smooth(frame, index)[:] = np.nan
        np.testing.assert_array_equal(np.isfinite(second.smooth(frame, index)), True)
    assert np.isfinite(first.smooth(frames[0], 9.0)).all()
    np.testing.assert_array_equal(frames, kept)


def test_joints_that_coincide_and_restart():
    smoothing = OneEuroFilter()
    for seconds in (0.0, 0.1):
        assert np.isfinite(smoothing.smooth(np.zeros((14, 2)), seconds)).all()
    smoothing.restart()
    np.testing.assert_array_equal(smoothing.smooth(np.full((14, 2), 9.0), 0.0), 9.0)


def test_time_goes_on():
    smoothing = OneEuroFilter()
    smoothing.smooth(np.zeros((14, 2)), 1.0)
    for seconds in (1.0, 0.5, np.nan):
        with pytest.raises(PosekitError, match=rf"must be later than 1\.0; got {seconds}"):
            smoothing.smooth(np.zeros((14, 2)), seconds)


def test_settings_out_of_range_are_all_named():
    finding = r"`cutoff_hz` must be > 0 hertz; got 0(.|\n)*`speed_cutoff_hz` .* got nan(.|\n)*-1"
    with pytest.raises(PosekitError, match=finding):
        OneEuroFilter(cutoff_hz=0, speed_gain=-1, speed_cutoff_hz=np.nan)
    assert OneEuroFilter(2.0, 3.0).settings()["speed_gain"] == 3.0
