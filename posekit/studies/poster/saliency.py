"""Notebook 05: the poster's two claims about saliency, as numbers."""

import keras
import numpy as np

from posekit import geometry, saliency
from posekit.errors import PosekitError, check_choice
from posekit.evaluation import bootstrap, saliency_checks
from posekit.models import poster
from posekit.wording import comparability, headline, number, with_interval

# The joint box ends at the joints; skin, hands and feet reach beyond it.
# Times the sides of the box around the joints: a tenth more on each side.
BOX_MARGIN = 1.2


def untrained_copy(model, *, seed):
    """The same network with new glorot_uniform weights: what training is compared with."""
    keras.utils.set_random_seed(seed)
    has_batch_norm = any(
        isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers
    )
    return poster.poster_network(
        batch_norm=has_batch_norm,
        frame_px=model.input_shape[1],
        joints=model.output_shape[1] // 2,
    )


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


def edge_correlations(networks, images, **settings):
    """How closely each convolution's map follows the images' Sobel edges.

    `networks` are "trained" and "untrained", Keras models of the same layers. Returns a dict, name
    -> layer -> {"value", "interval"}, mean correlation over the images (N, S, S, 3); and "trained
    minus untrained", the paired difference. The bootstrap draws `groups` (N,).
    """
    correlations = {
        name: {
            layer: saliency_checks.correlation_with_edges(maps, images)
            for layer, maps in saliency.activation_maps(model, images).items()
        }
        for name, model in networks.items()
    }
    correlations["trained minus untrained"] = {
        layer: values - correlations["untrained"][layer]
        for layer, values in correlations["trained"].items()
    }
    return {
        name: {layer: _mean_with_interval(values, **settings) for layer, values in by_layer.items()}
        for name, by_layer in correlations.items()
    }


def shares_in_box(maps_by_name, boxes_px, **settings):
    """Mean share of each map inside the person's box, and the box's share of the image.

    Maps are float (N, S, S) by name, boxes float (N, 4), frame pixels; the bootstrap draws `groups`
    (N,). Returns a dict, name (and "box area") -> {"value", "interval"}; and for each map "NAME
    minus box area", the paired difference.
    """
    side = next(iter(maps_by_name.values())).shape[1]
    area = saliency_checks.box_area_share(boxes_px, (side, side))
    shares = {
        name: saliency_checks.share_in_box(maps, boxes_px) for name, maps in maps_by_name.items()
    }
    columns = {
        "box area": area,
        **shares,
        **{f"{name} minus box area": share - area for name, share in shares.items()},
    }
    return {name: _mean_with_interval(values, **settings) for name, values in columns.items()}


def report(model, experiment, *, joint, seed):
    """Everything notebook 05 reports on a trained keras.Model and one joint, JSON-ready."""
    chosen = choose_images(experiment, seed=seed)
    images = experiment.images("validation")[chosen]
    settings = {
        "groups": experiment.groups("validation")[chosen],
        "seed": seed,
        "resamples": experiment.profile.resamples,
    }
    networks = {"trained": model, "untrained": untrained_copy(model, seed=seed)}
    maps = {
        f"{method}, {name}": values
        for name, network in networks.items()
        for method, values in joint_maps(
            network, images, joint, seed=seed, joints=experiment.dataset.skeleton.joints
        ).items()
    }
    shares = shares_in_box(maps, person_boxes_frame_px(experiment, chosen), **settings)
    correlations = edge_correlations(networks, images, **settings)
    layers = list(correlations["trained"])
    return {
        "data": experiment.describe(),
        "joint": joint,
        "images": len(images),
        "edge_correlation": correlations,
        "share_in_box": shares,
        "headline": [
            headline(
                f"saliency of {joint} inside the person's box",
                shares["gradient, trained"],
                3,
                note=f"the box covers {number(shares['box area']['value'], 3)} of the image",
            ),
            *(
                headline(f"edge correlation of {layer}, trained", correlations["trained"][layer], 3)
                for layer in (layers[0], layers[-1])
            ),
        ],
    }


def correlation_arguments(result):
    """The edge correlations as plots.edge_correlation's two arguments."""
    return [
        {
            layer: (entry["value"], *entry["interval"])
            for layer, entry in result["edge_correlation"][name].items()
        }
        for name in ("trained", "untrained")
    ]


def share_table(result):
    """Rows for a table: the shares of saliency in the person's box."""
    return [
        {"what": name, "share": entry["value"], "95 % interval": entry["interval"]}
        for name, entry in result["share_in_box"].items()
    ]


def answer(result):
    """What notebook 05 found, as Markdown."""
    layers = list(result["edge_correlation"]["trained"])
    shares = result["share_in_box"]
    share, untrained = shares["gradient, trained"], shares["gradient, untrained"]
    excess, area = shares["gradient, trained minus box area"], shares["box area"]
    return (
        f'**Answer.** "Convolutional layers roughly identify edges": the map of the first '
        f"convolution {_edges_at(result, layers[0])}; that of the last "
        f"{_edges_at(result, layers[-1])}. Saliency of `{result['joint']}`: "
        f"{with_interval(share['value'], share['interval'], 3)} falls inside the person's box, "
        f"{_compared(*excess['interval'])} the box's share of the image, "
        f"{number(area['value'], 3)} (untrained: {number(untrained['value'], 3)}; "
        f"{result['images']} validation images).{comparability(result['data'])}"
    )


def _edges_at(result, layer):
    trained, untrained, gain = (
        result["edge_correlation"][name][layer]
        for name in ("trained", "untrained", "trained minus untrained")
    )
    return (
        f"correlates with Sobel edges at {with_interval(trained['value'], trained['interval'], 2)} "
        f"after training and at {number(untrained['value'], 2)} before, "
        f"{_compared(*gain['interval'])} an untrained network's "
        f"(difference {with_interval(gain['value'], gain['interval'], 2)})"
    )


def _compared(low, high):
    if low is None:  # the output does not depend on the image at all
        return "not comparable with"
    return "more than" if low > 0 else "less than" if high < 0 else "not clearly different from"


def _mean_with_interval(values, *, groups, **settings):
    measured = np.isfinite(values)
    if not measured.any():
        return {"value": None, "interval": [None, None]}
    interval = bootstrap.ratio_interval(
        values[measured], np.ones(measured.sum()), groups[measured], **settings
    )
    return {"value": float(values[measured].mean()), "interval": list(interval)}
