"""Where commands write: caches where they are asked to, outputs where they can."""

import pytest

from posekit import files
from posekit.cli import options
from posekit.cli.main import main
from posekit.errors import PosekitError


def test_the_cache_folder_of_a_command(monkeypatch, tmp_path, synthetic_folder):
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "other"))
    monkeypatch.chdir(tmp_path)
    packed = ["data", "pack", "--out", str(tmp_path / "packed"), "--data", str(synthetic_folder)]
    assert main([*packed, "--cache-dir", "caches"]) == 0
    assert list((tmp_path / "caches").glob("frames-96px-*.npy"))
    assert not (tmp_path / "other").exists()


def test_outputs_go_to_the_working_directory_beside_a_read_only_project(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    train = tmp_path / "reports" / "train"
    assert options.output_path(train) == train
    relative = train.relative_to(tmp_path)
    monkeypatch.setattr(files, "PROJECT_ROOT", tmp_path / "project")
    assert options.output_path(relative) == tmp_path / "project" / "reports" / "train"
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(files, "PROJECT_ROOT", tmp_path / "file")
    assert options.output_path(relative) == train


def test_findings_are_printed_where_their_page_cannot_be_written(capsys, tmp_path):
    page = tmp_path / "check.html"
    (tmp_path / "file").write_text("")
    options.write_page(page, "text", is_asked=False)
    assert capsys.readouterr().out == f"{page}\n" and page.read_text() == "text"
    options.write_page(tmp_path / "file" / "check.html", "text", is_asked=False)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "note: no page is written: " in captured.err and "--out FILE" in captured.err
    with pytest.raises(PosekitError, match="must be writable"):
        options.write_page(tmp_path / "file" / "check.html", "text", is_asked=True)


def test_a_check_of_read_only_data_has_its_status(capsys, monkeypatch, tmp_path):
    made = ["--out", str(tmp_path / "people"), "--images", "3", "--seed", "1"]
    assert main(["data", "make", *made]) == 0
    (tmp_path / "people" / "images" / "im00002.jpg").write_bytes(b"no picture")

    def refuse(path, text):
        raise PosekitError(f"{path}: the folder must be writable; got Read-only file system.")

    monkeypatch.setattr(files, "write_text", refuse)
    capsys.readouterr()
    assert main(["data", "check", str(tmp_path / "people")]) == 1
    captured = capsys.readouterr()
    assert "im00002" in captured.out and "1 with errors" in captured.out
    assert "Read-only file system" in captured.err
