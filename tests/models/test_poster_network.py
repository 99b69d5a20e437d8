"""The poster's pair: one difference, eleven layers, pixels in and out, and files that load."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from posekit.errors import PosekitError
from posekit.models import heads, losses, poster, saved, summary
from posekit.skeleton import JOINT_COUNT
from posekit.training.keras_patches import fused_kernels

BATCH_NORM = [True, False]


@pytest.fixture(scope="module")
def networks():
    keras.utils.set_random_seed(0)
    return {batch_norm: poster.poster_network(batch_norm=batch_norm) for batch_norm in BATCH_NORM}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)


def small_network(inputs, outputs):
    x = keras.Input(inputs)
    pooled = x if len(inputs) == 1 else keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(x, keras.layers.Dense(outputs)(pooled))


def test_batch_normalisation_is_the_pairs_one_difference(networks):
    normalised = [layer for layer in networks[True].layers if not layer.name.endswith("_bn")]
    plain = networks[False].layers
    assert len(networks[True].layers) - len(plain) == 10
    assert [layer.name for layer in normalised] == [layer.name for layer in plain]
    for ours, theirs in zip(normalised, plain, strict=True):
        assert type(ours) is type(theirs)
        assert ours.output.shape == theirs.output.shape
        one, other = ours.get_config(), theirs.get_config()
        if ours.name != "coordinates_unit" and hasattr(ours, "kernel"):
            # Beta takes the bias's place.
            assert (one.pop("use_bias"), other.pop("use_bias")) == (False, True)
        assert one == other


def test_each_hidden_weight_layer_is_normalised_just_before_its_relu(networks):
    names = [layer.name for layer in networks[True].layers]
    hidden = [name.removesuffix("_bn") for name in names if name.endswith("_bn")]
    assert len(hidden) == 10
    for name in hidden:
        start = names.index(name)
        assert names[start : start + 3] == [name, f"{name}_bn", f"{name}_relu"]


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
def test_eleven_layers_with_xavier_weights(networks, batch_norm):
    weighted = [layer for layer in networks[batch_norm].layers if hasattr(layer, "kernel")]
    kinds = [type(layer).__name__ for layer in weighted]
    assert kinds == ["Conv2D"] * 8 + ["Dense"] * 3
    for layer in weighted:
        assert isinstance(layer.kernel_initializer, keras.initializers.GlorotUniform)
        # Glorot and Bengio's uniform bound, nearly reached by the largest of so many weights.
        field = np.prod(layer.kernel.shape[:-2])
        fan_in, fan_out = layer.kernel.shape[-2] * field, layer.kernel.shape[-1] * field
        bound = np.sqrt(6 / (fan_in + fan_out))
        assert 0.95 * bound < np.abs(layer.kernel.numpy()).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
def test_pixels_in_and_pixels_near_the_frames_centre_out(networks, images, batch_norm):
    network = networks[batch_norm]
    assert network.input_shape == (None, 96, 96, 3)
    assert network.output_shape == (None, 2 * JOINT_COUNT)
    outputs = network(images, training=False).numpy()
    assert outputs.shape == (3, 28)
    assert abs(outputs.mean() - 47.5) < 10
    assert 0.01 < outputs.std() < 48  # neither constant nor in units of half a frame


def test_the_last_layer_maps_minus_one_and_one_to_the_frames_edges(networks):
    to_pixels = networks[False].get_layer("coordinates_px")
    edges = to_pixels(np.array([[-1.0, 0.0, 1.0]])).numpy()
    np.testing.assert_allclose(edges, [[-0.5, 47.5, 95.5]])
    to_unit = networks[False].get_layer("pixels_to_unit")
    np.testing.assert_allclose(to_unit(np.array([0.0, 127.5, 255.0])).numpy(), [-1, 0, 1])


def test_layer_table_counts_parameters_and_operations(networks):
    table = {row["name"]: row for row in summary.layer_table(networks[False])}
    assert sum(row["parameters"] for row in table.values()) == networks[False].count_params()
    first = table["conv1_1"]
    assert (first["kind"], first["output_shape"]) == ("Conv2D", (96, 96, 16))
    assert first["parameters"] == 3 * 3 * 3 * 16 + 16
    assert first["megaflops"] == pytest.approx(2 * 96 * 96 * 3 * 3 * 3 * 16 / 1e6)
    assert table["dense1"]["megaflops"] == pytest.approx(2 * 3 * 3 * 256 * 512 / 1e6)
    assert table["pool1"]["megaflops"] == 0
    assert 200 < sum(row["megaflops"] for row in table.values()) < 300


def test_operations_of_every_kind_of_kernel_by_hand():
    # 6 x 4 pixels of 3 channels; stride 2 leaves 3 x 2.
    pixels = keras.Input((6, 4, 3))
    seen = keras.layers.Conv2D(8, 3, 2, padding="same", name="conv")(pixels)
    alone = keras.layers.DepthwiseConv2D(5, padding="same", name="depthwise")(seen)
    both = keras.layers.Add(name="add")([seen, alone])
    rows = keras.layers.Reshape((2, 24), name="rows")(both)
    model = keras.Model(pixels, keras.layers.Dense(10, name="dense")(rows))
    table = {row["name"]: row["megaflops"] * 1e6 for row in summary.layer_table(model)}
    assert table["conv"] == pytest.approx(2 * (3 * 2) * (3 * 3 * 3 * 8))
    assert table["depthwise"] == pytest.approx(2 * (3 * 2) * (5 * 5 * 8))
    assert table["dense"] == pytest.approx(2 * 2 * (24 * 10))
    assert table["add"] == table["rows"] == 0
    assert summary.count_flops(model) == 2592 + 2400 + 960


def test_operations_are_the_tables_sum(networks):
    total = sum(row["megaflops"] for row in summary.layer_table(networks[True]))
    assert summary.count_flops(networks[True]) == pytest.approx(total * 1e6)


def test_arguments_shape_the_network():
    network = poster.poster_network(
        batch_norm=True,
        frame_px=32,
        convolution_widths=((4,), (8, 8)),
        dense_widths=(16,),
        joints=3,
    )
    assert network.input_shape == (None, 32, 32, 3) and network.output_shape == (None, 6)
    assert network.get_layer("pool2").output.shape == (None, 8, 8, 8)
    centre = network.get_layer("coordinates_px")(np.zeros((1, 6)))
    np.testing.assert_allclose(centre, np.full((1, 6), 15.5))


def test_a_saved_network_is_read_from_its_file_or_its_folder(networks, images, tmp_path):
    networks[True].save(tmp_path / "best.keras")
    expected = networks[True](images, training=False)
    for path in (tmp_path / "best.keras", tmp_path, str(tmp_path)):
        read = saved.load(path, joints=JOINT_COUNT)
        np.testing.assert_allclose(read(images, training=False), expected, atol=1e-4)


def test_a_saved_network_loads_where_posekit_is_not_installed(networks, images, tmp_path):
    networks[True].save(tmp_path / "best.keras")
    np.save(tmp_path / "images.npy", images)
    program = """
import sys
sys.modules["posekit"] = None  # importing it raises
import keras, numpy as np
model = keras.saving.load_model("best.keras")
np.save("outputs.npy", model(np.load("images.npy"), training=False))
"""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True, timeout=120
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "outputs.npy"), networks[True](images, training=False), atol=1e-4
    )


def test_a_missing_file_names_what_writes_it(tmp_path):
    for path in (tmp_path / "other.keras", tmp_path):
        with pytest.raises(PosekitError, match=r"\.keras: the model file must exist; got nothing"):
            saved.load(path, joints=JOINT_COUNT)
    with pytest.raises(PosekitError, match=r"02_training\.ipynb"):
        saved.load(tmp_path, joints=JOINT_COUNT)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "text.keras"
    path.write_text("no model")
    with pytest.raises(PosekitError, match=r"text\.keras: must be a Keras model file .*; got "):
        saved.load(path, joints=JOINT_COUNT)


@pytest.mark.parametrize(
    ("inputs", "outputs", "finding"),
    [
        ((32, 32, 3), 30, r"\(None, 28\) \(coordinates\) for 14 joints; got \(None, 30\)"),
        ((32, 48, 3), 28, r"square RGB images; got shape \(None, 32, 48, 3\)"),
        ((32, 32, 1), 28, r"square RGB images; got shape \(None, 32, 32, 1\)"),
        ((None, None, 3), 28, r"square RGB images; got shape \(None, None, None, 3\)"),
        ((100,), 28, r"square RGB images; got shape \(None, 100\)"),
    ],
)
def test_a_model_with_other_inputs_or_outputs_is_refused(tmp_path, inputs, outputs, finding):
    path = tmp_path / "other.keras"
    small_network(inputs, outputs).save(path)
    with pytest.raises(PosekitError, match=finding):
        saved.load(path, joints=JOINT_COUNT)


def save_with_output(path, output_shape):
    """A network whose output, without the batch axis, has the shape given."""
    x = keras.Input((32, 32, 3))
    flat = keras.layers.Dense(int(np.prod(output_shape)))(keras.layers.Flatten()(x[:, ::8, ::8]))
    keras.Model(x, keras.layers.Reshape(output_shape)(flat)).save(path)


SHAPES = {"coordinates": (28,), "soft_argmax": (4, 4, 14)}


@pytest.mark.parametrize("head", SHAPES)
def test_the_output_must_be_that_of_the_head(tmp_path, head):
    path = tmp_path / "network.keras"
    save_with_output(path, SHAPES[head])
    for accepted in (head, None):
        read = saved.load(path, head=accepted, joints=JOINT_COUNT)
        assert read.output_shape == (None, *SHAPES[head])
    for other in SHAPES.keys() - {head}:
        found = ", ".join(map(str, SHAPES[head]))
        with pytest.raises(PosekitError, match=rf"\({other}\) for 14 joints; got \(None, {found}"):
            saved.load(path, head=other, joints=JOINT_COUNT)


@pytest.mark.parametrize("shape", [(30,), (4, 4, 16), (16, 2, 64), (14, 3, 64)])
def test_an_output_of_no_head_is_refused_and_all_are_listed(tmp_path, shape):
    path = tmp_path / "network.keras"
    save_with_output(path, shape)
    found = ", ".join(map(str, shape))
    with pytest.raises(
        PosekitError, match=rf"coordinates.* or .*soft_argmax.*got \(None, {found}"
    ):
        saved.load(path, head=None, joints=JOINT_COUNT)


def test_the_output_shapes_are_those_of_the_heads():
    features = keras.Input((4, 4, 8))
    for head in heads.HEADS.values():
        shape = head.output(features, JOINT_COUNT, 32).shape
        pattern = head.output_shape(JOINT_COUNT)
        assert len(shape) == len(pattern)
        assert all(wanted in (None, size) for size, wanted in zip(shape, pattern, strict=True))


def test_a_model_with_code_in_its_file_is_refused(tmp_path):
    x = keras.Input((32, 32, 3))
    outputs = keras.layers.Lambda(lambda pixels: pixels[:, 0, :28, 0], output_shape=(28,))(x)
    keras.Model(x, outputs).save(tmp_path / "lambda.keras")
    with pytest.raises(PosekitError, match=r"loads in safe mode; got .*[Ll]ambda"):
        saved.load(tmp_path / "lambda.keras", joints=JOINT_COUNT)


def test_eight_pictures_can_be_learned_by_heart(experiment):
    keras.utils.set_random_seed(0)
    images = experiment.images("train")[:8]
    targets = experiment.targets("train", "masked")[:8]
    model = poster.poster_network(batch_norm=True)
    model.compile(optimizer=keras.optimizers.Adam(), loss=losses.weighted_mse)
    with fused_kernels():
        errors = [float(model.train_on_batch(images, targets)) for _ in range(30)]
    assert errors[-1] < 0.2 * errors[0]
