"""One picture with one person, as stored or as training varies it, for the panel."""

from dataclasses import dataclass

import cv2
import numpy as np

from posekit import geometry, saliency
from posekit.datasets import image_files
from posekit.geometry import keypoints_into_boxes, keypoints_out_of_boxes, mirror_keypoints
from posekit.models import heads
from posekit.pipeline import transforms, views

PICTURE_PX = 480  # side of the square that the panel shows
VARIED_PX = 320  # side of the square that a varied picture is resampled to


@dataclass(frozen=True, eq=False)
class Subject:
    """A picture and its person; without a model, nothing is predicted."""

    image: np.ndarray  # uint8 (H, W, 3), RGB
    true_px: np.ndarray  # float (K, 2), (x, y), pixels of `image`; anything where not labelled
    labelled: np.ndarray  # bool (K,)
    scale: float = 1.0  # pixels of the stored picture for a pixel of `image`
    predicted_px: np.ndarray | None = None  # float (K, 2), pixels of `image`
    confidences: np.ndarray | None = None  # float (K,), NaN where not known
    input_box_px: np.ndarray | None = None  # float (4,), what the last network saw

    @property
    def shown_box_px(self):
        """float (4,), the square of `image` that the panel shows: all of it."""
        return geometry.whole_boxes(self.image.shape[1::-1])

    @property
    def error_px(self):
        """float (K,), pixels of the stored picture; NaN where not known."""
        if self.predicted_px is None:
            return np.full(len(self.labelled), np.nan)
        return self.scale * distances_px(self.predicted_px, self.true_px, self.labelled)

    def shown_image(self):
        """uint8 (PICTURE_PX, PICTURE_PX, 3), the picture in the panel's square."""
        return views.cut(self.image, self.shown_box_px, PICTURE_PX)

    def shown_px(self, keypoints_px):
        """Keypoints (K, 2) of `image` in the panel's square."""
        return keypoints_into_boxes(keypoints_px, self.shown_box_px, PICTURE_PX)


def distances_px(predicted_px, true_px, labelled):
    """Distances of predicted from true joints (..., K, 2), float (..., K); NaN where unlabelled."""
    return np.where(labelled, np.linalg.norm(predicted_px - true_px, axis=-1), np.nan)


def varied(stored, augmentation, *, rng, mirror=None):
    """A Subject as training varies it, nothing predicted; joints outside count as not labelled.

    `rng` is used alike whatever the strengths; `mirror` is the skeleton's where it is mirrored.
    """
    canvas = views.cut(stored.image, stored.shown_box_px, VARIED_PX)[None].astype(np.float32)
    on_canvas_px = keypoints_into_boxes(
        np.where(stored.labelled[:, None], stored.true_px, 0.0), stored.shown_box_px, VARIED_PX
    )
    targets = np.column_stack([on_canvas_px, stored.labelled])[None].astype(np.float32)
    sampled = augmentation.sample(rng, 1, canvas_px=VARIED_PX, box_px=VARIED_PX, frame_px=VARIED_PX)
    images, targets = transforms.affine(canvas, targets, sampled["matrices"], VARIED_PX)
    images = transforms.colour(
        images, sampled["gain"], sampled["contrast"], sampled["saturation"], sampled["brightness"]
    )
    images = transforms.erase(transforms.blur(images, sampled["blur"]), sampled["rectangles_px"])
    shown = np.rint(np.asarray(images[0])).astype(np.uint8)
    (targets,) = np.asarray(targets)  # (K, 3)
    shown_px, in_sight = targets[:, :2], targets[:, 2] > 0
    if mirror is not None:
        shown = np.ascontiguousarray(shown[:, ::-1])
        shown_px, in_sight = mirror_keypoints(shown_px, in_sight, VARIED_PX, mirror=mirror)
    return Subject(shown, shown_px, in_sight, scale=max(stored.image.shape[:2]) / VARIED_PX)


def shown_saliency(subject, stage, joint):
    """Which pixels of the panel's square move a joint, float32 (PICTURE_PX, PICTURE_PX), >= 0.

    `stage` is the estimator's last, with a Keras network; outside its input it is 0.
    """
    if stage.view == "squashed":
        crop = image_files.squash(subject.image, stage.frame_px)
    else:
        crop = views.cut(subject.image, subject.input_box_px, stage.frame_px)

    def keypoints(batch, training):
        output = stage.network(batch, training=training)
        return heads.by_name(stage.head).coordinates(output, stage.frame_px)

    (strength,) = saliency.joint_saliency(keypoints, crop[None], joint)
    # No axis is turned, so two corners define the map from the panel's square to the crop.
    corners_px = keypoints_out_of_boxes([[0, 0], [1, 1]], subject.shown_box_px, PICTURE_PX)
    origin, one = keypoints_into_boxes(corners_px, subject.input_box_px, stage.frame_px)
    return cv2.warpAffine(
        strength,
        np.column_stack([np.diag(one - origin), origin]),
        (PICTURE_PX, PICTURE_PX),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
