"""Labels of people who were asked once, after a trained model was asked as well.

Annotators miss a joint by a tenth of a torso, take left for right, and guess what is hidden. A
model that has seen all labels may know what most of them would say: where it agrees, the mean of
both should be nearer to the joint than the label alone; where it does not, the label weighs less.
On LSPet this was worth nothing beyond the epochs that it takes, so that only the ladder asks.

Source: bootstrapping of noisy classes, Reed et al., ICLR workshop 2015; here of coordinates.
"""

import numpy as np

from posekit import files, geometry
from posekit.errors import PosekitError
from posekit.pipeline.targets import Labels

# Up to here, as a share of the side of the person's box, the two agree: half of LSPet's median
# torso, which is 0.27 of that side.
NEAR = 0.135

DOUBTED_WEIGHT = 0.5

LIMIT_BYTES = 200_000_000


def after(opinion_px, keypoints_px, labelled):
    """Labels after a second opinion.

    Args:
        opinion_px: float (N, K, 2), (x, y), pixels: where a model sees the joints; a person of
            whom it was not asked is NaN and keeps the labels.
        keypoints_px: float (N, K, 2), the labels.
        labelled: bool (N, K), at least one joint of each person.

    Returns:
        Labels: the mean of both with weight 1 where they are at most `NEAR` box sides apart, else
        the label, with weight `DOUBTED_WEIGHT`; 0 where there is none.

    Raises:
        PosekitError: a person without a labelled joint.
    """
    side_px = geometry.person_boxes(keypoints_px, labelled)[:, 2:3]  # (N, 1)
    asked = np.isfinite(opinion_px).all(axis=-1)
    apart_px = np.linalg.norm(opinion_px - keypoints_px, axis=-1)  # NaN where nobody was asked
    near = labelled & (apart_px < NEAR * side_px)
    doubted = labelled & asked & ~near
    return Labels(
        np.where(near[..., None], (keypoints_px + opinion_px) / 2, keypoints_px),
        np.where(doubted, DOUBTED_WEIGHT, labelled.astype(float)),
    )


def write(path, image_ids, keypoints_px):
    """Keep an opinion.

    Args:
        path: Path, written atomically.
        image_ids: N str.
        keypoints_px: float (N, K, 2), (x, y), pixels.
    """
    files.write_npz(path, image_ids=np.asarray(image_ids, str), keypoints_px=keypoints_px)


def read(path, dataset):
    """The opinion on each image of a data set, NaN where none was asked for.

    Args:
        path: Path that `write` wrote.
        dataset: PoseDataset of N images.

    Returns:
        float64 (N, K, 2), (x, y), pixels.

    Raises:
        PosekitError: the file is missing or another, or of other images or joints.
    """
    arrays = files.read_npz(path, limit_bytes=LIMIT_BYTES)
    image_ids, found_px = arrays.get("image_ids"), arrays.get("keypoints_px")
    joints = dataset.skeleton.joint_count
    wanted = None if image_ids is None else (len(image_ids), joints, 2)
    if found_px is None or found_px.shape != wanted or not np.isfinite(found_px).all():
        raise PosekitError(
            f"{path}: must hold `image_ids` and finite `keypoints_px` (images, {joints}, 2); got "
            f"{ {name: values.shape for name, values in arrays.items()} }. Remove it to ask again."
        )
    rows = {str(image_id): row for row, image_id in enumerate(dataset.image_ids)}
    strangers = sorted(set(map(str, image_ids)) - rows.keys())
    if strangers:
        raise PosekitError(
            f"{path}: `image_ids` must be images of {dataset.name}; got {strangers[0]!r}. Remove "
            "it to ask again."
        )
    opinion_px = np.full((len(dataset), joints, 2), np.nan)
    opinion_px[[rows[str(image_id)] for image_id in image_ids]] = found_px
    return opinion_px
