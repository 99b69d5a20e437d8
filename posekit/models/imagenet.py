"""ImageNet weights for EfficientNet-Lite0, made once by `make imagenet`.

The published checkpoint is PyTorch's; models/imagenet/convert_lite0.py reads it in an environment
of its own, folds the normalisation in and writes plain arrays.
"""

from pathlib import Path

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
    path = Path(path)
    if not path.is_file():
        raise PosekitError(
            f"{path}: the ImageNet weights must exist; got nothing there. Run `make imagenet`, or "
            'train with another start, such as the "residual" network.'
        )
    trunk = [
        layer
        for layer in network.layers
        if layer.weights and layer.name.startswith(("stem", "block"))
    ]
    try:
        arrays = files.read_npz(path, limit_bytes=LIMIT_BYTES)
    except PosekitError as error:
        raise PosekitError(f"{error} `make imagenet` writes it again.") from error
    problems = []
    for layer in trunk:
        for part, weight in zip(("kernel", "bias"), layer.weights, strict=True):
            name, wanted = f"{layer.name}/{part}", tuple(weight.shape)
            given = arrays[name].shape if name in arrays else "none"
            if given != wanted:
                problems.append(f"`{name}` must have shape {wanted}; got {given}.")
            elif arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
                problems.append(
                    f"`{name}` must hold finite float numbers; got dtype {arrays[name].dtype}."
                )
    raise_problems(str(path), problems)
    for layer in trunk:
        layer.set_weights([arrays[f"{layer.name}/kernel"], arrays[f"{layer.name}/bias"]])
