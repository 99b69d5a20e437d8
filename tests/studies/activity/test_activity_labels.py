from dataclasses import replace

import numpy as np
import pytest
from tiny_sets import labels, lspet_files, write_folder, write_zip

from posekit.datasets import lsp
from posekit.errors import PosekitError
from posekit.studies.activity import labels as activity_labels
from posekit.studies.activity.labels import open_labels

HEADER = "image,activity\n"
ROWS = "im00001,tennis\nim00002,soccer\nim00003,tennis\n"


@pytest.fixture
def people(tmp_path):
    """Three pictures, as (what the data are called, PoseDataset)."""
    folder = write_folder(tmp_path / "people", lspet_files(labels(3)))
    return str(folder), lsp.read(folder)


def table(people, text):
    """Write labels.csv beside the pictures."""
    path = f"{people[0]}/labels.csv"
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return path


def test_labels_go_by_picture_not_by_row(people):
    table(people, HEADER + "im00003,tennis\nim00001,tennis\nim00002,soccer\n")
    found = open_labels(*people)
    assert found.names == ("soccer", "tennis")
    assert found.codes.tolist() == [1, 0, 1]
    assert found.source.endswith("labels.csv")


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "im00001.jpg,tennis\nimages/im00002.jpg,soccer\n\n im00003 , tennis \n",
        b"\xef\xbb\xbf" + (HEADER + ROWS).replace("\n", "\r\n").encode(),
        (HEADER + ROWS).encode("utf-16"),
        'sure,activity,image\n1,"tennis",im00001\n0,soccer,im00002\n,tennis,im00003\n',
        "image;activity\nim00001;tennis\nim00002;soccer\nim00003;tennis\n",
        HEADER + ROWS.replace("im00003,tennis", "im00003,TENNIS"),
        "image\tactivity\nIM00001.JPG\ttennis\nC:\\x\\im00002\tsoccer\n./im00003.jpeg\ttennis\n",
    ],
    ids="names spreadsheet UTF-16 columns semicolons capitals tabs".split(),
)
def test_what_people_write_is_understood(people, text):
    table(people, text)
    assert open_labels(*people).codes.tolist() == [1, 0, 1]


def test_a_table_may_lie_anywhere(people, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(HEADER + ROWS, encoding="utf-8")
    assert open_labels(*people) is None
    assert open_labels(*people, path=str(path)).names == ("soccer", "tennis")


def test_a_table_beside_a_zip(tmp_path):
    write_zip(tmp_path / "people.zip", lspet_files(labels(3)))
    (tmp_path / "labels.csv").write_text(HEADER + ROWS, encoding="utf-8")
    data = str(tmp_path / "people.zip")
    assert open_labels(data, lsp.read(data)).codes.tolist() == [1, 0, 1]


def test_synthetic_people_have_their_pose_family(experiment, synthetic_folder):
    found = open_labels(str(synthetic_folder), experiment.dataset)
    families = np.array(found.names)[found.codes]
    np.testing.assert_array_equal(families, experiment.dataset.extras["activity"])


def test_labels_of_pictures_outside_the_used_part_are_fine(people):
    data, dataset = people
    table(people, HEADER + ROWS)
    found = open_labels(data, dataset.subset(np.array([0, 1])))
    assert found.codes.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"labels\.csv: line 1 must name the columns image and activity; got '', without"),
        ("image|activity\nim00001|tennis\n", r"got 'image\|activity', without image and activity"),
        ("image,label\nim00001,tennis\n", "got 'image, label', without activity"),
        (
            HEADER + ROWS + "im00009,tennis\n",
            "line 5: `image` must be a picture of lspet, such as 'im00001'; got 'im00009'",
        ),
        (
            HEADER + ROWS + "im00002,soccer\n",
            "line 5: `image` must be named once; got 'im00002', as in line 3",
        ),
        (
            HEADER + "im00001,\nim00002,soccer\nim00003,a\n",
            "line 2: `activity` of 'im00001' must "
            "be a name of 1 to 60 printable characters; got ''",
        ),
        (HEADER + "im00001," + 61 * "x" + "\n", "line 2: .* printable characters; got 'x"),
        (HEADER + "im00001,a\x07b\n", r"printable characters; got 'a\\x07b'"),
        (HEADER + "im00001,tennis,soccer\n", "line 2 must have 2 cells, as line 1; got 3"),
        (HEADER + 'im00001,"tennis\n', "must be a table with commas .* got unexpected end of data"),
        ((HEADER + "im00001,Ski\x07").encode("utf-16"), r"printable characters; got 'Ski\\x07'"),
        (
            HEADER + "im00001,a\nim00002,b\n",
            "every picture of lspet must have an `activity`; got 1 "
            "of 3 without one, such as im00003",
        ),
        (HEADER + ROWS.replace("soccer", "tennis"), "two or more activities .* got 'tennis'"),
    ],
)
def test_what_is_wrong_is_named(people, text, message):
    table(people, text)
    with pytest.raises(PosekitError, match=message) as raised:
        open_labels(*people)
    assert "labels.csv" in str(raised.value) and "{" not in str(raised.value)


def test_all_faulty_rows_come_together(people):
    table(people, HEADER + "im00001,\nim00001,tennis\nim00002\n")
    with pytest.raises(PosekitError, match="line 2: (.|\n)*line 3: (.|\n)*line 4 must"):
        open_labels(*people)


def test_only_known_names_where_they_are_given(people):
    table(people, HEADER + ROWS.replace("soccer", "socer"))
    assert open_labels(*people).names == ("socer", "tennis")
    with pytest.raises(
        PosekitError,
        match="line 3: `activity` of 'im00002' must be one of 'athletics', .*; got 'socer'",
    ):
        open_labels(*people, activities=["athletics", "soccer", "tennis"])
    with pytest.raises(PosekitError, match=r"`activities` must be None or a list .* got \['a'\]"):
        open_labels(*people, activities=["a"])


def test_unlabelled_pictures_can_be_left_out(people):
    table(people, HEADER + "im00001,a\nim00003,b\n")
    with pytest.warns(UserWarning, match="1 of 3 without one, such as im00002, are left out"):
        found = open_labels(*people, unlabelled="skip")
    assert found.codes.tolist() == [0, -1, 1]
    with pytest.raises(PosekitError, match="`unlabelled` must be one of .* got 'drop'"):
        open_labels(*people, unlabelled="drop")


def test_labels_of_skipped_pictures_only_warn(people):
    table(people, HEADER + ROWS + "im00009,tennis\n")
    with pytest.warns(UserWarning, match="1 labels name no picture that can be read.*'im00009'"):
        found = open_labels(*people, bad_images="skip")
    assert found.codes.tolist() == [1, 0, 1]


def test_the_table_must_be_there_and_of_bounded_size(people, monkeypatch):
    with pytest.raises(PosekitError, match="nowhere.csv: .* can be read; got No such file"):
        open_labels(*people, path="/nowhere.csv")
    table(people, HEADER + ROWS)
    monkeypatch.setattr(activity_labels, "SIZE_LIMIT_BYTES", 20)
    with pytest.raises(PosekitError, match="at most 20 bytes; got more"):
        open_labels(*people)


def own_names(ids, extras=None):
    """What a table is compared with, of a data set with these ids."""

    class Dataset:
        image_ids = np.array(ids)
        picture_names = [name.rpartition("#")[0] for name in ids] if extras else ids

    return activity_labels._Names(Dataset)


@pytest.mark.parametrize(
    ("ids", "name", "found"),
    [
        (["img001.jpg"], "img001", ["img001.jpg"]),
        (["img001.jpg"], "img001.jpg", ["img001.jpg"]),
        (["img001.jpg"], "images/IMG001.JPG", ["img001.jpg"]),
        (["img001.jpg"], "img001.jpg.jpg", []),
        (["a/im.jpg", "b/im.jpg"], "b/im", ["b/im.jpg"]),
        (["a/im.jpg", "b/im.jpg"], "im.jpg", ["a/im.jpg", "b/im.jpg"]),
        (["im.jpg", "im.png"], "im", ["im.jpg", "im.png"]),
        (["im.jpg", "im.png"], "im.png", ["im.png"]),
        (["im.jpg", "IM.jpg"], "IM.jpg", ["IM.jpg"]),
        (["scan 1.5 m.jpg"], "scan 1.5 m", ["scan 1.5 m.jpg"]),
        (["L\u00e4ufer.jpg"], "La\u0308ufer", ["L\u00e4ufer.jpg"]),
    ],
)
def test_a_name_fits_one_picture(ids, name, found):
    assert list(own_names(ids).find(name)) == found


def test_a_picture_of_several_people_may_be_named_whole():
    names = own_names(["im.jpg#1", "im.jpg#2"], extras=True)
    assert names.find("im") == {"im.jpg": ["im.jpg#1", "im.jpg#2"]}
    assert names.find("im.jpg#2") == {"im.jpg#2": ["im.jpg#2"]}


def test_a_name_that_fits_two_pictures_names_both(people):
    data, dataset = people
    names = np.array(["a/im00001.jpg", "b/im00001.jpg", "c/im00002.jpg"])
    twice = replace(dataset, image_ids=names, read_image=lambda _: b"")
    table(people, HEADER + "im00001,tennis\nim00002,soccer\n")
    with pytest.raises(
        PosekitError, match="line 2: .* got 'im00001', which fits 'a/im00001.jpg' and 'b/im"
    ):
        open_labels(data, twice)
