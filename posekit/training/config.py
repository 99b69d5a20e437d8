"""The settings of a training."""

from dataclasses import dataclass

import numpy as np

from posekit import profiles
from posekit.errors import check_choice, raise_problems
from posekit.models.names import HEADS, IMAGENET, NETWORKS
from posekit.pipeline import views
from posekit.pipeline.augmentation import AUGMENTATIONS, FLIPS
from posekit.pipeline.targets import LABEL_TREATMENTS

SCHEDULES = ("constant", "cosine", "warmup_cosine")

KEPT_EPOCHS = ("best", "last")


@dataclass(frozen=True)
class Config:
    """What all trainings have, of a TrainingConfig or of a network from elsewhere."""

    network: str
    label_treatment: str
    epochs: int
    seed: int
    batch_size: int = 32
    flip: str = "random"
    patience: int | None = None
    head: str = "coordinates"
    loss: str = "mse"
    view: str = "squashed"
    frame_px: int = profiles.FRAME_PX
    augmentation: str = "none"
    keeps: str = "best"

    def _check_choices(self, caller, **others):
        common = {"label_treatment": LABEL_TREATMENTS, "flip": FLIPS, "keeps": KEPT_EPOCHS}
        for name, known in {**common, "view": views.VIEWS, **others}.items():
            check_choice(caller, name, getattr(self, name), tuple(known))

    def _problems_of_counts(self, **least):
        least = {"epochs": 1, "seed": 0, "batch_size": 1, **least}
        if self.patience is not None:
            least["patience"] = 1
        return [
            f"`{name}` must be a whole number >= {minimum}; got {value!r}."
            for name, minimum in least.items()
            if type(value := getattr(self, name)) is not int or value < minimum
        ]


@dataclass(frozen=True)
class TrainingConfig(Config):
    """Everything that shapes a training, apart from the data. The defaults are the poster's way.

    Attributes:
        network: one of names.NETWORKS.
        label_treatment: one of targets.LABEL_TREATMENTS; its loss is the one reported.
        epochs, batch_size: int > 0.
        seed: int >= 0, of the weights, the order, the flips and the augmentation.
        learning_rate: float > 0, Adam's, at the start, or after the warm-up.
        schedule: "constant"; "cosine" down to zero over all epochs; or "warmup_cosine", the same
            after a linear rise over the first half epoch.
        flip: one of augmentation.FLIPS.
        patience: int > 0 or None; training stops after this many epochs without a better
            validation loss.
        head, loss: one of names.HEADS and one of its losses; the poster's networks have
            "coordinates".
        view: one of views.VIEWS, what part of an image the network sees.
        frame_px: int > 0, side of the network's input, pixels.
        augmentation: one of augmentation.AUGMENTATIONS, in addition to the flips.
        weight_decay: float >= 0; above 0 the optimizer is AdamW.
        clip_norm: float > 0 or None, bound on the norm of all gradients together.
        weight_average: float in [0, 1), momentum of the average of the weights that is validated
            and saved; 0 saves the weights themselves.
        dropout, stochastic_depth: float in [0, 1), see `residual_network`.
        initial_weights: None; "imagenet" for the "lite0" networks; or the path of a saved model
            whose layers of the same names the training starts from.
        mixed_precision: bool, compute in bfloat16; weights, head and loss stay float32.
        keeps: one of KEPT_EPOCHS, whose network is kept as the best: the one with the least
            validation MSE, or the last one, for a schedule that ends at zero.
    """

    learning_rate: float = 1e-3
    schedule: str = "constant"
    weight_decay: float = 0.0
    clip_norm: float | None = None
    weight_average: float = 0.0
    dropout: float = 0.0
    stochastic_depth: float = 0.0
    initial_weights: str | None = None
    mixed_precision: bool = False

    def __post_init__(self):
        caller = "TrainingConfig()"
        self._check_choices(
            caller, network=NETWORKS, schedule=SCHEDULES, head=HEADS, augmentation=AUGMENTATIONS
        )
        check_choice(caller, "loss", self.loss, HEADS[self.head])
        problems = self._problems_of_counts(frame_px=32)
        rate = self.learning_rate
        if not (isinstance(rate, (int, float)) and 0 < rate < np.inf):
            problems.append(f"`learning_rate` must be a finite number > 0; got {rate!r}.")
        problems += [
            f"`{name}` must be a number in [0, 1); got {value!r}."
            for name in ("weight_decay", "weight_average", "dropout", "stochastic_depth")
            if not 0 <= (value := getattr(self, name)) < 1
        ]
        if self.network.startswith("poster") and self.head != "coordinates":
            problems.append(
                f'`head` of {self.network} must be "coordinates"; got {self.head!r}. '
                "The other networks take every head."
            )
        if self.initial_weights == IMAGENET and not self.network.startswith("lite0"):
            problems.append(
                '`initial_weights` "imagenet" exist for the "lite0" networks alone; got '
                f"network {self.network!r}."
            )
        raise_problems(caller, problems)


@dataclass(frozen=True)
class OwnConfig(Config):
    """Settings of a training of a network from elsewhere, see `training.own`.

    Loss, optimizer and augmentation are names for tables: they need not be one of posekit's. What
    they stand for is in config.json's "definition".
    """

    optimizer: str = "adam"

    def __post_init__(self):
        self._check_choices("fit()")
        raise_problems("fit()", self._problems_of_counts())
