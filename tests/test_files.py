import csv
import errno
import json
import os
import stat
import warnings
from pathlib import Path

import numpy as np
import pytest

from posekit import files
from posekit import provenance as provenance_module
from posekit.errors import PosekitError
from posekit.provenance import VERSIONED_PACKAGES, provenance


@pytest.fixture
def blocked(tmp_path):
    """A folder that cannot exist, not even for root: its parent is a file."""
    (tmp_path / "file").write_text("in the way")
    return tmp_path / "file" / "folder"


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_paths_are_seen_from_the_project(tmp_path):
    assert files.from_root("reports/x") == files.PROJECT_ROOT / "reports" / "x"
    assert files.from_root(str(tmp_path)) == tmp_path
    assert (files.PROJECT_ROOT / "posekit" / "files.py").is_file()


def test_replacing_makes_folders_and_leaves_only_the_file(tmp_path):
    path = tmp_path / "a" / "b" / "model.keras"
    with files.replacing(path) as temporary:
        assert temporary.parent == path.parent and temporary.name.endswith("model.keras")
        assert not path.exists()
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert names_in(path.parent) == ["model.keras"]


def test_a_failure_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "history.json"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="power cut"), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("power cut")
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["history.json"]


@pytest.mark.parametrize("code", files.NO_ROOM)
def test_no_room_is_named_and_leaves_the_old_file_whole(tmp_path, code):
    path = tmp_path / "history.json"
    path.write_text("old")
    finding = rf"history\.json: there must be room to write the file; got {os.strerror(code)}\. "
    with pytest.raises(PosekitError, match=finding), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError(code, "words of a library")
    assert path.read_text() == "old" and names_in(tmp_path) == ["history.json"]


def test_other_faults_keep_their_name(tmp_path):
    with pytest.raises(PermissionError, match="x"), files.replacing(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "x")


def test_the_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    """Else a power cut could leave the new name with none of the content."""
    steps, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: steps.append("content") or fsync(handle))
    monkeypatch.setattr(os, "replace", lambda *names: steps.append("name") or replace(*names))
    files.write_text(tmp_path / "x", "x")
    assert steps == ["content", "name"]


def test_room_is_asked_for_first(tmp_path):
    with pytest.raises(OSError, match="File too large|No space left"):
        files.reserve(tmp_path / "x", 1 << 62)
    files.reserve(tmp_path / "x", 1000)
    assert (tmp_path / "x").stat().st_size in (0, 1000)  # 0 where a system cannot tell


def test_sweeping_removes_half_written_files_alone(tmp_path):
    for name in (".partial-a1_-x.json", ".partial-b-x.json.sha256", ".partial-c-[y].npy", "x.json"):
        (tmp_path / name).touch()
    files.remove_leftovers(tmp_path, "[y].npy")
    assert names_in(tmp_path) == [".partial-a1_-x.json", ".partial-b-x.json.sha256", "x.json"]
    files.remove_leftovers(tmp_path)
    files.remove_leftovers(tmp_path / "not there")
    assert names_in(tmp_path) == ["x.json"]


def test_setting_aside_and_the_digest(tmp_path):
    path = tmp_path / "x.npy"
    for text in ("first", "abc"):
        path.write_text(text)
        aside = files.set_aside(path)
    assert names_in(tmp_path) == ["x.npy.damaged"] and aside.read_text() == "abc"
    # The standard's own example, FIPS 180-2.
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.digest(aside) == known


def test_json_that_cannot_be_written_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "x.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(TypeError, match="object is not JSON serializable"):
        files.write_json(path, {"a": object()})
    assert files.read_json(path) == {"a": 1}
    assert names_in(tmp_path) == ["x.json"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_files_get_the_permissions_of_any_new_file(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        files.write_text(tmp_path / "x.txt", "x")
        assert os.umask(umask) == umask  # the process keeps its own
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.txt").stat().st_mode) == mode


def test_unwritable_folder_is_named(blocked):
    with pytest.raises(PosekitError, match=r"x\.json: the folder .*file/folder must be writable"):
        files.write_json(blocked / "x.json", {})


def test_a_folder_is_no_file_to_write(tmp_path):
    with pytest.raises(PosekitError, match="must be a file to write; got a folder"):
        files.write_json(tmp_path, {})
    assert names_in(tmp_path) == []


def test_json_holds_plain_values(tmp_path):
    value = {
        "float": np.float32(0.5),
        "int": np.int64(3),
        "bool": np.bool_(True),
        "array": np.array([[1.0, np.nan], [np.inf, -np.inf]]),
        "strings": np.array(["im00001"]),
        "nan": float("nan"),
        "path": Path("a/b"),
        "tuple": (1, None),
        np.int64(7): "key",
    }
    files.write_json(tmp_path / "x.json", value)
    assert files.read_json(tmp_path / "x.json") == {
        "float": 0.5,
        "int": 3,
        "bool": True,
        "array": [[1.0, None], [None, None]],
        "strings": ["im00001"],
        "nan": None,
        "path": "a/b",
        "tuple": [1, None],
        "7": "key",
    }
    assert np.isnan(value["nan"]) and np.isnan(value["array"][0, 1])
    strict = (tmp_path / "x.json").read_text()
    assert "NaN" not in strict and "Infinity" not in strict and strict.endswith("}\n")


def test_other_missing_files_are_named(tmp_path, blocked):
    with pytest.raises(PosekitError, match=r"other\.json: the file must exist; got nothing there"):
        files.read_json(tmp_path / "other.json")
    with pytest.raises(PosekitError, match=r"folder/other\.json: the file must exist"):
        files.read_json(blocked / "other.json")


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"\xff\xfe\x00"])
def test_damaged_json_is_named(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(PosekitError, match=r"x\.json: must hold JSON; got .*(char|byte)"):
        files.read_json(tmp_path / "x.json")


def test_csv_quotes_what_needs_it(tmp_path):
    rows = [{"name": 'a "b", c', "value": 1.5}, {"name": "d\ne", "value": 2}]
    files.write_csv(tmp_path / "x.csv", rows)
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [
            {"name": 'a "b", c', "value": "1.5"},
            {"name": "d\ne", "value": "2"},
        ]


def test_npz_needs_no_pickle(tmp_path):
    ids, points = np.array(["a", "bc"]), np.arange(4.0).reshape(2, 2)
    files.write_npz(tmp_path / "x.npz", image_ids=ids, keypoints_px=points)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as stored:
        assert sorted(stored) == ["image_ids", "keypoints_px"]
        np.testing.assert_array_equal(stored["image_ids"], ids)
        np.testing.assert_array_equal(stored["keypoints_px"], points)
    assert names_in(tmp_path) == ["x.npz"]


def test_provenance_names_what_made_an_artifact(monkeypatch):
    monkeypatch.delenv("ONEDNN_DEFAULT_FPMATH_MODE", raising=False)
    found = provenance()
    assert set(found) == {"python", "versions", "git_commit", "cores", "onednn_fpmath_mode"}
    assert provenance(seed=3, epochs=None) == {
        "settings": {"seed": 3, "epochs": None},
        **found,
    }
    assert set(found["versions"]) == set(VERSIONED_PACKAGES)
    assert found["versions"]["numpy"] == np.__version__
    assert json.loads(json.dumps(found)) == found
    assert found["onednn_fpmath_mode"] == "STRICT"
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    assert provenance()["onednn_fpmath_mode"] == "BF16"


def test_provenance_outside_git(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance_module, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(provenance_module, "VERSIONED_PACKAGES", ("no-such-package",))
    found = provenance()
    assert found["git_commit"] is None
    assert found["versions"] == {"no-such-package": None}


def test_a_bounded_file_is_read_up_to_its_limit(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert files.read_bounded(path, 5) == b"12345"
    with pytest.raises(PosekitError, match="at most 4 bytes; got more"):
        files.read_bounded(path, 4)
    with pytest.raises(PosekitError, match="nowhere: must be a file .*; got No such file"):
        files.read_bounded(tmp_path / "nowhere", 4)
    with pytest.raises(PosekitError, match="must be a file .*; got Is a directory"):
        files.read_bounded(tmp_path, 4)


@pytest.fixture
def no_cache_folder(monkeypatch, tmp_path):
    """A project and a home in which nothing can be written: files stand where folders would."""
    for name in ("project", "home"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(files, "PROJECT_ROOT", tmp_path / "project")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    # Set, so that what the code sets is undone after the test.
    monkeypatch.setenv(files.CACHE_VARIABLE, "")


def test_caches_go_where_something_can_be_written(monkeypatch, tmp_path, no_cache_folder):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert files.cache_dir() == tmp_path / "user" / "posekit"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert files.cache_dir() == tmp_path / "user" / ".cache" / "posekit"
    monkeypatch.setattr(files, "PROJECT_ROOT", tmp_path)
    assert files.cache_dir() == tmp_path / ".cache"
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "asked"))
    assert files.cache_dir() == tmp_path / "asked" and (tmp_path / "asked").is_dir()


def test_a_temporary_cache_is_said_once_and_kept(no_cache_folder):
    with pytest.warns(UserWarning, match="caches go to .*--cache-dir or POSEKIT_CACHE"):
        folder = files.cache_dir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert files.cache_dir() == folder and folder.is_dir()
    folder.rmdir()


def test_a_cache_folder_that_was_asked_for_must_be_writable(monkeypatch, tmp_path, no_cache_folder):
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "home" / "cache"))
    with pytest.raises(PosekitError, match="must be writable; got .*home/cache: Not a directory"):
        files.cache_dir()
