import matplotlib.pyplot as plt
import numpy as np
import pytest

from posekit import plots
from posekit.errors import PosekitError


@pytest.fixture(autouse=True)
def nothing_left_in_pyplot():
    yield
    assert plt.get_fignums() == []


def score(value):
    return {"value": value, "interval": [value - 0.1, value + 0.2]}


def test_curves_carry_scores_and_the_constant():
    scores = {"a": [score(0.2), score(0.3)], "b": [score(0.4), score(0.5)]}
    figure = plots.scores_by_pictures([10, 100], scores, constant=0.125)
    figure.canvas.draw()
    (axis,) = figure.axes
    by_label = {line.get_label(): line for line in axis.lines}
    assert by_label["a"].get_ydata().tolist() == [0.2, 0.3]
    assert by_label["b"].get_ydata().tolist() == [0.4, 0.5]
    assert set(by_label["one guess for all"].get_ydata()) == {0.125}
    assert [label.get_text() for label in axis.get_xticklabels()] == ["10", "30", "100"]
    spans = [bar.get_segments()[1][:, 1].tolist() for bar in axis.collections]
    np.testing.assert_allclose(spans, [[0.2, 0.5], [0.4, 0.7]])
    with pytest.raises(PosekitError, match="`a` must have one entry for each .* 2; got 1"):
        plots.scores_by_pictures([10, 100], {"a": [score(0.2)]}, constant=0.1)


def test_confusions_show_shares_of_the_truth():
    counts = [[3, 1], [0, 0]]
    figure = plots.confusions({"image": counts, "pose": np.eye(2)}, ["run", "jump"])
    figure.canvas.draw()
    left, right = figure.axes
    assert [text.get_text() for text in left.texts] == ["75", "25"]
    assert [text.get_text() for text in right.texts] == ["100", "100"]
    assert [label.get_text() for label in left.get_yticklabels()] == ["run", "jump"]
    with pytest.raises(PosekitError, match=r"of 'x' must have shape \(2, 2\).* got \(1, 2\)"):
        plots.confusions({"x": [[1, 2]]}, ["run", "jump"])
