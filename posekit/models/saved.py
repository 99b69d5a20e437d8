"""Read a .keras file and check that it is a pose network."""

from pathlib import Path

import keras
import numpy as np

from posekit.errors import PosekitError, brief
from posekit.models import heads


def load(path, *, head="coordinates", joints):
    """Read a saved network, uncompiled, and check that it is one of ours.

    Args:
        path: a `.keras` file, or the folder of a training run (its best checkpoint is read).
        head: one of heads.HEADS, or None for any.
        joints: int, number of joints that it must predict.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "best.keras"
    if not path.is_file():
        raise PosekitError(
            f"{path}: the model file must exist; got nothing there. "
            "notebooks/02_training.ipynb or `posekit train` writes one."
        )
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    # Keras raises errors of many kinds for a file that is no model; all mean the same here.
    except Exception as error:
        raise PosekitError(
            f"{path}: must be a Keras model file that loads in safe mode; got {brief(error)}."
        ) from error
    check_shapes(path, model, head=head, joints=joints)
    return model


def check_shapes(path, network, *, head, joints):
    """Raise PosekitError unless a network goes from square images to the output of `head`.

    `network` has the attributes `input_shape` and `output_shape`; `path` is for the message.
    """
    allowed = tuple(heads.HEADS) if head is None else (head,)
    input_shape, output_shape = _shape(network, "input"), _shape(network, "output")
    if not any(_is_of(name, output_shape, joints) for name in allowed):
        wanted = " or ".join(
            f"{heads.HEADS[name].output_shape(joints)} ({name})" for name in allowed
        )
        raise PosekitError(
            f"{path}: the model's output must have shape {wanted} for {joints} joints; "
            f"got {output_shape}."
        )
    side = input_shape[1] if isinstance(input_shape, tuple) and len(input_shape) == 4 else None
    if side is None or input_shape != (None, side, side, 3):
        raise PosekitError(
            f"{path}: the model's input must be square RGB images; got shape {input_shape}."
        )


def in_float32(network):
    """A keras.Model with the same weights that computes in float32, whatever it was saved in.

    Half precision is for training on GPUs: a CPU is slow in it, and LiteRT lacks most of it. A
    network that computes in float32 already is returned itself.
    """
    if all(layer.dtype_policy.name == "float32" for layer in network.layers):
        return network
    copy = keras.models.clone_model(
        network,
        clone_function=lambda layer: type(layer).from_config(
            {**layer.get_config(), "dtype": "float32"}
        ),
    )
    copy.set_weights([np.asarray(weight, np.float32) for weight in network.get_weights()])
    return copy


def head_of(network, *, joints):
    """The name of the head that a network ends in, by its output's shape; None for another."""
    shape = _shape(network, "output")
    return next((name for name in heads.HEADS if _is_of(name, shape, joints)), None)


def _shape(network, end):
    """A network's shape at one end: a tuple, or what else Keras says of it, for the message."""
    try:
        return getattr(network, f"{end}_shape")
    except (AttributeError, ValueError) as error:
        return f"none ({brief(error, 80)})"


def _is_of(head, shape, joints):
    pattern = heads.HEADS[head].output_shape(joints)
    return (
        isinstance(shape, tuple)
        and len(shape) == len(pattern)
        and all(wanted in (None, size) for size, wanted in zip(shape, pattern, strict=True))
    )
