"""Networks by name, with their initial weights."""

from importlib import import_module

import keras

from posekit.errors import PosekitError, raise_problems
from posekit.models import imagenet, names, saved


def build(config, *, joints):
    """The network of a TrainingConfig with its initial weights, uncompiled.

    The configuration's seed is not used, Keras' own is.
    """
    policy = keras.config.dtype_policy()
    try:
        # The poster's networks have no layers that are kept in float32.
        if config.mixed_precision and not config.network.startswith("poster"):
            keras.config.set_dtype_policy("mixed_bfloat16")
        model = network(
            config.network,
            head=config.head,
            frame_px=config.frame_px,
            dropout=config.dropout,
            stochastic_depth=config.stochastic_depth,
            joints=joints,
        )
    finally:
        keras.config.set_dtype_policy(policy)
    if config.initial_weights == names.IMAGENET:
        imagenet.load_into(model)
    elif config.initial_weights is not None:
        transfer(saved.load(config.initial_weights, head=None, joints=joints), model)
    return model


def network(name, *, frame_px, joints, **settings):
    """The network of that name, one of names.NETWORKS, uncompiled, with random weights.

    `settings` are head, dropout and stochastic_depth; the poster's networks take none of them.
    """
    path, options = names.NETWORKS[name]
    module, function = path.split(".")
    settings = {} if module == "poster" else settings
    make = getattr(import_module(f"posekit.models.{module}"), function)
    return make(frame_px=frame_px, joints=joints, **options, **settings)


def transfer(source, target):
    """Copy the weights of layers that both networks have, by name, into `target`."""
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
