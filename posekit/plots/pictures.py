"""Pictures with something drawn on them, `titles` above and `columns` of them in a row."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

import posekit.plots.style as style
from posekit.errors import PosekitError

TRUE_COLOUR = "#ffffff"
PREDICTED_COLOUR = "#d55e00"
FRAME_COLOUR = "#56b4e9"


@style.styled
def sample_grid(
    images,
    keypoints_px,
    labelled,
    *,
    skeleton,
    titles=None,
    columns=6,
    title="Do the labels sit on the joints?",
):
    """Pictures with their annotated skeletons, the person's left and right in two colours.

    `images` are N uint8 (H, W, 3), of any sizes, RGB; `keypoints_px` float (N, K, 2), (x, y), each
    in its picture's pixels; `labelled` bool (N, K), True where the joint is drawn.
    """
    style.check_equal_lengths(
        "sample_grid()", images=images, keypoints_px=keypoints_px, labelled=labelled, titles=titles
    )
    figure, axes = _picture_grid(images, titles, columns, title)
    for n, axis in enumerate(axes):
        style.show_pose(axis, keypoints_px[n], labelled[n], skeleton=skeleton)
    names = {"person's right": "right", "person's left": "left", "head and pelvis": "centre"}
    _legend_below(figure, {name: style.side_colour(side) for name, side in names.items()})
    return figure


@style.styled
def prediction_grid(
    images,
    true_px,
    pred_px,
    labelled,
    *,
    skeleton,
    titles=None,
    columns=6,
    title="How far is the prediction from the annotation?",
):
    """Pictures with the annotated and the predicted skeleton, as in `sample_grid`.

    true_px and pred_px are float (N, K, 2), (x, y), each in its picture's pixels; the prediction is
    drawn whole.
    """
    poses = {"true_px": true_px, "pred_px": pred_px, "labelled": labelled}
    style.check_equal_lengths("prediction_grid()", images=images, **poses, titles=titles)
    figure, axes = _picture_grid(images, titles, columns, title)
    for n, axis in enumerate(axes):
        style.show_pose(axis, true_px[n], labelled[n], colour=TRUE_COLOUR, skeleton=skeleton)
        style.show_pose(axis, pred_px[n], colour=PREDICTED_COLOUR, skeleton=skeleton)
    _legend_below(figure, {"annotated": TRUE_COLOUR, "predicted": PREDICTED_COLOUR})
    return figure


@style.styled
def saliency_overlay(
    images, maps, *, boxes=None, columns=6, title="Which pixels move the predicted joint?"
):
    """Saliency laid over the grey pictures, brightest where the prediction is most sensitive.

    Each map is scaled to its own 99th percentile: compare pixels within a picture only. `images`
    are uint8 (N, H, W, 3), RGB; `maps` float (N, H, W), >= 0; `boxes` float (N, 4), x, y, width,
    height in the maps' pixels, drawn as frames, or None.
    """
    style.check_equal_lengths("saliency_overlay()", images=images, maps=maps, boxes=boxes)
    if np.shape(maps) != np.shape(images)[:3]:
        raise PosekitError(
            f"saliency_overlay(): `maps` must have shape {np.shape(images)[:3]} like `images`; "
            f"got {np.shape(maps)}."
        )
    if boxes is not None:
        title = f"{title} (frame: labelled person)"
    grey = [np.mean(image, axis=-1) for image in images]
    figure, axes = _picture_grid(grey, None, columns, title)
    for n, axis in enumerate(axes):
        strength = np.clip(maps[n] / (np.percentile(maps[n], 99) or 1), 0, 1)
        # Opacity follows the map as well, so that the picture stays readable where it is weak.
        axis.imshow(strength, cmap="inferno", vmin=0, vmax=1, alpha=0.85 * np.sqrt(strength))
        if boxes is not None:
            x, y, *size = boxes[n]
            # Matplotlib puts a pixel's centre, not its edge, at a whole number.
            frame = Rectangle((x - 0.5, y - 0.5), *size, fill=False, edgecolor=FRAME_COLOUR)
            axis.add_patch(frame)
    return figure


@style.styled
def activation_grid(images, maps_by_layer, *, shown="mean absolute activation"):
    """Where each layer responds: one row for each picture, one column for each layer.

    Each map is scaled to its own maximum: compare positions within a map only. `images` are uint8
    (N, H, W, 3), RGB; `maps_by_layer` are name -> float (N, h, w), >= 0, in the network's order.
    """
    style.check_equal_lengths("activation_grid()", images=images, **maps_by_layer)
    columns = 1 + len(maps_by_layer)
    title = f"Where each layer responds: {shown}"
    figure, axes = style.picture_axes(len(images) * columns, columns, title=title)
    figure.alt_text = (
        f"{title} One row for each of {len(images)} pictures, one column for each of "
        f"{len(maps_by_layer)} layers: {', '.join(maps_by_layer)}."
    )
    for n, image in enumerate(images):
        row = axes[n * columns : (n + 1) * columns]
        style.show_picture(row[0], image, "picture" if n == 0 else None)
        for axis, (name, maps) in zip(row[1:], maps_by_layer.items(), strict=True):
            axis.imshow(maps[n], cmap="viridis", interpolation="nearest")
            axis.grid(False)
            if n == 0:
                height, width = maps[n].shape
                axis.set_title(f"{name}\n{height} x {width}", fontsize=10)
    return figure


def _picture_grid(images, titles, columns, title):
    # A few pictures as large as in a full row would leave most of the page's width empty.
    columns = max(1, columns // 2) if len(images) <= columns // 2 else columns
    width = style.HALF if columns <= 3 else style.WHOLE
    figure, axes = style.picture_axes(len(images), columns, title=title, width=width)
    named = f": {'; '.join(map(str, titles))}" if titles is not None else ""
    figure.alt_text = f"{title} {len(images)} pictures{named}."
    for n, axis in enumerate(axes):
        style.show_picture(axis, images[n], None if titles is None else titles[n])
    return figure, axes


def _legend_below(figure, colours):
    """One line sample for each name, under the whole figure, legible on white."""
    handles = [
        Line2D([], [], color=colour, marker="o", markeredgecolor="#191919", label=name)
        for name, colour in colours.items()
    ]
    legend = figure.legend(handles=handles, loc="outside lower left", ncols=len(handles))
    legend.get_frame().set(facecolor="#d0d0d0", edgecolor="none")
    legend.set_frame_on(True)
