import pytest
from bs4 import BeautifulSoup
from IPython.core.interactiveshell import InteractiveShell

from posekit import files, notebook
from posekit.errors import PosekitError


def cells(rows):
    soup = BeautifulSoup(notebook.table(rows).data, "html.parser")
    head = [cell.text for cell in soup.select("thead th")]
    return head, [[cell.text for cell in row.select("td")] for row in soup.select("tbody tr")]


def test_first_row_names_and_orders_the_columns():
    head, body = cells([{"a": 1, "b": 2}, {"b": 4, "a": 3}])
    assert head == ["a", "b"]
    assert body == [["1", "2"], ["3", "4"]]


def test_markup_in_names_and_values_is_text():
    rows = [{"<b>name</b>": "<script>&'\""}]
    assert cells(rows) == (["<b>name</b>"], [["<script>&'\""]])
    assert "<script>" not in notebook.table(rows).data


def cell_by_cell(shell, *sources):
    for source in sources:
        shell.run_cell(source, store_history=True).raise_error()


@pytest.fixture
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_a_session_stores_every_parameter_with_a_result(shell, tmp_path):
    cell_by_cell(
        shell,
        f"run_dir = {str(tmp_path)!r}  # where\nseeds = None\nrate = 0.5\nnames = ['a', 'b']",
        "rate = 0.25  # given by papermill",
        "from posekit import notebook\nother = 1",
        "session = notebook.start(run_dir)",
        "seeds, late = seeds or [3, 4], 'late'",
        "session.write('a.json', {'headline': [1], 'python': 'its own'}, seeds=seeds)",
        "session.write('b.json', {})",
    )
    first, second = (files.read_json(tmp_path / name) for name in ("a.json", "b.json"))
    assert first["settings"] == {"names": ["a", "b"], "rate": 0.25, "seeds": [3, 4]}
    assert second["settings"] == {"names": ["a", "b"], "rate": 0.25, "seeds": None}
    assert first["headline"] == [1] and first["python"] == "its own"
    assert second["versions"]["numpy"] and second["python"] != "its own"


def test_a_session_outside_ipython_knows_its_arguments(monkeypatch, experiment):
    monkeypatch.setattr("posekit.pipeline.experiment.open_experiment", lambda *_, **__: experiment)
    session = notebook.start("reports/a", data="synthetic", profile="smoke", seed=3)
    assert session.run_path == files.PROJECT_ROOT / "reports" / "a"
    assert session.experiment is experiment
    assert experiment.dataset.fingerprint() in session.describe().data
    assert session.settings == {
        "data": "synthetic",
        "profile": "smoke",
        "seed": 3,
        "split": "standard",
        "bad_images": "error",
        "deterministic": False,
    }


@pytest.mark.parametrize(
    "cell", ["x = y", "x = 1\nprint(x)", "import x", "%pwd", "x: int = 1", "5"]
)
def test_only_cells_of_literals_hold_parameters(cell):
    assert notebook._assigned_literals("x = -1\ny = [None, {'a': 0.5}]") == ["x", "y"]
    assert notebook._assigned_literals(cell) == []


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("seeds = '[0, 1]'", {"seeds": [0, 1]}),
        ("seeds = [3]", {"seeds": [3]}),
        ("epochs = None", {"epochs": None}),
        ("activities = \'[\"run\", \"jump\"]\'", {"activities": ["run", "jump"]}),
        ("profile = 'quick'", {"profile": "quick"}),
    ],
)
def test_lists_that_papermill_passes_as_text_are_lists(shell, given, meant):
    cell_by_cell(shell, given, "from posekit import notebook", "session = notebook.start('x')")
    assert {name: shell.user_ns[name] for name in meant} == meant
    assert shell.user_ns["session"].settings == meant


def test_a_list_that_cannot_be_read_is_named(shell):
    cell_by_cell(shell, "seeds = '[0, x]'", "from posekit import notebook")
    with pytest.raises(PosekitError, match="`seeds` must be text or a list .*; got '.0, x.'"):
        cell_by_cell(shell, "notebook.start('x')")
