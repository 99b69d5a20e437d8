"""Models for other programs: LiteRT or ONNX files, and a manifest that says how to use them.

The manifest is the model's own, completed by what is otherwise in posekit's source: how a picture
becomes a network's input, what its output means, and how to read keypoints. `examples/` uses it.
"""

import warnings
from dataclasses import replace
from pathlib import Path

import keras
import tensorflow as tf

from posekit import files, geometry
from posekit.datasets.pose_dataset import evenly_spread
from posekit.errors import PosekitError, check_choice
from posekit.estimators import calibration, decoding, loading, manifest, runtimes
from posekit.estimators.estimator import EXTENT_MARGIN
from posekit.estimators.manifest import EXPORT_FORMATS, MANIFEST, MANIFEST_VERSION
from posekit.models import heads
from posekit.pipeline import views
from posekit.provenance import provenance

# Pictures, and frames of them for each network, on which the ranges of int8 values are measured.
REPRESENTATIVE_IMAGES = 100
REPRESENTATIVE_FRAMES = 200

# Read by ONNX Runtime 1.12 and later.
ONNX_OPSET = 17

FRAME = (
    "RGB float32 (N, input_px, input_px, 3), 0 to 255; the network scales it itself. `cut` in "
    "posekit's examples/pose_maps.py makes it of the stage's box, `fill` beyond the picture's "
    "edge, and `find_pose` there finds the boxes, runs the crops of `looks` and reads the maps. An "
    "integer coordinate is a pixel's centre: x of the picture is (x + 0.5 - box_x) * input_px / "
    "box_width - 0.5 of the frame, and likewise y."
)
BOXES = {
    "whole": "The smallest centred square that holds all of the picture.",
    "squashed": "The picture itself, whatever its aspect.",
    "person": (
        "A square around the joints as the maps before show them, or around a box that is given, "
        "of its longer side, in a picture that is cropped to the box and 0.1 of that side around "
        "it. If the output is no map: around the keypoints, `person_margin` times as wide."
    ),
}
CONFIDENCE = (
    "The chance that joint k is within 0.2 torso lengths of the truth: 1 / (1 + exp(-(slope * "
    "log(m / (1 - m)) + offsets[k]))) with m the last stage's mass, clipped to 0.0001 ... 0.9999."
)
PRESENCE = (
    "The chance that a person is there: 1 / (1 + exp(-(offset + weights . features))), nobody "
    "below `threshold`. Of the last stage's masses' log-odds, clipped as above, the features are "
    "`mean` over joints, `least` and `most`, the means of the five least and greatest. `spread` is "
    "the entropy of the mean maps in nats, each scaled to the sum 1, as a mean over joints, and "
    "`disagreement` what it exceeds the mean entropy of the single crops' maps by, all in the last "
    "pass's widest crop."
)


def export(model, folder, *, file_format, dataset=None):
    """Write a model's networks for another runtime; return the Path of the manifest.

    Args:
        model: as for `estimators.load`.
        folder: Path, made where missing; an earlier export there is replaced.
        file_format: str, one of EXPORT_FORMATS; inputs and outputs are float32 in all of them.
        dataset: PoseDataset, for "litert-int8" alone: pictures like those that the model will see,
            on which the range of each layer's values is measured. Give no part that is scored.
    """
    check_choice("export()", "file_format", file_format, EXPORT_FORMATS)
    quantised = file_format == "litert-int8"
    if quantised and not dataset:
        raise PosekitError(
            "export(): `dataset` must hold pictures on which int8 can measure ranges of values; "
            "got none. Give the training part."
        )
    folder = Path(folder)
    path = folder / MANIFEST
    if path.is_file() and "format" not in files.read_json(path):
        raise PosekitError(
            f"{folder}: must be a folder for an export alone; got one that holds a model. Name "
            "another folder."
        )
    estimator = loading.load(model, compiled=False)
    if not all(isinstance(stage.network, keras.Model) for stage in estimator.stages):
        raise PosekitError(
            f"export(): `model` must have Keras networks; got {str(model)!r}, an export itself. "
            "Name the model that it was exported from."
        )
    frames = _seen_frames(estimator, dataset) if quantised else [None] * len(estimator.stages)
    stored = estimator.manifest or {}
    entries = []
    for position, (stage, seen) in enumerate(zip(estimator.stages, frames, strict=True)):
        if file_format == "onnx":
            suffix, content = ".onnx", _onnx(stage.network)
        else:
            suffix, content = ".tflite", _litert(stage.network, file_format, seen)
        entry = stored["stages"][position] if stored else {"file": stage.view}
        file = folder / f"{Path(entry['file']).stem}{suffix}"
        with files.replacing(file) as temporary:
            temporary.write_bytes(content)
        entries.append({**entry, **manifest.stage_entry(stage, file)})
    files.write_json(path, _manifest(model, estimator, stored, entries, file_format))
    return path


class _RecordingNetwork:
    """A network that keeps its inputs."""

    def __init__(self, network):
        self._network, self.frames = runtimes.compiled(network), []
        self.input_shape = network.input_shape

    def predict_on_batch(self, frames):
        self.frames.extend(frames)
        return self._network.predict_on_batch(frames)


def _seen_frames(estimator, dataset):
    """What each stage sees of some pictures in all its passes: lists of float32 (S, S, 3)."""
    recording = [_RecordingNetwork(stage.network) for stage in estimator.stages]
    pairs = zip(estimator.stages, recording, strict=True)
    stages = tuple(replace(stage, network=network) for stage, network in pairs)
    shown = dataset.subset(evenly_spread(len(dataset), REPRESENTATIVE_IMAGES))
    replace(estimator, stages=stages).estimate_dataset(shown)
    frames = [network.frames for network in recording]
    return [[seen[at] for at in evenly_spread(len(seen), REPRESENTATIVE_FRAMES)] for seen in frames]


def _litert(network, file_format, frames):
    with runtimes.quiet():
        converter = runtimes.converter(network)
    if file_format != "litert":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if file_format == "litert-float16":
        converter.target_spec.supported_types = [tf.float16]
    if file_format == "litert-int8":
        converter.representative_dataset = lambda: ([frame[None]] for frame in frames)
        # Without this, layers that have no int8 kernel would silently stay in float.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with runtimes.quiet(), warnings.catch_warnings():
        # It asks for what older converters needed instead of a representative data set.
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
        return converter.convert()


def _onnx(network):
    try:
        import tf2onnx
    except ImportError as error:
        raise PosekitError(
            f"export(): ONNX needs tf2onnx, which posekit itself does not; got {error}. Install "
            "benchmarks/export_requirements.txt."
        ) from error
    function = runtimes.prediction(network)
    converted, _ = tf2onnx.convert.from_function(
        function, input_signature=function.input_signature, opset=ONNX_OPSET
    )
    return converted.SerializeToString()


def _manifest(model, estimator, stored, entries, file_format):
    fitted = estimator.calibration
    seen, read = ({entry[field] for entry in entries} for field in ("view", "head"))
    return {
        "name": estimator.name,
        "data": {"split": loading.training_split(model)},
        **stored,
        "version": MANIFEST_VERSION,
        "format": file_format,
        **manifest.joints_entry(estimator.skeleton),
        "mirror": list(estimator.skeleton.mirror),
        "fill": views.FILL,
        "least_side_px": geometry.LEAST_SIDE_PX,
        "person_margin": geometry.PERSON_MARGIN,
        "extent_margin": EXTENT_MARGIN,
        "extents": {"power": decoding.EXTENT_POWER},
        "stages": entries,
        "decoding": {
            "smoothing": decoding.SMOOTHING,
            "neighbourhood": decoding.NEIGHBOURHOOD,
            "sure_radius": decoding.SURE_RADIUS,
        },
        "calibration": None if fitted is None else calibration.to_json(fitted),
        "how_to": {
            "input": FRAME,
            "box": {view: text for view, text in BOXES.items() if view in seen},
            "output": {name: head.reading for name, head in heads.HEADS.items() if name in read},
            "confidence": None if fitted is None else CONFIDENCE,
            "presence": None if estimator.presence is None else PRESENCE,
        },
        "exported": provenance(),
    }
