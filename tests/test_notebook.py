import nbformat
import pytest
from bs4 import BeautifulSoup
from IPython.core.interactiveshell import InteractiveShell

from posekit import files, notebook
from posekit.errors import PosekitError
from posekit.report import parameters


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


SUITE = sorted((files.PROJECT_ROOT / "notebooks").rglob("*.ipynb"))


@pytest.mark.parametrize("path", SUITE, ids=lambda path: path.stem)
def test_every_parameter_of_the_suite_has_its_kind(path):
    declared = parameters.declared(path.stem, nbformat.read(path, as_version=4))
    assert declared and set(declared) <= set(notebook.KINDS)
    assert notebook._as_meant({}, declared) == [{}, declared]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("epochs = '50'", {"epochs": 50}),
        ("epochs = 50.0", {"epochs": 50}),
        ("epochs = 'none'", {"epochs": None}),
        ("seeds = '[0, 1]'", {"seeds": [0, 1]}),
        ("seeds = '0,1'", {"seeds": [0, 1]}),
        ("seeds = 3", {"seeds": [3]}),
        ("seeds = [0.0, '1']", {"seeds": [0, 1]}),
        ("deterministic = 'true'", {"deterministic": True}),
        ("deterministic = 0", {"deterministic": False}),
        ("learning_rate = 1", {"learning_rate": 1.0}),
        ("learning_rate = '1e-3'", {"learning_rate": 0.001}),
        ("label_treatments = 'masked'", {"label_treatments": ["masked"]}),
        ("label_treatments = '[masked, poster]'", {"label_treatments": ["masked", "poster"]}),
        ('activities = \'["run", "jump"]\'', {"activities": ["run", "jump"]}),
        ("fractions = '[0.5, 1]'", {"fractions": [0.5, 1.0]}),
        ("seed = '12345678901234567'", {"seed": 12345678901234567}),
    ],
)
def test_parameters_reach_the_notebook_as_what_they_mean(shell, given, meant):
    cell_by_cell(shell, given, "from posekit import notebook", "session = notebook.start('x')")
    assert {name: shell.user_ns[name] for name in meant} == meant
    assert shell.user_ns["session"].settings == meant
    (value,) = meant.values()
    (kept,) = shell.user_ns["session"].settings.values()
    assert type(kept) is type(value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("epochs = 'many'", "`epochs` must be a whole number, or None; got str 'many'"),
        ("epochs = 1.5", "`epochs` must be a whole number, or None; got float 1.5"),
        ("epochs = True", "`epochs` must be a whole number, or None; got bool True"),
        ("seeds = '[0, x]'", "`seeds` must be a list, each entry a whole number, or None; got str"),
        ("deterministic = 'maybe'", "`deterministic` must be True or False; got str 'maybe'"),
        ("learning_rate = 'nan'", "`learning_rate` must be a number; got str 'nan'"),
        ("profile = 7", "`profile` must be text; got int 7. papermill passes text .* -r"),
        ("seed = None", "`seed` must be a whole number; got NoneType None"),
    ],
)
def test_what_a_parameter_cannot_mean_is_refused_by_name(shell, given, message):
    cell_by_cell(shell, given, "from posekit import notebook")
    with pytest.raises(PosekitError, match=message):
        cell_by_cell(shell, "notebook.start('x')")


def test_all_refused_parameters_come_together(shell):
    cell_by_cell(shell, "epochs = 'many'\nseeds = 'x'", "from posekit import notebook")
    with pytest.raises(PosekitError, match="`epochs` (.|\n)*`seeds`"):
        cell_by_cell(shell, "notebook.start('x')")
