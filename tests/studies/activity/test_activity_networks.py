import math

import numpy as np
import pytest

from posekit.studies.activity import networks

SIZES = {"activities": 3, "picture_shape": (32, 32, 3), "features": 8, "joints": 4}


def trained_parameters(network):
    return sum(math.prod(variable.shape) for variable in network.trainable_variables)


@pytest.mark.parametrize("picture_shape", [(96, 96, 3), (320,)])
def test_all_kinds_have_comparable_parameters(picture_shape):
    # With the features and joints of `best`.
    count = [
        trained_parameters(
            networks.classifier(
                kind, activities=8, picture_shape=picture_shape, features=334, joints=14
            )
        )
        for kind in networks.KINDS
    ]
    assert max(count) < 1.1 * min(count)


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("image", {"picture"}),
        ("pose", {"features", "keypoints_px"}),
        ("both", {"picture", "features", "keypoints_px"}),
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


def test_a_picture_may_come_as_features():
    network = networks.classifier("image", **{**SIZES, "picture_shape": (5,)})
    (tensor,) = network.inputs
    assert (tensor.name, tensor.shape) == ("picture", (None, 5))
    assert network.output_shape == (None, 3)
