"""Comparing a report with its rerun, on folders made by hand; the last test runs a notebook."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from posekit.cli.main import main
from posekit.errors import PosekitError
from posekit.report import runner, verify
from posekit.report.parameters import resolve

TRAINING = {
    "data": {"fingerprint": "aa", "frames_megabytes": 1.5},
    "runs": [{"validation_mse": 200.0, "seconds": 5.0, "folder": "training/net"}],
    "headline": [
        {"label": "validation MSE", "value": 200.0, "interval": [190.0, None]},
        {"label": "time of a step", "value": 3.0},
    ],
    "settings": {"seed": 0},
    "python": "3.11.1",
    "versions": {"keras": "3.15.1"},
    "git_commit": "abc",
    "cores": 2,
}
HISTORY = [{"epoch": 1, "validation_mse": 200.0, "seconds": 9.0}]
PARAMETERS = {
    "run_dir": "/elsewhere",
    "data": "it's {odd} \"data\"",
    "rate": 0.5,
    "epochs": None,
    "treatments": ["masked", "poster"],
    "deterministic": False,
}


def write(run_dir, training=TRAINING, history=HISTORY, status="ok"):
    """A run of one notebook with one training."""
    entries = [
        {"name": "02_training", "status": status, "parameters": PARAMETERS},
        {"name": "03_more", "status": "not run", "parameters": {}},
    ]
    files = {
        "index.json": {"notebooks": entries, "seconds": 1.0},
        "training.json": training,
        "training/net/history.json": history,
        "training/net/previous/history.json": [],
    }
    for name, content in files.items():
        (run_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (run_dir / name).write_text(json.dumps(content))
    return run_dir


def changed(**changes):
    return {**TRAINING, **changes}


def compared(tmp_path, **second):
    write(tmp_path / "first")
    return verify.compare(tmp_path / "first", write(tmp_path / "second", **second))


def row_of(result, name="training.json"):
    (row,) = [row for row in result["files"] if row["file"] == name]
    return row


def test_settings_give_every_parameter_back(tmp_path):
    settings = verify.settings(write(tmp_path))
    assert settings["notebooks"] == ["02_training"]
    defaults = {"data": "synthetic", "rate": 0.1, "epochs": None, "treatments": []}
    declared = {"02_training": {**defaults, "run_dir": "", "deterministic": True}}
    given = resolve(declared, {"run_dir": "/new"}, settings["overrides"])
    assert given == {"02_training": {**PARAMETERS, "run_dir": "/new"}}


def test_settings_need_a_finished_run(tmp_path):
    with pytest.raises(PosekitError, match=r"must be the folder of a report; got no index\.json"):
        verify.settings(tmp_path)
    write(tmp_path, status="failed")
    with pytest.raises(PosekitError, match=r"got 02_training \(failed\), 03_more \(not run\)"):
        verify.settings(tmp_path)


def test_equal_runs_agree_whatever_the_clock_says(tmp_path):
    slower = changed(
        runs=[{**TRAINING["runs"][0], "seconds": 77.0}],
        headline=[TRAINING["headline"][0], {"label": "time of a step", "value": 4.0}],
    )
    result = compared(tmp_path, training=slower, history=[{**HISTORY[0], "seconds": 1.0}])
    assert result["agrees"]
    assert [row["file"] for row in result["files"]] == [
        "training.json",
        "training/net/history.json",
    ]
    # Fingerprint, megabytes, mse, folder, label, value, both ends of the interval, seed.
    assert row_of(result) == {
        "file": "training.json",
        "equal": 9,
        "within": 0,
        "beyond": 0,
        "largest": None,
    }
    assert verify.to_text(result).splitlines()[-1] == "verified: all values are equal"


def test_a_small_difference_is_within_the_tolerance(tmp_path):
    history = [{**HISTORY[0], "validation_mse": 200.0 * (1 - 0.9 * 5e-4)}]
    result = compared(tmp_path, history=history)
    row = row_of(result, "training/net/history.json")
    assert result["agrees"] and (row["equal"], row["within"], row["beyond"]) == (1, 1, 0)
    assert row["largest"]["path"] == "[0].validation_mse"
    last = verify.to_text(result).splitlines()[-1]
    assert last == "verified: 1 values differ, none by more than 0.0005 of its size"


@pytest.mark.parametrize(
    ("headline", "path", "first", "second"),
    [
        ({"value": 201.0}, "headline[validation MSE].value", 200.0, 201.0),
        ({"interval": [190.0, 191.0]}, "headline[validation MSE].interval[1]", None, 191.0),
        ({"note": "new"}, "headline[validation MSE].note", "nothing", "new"),
        ({"value": True}, "headline[validation MSE].value", 200.0, True),
    ],
)
def test_a_large_difference_is_named(tmp_path, headline, path, first, second):
    rows = [{**TRAINING["headline"][0], **headline}, TRAINING["headline"][1]]
    result = compared(tmp_path, training=changed(headline=rows))
    row = row_of(result)
    assert not result["agrees"] and row["beyond"] == 1
    assert row["largest"] == {"path": path, "first": first, "second": second}
    words = verify.to_text(result)
    assert f"{path}: {first} then, {second} now" in words
    assert words.endswith("not verified: 1 values differ by more than 0.0005 of its size")


def test_what_is_missing_differs(tmp_path):
    write(tmp_path / "second")
    first = write(tmp_path / "first")
    (first / "training.json").unlink()
    row = row_of(verify.compare(first, tmp_path / "second"))
    assert (row["equal"], row["beyond"]) == (0, 9)


def test_rounding_around_zero_is_within(tmp_path):
    near_zero = [{"epoch": 1, "validation_mse": 0.0, "seconds": 9.0}]
    write(tmp_path / "first", history=near_zero)
    write(tmp_path / "second", history=[{**near_zero[0], "validation_mse": 1e-12}])
    result = verify.compare(tmp_path / "first", tmp_path / "second")
    assert result["agrees"] and row_of(result, "training/net/history.json")["within"] == 1


def test_other_versions_and_data_are_named(tmp_path):
    other = changed(versions={"keras": "4.0"}, data={**TRAINING["data"], "fingerprint": "bb"})
    result = compared(tmp_path, training=other)
    assert [row["name"] for row in result["conditions"] if not row["same"]] == [
        "data fingerprint",
        "keras",
    ]
    words = verify.to_text(result)
    assert "other keras: 3.15.1 then, 4.0 now" in words
    assert "other data fingerprint: aa then, bb now" in words
    assert "cores" not in words


@pytest.fixture
def rerun(monkeypatch, tmp_path):
    """Stands in for the report runner: `rerun(training)` decides what the second run records."""

    def prepare(training):
        def run(run_dir, *, parameters, overrides, notebooks):
            assert parameters == {} and notebooks == ["02_training"]
            write(run_dir, training=training)

        monkeypatch.setattr(runner, "run", run)
        return write(tmp_path / "mine")

    return prepare


def test_the_command_verifies_and_cleans_up(rerun, tmp_path, capsys):
    run_dir = rerun(TRAINING)
    assert main(["report", "--verify", str(run_dir)]) == 0
    assert "verified: all values are equal" in capsys.readouterr().out
    written = json.loads((run_dir / "verification.json").read_text())
    assert written["agrees"] and written["versions"]
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_command_tells_of_differences_and_keeps_the_rerun(rerun, tmp_path, capsys):
    run_dir = rerun(changed(settings={"seed": 1}))
    assert main(["report", "--verify", str(run_dir)]) == 1
    printed = capsys.readouterr().out
    assert "settings.seed: 0 then, 1 now" in printed
    (kept,) = tmp_path.glob("mine-again-*")
    assert f"the rerun stays in {kept}" in printed


def test_the_command_refuses_a_folder_without_a_report(tmp_path, capsys):
    assert main(["report", "--verify", str(tmp_path)]) == 2
    assert "got no index.json" in capsys.readouterr().err


def test_bad_settings_leave_no_folder_behind(rerun, tmp_path, monkeypatch, capsys):
    run_dir = rerun(TRAINING)

    def refuse(*arguments, **settings):
        raise PosekitError("parameters: `treatments` must be a parameter; got a name.")

    monkeypatch.setattr(runner, "run", refuse)
    assert main(["report", "--verify", str(run_dir)]) == 2
    assert "`treatments`" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_failed_rerun_is_no_verification(rerun, monkeypatch, tmp_path, capsys):
    run_dir = rerun(TRAINING)

    def fail(*arguments, **settings):
        raise runner.ReportFailed("02_training failed in cell 3", tmp_path / "index.html")

    monkeypatch.setattr(runner, "run", fail)
    assert main(["report", "--verify", str(run_dir)]) == 1
    assert "02_training failed in cell 3" in capsys.readouterr().err
    assert not (run_dir / "verification.json").exists()


def test_a_real_run_is_verified(tmp_path, monkeypatch, capsys):
    cells = [
        new_markdown_cell("# A title"),
        new_code_cell('run_dir = ""\nseed = 0\nwords = []', metadata={"tags": ["parameters"]}),
        new_code_cell(
            "import time\n"
            "import numpy as np\n"
            "from posekit import notebook\n"
            "session = notebook.start(run_dir)\n"
            "drawn = np.random.default_rng(seed).normal(size=3)\n"
            "result = {'drawn': drawn, 'words': words, 'seconds': time.time()}\n"
            "session.write('training.json', result)"
        ),
    ]
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    nbformat.write(new_notebook(cells=cells), notebooks / "02_training.ipynb")
    monkeypatch.setitem(runner.run.__kwdefaults__, "notebooks_dir", notebooks)
    run_dir = tmp_path / "mine"
    runner.run(run_dir, parameters={"seed": 5}, overrides=["words=['it\\'s', 'so']"])
    first = json.loads((run_dir / "training.json").read_text())
    assert main(["report", "--verify", str(run_dir)]) == 0
    assert "verified: all values are equal" in capsys.readouterr().out
    (row,) = json.loads((run_dir / "verification.json").read_text())["files"]
    # Three numbers, two words; as settings these words and the seed.
    assert (row["file"], row["equal"]) == ("training.json", 8)
    assert json.loads((run_dir / "training.json").read_text()) == first
