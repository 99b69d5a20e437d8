"""Worker: paths of images in, with tabs between them, MediaPipe Pose's keypoints out.

Run by the peers' environment; argument: model complexity (0 lite, 1 full, 2 heavy). MediaPipe
takes one picture at a time.
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


def keypoints_px(path):
    """Joints of the person in a picture, or None where none is found."""
    image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
    found = pose.process(image).pose_landmarks
    if found is None:
        return None
    height, width = image.shape[:2]
    points = np.array([[found.landmark[i].x, found.landmark[i].y] for i in LANDMARKS])
    return (points * [width, height] - 0.5).round(2).tolist()


print("ready", flush=True)
for line in sys.stdin:
    found = [keypoints_px(path) for path in line.strip().split("\t")]
    print(json.dumps({"keypoints_px": found}), flush=True)
