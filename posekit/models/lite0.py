"""EfficientNet-Lite0 as a trunk, from plain Keras layers: saved files load without posekit."""

from keras import layers

from posekit.models import decoder

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


def lite0_network(
    *,
    head,
    frame_px,
    joints,
    stages=7,
    frozen_stages=2,
    fixed_kernel=None,
    dropout=0.0,
    stochastic_depth=0.0,
):
    """EfficientNet-Lite0 without its classifier, normalisation folded in, uncompiled.

    With the batch statistics of ImageNet folded into the convolutions the network trains and
    predicts faster; it is meant for pretrained weights (`imagenet.load_into`).

    Args:
        head, frame_px, joints, dropout, stochastic_depth: as for `residual_network`.
        stages: int, 7 for the whole trunk; 5 leaves out the two at stride 32, three quarters of
            the weights.
        frozen_stages: int in [0, 7], how many of the first stages keep their weights; the stem
            goes with the first. They hold edges and colours, and most of a training step's time.
        fixed_kernel: int or None; depthwise layers with kernels of at least this side keep their
            weights. TensorFlow's CPU gradient of 5 x 5 depthwise kernels takes a third of the
            step, for 2 % of the weights.
    """
    image = decoder.input_of("lite0_network()", frame_px)
    features = layers.Rescaling(1 / 128, offset=-127 / 128, name="pixels_to_unit")(image)
    stem = layers.Conv2D(LITE0_STEM_WIDTH, 3, 2, "same", trainable=frozen_stages == 0, name="stem")
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
    return decoder.with_head("lite0", image, levels, head, frame_px, dropout, joints)


def _inverted_residual(
    inputs, width, *, kernel, stride, expansion, trainable, depthwise_fixed, drop, name
):
    def relu6(layer, features):
        return layers.ReLU(max_value=6, name=f"{layer.name}_relu")(layer(features))

    features, channels = inputs, inputs.shape[-1]
    if expansion > 1:
        settings = {"trainable": trainable, "name": f"{name}_expand"}
        features = relu6(layers.Conv2D(channels * expansion, 1, **settings), features)
    settings = {"trainable": trainable and not depthwise_fixed, "name": f"{name}_depthwise"}
    features = relu6(layers.DepthwiseConv2D(kernel, stride, "same", **settings), features)
    features = layers.Conv2D(width, 1, trainable=trainable, name=f"{name}_project")(features)
    if stride == 1 and channels == width:
        if drop and trainable:
            features = decoder.dropped(features, drop, name)
        return layers.Add(name=f"{name}_add")([inputs, features])
    return features
