"""Train networks that recognise activities, with equal budgets.

The pose network and ImageNet's trunk are frozen; what they say of each picture is computed once
(`cues`). For each seed, all kinds of classifier see the same pictures in the same order, mirrored
alike, for the same number of steps. Nothing is chosen on the validation part: the weights of the
last step count.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from posekit.errors import PosekitError
from posekit.studies.activity.cues import Cues
from posekit.training import engine
from posekit.training.keras_patches import fused_kernels

READ_BATCH = 256


@dataclass(frozen=True)
class Budget:
    """What a classifier's training may use."""

    steps: int
    batch_size: int
    learning_rate: float = 2e-3  # AdamW's, at the start; a cosine takes it to zero
    weight_decay: float = 0.02


@dataclass(frozen=True, eq=False)
class Pictures:
    """N pictures as classifiers see them."""

    pictures: np.ndarray  # uint8 (N, S, S, 3), or frames.FileRows; or float32 (N, F), features
    cues: Cues

    def inputs(self, names, rows, flips):
        """A classifier's named inputs, float32 (B, ...), for int rows (B,) and bool flips (B,).

        Where a flip is True the picture is mirrored, and its cues are those of the mirrored one.
        """
        chosen = {}
        if "picture" in names:
            pictures = self.pictures[rows].astype(np.float32)
            if pictures.ndim == 4:
                pictures[flips] = pictures[flips, :, ::-1]
            chosen["picture"] = pictures
        for name in {"features", "keypoints_px"} & set(names):
            chosen[name] = getattr(self.cues, name)[flips.astype(int), rows]
        return chosen


def share_of_each(codes, fraction, *, seed):
    """A part of the pictures of each activity, at least one of each, int (M,), ascending.

    `codes`, int (N,), are activities; -1 is never chosen. Of two fractions in (0, 1], the larger
    one holds all pictures of the smaller one.
    """
    order = np.random.default_rng(seed).permutation(len(codes))
    chosen = []
    for code in np.unique(codes[codes >= 0]):
        members = order[codes[order] == code]
        # A tenth of ten must stay one: 0.1 * 10 need not be 1 exactly.
        chosen.append(members[: int(np.ceil(fraction * len(members) - 1e-9))])
    return np.sort(np.concatenate(chosen))


def schedule(rows, budget, *, seed):
    """Pictures of each step, and which of them are mirrored: int and bool (steps, batch_size).

    All of `rows`, int (M,), are seen before one is seen again; the seed alone decides.
    """
    rng = np.random.default_rng(seed)
    shape = (budget.steps, budget.batch_size)
    rounds = -(-shape[0] * shape[1] // len(rows))
    order = np.concatenate([rng.permutation(rows) for _ in range(rounds)])
    return order[: shape[0] * shape[1]].reshape(shape), rng.random(shape) < 0.5


class Trainer:
    """A classifier that is compiled once and trained any number of times, each from new weights.

    To compile it again for each training would take longer than a short training does. `build`
    makes the network, uncompiled.
    """

    def __init__(self, build, budget):
        engine.use_global_futex_hash()
        self._build, self._budget = build, budget
        self.network = build()
        rate = keras.optimizers.schedules.CosineDecay(budget.learning_rate, budget.steps)
        optimizer = keras.optimizers.AdamW(rate, weight_decay=budget.weight_decay)
        self.network.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
        optimizer.build(self.network.trainable_variables)
        self._optimizer_state = [np.array(variable) for variable in optimizer.variables]
        self._first_weights = {}  # of each seed: to make a network takes as long as a few steps

    def train(self, pictures, codes, rows, *, seed):
        """Train `network` from new weights on `rows`, int (M,), of Pictures with `codes`, int (N,).

        The seed is that of the weights, the order and what is mirrored.
        """
        keras.utils.set_random_seed(seed)
        if seed not in self._first_weights:
            self._first_weights[seed] = [np.array(each) for each in _variables(self._build())]
        _assign(_variables(self.network), self._first_weights[seed])
        _assign(self.network.optimizer.variables, self._optimizer_state)
        steps, flips = schedule(rows, self._budget, seed=seed)
        batches = tf.data.Dataset.zip(
            self._inputs(pictures, steps, flips), tf.data.Dataset.from_tensor_slices(codes[steps])
        )
        with fused_kernels():
            (loss,) = self.network.fit(batches, shuffle=False, verbose=0).history["loss"]
        if not np.isfinite(loss):
            raise PosekitError(
                f"{self.network.name}: the loss must stay finite; got {loss}. Lower the learning "
                "rate."
            )

    def predict(self, pictures, rows):
        """The probability of each activity in the chosen pictures, float32 (M, C)."""
        steps = np.split(rows, range(READ_BATCH, len(rows), READ_BATCH))
        batches = self._inputs(pictures, steps, [np.zeros(len(step), bool) for step in steps])
        return self.network.predict(batches, verbose=0)

    def _inputs(self, pictures, steps, flips):
        """Dataset of the network's inputs, a batch for each of `steps` (rows) and `flips`."""
        specs = {
            tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in self.network.inputs
        }

        def batches():
            for chosen, flipped in zip(steps, flips, strict=True):
                yield pictures.inputs(specs, chosen, flipped)

        options = tf.data.Options()
        options.autotune.enabled = False  # see pipeline.batches
        return (
            tf.data.Dataset.from_generator(batches, output_signature=specs)
            .apply(tf.data.experimental.assert_cardinality(len(steps)))
            .prefetch(2)
            .with_options(options)
        )


def _variables(network):
    """Weights and the states of dropout's generators, without metrics."""
    return [variable for layer in network.layers for variable in layer.variables]


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
