from dataclasses import replace

import keras
import numpy as np
import pytest

from posekit import files
from posekit.errors import PosekitError
from posekit.models import poster
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
def report(few, monkeypatch):
    # The real network takes minutes of gradients; its small brother has the same interface.
    monkeypatch.setattr(saliency, "untrained_copy", lambda model, *, seed: small_network())
    return lambda model: saliency.report(model, few, joint="left_wrist", seed=0)


def test_the_untrained_copy_has_the_layers_and_other_weights():
    keras.utils.set_random_seed(1)
    model = poster.poster_network(batch_norm=False, frame_px=32)
    copy = saliency.untrained_copy(model, seed=0)
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    assert copy.input_shape == model.input_shape
    assert not np.allclose(copy.layers[1].kernel, model.layers[1].kernel)
    again = saliency.untrained_copy(model, seed=0)
    np.testing.assert_array_equal(copy.layers[1].kernel, again.layers[1].kernel)


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
    maps = {"inside": inside, "even": np.ones((2, 8, 8))}
    shares = saliency.shares_in_box(maps, boxes_px, groups=np.arange(2), seed=0, resamples=20)
    assert {name: entry["value"] for name, entry in shares.items()} == {
        "box area": 0.5,
        "inside": 1.0,
        "even": 0.5,
        "inside minus box area": 0.5,
        "even minus box area": 0.0,
    }
    assert shares["inside"]["interval"] == [1.0, 1.0]


def test_unknown_joint_is_refused():
    images = np.zeros((1, FRAME_PX, FRAME_PX, 3), np.uint8)
    with pytest.raises(PosekitError, match="`joint` must be one of .* got 'left_ear'"):
        saliency.joint_maps(small_network(), images, "left_ear", seed=0, joints=JOINTS)


def test_report_of_an_untrained_network(report, tmp_path):
    result = report(small_network())
    files.write_json(tmp_path / "saliency.json", result)
    stored = files.read_json(tmp_path / "saliency.json")
    assert (stored["joint"], stored["images"]) == ("left_wrist", 3)
    names = {
        f"{method}, {network}"
        for method in ("gradient", "SmoothGrad")
        for network in ("trained", "untrained")
    }
    assert set(stored["share_in_box"]) == {
        "box area",
        *names,
        *(f"{name} minus box area" for name in names),
    }
    area = stored["share_in_box"]["box area"]["value"]
    for name in names:
        share = stored["share_in_box"][name]["value"]
        assert 0 < share < 1
        difference = stored["share_in_box"][f"{name} minus box area"]["value"]
        assert difference == pytest.approx(share - area)
    assert list(stored["edge_correlation"]["trained"]) == ["conv1_1_relu", "conv2_1_relu"]

    trained, untrained = saliency.correlation_arguments(stored)
    assert list(trained) == list(untrained)
    value, low, high = trained["conv1_1_relu"]
    assert low <= value <= high
    assert [row["what"] for row in saliency.share_table(stored)] == list(stored["share_in_box"])
    text = saliency.answer(stored)
    assert text.startswith("**Answer.** ") and f"{value:.2f} (95 % interval" in text
    assert "3 validation images" in text


def test_report_of_a_network_that_sees_nothing(report, tmp_path):
    dead = small_network()
    dead.set_weights([np.zeros_like(weights) for weights in dead.get_weights()])
    result = report(dead)
    assert result["share_in_box"]["gradient, trained"] == {"value": None, "interval": [None, None]}
    assert [row["value"] for row in result["headline"]] == [None, None, None]
    assert "not measured falls inside the person's box" in saliency.answer(result)


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ([0.1, 0.2], "more than"),
        ([-0.2, -0.1], "less than"),
        ([-0.1, 0.1], "not clearly different from"),
    ],
)
def test_answer_words_the_interval(interval, words):
    entry = {"value": 0.5, "interval": [0.4, 0.6]}
    correlations = {"conv1": entry, "conv2": entry}
    gain = {"value": 0.0, "interval": interval}
    result = {
        "data": {"split": {"comparable": True}},
        "joint": "neck",
        "images": 3,
        "edge_correlation": {
            "trained": correlations,
            "untrained": correlations,
            "trained minus untrained": {"conv1": entry, "conv2": gain},
        },
        "share_in_box": {
            "gradient, trained": entry,
            "gradient, untrained": entry,
            "box area": entry,
            "gradient, trained minus box area": {"value": 0.0, "interval": interval},
        },
    }
    text = saliency.answer(result)
    assert f"{words} the box's share" in text
    first, last = text.split("that of the last")
    assert "more than an untrained network's" in first
    assert f"{words} an untrained network's" in last
