"""How a network says where a joint is: as coordinates, as a map, or as one line for each axis.

A head is the network's last layers, the losses that train them, and the way from their output to
coordinates. All of it is `keras.ops`, so that any Keras backend trains and reads it.

Targets are (N, K, 3): x, y in frame pixels and weight, as `losses` describes them. Every loss is
a mean over the joints that count; lengths in it are in shares of the frame's side, so that it
does not change with the resolution.
"""

from dataclasses import dataclass

import numpy as np
from keras import layers, ops

from posekit.errors import check_choice
from posekit.geometry import cell_centres
from posekit.models import names
from posekit.models.losses import weighted_mse

# Standard deviation of the map or line that a labelled joint asks for, as a share of the frame's
# side. Two annotators of one photograph differ by a tenth of a torso, about this much of a crop.
TARGET_SPREAD = 0.04

# Bins of SimCC per frame pixel.
BINS_PER_PX = 2

# Greatest size of the logarithm of a joint's spread, in tenths of the frame's side.
SPREAD_BOUND = 5.0


@dataclass(frozen=True)
class Head:
    """One way to say where K joints are in a frame of side S.

    Attributes:
        name: str.
        losses: names of the losses that can train it.
        output: (features (N, h, w, C), joints, frame_px) -> the head's output tensor.
        loss: (targets (N, K, 3), output, frame_px, name of the loss) -> scalar.
        coordinates: (output, frame_px) -> (N, 2K), x0, y0, x1, y1, ... in the frame's pixels: what
            is trained, differentiable.
    """

    name: str
    losses: tuple
    output: object
    loss: object
    coordinates: object


def by_name(name):
    """The head of that name.

    Raises:
        PosekitError: there is none; the message lists those there are.
    """
    check_choice("heads.by_name()", "head", name, tuple(HEADS))
    return HEADS[name]


def log_map(logits):
    """Log-probabilities of a joint's place.

    Args:
        logits: float (N, h, w, K).

    Returns:
        float32 (N, h * w, K); the exponentials over axis 1 sum to 1.
    """
    _, height, width, joints = ops.shape(logits)
    flat = ops.reshape(ops.cast(logits, "float32"), (-1, height * width, joints))
    return ops.log_softmax(flat, axis=1)


def _mean_over_counted(per_joint, weight):
    return ops.sum(ops.where(weight > 0, weight * per_joint, 0.0)) / ops.maximum(
        ops.sum(weight), 1.0
    )


def _counted_targets(targets):
    """Targets and weights; what does not count is moved to 0, since it may hold anything."""
    weight = targets[..., 2]
    return ops.where(weight[..., None] > 0, targets[..., :2], 0.0), weight


def _mean_length(targets_px, weight, predicted_px, frame_px, name):
    # Ten times the share: errors are then near 1, where the smooth L1 loss bends.
    error = (predicted_px - targets_px) / frame_px * 10
    size = ops.abs(error)
    if name == "smooth_l1":
        size = ops.where(size < 1, ops.square(error) / 2, size - 0.5)
    return _mean_over_counted(ops.mean(size, axis=-1), weight)


def _coordinates_output(features, joints, frame_px):
    pooled = layers.GlobalAveragePooling2D(name="pooled")(features)
    unit = layers.Dense(2 * joints, dtype="float32", name="coordinates_unit")(pooled)
    # In units of half a frame around its centre, which suits the optimizer's steps.
    return layers.Rescaling(
        frame_px / 2, offset=(frame_px - 1) / 2, dtype="float32", name="coordinates_px"
    )(unit)


def _coordinates_loss(targets, output, frame_px, name):
    if name == "mse":
        return weighted_mse(targets, output) * (10 / frame_px) ** 2
    targets_px, weight = _counted_targets(targets)
    predicted_px = ops.reshape(output, ops.shape(targets_px))
    return _mean_length(targets_px, weight, predicted_px, frame_px, name)


def _spread_output(features, joints, frame_px):
    places_px = _coordinates_output(features, joints, frame_px)
    pooled = layers.GlobalAveragePooling2D(name="spread_pooled")(features)
    logarithm = layers.Dense(2 * joints, dtype="float32", name="spread_logarithm")(pooled)
    return layers.Concatenate(axis=-1, dtype="float32", name="places_and_spreads")(
        [
            layers.Reshape((joints, 2), dtype="float32", name="places_px")(places_px),
            layers.Reshape((joints, 2), dtype="float32", name="spreads")(logarithm),
        ]
    )  # (N, K, 4)


def _spread_coordinates(output, frame_px):
    return ops.reshape(output[..., :2], (-1, 2 * ops.shape(output)[1]))


def _standard_error(targets_px, output, frame_px):
    """Errors (N, K, 2) in units of the spreads that were said, and the spreads' logarithms."""
    # A spread of nothing would make one error infinitely costly, and one of everything free.
    logarithm = ops.clip(output[..., 2:], -SPREAD_BOUND, SPREAD_BOUND)
    error = (targets_px - output[..., :2]) / frame_px * 10
    return error * ops.exp(-logarithm), logarithm


def _spread_loss(targets, output, frame_px, name):
    targets_px, weight = _counted_targets(targets)
    error, logarithm = _standard_error(targets_px, output, frame_px)
    cost = ops.abs(error) + logarithm + float(np.log(2))  # (N, K, 2)
    return _mean_over_counted(ops.sum(cost, axis=-1), weight)


def _map_output(features, joints, frame_px):
    return layers.Conv2D(joints, 1, dtype="float32", name="map_logits")(features)


def _map_coordinates(output, frame_px):
    _, height, width, joints = ops.shape(output)
    probability = ops.exp(log_map(output))  # (N, C, K)
    places = ops.einsum("nck,cd->nkd", probability, cell_centres(height, width, frame_px))
    return ops.reshape(places, (-1, 2 * joints))


def _map_loss(targets, output, frame_px, name):
    targets_px, weight = _counted_targets(targets)
    _, height, width, _ = ops.shape(output)
    expected_px = ops.reshape(_map_coordinates(output, frame_px), ops.shape(targets_px))
    coordinate_loss = _mean_length(targets_px, weight, expected_px, frame_px, "l1")
    if name == "l1":
        return coordinate_loss
    # The map is asked to look like a Gaussian around the joint.
    centres = cell_centres(height, width, frame_px)  # (C, 2)
    distance = ops.sum(
        ops.square(centres[None, :, None] - targets_px[:, None]), axis=-1
    )  # (N, C, K)
    wanted = ops.softmax(-distance / (2 * (TARGET_SPREAD * frame_px) ** 2), axis=1)
    entropy = -ops.sum(wanted * log_map(output), axis=1)  # (N, K)
    return _mean_over_counted(entropy, weight) + coordinate_loss


def _lines_output(features, joints, frame_px):
    maps = layers.Conv2D(joints, 1, name="lines_maps")(features)
    _, height, width, _ = maps.shape
    flat = layers.Permute((2, 1), name="lines_by_joint")(
        layers.Reshape((height * width, joints), name="lines_cells")(maps)
    )  # (N, K, h * w)
    bins = BINS_PER_PX * frame_px
    both = layers.Dense(2 * bins, dtype="float32", name="lines_dense")(flat)
    return layers.Reshape((joints, 2, bins), dtype="float32", name="lines_logits")(both)


def _bin_centres(frame_px):
    return ((np.arange(BINS_PER_PX * frame_px) + 0.5) / BINS_PER_PX - 0.5).astype(np.float32)


def _lines_coordinates(output, frame_px):
    probability = ops.softmax(ops.cast(output, "float32"), axis=-1)  # (N, K, 2, bins)
    places = ops.sum(probability * _bin_centres(frame_px), axis=-1)
    return ops.reshape(places, (-1, 2 * ops.shape(output)[1]))


def _lines_loss(targets, output, frame_px, name):
    targets_px, weight = _counted_targets(targets)
    distance = ops.square(_bin_centres(frame_px) - targets_px[..., None])  # (N, K, 2, bins)
    wanted = ops.softmax(-distance / (2 * (TARGET_SPREAD * frame_px) ** 2), axis=-1)
    entropy = -ops.sum(wanted * ops.log_softmax(ops.cast(output, "float32"), axis=-1), axis=-1)
    return _mean_over_counted(ops.sum(entropy, axis=-1), weight)


HEADS = {
    head.name: head
    for head in (
        Head(
            name="coordinates",
            losses=names.HEADS["coordinates"],
            output=_coordinates_output,
            loss=_coordinates_loss,
            coordinates=lambda output, frame_px: output,
        ),
        # Each coordinate with the spread of its error, trained by the likelihood of a Laplace
        # distribution: residual log-likelihood estimation (Li et al., ICCV 2021) without its flow.
        Head(
            name="spread",
            losses=names.HEADS["spread"],
            output=_spread_output,
            loss=_spread_loss,
            coordinates=_spread_coordinates,
        ),
        # Integral regression (Sun et al., ECCV 2018) under "l1"; under "cross_entropy" the map's
        # shape is asked for as well, as DSNT's regularisation does (Nibali et al., 2018).
        Head(
            name="soft_argmax",
            losses=names.HEADS["soft_argmax"],
            output=_map_output,
            loss=_map_loss,
            coordinates=_map_coordinates,
        ),
        # SimCC (Li et al., ECCV 2022): a classification over each axis.
        Head(
            name="simcc",
            losses=names.HEADS["simcc"],
            output=_lines_output,
            loss=_lines_loss,
            coordinates=_lines_coordinates,
        ),
    )
}
