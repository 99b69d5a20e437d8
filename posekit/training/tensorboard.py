"""What a training writes for TensorBoard: curves, the mean pose's line, the graph, pictures.

    tensorboard --logdir reports

Below a training's tensorboard/ are four of TensorBoard's runs: `train` and `validation`, as Keras
writes them, `mean_pose`, the error of the best constant guess, and `network`, the graph and, where
they are asked for, pictures. None of it takes part in the training.
"""

import os

import cv2
import keras
import numpy as np
import tensorflow as tf

from posekit.datasets.pose_dataset import evenly_spread
from posekit.drawing import draw_skeleton
from posekit.geometry import resize_keypoints
from posekit.models import heads
from posekit.pipeline.batches import evaluation_batches

# Set and not empty, it asks for pictures where no argument can reach, as in a notebook's kernel.
PICTURES_VARIABLE = "POSEKIT_PICTURES"

PICTURE_COUNT = 6
# TensorBoard's cards are about as wide as high: pairs of truth and prediction, three in a row.
COLUMNS = 3

# A joint can be told at this side; smaller frames are enlarged.
LEAST_SIDE_PX = 160


def callbacks(folder, network, *, mean_pose_mse, sheet=None):
    """The callbacks of one training, in order.

    Args:
        folder: path of the training's logs.
        network: keras.Model, uncompiled, which holds the validated weights after each epoch.
        mean_pose_mse: float or None, validation MSE of the mean pose.
        sheet: Sheet of the pictures to be shown, or None.

    Returns:
        list of keras.callbacks.Callback.
    """
    return [
        # Keras would write the graph of a whole training step, in which the network is lost.
        keras.callbacks.TensorBoard(folder, write_graph=False),
        Extras(folder, network, mean_pose_mse=mean_pose_mse, sheet=sheet),
    ]


def pictures_wanted(pictures):
    """`pictures`, or where it is None what the environment says."""
    return bool(os.environ.get(PICTURES_VARIABLE)) if pictures is None else pictures


class Extras(keras.callbacks.Callback):
    """Beside Keras' own curves: the graph, the mean pose's line and perhaps pictures.

    Args:
        folder, network, mean_pose_mse, sheet: as for `callbacks`.
    """

    def __init__(self, folder, network, *, mean_pose_mse, sheet):
        super().__init__()
        self._folder = folder
        self._network = network
        self._mean_pose_mse = mean_pose_mse
        self._sheet = sheet

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
        if self._sheet is not None and self._is_shown(epoch + 1):
            with self._writers["network"].as_default():
                drawn = self._sheet.draw(self._network)
                tf.summary.image("validation: truth above, prediction below", drawn, step=epoch)

    def on_train_end(self, logs=None):
        for writer in self._writers.values():
            writer.close()

    def _is_shown(self, number):
        # 1, 2, 4, 8, ...: TensorBoard shows ten steps of a picture and would drop others unseen.
        return number & (number - 1) == 0 or number == self.params["epochs"]


class Sheet:
    """A few fixed validation pictures, each with the truth above and the prediction below.

    Args:
        canvases: experiment.Canvases of the network's view.
        crop: pipeline.Crop, or None; see `Canvases.crop`.
        label_treatment: str, whose targets are the truth.
        head: str, one of heads.HEADS.
        frame_px: int, side of the network's input, pixels.
    """

    def __init__(self, canvases, crop, *, label_treatment, head, frame_px):
        images = canvases.images("validation")
        targets = canvases.targets("validation", label_treatment)
        # From all over the part: neighbours in a file often show the same scene.
        chosen = evenly_spread(len(images), PICTURE_COUNT)
        batches = evaluation_batches(
            images[chosen], targets[chosen], batch_size=len(chosen), crop=crop
        )
        ((shown, truth),) = batches.as_numpy_iterator()
        self._images = shown.astype(np.float32)  # (n, S, S, 3)
        self._head = heads.by_name(head)
        self._frame_px = frame_px
        self._skeleton = canvases.experiment.dataset.skeleton
        counted = truth[..., 2] > 0
        self._truth = self._drawn(truth[..., :2], counted)

    def draw(self, network):
        """uint8 (1, H, W, 3): pairs of truth and prediction, `COLUMNS` in a row."""
        output = network(self._images, training=False)
        flat = keras.ops.convert_to_numpy(self._head.coordinates(output, self._frame_px))
        keypoints_px = flat.reshape(len(self._images), -1, 2)
        pairs = np.concatenate([self._truth, self._drawn(keypoints_px)], axis=1)  # (n, 2 S, S, 3)
        count, height, width, _ = pairs.shape
        rows = -(-count // COLUMNS)
        blank = np.full((rows * COLUMNS - count, height, width, 3), 255, np.uint8)
        grid = np.concatenate([pairs, blank]).reshape(rows, COLUMNS, height, width, 3)
        return grid.swapaxes(1, 2).reshape(1, rows * height, COLUMNS * width, 3)

    def _drawn(self, keypoints_px, labelled=None):
        side_px = self._frame_px * max(1, -(-LEAST_SIDE_PX // self._frame_px))
        labelled = np.ones(keypoints_px.shape[:2], bool) if labelled is None else labelled
        # An untrained network may point anywhere; what is far outside is not seen in any case.
        keypoints_px = np.clip(keypoints_px, -self._frame_px, 2 * self._frame_px)
        drawn = [
            draw_skeleton(
                cv2.resize(image.clip(0, 255).astype(np.uint8), (side_px, side_px)),
                resize_keypoints(pose_px, [self._frame_px] * 2, [side_px] * 2),
                seen,
                skeleton=self._skeleton,
            )
            for image, pose_px, seen in zip(self._images, keypoints_px, labelled, strict=True)
        ]
        return np.stack(drawn)  # (n, S, S, 3)


def _forward_graph(network):
    """The graph of a network's inference, its layers by name."""
    forward = tf.function(lambda images: network(images, training=False), autograph=False)
    pictures = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32, name="pictures")
    return forward.get_concrete_function(pictures).graph
