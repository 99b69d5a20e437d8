"""What one training is, whichever way it was asked for: `fit` knows nothing else of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import keras

from posekit.models import heads
from posekit.models.build import build
from posekit.pipeline import augmentation
from posekit.pipeline.augmentation import Augmentation
from posekit.training import keras_patches, runs
from posekit.training.config import OwnConfig, TrainingConfig
from posekit.training.optimizer import make_optimizer


@dataclass(frozen=True, eq=False)
class Plan:
    """A training before its data.

    Attributes:
        config: TrainingConfig or OwnConfig.
        model: keras.Model with the weights that training starts from, uncompiled.
        copy: function without arguments, an uncompiled model of the same layers in float32. That
            one is saved: a compiled model would carry our loss in its file and need posekit to be
            read; one in mixed precision would be slow wherever bfloat16 is.
        optimizer: function of the steps in an epoch to a new keras.optimizers.Optimizer.
        loss: function of targets (N, K, 3) and output, as `compile` takes it.
        augmentation: Augmentation.
        vary: function of a batch, see `training_batches`, or None.
        definition: list, what the training's name covers besides the data.
        stored: dict, further entries of config.json.
    """

    config: TrainingConfig | OwnConfig
    model: keras.Model
    copy: Callable
    optimizer: Callable
    loss: Callable
    augmentation: Augmentation
    definition: list
    vary: Callable | None = None
    stored: dict = field(default_factory=dict)


def of_config(config, *, joints):
    """The Plan of a TrainingConfig for that number of joints; errors as for `build`."""
    with keras_patches.seeded(config.seed):
        model = build(config, joints=joints)
    head = heads.by_name(config.head)
    plain = replace(config, mixed_precision=False, initial_weights=None)
    return Plan(
        config=config,
        model=model,
        copy=lambda: build(plain, joints=joints),
        optimizer=lambda steps: make_optimizer(config, steps),
        loss=lambda targets, output: head.loss(targets, output, config.frame_px, config.loss),
        augmentation=augmentation.by_name(config.augmentation),
        definition=runs.definition(config, model),
    )
