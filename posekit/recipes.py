"""How the shipped models are trained: the settings of each stage, by name.

A recipe is the part of a training.TrainingConfig that was chosen on validation; the seed comes
with each training, and `epochs` may be cut for a trial.
"""

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
    "best_person": {
        **_TRANSFER,
        "network": "lite0",
        "view": "person",
        "frame_px": 128,
        "epochs": 45,
    },
}
