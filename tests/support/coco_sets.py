"""Small sets of COCO keypoints, made anew for each test: noisy pictures and labels by hand."""

import json

from tiny_sets import picture

COCO17 = (
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow "
    "right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle "
    "right_ankle"
).split()


def annotation(number, image_id, shift=0.0, keypoints=COCO17, flag=2, **changes):
    """Keypoint k of a person is at (k + shift, 2 k) of a picture of 40 x 40."""
    triples = [
        value for k in range(len(keypoints)) for value in (k + shift, 2.0 * k, flag)
    ]
    return {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [shift, 0, 16, 32],
        "keypoints": triples,
        **changes,
    }


def content(image_count=2, keypoints=COCO17):
    """A person in each picture, `im1.jpg` and so on with the ids 11 and so on."""
    return {
        "images": [
            {"id": 10 + n, "file_name": f"im{n}.jpg", "width": 40, "height": 40}
            for n in range(1, image_count + 1)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(keypoints)}],
        "annotations": [
            annotation(100 + n, 10 + n, shift=n, keypoints=keypoints)
            for n in range(1, image_count + 1)
        ],
    }


def write(folder, stored, pictures=None):
    """Write annotations.json, and images/ with the pictures of it; return the JSON's path."""
    names = [image["file_name"] for image in stored["images"]] if pictures is None else pictures
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        (folder / "images" / name).write_bytes(picture(40, 40, seed))
    path = folder / "annotations.json"
    path.write_text(json.dumps(stored), encoding="utf-8")
    return path
