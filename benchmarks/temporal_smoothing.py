"""What the one-euro filter and following do to a video's poses, on drawn clips.

    .venv/bin/python benchmarks/temporal_smoothing.py --model best
    .venv/bin/python benchmarks/temporal_smoothing.py --noise 3

Of each clip every joint is known. Jitter is the mean length of the second difference of the error,
pixels a frame squared. A track's delay is that of the truth which fits it best, in the least
squares sense; lag is by how many frames smoothing raises it.
"""

import argparse
import time
from types import SimpleNamespace

import numpy as np

from posekit import files
import clips
from posekit.estimators.predict import videos
from posekit.estimators.predict.smoothing import CUTOFF_HZ, SPEED_GAIN, OneEuroFilter
from posekit.provenance import provenance

SETTINGS = ((CUTOFF_HZ, SPEED_GAIN), (1.0, 2.0), (0.5, 10.0), (2.0, 0.0), (2.0, 10.0), (4.0, 20.0))


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", help="poses of this model")
    source.add_argument("--noise", type=float, help="true joints with Gaussian noise, pixels")
    parser.add_argument("--clips", type=int, default=8, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=4.0, help="each; default: %(default)s")
    parser.add_argument("--json", help="write the result here")
    options = parser.parse_args()
    drawn = [list(clips.draw_clip(seed, seconds=options.seconds)) for seed in range(options.clips)]
    true_px = [np.array([frame.keypoints_px for frame in clip]) for clip in drawn]
    if options.model is None:
        rng = np.random.default_rng(0)
        raw = {"noise": [truth + rng.normal(0, options.noise, truth.shape) for truth in true_px]}
    else:
        raw = _estimated(drawn, options.model)
    result = {}
    for name, estimated_px in raw.items():
        result[name] = _scores(estimated_px, estimated_px, true_px)
        for cutoff_hz, speed_gain in SETTINGS:
            smooth_px = [
                _smoothed(poses_px, clip, OneEuroFilter(cutoff_hz, speed_gain))
                for poses_px, clip in zip(estimated_px, drawn, strict=True)
            ]
            label = f"{name}, cutoff {cutoff_hz:g} Hz, gain {speed_gain:g}"
            result[label] = _scores(smooth_px, estimated_px, true_px)
    for name, scores in result.items():
        listed = "  ".join(f"{key} {value:6.2f}" for key, value in scores.items())
        print(f"{name:42} {listed}")
    if options.json is not None:
        files.write_json(options.json, {**result, **provenance()})


def _estimated(drawn, model):
    """Poses of each clip with every frame searched afresh, and with following."""
    from posekit.estimators import loading
    from posekit.training import engine

    engine.start(0)
    estimator = loading.load(model)
    estimator.estimate([drawn[0][0].image])  # compiling is not timed
    found = {}
    for name, least_confidence in (("anew", np.inf), ("following", None)):
        settings = {} if least_confidence is None else {"least_confidence": least_confidence}
        counted = SimpleNamespace(calls=0, stages=estimator.stages)

        def estimate(images, boxes_px=None):
            counted.calls += 1
            return estimator.estimate(images, boxes_px)

        counted.estimate = estimate
        started, poses_px, confidences = time.perf_counter(), [], []
        for clip in drawn:
            tracker = videos.Tracker(counted, **settings)
            poses = [tracker.estimate(frame.image) for frame in clip]
            poses_px.append(np.concatenate([each.keypoints_px for each in poses]))
            confidences += [each.confidences.mean() for each in poses]
        frames = sum(map(len, drawn))
        milliseconds = 1000 * (time.perf_counter() - started) / frames
        print(
            f"{name}: {milliseconds:.1f} ms a frame, {counted.calls / frames:.2f} calls a frame, "
            f"mean confidence {np.mean(confidences):.3f}"
        )
        found[name] = poses_px
    return found


def _smoothed(poses_px, clip, smoothing):
    return np.array(
        [smoothing.smooth(pose, frame.seconds) for pose, frame in zip(poses_px, clip, strict=True)]
    )


def _scores(shown_px, raw_px, true_px):
    """Means over frames and joints, each clip counting for its frames."""
    errors = [shown - truth for shown, truth in zip(shown_px, true_px, strict=True)]
    lengths = np.concatenate([np.linalg.norm(error, axis=-1).ravel() for error in errors])
    jitter = np.concatenate(
        [np.linalg.norm(np.diff(error, n=2, axis=0), axis=-1).ravel() for error in errors]
    )
    return {
        "error_px": lengths.mean(),
        "median_error_px": np.median(lengths),
        "jitter_px": jitter.mean(),
        "lag_frames": _lag(shown_px, true_px) - _lag(raw_px, true_px),
    }


def _lag(shown_px, true_px, most=6.0):
    """The delay, in frames, of the truth that matches best."""
    delays = np.arange(0, most, 0.1)
    costs = []
    for delay in delays:
        cost = 0.0
        for shown, truth in zip(shown_px, true_px, strict=True):
            times = np.arange(int(most), len(truth)) - delay
            low = np.floor(times).astype(int)
            share = (times - low)[:, None, None]
            high = np.minimum(low + 1, len(truth) - 1)
            delayed = (1 - share) * truth[low] + share * truth[high]
            cost += np.square(shown[int(most) :] - delayed).sum()
        costs.append(cost)
    return delays[int(np.argmin(costs))]


if __name__ == "__main__":
    main()
