"""What one training is, whichever way it was asked for: `fit` knows nothing else of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import keras
from keras.optimizers.schedules import CosineDecay

from posekit.models import heads
from posekit.models.build import build
from posekit.pipeline import augmentation
from posekit.pipeline.augmentation import Augmentation
from posekit.training import keras_patches, runs
from posekit.training.config import OwnConfig, TrainingConfig


@dataclass(frozen=True, eq=False)
class Plan:
    """A training before its data."""

    config: TrainingConfig | OwnConfig
    model: keras.Model  # with the weights that training starts from, uncompiled
    # Without arguments, an uncompiled model of the same layers in float32. That one is saved: a
    # compiled model would carry our loss in its file and need posekit to be read; one in mixed
    # precision would be slow wherever bfloat16 is.
    copy: Callable
    optimizer: Callable  # of the steps in an epoch to a new keras.optimizers.Optimizer
    loss: Callable  # of targets (N, K, 3) and output, as `compile` takes it
    augmentation: Augmentation
    definition: list  # what the training's name covers besides the data
    vary: Callable | None = None  # of a batch, see `training_batches`
    stored: dict = field(default_factory=dict)  # further entries of config.json


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


def make_optimizer(config, steps):
    """The optimizer of a TrainingConfig, for epochs of `steps` steps."""
    rate, steps_in_all = config.learning_rate, steps * config.epochs
    if config.schedule == "cosine":
        rate = CosineDecay(rate, steps_in_all)
    if config.schedule == "warmup_cosine":
        rise = max(1, steps // 2)
        rate = CosineDecay(0.0, steps_in_all - rise, warmup_target=rate, warmup_steps=rise)
    settings = {"global_clipnorm": config.clip_norm}
    if config.weight_average:
        settings |= {"use_ema": True, "ema_momentum": config.weight_average}
    if not config.weight_decay:
        return keras.optimizers.Adam(rate, **settings)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay, **settings)
    # Decay holds back what multiplies; offsets and normalisation have nothing to overfit with.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
