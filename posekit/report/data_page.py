"""What `datasets.checking` found, as lines for a terminal and as a page with thumbnails.

The page contains photographs, so by default it is stored with the data.
"""

import base64
from collections import defaultdict

import cv2
import numpy as np

from posekit import drawing
from posekit.datasets import checking, image_files
from posekit.errors import PosekitError
from posekit.geometry import resize_keypoints
from posekit.report import pages

# More than anyone looks through; each takes about ten kilobytes of the page.
THUMBNAIL_LIMIT = 300
THUMBNAIL_PX = 240

NAME = "check.html"


def path_for(path):
    """Default path of the page: in the data's folder, or next to their file."""
    return path / NAME if path.is_dir() else path.with_name(f"{path.stem}-{NAME}")


def to_text(checked):
    """Lines for a checking.Checked: each finding's image, level and text; then the notes."""
    width = max((len(finding.image) for finding in checked.findings), default=0) + 1
    lines = [
        f"{finding.image + ':' if finding.image else '':<{width}} {finding.level:<7} {finding.text}"
        for finding in checked.findings
    ]
    return "".join(f"{line}\n" for line in (*lines, *checked.notes))


def summary(checked):
    """One line: how many images, how many of them with errors and with warnings."""
    counts = f"{checked.image_count} images, {len(checked.images(checking.ERROR))} with errors"
    warned = len(checked.images(checking.WARNING))
    return f"{checked.name}: {counts}" + (f", {warned} with warnings" if warned else "")


def page(several):
    """The HTML page of several checking.Checked; it loads nothing from elsewhere."""
    sections = []
    room = THUMBNAIL_LIMIT
    for checked in several:
        rows = _rows(checked, room)
        room -= sum(bool(row["pictures"]) for row in rows)
        sections.append({"summary": summary(checked), "rows": rows})
    return pages.render("data_check.html", sections=sections, limit=THUMBNAIL_LIMIT)


def _rows(checked, room):
    """A row for each image with findings: name, findings, thumbnails as base64 text."""
    people = defaultdict(list)  # picture's name -> indices of its people in the data set
    for index, name in enumerate([] if checked.dataset is None else checked.dataset.picture_names):
        people[name].append(index)
    rows = {}
    for finding in checked.findings:
        name = finding.image
        if name not in rows:
            drawn = people[name] if len(rows) < room else []
            thumbnails = (_thumbnail(checked.dataset, index) for index in drawn)
            pictures = list(filter(None, thumbnails))
            rows[name] = {"image": name, "findings": [], "pictures": pictures}
        rows[name]["findings"].append(finding)
    return list(rows.values())


def _thumbnail(dataset, index):
    """A picture with one person's labels, base64 text of a JPEG; None if it does not decode."""
    try:
        image = image_files.decode(dataset.read_image(str(dataset.image_ids[index])))
    except PosekitError:
        return None
    size_px = np.array(image.shape[1::-1])
    small_px = np.maximum(np.rint(size_px * min(1, THUMBNAIL_PX / size_px.max())), 1).astype(int)
    small = cv2.resize(image, tuple(small_px.tolist()), interpolation=cv2.INTER_AREA)
    drawn = drawing.draw_skeleton(
        small,
        resize_keypoints(dataset.keypoints_px[index], size_px, small_px),
        dataset.labelled[index],
        skeleton=dataset.skeleton,
    )
    encoded = cv2.imencode(".jpg", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))[1]
    return base64.b64encode(encoded.tobytes()).decode("ascii")
