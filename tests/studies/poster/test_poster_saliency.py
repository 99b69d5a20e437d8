from dataclasses import replace

import keras
import numpy as np
import pytest

from posekit import files
from posekit.errors import PosekitError
from posekit.models import poster
from posekit.saliency import joint_saliency
from posekit.skeleton import JOINTS
from posekit.studies.poster import saliency

FRAME_PX = 96


def small_network(**settings):
    return poster.poster_network(
        batch_norm=True, convolution_widths=((2,), (3,)), dense_widths=(4,), **settings
    )


@pytest.fixture
def few(experiment):
    """The experiment with three images to look at."""
    profile = replace(experiment.profile, saliency_images=3, resamples=20)
    return replace(experiment, profile=profile)


@pytest.fixture
def report(few):
    return lambda model: saliency.report(model, {"epochs": 2}, few, joint="left_wrist", seed=0)


def test_the_untrained_copy_has_the_layers_and_other_weights(few):
    keras.utils.set_random_seed(1)
    model = small_network()
    copy = saliency.untrained_copy(model, few, seed=0)
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    assert copy.input_shape == model.input_shape
    assert not np.allclose(copy.layers[1].kernel, model.layers[1].kernel)
    again = saliency.untrained_copy(model, few, seed=0)
    np.testing.assert_array_equal(copy.layers[1].kernel, again.layers[1].kernel)


def test_an_untrained_copy_normalises_with_the_pictures_statistics(few):
    # Equal batches: their mean statistics are those of all pictures together.
    images = np.concatenate([few.images("train")[: saliency.BATCH]] * 2)
    model = small_network()
    first = model.get_layer("conv1_1_bn")
    momentum = first.momentum
    saliency.measure_statistics(model, images, saliency.BATCH)
    before = keras.Model(model.inputs[0], model.get_layer("conv1_1").output)
    given = before(images.astype(np.float32)).numpy()
    np.testing.assert_allclose(first.moving_mean, given.mean(axis=(0, 1, 2)), rtol=1e-3)
    np.testing.assert_allclose(first.moving_variance, given.var(axis=(0, 1, 2)), rtol=1e-3)
    assert first.momentum == momentum


def test_weights_are_drawn_again_from_the_last_layer_down(few):
    images, index = few.images("validation")[:2], 3
    keras.utils.set_random_seed(1)
    model = small_network()
    weights = model.get_weights()
    drawn = saliency.untrained_copy(model, few, seed=0)
    statistics_on = saliency.statistics_images(few)
    steps = list(saliency.randomised_maps(model, drawn, images, index, statistics_on))
    assert [name for name, _ in steps] == ["coordinates_unit", "dense1", "conv2_1", "conv1_1"]
    # With all weights drawn again it is the untrained network.
    expected = joint_saliency(drawn, images, index)
    np.testing.assert_allclose(steps[-1][1], expected, rtol=1e-3, atol=1e-9)
    trained = joint_saliency(model, images, index)
    assert not any(np.allclose(maps, trained) for _, maps in steps)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_chosen_images_are_random_whole_and_seeded(few):
    labelled = few.part("validation").labelled
    chosen = saliency.choose_images(few, seed=0)
    assert len(chosen) == 3 == len(set(chosen.tolist()))
    assert (labelled[chosen].sum(axis=1) >= 7).all()
    np.testing.assert_array_equal(saliency.choose_images(few, seed=0), chosen)
    others = [saliency.choose_images(few, seed=seed).tolist() for seed in range(1, 9)]
    assert any(other != chosen.tolist() for other in others)


def test_boxes_hold_the_labelled_joints(few):
    chosen = saliency.choose_images(few, seed=0)
    boxes_px = saliency.person_boxes_frame_px(few, chosen)
    indices = few.split.validation[chosen]
    for box_px, index in zip(boxes_px, indices, strict=True):
        joints_px = few.keypoints_frame_px[index][few.dataset.labelled[index]]
        low, high = joints_px.min(axis=0), joints_px.max(axis=0)
        margin = 0.1 * (high - low)
        np.testing.assert_allclose(box_px, [*(low + 0.5 - margin), *(high - low + 2 * margin)])


def test_shares_beside_the_boxes_area():
    # Left half of an 8 x 8 picture is the box; one map lies in it, one is the same everywhere.
    boxes_px = np.array([[0, 0, 4, 8]] * 2)
    inside = np.zeros((2, 8, 8))
    inside[:, :, :4] = 1
    maps = {"inside": [inside], "even": [np.ones((2, 8, 8)), np.ones((2, 8, 8))]}
    shares = saliency.shares_in_box(maps, boxes_px, groups=np.arange(2), seed=0, resamples=20)
    assert {name: entry["value"] for name, entry in shares.items()} == {
        "box area": 0.5,
        "inside": 1.0,
        "even": 0.5,
        "inside minus box area": 0.5,
        "inside minus even": 0.5,
    }
    assert shares["inside"]["interval"] == [1.0, 1.0]
    assert shares["even"]["range"] == [0.5, 0.5] and "range" not in shares["inside"]


def test_unknown_joint_is_refused():
    images = np.zeros((1, FRAME_PX, FRAME_PX, 3), np.uint8)
    with pytest.raises(PosekitError, match="`joint` must be one of .* got 'left_ear'"):
        saliency.joint_maps(small_network(), images, "left_ear", seed=0, joints=JOINTS)


def test_report_of_an_untrained_network(report, tmp_path):
    result = report(small_network())
    files.write_json(tmp_path / "saliency.json", result)
    stored = files.read_json(tmp_path / "saliency.json")
    assert (stored["joint"], stored["images"]) == ("left_wrist", 3)
    names = ["gradient, trained", "SmoothGrad, trained", "gradient, untrained"]
    assert set(stored["share_in_box"]) == {
        "box area",
        *names,
        *(f"{names[0]} minus {name}" for name in ("box area", *names[1:])),
    }
    area = stored["share_in_box"]["box area"]["value"]
    for name in names:
        share = stored["share_in_box"][name]["value"]
        assert 0 < share < 1
    difference = stored["share_in_box"]["gradient, trained minus box area"]["value"]
    assert difference == pytest.approx(stored["share_in_box"][names[0]]["value"] - area)
    assert list(stored["edge_correlation"]["trained"]) == ["conv1_1_relu", "conv2_1_relu"]
    assert stored["untrained_draws"] == 4
    low, high = stored["untrained_maps"]["range"]
    assert low <= stored["untrained_maps"]["value"] <= high
    # The last step leaves no trained weight: it is the first of the untrained networks.
    assert low - 1e-3 <= stored["randomised"][-1]["value"] <= high + 1e-3
    assert [each["joint"] for each in stored["other_joint"]] == ["right_ankle"]
    assert set(stored["publishable"]) < set(stored)

    arguments = saliency.correlation_arguments(stored)
    assert list(arguments["trained"]) == list(arguments["untrained"])
    value, low, high = arguments["trained"]["conv1_1_relu"]
    assert low <= value <= high and arguments["draws"] == 4
    rows = saliency.table(stored)
    assert rows[0] == {
        "measure": "box / image",
        "this run": stored["share_in_box"]["box area"],
        "range of the untrained": None,
    }
    beside = saliency.table(stored, stored)
    assert [row["photographs"] for row in beside] == [row["this run"] for row in rows]
    text = saliency.answer(stored)
    assert text.startswith("**Not decided: 3 images are too few.**")
    assert f"{value:.2f} (95 % interval" in text and "3 validation images" in text


def test_report_of_a_network_that_sees_nothing(report, tmp_path):
    dead = small_network()
    dead.set_weights([np.zeros_like(weights) for weights in dead.get_weights()])
    result = report(dead)
    assert result["share_in_box"]["gradient, trained"] == {"value": None, "interval": [None, None]}
    assert [row["value"] for row in result["headline"]] == [None, None, None]
    assert "not measured lies in the person's box" in saliency.answer(result)


MORE, LESS, NEITHER = [0.1, 0.2], [-0.2, -0.1], [-0.1, 0.1]


def made(edges, excess, learned):
    """A result by its differences: of both layers' edges, the box's area and untrained networks."""
    entry = {"value": 0.6, "interval": [0.5, 0.7]}
    untrained = {"value": 0.4, "interval": [0.3, 0.5], "range": [0.35, 0.45]}

    def by_layer(each):
        return {"conv1": each, "conv2": each}

    found = {
        "trained": by_layer(entry),
        "untrained": by_layer(untrained),
        "trained minus untrained": by_layer({"value": 0.0, "interval": edges}),
    }
    return {
        "data": {"split": {"comparable": True}},
        "joint": "neck",
        "images": 64,
        "untrained_draws": 5,
        "edge_correlation": found,
        "share_in_box": {
            "box area": entry,
            "gradient, trained": entry,
            "SmoothGrad, trained": entry,
            "gradient, untrained": untrained,
            "gradient, trained minus box area": {"value": 0.0, "interval": excess},
            "gradient, trained minus gradient, untrained": {"value": 0.0, "interval": learned},
            "gradient, trained minus SmoothGrad, trained": {"value": 0.0, "interval": LESS},
        },
        "randomised": [{"down_to": "dense", **entry}],
        "untrained_maps": untrained,
        "other_joint": [{"joint": "right_ankle", **entry}],
    }


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        (
            (MORE, MORE, MORE),
            "Training makes 2 of 2 layers follow edges more. Training moves the saliency",
        ),
        (
            (NEITHER, MORE, NEITHER),
            "Training makes 0 of 2 layers follow edges more. The saliency is on",
        ),
        (
            (LESS, NEITHER, MORE),
            "Training makes 0 of 2 layers follow edges more. The saliency is not",
        ),
    ],
)
def test_the_answer_says_what_is_decided(differences, verdict):
    text = saliency.answer(made(*differences))
    assert text.startswith(f"**{verdict}")
    assert "The map of `right_ankle` has a rank correlation of 0.60" in text


def test_a_layer_within_the_untrained_draws_has_not_gained():
    result = made(MORE, MORE, MORE)
    result["edge_correlation"]["untrained"]["conv1"]["range"] = [0.1, 0.7]
    result["edge_correlation"]["trained"]["conv1"] = {"value": 0.6, "interval": [0.5, 0.7]}
    assert saliency._gained(result["edge_correlation"]) == []
    result["edge_correlation"]["untrained"]["conv2"] = {"value": 0.4, "range": [0.1, 0.5]}
    assert saliency._gained(result["edge_correlation"]) == ["conv2"]
