"""Times of two things, taken alternately in one run, so that only their ratio is quoted."""

import time

import keras
import numpy as np

from posekit.fused_kernels import fused_kernels
from posekit.models import losses, poster


def paired_step_seconds(images, targets, *, pairs, warm_up=2):
    """Seconds of one training step with and without batch normalisation, alternating.

    Args:
        images: uint8 (B, S, S, 3), the one batch.
        targets: float32 (B, K, 3).
        pairs: int > 0, timed steps of each network.
        warm_up: int, untimed steps before.

    Returns:
        dict, network name -> float (pairs,), seconds.
    """
    networks = {}
    for batch_norm in (True, False):
        model = poster.poster_network(
            batch_norm=batch_norm, frame_px=images.shape[1], joints=targets.shape[1]
        )
        model.compile(optimizer=keras.optimizers.Adam(), loss=losses.weighted_mse)
        networks[model.name] = model
    seconds = {name: [] for name in networks}
    with fused_kernels():
        for step in range(warm_up + pairs):
            for name, model in networks.items():
                started = time.perf_counter()
                model.train_on_batch(images, targets)
                if step >= warm_up:
                    seconds[name].append(time.perf_counter() - started)
    return {name: np.array(values) for name, values in seconds.items()}
