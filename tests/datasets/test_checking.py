"""What a check of data finds, image by image, in words and on a page."""

import os
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from coco_sets import annotation, content, write
from tiny_sets import labels, lsp_files, write_folder

from posekit.cli.main import main
from posekit.datasets import checking, lsp
from posekit.datasets.checking import ERROR, WARNING
from posekit.errors import PosekitError
from posekit.report import data_page
from posekit.skeleton import LSP


def found(checked, level=None):
    """(image, text) of the findings, without those about the small size of people made here."""
    return [
        (finding.image, finding.text)
        for finding in checked.findings
        if level in (None, finding.level) and "too small" not in finding.text
    ]


def test_nothing_is_said_of_sound_data(synthetic_folder):
    checked = checking.check(synthetic_folder)
    assert (checked.name, checked.image_count) == ("synthetic", 48)
    assert checked.images(ERROR) == []
    assert checked.dataset.fingerprint() == lsp.read(synthetic_folder).fingerprint()


def test_every_fault_of_own_data_is_named(tmp_path):
    stored = content(7)
    stored["annotations"][0]["keypoints"][0] = -9
    stored["annotations"][1]["keypoints"] = [1]
    stored["annotations"].append(annotation(7, 13, shift=5, bbox=[5, 0, 19, 32]))
    stored["annotations"][3] |= annotation(104, 14, flag=0)
    stored["images"][4]["width"] = 80
    path = write(tmp_path, stored, pictures=[f"im{n}.jpg" for n in range(1, 7)])
    shutil.copy(tmp_path / "images" / "im1.jpg", tmp_path / "images" / "im3.jpg")
    cut = tmp_path / "images" / "im6.jpg"
    cut.write_bytes(cut.read_bytes()[:-400])

    checked = checking.check(path)
    assert checked.image_count == 7
    faults, looks = dict(found(checked, ERROR)), found(checked, WARNING)
    assert set(faults) == {"im2.jpg", "im5.jpg", "im6.jpg", "im7.jpg"}
    assert "annotation 102: `keypoints` must hold" in faults["im2.jpg"]
    assert "must have the size" in faults["im5.jpg"]
    assert "do not decode" in faults["im6.jpg"]
    assert "must be a file in" in faults["im7.jpg"]
    assert ("im3.jpg", "shows 2 people; annotation 7 is used.") in looks
    assert ("im3.jpg", "looks nearly the same as im1.jpg.") in looks
    assert ("im4.jpg", "has no person with a labelled joint and is left out.") in looks
    (outside,) = [text for name, text in looks if "outside" in text and name == "im1.jpg"]
    assert "annotation 101" in outside and "40 x 40" in outside and "nose" in outside
    # All of one image stands together, its fault first.
    names = [finding.image for finding in checked.findings]
    assert len([1 for before, after in zip(names, names[1:], strict=False) if before != after]) == (
        len(set(names)) - 1
    )


def test_data_of_which_nothing_can_be_used(tmp_path):
    stored = content(1)
    stored["annotations"][0]["keypoints"] = "none"
    checked = checking.check(write(tmp_path, stored))
    assert checked.dataset is None
    assert [image for image, _ in found(checked, ERROR)] == ["im1.jpg", ""]
    with pytest.raises(PosekitError, match="none.json: must be a file"):
        checking.check(tmp_path / "none.json")


def test_lsp_in_its_own_layout(tmp_path):
    joints = labels(4)
    joints[1, 0, 0] = 300
    files = lsp_files(joints)
    files["images/im0003.jpg"] = b"text"
    files["images/im0004.jpg"] = files["images/im0001.jpg"]
    checked = checking.check(write_folder(tmp_path, files))
    assert checked.image_count == 4 and len(checked.dataset) == 3
    assert dict(found(checked, ERROR)) == {
        "im0003": "must be a JPEG or PNG picture; got no JPEG or PNG header."
    }
    assert found(checked, WARNING) == [
        ("im0004", "looks nearly the same as im0001."),
        ("im0002", "has joints outside of the picture: right_ankle."),
    ]


def upright_person():
    """A person seen from behind: left on the left, all 14 joints labelled, 100 px tall."""
    keypoints_px = np.zeros((14, 2))
    for name, x, y in (
        ("shoulder", 15, 30),
        ("elbow", 20, 45),
        ("wrist", 22, 60),
        ("hip", 10, 60),
        ("knee", 10, 80),
        ("ankle", 10, 100),
    ):
        keypoints_px[LSP.index[f"left_{name}"]] = 50 - x, y
        keypoints_px[LSP.index[f"right_{name}"]] = 50 + x, y
    keypoints_px[LSP.index["neck"]], keypoints_px[LSP.index["head_top"]] = (50, 28), (50, 10)
    return keypoints_px


@pytest.fixture
def people(synthetic_folder):
    """Three times that person, in pictures of 120 x 120."""
    dataset = lsp.read(synthetic_folder).subset(np.arange(3))
    return replace(
        dataset,
        keypoints_px=np.tile(upright_person(), (3, 1, 1)),
        labelled=np.ones((3, 14), bool),
        image_sizes_px=np.full((3, 2), 120),
    )


def swapped(dataset, index, *names):
    for name in names:
        pair = [LSP.index[f"left_{name}"], LSP.index[f"right_{name}"]]
        dataset.keypoints_px[index, pair] = dataset.keypoints_px[index, pair[::-1]]


def twisted(dataset):
    return [
        finding.image
        for finding in checking.check_opened(dataset).findings
        if "left and right" in finding.text
    ]


def test_shoulders_against_hips(people):
    assert twisted(people) == []
    swapped(people, 1, "shoulder")
    swapped(people, 2, "hip", "knee")
    assert twisted(people) == ["im00002", "im00003"]
    # Seen from the front all pairs are the other way round, which is as it should be.
    swapped(people, 1, "hip")
    swapped(people, 2, "shoulder")
    assert twisted(people) == []


def test_bodies_seen_from_the_side_say_nothing(people):
    swapped(people, 1, "shoulder")
    people.keypoints_px[1, :, 0] = 50 + 0.2 * (people.keypoints_px[1, :, 0] - 50)
    assert twisted(people) == []


def test_what_is_not_labelled_says_nothing(people):
    swapped(people, 1, "shoulder")
    people.labelled[1, LSP.index["left_hip"]] = False
    people.keypoints_px[1, LSP.index["left_hip"]] = np.nan
    assert twisted(people) == []


def test_people_too_small(people):
    people.keypoints_px[2] = 50 + 0.4 * (people.keypoints_px[2] - 50)
    texts = [each for each in checking.check_opened(people).findings if "too small" in each.text]
    assert [(each.image, each.level) for each in texts] == [("im00003", WARNING)]
    # From the top of the head at y = 10 to the ankles at y = 100.
    assert "36 pixels" in texts[0].text


def test_the_page_shows_what_was_found(tmp_path):
    stored = content(3)
    stored["annotations"][0]["keypoints"] = [1]
    stored["images"][1]["file_name"] = "<script>.jpg"
    checked = checking.check(write(tmp_path, stored))
    page = data_page.page([checked])
    assert "<script>" not in page and "&lt;script&gt;.jpg" in page
    assert "annotation 101: `keypoints` must hold" in page
    # Everything is inside the page.
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert page.count("data:image/jpeg;base64,") == 2


def test_a_page_has_room_for_so_many_pictures(monkeypatch, tmp_path):
    path = write(tmp_path, content(4))
    monkeypatch.setattr(data_page, "THUMBNAIL_LIMIT", 3)
    page = data_page.page([checking.check(path), checking.check(path)])
    assert page.count("data:image/jpeg;base64,") == 3
    assert "first 3 images" in page


def test_the_command_prints_a_line_for_each_finding(capsys, tmp_path):
    stored = content(2)
    stored["annotations"][0]["keypoints"] = [1]
    path = write(tmp_path, stored)
    assert main(["data", "check", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("im1.jpg: error   annotation 101: `keypoints` must hold")
    assert lines[-1] == "coco: 2 images, 1 with errors, 2 with warnings"
    assert lines[-2] == str(tmp_path / "annotations-check.html")
    assert "im1.jpg" in (tmp_path / "annotations-check.html").read_text()


def test_the_page_goes_where_it_is_asked_to(capsys, synthetic_folder, tmp_path):
    page = tmp_path / "there" / "page.html"
    assert main(["data", "check", str(synthetic_folder), "--out", str(page)]) == 0
    assert str(page) in capsys.readouterr().out and page.is_file()
    assert not (synthetic_folder / data_page.NAME).exists()


def test_either_way_to_name_the_data(capsys, tmp_path):
    path = str(write(tmp_path, content(1)))
    for arguments in ([], [path, "--data", path]):
        with pytest.raises(SystemExit) as stopped:
            main(["data", "check", *arguments])
        assert stopped.value.code == 2
    capsys.readouterr()


def test_of_several_data_sets_each_is_checked(capsys, synthetic_folder, tmp_path):
    path = write(tmp_path, content(1))
    both = os.pathsep.join([str(path), str(synthetic_folder)])
    assert main(["data", "check", both]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "coco: 1 images, 0 with errors, 1 with warnings",
        "synthetic: 48 images, 0 with errors",
    ]
