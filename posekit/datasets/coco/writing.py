"""Write a data set as COCO keypoints, with the own_data.toml that reads it back."""

import json
from pathlib import Path, PurePosixPath

import numpy as np

from posekit import files, geometry, joint_sets
from posekit.datasets.coco import own_data
from posekit.errors import PosekitError
from posekit.skeleton import LSP

ANNOTATIONS = "annotations.json"


def write(folder, dataset):
    """Write pictures, annotations.json and own_data.toml to a new or empty folder, and return it.

    `dataset` has one record for each picture. PosekitError where the folder holds something.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PosekitError(f"{folder}: must be a folder that is empty or not there; got another.")
    names = []
    for image_id in dataset.image_ids.tolist():
        encoded = dataset.read_image(image_id)
        suffix = ".png" if encoded.startswith(b"\x89PNG") else ".jpg"
        names.append(PurePosixPath(image_id).stem + suffix)
        with files.replacing(folder / "images" / names[-1]) as temporary:
            temporary.write_bytes(encoded)
    files.write_json(folder / ANNOTATIONS, annotations(dataset, names))
    files.write_text(folder / own_data.NAME, _description(dataset.skeleton))
    return folder


def annotations(dataset, names):
    """A data set's labels in COCO's form, JSON-ready; `names` are those of the pictures' files."""
    skeleton = dataset.skeleton
    occluded = dataset.extras.get("occluded", np.zeros_like(dataset.labelled))
    flags = np.where(dataset.labelled, np.where(occluded, 1, 2), 0)  # (N, K)
    keypoints_px = np.where(dataset.labelled[..., None], dataset.keypoints_px, 0.0)
    triples = np.concatenate([keypoints_px, flags[..., None]], axis=-1)
    boxes_px = np.nan_to_num(geometry.joint_boxes(dataset.keypoints_px, dataset.labelled))
    category = {
        "id": 1,
        "name": "person",
        "keypoints": list(skeleton.joints),
        # COCO counts the ends of its lines from 1.
        "skeleton": [[start + 1, end + 1] for start, end, _ in skeleton.segments],
    }
    images, people = [], []
    for index, name in enumerate(names):
        width, height = dataset.image_sizes_px[index].tolist()
        images.append({"id": index + 1, "file_name": name, "width": width, "height": height})
        box_px = boxes_px[index].tolist()
        people.append(
            {
                "id": index + 1,
                "image_id": index + 1,
                "category_id": category["id"],
                "iscrowd": 0,
                "bbox": box_px,
                "area": box_px[2] * box_px[3],
                "segmentation": [],
                "num_keypoints": int(dataset.labelled[index].sum()),
                "keypoints": triples[index].ravel().tolist(),
            }
        )
    return {"images": images, "categories": [category], "annotations": people}


def _description(skeleton):
    """The own_data.toml: each joint is the keypoint of the same name."""
    lines = [f"annotations = {json.dumps(ANNOTATIONS)}"]
    tables = {"joints": {name: name for name in skeleton.joints}}
    if skeleton == LSP:
        lines.append(f"joint_set = {json.dumps(LSP.name)}")
    else:
        described = joint_sets.describe(skeleton)
        tables["limbs"] = described["limbs"]
        lines += [
            f"{field} = {json.dumps(described[field])}"
            for field in ("name", "torso", "mirror", "lines")
        ]
    for table, entries in tables.items():
        lines += ["", f"[{table}]"]
        # Names may hold spaces, so TOML needs them in quotes; JSON's quotes serve for both.
        lines += [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in entries.items()]
    return "\n".join(lines) + "\n"
