"""Worker: training steps of the poster's network as posekit takes them.

Arguments: batch size, steps of a round. Orders: `batchnorm` and `plain`, steps on one batch in
memory; `keras batchnorm` and `keras plain`, as Keras computes them; `waiting mirrored` and `waiting
turned`, steps fed by the input pipeline, with how long they waited for it.
"""

import json
import sys
import time
from contextlib import nullcontext

from posekit import profiles
from posekit.models import losses, poster
from posekit.pipeline.augmentation import Augmentation
from posekit.pipeline.batches import training_batches
from posekit.pipeline.crops import Crop
from posekit.skeleton import LSP
from posekit.training import engine
from posekit.training.keras_patches import fused_kernels

engine.start(0)

import keras  # noqa: E402 - after the engine's start
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

batch_size, steps = int(sys.argv[1]), int(sys.argv[2])
side = profiles.FRAME_PX
rng = np.random.default_rng(0)
images = rng.integers(0, 256, (10 * batch_size, side, side, 3), np.uint8)
targets = np.concatenate(
    [rng.uniform(0, side, (len(images), 14, 2)), np.ones((len(images), 14, 1))], axis=-1
).astype(np.float32)
batch = tf.constant(images[:batch_size]), tf.constant(targets[:batch_size])


def trained(batch_norm, patch):
    """A compiled network whose step is traced and warm."""
    model = poster.poster_network(batch_norm=batch_norm)
    model.compile(optimizer=keras.optimizers.Adam(), loss=losses.weighted_mse)
    # The patch counts while the step is traced, at its first call.
    with patch:
        for _ in range(3):
            model.train_on_batch(*batch)
    return model


networks = {
    "batchnorm": trained(True, fused_kernels()),
    "plain": trained(False, fused_kernels()),
    "keras batchnorm": trained(True, nullcontext()),
    "keras plain": trained(False, nullcontext()),
}


def waiting(crop):
    """Seconds of a round fed by the pipeline, and of them those without a batch."""
    stream, _ = training_batches(
        images,
        targets,
        batch_size=batch_size,
        seed=0,
        epochs=10**6,
        mirror=LSP.mirror,
        crop=crop,
    )
    batches, waited = iter(stream), 0.0
    networks["batchnorm"].train_on_batch(*next(batches))
    begun = time.perf_counter()
    for _ in range(4 * steps):
        asked = time.perf_counter()
        fed = next(batches)
        waited += time.perf_counter() - asked
        networks["batchnorm"].train_on_batch(*fed)
    return {"waited": waited, "seconds": time.perf_counter() - begun}


turned = Augmentation(rotation_degrees=15.0, scale=1.2, shift=0.1)
crops = {"mirrored": None, "turned": Crop(side, side, 1.0, turned)}
print("ready", flush=True)
for line in sys.stdin:
    order = line.strip()
    if order.startswith("waiting "):
        answer = waiting(crops[order.removeprefix("waiting ")])
    else:
        for _ in range(steps):
            networks[order].train_on_batch(*batch)
        learned = networks[order].trainable_variables
        answer = {"parameters": sum(int(np.prod(variable.shape)) for variable in learned)}
    print(json.dumps(answer), flush=True)
