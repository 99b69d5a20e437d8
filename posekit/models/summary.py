"""A network as a table: layers, shapes, parameters and multiply-adds."""

import math

from keras import layers


def layer_table(model):
    """One row for each layer of a built model: name, kind, output_shape, parameters, megaflops.

    The shape is without the batch axis. Megaflops are the forward floating-point operations of one
    image in millions, a multiply-add counted as two; elementwise layers count as 0.
    """
    return [
        {
            "name": layer.name,
            "kind": type(layer).__name__,
            "output_shape": tuple(layer.output.shape[1:]),
            "parameters": layer.count_params(),
            "megaflops": _flops(layer) / 1e6,
        }
        for layer in model.layers
    ]


def count_flops(model):
    """Forward floating-point operations of one image, int; counted as in `layer_table`."""
    return sum(map(_flops, model.layers))


def _flops(layer):
    if not isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)):
        return 0
    # The kernel is applied once at each position of the output: a pixel, or a dense layer's row.
    positions = math.prod(layer.output.shape[1:-1])
    return 2 * positions * math.prod(layer.kernel.shape)
