"""Mean squared error over the coordinates that count, and a metric that divides once.

Targets are (N, K, 3): x, y in frame pixels and the joint's weight (1 counts, 0 does not), as
`targets.targets` defines them for each label treatment. Predictions are (N, 2K).
"""

import keras
from keras import ops


def _squared_error_and_count(y_true, y_pred):
    target_px, weight = y_true[..., :2], y_true[..., 2:]  # (N, K, 2), (N, K, 1)
    prediction_px = ops.reshape(y_pred, ops.shape(target_px))
    # `where` rather than a product: junk under weight 0 may be anything, NaN included.
    error_px = ops.where(weight > 0, prediction_px - target_px, 0.0)
    return ops.sum(weight * ops.square(error_px)), 2 * ops.sum(weight)


def weighted_mse(y_true, y_pred):
    """Mean squared error of one batch, pixels squared, scalar; 0 where nothing in it counts."""
    total, count = _squared_error_and_count(y_true, y_pred)
    return total / ops.maximum(count, 1.0)


class WeightedMSE(keras.metrics.Metric):
    """`weighted_mse` over all batches seen: sums are kept and divided once.

    `coordinates` is a function from the network's output to predictions (N, 2K), pixels.
    """

    def __init__(self, coordinates=lambda output: output, name="mse"):
        super().__init__(name=name)
        self._coordinates = coordinates
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add one batch; `sample_weight` is not used, the targets carry their own."""
        total, count = _squared_error_and_count(y_true, self._coordinates(y_pred))
        self.total.assign_add(total)
        self.count.assign_add(count)

    def result(self):
        """Mean squared error so far, pixels squared."""
        return self.total / ops.maximum(self.count, 1.0)
