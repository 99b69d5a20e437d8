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

    The file of `convert_lite0.py` has NAME/kernel and NAME/bias for each layer NAME of the trunk,
    normalisation folded in. Where it is not that file, the network stays as it was.
    """
    try:
        arrays = files.read_npz(path, limit_bytes=LIMIT_BYTES)
    except PosekitError as error:
        raise PosekitError(
            f"{error} `make imagenet` writes it; other networks, as residual, need none."
        ) from error
    weighted = [layer for layer in network.layers if layer.weights]
    trunk = [layer for layer in weighted if layer.name.startswith(("stem", "block"))]
    problems = []
    for layer in trunk:
        for part, weight in zip(("kernel", "bias"), layer.weights, strict=True):
            name, given = f"{layer.name}/{part}", arrays.get(f"{layer.name}/{part}")
            shape, kind = (None, None) if given is None else (given.shape, given.dtype.kind)
            if shape != weight.shape or kind != "f" or not np.isfinite(given).all():
                found = "none" if given is None else f"{given.dtype} {given.shape}"
                rule = f"`{name}` must be finite floats of shape {tuple(weight.shape)}"
                problems.append(f"{rule}; got {found}.")
    raise_problems(str(path), problems)
    for layer in trunk:
        layer.set_weights([arrays[f"{layer.name}/kernel"], arrays[f"{layer.name}/bias"]])
