import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection

from posekit import plots

MEAN_POSE = {"pck_0.2": {"value": 0.03}, "frame_mse": {"value": 250.0}}


def rung(key, pck, mse, parent=None, *, branch=False):
    def scores(shift):
        return {
            "pck_0.2": {"value": pck + shift, "interval": [pck - 0.01, pck + 0.02]},
            "frame_mse": {"value": mse - 100 * shift, "interval": [mse - 5, mse + 10]},
        }

    return {
        "key": key,
        "title": f"rung {key}",
        "parent": parent,
        "branch": branch,
        "validation": scores(0.0),
        "train": scores(0.1),
    }


@pytest.fixture
def rungs():
    return [
        rung("a", 0.1, 200.0),
        rung("b", 0.2, 150.0, "a"),
        rung("c", 0.15, 170.0, "b", branch=True),
        rung("d", 0.3, 100.0, "b"),
    ]


@pytest.fixture(autouse=True)
def nothing_left_in_pyplot():
    yield
    assert plt.get_fignums() == []


def render(figure):
    figure.canvas.draw()
    return figure


def test_steps_lead_from_each_parent_to_its_child(rungs):
    pck, mse = render(plots.ladder_steps(rungs, MEAN_POSE)).axes
    steps = [line.get_xydata().tolist() for line in pck.lines if len(line.get_xdata()) == 3]
    # Up at the parent's value, then across.
    assert steps == [
        [[0.1, 0], [0.1, 1], [0.2, 1]],
        [[0.2, 1], [0.2, 2], [0.15, 2]],
        [[0.2, 1], [0.2, 3], [0.3, 3]],
    ]
    points = [line.get_xdata()[0] for line in mse.lines if line.get_marker() == "o"]
    assert points == [200.0, 150.0, 170.0, 100.0]
    names = [label.get_text() for label in pck.get_yticklabels()]
    assert names == ["1  rung a", "2  rung b", "3  rung c", "4  rung d"]
    assert {"0.100", "0.150", "0.200", "0.300"} <= {text.get_text() for text in pck.texts}
    assert {"200", "150", "170", "100"} <= {text.get_text() for text in mse.texts}


def test_branches_are_hollow_and_intervals_are_drawn(rungs):
    pck, mse = render(plots.ladder_steps(rungs, MEAN_POSE)).axes
    hollow = [
        line.get_markerfacecolor() == "white" for line in pck.lines if line.get_marker() == "o"
    ]
    assert hollow == [False, False, True, False]
    spans = [c.get_segments()[0] for c in mse.collections if isinstance(c, LineCollection)]
    np.testing.assert_allclose(spans[3], [[95, 3], [110, 3]])
    for axis, constant in ((pck, 0.03), (mse, 250.0)):
        (dotted,) = [line for line in axis.lines if line.get_label() == "mean pose"]
        assert set(dotted.get_xdata()) == {constant}


def test_train_and_validation_side_by_side(rungs):
    pck, mse = render(plots.bias_and_variance(rungs)).axes
    train, validation = pck.containers
    np.testing.assert_allclose([bar.get_width() for bar in train], [0.2, 0.3, 0.25, 0.4])
    np.testing.assert_allclose([bar.get_width() for bar in validation], [0.1, 0.2, 0.15, 0.3])
    assert [container.get_label() for container in mse.containers] == [
        "train images",
        "validation images",
    ]
