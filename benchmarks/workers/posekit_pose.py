"""Worker: image path in, posekit's keypoints out, one picture at a time."""

import json
import sys

from posekit import engine

engine.start(0)

from posekit import estimators, prediction  # noqa: E402 - after the engine's start

estimator = estimators.load(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    poses = estimator.estimate([prediction.read_photo(line.strip())])
    print(json.dumps({"keypoints_px": poses.keypoints_px[0].round(2).tolist()}), flush=True)
