"""What labelling tools export is read as it comes: folder or zip, and what is said of it."""

import json
import re
import warnings

import numpy as np
import pytest
import tool_exports
from coco_sets import COCO17, annotation, content, write
from tiny_sets import picture

from posekit.cli.main import main
from posekit.datasets import checking, sources
from posekit.datasets.coco import own_data, reading
from posekit.errors import PosekitError

LOADING = {"synthetic_images": 10, "seed": 0}


def read(path, **settings):
    """The data set, and the notes as they are said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = sources.load(str(path), **LOADING, **settings)
    return dataset, " ".join(str(warning.message) for warning in caught)


def refused(path, finding):
    with pytest.raises(PosekitError, match=finding) as caught:
        read(path)
    message = str(caught.value)
    assert "joints.mat" not in message and "{}" not in message
    return message


def number_of(image_id):
    return int(re.search(r"frame_(\d+)", image_id)[1])


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("tool", tool_exports.BUILDERS)
def test_every_export_is_the_same_data(tmp_path, tool, packed):
    path = tool_exports.BUILDERS[tool](tmp_path / "export")
    if packed:
        path = tool_exports.zipped(path, tmp_path / "export.zip")
    dataset, _ = read(path)
    assert len(dataset) == tool_exports.COUNT
    assert dataset.skeleton.joints == tuple(COCO17) and dataset.labelled.all()
    assert (dataset.image_sizes_px == [tool_exports.WIDTH, tool_exports.HEIGHT]).all()
    for image_id, keypoints_px in zip(dataset.image_ids, dataset.keypoints_px, strict=True):
        number = number_of(image_id)
        np.testing.assert_allclose(keypoints_px, tool_exports.truth(number), atol=1e-3)
        expected = picture(tool_exports.WIDTH, tool_exports.HEIGHT, seed=number)
        assert dataset.read_image(str(image_id)) == expected


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("coco_download", "recognised COCO keypoints in annotations/person_keypoints_train2017"),
        ("cvat_coco", "recognised COCO keypoints in annotations/person_keypoints_default.json"),
        ("cvat_xml", "recognised CVAT's XML in annotations.xml"),
        ("roboflow_coco", "recognised COCO keypoints in test/_annotations.coco.json, train/"),
        ("yolo_pose", "recognised YOLO pose in data.yaml.*the 17 keypoints have no names"),
        ("label_studio", "recognised Label Studio's JSON in project-4-at-2026-11-28.json"),
    ],
)
def test_what_was_recognised_is_said(capsys, tmp_path, tool, said):
    path = tool_exports.zipped(
        tool_exports.BUILDERS[tool](tmp_path / "export"), tmp_path / "export.zip"
    )
    assert re.search(said, read(path)[1])
    assert main(["data", "check", str(path)]) == 0
    out = capsys.readouterr().out
    assert re.search(said, out.replace("\n", " "))
    assert "mirroring swaps left_eye / right_eye" in out


@pytest.mark.parametrize("top", ["", "export/", "a/b/"])
@pytest.mark.parametrize("tool", tool_exports.BUILDERS)
def test_zips_as_finder_and_explorer_make_them(tmp_path, tool, top):
    folder = tool_exports.BUILDERS[tool](tmp_path / "export")
    for name in (".DS_Store", "Thumbs.db", "._annotations.json", "README.md", "images/._a.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"\0\5\x16\7")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "._result.json").write_bytes(b"\0\5\x16\7")
    assert len(read(folder)[0]) == tool_exports.COUNT
    dataset, _ = read(tool_exports.zipped(folder, tmp_path / "export.zip", top))
    assert sorted(map(number_of, dataset.image_ids)) == list(range(tool_exports.COUNT))


def test_annotations_without_keypoints_are_left_out_and_counted(tmp_path):
    stored = content(3)
    stored["annotations"] += [
        {"id": 1, "image_id": 12, "category_id": 1, "bbox": [5, 5, 9, 9], "iscrowd": 0},
        annotation(2, 12) | {"keypoints": []},
        annotation(3, 12) | {"keypoints": None},
        annotation(4, 12, iscrowd=True),
    ]
    dataset, said = read(write(tmp_path, stored))
    assert len(dataset) == 3 and dataset.extras["person_count"].tolist() == [1, 1, 1]
    assert "3 annotations without keypoints are left out" in said
    assert "1 annotations of crowds are left out" in said
    checked = checking.check(tmp_path)
    assert not checked.images(checking.ERROR)
    assert any("3 annotations without keypoints" in note for note in checked.notes)


def test_one_bad_annotation_can_be_left_out(tmp_path):
    stored = content(3)
    stored["annotations"].append(annotation(1, 12) | {"keypoints": [1, 2, 2]})
    path = write(tmp_path, stored)
    refused(path, "im2.jpg: annotation 1: `keypoints` must hold .*; got 3 values")
    dataset, said = read(path, bad_images="skip")
    assert len(dataset) == 3 and "im2.jpg: annotation 1: `keypoints` must hold" in said


def test_confidences_are_read_by_a_threshold(tmp_path):
    stored = content(1)
    stored["annotations"][0]["keypoints"][2::3] = [0.49, 0.5, 1.0, 0.0] + [0.9] * 13
    dataset, said = read(write(tmp_path, stored))
    assert dataset.labelled[0].tolist() == [False, True, True, False] + [True] * 13
    assert not dataset.extras["occluded"].any()
    assert "the visibilities are confidences" in said and "0.5" in said


def nan():
    return float("nan")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: one["annotations"][0].update(area=nan()),
        lambda one: one["annotations"][0]["keypoints"].__setitem__(slice(0, 3), [nan(), nan(), 0]),
        lambda one: one["annotations"][0]["keypoints"].__setitem__(slice(0, 3), [None, None, 0]),
        lambda one: one["annotations"][0]["keypoints"].__setitem__(slice(0, 3), [None] * 3),
        lambda one: one["annotations"][0]["keypoints"].__setitem__(slice(0, 3), ["", "x", "0"]),
        lambda one: one["annotations"][0].update(num_keypoints=nan(), segmentation=[[nan()]]),
        lambda one: one["images"][0].update(width=nan(), height=None),
        lambda one: one["images"][0].update(width="40", height="40.0"),
        lambda one: one["images"][0].update(width=0, height=0),
        lambda one: one["images"][0].update(id="11"),
        lambda one: one["annotations"][0].update(image_id="11", id="101", category_id="1"),
        lambda one: one["annotations"][0].update(image_id=11.0, bbox=["1", "0", "16", "32"]),
        lambda one: one["annotations"][0].update(iscrowd="0", score=float("inf")),
    ],
)
def test_values_that_are_certain_are_read(tmp_path, spoil):
    stored = content(2)
    spoil(stored)
    dataset, _ = read(write(tmp_path, stored))
    assert dataset.extras["coco_image_id"].tolist() == [11, 12]
    assert dataset.extras["coco_annotation_id"].tolist() == [101, 102]
    assert dataset.keypoints_px[0, 1].tolist() == [2, 2] and dataset.labelled[0, 1:].all()


def test_numbers_as_text_and_keypoints_in_lists(tmp_path):
    stored = content(1)
    flat = stored["annotations"][0]["keypoints"]
    stored["annotations"][0]["keypoints"] = [
        [str(flat[k]), str(flat[k + 1]), "2"] for k in range(0, 51, 3)
    ]
    assert read(write(tmp_path, stored))[0].keypoints_px[0, 3].tolist() == [4, 6]


def test_ids_may_be_names(tmp_path):
    stored = content(2)
    for image, one in zip(stored["images"], stored["annotations"], strict=True):
        image["id"] = one["image_id"] = f"5f-{image['id']}"
    assert read(write(tmp_path, stored))[0].extras["coco_image_id"].tolist() == ["5f-11", "5f-12"]


def test_two_files_of_the_same_pictures_are_no_set(tmp_path):
    path = write(tmp_path, content(2))
    path.with_name("annotations (1).json").write_bytes(path.read_bytes())
    message = refused(tmp_path, "JSON files must label different pictures; got images/im1.jpg in")
    assert "`annotations` in an own_data.toml" in message


def test_a_part_whose_pictures_are_not_there_is_left_out(tmp_path):
    folder = tool_exports.coco_download(tmp_path)
    for file in (folder / "val2017").iterdir():
        file.unlink()
    dataset, said = read(folder)
    assert len(dataset) == 3
    assert "person_keypoints_val2017.json: none of its pictures are there" in said


def test_other_keypoints_are_joints_where_shoulders_and_hips_are_named(tmp_path):
    names = ["Left Shoulder", "Right Shoulder", "Left Hip", "Right Hip", "Head"]
    stored = content(2, keypoints=names)
    stored["categories"][0]["skeleton"] = [[1, 3], [2, 4], [0, 9]]
    dataset, _ = read(write(tmp_path, stored))
    skeleton = dataset.skeleton
    assert skeleton.joints == tuple(names) and skeleton.mirror == (1, 0, 3, 2, 4)
    assert skeleton.torso_joints == (0, 3) and skeleton.lines == ((0, 2), (1, 3))


@pytest.mark.parametrize("spell", [str.upper, lambda name: "_".join(name.split("_")[::-1])])
def test_coco_in_another_spelling_is_coco(tmp_path, spell):
    dataset, _ = read(write(tmp_path, content(2, keypoints=[spell(name) for name in COCO17])))
    assert dataset.skeleton.joints == tuple(COCO17)
    assert dataset.keypoints_px[0, 3].tolist() == [4, 6]


FOREIGN = {
    "boxes": {"a.json": content(1) | {"categories": [{"id": 1, "name": "a"}]}},
    "LabelMe": {f"{n}.json": {"shapes": [], "imagePath": "a"} for n in range(60)},
    "VIA": {"via.json": {"_via_img_metadata": {}}},
    "Datumaro": {"a.json": {"items": [], "categories": {"label": 1}}},
    "results": {"r.json": [{"image_id": 1, "score": 0.5, "keypoints": []}]},
    "no tables": {"a.json": {"images": [], "annotations": [], "categories": None}},
    "VOC": {"im1.xml": "<annotation><object/></annotation>"},
    "YOLO boxes": {"data.yaml": "train: a\nnames: [a]\n"},
    "YOLO labels": {"labels/im1.txt": "0 .5 .5 .1 .1"},
    "DeepLabCut": {"CollectedData_me.csv": "scorer,me"},
    "SLEAP": {"labels.slp": "x"},
}


@pytest.mark.parametrize("case", FOREIGN)
def test_other_layouts_are_named_with_the_export_that_is_read(tmp_path, case):
    (tmp_path / "set" / "images").mkdir(parents=True)
    (tmp_path / "set" / "images" / "im1.jpg").write_bytes(picture(40, 40))
    for name, stored in FOREIGN[case].items():
        path = tmp_path / "set" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(stored if isinstance(stored, str) else json.dumps(stored))
    message = refused(tmp_path / "set", next(iter(FOREIGN[case])))
    assert "docs/own_data.md" in message or "`categories` must hold" in message
    zipped = tool_exports.zipped(tmp_path / "set", tmp_path / "set.zip")
    named = sorted(FOREIGN[case])[0]
    message = refused(zipped, f"must hold keypoints in a layout that is read; got {named}")
    assert "docs/own_data.md" in message


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_text_as_editors_save_it(tmp_path, encoding):
    stored = content(2) | {"info": {"contributor": "Jörg"}}
    path = write(tmp_path, stored)
    path.write_text(json.dumps(stored, ensure_ascii=False), encoding=encoding)
    toml = tmp_path / own_data.NAME
    toml.write_text('annotations = "annotations.json" # Jörg\r\n', encoding=encoding, newline="")
    assert len(read(toml)[0]) == len(read(path)[0]) == 2


def test_an_own_data_toml_describes_an_export(tmp_path):
    tool_exports.zipped(tool_exports.cvat_xml(tmp_path / "x"), tmp_path / "cvat.zip")
    path = tmp_path / own_data.NAME
    path.write_text('annotations = "cvat.zip"\njoints = "coco17_to_lsp"\npixel_centre = 0.5\n')
    dataset, _ = read(path)
    assert dataset.skeleton.name == "lsp" and len(dataset) == tool_exports.COUNT
    # And one in a zip describes what lies next to it.
    folder = tmp_path / "mine"
    folder.mkdir()
    write(folder, content(2))
    (folder / own_data.NAME).write_text('annotations = "annotations.json"\n')
    for top in ("", "mine/"):
        archive = tool_exports.zipped(folder, tmp_path / "mine.zip", top)
        dataset, _ = read(archive)
        assert dataset.image_ids.tolist() == ["im1.jpg", "im2.jpg"]


def test_sets_of_equal_names_are_joined(tmp_path):
    for index, name in enumerate(("clip1", "clip2", "deep/clip2")):
        stored = content(2)
        stored["annotations"][0]["keypoints"][0] = float(index)
        (tmp_path / name).mkdir(parents=True)
        write(tmp_path / name, stored)
    dataset, said = read(f"{tmp_path / 'clip1'}:{tmp_path / 'clip2'}")
    assert dataset.image_ids.tolist() == [
        f"{clip}/im{n}.jpg" for clip in ("clip1", "clip2") for n in (1, 2)
    ]
    assert "the ids begin with clip1, clip2" in said
    first = (tmp_path / "clip2" / "images" / "im1.jpg").read_bytes()
    assert dataset.read_image("clip2/im1.jpg") == first
    dataset, _ = read(f"{tmp_path / 'clip2'}:{tmp_path / 'deep' / 'clip2'}")
    assert len(set(dataset.image_ids.tolist())) == 4
    with pytest.raises(PosekitError, match="Join each data set once"):
        read(f"{tmp_path / 'clip1'}:{tmp_path / 'clip1'}")


def test_a_track_of_cvat(tmp_path):
    shape = '<points label="{0}" outside="0" occluded="{1}" points="{2},{2}"/>'
    frames = "".join(
        f'<skeleton frame="{frame}" outside="{outside}">'
        + shape.format("left_shoulder", 0, 5 + frame)
        + shape.format("right_hip", 1, 9)
        + "</skeleton>"
        for frame, outside in ((0, 0), (1, 0), (2, 1))
    )
    path = tmp_path / "annotations.xml"
    path.write_text(f'<annotations><track id="0" label="person">{frames}</track></annotations>')
    for frame in range(3):
        (tmp_path / f"frame_{frame:06d}.PNG").write_bytes(picture(20, 20, file_format="PNG"))
    toml = tmp_path / own_data.NAME
    toml.write_text(
        'annotations = "annotations.xml"\ntorso = ["a", "b"]\n'
        '[joints]\na = "left_shoulder"\nb = "right_hip"\n'
    )
    dataset, said = read(toml)
    assert dataset.keypoints_px[:, 0].tolist() == [[4.5, 4.5], [5.5, 5.5]]
    assert dataset.extras["occluded"].tolist() == [[False, True]] * 2
    assert "1 annotations without keypoints are left out" in said


def test_yolo_without_visibility_and_with_other_keypoints(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(picture(40, 20))
    (tmp_path / "labels" / "a.txt").write_text("0 .5 .5 .5 .5 .25 .5 0 0 .5 .5\n1 .1 .1 .1 .1\n")
    yaml = tmp_path / "data.yaml"
    yaml.write_text(
        "kpt_shape: [3, 2]\nnames: {0: person}\n"
        "kpt_names: {0: [left_shoulder, right_shoulder, right_hip, left_hip][:3]}\n".replace(
            "[left_shoulder, right_shoulder, right_hip, left_hip][:3]", "[l, m, r]"
        )
    )
    message = refused(tmp_path, "must hold one category .*; got 'person', '1'")
    assert "own_data.toml" in message
    (tmp_path / "labels" / "a.txt").write_text("0 .5 .5 .5 .5 .25 .5 0 0 .5 .5\n")
    toml = tmp_path / own_data.NAME
    toml.write_text(
        'annotations = "data.yaml"\ntorso = ["l", "r"]\n[joints]\nl = "l"\nm = "m"\nr = "r"\n'
    )
    dataset, _ = read(toml)
    assert dataset.keypoints_px[0, 0].tolist() == [9.5, 9.5]
    assert dataset.labelled[0].tolist() == [True, False, True]
    (tmp_path / "labels" / "a.txt").write_text("0 .5 .5 .5 .5 .25\n")
    refused(
        toml, "labels/a.txt, line 1: must hold a class, a box and 3 keypoints, 11 numbers; got 6"
    )


def test_boxes_of_label_studio_tell_people_apart(tmp_path):
    def row(kind, key, **value):
        return {
            "id": key,
            "type": kind,
            "value": value,
            "original_width": 40,
            "original_height": 40,
        }

    def point(key, name, x, **more):
        return row("keypointlabels", key, x=x, y=50, keypointlabels=[name]) | more

    def box(key, x):
        return row("rectanglelabels", key, x=x, y=0, width=40, height=100, rectanglelabels=["p"])

    rows = [box("A", 0), box("B", 60)]
    rows += [point("1", "left_shoulder", 10, parentID="A"), point("2", "right_hip", 20)]
    rows += [point("3", "left_shoulder", 70, parentID="B"), point("4", "right_hip", 80)]
    stored = [{"data": {"image": "a.jpg"}, "annotations": [{"result": rows}]}]
    (tmp_path / "a.jpg").write_bytes(picture(40, 40))
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(stored))
    toml = tmp_path / own_data.NAME
    toml.write_text(
        'annotations = "tasks.json"\npeople = "all"\ntorso = ["a", "b"]\n'
        '[joints]\na = "left_shoulder"\nb = "right_hip"\n'
    )
    dataset = reading.read(own_data.find(toml))
    assert sorted(dataset.keypoints_px[:, 0, 0].tolist()) == [4, 28]
    assert dataset.extras["person_count"].tolist() == [2, 2]
    stored[0]["annotations"][0]["result"] = rows[2:]
    path.write_text(json.dumps(stored))
    refused(toml, "must label a joint of a person")
