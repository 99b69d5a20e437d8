"""How the shipped models are made: the settings of each training, and which trainings they join.

A recipe holds the fields of a TrainingConfig that were chosen on validation. In addition,
"starts_from" names the recipe whose weights a training starts from.
"""

from dataclasses import dataclass

from posekit.estimators.manifest import ONE_PASS, CropScale


@dataclass(frozen=True)
class Model:
    """The recipes of a shipped model's stages, in order, and the last stage's passes."""

    stages: tuple
    passes: tuple = ONE_PASS


# A wide pass first, for a person whom the first stage missed by a little; then one that averages
# maps over three scales, one of them mirrored: as good as two scales, each mirrored too.
TWO_PASSES = (
    (CropScale(1.15),),
    (CropScale(0.85), CropScale(0.96, mirrored=True), CropScale(1.08)),
)

# With a better first stage, three calls of the network do as well as the four above.
TWO_QUICK_PASSES = ((CropScale(1.15),), (CropScale(0.9), CropScale(1.1, mirrored=True)))

MODELS = {
    "from_scratch": Model(("from_scratch_whole", "from_scratch_person"), TWO_PASSES),
    "best": Model(("best_whole", "best_person_last"), TWO_QUICK_PASSES),
    # An earlier `best`, on smaller pictures and with one pass.
    "quick": Model(("best_whole_160", "best_person_128")),
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

_SCRATCH = {
    **_COMMON,
    "network": "residual",
    "batch_size": 64,
    "learning_rate": 3e-3,
    "weight_decay": 0.05,
    "mixed_precision": True,
}

# A stage that starts from another recipe's weights replaces these.
_TRANSFER = {
    **_COMMON,
    "initial_weights": "imagenet",
    "learning_rate": 6e-4,
    "weight_decay": 0.02,
}
_WHOLE = {**_TRANSFER, "network": "lite0_short", "view": "whole"}
# Person stages after the one on small pictures; each starts from the one before.
_PERSON = {
    **_TRANSFER,
    "network": "lite0_quick",
    "view": "person",
    "frame_px": 192,
    "learning_rate": 3e-4,
}
# Each restart at a high rate first makes validation worse, and it improves as the rate falls: the
# last epoch is kept.
_LONG = {**_PERSON, "keeps": "last"}

RECIPES = {
    # Small pictures first: most of the way at half the cost of a step.
    "from_scratch_person_96": {**_SCRATCH, "view": "person", "frame_px": 96, "epochs": 70},
    "from_scratch_person": {
        **_SCRATCH,
        "starts_from": "from_scratch_person_96",
        "view": "person",
        "frame_px": 128,
        "learning_rate": 1e-3,
        "epochs": 15,
    },
    # Joints look alike in both views.
    "from_scratch_whole": {
        **_SCRATCH,
        "starts_from": "from_scratch_person_96",
        "network": "residual_short",
        "view": "whole",
        "frame_px": 128,
        "learning_rate": 1.5e-3,
        "epochs": 20,
    },
    "best_whole_160": {**_WHOLE, "frame_px": 160, "epochs": 30},
    # A person who fills a third of the picture is then seen at 75 px instead of 53.
    "best_whole": {
        **_WHOLE,
        "starts_from": "best_whole_160",
        "frame_px": 224,
        "learning_rate": 3e-4,
        "epochs": 20,
    },
    "best_person_128": {
        **_TRANSFER,
        "network": "lite0",
        "view": "person",
        "frame_px": 128,
        "epochs": 45,
    },
    "best_person": {
        **_PERSON,
        "starts_from": "best_person_128",
        "learning_rate": 4e-4,
        "epochs": 25,
    },
    # The best epoch was the last, so once more, from a lower learning rate, and again.
    "best_person_longer": {**_PERSON, "starts_from": "best_person", "epochs": 24},
    "best_person_again": {
        **_LONG,
        "starts_from": "best_person_longer",
        "learning_rate": 2e-4,
        "epochs": 20,
    },
    "best_person_longest": {**_LONG, "starts_from": "best_person_again", "epochs": 50},
    "best_person_last": {**_LONG, "starts_from": "best_person_longest", "epochs": 80},
}


def recipes_of(name):
    """The names of all recipes behind a shipped model: its stages' and those they started from."""
    found = set()
    for recipe in MODELS[name].stages:
        while recipe is not None:
            found.add(recipe)
            recipe = RECIPES[recipe].get("starts_from")
    return found
