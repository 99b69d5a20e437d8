"""What a training writes for TensorBoard: curves, the mean pose's line, the graph.

    tensorboard --logdir reports

A training's tensorboard/ holds four of TensorBoard's runs: `train` and `validation`, as Keras
writes them, `mean_pose`, the error of the best constant guess, and `network`, the graph.
"""

import keras
import tensorflow as tf


def callbacks(folder, network, *, mean_pose_mse):
    """The callbacks of one training, in order; arguments as for `BaselineAndGraph`."""
    return [
        # Keras would write the graph of a whole training step, in which the network is lost.
        keras.callbacks.TensorBoard(folder, write_graph=False),
        BaselineAndGraph(folder, network, mean_pose_mse=mean_pose_mse),
    ]


class BaselineAndGraph(keras.callbacks.Callback):
    """The graph and the mean pose's line.

    Args:
        folder: Path of the training's logs.
        network: keras.Model, uncompiled.
        mean_pose_mse: float or None, validation MSE of the mean pose.
    """

    def __init__(self, folder, network, *, mean_pose_mse):
        super().__init__()
        self._folder = folder
        self._network = network
        self._mean_pose_mse = mean_pose_mse

    def on_train_begin(self, logs=None):
        self._writers = {
            name: tf.summary.create_file_writer(str(self._folder / name))
            for name in ("mean_pose", "network")
        }
        with self._writers["network"].as_default():
            tf.summary.graph(_forward_graph(self._network))

    def on_epoch_end(self, epoch, logs=None):
        """Epochs count from 0 here, as in Keras' own curves."""
        if self._mean_pose_mse is not None:
            with self._writers["mean_pose"].as_default():
                tf.summary.scalar("epoch_mse", self._mean_pose_mse, step=epoch)

    def on_train_end(self, logs=None):
        for writer in self._writers.values():
            writer.close()


def _forward_graph(network):
    """The graph of a network's inference, its layers by name."""
    forward = tf.function(lambda images: network(images, training=False), autograph=False)
    images = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32, name="images")
    return forward.get_concrete_function(images).graph
