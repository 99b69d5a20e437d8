"""A pose with ONNX Runtime: python onnx_pose.py EXPORTED_FOLDER photo.jpg

Needs `pip install onnxruntime numpy pillow`, and pose_maps.py next to it.
"""

import json
import sys
from pathlib import Path

from onnxruntime import InferenceSession
from pose_maps import find_pose


def open_network(file):
    session = InferenceSession(file, providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    return lambda frame: session.run(None, {source.name: frame[None]})[0][0]


if __name__ == "__main__":
    print(json.dumps(find_pose(Path(sys.argv[1]), sys.argv[2], open_network), indent=2))
