import math

import keras
import numpy as np
import pytest

from posekit.models import poster
from posekit.studies.activity import networks

SIZES = {"activities": 3, "frame_px": 32, "features": 8, "joints": 4}


@pytest.fixture(scope="module")
def pose_network():
    keras.utils.set_random_seed(0)
    return poster.poster_network(
        batch_norm=True,
        frame_px=32,
        convolution_widths=((4,), (4,), (4,), (4,), (8,)),
        dense_widths=(8,),
        joints=4,
    )


def trained_parameters(network):
    return sum(math.prod(variable.shape) for variable in network.trainable_variables)


def test_all_kinds_have_comparable_parameters():
    # With the poster network's features and joints.
    count = [
        trained_parameters(
            networks.classifier(kind, activities=8, frame_px=96, features=256, joints=14)
        )
        for kind in networks.KINDS
    ]
    assert max(count) < 1.05 * min(count)


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("image", {"image"}),
        ("pose", {"features", "keypoints_px"}),
        ("both", {"image", "features", "keypoints_px"}),
    ],
)
def test_each_kind_has_its_own_inputs(kind, inputs):
    network = networks.classifier(kind, **SIZES)
    assert {tensor.name for tensor in network.inputs} == inputs
    assert network.output_shape == (None, 3)


def test_neither_position_nor_size_of_the_person_counts():
    rng = np.random.default_rng(0)
    network = networks.classifier("pose", **SIZES)
    features = rng.normal(size=(2, 8)).astype(np.float32)
    pose_px = rng.uniform(0, 32, (2, 4, 2))
    probabilities = [
        np.asarray(
            network({"features": features, "keypoints_px": pose.reshape(2, 8).astype(np.float32)})
        )
        for pose in (pose_px, 0.5 * pose_px + [3, 7], pose_px[:, ::-1])
    ]
    np.testing.assert_allclose(probabilities[1], probabilities[0], atol=1e-5)
    # Another pose is another matter; and joints that coincide are no division by zero.
    assert np.abs(probabilities[2] - probabilities[0]).max() > 1e-3
    nowhere = network({"features": features, "keypoints_px": np.full((2, 8), 5, np.float32)})
    assert np.isfinite(np.asarray(nowhere)).all()


def test_cues_are_the_last_maps_and_the_joints(pose_network):
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    cues = networks.cue_reader(pose_network)(images)
    maps = keras.Model(pose_network.inputs, pose_network.get_layer("pool5").output)(images)
    np.testing.assert_allclose(cues["features"], np.mean(maps, axis=(1, 2)), atol=1e-5)
    np.testing.assert_allclose(cues["keypoints_px"], pose_network(images), atol=1e-4)


def test_the_whole_network_is_both_stages_in_one_file(pose_network, tmp_path):
    rng = np.random.default_rng(0)
    images = keras.ops.convert_to_tensor(rng.uniform(0, 255, (3, 32, 32, 3)).astype(np.float32))
    network = networks.classifier("both", **SIZES)
    whole = networks.whole_network(pose_network, network)
    # Frozen: an optimizer of the whole would leave the pose network alone; the given one is not.
    assert len(whole.trainable_variables) == len(network.trainable_variables)
    assert pose_network.trainable_variables
    cues = networks.cue_reader(pose_network)(images)
    expected = network({"image": images, **cues})
    whole.save(tmp_path / "activity.keras")
    read_back = keras.saving.load_model(tmp_path / "activity.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(read_back(images), expected, atol=1e-5)
