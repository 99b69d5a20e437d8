"""The poster's network, as we read it, with and without batch normalisation.

The poster says "11-layer CNN" and publishes no layer list. Our reading is VGG's configuration A
(Simonyan and Zisserman, ICLR 2015, table 1: 8 convolutions and 3 dense layers, 11 layers with
weights) at a quarter of its width, which two CPU cores can train. Every unknown is an argument.
"""

import math
from pathlib import Path

import keras
from keras import layers

from posekit.errors import PosekitError
from posekit.profiles import FRAME_PX
from posekit.skeleton import JOINT_COUNT

CONVOLUTION_WIDTHS = ((16,), (32,), (64, 64), (128, 128), (256, 256))
DENSE_WIDTHS = (512, 512)

# Keras' own 0.99 averages over hundreds of steps; a short training would be judged by statistics
# of weights it no longer has.
BATCH_NORM_MOMENTUM = 0.9


def poster_network(
    *,
    batch_norm,
    frame_px=FRAME_PX,
    convolution_widths=CONVOLUTION_WIDTHS,
    dense_widths=DENSE_WIDTHS,
    batch_norm_momentum=BATCH_NORM_MOMENTUM,
    joints=JOINT_COUNT,
):
    """The 11-layer regression network, uncompiled, glorot_uniform ("Xavier") weights.

    Args:
        batch_norm: bool, the pair's one difference: whether BatchNormalization stands between
            each hidden weight layer and its ReLU.
        frame_px: int, side of the square input, pixels.
        convolution_widths: tuple of blocks, each a tuple of filter counts; a block ends in 2 x 2
            max pooling.
        dense_widths: tuple of int, units of the hidden dense layers.
        batch_norm_momentum: float in [0, 1), of the moving statistics that inference uses.
        joints: int, how many (x, y) pairs come out.

    Returns:
        keras.Sequential: pixels (N, frame_px, frame_px, 3), 0 to 255, to (N, 2 * joints), the
        coordinates x0, y0, x1, y1, ... in the frame's pixels.
    """
    stack = [
        keras.Input((frame_px, frame_px, 3), name="image"),
        layers.Rescaling(1 / 127.5, offset=-1.0, name="pixels_to_unit"),
    ]

    def add_hidden(layer, name):
        stack.append(layer)
        if batch_norm:
            stack.append(
                layers.BatchNormalization(momentum=batch_norm_momentum, name=f"{name}_bn")
            )
        stack.append(layers.ReLU(name=f"{name}_relu"))

    # BatchNormalization's beta takes the place of the bias, so the pair stays comparable.
    for block, widths in enumerate(convolution_widths, start=1):
        for position, width in enumerate(widths, start=1):
            name = f"conv{block}_{position}"
            convolution = layers.Conv2D(
                width,
                3,
                padding="same",
                use_bias=not batch_norm,
                kernel_initializer="glorot_uniform",
                name=name,
            )
            add_hidden(convolution, name)
        stack.append(layers.MaxPooling2D(name=f"pool{block}"))
    stack.append(layers.Flatten(name="flatten"))
    for position, width in enumerate(dense_widths, start=1):
        dense = layers.Dense(
            width,
            use_bias=not batch_norm,
            kernel_initializer="glorot_uniform",
            name=f"dense{position}",
        )
        add_hidden(dense, f"dense{position}")
    stack.append(
        layers.Dense(2 * joints, kernel_initializer="glorot_uniform", name="coordinates_unit")
    )
    # The last weight layer works in units of half a frame around the frame's centre, so that
    # Adam's steps suit it; the loss and every reader see pixels.
    stack.append(
        layers.Rescaling(frame_px / 2, offset=(frame_px - 1) / 2, name="coordinates_px")
    )
    name = "poster_batchnorm" if batch_norm else "poster_plain"
    return keras.Sequential(stack, name=name)


def layer_table(model):
    """One row for each layer, for tables and for the architecture figure.

    Args:
        model: built keras.Model whose layers are each used once.

    Returns:
        list of dict: name, kind, output_shape (without the batch axis), parameters, and
        megaflops, the forward floating-point operations of one image in millions, a
        multiply-add counted as two; elementwise layers count as 0.
    """
    return [
        {
            "name": layer.name,
            "kind": type(layer).__name__,
            "output_shape": tuple(layer.output.shape[1:]),
            "parameters": layer.count_params(),
            "megaflops": _multiply_adds(layer) * 2 / 1e6,
        }
        for layer in model.layers
    ]


def count_flops(model):
    """Forward floating-point operations of one image, int; counted as in `layer_table`."""
    return 2 * sum(_multiply_adds(layer) for layer in model.layers)


def _multiply_adds(layer):
    if not isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)):
        return 0
    # The kernel is applied once at every place of the output: a pixel, or a row of a dense layer.
    places = math.prod(layer.output.shape[1:-1])
    return places * math.prod(layer.kernel.shape)


def output_shapes(joints):
    """Output shapes of networks for that many joints, by head, see `heads`; None fits any size."""
    return {
        "coordinates": (None, 2 * joints),
        "spread": (None, joints, 4),
        "flow": (None, joints, 4),
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
