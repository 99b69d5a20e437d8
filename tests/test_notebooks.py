"""The notebooks are clean, thin and parameterised, and all of them run, in order, to HTML."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest

from posekit.files import PROJECT_ROOT
from posekit.report import runner
from posekit.report.dependencies import PRODUCER

NOTEBOOKS = sorted((PROJECT_ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SWEEP = PROJECT_ROOT / "notebooks" / "studies" / "sweep.ipynb"
COMMON_PARAMETERS = {
    *("run_dir", "data", "profile", "seed", "split", "bad_images", "deterministic"),
}
LITERALS = (str, int, float, bool, list, type(None))
MOST_LINES = 15


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    # An empty glob would make every test below pass.
    numbers = [path.stem[:2] for path in NOTEBOOKS]
    assert numbers[:6] == ["00", "01", "02", "03", "04", "05"]


def test_every_notebook_writes_an_artifact():
    assert sorted(set(PRODUCER.values())) == [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_without_outputs(path):
    stale = [cell.id for cell in code_cells(path) if cell.outputs or cell.execution_count]
    assert not stale, "run `make strip`"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_are_thin(path):
    banned = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.Try)
    for cell in code_cells(path):
        # ast.parse also rejects `!shell` and `%magic` lines.
        nodes = ast.walk(ast.parse(cell.source))
        found = [node.lineno for node in nodes if isinstance(node, banned)]
        assert not found, f"cell {cell.id}, line {found[0]}: move this into posekit/"
        assert len(cell.source.splitlines()) <= MOST_LINES, f"cell {cell.id} is too long"


@pytest.mark.parametrize("path", [*NOTEBOOKS, SWEEP], ids=lambda path: path.stem)
def test_begins_with_a_session_and_writes_through_it(path):
    cells = [cell.source for cell in code_cells(path)]
    imports = [line for cell in cells for line in cell.splitlines() if "import " in line]
    rooms = "studies|datasets|pipeline|evaluation|models|estimators|saliency"
    allowed = rf"from (posekit|posekit\.({rooms})\b\S*) import |from IPython.display import "
    allowed += "|import (posekit|keras|tensorflow as tf)$|from keras import "
    assert [line for line in imports if not re.match(allowed, line)] == []
    hidden = r"\b(engine|provenance|files|report)\b"
    assert [line for line in imports if re.search(hidden, line)] == []
    starts = re.findall(r"notebook\.start\(([^)]*)\)", "\n".join(cells))
    assert len(starts) == 1
    if path != SWEEP:
        given = set(re.findall(r"(\w+)=\1", starts[0]))
        assert given == COMMON_PARAMETERS - {"run_dir"}
        written = set(re.findall(r"session\.write\(\"(.+?)\"", "\n".join(cells)))
        assert written == {name for name, writer in PRODUCER.items() if writer == path.stem}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_parameters_are_literals_that_papermill_sees(path):
    tagged = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    nodes = ast.parse(tagged[0].source).body
    for node in nodes:
        assert isinstance(node, ast.Assign), "parameters cell: assignments only"
        assert isinstance(ast.literal_eval(node.value), LITERALS)
    names = {node.targets[0].id for node in nodes}
    assert set(papermill.inspect_notebook(path)) == names
    assert names >= COMMON_PARAMETERS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_asks_first_and_answers_last(path):
    cells = nbformat.read(path, as_version=4).cells
    assert "**Question.**" in cells[0].source
    assert "**Answer.**" in cells[-1].source
    prose = [cell.cell_type == "markdown" for cell in cells]
    assert sum(prose) >= 4, "say before a cell what to look for"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_first_cell_says_how_to_get_posekit(path):
    first = nbformat.read(path, as_version=4).cells[0].source
    (command,) = re.findall("`!(.*?)`", first)
    unpack, install = command.split(" && ")
    assert unpack == "unzip -q posekit.zip" and "`%cd posekit`" in first
    requirements = install.removeprefix("pip install -q -r posekit/")
    assert (PROJECT_ROOT / requirements).is_file()


def check_report(index_path, run_dir):
    """Every notebook ran, wrote its artifact with a headline and shows its answer in HTML."""
    index = json.loads((run_dir / "index.json").read_text())
    assert [entry["status"] for entry in index["notebooks"]] == ["ok"] * len(NOTEBOOKS)
    assert "not run" not in index_path.read_text()
    for artifact, notebook in PRODUCER.items():
        written = json.loads((run_dir / artifact).read_text())
        assert written["headline"], artifact
        check_story(written, artifact)
        check_settings(written, PROJECT_ROOT / "notebooks" / f"{notebook}.ipynb")
        page = (run_dir / f"{notebook}.html").read_text()
        assert 'id="answer"' in page and "data:image/png;base64," in page, notebook
        assert f"Commit {written['git_commit'] or 'unknown'}; Python" in page, notebook
        assert written["data"]["fingerprint"] in page, notebook
    check_everything_else_tells_its_story(index, index_path.read_text(), run_dir)
    sanity = json.loads((run_dir / "sanity.json").read_text())
    assert [row["passed"] for row in sanity["checks"]] == [True] * 5


def check_settings(written, path):
    """An artifact lists every parameter of its notebook, but for the folder that it is in."""
    declared = set(papermill.inspect_notebook(path)) - {"run_dir"}
    assert declared == set(written["settings"]), path


def check_story(written, name):
    """An artifact says what it was made from, with which settings and by which versions."""
    assert written["data"]["fingerprint"] and "seed" in written["data"]["split"], name
    assert {"settings", "config", "rungs"} & set(written), name
    assert written["python"] and written["versions"]["posekit"], name
    assert {"git_commit", "cores"} <= set(written), name


def check_everything_else_tells_its_story(index, index_page, run_dir):
    """Trainings, the split and the index, beside the notebooks' artifacts."""
    configs = sorted(run_dir.glob("training/*/config.json"))
    assert len(configs) == len(list(run_dir.glob("training/*/last.keras"))) > 0
    for path in configs:
        check_story(json.loads(path.read_text()), path)
    split = json.loads((run_dir / "split.json").read_text())
    assert {"seed", "dataset_fingerprint", "versions", "git_commit"} <= set(split)
    assert index["data_fingerprints"] == [split["dataset_fingerprint"]]
    assert split["dataset_fingerprint"] in index_page
    assert (index["provenance"]["git_commit"] or "Commit") in index_page


def test_all_run_on_synthetic_data(tmp_path):
    parameters = {"data": "synthetic", "profile": "smoke", "seed": 0}
    check_report(runner.run(tmp_path / "run", parameters=parameters), tmp_path / "run")
    # Notebook 06 begins with both of notebook 02's trainings and does not repeat them.
    trained = [path.name for path in (tmp_path / "run" / "training").iterdir()]
    posters = sorted(name.rpartition("-seed")[0] for name in trained if name.startswith("poster_"))
    assert posters == ["poster_batchnorm-masked", "poster_batchnorm-poster_origin"]

    resumed = runner.run(tmp_path / "run", parameters=parameters, resume=True)
    index = json.loads(resumed.with_name("index.json").read_text())
    assert [entry["status"] for entry in index["notebooks"]] == ["reused"] * len(NOTEBOOKS)


@pytest.mark.skipif("POSEKIT_LSPET" not in os.environ, reason="POSEKIT_LSPET names no LSPet zip")
def test_all_run_on_a_reduced_part_of_the_real_data(tmp_path):
    parameters = {"data": os.environ["POSEKIT_LSPET"], "profile": "smoke", "seed": 0}
    check_report(runner.run(tmp_path / "run", parameters=parameters), tmp_path / "run")
    data = json.loads((tmp_path / "run" / "training.json").read_text())["data"]
    assert (data["name"], data["images"]) == ("lspet", 240)
    # The set comes with or without its test images, im09001 to im10000.
    split = json.loads((tmp_path / "run" / "split.json").read_text())
    test_ids = [image_id for image_id in split["groups"] if image_id >= "im09001"]
    assert sorted(split["test"]) == sorted(test_ids)
    assert data["split"]["test"] == len(test_ids)


def test_your_turn_trains_whatever_it_is_changed_to(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(PROJECT_ROOT))
    notebook = nbformat.read(PROJECT_ROOT / "notebooks" / "02_training.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if "sanity." not in cell.source]
    (at,) = [at for at, cell in enumerate(cells) if cell.source.startswith("net = keras.")]
    edits = {
        "layers.Flatten()": "layers.GlobalAveragePooling2D()",
        'augmentation="none"': "augmentation=posekit.Augmentation(light=0.3)",
        'loss="mse"': 'loss="huber"',
    }
    for before, after in edits.items():
        assert before in cells[at].source
        changed = cells[at].source.replace(before, after)
        cells.insert(at + 1, nbformat.v4.new_code_cell(changed))
    notebook.cells = cells
    nbformat.write(notebook, tmp_path / "edited.ipynb")
    parameters = {"run_dir": str(tmp_path / "run"), "profile": "smoke", "epochs": 1}
    parameters["label_treatments"] = ["masked"]
    paths = [str(tmp_path / name) for name in ("edited.ipynb", "out.ipynb")]
    executed = papermill.execute_notebook(*paths, parameters=parameters, progress_bar=False)
    trained = sorted(path.name.split("-")[0] for path in (tmp_path / "run" / "training").iterdir())
    assert trained == ["poster_batchnorm", *4 * ["sequential"]]
    shown = [str(cell.get("outputs")) for cell in executed.cells]
    (table,) = [output for output in shown if "your network" in output]
    assert "image centre" in table and "mean pose" in table
    # The last cell shows the answer, Markdown that begins with bold words.
    (output,) = executed.cells[-1].outputs
    assert output.data["text/markdown"].startswith("**")


def test_a_missing_model_names_the_notebook_that_trains_it(tmp_path):
    with pytest.raises(runner.ReportFailed, match=r"02_training\.ipynb"):
        runner.run(
            tmp_path / "run",
            parameters={"data": "synthetic", "profile": "smoke", "seed": 0},
            notebooks=["04"],
        )


def test_plain_papermill_from_another_folder(tmp_path):
    notebook = PROJECT_ROOT / "notebooks" / "01_data_exploration.ipynb"
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", str(notebook), "out.ipynb"]
    parameters = ["-p", "profile", "smoke", "-p", "run_dir", str(tmp_path / "run")]
    ended = subprocess.run([*command, *parameters], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert Path(tmp_path / "run" / "exploration.json").is_file()
