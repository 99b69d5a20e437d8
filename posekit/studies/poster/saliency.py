"""Notebook 05: the poster's two claims about saliency, as numbers."""

import keras
import numpy as np

from posekit import geometry, saliency, wording
from posekit.errors import PosekitError, check_choice
from posekit.evaluation import bootstrap, saliency_checks
from posekit.studies.poster.trials import measure_statistics
from posekit.training import keras_patches
from posekit.wording import comparability, headline, number, with_interval

# Times the sides of the box around the joints: skin, hands and feet reach beyond them.
BOX_MARGIN = 1.2

# Pictures whose activations, all channels of them, are in memory at once.
BATCH = 32
# Training pictures on which the statistics of batch normalisation are measured.
STATISTICS_IMAGES = 256
# Layers up to which weights are drawn again; of deeper networks some, evenly spread.
MOST_STEPS = 11

# With fewer images, little is said.
FEW_IMAGES = 30

# Entries of the result that hold numbers alone, see studies.photographs.
PUBLISHABLE = (
    *("epochs", "joint", "images", "untrained_draws", "edge_correlation", "share_in_box"),
    *("randomised", "other_joint", "untrained_maps"),
)


def untrained_copy(model, experiment, *, seed):
    """The same network with new weights, and statistics of training pictures.

    With statistics of 0 and 1 batch normalisation would pass everything on as it is.
    """
    with keras_patches.seeded(seed):
        copy = keras.models.clone_model(model)
    measure_statistics(copy, statistics_images(experiment), BATCH)
    return copy


def statistics_images(experiment):
    """The training pictures that statistics are measured on."""
    return experiment.images("train")[:STATISTICS_IMAGES]


def choose_images(experiment, *, seed):
    """Validation images whose person box is known, at random, int (n,) into that part.

    Raises:
        PosekitError: there is none.
    """
    labelled = experiment.part("validation").labelled
    known = len(experiment.dataset.known_joints)
    usable = np.flatnonzero(labelled.sum(axis=1) >= max(1, known // 2))
    if not len(usable):
        raise PosekitError(
            f"choose_images(): a validation image must have half of its joints labelled; got "
            f"{len(labelled)} images without. Label more joints, or use more images."
        )
    rng = np.random.default_rng(seed)
    count = min(experiment.profile.saliency_images, len(usable))
    return np.sort(rng.choice(usable, size=count, replace=False))


def person_boxes_frame_px(experiment, chosen):
    """The person's box in the frame for chosen validation images, (n, 4)."""
    indices = experiment.split.indices(experiment.dataset, "validation")[chosen]
    boxes_px = geometry.joint_boxes(
        experiment.keypoints_frame_px[indices], experiment.dataset.labelled[indices]
    )
    return geometry.scale_boxes(boxes_px, BOX_MARGIN)


def joint_maps(model, images, joint, *, seed, joints):
    """Plain gradient and SmoothGrad of one of the model's `joints`, dict of float (N, S, S).

    `images` are uint8 (N, S, S, 3); `seed` is that of SmoothGrad's noise.
    """
    check_choice("joint_maps()", "joint", joint, joints)
    index = joints.index(joint)
    return {
        "gradient": saliency.joint_saliency(model, images, index),
        "SmoothGrad": saliency.smooth_gradient(model, images, index, seed=seed),
    }


def edge_correlations(model, untrained, images, **settings):
    """How closely the mean activation of each convolution follows the images' Sobel edges.

    `untrained` is a list of networks of the same layers, `settings` are those of `_measured`.
    Returns a dict, "trained", "untrained" and the paired "trained minus untrained" -> layer ->
    `_measured`.
    """
    trained, *draws = (_follow_edges(each, images) for each in (model, *untrained))
    columns = {"trained": {}, "untrained": {}, "trained minus untrained": {}}
    for layer, own in trained.items():
        others = [draw[layer] for draw in draws]
        for by_layer, found in zip(
            columns.values(), ([own], others, [own - np.mean(others, axis=0)]), strict=True
        ):
            by_layer[layer] = _measured(found, **settings)
    return columns


def _follow_edges(model, images):
    """Correlation with edges of the mean activation of each layer, dict of float (N,)."""
    found = {}
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        for layer, outputs in saliency.activations(model, batch).items():
            follows = saliency_checks.correlation_with_edges(np.abs(outputs).mean(axis=-1), batch)
            found.setdefault(layer, []).append(follows)
    return {layer: np.concatenate(parts) for layer, parts in found.items()}


def shares_in_box(maps_by_name, boxes_px, **settings):
    """Mean share of maps inside the person's box, and the box's share of the image.

    `maps_by_name` is a dict, name -> list of float (N, S, S), the maps of each network; boxes are
    float (N, 4), frame pixels. Returns a dict, name (and "box area") -> `_measured`; also the
    paired differences of the first name, "FIRST minus NAME" for each other and the box area.
    """
    even_map = np.ones_like(next(iter(maps_by_name.values()))[0])
    shares = {"box area": [saliency_checks.share_in_box(even_map, boxes_px)]}
    for name, draws in maps_by_name.items():
        shares[name] = [saliency_checks.share_in_box(maps, boxes_px) for maps in draws]
    means = {name: np.mean(draws, axis=0) for name, draws in shares.items()}
    first = next(iter(maps_by_name))
    for name in means.keys() - {first}:
        shares[f"{first} minus {name}"] = [means[first] - means[name]]
    return {name: _measured(draws, **settings) for name, draws in shares.items()}


def randomised_maps(model, untrained, images, joint, statistics_on):
    """A joint's maps as weights are drawn again, from the last layer down to the first.

    The weights are those of `untrained`, a copy of the model; batch normalisation's statistics are
    measured on other uint8 pictures. Yields (name of the first layer without its trained weights,
    maps float (N, S, S)) for uint8 `images` (N, S, S, 3) and a joint's index.

    Source: Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, section 4.1 (cascading
    randomization).
    """
    mixed = keras.models.clone_model(model)
    mixed.set_weights(model.get_weights())
    groups = []  # a layer with weights, and the normalisation after it
    for layer in mixed.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and groups:
            groups[-1].append(layer)
        elif layer.weights:
            groups.append([layer])
    groups.reverse()
    for last in np.linspace(1, len(groups), min(MOST_STEPS, len(groups)), dtype=int):
        for layer in sum(groups[:last], []):
            layer.set_weights(untrained.get_layer(layer.name).get_weights())
        measure_statistics(mixed, statistics_on, BATCH)
        yield groups[last - 1][0].name, saliency.joint_saliency(mixed, images, joint)


def report(model, described, experiment, *, joint, seed):
    """Everything notebook 05 reports on `predictions.trained_model` and one joint, JSON-ready."""
    chosen = choose_images(experiment, seed=seed)
    images, joints = experiment.images("validation")[chosen], experiment.dataset.skeleton.joints
    settings = {
        "groups": experiment.groups("validation")[chosen],
        "seed": seed,
        "resamples": experiment.profile.resamples,
    }
    maps = joint_maps(model, images, joint, seed=seed, joints=joints)
    # Two more than other notebooks train: these cost no training.
    untrained = [
        untrained_copy(model, experiment, seed=seed + draw)
        for draw in range(experiment.profile.seeds + 2)
    ]
    index = joints.index(joint)
    untrained_maps = [saliency.joint_saliency(each, images, index) for each in untrained]
    other = [name for name in experiment.dataset.known_joints if name != joint][:1]

    def alike(*draws):
        correlations = [saliency_checks.rank_correlation(maps["gradient"], each) for each in draws]
        return _measured(correlations, **settings)

    edges = edge_correlations(model, untrained, images, **settings)
    shares = shares_in_box(
        {
            "gradient, trained": [maps["gradient"]],
            "SmoothGrad, trained": [maps["SmoothGrad"]],
            "gradient, untrained": untrained_maps,
        },
        person_boxes_frame_px(experiment, chosen),
        **settings,
    )
    steps = randomised_maps(model, untrained[0], images, index, statistics_images(experiment))
    return {
        "data": experiment.describe(),
        "publishable": list(PUBLISHABLE),
        "epochs": described["epochs"],
        "joint": joint,
        "images": len(images),
        "untrained_draws": len(untrained),
        "edge_correlation": edges,
        "share_in_box": shares,
        "randomised": [{"down_to": layer, **alike(each)} for layer, each in steps],
        "untrained_maps": alike(*untrained_maps),
        "other_joint": [
            {"joint": name, **alike(saliency.joint_saliency(model, images, joints.index(name)))}
            for name in other
        ],
        "headline": [
            headline(
                f"saliency of {joint} inside the person's box",
                shares["gradient, trained"],
                3,
                note=f"the box covers {number(shares['box area']['value'], 3)} of the image",
            ),
            *(
                headline(f"edge correlation of {layer}, trained", edges["trained"][layer], 3)
                for layer in (next(iter(edges["trained"])), list(edges["trained"])[-1])
            ),
        ],
    }


def correlation_arguments(result):
    """Edge correlations as plots.edge_correlation's arguments; of untrained networks the range."""
    found = result["edge_correlation"]
    return {
        "trained": {
            layer: (entry["value"], *entry["interval"]) for layer, entry in found["trained"].items()
        },
        "untrained": {
            layer: (entry["value"], *entry["range"]) for layer, entry in found["untrained"].items()
        },
        "draws": result["untrained_draws"],
    }


def table(result, photographs=None):
    """Rows for a table: shares in the person's box and what becomes of the map, both runs'."""
    there = {} if photographs is None else dict(_measures(photographs))
    return [
        {
            "measure": name,
            "this run": entry,
            "range of the untrained": entry.get("range"),
            **({"photographs": there.get(name)} if there else {}),
        }
        for name, entry in _measures(result)
    ]


def _measures(result):
    """(name, `_measured`) of everything but the edges, in the order of a table."""
    for name, entry in result["share_in_box"].items():
        if " minus " not in name:
            yield ("box / image" if name == "box area" else f"{name}: share in the box"), entry
    for entry in result["randomised"]:
        yield f"rank correlation, weights drawn again down to {entry['down_to']}", entry
    yield "rank correlation, untrained networks", result["untrained_maps"]
    for entry in result["other_joint"]:
        yield f"rank correlation, map of {entry['joint']}", entry


def answer(result):
    """What notebook 05 found, as Markdown."""
    shares, alike = result["share_in_box"], result["untrained_maps"]
    found = result["edge_correlation"]
    layers = list(found["trained"])
    gained = len(_gained(found))
    excess, learned = (
        _compared(*shares[f"gradient, trained minus {name}"]["interval"])
        for name in ("box area", "gradient, untrained")
    )
    if excess != "more than":
        person = "The saliency is not on the person"
    elif learned == "more than":
        person = "Training moves the saliency towards the person"
    else:
        person = "The saliency is on the person, but without training as well"
    verdict = f"Training makes {gained} of {len(layers)} layers follow edges more. {person}."
    if result["images"] < FEW_IMAGES:
        verdict = f"Not decided: {result['images']} images are too few."
    area, untrained = (shares[name]["value"] for name in ("box area", "gradient, untrained"))
    return wording.answer(
        verdict,
        f"Of the saliency of `{result['joint']}`, {_shown(shares['gradient, trained'])} lies in "
        f"the person's box: {excess} the box's share of the image, {number(area, 3)}, and "
        f"{learned} the {number(untrained, 3)} of untrained networks.",
        *(
            f"The map of `{other['joint']}` has a rank correlation of {_shown(other, 2)} with that "
            f"of `{result['joint']}`, an untrained network's {_shown(alike, 2)}: the higher, the "
            "less a map is about its joint."
            for other in result["other_joint"]
        ),
        comparability(result["data"]).strip(),
        numbers=[
            f"Edges, `{layers[0]}`: the mean activation correlates at "
            f"{_shown(found['trained'][layers[0]], 2)} after training, "
            f"{number(found['untrained'][layers[0]]['value'], 2)} before.",
            f"SmoothGrad's share in the box is {_shown(shares['SmoothGrad, trained'])}.",
            f"{result['images']} validation images, {result['untrained_draws']} untrained draws.",
        ],
    )


def _gained(found):
    """The layers that training made follow edges: beyond the interval and every untrained draw."""
    return [
        layer
        for layer, gain in found["trained minus untrained"].items()
        if _compared(*gain["interval"]) == "more than"
        and found["trained"][layer]["value"] > found["untrained"][layer]["range"][1]
    ]


def _shown(entry, digits=3):
    return with_interval(entry["value"], entry["interval"], digits)


def _compared(low, high):
    if low is None:  # the output does not depend on the image at all
        return "not comparable with"
    return "more than" if low > 0 else "less than" if high < 0 else "not clearly different from"


def _measured(draws, *, groups, **settings):
    """Mean over networks and images, its interval over images, and the networks' range.

    `draws` are float (N,), one for each network; NaN is left out. Returns a dict of "value",
    "interval" and, of several networks, "range"; None where nothing was measured.
    """
    values = np.mean(draws, axis=0)
    measured = np.isfinite(values)
    if not measured.any():
        nothing = {"value": None, "interval": [None, None]}
        return nothing | ({"range": [None, None]} if len(draws) > 1 else {})
    interval = bootstrap.ratio_interval(
        values[measured], np.ones(measured.sum()), groups[measured], **settings
    )
    summary = {"value": float(values[measured].mean()), "interval": list(interval)}
    if len(draws) > 1:
        means = [float(draw[measured].mean()) for draw in draws]
        summary["range"] = [min(means), max(means)]
    return summary
