"""Notebook 00 as a person uses it: in JupyterLab, in a browser."""

import base64
import io
import time

import browser
import nbformat
import numpy as np
import psutil
import pytest
from PIL import Image

from posekit.files import PROJECT_ROOT
from posekit.studies.explorer.subject import PICTURE_PX

pytestmark = pytest.mark.skipif(
    browser.find_chromium() is None, reason="no Chromium or Chrome on the PATH"
)

NOTEBOOK = "[...jupyterapp.shell.widgets('main')][0]"
PICTURE = "document.querySelector('img.posekit-picture')"
PANEL = "document.querySelector('.posekit-panel')"


def notebook_with(folder, **values):
    """A copy of notebook 00 with other values of its parameters."""
    notebook = nbformat.read(PROJECT_ROOT / "notebooks" / "00_explore.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in values.items())
    nbformat.write(notebook, folder / "00_explore.ipynb")


class Lab:
    """JupyterLab with the panel of notebook 00 on its page."""

    def __init__(self, page):
        self.page = page

    def picture(self):
        """The picture shown, uint8 (H, W, 3)."""
        encoded = self.page.evaluate(
            f"fetch({PICTURE}.src).then(answer => answer.arrayBuffer())"
            ".then(bytes => btoa(Array.from(new Uint8Array(bytes), byte =>"
            " String.fromCharCode(byte)).join('')))"
        )
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))

    def changed_by(self, action):
        """The picture after an action, once another one is there."""
        before = self.page.evaluate(f"{PICTURE}.src")
        action()
        self.page.wait_for(f"{PICTURE}.src != {before!r} && {PICTURE}.complete")
        return self.picture()

    def box(self, element):
        """(x, y, width, height) of an element in the window, scrolled into sight.

        JupyterLab lays out cells as they come into sight, so the page is first left to rest.
        """
        script = (
            f"(() => {{ const element = {element}; element.scrollIntoView({{block: 'center'}});"
            " const box = element.getBoundingClientRect();"
            " return [box.x, box.y, box.width, box.height] })()"
        )
        before, box = None, self.page.evaluate(script)
        while box != before:
            time.sleep(0.5)
            before, box = box, self.page.evaluate(script)
        return box

    def click(self, element, x_share=0.5, y_share=0.5):
        """Click at a place of an element, in shares of its size."""
        x, y, width, height = self.box(element)
        self.page.click(x + x_share * width, y + y_share * height)

    def control(self, kind, words):
        """The element of a kind whose label has these words, as JavaScript."""
        return (
            f"[...{PANEL}.querySelectorAll('{kind}')].find(element =>"
            f" element.closest('.jupyter-widgets').textContent.includes('{words}'))"
        )

    def chosen_joint(self):
        """The joint with the ring in the table of errors."""
        return self.page.evaluate(
            f"[...{PANEL}.querySelectorAll('tr')].find(row => row.cells[0].textContent"
            ".startsWith('○ ')).cells[0].textContent.slice(2)"
        )


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    root = folder / "notebooks"
    root.mkdir()
    notebook_with(root, profile="smoke", images=6, run_dir=str(folder / "run"))
    with browser.jupyterlab(root, folder) as address, browser.chromium(folder) as page:
        page.command("Page.navigate", url=address("00_explore.ipynb"))
        page.wait_for(f"{NOTEBOOK}.sessionContext.session.kernel.status == 'idle'")
        page.evaluate(f"jupyterapp.shell.activateById({NOTEBOOK}.id)")
        page.wait_for(f"jupyterapp.shell.currentWidget == {NOTEBOOK}")
        page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for(f"{PICTURE}.complete && {PICTURE}.naturalWidth")
        # The cells after the panel keep the kernel from answering at once.
        page.wait_for("document.body.innerText.includes('Answer.')")
        yield Lab(page)


def test_the_panel_shows_its_picture(lab):
    assert lab.picture().shape == (PICTURE_PX, PICTURE_PX, 3)
    assert lab.chosen_joint() == "head top"
    assert not lab.page.evaluate("document.querySelector('.jp-OutputArea-output .jp-mod-error')")


def test_a_slider_varies_the_picture(lab):
    before = lab.picture()
    after = lab.changed_by(
        lambda: lab.click(lab.control(".noUi-target", "size, up to"), x_share=0.9)
    )
    assert np.abs(after.astype(int) - before).mean() > 5
    assert "own" in lab.page.evaluate(f"{lab.control('select', 'strengths')}.value")


def test_a_click_shows_the_joints_saliency_and_another_one_hides_it(lab):
    before = lab.picture()
    joints = []
    for y_share in (0.02, 0.98):
        after = lab.changed_by(lambda place=y_share: lab.click(PICTURE, 0.5, place))
        joints.append(lab.chosen_joint())
        # Grey but for the map and the skeletons.
        assert np.ptp(after, axis=-1).mean() < np.ptp(before, axis=-1).mean() + 40
        assert (after != before).any(axis=-1).mean() > 0.2
    assert joints[0] != joints[1], "the place of the click must arrive"
    lab.changed_by(lambda: lab.click(PICTURE, 0.5, 0.98))
    shows_saliency = lab.control("input[type=checkbox]", "moves the joint")
    assert not lab.page.evaluate(f"{shows_saliency}.checked")


def test_the_next_picture(lab):
    title = f"{PANEL}.querySelector('b').textContent"
    assert "1 of 6" in lab.page.evaluate(title)
    lab.changed_by(lambda: lab.click(lab.control("button", "next")))
    assert "2 of 6" in lab.page.evaluate(title)


def test_nothing_is_left_running(tmp_path):
    with browser.chromium(tmp_path):
        family = psutil.Process().children(recursive=True)
        own = [each for each in family if str(tmp_path) in " ".join(each.cmdline())]
        assert own
    assert not [each for each in own if each.is_running()]
