"""The rungs of notebook 06's ladder: from the poster's recipe upwards, one change each.

A rung is made from its parent by naming the settings that it changes, so nothing else can differ.
"""

from dataclasses import asdict, dataclass, replace

from posekit.datasets.sources import SYNTHETIC
from posekit.errors import PosekitError
from posekit.estimators.passes import ONE_PASS, to_json, to_text
from posekit.estimators.recipes import TWO_QUICK_PASSES
from posekit.models.names import IMAGENET
from posekit.training.config import TrainingConfig

# As `initial_weights`: the network of the same settings that started from ImageNet's weights.
ITSELF = "itself"

# Values of settings that a reader would not know by their names.
_IN_WORDS = {None: "none", ITSELF: "what it came to"}

# Of the whole ladder, whatever the batches of the other notebooks' trainings.
BATCH_SIZE = 32


@dataclass(frozen=True)
class Rung:
    """One way from a picture to a pose.

    Attributes:
        key: str.
        title: str, a few words.
        idea: str, one sentence: why it might help.
        stages: tuple of training.TrainingConfig, one network after the other; whoever trains
            them sets the seed. `initial_weights` "synthetic" is a network of the same settings
            trained on drawn people first, ITSELF one that was trained from ImageNet's weights.
        change: tuple of str, the settings in which it differs from its parent; "stages" where it
            has one network more.
        looks: the passes, as for `loading.from_runs`.
        parent: str, key of the rung that it was made from; None for the first.
    """

    key: str
    title: str
    idea: str
    stages: tuple
    change: tuple = ()
    looks: tuple = ONE_PASS
    parent: str | None = None

    def changed(self, key, title, idea, **settings):
        """The rung that differs from this one in the named settings alone.

        Args:
            key, title, idea: as in Rung.
            **settings: fields of training.TrainingConfig: a value for all stages, or a tuple with
                one for each.
        """
        per_stage = {
            name: value if isinstance(value, tuple) else (value,) * len(self.stages)
            for name, value in settings.items()
        }
        stages = tuple(
            replace(stage, **{name: values[place] for name, values in per_stage.items()})
            for place, stage in enumerate(self.stages)
        )
        return self._child(key, title, idea, stages, tuple(settings))

    def looking(self, key, title, idea, looks):
        """The rung whose last stage looks in another way."""
        return self._child(key, title, idea, self.stages, ("looks",), looks=looks)

    def followed(self, key, title, idea, **settings):
        """The rung with one stage more: the last one's settings, but for the named ones."""
        stages = (*self.stages, replace(self.stages[-1], **settings))
        return self._child(key, title, idea, stages, ("stages", *settings))

    def _child(self, key, title, idea, stages, change, **others):
        return replace(
            self,
            key=key,
            title=title,
            idea=idea,
            stages=stages,
            change=change,
            parent=self.key,
            **others,
        )

    def settings(self):
        """What decides its poses, JSON-ready; two rungs with equal settings are the same."""
        return {
            "stages": [asdict(stage) for stage in self.stages],
            "looks": to_json(self.looks),
        }


def for_profile(profile, *, epochs=None, imagenet=True):
    """The ladder that a profile climbs, from the bottom up.

    Args:
        profile: profiles.Profile.
        epochs: int > 0, of every network; None takes the profile's ladder_epochs.
        imagenet: bool, whether there are ImageNet weights; without them their rungs are left out.

    Returns:
        tuple of Rung; a parent comes before its children.
    """
    epochs = profile.ladder_epochs if epochs is None else epochs
    if profile.ladder == "whole":
        return _whole(_poster("poster_plain", epochs, BATCH_SIZE), imagenet)
    # Notebook 02 trains the first two rungs, with the profile's epochs and batches.
    poster = _poster("poster_batchnorm", epochs, profile.batch_size)
    return _short(poster, with_schedule=profile.ladder == "short")


def main_line(rungs):
    """Keys of the rungs from the first to the last; the others are branches off these.

    Args:
        rungs: non-empty tuple of Rung, a parent before its children.

    Returns:
        list of str, from the bottom up.

    Raises:
        PosekitError: a rung's parent does not come before it.
    """
    by_key = {}
    for rung in rungs:
        if rung.parent is not None and rung.parent not in by_key:
            raise PosekitError(
                f"main_line(): the `parent` of {rung.key} must come before it; got {rung.parent!r}."
            )
        by_key[rung.key] = rung
    line, key = [], rungs[-1].key
    while key is not None:
        line.append(key)
        key = by_key[key].parent
    return line[::-1]


def change_in_words(rung, parent):
    """What a rung changes, with the values before and after.

    Args:
        rung: Rung.
        parent: the Rung that it was made from, or None for the first.

    Returns:
        str, such as "loss: mse to l1"; values of several stages stand in their order.
    """
    if parent is None:
        return "the start"
    added = len(rung.stages) - len(parent.stages)
    # A new stage is told by what sets it apart from the one before it.
    pairs = list(zip((*parent.stages, *parent.stages[-1:] * added), rung.stages, strict=True))
    words = ["a second network"] if added else []
    for name in rung.change:
        if name == "looks":
            words.append(_from_to(name, [to_text(parent.looks)], [to_text(rung.looks)]))
        elif name != "stages":
            differing = [
                (getattr(before, name), getattr(after, name))
                for before, after in pairs
                if getattr(before, name) != getattr(after, name)
            ]
            words.append(_from_to(name, *zip(*differing, strict=True)))
    return "; ".join(words)


def _from_to(name, before, after):
    def shown(values):
        # Equal values of all stages are said once.
        return ", ".join(dict.fromkeys(str(_IN_WORDS.get(value, value)) for value in values))

    return f"{name.replace('_', ' ')}: {shown(before)} to {shown(after)}"


def _poster(network, epochs, batch_size):
    return Rung(
        key="poster",
        title="The poster's recipe",
        idea="One network answers with 28 numbers; joints without a label lie at the origin.",
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


def _masked(poster):
    return poster.changed(
        "masked",
        "Masked labels",
        "A joint without a label tells nothing, so the loss leaves it out.",
        label_treatment="masked",
    )


def _short(poster, with_schedule):
    """Few and cheap rungs for drawn people; the schedule is worth something to longer trainings."""
    masked = _masked(poster)
    mapped = masked.changed(
        "map",
        "Residual network, map",
        "A deeper network points at a place in a map instead of naming two numbers.",
        network="residual_slim",
        head="soft_argmax",
        loss="cross_entropy",
    )
    climbed = [poster, masked, mapped]
    if with_schedule:
        climbed.append(
            mapped.changed(
                "schedule",
                "Schedule, average",
                "A learning rate that rises, then falls, and averaged weights let training settle.",
                schedule="warmup_cosine",
                learning_rate=2e-3,
                clip_norm=5.0,
                weight_average=0.95,
            )
        )
    cascade = climbed[-1].followed(
        "cascade",
        "Cascade",
        "A second network looks at a square around the pose that the first one found.",
        view="person",
        augmentation="turned",
    )
    return (*climbed, cascade)


def _whole(poster, imagenet):
    masked = _masked(poster)
    absolute = masked.changed(
        "l1",
        "Absolute errors",
        "A few joints that are far off, or labelled wrongly, weigh less than under squares.",
        loss="l1",
    )
    residual = absolute.changed(
        "residual",
        "Residual network",
        "Short cuts around every two convolutions let a deeper network train.",
        network="residual",
    )
    doubting = residual.changed(
        "likelihood",
        "Places with their spread",
        "A network that says how sure it is can leave a doubtful label alone.",
        head="spread",
        loss="laplace",
    )
    mapped = residual.changed(
        "map",
        "Soft-argmax map",
        "A coordinate is the mean place of a map, so the network points instead of calculating.",
        head="soft_argmax",
    )
    entropy = mapped.changed(
        "cross_entropy",
        "Map cross-entropy",
        "The map itself is asked to be a hill around the joint, at every cell.",
        loss="cross_entropy",
    )
    simcc = entropy.changed(
        "simcc",
        "SimCC instead of the map",
        "Each axis is a classification over half pixels.",
        head="simcc",
    )
    schedule = entropy.changed(
        "schedule",
        "AdamW, schedule, average",
        "A learning rate that rises, then falls, weight decay and averaged weights let training "
        "settle.",
        schedule="warmup_cosine",
        learning_rate=2e-3,
        weight_decay=0.05,
        clip_norm=5.0,
        weight_average=0.998,
    )
    turned = schedule.changed(
        "augmentation",
        "Augmentation",
        "Turned, scaled, shifted, recoloured and partly covered, no picture comes twice.",
        augmentation="turned",
    )
    whole = turned.changed(
        "whole",
        "Whole view, 128 px",
        "Pictures keep their proportions, and limbs get more pixels.",
        view="whole",
        frame_px=128,
    )
    drawn = whole.changed(
        "drawn",
        "Drawn people first",
        "A network that has learned drawn people starts with an idea of limbs.",
        initial_weights=SYNTHETIC,
    )
    cascade = whole.followed(
        "cascade",
        "Cascade",
        "A second network looks at a square around the pose that the first one found.",
        view="person",
    )
    climbed = [
        poster, masked, absolute, residual, doubting, mapped, entropy, simcc, schedule,
        turned, whole, drawn, cascade,
    ]  # fmt: skip
    top = cascade
    if imagenet:
        pretrained = cascade.changed(
            "imagenet",
            "ImageNet trunks",
            "Both networks start from filters shaped by a million photographs of other things.",
            network=("lite0_short", "lite0"),
            initial_weights=IMAGENET,
            learning_rate=1e-3,
        )
        longer = pretrained.changed(
            "longer",
            "As long again",
            "The second network goes on from where it came to.",
            initial_weights=(IMAGENET, ITSELF),
        )
        climbed += [pretrained, longer]
        top = longer
    second_look = top.looking(
        "second_look",
        "Second look, averaged",
        "The second network looks again around its own pose, at two sizes, mirrored at one.",
        TWO_QUICK_PASSES,
    )
    return (*climbed, second_look)
