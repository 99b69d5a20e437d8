"""The reader of LSP, LSPet and the synthetic set, on tiny data sets written here."""

import json
import os
import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_sets import labels, lsp_files, lspet_files, mat, picture, write_folder, write_zip

from posekit.datasets import lsp
from posekit.errors import PosekitError
from posekit.skeleton import LSP

HEADER_73 = b"MATLAB 7.3 MAT-file".ljust(116) + bytes(8) + b"\x00\x02IM"


def synthetic_files(joints):
    rows = [f"im{index + 1:05d},{'jump' if index else 'run'},{index + 1}\n" for index in range(3)]
    return lspet_files(joints) | {
        "synthetic.json": json.dumps({"seed": 0}).encode(),
        # The order of rows is not the order of pictures.
        "annotations.csv": ("image,activity,person_count\n" + "".join(rows[::-1])).encode(),
    }


WRITERS = {
    "folder": lambda path, files: write_folder(path / "set", files),
    "zip": lambda path, files: write_zip(path / "set.zip", files),
    "zip with a leading folder": lambda path, files: write_zip(
        path / "set.zip", files | {"README.txt": b"read me"}, "lspet_dataset/"
    ),
}


@pytest.fixture(params=WRITERS)
def write(request, tmp_path):
    return lambda files: WRITERS[request.param](tmp_path, files)


def test_lspet_by_hand(write):
    joints = labels(3)
    joints[1, 0] = [0, -26.5, 0]  # missing, with the junk that LSPet has there
    joints[2, 13, :2] = [20, 3]  # flagged as labelled, but right of a picture 20 pixels wide
    files = lspet_files(joints)
    dataset = lsp.read(write(files))

    assert dataset.name == "lspet"
    assert dataset.image_ids.tolist() == ["im00001", "im00002", "im00003"]
    np.testing.assert_array_equal(dataset.keypoints_px, joints[..., :2])
    np.testing.assert_array_equal(np.argwhere(~dataset.labelled), [[1, 0], [2, 13]])
    np.testing.assert_array_equal(dataset.image_sizes_px, [[20, 10]] * 3)
    assert dataset.has_fixed_test and not dataset.fixed_test.any()
    assert dataset.extras == {}
    assert dataset.read_image("im00002") == files["images/im00002.jpg"]


def test_lsp_counts_every_joint_and_keeps_the_flag_as_occluded(write):
    joints = labels(2)
    joints[..., 2] = 0
    joints[1, 6, 2] = 1
    joints[1, 6, :2] = [25, -3]
    dataset = lsp.read(write(lsp_files(joints, first=1000)))

    assert dataset.name == "lsp"
    assert dataset.image_ids.tolist() == ["im1000", "im1001"]
    np.testing.assert_array_equal(dataset.keypoints_px, joints[..., :2])
    assert dataset.labelled.all()
    np.testing.assert_array_equal(np.argwhere(dataset.extras["occluded"]), [[1, 6]])
    assert dataset.fixed_test.tolist() == [False, True]


def test_synthetic_set_has_extras_and_no_fixed_test(write):
    dataset = lsp.read(write(synthetic_files(labels(3))))
    assert dataset.name == "synthetic"
    assert not dataset.has_fixed_test and not dataset.fixed_test.any()
    assert dataset.extras["activity"].tolist() == ["run", "jump", "jump"]
    assert dataset.extras["person_count"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("count", [3, 14])
def test_axes_are_told_apart_when_the_set_has_as_many_images_as_an_axis(tmp_path, count):
    joints = labels(count)
    extended = lsp.read(write_folder(tmp_path / "lspet", lspet_files(joints)))
    small = lsp.read(write_folder(tmp_path / "lsp", lsp_files(joints)))
    assert (extended.name, small.name) == ("lspet", "lsp")
    np.testing.assert_array_equal(extended.keypoints_px, small.keypoints_px)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (lspet_files(labels(3), first=8999), [False, False, True]),
        (lspet_files(labels(2), first=10000), [True, False]),
        (lsp_files(labels(2), first=2000), [True, False]),
        (lspet_files(labels(2), first=1500), [False, False]),
    ],
)
def test_fixed_test_goes_by_number(tmp_path, files, expected):
    assert lsp.read(write_folder(tmp_path, files)).fixed_test.tolist() == expected


def test_labelled_rule_at_the_edges():
    inside = [[0, 0], [19.99, 9.99]]
    outside = [[-0.01, 5], [20, 5], [5, -0.01], [5, 10]]
    keypoints_px = np.full((1, 14, 2), 5.0)
    keypoints_px[0, :6] = inside + outside
    flags = np.ones((1, 14))
    flags[0, 13] = 0
    sizes = np.array([[20, 10]])
    expected = [[True] * 2 + [False] * 4 + [True] * 7 + [False]]
    for kind in ("lspet", "synthetic"):
        assert lsp.labelled_rule(kind, keypoints_px, flags, sizes).tolist() == expected
    assert lsp.labelled_rule("lsp", keypoints_px, flags, sizes).all()


def test_png_upper_case_and_stray_files(tmp_path):
    files = lspet_files(labels(2))
    files["images/im00001.PNG"] = picture(30, 40, file_format="PNG")
    del files["images/im00001.jpg"]
    files |= {"images/.DS_Store": b"", "images/._im00001.jpg": b"", "images/Thumbs.db": b""}
    dataset = lsp.read(write_folder(tmp_path, files))
    assert dataset.image_ids.tolist() == ["im00001", "im00002"]
    assert dataset.image_sizes_px.tolist() == [[30, 40], [20, 10]]


def test_zip_made_on_a_mac(tmp_path):
    files = {f"lspet/{name}": content for name, content in lspet_files(labels(1)).items()}
    files["__MACOSX/lspet/images/._im00001.jpg"] = b"resource fork"
    assert len(lsp.read(write_zip(tmp_path / "set.zip", files))) == 1


def test_pictures_and_labels_are_as_stored_whatever_exif_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate by 90 degrees to show"
    joints = labels(1)
    joints[..., 0], joints[..., 1] = 15, 3
    files = lspet_files(joints) | {"images/im00001.jpg": picture(20, 10, exif=exif)}
    dataset = lsp.read(write_folder(tmp_path, files))
    assert dataset.image_sizes_px.tolist() == [[20, 10]] and dataset.labelled.all()
    assert dataset.keypoints_px[0, 0].tolist() == [15, 3]
    assert lsp.decode(dataset, 0).shape == (10, 20, 3)


def test_pictures_are_read_from_many_threads(write):
    files = lspet_files(labels(20))
    dataset = lsp.read(write(files))
    wrong = []

    def read_all():
        for image_id in dataset.image_ids:
            if dataset.read_image(image_id) != files[f"images/{image_id}.jpg"]:
                wrong.append(image_id)

    threads = [threading.Thread(target=read_all) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def without(files, *names):
    return {name: content for name, content in files.items() if name not in names}


def with_joints(joints):
    return lspet_files(labels(2)) | {"joints.mat": mat(joints=joints)}


def changed(image, joint, values):
    joints = labels(2)
    joints[image, joint] = values
    return lspet_files(joints)


BAD_SETS = {
    "nothing": ({}, "`joints.mat` must lie next to.*0 files.*\n.*`images` must hold pictures"),
    "no labels": (
        without(lspet_files(labels(2)), "joints.mat"),
        "`joints.mat` must lie next to.*got none among 2 files",
    ),
    "no pictures": (
        {"joints.mat": mat(joints=labels(1))},
        "`images` must hold pictures.*got none among 1 files",
    ),
    "no variable": (
        lspet_files(labels(2)) | {"joints.mat": mat(points=labels(2))},
        r"`joints.mat` must hold the variable `joints`; got \['points'\]",
    ),
    "not MATLAB": (
        lspet_files(labels(2)) | {"joints.mat": b"<html>404</html>" * 20},
        "`joints.mat` must be a MATLAB file; got 320 bytes",
    ),
    "empty MATLAB file": (lspet_files(labels(2)) | {"joints.mat": b""}, "MATLAB file; got 0 bytes"),
    "MATLAB file cut short": (
        lspet_files(labels(2)) | {"joints.mat": mat(joints=labels(2))[:300]},
        "`joints.mat` must be a MATLAB file; got 300 bytes",
    ),
    "MATLAB 7.3": (
        lspet_files(labels(2)) | {"joints.mat": HEADER_73.ljust(600, b"\0")},
        r"`joints.mat` must be.*got version 7.3 \(HDF5\).*save -v7",
    ),
    "other axes": (with_joints(labels(2)), r"must have shape \(3, 14, N\).*got \(2, 14, 3\)"),
    "two axes": (with_joints(labels(2)[0]), r"must have shape \(3, 14, N\).*got \(14, 3\)"),
    "text": (
        with_joints(np.full((14, 3, 2), "a", object)),
        "must hold real numbers; got the class cell",
    ),
    "complex": (
        with_joints(np.ones((14, 3, 2)) * 1j),
        "must hold real numbers; got the class complex",
    ),
    "picture missing": (
        without(lspet_files(labels(3)), "images/im00002.jpg"),
        "one picture per label in joints.mat; got 2 pictures and 3 labels",
    ),
    "label missing": (with_joints(np.ones((14, 3, 1))), "got 2 pictures and 1 labels"),
    "NaN": (changed(1, 3, [np.nan, 4, 1]), r"finite .*; got \[nan, 4.0\] for left_hip of im00002"),
    "infinite": (
        changed(0, 12, [3, np.inf, 0]),
        r"finite .*; got \[3.0, inf\] for neck of im00001",
    ),
    "far away": (
        changed(0, 12, [3, -65_536, 0]),
        r"can; got \[3.0, -65536.0\] for neck of im00001",
    ),
    "flag 2": (changed(0, 13, [3, 3, 2]), "flags.*0 or 1; got 2.0 for head_top of im00001"),
    "flag NaN": (changed(0, 0, [3, 3, np.nan]), "0 or 1; got nan for right_ankle of im00001"),
    "two pictures of one name": (
        lspet_files(labels(2)) | {"images/im00002.png": picture(file_format="PNG")},
        "one picture per name; got 2 files for im00002",
    ),
    "unnumbered picture": (
        without(lspet_files(labels(2)), "images/im00002.jpg") | {"images/photo.jpg": picture()},
        "must be named im and a number of at most 9 digits; got photo",
    ),
    "numbers of different lengths": (
        {f"images/im{number}.jpg": picture() for number in (1, 9, 10)}
        | {"joints.mat": mat(joints=np.ones((14, 3, 3)))},
        "same count of digits; got im10 sorted before im9",
    ),
    "synthetic set without annotations": (
        without(synthetic_files(labels(3)), "annotations.csv"),
        "`annotations.csv` must be readable; got",
    ),
    "annotations without a column": (
        synthetic_files(labels(3)) | {"annotations.csv": b"image,activity\nim00001,run\n"},
        "image, activity and person_count of every picture; got none of 'person_count'",
    ),
    "annotations without an image": (
        synthetic_files(labels(3))
        | {"annotations.csv": b"image,activity,person_count\nim00001,a,1"},
        "every picture; got none of 'im00002'",
    ),
    "annotations with a bad count": (
        lspet_files(labels(1))
        | {
            "synthetic.json": b"{}",
            "annotations.csv": b"image,activity,person_count\nim00001,a,few",
        },
        "every picture; got invalid literal .*'few'",
    ),
}


@pytest.mark.parametrize("case", BAD_SETS)
def test_bad_set(case, tmp_path):
    files, message = BAD_SETS[case]
    (tmp_path / "set").mkdir()
    for source in (
        write_folder(tmp_path / "set", files),
        write_zip(tmp_path / "set.zip", files),
    ):
        with pytest.raises(PosekitError, match=message) as caught:
            lsp.read(source)
        assert str(caught.value).startswith(str(source))


def test_bad_source(tmp_path):
    with pytest.raises(PosekitError, match="`source` must be a folder.*nowhere, which does not"):
        lsp.read(tmp_path / "nowhere")
    (tmp_path / "set.zip").write_bytes(b"<html>404</html>")
    with pytest.raises(PosekitError, match=r"`source` must be.*set.zip, which is neither \(.*zip"):
        lsp.read(tmp_path / "set.zip")
    with pytest.raises(PosekitError, match="`bad_images` must be one.*'skip'; got 'drop'"):
        lsp.read(tmp_path, bad_images="drop")


@pytest.mark.parametrize("name", ["../im00003.jpg", "/tmp/im00003.jpg", "images/..\\..\\a", "C:/a"])
def test_zip_entry_that_leaves_the_archive(tmp_path, name):
    archive = write_zip(tmp_path / "set.zip", lspet_files(labels(2)) | {name: b""})
    with pytest.raises(PosekitError, match="must be a path inside the archive") as caught:
        lsp.read(archive)
    assert f"`{name}`" in str(caught.value)


def test_bad_pictures_are_named_or_skipped(write):
    joints = labels(5)
    files = lspet_files(joints)
    files["images/im00002.jpg"] = b""
    files["images/im00004.jpg"] = b"GIF89a not a JPEG"
    source = write(files)
    with pytest.raises(PosekitError, match="im00002.jpg` must be.*no JPEG.*\n.*im00004.jpg"):
        lsp.read(source)
    with pytest.warns(UserWarning, match="dropped 2 .*im00002.jpg, images/im00004.jpg"):
        dataset = lsp.read(source, bad_images="skip")
    assert dataset.image_ids.tolist() == ["im00001", "im00003", "im00005"]
    np.testing.assert_array_equal(dataset.keypoints_px, joints[[0, 2, 4], :, :2])


def test_at_most_ten_bad_pictures_are_spelled_out(tmp_path):
    files = lspet_files(labels(13))
    for number in range(1, 13):
        files[f"images/im{number:05d}.jpg"] = b""
    source = write_folder(tmp_path, files)
    with pytest.raises(PosekitError, match="im00010.jpg.*\n.*and 2 more") as caught:
        lsp.read(source)
    assert "im00011" not in str(caught.value)
    with pytest.warns(UserWarning, match="im00010.jpg and 2 more"):
        assert lsp.read(source, bad_images="skip").image_ids.tolist() == ["im00013"]
    (source / "images/im00013.jpg").write_bytes(b"")
    with pytest.raises(PosekitError, match="im00001.jpg"):
        lsp.read(source, bad_images="skip")


def test_no_warning_when_all_is_well(tmp_path):
    source = write_folder(tmp_path, lspet_files(labels(2)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(lsp.read(source, bad_images="skip")) == 2


def test_check_images_finds_what_the_header_hides(write):
    files = lspet_files(labels(3))
    whole = picture(200, 200)
    files["images/im00002.jpg"] = whole[: len(whole) // 2]
    dataset = lsp.read(write(files))
    [(image_id, problem)] = lsp.check_images(dataset)
    assert image_id == "im00002"
    assert "truncated" in problem


@pytest.mark.parametrize(
    ("limit_px", "finding"),
    [
        (99, "must have at most .* exceeds limit of 198 pixels"),
        (None, "must be a whole.*truncated"),
    ],
)
def test_decode_names_the_picture_and_its_fault(monkeypatch, tmp_path, limit_px, finding):
    dataset = lsp.read(write_folder(tmp_path, lspet_files(labels(2))))
    path = tmp_path / "images" / "im00002.jpg"
    if limit_px:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit_px)  # Pillow refuses twice as many
    else:
        path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(PosekitError, match=f"lspet: image im00002 {finding}"):
        lsp.decode(dataset, 1)


def test_damaged_zip_entry_is_named(tmp_path):
    files = lspet_files(labels(2)) | {"images/im00002.jpg": picture(300, 300)}
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as written:  # stored, so that a byte can be changed
        for name, content in files.items():
            written.writestr(name, content)
    content = bytearray(archive.read_bytes())
    # The damage lies near the picture's end, past what is read for its size.
    content[content.find(files["images/im00002.jpg"]) + len(files["images/im00002.jpg"]) - 100] ^= 1
    archive.write_bytes(content)
    dataset = lsp.read(archive)
    with pytest.raises(PosekitError, match="`images/im00002.jpg` must be readable; got Bad CRC-32"):
        dataset.read_image("im00002")
    assert [image_id for image_id, _ in lsp.check_images(dataset)] == ["im00002"]


def test_picture_deleted_after_reading_is_named(tmp_path):
    dataset = lsp.read(write_folder(tmp_path, lspet_files(labels(1))))
    (tmp_path / "images/im00001.jpg").unlink()
    with pytest.raises(PosekitError, match="`images/im00001.jpg` must be readable; got.*No such"):
        dataset.read_image("im00001")


def test_summary_by_hand(tmp_path):
    joints = labels(2)
    joints[0, LSP.index["neck"]] = [-4, -7.5, 0]
    joints[0, LSP.index["head_top"]] = [0, 0, 0]
    joints[0, 0, :2] = [2, 1]
    joints[0, 1, :2] = [12, 5]
    joints[0, LSP.index["left_wrist"], :2] = [300, 5]
    summary = lsp.summarise(lsp.read(write_folder(tmp_path, lspet_files(joints))))
    assert summary["images"] == 2
    assert summary["labelled_joints"] == 25
    assert summary["labelled_share"] == pytest.approx(25 / 28)
    assert summary["labelled_share_of_joint"]["neck"] == 0.5
    assert summary["labelled_share_of_joint"]["left_hip"] == 1
    assert summary["images_with_all_joints"] == 1
    assert summary["unlabelled_joints"] == {
        "count": 3,
        "negative": 1,
        "exactly_zero": 1,
        "elsewhere": 1,
    }
    assert summary["image_width_px"]["median"] == 20
    # Image 0: x runs over 2 to 12 of 20, y over 0 to 5 of 10; image 1: 0 to 13, y constant.
    assert summary["person_width_share"]["minimum"] == pytest.approx(10 / 20)
    assert summary["person_width_share"]["maximum"] == pytest.approx(13 / 20)
    assert summary["person_height_share"]["maximum"] == pytest.approx(5 / 10)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_summary_of_images_without_labels(tmp_path):
    joints = labels(1)
    joints[..., 2] = 0
    summary = lsp.summarise(lsp.read(write_folder(tmp_path, lspet_files(joints))))
    assert summary["labelled_share"] == 0
    assert summary["person_width_share"]["median"] is None


@pytest.mark.skipif("POSEKIT_LSPET" not in os.environ, reason="POSEKIT_LSPET names no LSPet data")
def test_the_real_set():
    dataset = lsp.read(Path(os.environ["POSEKIT_LSPET"]))
    # The set comes with or without the 1,000 test images at its end.
    assert dataset.image_ids[:9000].tolist() == [f"im{n:05d}" for n in range(1, 9001)]
    summary = lsp.summarise(dataset.subset(np.arange(9000)))
    assert summary["labelled_joints"] == 110_811
    assert round(100 * summary["labelled_share"], 1) == 87.9
    assert summary["images_with_all_joints"] == 3553
    widths = summary["image_width_px"]
    assert (widths["minimum"], widths["maximum"]) == (51, 1723)
    junk = summary["unlabelled_joints"]
    assert [junk[name] for name in ("negative", "exactly_zero", "elsewhere")] == [15_075, 112, 2]
