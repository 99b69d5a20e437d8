"""Worker: image path in, MediaPipe Pose's keypoints out, one picture at a time.

Run by the peers' environment; argument: model complexity (0 lite, 1 full, 2 heavy).
"""

import json
import sys

import cv2
import mediapipe
import numpy as np

# MediaPipe's landmarks in the order of posekit's joints; neck and head top have none.
LANDMARKS = [28, 26, 24, 23, 25, 27, 16, 14, 12, 11, 13, 15]

pose = mediapipe.solutions.pose.Pose(
    static_image_mode=True, model_complexity=int(sys.argv[1]), min_detection_confidence=0.5
)
print("ready", flush=True)
for line in sys.stdin:
    image = cv2.cvtColor(cv2.imread(line.strip()), cv2.COLOR_BGR2RGB)
    found = pose.process(image).pose_landmarks
    keypoints_px = None
    if found is not None:
        height, width = image.shape[:2]
        points = np.array([[found.landmark[i].x, found.landmark[i].y] for i in LANDMARKS])
        keypoints_px = (points * [width, height] - 0.5).round(2).tolist()
    print(json.dumps({"keypoints_px": keypoints_px}), flush=True)
