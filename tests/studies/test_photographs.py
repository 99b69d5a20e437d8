import json
from types import SimpleNamespace

import pytest

from posekit import files
from posekit.errors import PosekitError
from posekit.studies import photographs

SPLIT = {"name": "standard", "seed": 0, "comparable": True, "train": 7282, "validation": 810}


def result(name="lspet", **entries):
    """What a notebook writes on LSPet."""
    return {
        "settings": {"data": "/home/me/lspet_dataset.zip", "seed": 0, "profile": "full"},
        "python": "3.11.9",
        "versions": {"keras": "3.0"},
        "git_commit": "abc123",
        "cores": 2,
        "onednn_fpmath_mode": "STRICT",
        "data": {"name": name, "fingerprint": "f1", "split": SPLIT},
        "headline": [],
        "images_worst_first": [{"image": "im00012"}],
        "publishable": ["mse", "epochs"],
        "mse": 197.23456789,
        "epochs": 10,
        **entries,
    }


def session_on(fingerprint):
    dataset = SimpleNamespace(fingerprint=lambda: fingerprint)
    return SimpleNamespace(experiment=SimpleNamespace(dataset=dataset))


@pytest.fixture
def path(tmp_path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    files.write_json(run_dir / "training.json", result())
    files.write_json(run_dir / "index.json", {"anything": 1})
    target = tmp_path / "photographs.json"
    assert photographs.collect(run_dir, target) == ["training.json"]
    return target


def test_only_what_a_result_calls_publishable_is_copied(path):
    stored = json.loads(path.read_text())["results"]["training.json"]
    assert set(stored) == {"made_by", "data", "mse", "epochs"}
    assert stored["mse"] == 197.235
    assert stored["made_by"]["settings"] == {"seed": 0, "profile": "full"}
    assert not {"/home", "im00012"} & set(path.read_text().split('"'))


def test_other_notebooks_stay_when_one_is_collected_again(path, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    files.write_json(again / "saliency.json", result(mse=1.0))
    photographs.collect(again, path)
    stored = json.loads(path.read_text())["results"]
    assert {name: each["mse"] for name, each in stored.items()} == {
        "saliency.json": 1.0,
        "training.json": 197.235,
    }


def test_runs_on_other_data_read_it_and_the_run_itself_does_not(path):
    found = photographs.tracked(session_on("synthetic"), "training.json", path)
    assert found["mse"] == 197.235
    assert photographs.introduction(found) == (
        "Measured on photographs, LSPet: 7,282 to train, 810 to validate; 10 epochs, seed 0; "
        "posekit at commit abc123. The photographs may not be passed on, so only numbers are "
        "shown."
    )
    assert photographs.tracked(session_on("f1"), "training.json", path) is None
    assert photographs.tracked(session_on("synthetic"), "saliency.json", path) is None
    missing = path.with_name("missing.json")
    assert photographs.tracked(session_on("synthetic"), "training.json", missing) is None
    assert photographs.introduction(None) == "No other run on photographs is stored."


def test_the_commit_of_the_training_is_named():
    made_by = {"settings": {"seed": 0, "trained_at": ["def"]}, "git_commit": "abc"}
    found = {"data": {"split": SPLIT}, "made_by": made_by}
    assert "at commit abc (trained at def). " in photographs.introduction(found)


def test_a_run_on_other_data_is_not_collected(path, tmp_path):
    run_dir, before = tmp_path / "synthetic", path.read_text()
    run_dir.mkdir()
    with pytest.raises(PosekitError, match=r"must hold results of notebooks .* got none"):
        photographs.collect(run_dir, path)
    files.write_json(run_dir / "training.json", result("synthetic"))
    with pytest.raises(PosekitError, match=r"`data.name` must be 'lspet'; got 'synthetic'"):
        photographs.collect(run_dir, path)
    assert path.read_text() == before


def test_a_file_of_another_kind_is_named(path):
    path.write_text('{"version": 2, "results": {}}')
    with pytest.raises(PosekitError, match="must hold `version` 1 .* got version 2"):
        photographs.tracked(session_on("synthetic"), "training.json", path)


def test_the_repositorys_file_holds_numbers_alone():
    if not photographs.TRACKED.is_file():
        pytest.skip("nothing is tracked yet")
    stored = photographs._read(photographs.TRACKED)
    assert stored
    text = photographs.TRACKED.read_text()
    assert '"im0' not in text and ".zip" not in text
