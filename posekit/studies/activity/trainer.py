"""Train networks that recognise activities, in two stages and with equal budgets.

First a pose network learns joints (notebook 02). It is then frozen, so its cues are computed once.
Second, the classifiers learn activities from them. For each seed, all kinds of classifier see the
same pictures in the same order, mirrored alike, for the same number of steps. Nothing is chosen on
the validation part: the weights of the last step count.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from posekit.errors import PosekitError
from posekit.geometry import mirror_keypoints
from posekit.pipeline.batches import evaluation_batches
from posekit.training import engine
from posekit.training.keras_patches import fused_kernels

READ_BATCH = 64


@dataclass(frozen=True)
class Budget:
    """What a classifier's training may use."""

    steps: int
    batch_size: int
    learning_rate: float = 2e-3  # AdamW's, at the start; a cosine takes it to zero
    weight_decay: float = 0.02


@dataclass(frozen=True, eq=False)
class Cues:
    """The pose branch's inputs for N pictures, as they are and, where M is 2, mirrored."""

    features: np.ndarray  # float32 (M, N, F)
    keypoints_px: np.ndarray  # float32 (M, N, 2K), x0, y0, x1, y1, ... in the frame


@dataclass(frozen=True, eq=False)
class Pictures:
    """N pictures as classifiers see them."""

    images: np.ndarray  # uint8 (N, S, S, 3), or frames.FileRows
    cues: Cues

    def inputs(self, names, rows, flips):
        """A classifier's named inputs, float32 (B, ...), for int rows (B,) and bool flips (B,).

        Where a flip is True the picture is mirrored, and its cues are those of the mirrored one.
        """
        chosen = {}
        if "image" in names:
            images = self.images[rows].astype(np.float32)
            images[flips] = images[flips, :, ::-1]
            chosen["image"] = images
        for name in {"features", "keypoints_px"} & set(names):
            chosen[name] = getattr(self.cues, name)[flips.astype(int), rows]
        return chosen


def predicted_cues(reader, images, *, mirrored):
    """Cues of uint8 images (N, S, S, 3), mirrored ones too, by a `networks.cue_reader`."""
    outputs = []
    for flipped in (False, True)[: 1 + mirrored]:
        batches = evaluation_batches(images, batch_size=READ_BATCH)
        if flipped:
            batches = batches.map(lambda batch: keras.ops.flip(batch, axis=2))
        outputs.append(reader.predict(batches, verbose=0))
    return Cues(**{name: np.stack([each[name] for each in outputs]) for name in outputs[0]})


def true_cues(experiment, part, *, mirrored):
    """Cues made of the labels of one part: an upper bound.

    The features say which joints are labelled; an unlabelled one is put at the mean of the others.
    """
    dataset = experiment.dataset
    indices = experiment.split.indices(dataset, part)
    poses = [(experiment.keypoints_frame_px[indices], dataset.labelled[indices])]
    if mirrored:
        mirror = dataset.skeleton.mirror
        poses.append(mirror_keypoints(*poses[0], experiment.frame_px, mirror=mirror))
    keypoints_px = [_filled(*pose).reshape(len(indices), -1) for pose in poses]
    return Cues(
        features=np.stack([labelled for _, labelled in poses]).astype(np.float32),
        keypoints_px=np.stack(keypoints_px).astype(np.float32),
    )


def _filled(keypoints_px, labelled):
    known_px = np.where(labelled[..., None], keypoints_px, 0)
    mean_px = known_px.sum(axis=1) / np.maximum(labelled.sum(axis=1), 1)[:, None]  # (N, 2)
    return np.where(labelled[..., None], keypoints_px, mean_px[:, None])


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

    def train(self, pictures, codes, rows, *, seed):
        """Train `network` from new weights on `rows`, int (M,), of pictures with `codes`, int (N,).

        Args:
            pictures: Pictures, mirrored ones too.
            seed: int, of the weights, the order and what is mirrored.
        """
        keras.utils.set_random_seed(seed)
        _assign(_variables(self.network), _variables(self._build()))
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

    def predict(self, pictures):
        """The most probable activity of each picture, int (N,)."""
        rows = np.arange(len(pictures.images))
        steps = np.split(rows, range(READ_BATCH, len(rows), READ_BATCH))
        batches = self._inputs(pictures, steps, [np.zeros(len(step), bool) for step in steps])
        return self.network.predict(batches, verbose=0).argmax(axis=-1)

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
