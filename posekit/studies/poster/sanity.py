"""Sanity checks that must pass before any score of notebook 02 is worth reading.

Source: Karpathy, "A Recipe for Training Neural Networks" (2019), for the loss at the start and for
overfitting one batch; Zhang et al., "Understanding Deep Learning Requires Rethinking
Generalization", ICLR 2017, for shuffled labels.
"""

import keras
import numpy as np

from posekit.datasets import near_duplicates
from posekit.errors import raise_problems
from posekit.evaluation import baselines, predictions
from posekit.models import losses, poster
from posekit.pipeline.batches import evaluation_batches, steps_per_epoch, training_batches
from posekit.pipeline.experiment import grey_thumbnails
from posekit.training.keras_patches import fused_kernels
from posekit.wording import number

# float32 sums over a few thousand coordinates against float64 ones.
EXACT = 1e-4

# The closed form of `_loss_at_the_start` is a mean over random weights, which scatter by a tenth.
START_TOLERANCE = 0.4

BATCH_IMAGES = 16
BATCH_STEPS = 30
BATCH_SHARE = 0.1

# Batch normalisation needs about as many before its moving statistics serve inference.
LEAST_STEPS = 24


def check(experiment, *, label_treatment, seed):
    """Test data, split, loss and training, with small trainings that are thrown away, JSON-ready.

    Each of the checks has a `name`, what is `expected` and `measured`, as text, whether it
    `passed`, and its `numbers`.
    """
    targets = (experiment.targets(part, label_treatment) for part in ("train", "validation"))
    baselines.check_something_to_learn(*targets, experiment.frame_px)
    network = _Network(experiment, label_treatment, seed)
    with fused_kernels():
        checks = [
            _near_duplicates(experiment),
            _loss_of_the_image_centre(network),
            _loss_at_the_start(network),
            _one_batch(network),
            _shuffled_labels(network),
        ]
    passed = sum(row["passed"] for row in checks)
    return {
        "data": experiment.describe(),
        "label_treatment": label_treatment,
        "checks": checks,
        "headline": [{"label": "sanity checks passed", "value": f"{passed} of {len(checks)}"}],
    }


def require(result):
    """A sentence that all checks passed; PosekitError names each that did not."""
    raise_problems(
        "sanity.require()",
        [
            f"{row['name']}: must be {row['expected']}; got {row['measured']}. Find out why "
            "before you trust a score of this run."
            for row in result["checks"]
            if not row["passed"]
        ],
    )
    return f"All {len(result['checks'])} checks passed."


def table(result):
    """Rows for a table: each check, what it expects and what it found."""
    return [
        {
            "check": row["name"],
            "expected": row["expected"],
            "measured": row["measured"],
            "": "passed" if row["passed"] else "FAILED",
        }
        for row in result["checks"]
    ]


class _Network:
    """The poster's network on one experiment, compiled once, reset for each check."""

    def __init__(self, experiment, label_treatment, seed):
        self.experiment = experiment
        self.seed = seed
        self.train_images = experiment.images("train")
        self.train_targets = experiment.targets("train", label_treatment)
        self.train_missing = experiment.missing("train")
        self.validation_images = experiment.images("validation")
        self.validation_targets = experiment.targets("validation", label_treatment)
        poses_px = baselines.constant_poses(self.train_targets, experiment.frame_px)
        self.centre_px, self.mean_pose_px = poses_px["image_centre"], poses_px["mean_pose"]
        keras.utils.set_random_seed(seed)
        self.model = poster.poster_network(
            batch_norm=True,
            frame_px=experiment.frame_px,
            joints=experiment.dataset.skeleton.joint_count,
        )
        self.model.compile(
            optimizer="adam", loss=losses.weighted_mse, metrics=[losses.WeightedMSE()]
        )
        self.model.optimizer.build(self.model.trainable_variables)
        self._initial = self.model.get_weights()
        self._optimizer_state = [variable.numpy() for variable in self.model.optimizer.variables]

    def restart(self, pose_px=None):
        """Back to the initial weights, or to a network that predicts one pose (K, 2) for all."""
        self.model.set_weights(self._initial)
        optimizer = self.model.optimizer
        for variable, value in zip(optimizer.variables, self._optimizer_state, strict=True):
            variable.assign(value)
        if pose_px is not None:
            last = self.model.get_layer("coordinates_unit")
            frame_px = self.experiment.frame_px
            unit = (pose_px - (frame_px - 1) / 2) / (frame_px / 2)
            last.set_weights([np.zeros(last.kernel.shape), unit.ravel()])

    def fit(self, batches, *, steps, epochs=1):
        """Train; returns the mean loss of the last epoch."""
        history = self.model.fit(
            batches, steps_per_epoch=steps, epochs=epochs, shuffle=False, verbose=0
        )
        return history.history["loss"][-1]


def _row(name, expected, measured, passed, /, **numbers):
    return {
        "name": name,
        "expected": expected,
        "measured": measured,
        "passed": bool(passed),
        "numbers": numbers,
    }


def _near_duplicates(experiment):
    thumbnails = grey_thumbnails(experiment.dataset, experiment.cache_dir)
    pairs, largest = near_duplicates.find_across_parts(thumbnails, experiment.split)
    claimed = experiment.split.comparable
    expected = f"at most {near_duplicates.SIMILARITY_THRESHOLD} alike"
    return _row(
        "images of different parts, as they are and mirrored",
        expected if claimed else f"{expected}, were the split comparable",
        f"{len(pairs)} near-duplicates" if len(pairs) else f"at most {largest:.3f} alike",
        not (claimed and len(pairs)),
        largest_similarity=largest,
        near_duplicates=len(pairs),
    )


def _loss_of_the_image_centre(network):
    """Without its last weights the network predicts the image centre, whose error is known."""
    network.restart(network.centre_px)
    images, targets = network.validation_images, network.validation_targets
    batches = evaluation_batches(images, targets, batch_size=predictions.BATCH_SIZE)
    measured = network.model.evaluate(batches, verbose=0, return_dict=True)["mse"]
    expected = baselines.treatment_mse(network.centre_px, targets)
    return _row(
        "loss of a network whose last weights are zero",
        f"the image centre's error, {number(expected, 2)}",
        number(measured, 2),
        abs(measured - expected) <= EXACT * expected,
        expected=expected,
        measured=measured,
    )


def _loss_at_the_start(network):
    """The image centre's error, and on top the variance of outputs of glorot_uniform weights.

    Batch normalisation gives each unit before the last ReLU mean 0 and variance 1, hence a mean
    square of 1/2 after it; a weight's variance is 2 / (inputs + outputs).
    """
    network.restart()
    targets = network.train_targets[:BATCH_IMAGES]
    images = network.train_images[:BATCH_IMAGES].astype("float32")
    inputs, outputs = network.model.get_layer("coordinates_unit").kernel.shape
    spread = (network.experiment.frame_px / 2) ** 2 * inputs / 2 * 2 / (inputs + outputs)
    expected = baselines.treatment_mse(network.centre_px, targets) + spread
    measured = float(losses.weighted_mse(targets, network.model(images, training=True)))
    return _row(
        "loss at the start, with random weights",
        f"{number(expected)}, give or take {START_TOLERANCE:.0%}",
        number(measured),
        abs(measured - expected) <= START_TOLERANCE * expected,
        expected=expected,
        measured=measured,
    )


def _one_batch(network):
    images, targets = network.train_images[:BATCH_IMAGES], network.train_targets[:BATCH_IMAGES]
    network.restart(network.mean_pose_px)
    batch = evaluation_batches(images, targets, batch_size=BATCH_IMAGES)
    measured = network.fit(batch.repeat(), steps=1, epochs=BATCH_STEPS)
    constant = baselines.treatment_mse(network.mean_pose_px, targets)
    return _row(
        f"loss on one batch of {len(images)} pictures after {BATCH_STEPS} steps",
        f"below {BATCH_SHARE:.0%} of the mean pose's {number(constant)}",
        number(measured),
        measured < BATCH_SHARE * constant,
        mean_pose=constant,
        measured=measured,
    )


def _shuffled_labels(network):
    """Trained on the labels of other images, a network cannot beat the best constant.

    The constant is fitted on the validation part itself, so no network should beat it by chance.
    The same training on the true labels shows whether the check has power.
    """
    order = np.random.default_rng(network.seed).permutation(len(network.train_targets))
    measured, control = (_mse_after_an_epoch(network, each) for each in (order, slice(None)))
    validation, frame_px = network.validation_targets, network.experiment.frame_px
    floor = baselines.constant_errors(validation, validation, frame_px)["mean_pose"]
    power = (
        "beats it"
        if control < floor
        else "does not beat it either: this check has little power here"
    )
    return _row(
        "validation loss after an epoch on shuffled labels",
        f"no better than the best constant, {number(floor)}",
        f"{number(measured)}; with the true labels {number(control)}, which {power}",
        measured >= floor,
        best_constant=floor,
        measured=measured,
        true_labels=control,
    )


def _mse_after_an_epoch(network, order):
    """Validation MSE after training on the labels in that order, starting at the mean pose."""
    train_targets, batch_size = network.train_targets[order], network.experiment.profile.batch_size
    steps = steps_per_epoch(len(train_targets), batch_size=batch_size, flip="random")
    steps = max(steps, LEAST_STEPS)
    network.restart(network.mean_pose_px)
    batches, _ = training_batches(
        network.train_images,
        train_targets,
        batch_size=batch_size,
        seed=network.seed,
        epochs=steps,  # more than enough of the stream: an epoch holds at least one step
        mirror=network.experiment.dataset.skeleton.mirror,
        missing=network.train_missing[order],
    )
    network.fit(batches, steps=steps)
    pred_px = predictions.predict_frame_px(network.model, network.validation_images)
    return baselines.treatment_mse(pred_px, network.validation_targets)
