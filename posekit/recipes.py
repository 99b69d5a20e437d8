"""How the shipped models are made: the settings of each training, and which trainings they join.

A recipe is the part of a training.TrainingConfig that was chosen on validation. Beside it,
"starts_from" names the recipe whose weights a training goes on from.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """What a shipped model is made of.

    Attributes:
        stages: names of the recipes, in the order of the stages.
        passes: int > 0, how often the last stage looks.
        flip_average: bool, whether the last stage also asks the mirrored picture.
        margin: float, side of the square that the last stage sees, over the longer side of the
            box of the joints.
    """

    stages: tuple
    passes: int = 1
    flip_average: bool = False
    margin: float = 1.3


MODELS = {
    "from_scratch": Model(("from_scratch_whole", "from_scratch_person"), passes=2),
    "best": Model(("best_whole", "best_person"), passes=2, flip_average=True),
}

# What all stages share. Missing joints are masked, and the mean of noisy weights is kept.
_COMMON = {
    "label_treatment": "masked",
    "head": "soft_argmax",
    "loss": "cross_entropy",
    "augmentation": "turned",
    "schedule": "warmup_cosine",
    "weight_average": 0.998,
    "clip_norm": 5.0,
}

_SCRATCH = {**_COMMON, "learning_rate": 2e-3, "weight_decay": 0.05, "mixed_precision": True}

# A stage that starts from another recipe's weights replaces these.
_TRANSFER = {
    **_COMMON,
    "initial_weights": "imagenet",
    "learning_rate": 6e-4,
    "weight_decay": 0.02,
}

RECIPES = {
    "from_scratch_whole": {
        **_SCRATCH,
        "network": "residual_slim",
        "view": "whole",
        "frame_px": 128,
        "epochs": 60,
    },
    "from_scratch_person": {
        **_SCRATCH,
        "network": "residual",
        "view": "person",
        "frame_px": 128,
        "epochs": 120,
        "stochastic_depth": 0.1,
    },
    "best_whole": {
        **_TRANSFER,
        "network": "lite0_short",
        "view": "whole",
        "frame_px": 160,
        "epochs": 30,
    },
    # Small pictures first: most of the way at half the cost of a step.
    "best_person_128": {
        **_TRANSFER,
        "network": "lite0",
        "view": "person",
        "frame_px": 128,
        "epochs": 45,
    },
    "best_person": {
        **_TRANSFER,
        "starts_from": "best_person_128",
        "network": "lite0_quick",
        "view": "person",
        "frame_px": 192,
        "learning_rate": 4e-4,
        "epochs": 25,
    },
}
