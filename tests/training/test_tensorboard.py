"""What TensorBoard finds of a training, read back with TensorBoard's own reader."""

import subprocess
import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorflow import make_ndarray

from posekit.models import poster
from posekit.training.tensorboard import BaselineAndGraph


@pytest.fixture(scope="module")
def network():
    return poster.poster_network(
        batch_norm=True, frame_px=96, convolution_widths=((2,),), dense_widths=(4,)
    )


def logged(folder, network, *, epochs, mean_pose_mse=400.0):
    """The two runs that a training adds to Keras' own, as TensorBoard reads them."""
    extras = BaselineAndGraph(folder, network, mean_pose_mse=mean_pose_mse)
    extras.on_train_begin()
    for epoch in range(epochs):
        extras.on_epoch_end(epoch)
    extras.on_train_end()
    runs = {}
    for name in ("mean_pose", "network"):
        runs[name] = EventAccumulator(str(folder / name), size_guidance={"tensors": 0})
        runs[name].Reload()
    return runs


def test_the_graph_is_the_networks(tmp_path, network):
    nodes = logged(tmp_path, network, epochs=1)["network"].Graph().node
    names = [node.name for node in nodes]
    assert "images" in names
    for layer in ("conv1_1", "conv1_1_bn", "dense1", "coordinates_px"):
        assert any(f"/{layer}" in f"/{name}" for name in names), layer
    # The weights themselves stay in the model's file.
    assert sum(node.ByteSize() for node in nodes) < 100_000


def test_the_mean_poses_line_is_level_and_as_long_as_the_curves(tmp_path, network):
    events = logged(tmp_path, network, epochs=3)["mean_pose"].Tensors("epoch_mse")
    assert [event.step for event in events] == [0, 1, 2]
    assert [float(make_ndarray(event.tensor_proto)) for event in events] == [400, 400, 400]


def test_without_a_mean_pose_there_is_no_line(tmp_path, network):
    runs = logged(tmp_path, network, epochs=1, mean_pose_mse=None)
    assert runs["mean_pose"].Tags()["tensors"] == []


def test_tensorboard_starts():
    # From setuptools 82 on there is no pkg_resources, which TensorBoard 2.20 imports.
    finished = subprocess.run(
        [sys.executable, "-c", "import tensorboard.data.server_ingester"],
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
