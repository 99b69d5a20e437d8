"""How a network says where a joint is: as coordinates, or as a map.

A head is one class with the attributes and methods of `Coordinates`, all `keras.ops`, so that any
Keras backend trains and reads it. To add one, write its class, list it in `HEADS` and name its
losses in `names.HEADS`.

Targets are (N, K, 3): x, y in frame pixels and weight, as `losses` describes them. Every loss is
a mean over the joints that count; lengths in it are shares of the side of the frame, `frame_px`, so
that it does not change with the resolution.
"""

from keras import layers, ops

from posekit.errors import check_choice
from posekit.geometry import cell_centres
from posekit.models import names
from posekit.models.losses import weighted_mse

# Standard deviation of the map that a labelled joint asks for, as a share of the frame's side.
# Two annotators of one photograph differ by a tenth of a torso, about this much of a crop.
TARGET_SPREAD = 0.04


class Coordinates:
    """The coordinates themselves, in units of half a frame around its centre."""

    name = "coordinates"
    # Tells users of an exported network how its output is read.
    reading = "(N, 2K): x0, y0, x1, y1, ... in the frame's pixels."
    # Whether the output is maps, (N, h, w, K) logits of the decoder's features, so that a joint can
    # be placed at a peak and be given a confidence.
    has_maps = False

    @property
    def losses(self):
        """Names of the losses that can train it, the usual one first."""
        return names.HEADS[self.name]

    def output(self, features, joints, frame_px):
        """The head's layers: features (N, h, w, C) to its output tensor."""
        pooled = layers.GlobalAveragePooling2D(name="pooled")(features)
        unit = layers.Dense(2 * joints, dtype="float32", name="coordinates_unit")(pooled)
        # Half a frame as the unit suits the optimizer's steps.
        return layers.Rescaling(
            frame_px / 2, offset=(frame_px - 1) / 2, dtype="float32", name="coordinates_px"
        )(unit)

    def output_shape(self, joints):
        """Shape of the output, by which files are recognised; None fits any size."""
        return (None, 2 * joints)

    def loss(self, targets, output, frame_px, name):
        """The loss of that name for targets (N, K, 3), a scalar."""
        if name == "mse":
            return weighted_mse(targets, output) * (10 / frame_px) ** 2
        return _mean_length(targets, output, frame_px)

    def coordinates(self, output, frame_px):
        """(N, 2K): x0, y0, x1, y1, ... in frame pixels; differentiable."""
        return output

    def keypoints_px(self, output, frame_px):
        """float64 NumPy (N, K, 2), (x, y) in frame pixels, read off an output."""
        flat = ops.convert_to_numpy(self.coordinates(output, frame_px))
        return flat.astype(float).reshape(len(flat), -1, 2)


class SoftArgmax(Coordinates):
    """A map for each joint, read as its mean.

    Source: integral regression (Sun et al., ECCV 2018); the map is also asked to look like a
    Gaussian around the joint, as DSNT's regularisation does (Nibali et al., 2018).
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
        centres = cell_centres(height, width, frame_px)  # (C, 2)
        distance = ops.sum(
            ops.square(centres[None, :, None] - targets_px[:, None]), axis=-1
        )  # (N, C, K)
        wanted = ops.softmax(-distance / (2 * (TARGET_SPREAD * frame_px) ** 2), axis=1)
        entropy = -ops.sum(wanted * log_map(output), axis=1)  # (N, K)
        length = _mean_length(targets, self.coordinates(output, frame_px), frame_px)
        return mean_over_counted(entropy, weight) + length

    def coordinates(self, output, frame_px):
        _, height, width, joints = ops.shape(output)
        probability = ops.exp(log_map(output))  # (N, C, K)
        places = ops.einsum("nck,cd->nkd", probability, cell_centres(height, width, frame_px))
        return ops.reshape(places, (-1, 2 * joints))


HEADS = {head.name: head for head in (Coordinates(), SoftArgmax())}


def by_name(name):
    """The head of that name; PosekitError lists those there are."""
    check_choice("heads.by_name()", "head", name, tuple(HEADS))
    return HEADS[name]


def log_map(logits):
    """Log-probabilities over the cells of maps (N, h, w, K), float32 (N, h * w, K)."""
    _, height, width, joints = ops.shape(logits)
    flat = ops.reshape(ops.cast(logits, "float32"), (-1, height * width, joints))
    return ops.log_softmax(flat, axis=1)


def mean_over_counted(per_joint, weight):
    return ops.sum(ops.where(weight > 0, weight * per_joint, 0.0)) / ops.maximum(
        ops.sum(weight), 1.0
    )


def counted_targets(targets):
    """Targets and weights; what does not count is moved to 0, since it may hold anything."""
    weight = targets[..., 2]
    return ops.where(weight[..., None] > 0, targets[..., :2], 0.0), weight


def _mean_length(targets, predicted_px, frame_px):
    targets_px, weight = counted_targets(targets)
    # Ten times the share: errors are then near 1.
    error = (ops.reshape(predicted_px, ops.shape(targets_px)) - targets_px) / frame_px * 10
    return mean_over_counted(ops.mean(ops.abs(error), axis=-1), weight)
