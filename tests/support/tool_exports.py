"""One set of drawn pictures as five labelling tools export it; docs/own_data.md shows the layouts.

Each builder writes a folder; `zipped` makes a zip of one. The person of picture n has keypoint k
at `truth(n)[k]`, pixels with the first pixel's centre at 0.
"""

import json
import zipfile

import numpy as np
from coco_sets import COCO17
from tiny_sets import picture

WIDTH, HEIGHT = 60, 50
COUNT = 4


def truth(number):
    """float (17, 2): where picture `number`'s keypoints are."""
    k = np.arange(17.0)
    return np.stack([3 * k + number, 2 * k + 2 * number], axis=-1)


def _triples(number, flag=2):
    return [value for x, y in truth(number) for value in (float(x), float(y), flag)]


def _box(number):
    low, high = truth(number).min(axis=0), truth(number).max(axis=0)
    return [*low.tolist(), *(high - low).tolist()]


def _write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _pictures(folder, name="frame_{:06d}.jpg", numbers=range(COUNT)):
    for number in numbers:
        _write(folder / name.format(number), picture(WIDTH, HEIGHT, seed=number))


def _coco(name="frame_{:06d}.jpg", numbers=range(COUNT), category_id=1):
    category = {"id": category_id, "name": "person", "keypoints": COCO17, "skeleton": [[16, 14]]}
    return {
        "info": {},
        "licenses": [],
        "images": [
            {"id": i, "file_name": name.format(number), "width": WIDTH, "height": HEIGHT}
            for i, number in enumerate(numbers, start=1)
        ],
        "categories": [category],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "category_id": category_id,
                "iscrowd": 0,
                "area": 1.0,
                "bbox": _box(number),
                "num_keypoints": 17,
                "keypoints": _triples(number),
            }
            for i, number in enumerate(numbers, start=1)
        ],
    }


def coco_download(folder):
    """COCO's own: annotations/ with all of its files, train2017/ and val2017/."""
    parts = {"train2017": range(3), "val2017": range(3, COUNT)}
    for shift, (part, numbers) in enumerate(parts.items()):
        _pictures(folder / part, numbers=numbers)
        stored = _coco(numbers=numbers)
        for row in (*stored["images"], *stored["annotations"]):
            row["id"] += 100 * shift
        for annotation in stored["annotations"]:
            annotation["image_id"] += 100 * shift
        # A crowd, and a person who is only outlined.
        crowd = {**stored["annotations"][0], "id": 900 + shift, "iscrowd": 1}
        stored["annotations"] += [crowd, {**crowd, "id": 950 + shift, "iscrowd": 0}]
        stored["annotations"][-1]["keypoints"] = []
        _write(folder / f"annotations/person_keypoints_{part}.json", json.dumps(stored))
        boxes = {**stored, "categories": [{"id": 1, "name": "person"}]}
        _write(folder / f"annotations/instances_{part}.json", json.dumps(boxes))
        _write(folder / f"annotations/captions_{part}.json", json.dumps({"annotations": []}))
    return folder


def cvat_coco(folder):
    """CVAT, "COCO Keypoints 1.0"."""
    _pictures(folder / "images/default")
    stored = _coco()
    # A track that is outside of this frame.
    outside = {"id": 99, "image_id": 2, "category_id": 1, "iscrowd": 0, "bbox": [0, 0, 0, 0]}
    stored["annotations"].append({**outside, "keypoints": [], "num_keypoints": 0})
    _write(folder / "annotations/person_keypoints_default.json", json.dumps(stored))
    return folder


def cvat_xml(folder):
    """CVAT, "CVAT for images 1.1"; positions are from the picture's corner."""
    _pictures(folder / "images")
    labels = "".join(
        f"<label><name>{name}</name><type>points</type><parent>person</parent></label>"
        for name in COCO17
    )
    images = []
    for number in range(COUNT):
        points = "".join(
            f'<points label="{name}" outside="0" occluded="0" points="{x + 0.5:.2f},{y + 0.5:.2f}"/>'
            for name, (x, y) in zip(COCO17, truth(number), strict=True)
        )
        images.append(
            f'<image id="{number}" name="frame_{number:06d}.jpg" width="{WIDTH}" '
            f'height="{HEIGHT}"><box label="person" xtl="1" ytl="1" xbr="9" ybr="9"/>'
            f'<skeleton label="person" source="manual" z_order="0">{points}</skeleton></image>'
        )
    _write(
        folder / "annotations.xml",
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
        f"<meta><task><labels><label><name>person</name><type>skeleton</type></label>{labels}"
        f"</labels></task></meta>{''.join(images)}</annotations>",
    )
    return folder


def roboflow_coco(folder):
    """Roboflow, "COCO Keypoint": a file next to the pictures of each part, ids from 0 in each."""
    name = "frame_{:06d}_jpg.rf.0a1b2c.jpg"
    for part, numbers in (("train", range(2)), ("valid", range(2, 3)), ("test", range(3, COUNT))):
        _pictures(folder / part, name, numbers)
        stored = _coco(name, numbers)
        stored["categories"].insert(0, {"id": 0, "name": "people", "supercategory": "none"})
        _write(folder / part / "_annotations.coco.json", json.dumps(stored))
    _write(folder / "README.roboflow.txt", "people - v1")
    return folder


def yolo_pose(folder):
    """YOLO pose, as Roboflow and Ultralytics have it."""
    for part, numbers in (("train", range(2)), ("valid", range(2, COUNT))):
        _pictures(folder / part / "images", numbers=numbers)
        for number in numbers:
            x, y, width, height = _box(number)
            shares = [(x + width / 2) / WIDTH, (y + height / 2) / HEIGHT]
            shares += [width / WIDTH, height / HEIGHT]
            points = [
                f"{(x + 0.5) / WIDTH:.6f} {(y + 0.5) / HEIGHT:.6f} 2.000000"
                for x, y in truth(number)
            ]
            line = " ".join(["0", *(f"{share:.6f}" for share in shares), *points])
            _write(folder / part / f"labels/frame_{number:06d}.txt", line + "\n")
    _write(
        folder / "data.yaml",
        "train: ../train/images\nval: ../valid/images\nkpt_shape: [17, 3]\n"
        "flip_idx: [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]\n"
        "nc: 1\nnames: ['person']\n",
    )
    return folder


def label_studio(folder):
    """Label Studio, "JSON": percent of the picture, and the names of its uploads."""
    _pictures(folder / "images", "0a1b2c3d-frame_{:06d}.jpg")
    tasks = []
    for number in range(COUNT):
        shared = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
        rows = [
            {
                **shared,
                "id": f"k{number}_{name}",
                "type": "keypointlabels",
                "value": {
                    "x": 100 * (x + 0.5) / WIDTH,
                    "y": 100 * (y + 0.5) / HEIGHT,
                    "width": 0.5,
                    "keypointlabels": [name],
                },
            }
            for name, (x, y) in zip(COCO17, truth(number), strict=True)
        ]
        tasks.append(
            {
                "id": number + 50,
                "data": {"img": f"/data/upload/4/0a1b2c3d-frame_{number:06d}.jpg"},
                "annotations": [{"id": number, "was_cancelled": False, "result": rows}],
                "predictions": [],
            }
        )
    _write(folder / "project-4-at-2026-11-28.json", json.dumps(tasks))
    return folder


def label_studio_coco(folder):
    """Label Studio, "COCO with images", from a Windows machine."""
    _pictures(folder / "images", "0a1b2c3d-frame_{:06d}.jpg")
    stored = _coco("..\\..\\media\\upload\\4\\0a1b2c3d-frame_{:06d}.jpg")
    _write(folder / "result.json", json.dumps(stored))
    return folder


BUILDERS = {
    builder.__name__: builder
    for builder in (
        *(coco_download, cvat_coco, cvat_xml, roboflow_coco, yolo_pose, label_studio),
        label_studio_coco,
    )
}


def zipped(folder, path, top=""):
    """A zip of a folder, as tools' servers send it."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                # Without times, equal files make equal zips.
                entry = zipfile.ZipInfo(top + file.relative_to(folder).as_posix())
                archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return path
