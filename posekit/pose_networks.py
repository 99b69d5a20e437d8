"""Networks beyond the poster: a trunk that sees, a decoder that places, a head that answers.

Plain Keras layers throughout, so that saved files load without posekit. Both trunks halve the
picture five times; the decoder brings the coarse features back to an eighth of the frame.
"""

from functools import partial

import keras
from keras import layers

from posekit import heads
from posekit.errors import PosekitError, check_choice, raise_problems
from posekit.models import BATCH_NORM_MOMENTUM
from posekit.skeleton import JOINT_COUNT

# Frame pixels for each cell of a map, and channels of the decoder that makes it.
MAP_STRIDE = 8
DECODER_WIDTH = 96

# EfficientNet-Lite0's stages: blocks, kernel, stride, expansion, output channels.
# Source: Tan and Le, "EfficientNet", ICML 2019, table 1; Lite drops squeeze-and-excitation and
# puts ReLU6 in place of swish.
LITE0_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
LITE0_STEM_WIDTH = 32


def residual_network(
    *,
    head,
    frame_px,
    widths=(32, 64, 128, 256),
    blocks=(2, 2, 2, 2),
    dropout=0.0,
    stochastic_depth=0.0,
    joints=JOINT_COUNT,
):
    """A residual network trained from scratch, uncompiled.

    Args:
        head: str, one of heads.HEADS.
        frame_px: int, side of the square input, pixels, a multiple of 32.
        widths: tuple of int, channels of the stages, at strides 4, 8, 16 and so on.
        blocks: tuple of int, residual blocks of each stage.
        dropout: float in [0, 1), of whole channels, before the head.
        stochastic_depth: float in [0, 1), how often the last block's branch is left out in
            training; earlier blocks less often, in proportion to their depth.
        joints: int.

    Returns:
        keras.Model: pixels (N, frame_px, frame_px, 3), 0 to 255, to the head's output.

    Raises:
        PosekitError: no such head, or another frame.

    Source: He et al., "Deep Residual Learning", CVPR 2016; Huang et al., "Deep Networks with
    Stochastic Depth", ECCV 2016.
    """
    image = _input("residual_network()", frame_px)
    features = layers.Rescaling(1 / 127.5, offset=-1.0, name="pixels_to_unit")(image)
    stem = layers.Conv2D(widths[0], 5, 2, "same", use_bias=False, name="stem")
    features = _normed(stem, features)
    levels, depth = {}, 0
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True), start=1):
        for position in range(1, count + 1):
            depth += 1
            features = _residual_block(
                features,
                width,
                stride=2 if position == 1 else 1,
                drop=stochastic_depth * depth / sum(blocks),
                name=f"stage{stage}_{position}",
            )
        levels[2 ** (stage + 1)] = features
    return _with_head("residual", image, levels, head, frame_px, dropout, joints)


def lite0_network(
    *,
    head,
    frame_px,
    stages=7,
    frozen_stages=2,
    fixed_kernel=None,
    dropout=0.0,
    stochastic_depth=0.0,
    joints=JOINT_COUNT,
):
    """EfficientNet-Lite0 without its classifier, normalisation folded in, uncompiled.

    With the batch statistics of ImageNet folded into the convolutions the network trains and
    predicts faster; it is meant for pretrained weights (`imagenet.load_into`).

    Args:
        head: str, one of heads.HEADS.
        frame_px: int, side of the square input, pixels, a multiple of 32.
        stages: int, 7 for the whole trunk; 5 leaves out the two at stride 32, three quarters of
            the weights.
        frozen_stages: int in [0, 7], how many of the first stages keep their weights; the stem
            goes with the first. They hold edges and colours, and most of a training step's time.
        fixed_kernel: int or None; depthwise layers with kernels of at least this side keep their
            weights. TensorFlow's CPU gradient of 5 x 5 depthwise kernels takes a third of the
            step, for 2 % of the weights.
        dropout, stochastic_depth: float in [0, 1), as for `residual_network`.
        joints: int.

    Returns:
        keras.Model: pixels (N, frame_px, frame_px, 3), 0 to 255, to the head's output.

    Raises:
        PosekitError: no such head, another frame, or another number of stages.
    """
    check_choice("lite0_network()", "stages", stages, (5, len(LITE0_STAGES)))
    image = _input("lite0_network()", frame_px)
    features = layers.Rescaling(1 / 128, offset=-127 / 128, name="pixels_to_unit")(image)
    stem = layers.Conv2D(
        LITE0_STEM_WIDTH, 3, 2, "same", trainable=frozen_stages == 0, name="stem"
    )
    features = layers.ReLU(max_value=6, name="stem_relu")(stem(features))
    block_count = sum(count for count, *_ in LITE0_STAGES[:stages])
    outputs, number = [], 0
    for stage, (count, kernel, stride, expansion, width) in enumerate(LITE0_STAGES[:stages]):
        for position in range(count):
            features = _inverted_residual(
                features,
                width,
                kernel=kernel,
                stride=stride if position == 0 else 1,
                expansion=expansion,
                trainable=stage >= frozen_stages,
                depthwise_fixed=fixed_kernel is not None and kernel >= fixed_kernel,
                drop=stochastic_depth * (number + 1) / block_count,
                name=f"block{number}",
            )
            number += 1
        outputs.append(features)
    levels = {8: outputs[2], 16: outputs[4]}
    if stages == len(LITE0_STAGES):
        levels[32] = outputs[6]
    return _with_head("lite0", image, levels, head, frame_px, dropout, joints)


def transfer(source, target):
    """Copy the weights of layers that both networks have, by name.

    Args:
        source: keras.Model.
        target: keras.Model, changed in place; layers that `source` lacks keep their weights.

    Raises:
        PosekitError: no layer in common, or one whose weights differ in shape.
    """
    known = {layer.name: layer for layer in source.layers if layer.weights}
    shared = [layer for layer in target.layers if layer.weights and layer.name in known]
    if not shared:
        raise PosekitError(
            f"transfer(): `source` must share layers with {target.name}; got none in {source.name}."
        )
    problems = []
    for layer in shared:
        given, wanted = (
            [tuple(weight.shape) for weight in each.weights] for each in (known[layer.name], layer)
        )
        if given != wanted:
            problems.append(f"weights of {layer.name} must have shapes {wanted}; got {given}.")
    raise_problems("transfer()", problems)
    for layer in shared:
        layer.set_weights(known[layer.name].get_weights())


def _input(caller, frame_px):
    if frame_px % 32:
        raise PosekitError(f"{caller}: `frame_px` must be a multiple of 32; got {frame_px}.")
    return keras.Input((frame_px, frame_px, 3), name="image")


def _normed(layer, features, *, relu=True):
    features = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{layer.name}_bn")(
        layer(features)
    )
    return layers.ReLU(name=f"{layer.name}_relu")(features) if relu else features


def _residual_block(features, width, *, stride, drop, name):
    def convolution(kernel, step, part):
        return layers.Conv2D(
            width, kernel, step, "same", use_bias=False, kernel_initializer="he_normal",
            name=f"{name}_{part}",
        )

    branch = _normed(convolution(3, stride, "first"), features)
    branch = _normed(convolution(3, 1, "second"), branch, relu=False)
    if drop:
        branch = _dropped(branch, drop, name)
    if stride > 1 or features.shape[-1] != width:
        features = _normed(convolution(1, stride, "shortcut"), features, relu=False)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([features, branch]))


def _dropped(branch, drop, name):
    # One draw for a whole example: the branch is there or it is not.
    return layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(branch)


def _inverted_residual(
    features, width, *, kernel, stride, expansion, trainable, depthwise_fixed, drop, name
):
    arrived = features
    if expansion > 1:
        expand = layers.Conv2D(
            arrived.shape[-1] * expansion, 1, trainable=trainable, name=f"{name}_expand"
        )
        features = layers.ReLU(max_value=6, name=f"{name}_expand_relu")(expand(features))
    depthwise = layers.DepthwiseConv2D(
        kernel,
        stride,
        "same",
        trainable=trainable and not depthwise_fixed,
        name=f"{name}_depthwise",
    )
    features = layers.ReLU(max_value=6, name=f"{name}_depthwise_relu")(depthwise(features))
    features = layers.Conv2D(width, 1, trainable=trainable, name=f"{name}_project")(features)
    if stride == 1 and arrived.shape[-1] == width:
        if drop and trainable:
            features = _dropped(features, drop, name)
        return layers.Add(name=f"{name}_add")([arrived, features])
    return features


def _with_head(name, image, levels, head, frame_px, dropout, joints):
    """Decoder and head; `levels` is stride -> features, the strides from 8 upwards are used."""
    coarsest = max(levels)
    features = levels[coarsest]
    # Coordinates are read off the whole picture at once and need no map.
    if head != "coordinates":
        features = layers.Conv2D(DECODER_WIDTH, 1, name=f"lateral{coarsest}")(features)
        stride = coarsest
        while stride > MAP_STRIDE:
            stride //= 2
            enlarge = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{stride}")
            lateral = layers.Conv2D(DECODER_WIDTH, 1, name=f"lateral{stride}")(levels[stride])
            features = layers.Add(name=f"merge{stride}")([enlarge(features), lateral])
            features = _normed(
                layers.Conv2D(
                    DECODER_WIDTH, 3, padding="same", use_bias=False, name=f"decoder{stride}"
                ),
                features,
            )
    if dropout:
        features = layers.SpatialDropout2D(dropout, name="dropout")(features)
    output = heads.by_name(head).output(features, joints, frame_px)
    return keras.Model(image, output, name=name)


# By their names in a training's settings; the poster's two are in `models`.
NETWORKS = {
    "residual": residual_network,
    "residual_slim": partial(residual_network, widths=(24, 48, 96, 192)),
    # Without the stage at stride 32, three quarters of the weights.
    "residual_short": partial(residual_network, widths=(32, 64, 128), blocks=(2, 2, 2)),
    "lite0": lite0_network,
    "lite0_quick": partial(lite0_network, fixed_kernel=5),
    "lite0_short": partial(lite0_network, stages=5, fixed_kernel=5),
}
