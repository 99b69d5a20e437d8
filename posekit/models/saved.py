"""Read a .keras file and check that it is a pose network."""

from pathlib import Path

import keras

from posekit.errors import PosekitError
from posekit.skeleton import JOINT_COUNT

def output_shapes(joints):
    """Output shapes of networks for that many joints, by head, see `heads`; None fits any size."""
    return {
        "coordinates": (None, 2 * joints),
        "spread": (None, joints, 4),
        "soft_argmax": (None, None, None, joints),
        "simcc": (None, joints, 2, None),
    }


OUTPUT_SHAPES = output_shapes(JOINT_COUNT)


def load(path, *, head="coordinates", joints=JOINT_COUNT):
    """Read a saved network and check that it is one of ours.

    Args:
        path: a `.keras` file, or the folder of a training run (its best checkpoint is read).
        head: one of heads.HEADS, or None for any.
        joints: int, how many it must answer for.

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


def check_shapes(path, network, *, head, joints=JOINT_COUNT):
    """Raise PosekitError unless a network goes from square pictures to the head's output.

    Args:
        path: where it was read, for the message.
        network: what has the attributes `input_shape` and `output_shape`.
        head, joints: as for `load`.
    """
    shapes = output_shapes(joints)
    heads = shapes if head is None else (head,)
    if not any(_fits(network.output_shape, shapes[name]) for name in heads):
        wanted = " or ".join(f"{shapes[name]} ({name})" for name in heads)
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
