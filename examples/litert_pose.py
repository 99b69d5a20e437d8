"""A pose with LiteRT: python litert_pose.py EXPORTED_FOLDER photo.jpg

Needs `pip install ai-edge-litert numpy pillow`, and pose_maps.py next to it.
"""

import json
import sys
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter
from pose_maps import find_pose


def open_network(file):
    interpreter = Interpreter(str(file))
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()

    def network(frame):
        interpreter.set_tensor(source["index"], frame[None])
        interpreter.invoke()
        return interpreter.get_tensor(target["index"])[0]

    return network


if __name__ == "__main__":
    print(json.dumps(find_pose(Path(sys.argv[1]), sys.argv[2], open_network), indent=2))
