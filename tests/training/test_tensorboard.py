"""What TensorBoard finds of a training, read back with TensorBoard's own reader."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorflow import make_ndarray

from posekit.drawing import draw_skeleton
from posekit.models import poster
from posekit.skeleton import LSP
from posekit.training import tensorboard
from posekit.training.tensorboard import Extras, Sheet

TAG = "validation: truth above, prediction below"


@pytest.fixture(scope="module")
def network():
    return poster.poster_network(
        batch_norm=True, frame_px=96, convolution_widths=((2,),), dense_widths=(4,)
    )


@pytest.fixture(scope="module")
def sheet(experiment):
    canvases = experiment.canvases("squashed", 96)
    return Sheet(canvases, None, label_treatment="masked", head="coordinates", frame_px=96)


def logged(folder, network, *, epochs, mean_pose_mse=400.0, sheet=None):
    """The two runs that a training of so many epochs adds to Keras' own, as TensorBoard reads."""
    extras = Extras(folder, network, mean_pose_mse=mean_pose_mse, sheet=sheet)
    extras.set_params({"epochs": epochs})
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
    assert "pictures" in names
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


def test_pictures_are_shown_ever_more_rarely_and_of_the_last_epoch(tmp_path, network, sheet):
    events = logged(tmp_path, network, epochs=11, sheet=sheet)["network"].Tensors(TAG)
    assert [event.step + 1 for event in events] == [1, 2, 4, 8, 11]
    width, height, encoded = events[0].tensor_proto.string_val
    assert (int(width), int(height)) == (3 * 192, 2 * 2 * 192)
    shown = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(shown, sheet.draw(network)[0])


def test_without_a_sheet_there_are_no_pictures(tmp_path, network):
    assert TAG not in logged(tmp_path, network, epochs=2)["network"].Tags()["tensors"]


def test_a_sheet_shows_truth_and_prediction_on_the_same_pictures(experiment, sheet):
    part = experiment.part("validation")
    last = len(part) - 1
    truth_px = experiment.keypoints_frame_px[experiment.split.validation[last]]
    elsewhere_px = truth_px + [5.0, -3.0]
    (drawn,) = sheet.draw(
        lambda images, training: np.tile(elsewhere_px.reshape(1, -1), (len(images), 1))
    )
    image = cv2.resize(experiment.images("validation")[last], (192, 192))

    def on_picture(pose_px, labelled):
        return draw_skeleton(image, (pose_px + 0.5) * 2 - 0.5, labelled, skeleton=LSP)

    # All five pictures of the part are shown, three in a row: the last is in the second column.
    assert last == 4
    truth, predicted = drawn[384:576, 192:384], drawn[576:, 192:384]
    np.testing.assert_array_equal(truth, on_picture(truth_px, part.labelled[last]))
    np.testing.assert_array_equal(predicted, on_picture(elsewhere_px, np.ones(14, bool)))
    assert (drawn[384:, 384:] == 255).all() and (drawn[:384] != 255).any()


def test_a_sheet_bears_predictions_from_anywhere(sheet):
    (drawn,) = sheet.draw(lambda images, training: np.full((len(images), 28), 1e12))
    assert drawn.shape == (768, 576, 3) and drawn.dtype == np.uint8


def test_pictures_are_only_drawn_where_they_are_asked_for(monkeypatch):
    monkeypatch.delenv(tensorboard.PICTURES_VARIABLE, raising=False)
    assert not tensorboard.pictures_wanted(None) and tensorboard.pictures_wanted(True)
    monkeypatch.setenv(tensorboard.PICTURES_VARIABLE, "1")
    assert tensorboard.pictures_wanted(None) and not tensorboard.pictures_wanted(False)


def test_tensorboard_starts():
    # From setuptools 82 on there is no pkg_resources, which TensorBoard 2.20 imports.
    finished = subprocess.run(
        [sys.executable, "-c", "import tensorboard.data.server_ingester"],
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
