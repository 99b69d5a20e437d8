"""Networks made fast for prediction: LiteRT, which comes with TensorFlow, on all of the cores.

The first pictures cost a second or two of compiling, each later one a third to a quarter of what
Keras takes. The answers differ by rounding alone.
"""

import os
import warnings

import numpy as np
import tensorflow as tf


class CompiledNetwork:
    """A network that can only predict, with the names that it has in Keras.

    Args:
        network: keras.Model with one input and one output; its weights are copied.
    """

    def __init__(self, network):
        self.input_shape = tuple(network.input_shape)
        with warnings.catch_warnings():
            # It says that LiteRT will move to a package of its own; TensorFlow is pinned.
            warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
            self._interpreter = tf.lite.Interpreter(
                model_content=_converted(network), num_threads=_usable_cores()
            )
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
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


def _converted(network):
    """The network as a LiteRT flatbuffer; its weights are constants, as LiteRT's kernels want."""
    weights = [
        [np.array(variable) for variable in variables]
        for variables in (network.trainable_variables, network.non_trainable_variables)
    ]

    def predict(images):
        trainable, others = ([tf.constant(values) for values in group] for group in weights)
        return network.stateless_call(trainable, others, images, training=False)[0]

    signature = tf.TensorSpec(network.input_shape, tf.float32)
    function = tf.function(predict).get_concrete_function(signature)
    return tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()


def _usable_cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
