"""The steps of notebook 06's ablation: from the poster's recipe upwards, one change each.

A step is made from its parent by naming the settings that it changes, so nothing else can differ.
"""

from dataclasses import asdict, dataclass, replace

from posekit.datasets.sources import SYNTHETIC
from posekit.estimators.passes import ONE_PASS, to_json, to_text
from posekit.estimators.recipes import TWO_QUICK_PASSES
from posekit.models.names import IMAGENET
from posekit.training.config import TrainingConfig

# As `initial_weights`: the network of the same settings that started from ImageNet's weights.
ITSELF = "itself"

_TEXT_OF_VALUE = {None: "none", ITSELF: "its own"}

# Of the whole ladder, whatever the other notebooks' batches.
BATCH_SIZE = 32

# The steps after the first: the one that they are made from (None is the one before), key, title,
# idea and settings.
_MASKED = (
    None, "masked", "Masked labels",
    "The loss leaves out joints without a label.",
    {"label_treatment": "masked"},
)  # fmt: skip

# Few and cheap steps for synthetic people; the schedule only helps longer trainings.
SHORT = (
    _MASKED,
    (None, "map", "Residual network, map",
     "A deeper network points at a position in a map instead of predicting two numbers.",
     {"network": "residual_slim", "head": "soft_argmax", "loss": "cross_entropy"}),
    (None, "schedule", "Schedule, average",
     "Warm-up, a falling learning rate and averaged weights let training settle.",
     {"schedule": "warmup_cosine", "learning_rate": 2e-3,
      "clip_norm": 5.0, "weight_average": 0.95}),
    (None, "cascade", "Cascade",
     "A second network sees a square around the first one's pose.",
     {"stages": "one more", "view": "person", "augmentation": "turned"}),
)  # fmt: skip

WHOLE = (
    _MASKED,
    (None, "l1", "Absolute errors",
     "A few joints that are far off, or labelled wrongly, weigh less than when squared.",
     {"loss": "l1"}),
    (None, "residual", "Residual network",
     "Skip connections let a deeper network train.",
     {"network": "residual"}),
    (None, "likelihood", "Coordinates with their spread",
     "A network that predicts its uncertainty can discount doubtful labels.",
     {"head": "spread", "loss": "laplace"}),
    ("residual", "map", "Soft-argmax map",
     "A coordinate is the mean position of a map: the network points instead of calculating.",
     {"head": "soft_argmax"}),
    (None, "cross_entropy", "Map cross-entropy",
     "The loss asks every cell of the map for a peak at the joint.",
     {"loss": "cross_entropy"}),
    (None, "simcc", "SimCC instead of the map",
     "Each axis is a classification over half pixels.",
     {"head": "simcc"}),
    ("cross_entropy", "schedule", "AdamW, schedule, average",
     "Warm-up, a falling learning rate, weight decay and averaged weights let training settle.",
     {"schedule": "warmup_cosine", "learning_rate": 2e-3,
      "weight_decay": 0.05, "clip_norm": 5.0, "weight_average": 0.998}),
    (None, "augmentation", "Augmentation",
     "Rotated, scaled, shifted, recoloured and partly covered, no picture comes twice.",
     {"augmentation": "turned"}),
    (None, "whole", "Whole view, 128 px",
     "Pictures keep their proportions, and limbs get more pixels.",
     {"view": "whole", "frame_px": 128}),
    (None, "drawn", "Synthetic people first",
     "A network that was trained on synthetic people starts with an idea of limbs.",
     {"initial_weights": SYNTHETIC}),
    ("whole", "cascade", "Cascade",
     "A second network sees a square around the first one's pose.",
     {"stages": "one more", "view": "person"}),
    (None, "imagenet", "ImageNet trunks",
     "Both networks start from filters that were trained on a million other photographs.",
     {"network": ("lite0_short", "lite0"),
      "initial_weights": IMAGENET, "learning_rate": 1e-3}),
    (None, "longer", "As long again",
     "The second network is trained for as many epochs again.",
     {"initial_weights": (IMAGENET, ITSELF)}),
    (None, "second_look", "Second look, averaged",
     "The second network runs again around its own pose: two sizes, one of them mirrored.",
     {"looks": TWO_QUICK_PASSES}),
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One way from a picture to a pose."""

    key: str  # as stored in ladder.json
    title: str  # a few words
    idea: str  # one sentence: why it might help
    # One TrainingConfig for each network; `run.train` sets the seeds. `initial_weights` SYNTHETIC
    # means a network of the same settings that was trained on synthetic people first, ITSELF one
    # that was trained from ImageNet's weights.
    stages: tuple
    change: tuple = ()  # names of what differs from its parent; "stages" for one network more
    looks: tuple = ONE_PASS  # the passes, as for `loading.from_runs`
    parent: str | None = None  # key of the step that it was made from

    def changed(self, key, title, idea, **settings):
        """The step that differs from this one in the named settings alone.

        A setting is a field of TrainingConfig, a value for all stages or a tuple with one for each;
        or `looks`. With `stages="one more"` they are those of another stage after the last.
        """
        change = tuple(settings)
        looks = settings.pop("looks", self.looks)
        if settings.pop("stages", None):
            stages = (*self.stages, replace(self.stages[-1], **settings))
        else:
            stages = tuple(
                replace(
                    stage,
                    **{
                        name: value[index] if isinstance(value, tuple) else value
                        for name, value in settings.items()
                    },
                )
                for index, stage in enumerate(self.stages)
            )
        return Step(key, title, idea, stages, change, looks, self.key)

    def settings(self):
        """What decides its poses, JSON-ready; steps with equal settings are the same."""
        return {
            "stages": [asdict(stage) for stage in self.stages],
            "looks": to_json(self.looks),
        }


def for_profile(profile, *, epochs=None, imagenet=True):
    """A profile's steps, from the bottom up, tuple of Step; a parent comes before its children.

    `epochs` None takes the profile's ladder_epochs; without `imagenet` weights, their steps go.
    """
    epochs = profile.ladder_epochs if epochs is None else epochs
    if profile.ladder == "whole":
        first = _poster("poster_plain", epochs, BATCH_SIZE)
        rows = [row for row in WHOLE if imagenet or row[1] not in ("imagenet", "longer")]
    else:
        # Notebook 02 trains the first two steps, with the profile's epochs and batches.
        first = _poster("poster_batchnorm", epochs, profile.batch_size)
        rows = [row for row in SHORT if profile.ladder == "short" or row[1] != "schedule"]
    steps = {first.key: first}
    for parent, key, title, idea, settings in rows:
        before = steps[parent] if parent else list(steps.values())[-1]
        steps[key] = before.changed(key, title, idea, **settings)
    return tuple(steps.values())


def main_line(steps):
    """Keys of the steps from the last back to the first, list of str; the others are branches."""
    parent_of = {step.key: step.parent for step in steps}
    line = [steps[-1].key]
    while parent_of[line[-1]] is not None:
        line.append(parent_of[line[-1]])
    return line


def change_text(step, parent):
    """What a step changes from its parent (None for the first), such as "loss: mse to l1".

    Values of several stages are in their order.
    """
    if parent is None:
        return "the start"
    added = len(step.stages) - len(parent.stages)
    # A new stage is described by what sets it apart from the one before it.
    pairs = list(zip((*parent.stages, *parent.stages[-1:] * added), step.stages, strict=True))
    changes = ["a second network"] if added else []
    for name in step.change:
        if name == "looks":
            changes.append(_from_to(name, [to_text(parent.looks)], [to_text(step.looks)]))
        elif name != "stages":
            differing = [
                (getattr(before, name), getattr(after, name))
                for before, after in pairs
                if getattr(before, name) != getattr(after, name)
            ]
            changes.append(_from_to(name, *zip(*differing, strict=True)))
    return "; ".join(changes)


def _from_to(name, before, after):
    def shown(values):
        # Equal values of all stages are named once.
        return ", ".join(dict.fromkeys(str(_TEXT_OF_VALUE.get(value, value)) for value in values))

    return f"{name.replace('_', ' ')}: {shown(before)} to {shown(after)}"


def _poster(network, epochs, batch_size):
    return Step(
        key="poster",
        title="The poster's recipe",
        idea="One network predicts 28 numbers; joints without a label lie at the origin.",
        stages=(
            TrainingConfig(
                network=network,
                label_treatment="poster_origin",
                epochs=epochs,
                seed=0,
                batch_size=batch_size,
            ),
        ),
    )
