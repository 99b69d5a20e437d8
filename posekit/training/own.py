"""The plan of a training of any Keras network whose output says where joints are."""

import copy
import re
from collections import Counter
from dataclasses import asdict
from types import FunctionType

import keras

from posekit.errors import PosekitError, brief
from posekit.models import heads, saved
from posekit.models.heads import counted_targets, mean_over_counted
from posekit.pipeline import augmentation as augmentations
from posekit.pipeline.augmentation import Augmentation
from posekit.training import keras_patches, runs
from posekit.training.config import OwnConfig
from posekit.training.fingerprint import described
from posekit.training.plan import Plan

# Where a network's layers are named or referred to in its config.
_NAMED = ("name", "keras_history", "input_layers", "output_layers")


def plan_of(
    network, experiment, *, seed=0, loss=None, optimizer=None, augmentation="none", **settings
):
    """The Plan of a network from elsewhere; arguments and errors as for `fit`."""
    given, weights = _built(network, seed)
    joints = experiment.dataset.skeleton.joint_count
    saved.check_shapes("fit()", given, head=None, joints=joints)
    architecture = _architecture(given)
    model = _rebuilt(architecture, seed)
    if weights is None and _has_learned(given, model):
        weights = given.get_weights()
    if weights is not None:
        model.set_weights(weights)
    frame_px, head = given.input_shape[1], heads.by_name(saved.head_of(given, joints=joints))
    if given.compiled:
        loss = given.loss if loss is None else loss
        optimizer = given.optimizer if optimizer is None else optimizer
    loss = head.losses[0] if loss is None else loss
    optimizer = _optimizer("adam" if optimizer is None else optimizer)
    strengths, vary = _augmentation(augmentation)
    profile = experiment.profile
    usual = {
        "label_treatment": "masked",
        "epochs": profile.epochs,
        "batch_size": profile.batch_size,
    }
    given_settings = {name: value for name, value in settings.items() if value is not None}
    config = OwnConfig(
        network=re.sub(r"\W+", "_", model.name),
        seed=seed,
        head=head.name,
        loss=_name(loss),
        optimizer=_snake_case(type(optimizer).__name__),
        frame_px=frame_px,
        augmentation=_name(augmentation),
        **usual | given_settings,
    )
    definition = {
        "network": architecture,
        "layers": _layers_of_ones_own(model),
        "loss": described("`loss`", loss),
        "optimizer": described("`optimizer`", [optimizer, _not_decayed(optimizer)]),
        "augmentation": described("`augmentation`", augmentation if vary else asdict(strengths)),
    }
    digest = None if weights is None else runs.weights_digest(model)
    return Plan(
        config=config,
        model=model,
        copy=lambda: saved.in_float32(_rebuilt(architecture, seed)),
        optimizer=lambda steps: _copy(optimizer),
        loss=_loss(head, frame_px, loss),
        augmentation=strengths,
        vary=vary,
        definition=[asdict(config), definition, digest],
        stored={"definition": definition},
    )


def _built(network, seed):
    """The network, and a function's weights; None for a model, see `_has_learned`."""
    is_model, model = isinstance(network, keras.Model), network
    if not is_model and callable(network):
        with keras_patches.seeded(seed):
            model = network()
    if not isinstance(model, keras.Model):
        raise PosekitError(
            "fit(): `model` must be a keras.Model, a function that builds one or a TrainingConfig; "
            f"got {type(model).__name__}{'' if model is network else ' from the function'}."
        )
    try:
        shapes = model.input_shape, model.output_shape
    except (AttributeError, ValueError):
        shapes = None, None
    if not all(isinstance(shape, tuple) for shape in shapes):
        raise PosekitError(
            "fit(): `model` must be built, Sequential or functional, with one input and one "
            f"output; got {model.name} from {shapes[0]} to {shapes[1]}. Begin it with "
            "keras.Input((96, 96, 3))."
        )
    return model, None if is_model else model.get_weights()


def _has_learned(model, fresh):
    """Whether a model was trained before it came here; `fresh` is the same one untrained.

    Kernels begin at random, so they do not tell. Biases and the scales and statistics of
    normalisation begin as constants, and training moves them.
    """
    pairs = zip(fresh.get_weights(), model.get_weights(), strict=True)
    return any(
        start.size > 1 and (start == start.flat[0]).all() and (value != start).any()
        for start, value in pairs
    )


def _architecture(model):
    """A model's layers as JSON: the same for equal layers, whatever else the process has built.

    Keras numbers layers without a name through the whole process; here each model starts over.
    """
    try:
        stored = keras.saving.serialize_keras_object(model)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise PosekitError(f"fit(): `model` must have a config; got {error}") from error
    names, counts = {}, Counter()

    def visit(value):
        if isinstance(value, dict):
            value.pop("compile_config", None)
            config = value.get("config")
            name = config.get("name") if isinstance(config, dict) else None
            if isinstance(name, str) and name not in names:
                kind = _snake_case(value.get("class_name", ""))
                names[name] = name
                if re.sub(r"_\d+$", "", name) == kind:
                    names[name] = f"{kind}_{counts[kind]}" if counts[kind] else kind
                    counts[kind] += 1
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, (dict, list, tuple)):
                visit(item)

    def renamed(value, inside=False):
        """With other names, `inside` what holds names."""
        if isinstance(value, dict):
            return {key: renamed(item, inside=key in _NAMED) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [renamed(item, inside) for item in value]
        return names.get(value, value) if inside and isinstance(value, str) else value

    visit(stored)
    return renamed(stored)


def _snake_case(name):
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _rebuilt(architecture, seed):
    """A new model with the weights of the seed, as its file will be read."""
    try:
        with keras_patches.seeded(seed):
            return keras.saving.deserialize_keras_object(
                copy.deepcopy(architecture),  # Keras empties what it reads
                safe_mode=True,
            )
    # Keras raises errors of many kinds for layers that it cannot read.
    except Exception as error:
        raise PosekitError(
            "fit(): `model` must be made of layers that load from a file in safe mode: Keras' own, "
            "or classes with keras.saving.register_keras_serializable(), and no Lambda; got "
            f"{brief(error, 300)}"
        ) from error


def _layers_of_ones_own(model):
    """The sources of layer classes that are not Keras' own."""
    found = {}
    for layer in model.layers:
        kind = type(layer)
        if kind.__module__.split(".")[0] != "keras":
            found[kind.__qualname__] = described(f"layer {layer.name}", kind)
        if isinstance(layer, keras.Model):
            found |= _layers_of_ones_own(layer)
    return found


def _name(value):
    """What tables call a loss or an augmentation."""
    if isinstance(value, str):
        return value
    for name, known in augmentations.AUGMENTATIONS.items():
        if value == known:
            return name
    name = getattr(value, "__name__", _snake_case(type(value).__name__))
    return "own" if name == "<lambda>" or isinstance(value, Augmentation) else name


def _augmentation(given):
    """(Augmentation, function of a batch or None)."""
    if isinstance(given, Augmentation):
        return given, None
    if isinstance(given, keras.Layer):
        raise PosekitError(
            "fit(): `augmentation` must be a name, an Augmentation or a function of images, "
            f"targets and seed; got the layer {given.name}. Put a layer that leaves joints where "
            "they are into the network itself; Keras trains through it and leaves it out later."
        )
    if callable(given):
        return augmentations.by_name("none"), given
    return augmentations.by_name(given), None


def _optimizer(given):
    try:
        return keras.optimizers.get(given)
    except (TypeError, ValueError) as error:
        raise PosekitError(
            "fit(): `optimizer` must be the name of one of Keras' optimizers or a "
            f"keras.optimizers.Optimizer; got {given!r}."
        ) from error


def _copy(optimizer):
    """A new one: an optimizer belongs to the model that it first trained."""
    copied = type(optimizer).from_config(optimizer.get_config())
    pattern = _not_decayed(optimizer)
    if pattern:
        copied.exclude_from_weight_decay(var_names=pattern)
    return copied


def _not_decayed(optimizer):
    """Names of weights without decay, which an optimizer's config lacks.

    Sorted: Keras keeps them in the order of a set, which differs from process to process.
    """
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    return [] if pattern is None else sorted(pattern.pattern.split("|"))


def _loss(head, frame_px, given):
    """The loss as `compile` takes it.

    One of the head's by name; one of Keras', which sees keypoints (N, K, 2) and counts what the
    label treatment counts; or a function of targets (N, K, 3) and output.
    """
    if isinstance(given, str) and given in head.losses:
        return lambda targets, output: head.loss(targets, output, frame_px, given)
    is_keras = isinstance(given, (str, keras.losses.Loss)) or (
        isinstance(given, FunctionType) and given.__module__.split(".")[0] == "keras"
    )
    if not is_keras and callable(given):
        return given
    try:
        chosen = keras.losses.get(given if is_keras else None)
    except (TypeError, ValueError):
        chosen = None
    if chosen is None:
        raise PosekitError(
            f"fit(): `loss` must be one of {', '.join(map(repr, head.losses))}, one of Keras' "
            "losses, or a function of targets (N, K, 3: x, y and weight) and output; got "
            f"{given!r}."
        )

    def of_keypoints(targets, output):
        wanted_px, weight = counted_targets(targets)
        found_px = keras.ops.reshape(head.coordinates(output, frame_px), keras.ops.shape(wanted_px))
        if isinstance(chosen, keras.losses.Loss):
            return chosen(wanted_px, found_px, sample_weight=weight)
        return mean_over_counted(chosen(wanted_px, found_px), weight)

    return of_keypoints
