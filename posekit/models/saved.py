"""Read a .keras file and check that it is a pose network."""

from pathlib import Path

import keras

from posekit.errors import PosekitError
from posekit.models import heads


def load(path, *, head="coordinates", joints):
    """Read a saved network and check that it is one of ours.

    Args:
        path: a `.keras` file, or the folder of a training run (its best checkpoint is read).
        head: one of heads.HEADS, or None for any.
        joints: int, number of joints that it must predict.

    Returns:
        keras.Model, uncompiled, from square images (N, S, S, 3) to the head's output.

    Raises:
        PosekitError: the file is missing or unreadable, or its joints or input do not fit.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "best.keras"
    if not path.is_file():
        raise PosekitError(
            f"{path}: the model file must exist; got nothing there. "
            "notebooks/02_training.ipynb or `python -m posekit train` writes one."
        )
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    # Keras raises errors of many kinds for a file that is no model; all mean the same here.
    except Exception as error:
        raise PosekitError(
            f"{path}: must be a Keras model file that loads in safe mode; got {error}"
        ) from error
    check_shapes(path, model, head=head, joints=joints)
    return model


def check_shapes(path, network, *, head, joints):
    """Raise PosekitError unless a network goes from square images to the head's output.

    Args:
        path: where it was read, for the message.
        network: what has the attributes `input_shape` and `output_shape`.
        head, joints: as for `load`.
    """
    shapes = {
        name: known.output_shape(joints)
        for name, known in heads.HEADS.items()
        if head in (None, name)
    }
    if not any(_fits(network.output_shape, shape) for shape in shapes.values()):
        wanted = " or ".join(f"{shape} ({name})" for name, shape in shapes.items())
        raise PosekitError(
            f"{path}: the model's output must have shape {wanted} for {joints} joints; "
            f"got {network.output_shape}."
        )
    side = network.input_shape[1] if len(network.input_shape) == 4 else None
    if side is None or network.input_shape != (None, side, side, 3):
        raise PosekitError(
            f"{path}: the model's input must be square RGB images; got shape {network.input_shape}."
        )


def _fits(shape, pattern):
    return len(shape) == len(pattern) and all(
        wanted in (None, size) for size, wanted in zip(shape, pattern, strict=True)
    )
