"""Worker: paths of images in, with tabs between them, posekit's keypoints out, as one batch.

Joints come for every picture; `found` says whether posekit would show them.
"""

import json
import sys

from posekit.estimators import loading
from posekit.estimators.predict import photos
from posekit.training import engine

engine.start(0)


estimator = loading.load(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    poses = estimator.estimate([photos.read_photo(path) for path in line.strip().split("\t")])
    answer = {"keypoints_px": poses.keypoints_px.round(2).tolist(), "found": poses.found.tolist()}
    print(json.dumps(answer), flush=True)
