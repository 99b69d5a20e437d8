"""ImageNet weights from a file made up here: what they change, and which files are refused."""

import io
import zipfile

import keras
import numpy as np
import pytest

from posekit.errors import PosekitError
from posekit.models import imagenet, lite0


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return lite0.lite0_network(head="soft_argmax", frame_px=32, joints=14)


def weighted(network):
    return {layer.name: layer for layer in network.layers if layer.weights}


@pytest.fixture
def arrays(network):
    """Made-up arrays of the trunk's layers."""
    rng = np.random.default_rng(0)
    return {
        f"{name}/{part}": rng.normal(0, 0.1, weight.shape).astype(np.float32)
        for name, layer in weighted(network).items()
        if name.startswith(("stem", "block"))
        for part, weight in (("kernel", layer.kernel), ("bias", layer.bias))
    }


def test_the_trunk_gets_the_weights_and_nothing_else_does(network, arrays, tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, **arrays)
    # Each of 16 blocks has a depthwise convolution and a projection, all but one an expansion.
    assert len(arrays) == 2 * (1 + 16 + 16 + 15)
    before = {name: layer.get_weights() for name, layer in weighted(network).items()}
    imagenet.load_into(network, path)
    own = set(before)
    for name, layer in weighted(network).items():
        if f"{name}/kernel" in arrays:
            own.remove(name)
            np.testing.assert_array_equal(layer.kernel, arrays[f"{name}/kernel"])
            np.testing.assert_array_equal(layer.bias, arrays[f"{name}/bias"])
        else:
            for now, then in zip(layer.get_weights(), before[name], strict=True):
                np.testing.assert_array_equal(now, then)
    assert {"map_logits", "lateral32", "decoder8_bn"} <= own


def test_a_missing_file_names_the_command_that_makes_it(network, tmp_path):
    for path in (tmp_path / "none.npz", str(tmp_path / "none.npz")):
        with pytest.raises(PosekitError, match=r"none\.npz: .* got .*No such file.*make imagenet"):
            imagenet.load_into(network, path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_archive_is_refused(network, tmp_path, content):
    path = tmp_path / "weights.npz"
    path.write_bytes(content)
    finding = r"weights\.npz: must be a file of arrays .*; got \S.*make imagenet"
    with pytest.raises(PosekitError, match=finding):
        imagenet.load_into(network, path)


def test_a_lone_array_is_refused(network, tmp_path):
    path = tmp_path / "array.npy"
    np.save(path, np.zeros(3))
    with pytest.raises(PosekitError, match=r"array\.npy: must be a file of arrays .*not a zip"):
        imagenet.load_into(network, path)


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (lambda kernel: kernel * np.nan, "`stem/kernel` must be finite .*; got float32"),
        (lambda kernel: kernel.astype(int), "`stem/kernel` must be .*; got int"),
        (lambda kernel: kernel.astype("U9"), "`stem/kernel` must be .*; got <U9"),
    ],
)
def test_arrays_that_are_no_weights(network, arrays, tmp_path, spoil, finding):
    path = tmp_path / "weights.npz"
    np.savez(path, **{**arrays, "stem/kernel": spoil(arrays["stem/kernel"])})
    with pytest.raises(PosekitError, match=finding):
        imagenet.load_into(network, path)


@pytest.mark.parametrize("place", [60, -60])
def test_a_damaged_archive_is_refused(network, arrays, tmp_path, place):
    path = tmp_path / "weights.npz"
    np.savez_compressed(path, **arrays)
    content = bytearray(path.read_bytes())
    content[place : place + 30] = b"\xff" * 30
    path.write_bytes(content)
    with pytest.raises(PosekitError, match=r"weights\.npz: (must be a file of arrays|`.*` must)"):
        imagenet.load_into(network, path)


def test_an_array_that_declares_hundreds_of_gigabytes_is_refused(network, arrays, tmp_path):
    path = tmp_path / "weights.npz"
    bias = io.BytesIO()
    np.save(bias, arrays.pop("stem/bias"))
    np.savez(path, **arrays)
    declared = b"'shape': (99999999999,), }"  # 373 GiB, which NumPy would ask for
    content = bias.getvalue().replace(b"'shape': (32,), }".ljust(len(declared)), declared)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("stem/bias.npy", content)
    with pytest.raises(PosekitError, match="must hold the 399,999,999,996 bytes .*; got 128"):
        imagenet.load_into(network, path)


def test_lacking_and_misshapen_arrays_are_all_named_and_nothing_changes(network, arrays, tmp_path):
    path = tmp_path / "weights.npz"
    del arrays["block7_expand/bias"]
    arrays["stem/kernel"] = np.zeros((3, 3, 32, 3), np.float32)
    np.savez(path, **arrays)
    before = network.get_weights()
    with pytest.raises(PosekitError) as caught:
        imagenet.load_into(network, path)
    message = str(caught.value)
    assert "`stem/kernel` must be finite floats of shape (3, 3, 3, 32); got float32 (3, 3, 32, 3)" in message
    assert "`block7_expand/bias` must be finite floats of shape (480,); got none" in message
    for now, then in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
