"""Shapes, freezing, dropped branches, transfer, and files that load without posekit."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from posekit.errors import PosekitError
from posekit.models import build, names
from posekit.models.lite0 import lite0_network
from posekit.models.residual import residual_network
from posekit.skeleton import JOINT_COUNT

SMALL = {"widths": (4, 4, 8, 8), "blocks": (1, 1, 1, 1)}


def residual(**options):
    keras.utils.set_random_seed(0)
    return residual_network(
        **{"head": "soft_argmax", "frame_px": 32, "joints": JOINT_COUNT, **SMALL, **options}
    )


@pytest.fixture(scope="module")
def lite0():
    keras.utils.set_random_seed(0)
    return lite0_network(head="soft_argmax", frame_px=32, joints=JOINT_COUNT)


@pytest.fixture(scope="module")
def short():
    keras.utils.set_random_seed(0)
    return lite0_network(
        head="soft_argmax",
        frame_px=64,
        joints=JOINT_COUNT,
        stages=5,
        frozen_stages=0,
        dropout=0.2,
        stochastic_depth=0.8,
    )


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)


def expected_shape(head, frame_px):
    return {
        "coordinates": (None, 2 * JOINT_COUNT),
        "soft_argmax": (None, frame_px // 8, frame_px // 8, JOINT_COUNT),
    }[head]


@pytest.mark.parametrize(
    ("head", "frame_px"),
    [("coordinates", 32), ("soft_argmax", 32), ("soft_argmax", 96)],
)
def test_residual_outputs_fit_head_and_frame(head, frame_px):
    network = residual(head=head, frame_px=frame_px)
    assert network.input_shape == (None, frame_px, frame_px, 3)
    assert network.output_shape == expected_shape(head, frame_px)


def trunk_of(network):
    return [
        layer
        for layer in network.layers
        if layer.weights and layer.name.startswith(("stem", "block"))
    ]


def test_lite0_outputs_fit_head_and_frame(lite0, short):
    assert lite0.output_shape == expected_shape("soft_argmax", 32)
    assert short.output_shape == expected_shape("soft_argmax", 64)


def test_lite0_without_its_last_stages_is_the_same_as_far_as_it_goes(lite0, short):
    whole, part = (
        [(layer.name, layer.kernel.shape) for layer in trunk_of(network)]
        for network in (lite0, short)
    )
    # Five stages have eleven blocks, the last two five more.
    cut = next(index for index, (name, _) in enumerate(whole) if name.startswith("block11"))
    assert part == whole[:cut]
    assert short.get_layer("block10_project").output.shape == (None, 4, 4, 112)
    assert lite0.get_layer("block15_project").output.shape == (None, 1, 1, 320)


@pytest.mark.parametrize("name", names.NETWORKS)
def test_every_network_is_built_by_its_name(name):
    network = build.network(
        name, head="coordinates", frame_px=32, dropout=0.0, stochastic_depth=0.0, joints=3
    )
    assert network.input_shape == (None, 32, 32, 3) and network.output_shape == (None, 6)


def test_other_frames_and_heads_are_refused():
    with pytest.raises(PosekitError, match=r"residual_network\(\): .* multiple of 32; got 100"):
        residual(frame_px=100)
    with pytest.raises(PosekitError, match=r"lite0_network\(\): .* multiple of 32; got 48"):
        lite0_network(head="soft_argmax", frame_px=48, joints=JOINT_COUNT)
    with pytest.raises(PosekitError, match="'soft_argmax'; got 'argmax'"):
        residual(head="argmax")


def test_stages_halve_the_picture_and_have_their_blocks():
    network = residual(frame_px=64, widths=(4, 8, 12, 16), blocks=(1, 2, 1, 3))
    sums = [layer for layer in network.layers if layer.name.endswith("_add")]
    assert [layer.name for layer in sums] == [
        f"stage{stage}_{block}_add"
        for stage, count in enumerate((1, 2, 1, 3), start=1)
        for block in range(1, count + 1)
    ]
    by_stage = {layer.name[:6]: layer.output.shape[1:] for layer in sums}
    assert list(by_stage.values()) == [(16, 16, 4), (8, 8, 8), (4, 4, 12), (2, 2, 16)]


def test_a_block_without_its_branch_is_the_identity():
    network = residual(blocks=(2, 1, 1, 1))
    # Gamma and beta of the last normalisation are the branch's last factor and offset.
    last = network.get_layer("stage1_2_second_bn")
    last.gamma.assign(np.zeros(4))
    ends = [network.get_layer(f"stage1_{block}_relu").output for block in (1, 2)]
    before, after = keras.Model(network.input, ends)(np.full((1, 32, 32, 3), 200.0))
    assert np.ptp(before) > 0
    np.testing.assert_array_equal(before, after)


def test_lite0_has_the_published_number_of_weights(lite0):
    trunk = trunk_of(lite0)
    # Tan and Le's network has 4,652,008: beside the trunk a 1 x 1 convolution to 1280 channels and
    # a classifier of 1000; and two normalisation weights for each of our biases.
    classifier = 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000
    biases = sum(layer.bias.shape[0] for layer in trunk)
    assert sum(layer.count_params() for layer in trunk) + biases + classifier == 4_652_008


def trainable_names(network):
    return {layer.name for layer in network.layers if layer.trainable_weights}


def test_frozen_stages_keep_their_weights(lite0):
    # The first two of seven stages have one and two blocks.
    frozen = {layer.name for layer in lite0.layers if layer.weights} - trainable_names(lite0)
    assert frozen == {
        "stem",
        *(f"block0_{part}" for part in ("depthwise", "project")),
        *(f"block{n}_{part}" for n in (1, 2) for part in ("expand", "depthwise", "project")),
    }


def test_nothing_or_the_whole_trunk_can_be_frozen(short):
    assert trainable_names(short) == {layer.name for layer in short.layers if layer.weights}
    frozen = lite0_network(
        head="coordinates", frame_px=32, joints=JOINT_COUNT, stages=5, frozen_stages=5
    )
    assert trainable_names(frozen) == {"coordinates_unit"}


def test_large_depthwise_kernels_can_keep_their_weights():
    network = lite0_network(
        head="coordinates",
        frame_px=32,
        joints=JOINT_COUNT,
        stages=5,
        frozen_stages=0,
        fixed_kernel=5,
    )
    fixed = {layer.name for layer in network.layers if layer.weights} - trainable_names(network)
    # The third and the fifth stage: blocks 3 and 4, and 8 to 10.
    assert fixed == {f"block{number}_depthwise" for number in (3, 4, 8, 9, 10)}


def test_deeper_branches_are_left_out_more_often():
    network = residual(blocks=(1, 1, 2, 1), stochastic_depth=0.5)
    rates = [layer.rate for layer in network.layers if layer.name.endswith("_drop")]
    np.testing.assert_allclose(rates, [0.1, 0.2, 0.3, 0.4, 0.5])


def test_lite0_leaves_out_branches_beside_a_shortcut_alone(short):
    rates = {layer.name: layer.rate for layer in short.layers if layer.name.endswith("_drop")}
    # The first block of a stage changes stride or width and has no shortcut.
    assert list(rates) == [f"block{number}_drop" for number in (2, 4, 6, 7, 9, 10)]
    assert list(rates.values()) == sorted(rates.values()) and rates["block10_drop"] <= 0.8


def test_branches_and_channels_are_left_out_in_training_alone(images):
    plain = residual()
    dropping = residual(stochastic_depth=0.9, dropout=0.5)
    build.transfer(plain, dropping)
    same = np.repeat(images[:1], 8, axis=0)
    np.testing.assert_allclose(
        dropping(same, training=False), plain(same, training=False), rtol=1e-6, atol=1e-6
    )
    # In training equal pictures differ only by what is left out of each, and by rounding: where
    # all 8 are equal, normalisation enlarges that, by processor to 1e-5 or 1.4e-4. The claim needs
    # it well below what leaving out brings.
    assert np.ptp(plain(same, training=True), axis=0).max() < 1e-3
    assert np.ptp(dropping(same, training=True), axis=0).max() > 1e-2


def test_a_branch_is_left_out_whole_for_one_example_and_made_up_for_in_others():
    network = residual(stochastic_depth=0.5)
    drop = network.get_layer("stage4_1_drop")  # the last of four blocks: rate 0.5
    factors = drop(np.ones((200, 2, 2, 8), np.float32), training=True).numpy()
    per_example = factors.reshape(200, -1)
    assert (per_example == per_example[:, :1]).all()
    assert set(per_example[:, 0].tolist()) == {0.0, 2.0}
    assert abs((per_example[:, 0] == 0).mean() - 0.5) < 5 * np.sqrt(0.25 / 200)


def test_saved_networks_load_where_posekit_is_not_installed(short, tmp_path):
    networks = {
        "residual": residual(frame_px=64, stochastic_depth=0.2, dropout=0.1),
        "lite0": short,
    }
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    for name, network in networks.items():
        network.save(tmp_path / f"{name}.keras")
    program = """
import sys
sys.modules["posekit"] = None  # importing it raises
import keras, numpy as np
for name in ("residual", "lite0"):
    model = keras.saving.load_model(f"{name}.keras", safe_mode=True)
    np.save(f"{name}.npy", model(np.load("images.npy"), training=False))
"""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True, timeout=120
    )
    for name, network in networks.items():
        expected = network(images, training=False)
        assert np.ptp(expected, axis=0).max() > 0
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), expected, atol=1e-4)


def weights_of(network):
    return {layer.name: layer.get_weights() for layer in network.layers if layer.weights}


def assert_equal(one, other):
    for values, others in zip(one, other, strict=True):
        np.testing.assert_array_equal(values, others)


def test_transfer_copies_what_both_have_and_leaves_the_rest():
    source, target = residual(head="coordinates"), residual(frame_px=64)
    for weight in source.weights:
        weight.assign(np.full(weight.shape, 0.25))
    given, before = weights_of(source), weights_of(target)
    build.transfer(source, target)
    after = weights_of(target)
    shared, own = set(after) & set(given), set(after) - set(given)
    assert "stage4_1_second_bn" in shared and {"decoder8", "map_logits"} <= own
    for name in shared:
        assert_equal(after[name], given[name])
    for name in own:
        assert_equal(after[name], before[name])
    for name, values in weights_of(source).items():
        assert_equal(values, given[name])


def test_transfer_refuses_strangers_and_other_shapes():
    network = residual()
    stranger = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="stranger")
    with pytest.raises(PosekitError, match="share layers with residual; got none in stranger"):
        build.transfer(stranger, network)
    wider = residual(widths=(4, 4, 8, 12))
    before = weights_of(network)
    with pytest.raises(
        PosekitError,
        match=r"stage4_1_second must have shapes \[\(3, 3, 8, 8\)\]; got \[\(3, 3, 12, 12\)\]",
    ):
        build.transfer(wider, network)
    for name, values in weights_of(network).items():
        assert_equal(values, before[name])


