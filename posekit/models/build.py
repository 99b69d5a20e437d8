"""Networks by name, with their initial weights."""

from functools import partial

import keras

from posekit.errors import PosekitError, raise_problems
from posekit.models import imagenet, lite0, poster, residual, saved
from posekit.models.names import IMAGENET
from posekit.skeleton import JOINT_COUNT

# By their names in a training's settings; the poster's two are in `models`.
NETWORKS = {
    "residual": residual.residual_network,
    "residual_slim": partial(residual.residual_network, widths=(24, 48, 96, 192)),
    # Without the stage at stride 32, three quarters of the weights.
    "residual_short": partial(residual.residual_network, widths=(32, 64, 128), blocks=(2, 2, 2)),
    "lite0": lite0.lite0_network,
    "lite0_quick": partial(lite0.lite0_network, fixed_kernel=5),
    "lite0_short": partial(lite0.lite0_network, stages=5, fixed_kernel=5),
}


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


def build(config, *, joints=JOINT_COUNT):
    """The network of a configuration with its initial weights, uncompiled.

    Args:
        config: TrainingConfig; its seed is not used, Keras' own is.
        joints: int, how many it answers for.

    Returns:
        keras.Model.

    Raises:
        PosekitError: the initial weights are not at hand or do not fit.
    """
    if config.network.startswith("poster"):
        return poster.poster_network(
            batch_norm=config.network == "poster_batchnorm",
            frame_px=config.frame_px,
            joints=joints,
        )
    policy = keras.config.dtype_policy()
    try:
        if config.mixed_precision:
            keras.config.set_dtype_policy("mixed_bfloat16")
        model = NETWORKS[config.network](
            head=config.head,
            frame_px=config.frame_px,
            dropout=config.dropout,
            stochastic_depth=config.stochastic_depth,
            joints=joints,
        )
    finally:
        keras.config.set_dtype_policy(policy)
    if config.initial_weights == IMAGENET:
        imagenet.load_into(model)
    elif config.initial_weights is not None:
        source = saved.load(config.initial_weights, head=None, joints=joints)
        transfer(source, model)
    return model
