"""A residual network, trained from scratch."""

from keras import layers

from posekit.models import decoder


def residual_network(
    *,
    head,
    frame_px,
    joints,
    widths=(32, 64, 128, 256),
    blocks=(2, 2, 2, 2),
    dropout=0.0,
    stochastic_depth=0.0,
):
    """The keras.Model, uncompiled: pixels (N, S, S, 3), 0 to 255, to the head's output.

    Args:
        head: str, one of heads.HEADS.
        frame_px: int, S, a multiple of 32.
        joints: int.
        widths: tuple of int, channels of the stages, at strides 4, 8, 16 and so on.
        blocks: tuple of int, residual blocks of each stage.
        dropout: float in [0, 1), of whole channels, before the head.
        stochastic_depth: float in [0, 1), how often the last block's branch is left out in
            training; earlier blocks less often, in proportion to their depth.

    Source: He et al., "Deep Residual Learning", CVPR 2016; Huang et al., "Deep Networks with
    Stochastic Depth", ECCV 2016.
    """
    image = decoder.input_of("residual_network()", frame_px)
    features = layers.Rescaling(1 / 127.5, offset=-1.0, name="pixels_to_unit")(image)
    stem = layers.Conv2D(widths[0], 5, 2, "same", use_bias=False, name="stem")
    features = decoder.normed(stem, features)
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
    return decoder.with_head("residual", image, levels, head, frame_px, dropout, joints)


def _residual_block(features, width, *, stride, drop, name):
    def convolution(kernel, step, part):
        settings = {"use_bias": False, "kernel_initializer": "he_normal", "name": f"{name}_{part}"}
        return layers.Conv2D(width, kernel, step, "same", **settings)

    branch = decoder.normed(convolution(3, stride, "first"), features)
    branch = decoder.normed(convolution(3, 1, "second"), branch, relu=False)
    if drop:
        branch = decoder.dropped(branch, drop, name)
    if stride > 1 or features.shape[-1] != width:
        features = decoder.normed(convolution(1, stride, "shortcut"), features, relu=False)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([features, branch]))
