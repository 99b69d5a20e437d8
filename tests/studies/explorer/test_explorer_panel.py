"""The panel without a browser: widgets set the state, the state sets the widgets."""

import base64
import io
import re
from dataclasses import replace

import nbformat
import numpy as np
import pytest
from PIL import Image

from posekit.files import PROJECT_ROOT
from posekit.pipeline.augmentation import AUGMENTATIONS, Augmentation
from posekit.report import index
from posekit.studies.explorer import stills
from posekit.studies.explorer.explorer import Explorer
from posekit.studies.explorer.panel import OWN_STRENGTHS, STRENGTHS, Panel
from posekit.studies.explorer.subject import PICTURE_PX

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def pixels(encoded):
    return np.asarray(Image.open(io.BytesIO(encoded)))


@pytest.fixture(scope="module")
def explorer(experiment):
    return Explorer(experiment.dataset.subset(range(4)), activities=["b", "a", "b", "<i>"])


@pytest.fixture
def panel(explorer):
    shown = Panel(explorer)
    shown._repr_mimebundle_()
    return shown


@pytest.mark.parametrize(
    ("control", "value", "change"),
    [
        ("joint", "left_wrist", {"joint": "left_wrist"}),
        ("image", 3, {"image": 3}),
        ("truth", False, {"truth": False}),
        ("mirrored", True, {"mirrored": True}),
        ("activity", "a", {"activity": "a", "image": 1}),
        ("preset", "turned", {"augmentation": AUGMENTATIONS["turned"]}),
        ("draw", 9, {"draw": 9}),
    ],
)
def test_a_control_sets_the_state_and_the_picture(panel, explorer, control, value, change):
    expected = replace(explorer.start(), **change)
    getattr(panel.controls, control).value = value
    assert panel.state == expected
    np.testing.assert_array_equal(pixels(panel.picture.value), explorer.picture(expected))


@pytest.mark.parametrize("name", STRENGTHS)
def test_every_slider_moves_its_own_strength(panel, explorer, name):
    panel.controls.strengths[name].value = most = STRENGTHS[name][2]
    assert panel.state.augmentation == Augmentation(**{name: most})
    assert panel.controls.preset.value == OWN_STRENGTHS
    panel.controls.preset.value = "none"
    assert panel.state == explorer.start()


def test_every_strength_has_its_slider_and_the_presets_fit(panel):
    assert list(panel.controls.strengths) == list(vars(AUGMENTATIONS["turned"]))
    for augmentation in AUGMENTATIONS.values():
        for name, strength in vars(augmentation).items():
            _, low, high = STRENGTHS[name]
            assert low <= strength <= high, name


def test_buttons_and_arrow_keys_go_on_and_back(panel):
    panel.on.click()
    panel.on_event({"type": "keydown", "key": "ArrowRight"})
    assert panel.controls.image.value == panel.state.image == 2
    panel.back.click()
    panel.on_event({"type": "keydown", "key": "ArrowLeft"})
    panel.on_event({"type": "keydown", "key": "ArrowLeft"})
    assert panel.state.image == 3


def test_a_click_on_the_picture_chooses_what_the_explorer_says(panel, explorer):
    expected = explorer.click(explorer.start(), 30, 400)
    panel.on_event({"type": "click", "dataX": 30, "dataY": 400})
    assert panel.state == expected != explorer.start()
    assert panel.controls.joint.value == expected.joint


def test_the_list_holds_the_images_of_the_activity(panel, explorer):
    panel.controls.activity.value = "b"
    ids = explorer.dataset.image_ids
    assert panel.controls.image.options == ((f"1.  {ids[0]}", 0), (f"2.  {ids[2]}", 2))
    panel.controls.activity.value = None
    assert len(panel.controls.image.options) == 4


def test_what_needs_a_model_is_switched_off_without_one(panel):
    assert panel.controls.prediction.disabled and panel.controls.saliency.disabled
    assert not panel.controls.truth.disabled


def test_a_live_panel_carries_its_still_for_what_shows_no_widgets(explorer):
    bundle = Panel(explorer)._repr_mimebundle_()
    assert {WIDGET_VIEW, "text/html", "image/png"} <= set(bundle)


def test_in_a_report_there_is_the_still_alone(explorer, monkeypatch):
    monkeypatch.setenv("POSEKIT_BATCH", "1")
    panel = Panel(explorer)
    bundle = panel._repr_mimebundle_()
    assert WIDGET_VIEW not in bundle and panel.controls is None
    assert stills.NOTE in bundle["text/html"]
    shown = pixels(base64.b64decode(bundle["image/png"]))
    np.testing.assert_array_equal(shown, explorer.picture(explorer.start()))
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", bundle)])
    page = index.notebook_page(nbformat.v4.new_notebook(cells=[cell]), title="panel")
    assert f"data:image/png;base64,{bundle['image/png']}" in page and stills.NOTE in page
    assert "widget-view" not in page and "<script" not in page


def test_a_still_shows_each_state_with_its_errors(explorer):
    start = explorer.start()
    states = {"first": start, "second & last": replace(start, image=3, joint="neck")}
    html = stills.still(explorer, states).html
    assert html.count("<img") == html.count("<table") == 2
    assert "second &amp; last: " in html and "&lt;i&gt;" in html and "<i>" not in html
    assert html.index("first: ") < html.index("second &amp; last: ")
    chosen = [part.split("</td>")[0] for part in html.split("○ ")[1:]]
    assert chosen == ["head top", "neck"]
    assert f'width="{PICTURE_PX}"' in html and "<script" not in html


def test_the_how_tos_example_runs(synthetic_folder):
    text = (PROJECT_ROOT / "docs" / "explore.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.+?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    for written, small in (("data/people", str(synthetic_folder)), ("best", "none")):
        assert f'"{written}"' in example
        example = example.replace(f'"{written}"', repr(small))
    names = {}
    exec(example, names)
    assert names["view"].explorer.activity_names == ["running"]
