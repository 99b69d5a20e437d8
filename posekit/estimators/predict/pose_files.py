"""Poses as JSON, CSV or COCO results, written one pose at a time, however many there are.

All files appear whole when their block ends; see `keep_partial_on_interrupt` for an interruption.

COCO's results are a list with, for each person, image_id, category_id, keypoints (x, y and a
confidence of each) and a score; see `datasets.coco.reading` on how pixels are counted.

Source: cocodataset.org, "Results format".
"""

import csv
import json
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from posekit import files

FORMATS = ("json", "csv", "coco")


def pose_entry(pose, *, joints):
    """A Pose as a dict for JSON; what is not known becomes None.

    If nobody was found, the keypoints are where one would be.
    """
    return {
        "person_found": pose.found,
        "person_confidence": _known([pose.presence])[0],
        "box_px": pose.box_px.round(2).tolist(),
        "keypoints_px": dict(zip(joints, pose.keypoints_px.round(2).tolist(), strict=True)),
        "confidence": dict(zip(joints, _known(pose.confidences), strict=True)),
    }


@contextmanager
def writing_csv(path, columns, *, joints):
    """Yield a function that adds one pose to a CSV file, a row for each joint if it was found.

    `columns` are those before joint, x_px, y_px and confidence, which stays empty where it is not
    known. The function takes (labels, Pose); labels is a dict by `columns`.
    """
    with (
        keep_partial_on_interrupt(path) as temporary,
        # A file's name may hold bytes that are not UTF-8; they are written as they are.
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file)
        writer.writerow([*columns, "joint", "x_px", "y_px", "confidence"])

        def add(labels, pose):
            if not pose.found:
                return
            head = [labels[column] for column in columns]
            places_px = pose.keypoints_px.round(2).tolist()
            rows = zip(joints, places_px, _known(pose.confidences), strict=True)
            writer.writerows([*head, joint, *xy_px, sure] for joint, xy_px, sure in rows)

        yield add


@contextmanager
def writing_json(path, head, *, joints):
    """Yield a function that adds one pose to the list "frames" of a JSON file.

    `head` is a dict, what the file says of all frames. The function takes (labels, Pose); labels is
    a dict that comes first.
    """
    opening = json.dumps(head, indent=2, allow_nan=False)[:-2] + ',\n  "frames": ['
    with _open_list(path, opening, "\n    ", "\n  ]\n}\n") as add:
        yield lambda labels, pose: add({**labels, **pose_entry(pose, joints=joints)})


@contextmanager
def writing_coco(path, layout):
    """Yield a function that adds one pose to a file of COCO results, if it was found.

    The results have the keypoints of a coco.reading.Layout: zeros for those without a joint.
    Confidences that are not known become 1, as COCO recommends. The function takes (labels, Pose);
    labels is a dict with the image_id.
    """
    with _open_list(path, "[", "\n", "\n]\n") as add:

        def add_found(labels, pose):
            if not pose.found:
                return
            confidences = np.nan_to_num(pose.confidences, nan=1.0)
            places_px = (pose.keypoints_px + layout.pixel_centre).round(2).tolist()
            triples = [
                (0, 0, 0)
                if joint is None
                else (*places_px[joint], round(float(confidences[joint]), 3))
                for joint in layout.joints
            ]
            result = {
                "category_id": layout.category_id,
                "keypoints": [number for triple in triples for number in triple],
                "score": round(float(confidences.mean()), 4),
            }
            add({**labels, **result})

        yield add_found


@contextmanager
def _open_list(path, opening, indent, closing):
    """Yield a function that adds an entry to a JSON list, so that only the newest is in memory."""
    with (
        keep_partial_on_interrupt(path) as temporary,
        temporary.open("w", encoding="utf-8") as file,
    ):
        file.write(opening)
        separator = ""

        def add(entry):
            nonlocal separator
            file.write(separator + indent + json.dumps(entry, allow_nan=False))
            separator = ","

        try:
            yield add
        finally:
            file.write(closing)


@contextmanager
def keep_partial_on_interrupt(path):
    """As `files.replacing`; what an interruption leaves unfinished is kept as partial_NAME.

    An interruption is Ctrl-C, or the end of a generator that nobody reads on. The caller must
    close the file on the way out, so that the part is readable.
    """
    path = Path(path)
    with files.replacing(path) as temporary:
        try:
            yield temporary
        except (KeyboardInterrupt, GeneratorExit):
            os.replace(temporary, path.with_name(f"partial_{path.name}"))
            raise


def _known(confidences):
    return [None if np.isnan(value) else round(float(value), 3) for value in confidences]
