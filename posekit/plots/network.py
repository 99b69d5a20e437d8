"""The network's architecture as a drawing."""

import math

from matplotlib.patches import Rectangle

from posekit.plots.style import HALF, PALETTE, QUIET, one_axis, styled

COLOURS = {"Conv2D": PALETTE[0], "Dense": PALETTE[1], "MaxPooling2D": PALETTE[2]}
SHORT = {"BatchNormalization": "BN", "Rescaling": "scale", "MaxPooling2D": "max pool"}
# In units of the distance between two rows.
HIGHEST, WIDEST, COLUMN = 0.86, 1.7, 0.15
NAMES_AT, SHAPES_AT, PARAMETERS_AT, RIGHT = 1.2, 6.8, 8.7, 8.8


@styled
def architecture(layers):
    """The network from top to bottom, half a page wide; boxes are as high as their maps' sides.

    Widths follow the channels. Sizes are drawn as roots and logarithms, since the last maps would
    vanish otherwise. Layers that keep the shape are named with the box that they follow and count
    towards it. `layers` are the rows of `models.summary.layer_table`.
    """
    boxes = _boxes(layers)
    largest_side = max((box["shape"][0] for box in boxes if len(box["shape"]) == 3), default=1)
    most_channels = max(box["shape"][-1] for box in boxes)
    figure, axis = one_axis(HALF, 1.2 + 0.46 * len(boxes))
    for y, box in enumerate(boxes):
        _draw_box(axis, y, box, largest_side, most_channels)
        _write_row(axis, y, box)
    for x, head in ((SHAPES_AT, "output"), (PARAMETERS_AT, "parameters")):
        axis.text(x, -0.75, head, ha="right", va="center", color="#555555")
    axis.set(xlim=(-1.2, RIGHT), ylim=(len(boxes) - 0.4, -1.1))
    axis.axis("off")
    total = sum(layer["parameters"] for layer in layers)
    axis.set_title(f"Where do the {total:,} parameters sit,\nand where does the picture shrink?")
    figure.alt_text = f"The network's {len(boxes)} layers from top to bottom: " + "; ".join(
        f"{box['name']}, output {_shape(box)}, {box['parameters']:,} parameters" for box in boxes
    )
    return figure


def _boxes(layers):
    """Layers that change the shape or hold a kernel, each with the names of its followers."""
    boxes = []
    for layer in layers:
        shape = tuple(layer["output_shape"])
        kind = layer["kind"]
        if boxes and kind not in ("Conv2D", "Dense") and shape == boxes[-1]["shape"]:
            boxes[-1]["followers"].append(kind)
            boxes[-1]["parameters"] += layer["parameters"]
        else:
            boxes.append({**layer, "shape": shape, "followers": []})
    return boxes


def _draw_box(axis, y, box, largest_side, most_channels):
    """A rectangle centred on (0, y), as high as a map's side and as wide as its channels."""
    side, channels = box["shape"][0], box["shape"][-1]
    if len(box["shape"]) == 3:
        height = HIGHEST * math.sqrt(side / largest_side)
        width = WIDEST * math.log1p(channels) / math.log1p(most_channels)
    else:
        height, width = HIGHEST * math.sqrt(channels / most_channels), COLUMN
    look = {"facecolor": COLOURS.get(box["kind"], QUIET), "alpha": 0.9}
    axis.add_patch(Rectangle((-width / 2, y - height / 2), width, height, **look))


def _write_row(axis, y, box):
    kinds = [box["kind"], *box["followers"]]
    axis.text(NAMES_AT, y - 0.02, box["name"], va="bottom", weight="bold")
    axis.text(NAMES_AT, y + 0.02, " + ".join(SHORT.get(kind, kind) for kind in kinds), va="top")
    axis.text(SHAPES_AT, y, _shape(box), ha="right", va="center")
    parameters = f"{box['parameters']:,}" if box["parameters"] else "–"
    axis.text(PARAMETERS_AT, y, parameters, ha="right", va="center")


def _shape(box):
    return " x ".join(map(str, box["shape"]))
