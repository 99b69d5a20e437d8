"""One training on several devices of one machine: each works on its part of every batch.

The devices hold the same weights. Each computes the gradient of its part, the parts are added up,
and every device takes the same step: the step that one device would take with the whole batch.
Batch normalisation alone differs, since each device takes the moments of its own part.
"""

from contextlib import nullcontext
from functools import lru_cache

import tensorflow as tf
from keras import ops

from posekit.errors import raise_problems


def scope(devices, *, batch_size):
    """The context in which a network is built that these devices train together.

    Args:
        devices: list of str, such as ["GPU:0", "GPU:1"]; None for a network on one device.
        batch_size: int, images of a batch over all devices.

    Returns:
        context manager, see tf.distribute.MirroredStrategy.

    Raises:
        PosekitError: a device is not there or named twice, or the batch has no equal parts.
    """
    if devices is None:
        return nullcontext()
    present = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    problems = [
        f"`devices` must be among {', '.join(present)}; got {device!r}."
        for device in devices
        if device not in present
    ]
    if not devices or len(set(devices)) < len(devices):
        problems.append(f"`devices` must name one device at least, and each once; got {devices}.")
    elif batch_size % len(devices):
        problems.append(
            f"`batch_size` must be a multiple of the {len(devices)} devices; got {batch_size}."
        )
    raise_problems("distribution.scope()", problems)
    return _strategy(tuple(devices)).scope()


@lru_cache
def _strategy(devices):
    # Two of them on the same devices would number their exchanges alike, and TensorFlow take one
    # network's gradients for another's.
    return tf.distribute.MirroredStrategy(devices)


def scope_of(model):
    """The context in which a network was built, to compile it in."""
    return model.distribute_strategy.scope() if _is_mirrored(model) else nullcontext()


def build_state(model, batches):
    """Have a compiled network on several devices build its metrics and optimizer.

    Keras 3.15 would do so with the first batch of the stream, which is then lost to training, and
    with the mean over the devices of a batch of validation, which fails where the last device has
    fewer images than the others.

    Args:
        model: keras.Model, compiled; on one device, it is left alone.
        batches: tf.data.Dataset of (images, targets), which tells of shapes and is not read.
    """
    if not _is_mirrored(model):
        return
    replicas = model.distribute_strategy.num_replicas_in_sync
    blank = tf.nest.map_structure(
        lambda spec: tf.zeros((replicas, *spec.shape[1:]), spec.dtype), batches.element_spec
    )
    with scope_of(model):
        model._symbolic_build(data_batch=blank)
    model._maybe_symbolic_build = lambda **batch: None


def over_all_devices(model, loss):
    """The loss of the whole batch, as the mean of what the network's devices make of it.

    Keras takes the mean of the devices' losses. A loss here is a mean over the joints that count,
    of which the parts of a batch have more or fewer.

    Args:
        model: keras.Model.
        loss: function (targets (N, K, 3), output) -> mean over the joints with weight.

    Returns:
        function of the same arguments; the loss itself where the network is on one device.
    """
    if not _is_mirrored(model):
        return loss

    def weighed(targets, output):
        device = tf.distribute.get_replica_context()
        # Keras first looks at shapes alone, on no device.
        if device is None:
            return loss(targets, output)
        counted = ops.sum(targets[..., 2])
        mean_counted = device.all_reduce(tf.distribute.ReduceOp.MEAN, counted)
        return loss(targets, output) * counted / ops.maximum(mean_counted, 1e-6)

    return weighed


def _is_mirrored(model):
    return model.distribute_strategy.num_replicas_in_sync > 1
