import base64
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection

from posekit.errors import PosekitError
from posekit.estimators import calibration
from posekit.plots import comparisons, curves, network, pictures, statistics, style
from posekit.plots.pictures import PREDICTED_COLOUR, TRUE_COLOUR
from posekit.plots.style import describe
from posekit.skeleton import LSP


@pytest.fixture(autouse=True)
def nothing_left_in_pyplot():
    settings = dict(mpl.rcParams)
    yield
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == settings


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def random_images(rng, n, size=(20, 16)):
    return rng.integers(0, 256, (n, *size, 3), np.uint8)


def only_axis_without_ylabel(figure):
    """For axes whose names stand at the ticks."""
    (axis,) = figure.axes
    assert axis.get_title(loc="left") and axis.get_xlabel()
    return axis


def only_axis(figure):
    axis = only_axis_without_ylabel(figure)
    assert axis.get_ylabel()
    return axis


def render(figure):
    """Layout and drawing raise their errors only here; every figure fits a page and says what."""
    figure.canvas.draw()
    width, _ = figure.get_size_inches()
    assert width in (style.HALF, style.WHOLE)
    assert len(describe(figure).split()) >= 4
    return figure


def line_by_label(axis):
    return {line.get_label(): line for line in axis.get_lines()}


def dots_of(axis):
    return [np.asarray(c.get_offsets()) for c in axis.collections if isinstance(c, PathCollection)]


def lines_of(axis):
    """Coloured segments of each skeleton, without the outlines below them."""
    return [c for c in axis.collections if isinstance(c, LineCollection)][1::2]


def legend_texts(figure_or_axis):
    legends = getattr(figure_or_axis, "legends", None) or [figure_or_axis.get_legend()]
    return [text.get_text() for text in legends[0].get_texts()]


def test_sample_grid_draws_labelled_joints_only(rng):
    images = [random_images(rng, 1, size)[0] for size in ((20, 30), (40, 25), (31, 31))]
    keypoints_px = rng.uniform(0, 20, (3, 14, 2))
    labelled = rng.random((3, 14)) < 0.7
    figure = render(
        pictures.sample_grid(
            images, keypoints_px, labelled, skeleton=LSP, titles=["a", "b", "c"], columns=2
        )
    )
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["a", "b", "c"]
    for n, axis in enumerate(figure.axes):
        np.testing.assert_array_equal(axis.get_images()[0].get_array(), images[n])
        np.testing.assert_allclose(dots_of(axis)[0], keypoints_px[n][labelled[n]])
        whole = sum(labelled[n, start] and labelled[n, end] for start, end, _ in LSP.segments)
        assert len(lines_of(axis)[0].get_segments()) == whole
        height, width = images[n].shape[:2]
        assert axis.get_xlim() == (-0.5, width - 0.5) and axis.get_ylim() == (height - 0.5, -0.5)
    assert legend_texts(figure) == ["person's right", "person's left", "head and pelvis"]


def test_prediction_grid_tells_annotation_from_prediction(rng):
    true_px, pred_px = rng.uniform(0, 16, (2, 2, 14, 2))
    labelled = np.ones((2, 14), bool)
    labelled[0, 3] = False
    figure = render(
        pictures.prediction_grid(random_images(rng, 2), true_px, pred_px, labelled, skeleton=LSP)
    )
    true_dots, pred_dots = dots_of(figure.axes[0])
    np.testing.assert_allclose(true_dots, true_px[0][labelled[0]])
    np.testing.assert_allclose(pred_dots, pred_px[0])
    drawn = [mpl.colors.to_hex(lines.get_colors()[0]) for lines in lines_of(figure.axes[0])]
    assert drawn == [TRUE_COLOUR, PREDICTED_COLOUR]
    assert legend_texts(figure) == ["annotated", "predicted"]


def test_a_prediction_far_outside_does_not_shrink_the_picture(rng):
    pred_px = np.full((1, 14, 2), 500.0)
    labelled = np.zeros((1, 14), bool)
    figure = render(
        pictures.prediction_grid(random_images(rng, 1), pred_px, pred_px, labelled, skeleton=LSP)
    )
    assert figure.axes[0].get_xlim() == (-0.5, 15.5)
    assert figure.axes[0].get_ylim() == (19.5, -0.5)


def test_saliency_overlay_scales_maps_and_draws_boxes(rng):
    maps = rng.random((3, 20, 16))
    maps[2] = 0  # nothing to scale by
    boxes = np.array([[1.5, 2.5, 4.0, 7.0]] * 3)
    figure = render(pictures.saliency_overlay(random_images(rng, 3), maps, boxes=boxes))
    strength = figure.axes[0].get_images()[1].get_array()
    np.testing.assert_allclose(strength, np.minimum(maps[0] / np.percentile(maps[0], 99), 1))
    assert not figure.axes[2].get_images()[1].get_array().any()
    assert figure.axes[0].patches[0].get_bbox().extents.tolist() == [1, 2, 5, 9]
    assert not pictures.saliency_overlay(random_images(rng, 3), maps).axes[0].patches


def test_activation_grid_has_a_row_for_each_picture(rng):
    maps = {"first": rng.random((2, 20, 16)), "second": rng.random((2, 5, 4))}
    figure = render(pictures.activation_grid(random_images(rng, 2), maps))
    assert len(figure.axes) == 6
    np.testing.assert_array_equal(figure.axes[5].get_images()[0].get_array(), maps["second"][1])
    assert figure.axes[2].get_title(loc="left") == "second\n5 x 4"


def test_joint_visibility_bars_are_percentages():
    labelled = np.arange(14) < np.arange(14)[:, None]  # joint k in 13 - k of 14 images
    axis = only_axis_without_ylabel(render(statistics.joint_visibility(labelled, skeleton=LSP)))
    widths = [bar.get_width() for bar in axis.patches]
    np.testing.assert_allclose(widths, 100 * np.arange(13, -1, -1) / 14)
    assert axis.get_yticklabels()[0].get_text() == "right ankle"


def test_junk_coordinates_separates_the_labelled(rng):
    keypoints_px, labelled = rng.normal(size=(5, 14, 2)), rng.random((5, 14)) < 0.8
    axis = only_axis(render(statistics.junk_coordinates(keypoints_px, labelled)))
    good, junk = axis.get_lines()[:2]
    np.testing.assert_array_equal(good.get_xydata(), keypoints_px[labelled])
    np.testing.assert_array_equal(junk.get_xydata(), keypoints_px[~labelled])
    assert axis.yaxis_inverted()
    assert f"not labelled ({(~labelled).sum()} joints)" in legend_texts(axis)


def test_person_size_shows_medians_and_skips_nan():
    shares = np.array([[0.2, 0.3], [0.4, 0.5], [0.9, 0.7], [np.nan, np.nan]])
    axis = only_axis(render(statistics.person_size(shares)))
    assert [line.get_xdata()[0] for line in axis.get_lines()] == [0.4, 0.5]
    assert sorted(legend_texts(axis)) == ["height, median 0.50", "width, median 0.40"]


def test_constant_guesses_beside_the_references():
    scores = {
        "raw": {"image_centre": 700.0, "mean_pose": 571.0},
        "masked": {"image_centre": 280.0, "mean_pose": 260.0},
    }
    figure = statistics.constant_guesses(scores, {"poster, training": 139.29, "validation": 427.41})
    axis = only_axis_without_ylabel(render(figure))
    # A treatment's name has a row of its own, without a bar.
    assert [bar.get_width() for bar in axis.patches] == [0, 700, 571, 0, 280, 260]
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        *("raw", "image centre: 700", "mean pose: 571"),
        *("masked", "image centre: 280", "mean pose: 260"),
    ]
    assert [line.get_xdata()[0] for line in axis.get_lines()] == [139.29, 427.41]
    assert legend_texts(axis) == ["poster, training: 139.29", "validation: 427.41"]
    assert statistics.constant_guesses(scores, {}).axes[0].get_legend() is None


def test_parts_of_an_error_are_laid_end_to_end():
    parts = {
        "network": {"place": 50.0, "shape": 20.0},
        "mean pose": {"place": 100.0, "shape": 30.0},
    }
    axis = only_axis_without_ylabel(render(statistics.error_parts(parts)))
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        "network: 70",
        "mean pose: 130",
    ]
    assert [(bar.get_x(), bar.get_width()) for bar in axis.patches] == [
        *((0, 50), (0, 100)),
        *((50, 20), (100, 30)),
    ]
    assert legend_texts(axis) == ["place", "shape"]


def history(epochs, train, validation):
    return {"epoch": list(range(1, epochs + 1)), "train_mse": train, "validation_mse": validation}


def test_learning_curves_show_mean_and_range_over_seeds():
    runs = [
        history(3, [9.0, 6.0, 3.0], [9.0, 8.0, 7.0]),
        history(2, [7.0, 4.0], [5.0, None]),  # stopped early; null in JSON
    ]
    figure = curves.learning_curves({"plain": runs}, baselines={"mean pose": 260.1})
    axis = only_axis(render(figure))
    lines = line_by_label(axis)
    assert list(lines) == ["plain, training", "plain, validation", "mean pose: 260.1"]
    assert lines["plain, training"].get_xydata().tolist() == [[1, 8], [2, 5], [3, 3]]
    assert lines["plain, validation"].get_ydata().tolist() == [7, 8, 7]
    assert lines["mean pose: 260.1"].get_ydata()[0] == 260.1
    band = axis.collections[1].get_paths()[0].vertices
    assert band[band[:, 0] == 1, 1].min() == 5 and band[band[:, 0] == 1, 1].max() == 9
    assert "2 seeds" in axis.get_title(loc="left")


def test_learning_curves_of_one_seed_have_no_band():
    figure = curves.learning_curves({"plain": [history(2, [2.0, 1.0], [3.0, 2.0])]})
    axis = only_axis(render(figure))
    assert not axis.collections
    assert [line.get_ydata().tolist() for line in axis.get_lines()] == [[2, 1], [3, 2]]


def test_panels_share_one_scale_and_one_legend():
    panels = {
        "in plain pixels": {"with": [history(2, [9.0, 3.0], [9.0, 7.0])]},
        "scaled": {"with": [history(2, [4.0, 2.0], [5.0, 4.0])]},
    }
    figure = render(curves.learning_panels(panels, title="Figure 3"))
    left, right = figure.axes
    assert [axis.get_title(loc="left") for axis in figure.axes] == list(panels)
    assert left.get_ylim() == right.get_ylim() and left.get_ylim()[0] < 2
    assert [line.get_ydata().tolist() for line in right.get_lines()] == [[4, 2], [5, 4]]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["with, training", "with, validation"]
    assert figure.get_suptitle() == "Figure 3"


def test_an_epoch_without_any_value_is_a_gap():
    runs = [history(2, [2.0, 1.0], [None, 2.0])]
    axis = only_axis(curves.learning_curves({"plain": runs}))
    np.testing.assert_array_equal(axis.get_lines()[1].get_ydata(), [np.nan, 2])


def test_pck_curves_are_percentages():
    thresholds = np.array([0.0, 0.1, 0.2])
    axis = only_axis(render(curves.pck_curves({"a": [0, 0.5, 1], "b": [0, 0, 0.25]}, thresholds)))
    assert [line.get_ydata().tolist() for line in axis.get_lines()] == [[0, 50, 100], [0, 0, 25]]
    assert legend_texts(axis) == ["a", "b"]


def test_error_by_joint_places_each_model(rng):
    values = {"a": rng.random(14), "b": rng.random(14)}
    axis = only_axis_without_ylabel(render(comparisons.error_by_joint(values, joints=LSP.joints)))
    for line, (name, expected) in zip(axis.get_lines(), values.items(), strict=True):
        assert line.get_label() == name
        np.testing.assert_array_equal(line.get_xdata(), expected)
    markers = {line.get_marker() for line in axis.get_lines()}
    assert len(markers) == 2  # told apart without colour


def test_edge_correlation_pairs_layers_by_name():
    trained = {"first": (0.5, 0.4, 0.6), "second": (0.2, 0.1, 0.3)}
    untrained = {"second": (0.1, 0.0, 0.2), "first": (0.4, 0.3, 0.5)}
    axis = render(comparisons.edge_correlation(trained, untrained, draws=3)).axes[0]
    lines = line_by_label(axis)
    assert lines["trained (95 % interval)"].get_ydata().tolist() == [0.5, 0.2]
    assert lines["untrained (range of 3 draws)"].get_ydata().tolist() == [0.4, 0.1]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["first", "second"]


def layer(name, kind, output_shape, parameters):
    return {
        "name": name,
        "kind": kind,
        "output_shape": output_shape,
        "parameters": parameters,
    }


def test_architecture_names_every_layer_once():
    layers = [
        layer("conv1", "Conv2D", (8, 8, 4), 112),
        layer("bn1", "BatchNormalization", (8, 8, 4), 16),
        layer("relu1", "ReLU", (8, 8, 4), 0),
        layer("conv2", "Conv2D", (8, 8, 4), 148),
        layer("pool", "MaxPooling2D", (4, 4, 4), 0),
        layer("flatten", "Flatten", (64,), 0),
        layer("dense1", "Dense", (28,), 1820),
        layer("dense2", "Dense", (28,), 812),
    ]
    figure = render(network.architecture(layers))
    (axis,) = figure.axes
    texts = [text.get_text() for text in axis.texts]
    # Equal shapes do not merge weight layers; the normalisation counts towards its convolution.
    assert [text for text in texts if text in {row["name"] for row in layers}] == [
        "conv1",
        "conv2",
        "pool",
        "flatten",
        "dense1",
        "dense2",
    ]
    assert texts[:4] == ["conv1", "Conv2D + BN + ReLU", "8 x 8 x 4", "128"]
    assert ["Dense", "28", "812"] == texts[texts.index("dense2") + 1 :][:3]
    assert "2,908 parameters" in axis.get_title(loc="left")
    assert len(axis.patches) == 6
    assert "conv1, output 8 x 8 x 4, 128 parameters" in figure.alt_text


def test_unequal_lengths_are_named(rng):
    images, keypoints_px = random_images(rng, 2), np.zeros((3, 14, 2))
    with pytest.raises(PosekitError, match=r"`keypoints_px` must have .* `images`, 2; got 3"):
        pictures.sample_grid(images, keypoints_px, np.ones((2, 14), bool), skeleton=LSP)
    with pytest.raises(PosekitError, match=r"`b` must have .* `thresholds`, 2; got 1"):
        curves.pck_curves({"a": [1, 2], "b": [1]}, [0, 1])
    with pytest.raises(PosekitError, match=r"shape \(2, 20, 16\) like `images`; got \(2, 5, 4\)"):
        pictures.saliency_overlay(images, np.zeros((2, 5, 4)))


def test_arguments_are_left_alone(rng):
    images, maps = random_images(rng, 2), rng.random((2, 20, 16))
    keypoints_px, labelled = rng.uniform(0, 16, (2, 14, 2)), np.ones((2, 14), bool)
    arrays = (images, maps, keypoints_px, labelled)
    kept = [array.copy() for array in arrays]
    pictures.sample_grid(images, keypoints_px, labelled, skeleton=LSP)
    pictures.prediction_grid(images, keypoints_px, keypoints_px, labelled, skeleton=LSP)
    pictures.saliency_overlay(images, maps)
    statistics.junk_coordinates(keypoints_px, labelled)
    for array, before in zip(arrays, kept, strict=True):
        np.testing.assert_array_equal(array, before)
    runs = [history(2, [2.0, 1.0], [3.0, None])]
    curves.learning_curves({"plain": runs})
    assert runs == [history(2, [2.0, 1.0], [3.0, None])]


def test_plots_do_not_load_tensorflow():
    code = "import sys, posekit.plots; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_pck_curves_leave_a_gap_where_nothing_was_measured():
    figure = curves.pck_curves({"unknown": [None, None], "known": [0.0, 1.0]}, [0.0, 0.5])
    unknown, known = figure.axes[0].lines
    assert np.isnan(unknown.get_ydata()).all()
    np.testing.assert_array_equal(known.get_ydata(), [0, 100])


def test_reliability_shows_filled_bins_beside_the_diagonal():
    measured = calibration.reliability([0.05, 0.15, 0.95, 0.95], [0, 1, 1, 0])
    axis, counts = curves.reliability({"model": measured}).axes
    diagonal, curve = axis.lines
    np.testing.assert_allclose(curve.get_xydata(), [[0.05, 0], [0.15, 1], [0.95, 0.5]])
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    # By hand: (0.05 + 0.85 + 2 * 0.45) / 4.
    assert curve.get_label() == "model: off by 0.450"
    assert counts.patches[0].get_data().values.sum() == 4


def test_a_figure_describes_its_series():
    figure = curves.pck_curves({"a": [0, 0.5, 1], "b": [0, 0, 0.25]}, [0.0, 0.1, 0.2])
    assert describe(figure) == (
        "How many joints are right, by how strictly one judges? Axes: allowed error (share of the "
        "torso's length); joints within it (%). Shown: a; b."
    )


def test_a_figure_shows_itself_at_twice_its_size_on_the_page():
    figure = curves.pck_curves({"a": [0, 1]}, [0, 1])
    data, metadata = figure._repr_mimebundle_()
    width, height = np.frombuffer(base64.b64decode(data["image/png"])[16:24], ">u4").tolist()
    attributes = metadata["image/png"]
    assert width == 2 * attributes["width"]
    assert abs(height - 2 * attributes["height"]) <= 1  # of a fraction of a pixel
    assert attributes["width"] == round(96 * style.WHOLE)
    assert attributes["alt"] == data["text/plain"] == describe(figure)
    figure.alt_text = "two points"
    assert figure._repr_mimebundle_()[0]["text/plain"] == "two points"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(1, 1000, [1, 10, 100, 1000]), (8, 120, [10, 30, 100]), (190, 450, [200, 300])],
)
def test_a_logarithmic_axis_has_round_ticks(low, high, expected):
    assert set(expected) <= set(style.LogLocator().tick_values(low, high))


@pytest.mark.parametrize("high", [1.01, 1.3, 2, 9, 90, 1e5])
def test_a_logarithmic_axis_has_at_least_three_ticks(high):
    for low in (0.37, 1, 42, 427.41):
        ticks = style.LogLocator().tick_values(low, low * high)
        assert sum((ticks >= low) & (ticks <= low * high)) >= 3, (low, high)
