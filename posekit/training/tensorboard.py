"""What a training writes for TensorBoard beside Keras' own curves: the mean pose's line, the graph.

    tensorboard --logdir reports

A training's tensorboard/ holds four of TensorBoard's runs: `train` and `validation`, as Keras
writes them, `mean_pose`, the error of the best constant guess, and `network`, the graph.
"""

import keras
import tensorflow as tf


class BaselineAndGraph(keras.callbacks.Callback):
    """The graph of an uncompiled network, and the mean pose's validation MSE or None."""

    def __init__(self, folder, network, *, mean_pose_mse):
        super().__init__()
        self._folder = folder
        self._network = network
        self._mean_pose_mse = mean_pose_mse

    def on_train_begin(self, logs=None):
        self._writers = [
            tf.summary.create_file_writer(str(self._folder / name))
            for name in ("mean_pose", "network")
        ]
        # Keras would write the graph of a whole training step, in which the network is lost.
        forward = tf.function(lambda images: self._network(images, training=False), autograph=False)
        shape = (None, *self._network.input_shape[1:])
        images = tf.TensorSpec(shape, tf.float32, name="images")
        with self._writers[1].as_default():
            tf.summary.graph(forward.get_concrete_function(images).graph)

    def on_epoch_end(self, epoch, logs=None):
        if self._mean_pose_mse is not None:
            with self._writers[0].as_default():
                tf.summary.scalar("epoch_mse", self._mean_pose_mse, step=epoch)

    def on_train_end(self, logs=None):
        for writer in self._writers:
            writer.close()
