"""Pictures under the names that other machines and tools have for them."""

import json
import os
import sys
import unicodedata
import zipfile

import pytest
from coco_sets import content, write
from tiny_sets import picture

from posekit.cli.main import main
from posekit.datasets import sources
from posekit.datasets.exports.finding import Finder, printable
from posekit.errors import PosekitError

LOADING = {"synthetic_images": 10, "seed": 0}


class Files:
    """A container of names alone."""

    def __init__(self, *names):
        self.names = names

    def has(self, name):
        return name in self.names


@pytest.mark.parametrize(
    ("on_disk", "in_file"),
    [
        (unicodedata.normalize("NFD", "Läufer.jpg"), unicodedata.normalize("NFC", "Läufer.jpg")),
        (unicodedata.normalize("NFC", "Läufer.jpg"), unicodedata.normalize("NFD", "Läufer.jpg")),
        (unicodedata.normalize("NFD", "走る人が.jpg"), "走る人が.jpg"),
        ("photo 1.jpg", "photo%201.jpg"),
        ("photo%201.jpg", "photo 1.jpg"),
        ("Läufer.jpg", "L%C3%A4ufer.jpg"),
        ("a.JPG", "a.jpg"),
        ("IMG_1.jpg", "img_1.JPG"),
        ("a.jpeg", "a.jpg"),
        ("frame_000001.PNG", "frame_000001"),
        ("Läufer.jpg", "LÃ¤ufer.jpg"),
        ("L\udce4ufer.jpg", "Läufer.jpg"),
        ("sub/a.jpg", "C:\\Users\\me\\sub\\a.jpg"),
        ("a.jpg", "C:\\Users\\me\\a.jpg"),
        ("a.jpg", "\\\\server\\share\\a.jpg"),
        ("a.jpg", "/data/local-files/?d=photos/a.jpg"),
        ("a.jpg", "/data/upload/4/0a1b2c3d-a.jpg"),
        ("a.jpg", "https://example.org/x/a.jpg?X-Amz-Signature=1"),
        ("a.jpg", "s3://bucket/x/a.jpg"),
        ("a.jpg", "./images/../a.jpg"),
    ],
)
def test_one_candidate_is_found(on_disk, in_file):
    assert Finder(Files(on_disk, "other.jpg", "Thumbs.txt")).find(in_file)[0] == on_disk


@pytest.mark.parametrize(
    ("names", "in_file"),
    [
        (("cam0/1.jpg", "cam1/1.jpg"), "1.jpg"),
        (("A.jpg", "a.JPG"), "a.jpg"),
        (("b.jpg",), "a.jpg"),
        (("a.jpg",), ".."),
        (("a.jpg",), ""),
    ],
)
def test_several_candidates_or_none_are_not_chosen_from(names, in_file):
    assert Finder(Files(*names)).find(in_file)[0] is None


def test_more_of_the_path_tells_candidates_apart():
    finder = Finder(Files("set/Cam0/1.JPG", "set/Cam1/1.JPG"))
    assert finder.find("D:\\x\\cam1\\1.jpg") == ("set/Cam1/1.JPG", False)
    finder = Finder(Files("train/1.jpg", "valid/1.jpg"))
    assert finder.find("1.jpg", near=("valid",)) == ("valid/1.jpg", True)


@pytest.mark.parametrize("name", ["L\udce4ufer.jpg", "a\x1b[2J.jpg", "\ud800.jpg", "Läufer.jpg"])
def test_every_name_can_be_printed(name):
    assert printable(name).isprintable()
    printable(name).encode()


def renamed(folder, on_disk, in_file):
    """A set of two pictures, the first of them under two names."""
    stored = content(2)
    write(folder, stored)
    os.rename(
        os.fsencode(folder / "images" / "im1.jpg"),
        os.fsencode(str(folder / "images")) + b"/" + os.fsencode(on_disk),
    )
    stored["images"][0]["file_name"] = in_file
    (folder / "annotations.json").write_text(json.dumps(stored))
    return folder


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes no names that are no UTF-8")
def test_a_name_of_no_encoding_ends_no_run(capsys, tmp_path):
    folder = renamed(tmp_path, "L\udce4ufer.jpg", "Läufer.jpg")
    with pytest.warns(UserWarning, match="1 pictures are found under other names: Läufer.jpg is"):
        dataset = sources.load(str(folder), **LOADING)
    assert dataset.image_ids.tolist() == ["Läufer.jpg", "im2.jpg"]
    assert dataset.read_image("Läufer.jpg") == picture(40, 40, 0)
    stored = json.loads((folder / "annotations.json").read_text())
    stored["images"][0]["file_name"] = "L\udce4ufer.jpg"
    (folder / "annotations.json").write_text(json.dumps(stored))
    assert main(["data", "check", str(folder)]) == 0
    assert "2 images, 0 with errors" in capsys.readouterr().out


def test_what_was_found_is_said(capsys, tmp_path):
    folder = renamed(tmp_path, "photo 1.jpg", "images/photo%201.jpg")
    assert main(["data", "check", str(folder)]) == 0
    said = "1 pictures are found under other names: images/photo%201.jpg is photo 1.jpg."
    assert said in capsys.readouterr().out


def test_a_file_of_the_very_name_is_not_another_picture(tmp_path):
    folder = renamed(tmp_path, "im1.png.jpg", "im2.JPG")
    with pytest.raises(PosekitError, match="im2.JPG: must be a file in .*images; got none"):
        sources.load(str(folder), **LOADING)


def test_names_in_zips_of_old_programs(tmp_path):
    stored = content(2)
    stored["images"][0]["file_name"] = "Läufer.jpg"
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("set\\annotations.json", json.dumps(stored))
        # Written as UTF-8 without the mark that says so, it is read as code page 437.
        entry = zipfile.ZipInfo("x")
        entry.filename = "set\\images\\" + "Läufer.jpg".encode().decode("cp437")
        archive.writestr(entry, picture(40, 40))
        archive.writestr("set\\images\\im2.jpg", picture(40, 40, 1))
    with pytest.warns(UserWarning, match="found under other names|recognised"):
        dataset = sources.load(str(tmp_path / "set.zip"), **LOADING)
    assert len(dataset) == 2
