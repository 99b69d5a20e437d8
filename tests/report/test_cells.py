"""What a page changes in the cells of an executed notebook."""

import json

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from posekit.provenance import provenance
from posekit.report import cells, index
from posekit.report.cells import answer_of, settle_lines
from posekit.report.index import headline_answers, notebook_page
from posekit.report.runner import BLANK_ENTRY

KERAS = """Training poster-1a2b
Epoch 1/3
12/12 - 26s - 2s/step - loss: 15.4098 - mse: 1417.8835 - val_loss: 8.0828 - val_mse: 745.3455
Epoch 2/3
12/12 - 16s - 1s/step - loss: 6.6063 - mse: 608.6002 - val_loss: 5.8515 - val_mse: 539.3953
Epoch 3/3
12/12 - 16s - 1s/step - loss: 6.1 - mse: 600.1 - val_loss: 5.1 - val_mse: nan
Epoch 1/1
12/12 - 32s - loss: 9.5e-01
the mean pose: 453.5
Training plain-3c4d
6/6 - 5s - 755ms/step - loss: 27.7372 - mse: 283.9326 - val_loss: 23.4582 - val_mse: 240.0964
"""


def test_settle_lines_keeps_what_a_terminal_shows():
    assert settle_lines("1/3\r2/3\r3/3\nnext\n") == "3/3\nnext\n"
    assert settle_lines("1/2" + "\b" * 3 + "\r2/2" + "\b" * 3 + "\r") == "2/2"
    assert settle_lines("windows\r\n") == "windows\n"


def test_answer_is_the_last_cell_as_text():
    node = new_notebook(cells=[new_markdown_cell("**Answer.** It is `so`.")])
    assert answer_of(node) == "It is `so`."
    shown = new_output("display_data", {"text/markdown": "**No.** 5", "text/plain": "<object>"})
    printed = new_output("stream", name="stdout", text="1/2\r2/2\n")
    node = new_notebook(cells=[new_code_cell("show()", outputs=[shown, printed])])
    assert answer_of(node) == "**No.** 5\n2/2"
    figure = new_output("display_data", {"image/png": "AAAA", "text/plain": "a curve"})
    node.cells[0].outputs.append(figure)
    # A figure of the last cell is no answer, and stays where it is.
    assert cells.take_answer(node) == "**No.** 5\n2/2"
    assert node.cells[0].outputs == [figure]


def test_the_epochs_of_a_training_become_one_line():
    cell = new_code_cell("fit()", outputs=[new_output("stream", name="stdout", text=KERAS)])
    node = new_notebook(cells=[cell])
    cells.fold_streams(node)
    first, second, third, rest = node.cells[0].outputs
    assert first["data"]["text/plain"] == (
        "Training poster-1a2b, 3 epochs: MSE 1,418 to 600.1; validation MSE 745.3 to nan"
    )
    assert second["data"]["text/plain"] == "Training, 1 epoch: loss 0.95 to 0.95"
    assert third["data"]["text/plain"] == (
        "Training plain-3c4d, 1 epoch: MSE 283.9 to 283.9; validation MSE 240.1 to 240.1"
    )
    assert rest["text"] == "the mean pose: 453.5\n"
    html = BeautifulSoup(first["data"]["text/html"], "html.parser")
    assert "Epoch 2/3" in html.select_one("details pre").text
    assert "nan" not in str(html.svg) and len(html.select("polyline")) == 2


def test_noise_goes_and_warnings_stay():
    noise = [
        "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
        "2026-11-28 04:51:14.1: E external/local_xla/cuda_platform.cc:51] failed call to cuInit",
        "E0000 00:00:1764.5 1 cuda_blas.cc:1] Unable to register cuBLAS factory",
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
        "WARNING:tensorflow:5 out of the last 10 calls to <f> triggered tf.function retracing.",
        "To enable the following instructions: AVX2, in other operations, rebuild TensorFlow with x.",
        "[ WARN:0@1.250] global loadsave.cpp:268 findDecoder imread_('a.jpg')",
    ]
    real = [
        "UserWarning: 3 images were left out.",
        "E0000 00:00:1 1 a.cc:1] Out of memory",
        "INFO: 3",
    ]
    output = new_output("stream", name="stderr", text="\n".join([*noise, *real]))
    node = new_notebook(cells=[new_code_cell("", outputs=[output])])
    cells.fold_streams(node)
    assert node.cells[0].outputs[0].text.split("\n") == real
    node = new_notebook(cells=[new_code_cell("", outputs=[output])])
    node.cells[0].outputs[0].text = noise[0] + "\n"
    cells.fold_streams(node)
    assert node.cells[0].outputs == []


def test_a_string_is_shown_as_text():
    outputs = [new_output("execute_result", {"text/plain": text}) for text in ("'it\\'s so'", "5")]
    node = new_notebook(cells=[new_code_cell("", outputs=outputs)])
    cells.fold_streams(node)
    first, second = node.cells[0].outputs
    assert first["data"] == {"text/markdown": "it's so"} and second == outputs[1]


@pytest.fixture
def page():
    """The page of a notebook that was run with other parameters than its own."""
    parameters = 'run_dir = "reports/a"  # where: é = 1\nseeds = [\n    0,\n]  # some\nseed = 0'
    node = new_notebook(
        cells=[
            new_markdown_cell(
                "# Is it?\n\n**Question.** Is it `so`?\n\n**Reads** all.\n\n*Alone?* Unzip."
            ),
            new_code_cell(parameters, metadata={"tags": ["parameters"]}),
            new_code_cell(
                "# Parameters\nrun_dir = '/tmp/é'\nseeds = [1, 2]\n",
                metadata={"tags": ["injected-parameters"]},
            ),
            new_code_cell("1 + 1", outputs=[new_output("execute_result", {"text/plain": "2"})]),
            new_code_cell(
                "Markdown(answer)",
                outputs=[new_output("display_data", {"text/markdown": "**Yes.** So.\n\n- 5"})],
            ),
        ]
    )
    before = str(node)
    html = notebook_page(node, title="Is it?")
    assert str(node) == before
    return BeautifulSoup(html, "html.parser")


def test_the_answer_comes_first_and_once(page):
    assert page.h1.text == "Is it?" and len(page.select("h1")) == 1
    answer = page.select_one("#answer")
    assert answer.strong.text == "Yes." and answer.li.text == "5"
    assert str(page).count("Yes.") == 1
    opening = [tag.get("id", tag.name) for tag in page.select("h1, #answer, details")]
    assert opening[:3] == ["h1", "answer", "details"]
    assert "Unzip." in page.details.text and "Is it so?" not in page.details.text


def test_parameters_appear_once_with_the_values_of_the_run(page):
    code = [cell.text.strip() for cell in page.select(".input_area")]
    expected = "run_dir = '/tmp/é'  # where: é = 1\nseeds = [1, 2]  # some\nseed = 0"
    assert code == [expected, "1 + 1", "Markdown(answer)"]


def test_code_folds_and_one_switch_shows_it(page):
    assert not page.select("script") and page.select_one("#all-code:not([checked])")
    folds = page.select("input.fold")
    assert len(folds) == 3 and not page.select("input.fold[checked]")
    assert [page.find("label", {"for": fold["id"]}).text for fold in folds] == ["Code"] * 3
    # Set-up without output leaves no trace until all code is shown.
    assert [bool(cell.select(".output")) for cell in page.select(".silent")] == [False, False]


def test_a_tag_keeps_code_in_sight():
    node = new_notebook(
        cells=[
            new_code_cell("fit()", metadata={"tags": ["show-code"]}),
            new_markdown_cell("**Answer.** Yes."),
        ]
    )
    page = BeautifulSoup(notebook_page(node, title="A"), "html.parser")
    assert page.select("input.fold[checked]")


def test_the_index_opens_with_the_answers_that_say_so():
    entry = {"title": "A", "answer": "**Yes.** So.\n\n- 5", "status": "ok", "opens_index": True}
    others = [
        {**entry, "status": "failed"},
        {**entry, "answer": ""},
        {**entry, "opens_index": False},
    ]
    assert headline_answers({"notebooks": [entry, *others]}) == [(entry, "**Yes.** So.")]


def test_the_index_opens_with_the_figure_that_says_so(tmp_path):
    def shown(source, tags):
        output = new_output("display_data", {"image/png": source})
        return new_code_cell("", outputs=[output], metadata={"tags": tags})

    figures = [shown("AAAA", ["headline"]), shown("BBBB", ["headline", "opening"]), shown("C", [])]
    nbformat.write(new_notebook(cells=figures), tmp_path / "01_a.ipynb")
    entry = {**BLANK_ENTRY, "name": "01_a", "title": "A", "status": "ok", "cells": 3}
    notebooks = [{**entry, "executed": "01_a.ipynb"}]
    given = {"parameters": {}, "overrides": [], "started": None, "finished": None, "seconds": None}
    page = index.write(tmp_path, {**given, "provenance": provenance(), "notebooks": notebooks})
    sources = [
        image["src"] for image in BeautifulSoup(page.read_text(), "html.parser").select("img")
    ]
    assert sources == [f"data:image/png;base64,{source}" for source in ("BBBB", "AAAA")]


def test_the_index_says_what_works_from_the_stored_scores(tmp_path):
    assert index.what_works(tmp_path) == ""
    limbs = {"limb_joints": {"metrics": {"pck_0.2": {"value": 0.618}}}}
    constant = {"limb_joints": {"metrics": {"pck_0.2": {"value": 0.036}}}}
    scores = {**limbs, "mean_pose": constant, "pck_counts": {"image_count": 1643}}
    (tmp_path / "development.json").write_text(json.dumps(scores))
    text = index.what_works(tmp_path)
    assert f"`{tmp_path.name}` puts 62% of" in text
    assert "1,643 photographs" in text and "one fixed pose puts 4%" in text
