"""ImageNet weights for EfficientNet-Lite0, made once by `make imagenet`.

The published checkpoint is PyTorch's; models/imagenet/convert_lite0.py reads it in an environment
of its own, folds the normalisation in and writes plain arrays.
"""

import numpy as np

from posekit import files
from posekit.errors import PosekitError, raise_problems
from posekit.files import PROJECT_ROOT

WEIGHTS = PROJECT_ROOT / "models" / "imagenet" / "lite0.npz"

# Lite0's trunk takes 13 MB.
LIMIT_BYTES = 64 << 20


def load_into(network, path=WEIGHTS):
    """Give the trunk of an EfficientNet-Lite0 its ImageNet weights; decoder and head keep theirs.

    The file of `convert_lite0.py` has, for each layer NAME of the trunk, NAME/kernel and NAME/bias
    with the normalisation folded in. Where it is not that file, the network stays as it was.
    """
    try:
        arrays = files.read_npz(path, limit_bytes=LIMIT_BYTES)
    except PosekitError as error:
        raise PosekitError(
            f"{error} `make imagenet` writes it; other networks, as residual, need none."
        ) from error
    trunk = [
        layer
        for layer in network.layers
        if layer.weights and layer.name.startswith(("stem", "block"))
    ]
    problems = []
    for layer in trunk:
        for part, weight in zip(("kernel", "bias"), layer.weights, strict=True):
            name, given = f"{layer.name}/{part}", arrays.get(f"{layer.name}/{part}")
            if given is None or given.shape != weight.shape or not _is_finite(given):
                found = "none" if given is None else f"{given.dtype} {given.shape}"
                problems.append(
                    f"`{name}` must be finite floats of shape {tuple(weight.shape)}; got {found}."
                )
    raise_problems(str(path), problems)
    for layer in trunk:
        layer.set_weights([arrays[f"{layer.name}/kernel"], arrays[f"{layer.name}/bias"]])


def _is_finite(values):
    return values.dtype.kind == "f" and np.isfinite(values).all()
