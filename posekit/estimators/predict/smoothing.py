"""Steady keypoints in a video: the one-euro filter, calm at rest and quick in motion."""

import math

import numpy as np

from posekit.errors import PosekitError, raise_problems

# Chosen on synthetic clips, see benchmarks/temporal_smoothing.py.
CUTOFF_HZ = 1.0
SPEED_GAIN = 5.0


class OneEuroFilter:
    """A low-pass filter whose cutoff rises with a joint's speed.

    A low cutoff removes more jitter and lags more: the lag of a steady movement is
    1 / (2 pi cutoff) seconds. Jitter shows at rest and lag in motion, hence a cutoff of
    `cutoff_hz` + `speed_gain` * speed for each joint. Speeds are in lengths of the person per
    second, so that the same settings suit near and far people and all picture sizes.

    Args:
        cutoff_hz: float > 0, the cutoff of a joint at rest, hertz.
        speed_gain: float >= 0, hertz by which the cutoff rises for each person length a second.
        speed_cutoff_hz: float > 0, the fixed cutoff of the speeds themselves, hertz.

    Source: Casiez, Roussel and Vogel, "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy
    Input in Interactive Systems", CHI 2012, algorithm 1, with the length of a joint's velocity as
    its speed, so that the directions of the axes do not matter.
    """

    def __init__(self, cutoff_hz=CUTOFF_HZ, speed_gain=SPEED_GAIN, speed_cutoff_hz=1.0):
        problems = [
            f"`{name}` must be > 0 hertz; got {value}."
            for name, value in (("cutoff_hz", cutoff_hz), ("speed_cutoff_hz", speed_cutoff_hz))
            if not 0 < value < math.inf
        ]
        if not 0 <= speed_gain < math.inf:
            problems.append(f"`speed_gain` must be >= 0; got {speed_gain}.")
        raise_problems("OneEuroFilter()", problems)
        self._settings = {
            "cutoff_hz": cutoff_hz,
            "speed_gain": speed_gain,
            "speed_cutoff_hz": speed_cutoff_hz,
        }
        self.restart()

    def restart(self):
        """Forget all frames: the next one is the first."""
        self._seconds = self._smooth_px = self._velocity = None

    def settings(self):
        """The arguments by name, for the file of the smoothed poses."""
        return {"filter": "one_euro", **self._settings}

    def smooth(self, keypoints_px, seconds):
        """The next frame's keypoints (K, 2), pixels, smoothed; the first frame's as they are.

        `seconds` is the time of the frame; PosekitError where it is not later than the one before.
        """
        keypoints_px = np.array(keypoints_px, float)
        if self._seconds is None:
            self._velocity = np.zeros_like(keypoints_px)
            self._seconds, self._smooth_px = seconds, keypoints_px
            return keypoints_px.copy()
        step_seconds = seconds - self._seconds
        if not step_seconds > 0:
            raise PosekitError(
                f"OneEuroFilter.smooth(): `seconds` must be later than {self._seconds}; got "
                f"{seconds}. Give frames in their order, or start a new filter."
            )
        cutoff_hz, speed_gain, speed_cutoff_hz = self._settings.values()
        # The joints of a person far away may coincide.
        length_px = max(np.ptp(keypoints_px, axis=0).max(), 1.0)
        velocity = (keypoints_px - self._smooth_px) / (step_seconds * length_px)  # (K, 2)
        weight = _weight(speed_cutoff_hz, step_seconds)
        self._velocity = self._velocity + weight * (velocity - self._velocity)
        speed = np.linalg.norm(self._velocity, axis=-1, keepdims=True)  # (K, 1)
        weights = _weight(cutoff_hz + speed_gain * speed, step_seconds)
        self._smooth_px = self._smooth_px + weights * (keypoints_px - self._smooth_px)
        self._seconds = seconds
        return self._smooth_px.copy()


def _weight(cutoff_hz, step_seconds):
    """Share of the newest value in an exponential mean with this cutoff."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * step_seconds))
