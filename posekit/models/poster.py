"""The poster's network, as we read it, with and without batch normalisation.

The poster says "11-layer CNN" and publishes no layer list. Our reading is VGG's configuration A
(Simonyan and Zisserman, ICLR 2015, table 1: 8 convolutions and 3 dense layers, 11 layers with
weights) at a quarter of its width, which two CPU cores can train. Every unknown is an argument.
"""

import keras
from keras import layers

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
    rescales=True,
    last_start=1.0,
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
        rescales: bool, whether the first weight layer sees pixels from -1 to 1 and the last one
            works in half frames around the frame's centre; False for plain pixels in both.
        last_start: float > 0, factor on the last layer's first weights.
        joints: int, how many (x, y) pairs come out.

    Returns:
        keras.Sequential: pixels (N, frame_px, frame_px, 3), 0 to 255, to (N, 2 * joints), the
        coordinates x0, y0, x1, y1, ... in the frame's pixels.
    """
    stack = [keras.Input((frame_px, frame_px, 3), name="image")]
    if rescales:
        stack.append(layers.Rescaling(1 / 127.5, offset=-1.0, name="pixels_to_unit"))
    # BatchNormalization's beta takes the place of the bias, so the pair stays comparable.
    weights = {"use_bias": not batch_norm, "kernel_initializer": "glorot_uniform"}

    def add_hidden(layer):
        stack.append(layer)
        if batch_norm:
            named = {"momentum": BATCH_NORM_MOMENTUM, "name": f"{layer.name}_bn"}
            stack.append(layers.BatchNormalization(**named))
        stack.append(layers.ReLU(name=f"{layer.name}_relu"))

    for block, widths in enumerate(convolution_widths, start=1):
        for position, width in enumerate(widths, start=1):
            name = f"conv{block}_{position}"
            add_hidden(layers.Conv2D(width, 3, padding="same", name=name, **weights))
        stack.append(layers.MaxPooling2D(name=f"pool{block}"))
    stack.append(layers.Flatten(name="flatten"))
    for position, width in enumerate(dense_widths, start=1):
        add_hidden(layers.Dense(width, name=f"dense{position}", **weights))
    start = "glorot_uniform"
    if last_start != 1:
        start = keras.initializers.VarianceScaling(last_start**2, "fan_avg", "uniform")
    last = "coordinates_unit" if rescales else "coordinates_px"
    stack.append(layers.Dense(2 * joints, kernel_initializer=start, name=last))
    if rescales:
        # Half a frame as the unit suits Adam's steps; the loss and every reader see pixels.
        stack.append(
            layers.Rescaling(frame_px / 2, offset=(frame_px - 1) / 2, name="coordinates_px")
        )
    name = "poster_batchnorm" if batch_norm else "poster_plain"
    return keras.Sequential(stack, name=name)
