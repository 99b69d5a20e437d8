"""Pictures of nobody: strips of labelled pictures that hold no labelled joint."""

import cv2
import numpy as np

from posekit import geometry
from posekit.datasets.image_files import decode
from posekit.pipeline.views import FILL

# Shorter sides show too little to be judged.
LEAST_SIDE_PX = 64

# Around the joints, as a share of their box's longer side: hands, hair and shadows.
MARGIN = 0.25


def strip(image, keypoints_px, labelled):
    """The largest strip of a picture (H, W, 3) beside, above or below a person.

    None where the person, joints (K, 2) of which some are labelled (K,), leaves no room. It may
    show other people, whom nobody labelled.
    """
    x, y, width, height = geometry.joint_boxes(keypoints_px[None], labelled[None])[0]
    margin = MARGIN * max(width, height)
    strips = [
        image[:, : max(0, int(x - margin))],
        image[:, max(0, int(x + width + margin)) :],
        image[: max(0, int(y - margin))],
        image[max(0, int(y + height + margin)) :],
    ]
    large = [each for each in strips if min(each.shape[:2]) >= LEAST_SIDE_PX]
    return np.ascontiguousarray(max(large, key=lambda each: each.size)) if large else None


def squared(image):
    """A strip made square, with grey on both sides."""
    rows, columns = (max(image.shape[:2]) - side for side in image.shape[:2])
    border = (rows // 2, rows - rows // 2, columns // 2, columns - columns // 2)
    return cv2.copyMakeBorder(image, *border, cv2.BORDER_CONSTANT, value=(FILL,) * 3)


def strips_of(dataset):
    """A list of the strips of a PoseDataset's pictures, every second one made square."""
    found = []
    for image_id, keypoints_px, labelled in zip(
        dataset.image_ids.tolist(), dataset.keypoints_px, dataset.labelled, strict=True
    ):
        piece = strip(decode(dataset.read_image(image_id)), keypoints_px, labelled)
        if piece is not None:
            found.append(squared(piece) if len(found) % 2 else piece)
    return found
