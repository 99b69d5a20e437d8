"""The report runner, on small notebooks made here; those that start a kernel come last."""

import json
import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from posekit import files, locks
from posekit.errors import PosekitError
from posekit.report import runner
from posekit.report.index import headline_of, notebook_page
from posekit.report.parameters import declared, resolve

PARAMETERS = 'run_dir = ""\nseed = 0  # a comment with x = 1\n'
GIVEN = {"seed": 7}
# One pixel.
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def notebook(*sources, parameters=PARAMETERS, title="A title", answer="**Answer.** It is `so`."):
    """A notebook: title, parameters, one code cell for each source, answer. No kernelspec."""
    return new_notebook(
        cells=[
            new_markdown_cell(f"# {title}"),
            new_code_cell(parameters, metadata={"tags": ["parameters"]}),
            *(new_code_cell(source) for source in sources),
            new_markdown_cell(answer),
        ]
    )


def save(folder, **notebooks):
    folder.mkdir(exist_ok=True)
    for name, node in notebooks.items():
        nbformat.write(node, folder / f"{name.removeprefix('n')}.ipynb")
    return folder


def read_index(run_dir):
    index = json.loads((run_dir / "index.json").read_text())
    return index, {entry["name"]: entry for entry in index["notebooks"]}


def loads_of(page):
    """Addresses that a browser would fetch to show the page; what is inside it is left out."""
    soup = BeautifulSoup(page, "html.parser")
    addresses = [tag["src"] for tag in soup.select("[src]")]
    addresses += [tag["href"] for tag in soup.select("link[href]")]
    addresses += [tag.get("data", "") for tag in soup.select("object")]
    for style in soup.select("style"):
        addresses += re.findall(r"url\(['\"]?([^)'\"]*)|@import\s+['\"]([^'\"]*)", style.text)
    joined = ["".join(address) for address in addresses]
    return [address for address in joined if not address.startswith("data:")]


def test_declared_reads_every_literal():
    source = (
        "epochs = 3  # the comment's = does not count\n"
        "rate = -0.5\nsizes = [1, 2]\nlimit = None\noptions = {\n    'a': True,\n}\n"
    )
    assert declared("01_a", notebook(parameters=source)) == {
        "epochs": 3,
        "rate": -0.5,
        "sizes": [1, 2],
        "limit": None,
        "options": {"a": True},
    }


@pytest.mark.parametrize(
    "line",
    ["y = x * 2", "y = (1, 2)", "x += 1", "import os", "a = b = 1", "a: int = 1", "y = {1: 2}"],
)
def test_declared_refuses_what_a_run_could_not_replace(line):
    with pytest.raises(PosekitError, match=r"01_a: .*got `" + re.escape(line)) as caught:
        declared("01_a", notebook(parameters=f"x = 1\n{line}\n"))
    assert "`x = 1`" not in str(caught.value)


def test_declared_needs_one_tagged_cell():
    node = notebook()
    node.cells[1].metadata["tags"] = []
    with pytest.raises(PosekitError, match="01_a: exactly one cell .* got 0"):
        declared("01_a", node)
    for cell in node.cells[:2]:
        cell.metadata["tags"] = ["parameters"]
    with pytest.raises(PosekitError, match="01_a: exactly one cell .* got 2"):
        declared("01_a", node)


DECLARED = {
    "01_a": {"seed": 0, "data": "synthetic"},
    "02_b": {"seed": 0, "epochs": 3, "rate": 0.1, "sizes": [8], "limit": None, "fast": False},
}


def test_resolve_gives_each_notebook_what_it_declares():
    given = resolve(
        DECLARED,
        {"seed": 1},
        ["02_b.seed=2", "seed=3", "data=/a+b.zip", "rate=1", "limit=[1, 'x']", "fast = True"],
    )
    assert given == {
        "01_a": {"seed": 3, "data": "/a+b.zip"},
        # The setting of one notebook wins over that of all, wherever it stands.
        "02_b": {"seed": 2, "rate": 1.0, "limit": [1, "x"], "fast": True},
    }
    assert type(given["02_b"]["rate"]) is float


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epoch=5", "`epoch` must be a parameter of a notebook.*Declared are data, epochs, fast"),
        ("01_a.epochs=5", "`epochs` must be a parameter of 01_a.*Declared are data, seed"),
        ("03_c.epochs=5", "one of the notebooks 01_a, 02_b; got '03_c'"),
        ("epochs=5O", "`epochs` of 02_b must be int.*got str '5O'"),
        ("epochs=2.5", "must be int.*got float 2.5"),
        ("epochs=True", "must be int.*got bool True"),
        ("fast=1", "must be bool.*got int 1"),
        ("sizes=(1, 2)", r"must be .* list.*got tuple \(1, 2\)"),
        ("limit=(1, 2)", r"`limit` of 02_b must be a str.*got tuple \(1, 2\)"),
        ("data=None", "must be str.*got NoneType None"),
        ("data=my photos", "literal or a bare word; got 'my photos'"),
        ("epochs", "name=value .*; got 'epochs'"),
        ("=5", "name=value .*; got '=5'"),
    ],
)
def test_resolve_refuses(override, message):
    with pytest.raises(PosekitError, match=message):
        resolve(DECLARED, {}, [override])


def test_resolve_refuses_paths_and_unknown_names_together():
    with pytest.raises(
        PosekitError, match="(?s)must be a str.*got PosixPath.*`sed` must be a param"
    ):
        resolve(DECLARED, {"data": Path("x"), "sed": 1})


def test_notebook_page_needs_no_network():
    figure = new_output("display_data", {"image/png": PNG})
    node = notebook("plot()", title="Q & A")
    progress = new_output("stream", text="1/2\r2/2\n")
    node.cells[2].update(outputs=[figure, progress], execution_count=1)
    before = json.dumps(node)
    page = notebook_page(node, title="Q & A", previous="01_a", following="03_c")
    assert json.dumps(node) == before
    assert loads_of(page) == []
    assert loads_of(HTMLExporter().from_notebook_node(node)[0])  # the measure does find them
    soup = BeautifulSoup(page, "html.parser")
    assert soup.img["src"] == f"data:image/png;base64,{PNG}"
    assert soup.title.text == "Q & A"
    assert not soup.select("script")
    assert "default-src 'none'" in soup.select_one("meta[http-equiv]")["content"]
    assert [a["href"] for a in soup.nav.select("a")] == ["index.html", "01_a.html", "03_c.html"]
    assert "plot()" in soup.text and "2/2" in soup.text and "1/2" not in soup.text


def test_headline_must_be_showable(tmp_path):
    (tmp_path / "training.json").write_text('{"headline": [{"label": "PCK"}]}')
    with pytest.raises(PosekitError, match="02_training: `headline` of training.json .*'PCK'"):
        headline_of(tmp_path, "02_training")
    assert headline_of(tmp_path, "03_batchnorm_comparison") == []


def test_run_refuses_before_it_writes(tmp_path):
    run_dir, folder = tmp_path / "run", save(tmp_path / "notebooks", n01_a=notebook())
    with pytest.raises(PosekitError, match="`sede` must be a parameter"):
        runner.run(run_dir, parameters={"sede": 1}, notebooks_dir=folder)
    with pytest.raises(PosekitError, match="`notebooks` must hold names .* 01_a; got '02'"):
        runner.run(run_dir, parameters=GIVEN, notebooks=["02"], notebooks_dir=folder)
    with pytest.raises(PosekitError, match=f"NN_name.ipynb; got {tmp_path}"):
        runner.run(run_dir, parameters=GIVEN, notebooks_dir=tmp_path)
    assert not run_dir.exists()


def test_second_run_into_the_folder_names_the_first(tmp_path):
    folder = save(tmp_path / "notebooks", n01_a=notebook())
    in_use = f"report {tmp_path}/run: must be used by one .* got process {os.getpid()} on "
    with (
        locks.held(tmp_path / "run" / ".lock", what="the first"),
        pytest.raises(PosekitError, match=in_use),
    ):
        runner.run(tmp_path / "run", parameters=GIVEN, notebooks_dir=folder)


EXPLORE = notebook(
    "import json, os, sys\n"
    "from pathlib import Path\n"
    "import posekit\n"
    "facts = {'seed': seed, 'python': sys.executable, 'cwd': os.getcwd()}\n"
    "facts['posekit'] = posekit.__file__\n"
    "Path(run_dir, 'facts.json').write_text(json.dumps(facts))",
    "from IPython.display import Image, display\n"
    f"import base64; display(Image(base64.b64decode({PNG!r}), format='png'))\n"
    "print(os.environ['MPLBACKEND'])",
    title="01 Explore <data>",
)
EXPLORE.cells[3].metadata["tags"] = ["headline"]
HEADLINE = [
    {"label": "<b>PCK</b>", "value": 0.4567891, "interval": [0.4, 0.5], "note": "of <i>1</i>"}
]
TRAIN = notebook(
    f"from posekit import files\nheadline = {HEADLINE!r}\n"
    "files.write_json(run_dir + '/training.json', {'headline': headline})",
    parameters=PARAMETERS + "epochs = 1\n",
    title="02 Train",
)
TRAIN.cells[-1].metadata["tags"] = ["headline"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two notebooks, in an environment with a stray kernelspec and another backend."""
    root = tmp_path_factory.mktemp("{finished}")  # papermill would format a path with braces
    folder = save(root / "notebooks", **{"n01_explore": EXPLORE, "n02_training": TRAIN})
    stray = root / "jupyter" / "kernels" / "python3"
    stray.mkdir(parents=True)
    kernel = {"argv": ["false"], "display_name": "x", "language": "python"}
    (stray / "kernel.json").write_text(json.dumps(kernel))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(root / "jupyter"))
        patch.setenv("MPLBACKEND", "agg")
        page = runner.run(
            root / "run",
            parameters=GIVEN,
            overrides=["02_training.epochs=5"],
            notebooks_dir=folder,
        )
    return page, folder


def test_run_gives_the_parameters_to_this_python(finished):
    page, folder = finished
    facts = json.loads((page.parent / "facts.json").read_text())
    assert facts == {
        "seed": 7,
        "python": sys.executable,
        "cwd": str(folder),
        "posekit": str(files.PROJECT_ROOT / "posekit" / "__init__.py"),
    }


def test_index_json_holds_the_facts(finished):
    run_dir = finished[0].parent
    index, entries = read_index(run_dir)
    assert index["parameters"] == GIVEN and index["overrides"] == ["02_training.epochs=5"]
    assert index["provenance"]["versions"]["numpy"]
    assert [entry["status"] for entry in entries.values()] == ["ok", "ok"]
    assert entries["02_training"]["parameters"] == {"run_dir": str(run_dir), "seed": 7, "epochs": 5}
    assert entries["02_training"]["headline"] == HEADLINE
    assert entries["01_explore"]["answer"] == "It is `so`."
    for entry in entries.values():
        assert 0 < entry["compute_seconds"] < entry["seconds"] < index["seconds"]
        assert (run_dir / entry["html"]).exists() and (run_dir / entry["executed"]).exists()
    assert not list(run_dir.rglob(".partial-*"))


def test_index_page_shows_and_escapes(finished):
    page = finished[0].read_text()
    soup = BeautifulSoup(page, "html.parser")
    assert loads_of(page) == []
    assert [image["src"] for image in soup.select("img")] == [f"data:image/png;base64,{PNG}"]
    assert soup.img["alt"] == "Figure of 01 Explore <data>"
    assert not soup.select("script, main b, main i")
    assert "<b>PCK</b>" in soup.text and "0.4568" in soup.text and "0.40 to 0.50" in soup.text
    assert "01 Explore <data>" in soup.text
    # The answer is rendered, here and on the notebook's page, where it comes first.
    assert str(soup.select_one(".answer p")) == "<p>It is <code>so</code>.</p>"
    first = BeautifulSoup((finished[0].parent / "01_explore.html").read_text(), "html.parser")
    assert [tag.name for tag in first.select("h1, #answer, .cell")][:3] == ["h1", "div", "div"]
    assert first.select_one("#answer").text.strip() == "It is so."
    assert {"01_explore.html", "02_training.html"} <= {a["href"] for a in soup.select("a")}
    assert not soup.select(".alert")


def test_notebook_pages_show_code_and_figures(finished):
    run_dir = finished[0].parent
    page = (run_dir / "01_explore.html").read_text()
    assert loads_of(page) == [] and f"data:image/png;base64,{PNG}" in page
    assert "module://matplotlib_inline.backend_inline" in page
    assert "Path(run_dir, 'facts.json')" in BeautifulSoup(page, "html.parser").text


def test_resume_reruns_what_changed_and_what_follows(finished, capsys):
    page, folder = finished
    run_dir = page.parent
    _, first = read_index(run_dir)

    def resume(overrides):
        settings = {"parameters": GIVEN, "overrides": overrides, "notebooks_dir": folder}
        runner.run(run_dir, resume=True, **settings)
        _, entries = read_index(run_dir)
        return entries, [entry["status"] for entry in entries.values()]

    entries, statuses = resume(["02_training.epochs=5"])
    assert statuses == ["reused", "reused"]
    said = capsys.readouterr().err
    assert re.search(r"2 notebooks on None \(profile None\) into .*/run:", said)
    assert re.search(r"^ +[\d.]+ s  02 Train$", said, re.MULTILINE)
    assert said.endswith("\n02 Train\n  It is so.\n")
    assert entries["01_explore"]["finished"] == first["01_explore"]["finished"]
    assert re.search(r"^01_explore  reused  [\d.]+ s$", said, re.MULTILINE)

    _, statuses = resume(["02_training.epochs=6"])
    assert statuses == ["reused", "ok"]

    # 02 depends on whatever 01 wrote, so a new 01 makes a new 02.
    save(folder, n01_explore=notebook("changed = 1", title="01 Explore"))
    _, statuses = resume(["02_training.epochs=6"])
    assert statuses == ["ok", "ok"]


PAGE, EXECUTED, NEEDED = "02_training.html", "executed/02_training.ipynb", "training/a/best.keras"


@pytest.fixture
def finished_entry(tmp_path):
    """A folder with what a notebook left there, and its entry in the index."""
    left = {PAGE: "page", EXECUTED: "cells", NEEDED: "network", "training.json": "{}"}
    for path, text in left.items():
        files.write_text(tmp_path / path, text)
    entry = {
        **runner.BLANK_ENTRY,
        "name": "02_training",
        "status": "ok",
        "inputs": {"parameters": {"seed": 0}},
        "files": {path: files.digest(tmp_path / path) for path in left},
    }
    files.write_json(tmp_path / "index.json", {"notebooks": [entry]})
    return entry


def test_what_a_notebook_left_is_what_its_artifact_needs_as_well(tmp_path):
    files.write_json(tmp_path / "training.json", {"needs": [NEEDED]})
    assert list(runner._files_of(tmp_path, "02_training")) == ["training.json", NEEDED]
    assert list(runner._files_of(tmp_path, "03_batchnorm_comparison")) == []


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("?")])
@pytest.mark.parametrize("name", [PAGE, EXECUTED, "training.json", NEEDED])
def test_earlier_results_count_while_their_files_are_as_they_were(
    tmp_path, finished_entry, name, damage
):
    assert runner._earlier_entries(tmp_path) == {"02_training": finished_entry}
    damage(tmp_path / name)
    with pytest.warns(UserWarning, match=f"02_training: {tmp_path / name} is missing or not as"):
        assert runner._earlier_entries(tmp_path) == {}


@pytest.mark.parametrize("content", ["", "[]", '{"notebooks": [1]}', '{"notebooks": 1}'])
def test_a_damaged_index_is_set_aside(tmp_path, content):
    (tmp_path / "index.json").write_text(content)
    with pytest.warns(UserWarning, match=r"index\.json: is damaged .* as index\.json\.damaged"):
        assert runner._earlier_entries(tmp_path) == {}
    assert not (tmp_path / "index.json").exists()


def test_an_index_of_an_earlier_version_is_not_called_damaged(tmp_path, finished_entry):
    del finished_entry["files"]
    files.write_json(tmp_path / "index.json", {"notebooks": [finished_entry]})
    assert runner._earlier_entries(tmp_path) == {}
    assert (tmp_path / "index.json").exists()


def test_what_may_be_reused_stays_done_until_its_turn(finished_entry):
    node = notebook()
    for may_stay, status in ((True, "kept"), (False, "not run")):
        entry = runner._waiting_entry("02_training", node, finished_entry, may_stay)
        assert entry["status"] == status and entry["files"] == finished_entry["files"]
    assert runner._waiting_entry("02_training", node, None, True)["status"] == "not run"


def test_failure_keeps_the_part_before_it(tmp_path):
    failing = notebook("print('got' + ' here')", "raise KeyError('<joint>')", "print('no' + 'pe')")
    folder = save(tmp_path / "notebooks", n01_a=notebook(), n02_b=failing, n03_c=notebook())
    run_dir = tmp_path / "run"
    message = "02_b failed in cell 4 of 6: KeyError: '<joint>'"
    with pytest.raises(runner.ReportFailed, match=message) as caught:
        runner.run(run_dir, parameters=GIVEN, notebooks_dir=folder)
    assert caught.value.index == run_dir / "index.html"

    index, entries = read_index(run_dir)
    assert [entry["status"] for entry in entries.values()] == ["ok", "failed", "not run"]
    assert index["finished"] and entries["02_b"]["error"]["message"] == "'<joint>'"
    assert (run_dir / "01_a.html").exists() and not (run_dir / "03_c.html").exists()

    page = BeautifulSoup((run_dir / "02_b.html").read_text(), "html.parser")
    assert "got here" in page.text and "nope" not in page.text
    banner = page.select_one(".report-error").text.split()
    assert banner == ["This", "notebook", "stopped", "in", "cell", "4:", "KeyError", "'<joint>'"]
    assert [a["href"] for a in page.nav.select("a")] == ["index.html", "01_a.html"]

    overview = BeautifulSoup((run_dir / "index.html").read_text(), "html.parser")
    assert "'<joint>'" in overview.select_one("[id='02_b'] .alert").text
    page_name, anchor = overview.select_one("[id='02_b'] .alert a")["href"].split("#")
    assert page_name == "02_b.html" and page.find(id=anchor)

    # Mended, the run goes on where it stopped.
    save(folder, n02_b=notebook("mended = 1"))
    only = {"notebooks": ["01", "02_b"], "notebooks_dir": folder}
    runner.run(run_dir, parameters=GIVEN, resume=True, **only)
    _, entries = read_index(run_dir)
    assert [entry["status"] for entry in entries.values()] == ["reused", "ok", "not run"]


@pytest.mark.parametrize(
    ("leave", "error"),
    [("import sys; sys.exit(0)", "SystemExit"), ("import os; os._exit(0)", "DeadKernelError")],
)
def test_leaving_the_kernel_is_a_failure(tmp_path, leave, error):
    folder = save(tmp_path / "notebooks", n01_a=notebook(leave, "after = 1"))
    with pytest.raises(runner.ReportFailed, match=f"01_a failed in cell 3 of 5: {error}"):
        runner.run(tmp_path / "run", parameters=GIVEN, notebooks_dir=folder)
    assert error in (tmp_path / "run" / "01_a.html").read_text()
