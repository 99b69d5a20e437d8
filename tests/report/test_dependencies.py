"""What decides a notebook's result: its source, the code, files, and earlier notebooks."""

import os

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from posekit import files
from posekit.report import dependencies

NAMES = ["01_facts", "02_training", "04_looks"]


def inputs_of(values, source="", finished="then"):
    """What decides the result of the third of three notebooks."""
    entries = [{"name": name, "finished": finished} for name in NAMES]
    index = {"notebooks": entries, "provenance": {"python": "3", "versions": {}}}
    cell = new_code_cell(source, metadata={"tags": []})
    return dependencies.inputs_of("04_looks", new_notebook(cells=[cell]), values, index)


@pytest.mark.parametrize("parameter", ["labels", "model", "data"])
def test_inputs_follow_every_file_that_a_parameter_names(tmp_path, parameter):
    file = tmp_path / "file"
    file.write_text("image,activity\nim1,tennis\n")
    values = {parameter: str(file), "profile": "smoke", "run_dir": str(tmp_path), "seeds": None}
    before = inputs_of(values)
    assert inputs_of(values) == before
    file.write_text("image,activity\nim1,football\n")
    assert inputs_of(values) != before


def test_inputs_follow_models_and_stored_results(monkeypatch, tmp_path):
    monkeypatch.setattr(dependencies, "PROJECT_ROOT", tmp_path)
    states = [inputs_of({})["files"]]
    for name in ("models/best/person.keras", "reports/ladder.json"):
        files.write_text(tmp_path / name, "1")
        states.append(inputs_of({})["files"])
    files.write_text(tmp_path / "reports" / "run" / "index.json", "another run")
    assert inputs_of({})["files"] == states[-1] and len(set(states)) == 3


def test_inputs_follow_the_code_that_computes(monkeypatch, tmp_path):
    monkeypatch.setattr(dependencies, "PACKAGE", tmp_path)
    codes = [dependencies.code()]
    for name in ("files.py", "training/fit.py", "datasets/mirrors.toml"):
        files.write_text(tmp_path / name, "x = 1")
        codes.append(dependencies.code())
    for name in ("cli/main.py", "report/runner.py", "training/notes.txt"):
        files.write_text(tmp_path / name, "x = 1")
    assert dependencies.code() == codes[-1] and len(set(codes)) == 4


def test_inputs_follow_the_earlier_notebooks_that_are_read():
    read = "session.read('training.json')"
    # Nobody knows what a notebook without a listed artifact writes.
    assert list(inputs_of({})["before"]) == ["01_facts"]
    assert list(inputs_of({}, read)["before"]) == ["01_facts", "02_training"]
    assert inputs_of({}, read, "now") != inputs_of({}, read)


def test_the_projects_notebooks_read_the_training_that_they_show():
    suite = {
        path.stem: nbformat.read(path, as_version=4)
        for path in sorted((files.PROJECT_ROOT / "notebooks").glob("[0-9]*.ipynb"))
    }
    read = {name: dependencies.read_by(name, suite[name], list(suite)) for name in suite}
    reading = {"04_prediction_visualization", "05_saliency"}
    assert {name for name, others in read.items() if others} == reading
    assert all(read[name] == ["02_training"] for name in reading)


def test_data_state_follows_labels_and_pictures(tmp_path):
    labels, picture = tmp_path / "joints.mat", tmp_path / "images" / "im00001.jpg"
    picture.parent.mkdir()
    for path in (labels, picture):
        path.write_bytes(b"12")

    def data_state():
        paths = [str(tmp_path), str(tmp_path / "none.zip")]
        return dependencies.state_named(os.pathsep.join(paths))

    states = [data_state()]
    assert data_state() == states[0]
    labels.write_bytes(b"123")
    states.append(data_state())
    picture.write_bytes(b"123")
    states.append(data_state())
    # Another picture of the same size shows in its time.
    os.utime(picture, ns=(0, 0))
    states.append(data_state())
    picture.rename(picture.with_stem("im00002"))
    states.append(data_state())
    assert len(set(states)) == len(states)
    assert dependencies.state_named("synthetic") is None and dependencies.state_named(3) is None


@pytest.mark.parametrize(
    ("data", "changed"),
    [
        ("people.zip", "people.zip"),
        ("people.zip", "labels.csv"),
        ("own_data.toml", "annotations.json"),
        ("own_data.toml", "images/a.jpg"),
    ],
)
def test_data_state_follows_what_lies_next_to_a_file(tmp_path, data, changed):
    for name in (data, changed, "people.zip"):
        files.write_text(tmp_path / name, "12")
    state = dependencies.state_named(str(tmp_path / data))
    files.write_text(tmp_path / changed, "123")
    assert dependencies.state_named(str(tmp_path / data)) != state
