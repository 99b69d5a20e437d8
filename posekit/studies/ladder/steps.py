"""What notebook 06 trains: a short way up, and the finished recipe without each of its parts.

A step is made from its parent by naming the settings that it changes, so nothing else can differ.
"""

from dataclasses import asdict, dataclass, replace

from posekit.estimators.recipes import RECIPES
from posekit.training.config import TrainingConfig

# Of the ablation: the recipe of `best`'s first network.
FINISHED = "best_whole_160"

# The steps up, from the second on, each made from the one before: key, title, idea and settings.
# Few and cheap ones; the schedule only helps longer trainings.
UP = (
    ("masked", "Masked labels",
     "The loss leaves out joints without a label.",
     {"label_treatment": "masked"}),
    ("map", "Residual network, map",
     "A deeper network points at a position in a map instead of predicting two numbers.",
     {"network": "residual_slim", "head": "soft_argmax", "loss": "cross_entropy"}),
    ("schedule", "Schedule, average",
     "Warm-up, a falling learning rate and averaged weights let training settle.",
     {"schedule": "warmup_cosine", "learning_rate": 2e-3,
      "clip_norm": 5.0, "weight_average": 0.95}),
    ("cascade", "Cascade",
     "A second network sees a square around the first one's pose.",
     {"stages": "one more", "view": "person", "augmentation": "turned"}),
)  # fmt: skip

# The finished recipe without one of its parts each.
WITHOUT = (
    ("no_imagenet", "Without ImageNet",
     "The network starts from random weights.",
     {"initial_weights": None}),
    ("no_map", "Without maps",
     "The network predicts two numbers for each joint, with squared errors.",
     {"head": "coordinates", "loss": "mse"}),
    ("no_mask", "Without masked labels",
     "Joints without a label are at the origin, as the poster had them.",
     {"label_treatment": "poster_origin"}),
    ("no_augmentation", "Without augmentation",
     "Pictures are mirrored, but not turned, scaled, recoloured or covered.",
     {"augmentation": "none"}),
    ("no_schedule", "Without a schedule",
     "The learning rate stays the same.",
     {"schedule": "constant"}),
    ("no_average", "Without averaged weights",
     "The weights of the last step count.",
     {"weight_average": 0.0}),
    ("no_proportions", "Without true proportions",
     "Pictures are squashed to a square, as the poster had them.",
     {"view": "squashed"}),
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One way from a picture to a pose."""

    key: str  # as stored in ladder.json
    title: str  # a few words
    idea: str  # one sentence: why it might help, or what is missing
    stages: tuple  # one TrainingConfig for each network; `run.train` sets the seeds
    change: tuple = ()  # names of what differs from its parent; "stages" for one network more
    parent: str | None = None  # key of the step that it was made from

    def changed(self, key, title, idea, **settings):
        """The step that differs from this one in the named settings alone.

        A setting is a field of TrainingConfig, for all stages. With `stages="one more"` they are
        those of another stage after the last.
        """
        change = tuple(settings)
        if settings.pop("stages", None):
            stages = (*self.stages, replace(self.stages[-1], **settings))
        else:
            stages = tuple(replace(stage, **settings) for stage in self.stages)
        return Step(key, title, idea, stages, change, self.key)

    def settings(self):
        """What decides its poses, JSON-ready; steps with equal settings are the same."""
        return {"stages": [asdict(stage) for stage in self.stages]}


def way_up(profile, *, epochs=None):
    """A profile's steps from the poster's recipe upwards, tuple of Step.

    Notebook 02 trains the first two, where the epochs are the same. `epochs` None takes the
    profile's ladder_epochs.
    """
    config = TrainingConfig(
        network="poster_batchnorm",
        label_treatment="poster_origin",
        epochs=profile.ladder_epochs if epochs is None else epochs,
        seed=0,
        batch_size=profile.batch_size,
    )
    idea = "One network predicts 28 numbers; joints without a label are at the origin."
    steps = [Step("poster", "The poster's recipe", idea, (config,))]
    for key, title, idea, settings in UP:
        if key != "schedule" or profile.ladder != "shortest":
            steps.append(steps[-1].changed(key, title, idea, **settings))
    return tuple(steps)


def leave_one_out(*, epochs, frame_px=96):
    """The finished recipe, and the steps that each leave out one of its parts, tuple of Step.

    `frame_px` is the side of the networks' input; the default is the poster's.
    """
    recipe = {**RECIPES[FINISHED], "frame_px": frame_px, "epochs": epochs, "seed": 0}
    finished = Step(
        "finished",
        "The finished recipe",
        f"The first network of `best`, on pictures of {frame_px} px.",
        (TrainingConfig(**recipe),),
    )
    return finished, *(
        finished.changed(key, title, idea, **settings) for key, title, idea, settings in WITHOUT
    )


def change_text(step, parent):
    """What a step changes from its parent (None for the first), such as "loss: mse to l1"."""
    if parent is None:
        return "the start"
    added = len(step.stages) - len(parent.stages)
    # A new stage is described by what sets it apart from the one before it.
    before, after = parent.stages[-1], step.stages[-1]
    return "; ".join(
        ["a second network"] * bool(added)
        + [
            f"{name.replace('_', ' ')}: {getattr(before, name) or 'none'} to "
            f"{getattr(after, name) or 'none'}"
            for name in step.change
            if name != "stages"
        ]
    )
