"""How a network says where a joint is: as coordinates, as a map, or as one line for each axis.

A head is one class: the network's last layers, the losses that train them, and how their output
is read. All of it is `keras.ops`, so that any Keras backend trains and reads it. To add one, write
its class, list it in `HEADS` and name its losses in `names.HEADS`.

Targets are (N, K, 3): x, y in frame pixels and weight, as `losses` describes them. Every loss is
a mean over the joints that count; lengths in it are shares of the frame's side, so that it does
not change with the resolution.
"""

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


class Head:
    """One way to say where K joints are in a frame of side `frame_px`.

    Attributes:
        name: str.
        reading: str, tells users of an exported network how its output is read.
        has_maps: bool, whether the output is maps, (N, h, w, K) logits, so that a joint can be
            placed at a peak and be given a confidence.
        uses_decoder: bool, whether it takes the decoder's features, not the coarsest ones.
    """

    name = None
    reading = None
    has_maps = False
    uses_decoder = True

    @property
    def losses(self):
        """Names of the losses that can train it, the usual one first."""
        return names.HEADS[self.name]

    def output(self, features, joints, frame_px):
        """The head's layers: features (N, h, w, C) to its output tensor."""
        raise NotImplementedError

    def output_shape(self, joints):
        """Shape of the output, by which files are recognised; None fits any size."""
        raise NotImplementedError

    def loss(self, targets, output, frame_px, name):
        """The loss of that name for targets (N, K, 3), a scalar."""
        raise NotImplementedError

    def coordinates(self, output, frame_px):
        """(N, 2K): x0, y0, x1, y1, ... in frame pixels; differentiable."""
        raise NotImplementedError

    def keypoints_px(self, output, frame_px):
        """float64 NumPy (N, K, 2), (x, y) in frame pixels, read off an output."""
        flat = ops.convert_to_numpy(self.coordinates(output, frame_px))
        return flat.astype(float).reshape(len(flat), -1, 2)


class Coordinates(Head):
    """The coordinates themselves, in units of half a frame around its centre."""

    name = "coordinates"
    reading = "(N, 2K): x0, y0, x1, y1, ... in the frame's pixels."
    # Coordinates are read off the whole picture at once and need no map.
    uses_decoder = False

    def output(self, features, joints, frame_px):
        pooled = layers.GlobalAveragePooling2D(name="pooled")(features)
        unit = layers.Dense(2 * joints, dtype="float32", name="coordinates_unit")(pooled)
        # Half a frame as the unit suits the optimizer's steps.
        return layers.Rescaling(
            frame_px / 2, offset=(frame_px - 1) / 2, dtype="float32", name="coordinates_px"
        )(unit)

    def output_shape(self, joints):
        return (None, 2 * joints)

    def loss(self, targets, output, frame_px, name):
        if name == "mse":
            return weighted_mse(targets, output) * (10 / frame_px) ** 2
        targets_px, weight = counted_targets(targets)
        predicted_px = ops.reshape(output, ops.shape(targets_px))
        return _mean_length(targets_px, weight, predicted_px, frame_px, name)

    def coordinates(self, output, frame_px):
        return output


class Spread(Head):
    """Each coordinate with the spread of its error, trained by a Laplace distribution's likelihood.

    Source: residual log-likelihood estimation (Li et al., ICCV 2021) without its flow, which was
    worth nothing measurable here (reports/README.md).
    """

    name = "spread"
    reading = "(N, K, 4): x, y in the frame's pixels, then the logarithms of both spreads."

    def output(self, features, joints, frame_px):
        places_px = Coordinates().output(features, joints, frame_px)
        pooled = layers.GlobalAveragePooling2D(name="spread_pooled")(features)
        logarithm = layers.Dense(2 * joints, dtype="float32", name="spread_logarithm")(pooled)
        return layers.Concatenate(axis=-1, dtype="float32", name="places_and_spreads")(
            [
                layers.Reshape((joints, 2), dtype="float32", name="places_px")(places_px),
                layers.Reshape((joints, 2), dtype="float32", name="spreads")(logarithm),
            ]
        )  # (N, K, 4)

    def output_shape(self, joints):
        return (None, joints, 4)

    def loss(self, targets, output, frame_px, name):
        targets_px, weight = counted_targets(targets)
        # A spread of nothing would make one error infinitely costly, and one of everything free.
        logarithm = ops.clip(output[..., 2:], -SPREAD_BOUND, SPREAD_BOUND)
        error = (targets_px - output[..., :2]) / frame_px * 10 * ops.exp(-logarithm)
        cost = ops.abs(error) + logarithm + float(np.log(2))  # (N, K, 2)
        return mean_over_counted(ops.sum(cost, axis=-1), weight)

    def coordinates(self, output, frame_px):
        return ops.reshape(output[..., :2], (-1, 2 * ops.shape(output)[1]))


class SoftArgmax(Head):
    """A map for each joint, read as its mean.

    Source: integral regression (Sun et al., ECCV 2018) under "l1". Under "cross_entropy" the map
    is also asked to look like a Gaussian around the joint, as DSNT's regularisation does (Nibali et
    al., 2018).
    """

    name = "soft_argmax"
    reading = (
        "(N, h, w, K): logits; softmax over the h * w cells of each joint gives the probability of "
        "its position. Cell i of n is at (i + 0.5) * input_px / n - 0.5. Smooth each map with a "
        "Gaussian of standard deviation `smoothing`, take the highest cell, weight the map's own "
        "probabilities with a Gaussian of `neighbourhood` around that cell: the keypoint is their "
        "mean. Its mass is the probability within `sure_radius` of the keypoint. All three are "
        "shares of input_px."
    )
    has_maps = True

    def output(self, features, joints, frame_px):
        return layers.Conv2D(joints, 1, dtype="float32", name="map_logits")(features)

    def output_shape(self, joints):
        return (None, None, None, joints)

    def loss(self, targets, output, frame_px, name):
        targets_px, weight = counted_targets(targets)
        _, height, width, _ = ops.shape(output)
        expected_px = ops.reshape(self.coordinates(output, frame_px), ops.shape(targets_px))
        coordinate_loss = _mean_length(targets_px, weight, expected_px, frame_px, "l1")
        if name == "l1":
            return coordinate_loss
        centres = cell_centres(height, width, frame_px)  # (C, 2)
        distance = ops.sum(
            ops.square(centres[None, :, None] - targets_px[:, None]), axis=-1
        )  # (N, C, K)
        wanted = ops.softmax(-distance / (2 * (TARGET_SPREAD * frame_px) ** 2), axis=1)
        entropy = -ops.sum(wanted * log_map(output), axis=1)  # (N, K)
        return mean_over_counted(entropy, weight) + coordinate_loss

    def coordinates(self, output, frame_px):
        _, height, width, joints = ops.shape(output)
        probability = ops.exp(log_map(output))  # (N, C, K)
        places = ops.einsum("nck,cd->nkd", probability, cell_centres(height, width, frame_px))
        return ops.reshape(places, (-1, 2 * joints))


class SimCC(Head):
    """A classification over bins of each axis. Source: SimCC (Li et al., ECCV 2022)."""

    name = "simcc"
    reading = (
        "(N, K, 2, bins): logits over x and over y; the coordinate is the mean under their "
        "softmax. Bin i of n is at (i + 0.5) * input_px / n - 0.5."
    )

    def output(self, features, joints, frame_px):
        maps = layers.Conv2D(joints, 1, name="lines_maps")(features)
        _, height, width, _ = maps.shape
        flat = layers.Permute((2, 1), name="lines_by_joint")(
            layers.Reshape((height * width, joints), name="lines_cells")(maps)
        )  # (N, K, h * w)
        bins = BINS_PER_PX * frame_px
        both = layers.Dense(2 * bins, dtype="float32", name="lines_dense")(flat)
        return layers.Reshape((joints, 2, bins), dtype="float32", name="lines_logits")(both)

    def output_shape(self, joints):
        return (None, joints, 2, None)

    def loss(self, targets, output, frame_px, name):
        targets_px, weight = counted_targets(targets)
        distance = ops.square(_bin_centres(frame_px) - targets_px[..., None])  # (N, K, 2, bins)
        wanted = ops.softmax(-distance / (2 * (TARGET_SPREAD * frame_px) ** 2), axis=-1)
        entropy = -ops.sum(wanted * ops.log_softmax(ops.cast(output, "float32"), axis=-1), axis=-1)
        return mean_over_counted(ops.sum(entropy, axis=-1), weight)

    def coordinates(self, output, frame_px):
        probability = ops.softmax(ops.cast(output, "float32"), axis=-1)  # (N, K, 2, bins)
        places = ops.sum(probability * _bin_centres(frame_px), axis=-1)
        return ops.reshape(places, (-1, 2 * ops.shape(output)[1]))


HEADS = {head.name: head for head in (Coordinates(), Spread(), SoftArgmax(), SimCC())}


def by_name(name):
    """The head of that name; PosekitError lists those there are."""
    check_choice("heads.by_name()", "head", name, tuple(HEADS))
    return HEADS[name]


def log_map(logits):
    """Log-probabilities over the cells of maps (N, h, w, K), float32 (N, h * w, K)."""
    _, height, width, joints = ops.shape(logits)
    flat = ops.reshape(ops.cast(logits, "float32"), (-1, height * width, joints))
    return ops.log_softmax(flat, axis=1)


def _bin_centres(frame_px):
    return ((np.arange(BINS_PER_PX * frame_px) + 0.5) / BINS_PER_PX - 0.5).astype(np.float32)


def mean_over_counted(per_joint, weight):
    return ops.sum(ops.where(weight > 0, weight * per_joint, 0.0)) / ops.maximum(
        ops.sum(weight), 1.0
    )


def counted_targets(targets):
    """Targets and weights; what does not count is moved to 0, since it may hold anything."""
    weight = targets[..., 2]
    return ops.where(weight[..., None] > 0, targets[..., :2], 0.0), weight


def _mean_length(targets_px, weight, predicted_px, frame_px, name):
    # Ten times the share: errors are then near 1, where the smooth L1 loss bends.
    error = (predicted_px - targets_px) / frame_px * 10
    size = ops.abs(error)
    if name == "smooth_l1":
        size = ops.where(size < 1, ops.square(error) / 2, size - 0.5)
    return mean_over_counted(ops.mean(size, axis=-1), weight)
