"""Networks made fast for prediction: LiteRT, which comes with TensorFlow, on all cores.

Compiling takes a second or two; each picture then takes a third to a quarter of Keras' time. The
outputs differ by rounding alone. Exported files (`export`) are read here as well.
"""

import logging
import os
import re
import sys
import warnings
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from posekit.errors import PosekitError, brief
from posekit.models import saved


class LiteRtNetwork:
    """A network that can only predict, of LiteRT's file format as bytes; one input and one output.

    `input_shape` and `output_shape` are tuples as Keras gives them; None where any size fits.
    """

    def __init__(self, flatbuffer):
        with quiet(), warnings.catch_warnings():
            # LiteRT will move to a package of its own; TensorFlow is pinned.
            warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
            self._interpreter = tf.lite.Interpreter(
                model_content=flatbuffer, num_threads=_usable_cores()
            )
        (source,) = self._interpreter.get_input_details()
        (target,) = self._interpreter.get_output_details()
        self._input, self._output = source["index"], target["index"]
        self.input_shape, self.output_shape = (
            tuple(size if size >= 0 else None for size in details["shape_signature"].tolist())
            for details in (source, target)
        )
        self._batch_size = None

    def predict_on_batch(self, images):
        """The network's output, float32, for images of its input shape, float32."""
        if len(images) != self._batch_size:
            self._interpreter.resize_tensor_input(self._input, images.shape)
            self._interpreter.allocate_tensors()
            self._batch_size = len(images)
        self._interpreter.set_tensor(self._input, images)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)


class OnnxNetwork:
    """An ONNX file, run by ONNX Runtime; attributes and method as of LiteRtNetwork."""

    def __init__(self, path):
        try:
            import onnxruntime
        except ImportError as error:
            raise PosekitError(
                f"{path}: needs ONNX Runtime, which posekit itself does not; got {error}. "
                "Install benchmarks/export_requirements.txt, or take a LiteRT file."
            ) from error
        choices = onnxruntime.SessionOptions()
        choices.intra_op_num_threads = _usable_cores()
        # Threads that wait in a loop double the time where two of them share a core.
        choices.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            path, choices, providers=["CPUExecutionProvider"]
        )
        (source,), (target,) = self._session.get_inputs(), self._session.get_outputs()
        self._input = source.name
        # Sizes that may vary have names in place of numbers.
        self.input_shape, self.output_shape = (
            tuple(size if isinstance(size, int) else None for size in each.shape)
            for each in (source, target)
        )

    def predict_on_batch(self, images):
        """The network's output, float32, for images of its input shape, float32."""
        return self._session.run(None, {self._input: np.ascontiguousarray(images)})[0]


def compiled(network, name=None):
    """A keras.Model, in any precision, made fast for prediction: a copy, as LiteRtNetwork.

    Where LiteRT lacks one of its operations, it is the keras.Model in float32, and one line on the
    standard error says so. `name` is the model's in messages. PosekitError if neither runs.
    """
    name = name or network.name
    picture = np.zeros((1, *network.input_shape[1:]), np.float32)
    try:
        network = saved.in_float32(network)
        with quiet():
            fast = LiteRtNetwork(converter(network).convert())
            # Some operations convert and fail only as they run.
            fast.predict_on_batch(picture)
        return fast
    # Each step has errors of its own, and any of them means that LiteRT cannot.
    except Exception as error:
        lacking = sorted(set(re.findall(r"'(tf\.\w+)' op", str(error))))
        reason = f"it lacks {', '.join(lacking)}" if lacking else brief(error, 100)
    try:
        network.predict_on_batch(picture)
    except Exception as error:
        raise PosekitError(
            f"{name}: must be a network that predicts from a picture; got {brief(error)}."
        ) from error
    print(f"{name}: Keras runs it, slower than LiteRT, which cannot: {reason}", file=sys.stderr)
    return network


@contextmanager
def quiet():
    """Within the block, TensorFlow's native code writes no log; errors are raised as usual.

    LiteRT logs a dozen lines for each network past Python and past TensorFlow's log level. What
    other threads write to the standard error meanwhile is lost as well.
    """
    absl = logging.getLogger("absl")
    level = absl.level
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    absl.setLevel(logging.ERROR)
    try:
        yield
    finally:
        absl.setLevel(level)
        os.dup2(kept, 2)
        os.close(kept)


def converter(network):
    """TensorFlow's converter of a keras.Model to LiteRT, for its options to be set."""
    return tf.lite.TFLiteConverter.from_concrete_functions(
        [prediction(network).get_concrete_function()]
    )


def prediction(network):
    """What a network predicts, as a tf.function of images float32 (N, S, S, 3).

    The weights are copied, and are constants, as LiteRT's kernels want.
    """
    weights = [
        [np.array(variable) for variable in variables]
        for variables in (network.trainable_variables, network.non_trainable_variables)
    ]

    @tf.function(input_signature=[tf.TensorSpec(network.input_shape, tf.float32, name="image")])
    def predict(image):
        trainable, others = ([tf.constant(values) for values in group] for group in weights)
        return network.stateless_call(trainable, others, image, training=False)[0]

    return predict


# How to read each kind of exported file.
READERS = {
    ".tflite": lambda path: LiteRtNetwork(path.read_bytes()),
    ".onnx": OnnxNetwork,
}


def read(path):
    """The LiteRtNetwork or OnnxNetwork of an exported file, a Path with a suffix of READERS."""
    try:
        return READERS[path.suffix](path)
    except PosekitError:
        raise
    # Each runtime has its own errors for a file that is not a model; all mean the same here.
    except Exception as error:
        raise PosekitError(
            f"{path}: must be a model with one input and one output that its runtime reads; "
            f"got {brief(error)}."
        ) from error


def _usable_cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
