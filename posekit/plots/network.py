"""The network's architecture as a drawing."""

import math

from matplotlib.patches import Polygon

from posekit.errors import PosekitError
from posekit.plots.style import PALETTE, QUIET, new_figure, styled

COLOURS = {"Conv2D": PALETTE[0], "Dense": PALETTE[1], "MaxPooling2D": PALETTE[2]}
SHORT = {"BatchNormalization": "BN", "Rescaling": "scale", "MaxPooling2D": "max pool"}
# In units of the distance between two boxes' middles.
HIGHEST, WIDEST, COLUMN = 1.6, 0.6, 0.15
LABELS_AT = -1.3


@styled
def architecture(layers):
    """The network from left to right: boxes are as high and deep as their maps.

    Widths follow the channels. Sizes are drawn as roots and logarithms, since the last maps would
    vanish otherwise; the true ones are written below. Layers that keep the shape (normalisation,
    activation, rescaling) are named under the box that they follow and count towards it. `layers`
    are the rows of `models.summary.layer_table`.
    """
    if not layers:
        raise PosekitError("architecture(): `layers` must hold at least one layer; got none.")
    boxes = _boxes(layers)
    largest_side = max((box["shape"][0] for box in boxes if len(box["shape"]) == 3), default=1)
    most_channels = max(box["shape"][-1] for box in boxes)
    figure, ((axis,),) = new_figure(size_inches=(1.3 + 0.63 * len(boxes), 3.4))
    for x, box in enumerate(boxes):
        _draw_box(axis, x, box, largest_side, most_channels)
        _write_below(axis, x, box)
    heads = "output\nparameters"
    axis.text(-0.55, LABELS_AT, heads, ha="right", va="top", fontsize=7.5, color="#777777")
    axis.set(xlim=(-1.9, len(boxes) - 0.2), ylim=(-2.5, 1.3))
    axis.axis("off")
    total = sum(layer["parameters"] for layer in layers)
    axis.set_title(f"Where do the {total:,} parameters sit, and where does the picture shrink?")
    return figure


def _boxes(layers):
    """Layers that change the shape or hold a kernel, each with the names of its followers."""
    boxes = []
    for layer in layers:
        shape = tuple(layer["output_shape"])
        kind = layer["kind"]
        if boxes and kind not in ("Conv2D", "Dense") and shape == boxes[-1]["shape"]:
            boxes[-1]["followers"].append(SHORT.get(kind, kind))
            boxes[-1]["parameters"] += layer["parameters"]
        else:
            boxes.append({**layer, "shape": shape, "followers": []})
    return boxes


def _draw_box(axis, x, box, largest_side, most_channels):
    """A slab for a map, a column for a vector, centred on (x, 0)."""
    channels = box["shape"][-1]
    is_map = len(box["shape"]) == 3
    if is_map:
        height = HIGHEST * math.sqrt(box["shape"][0] / largest_side)
        width = WIDEST * math.log1p(channels) / math.log1p(most_channels)
        depth = height / 5
    else:
        height = HIGHEST * math.sqrt(channels / most_channels)
        width, depth = COLUMN, 0.0
    left, right, bottom, top = x - width / 2, x + width / 2, -height / 2, height / 2
    front = [(left, bottom), (right, bottom), (right, top), (left, top)]
    above = [(left, top), (right, top), (right + depth, top + depth), (left + depth, top + depth)]
    aside = [
        (right, bottom),
        (right, top),
        (right + depth, top + depth),
        (right + depth, bottom + depth),
    ]
    colour = COLOURS.get(box["kind"], QUIET)
    for corners, strength in ((front, 0.9), (above, 0.55), (aside, 0.4))[: 3 if is_map else 1]:
        axis.add_patch(
            Polygon(corners, facecolor=colour, alpha=strength, edgecolor="white", linewidth=0.8)
        )


def _write_below(axis, x, box):
    name = box["name"]
    if len(name) > 9:
        name = "_\n".join(name.rsplit("_", 1))
    axis.text(x, LABELS_AT + 0.05, name, ha="center", va="bottom", fontsize=7.5, weight="bold")
    shape = "x".join(str(size) for size in box["shape"])
    parameters = f"{box['parameters']:,}" if box["parameters"] else "-"
    kind = SHORT.get(box["kind"], box["kind"])
    kinds = [kind, *(f"+ {follower}" for follower in box["followers"])]
    text = "\n".join([shape, parameters, *kinds])
    axis.text(x, LABELS_AT, text, ha="center", va="top", fontsize=7.5)
