"""Near-duplicates: pairs of photographs that show nearly the same thing."""

import numpy as np

from posekit.datasets.splits import PARTS
from posekit.errors import PosekitError, raise_problems

PICTURE_SIDE = 96
THUMBNAIL_SIDE = 24

# On 9,000 LSPet images, all pairs above 0.97 show one photograph twice. Down to 0.95 repeats mix
# with other moments of the same scene, and below that most pairs are merely alike. Grouping too
# much costs nothing; grouping too little flatters scores.
SIMILARITY_THRESHOLD = 0.95

# ITU-R BT.601, as OpenCV and Pillow weigh them.
LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114])


def grey_thumbnails(images):
    """Small grey pictures to compare: luma, averaged over blocks of 4 x 4 pixels.

    Args:
        images: uint8 (N, 96, 96, 3), RGB, whole pictures squashed to a square.

    Returns:
        float32 (N, 24, 24) in [0, 255].

    Raises:
        PosekitError: another shape or dtype.

    Source: luma weights of ITU-R BT.601.
    """
    if images.dtype != np.uint8 or images.shape[1:] != (PICTURE_SIDE, PICTURE_SIDE, 3):
        raise PosekitError(
            "grey_thumbnails(): `images` must be uint8 (N, 96, 96, 3); "
            f"got {images.dtype} {images.shape}."
        )
    side, step = THUMBNAIL_SIDE, PICTURE_SIDE // THUMBNAIL_SIDE
    blocks = images.reshape(-1, side, step, side, step, 3)
    # 16 bits hold a block's sum exactly and keep 12,000 pictures under 50 MB.
    sums = blocks.sum(axis=(2, 4), dtype=np.uint16)  # (N, 24, 24, 3)
    return (sums @ (LUMA_WEIGHTS / step**2)).astype(np.float32)


def find_groups(thumbnails, *, threshold=SIMILARITY_THRESHOLD, block=1024):
    """Groups of near-duplicates, directly or by way of others.

    Two pictures belong together when the correlation of their thumbnails, or of one with the
    mirrored other, exceeds `threshold`. Pictures with a contrast (standard deviation) below one
    grey level show nothing to compare and stay alone.

    Args:
        thumbnails: float (N, h, w), finite, grey levels in [0, 255].
        threshold: float in (0, 1).
        block: int > 0, how many pictures are compared with all others at a time.

    Returns:
        int (N,), group numbers from 0 in the order of first appearance.

    Raises:
        PosekitError: a shape, value or range above is violated.
    """
    problems = []
    if thumbnails.ndim != 3 or not len(thumbnails):
        problems.append(f"`thumbnails` must have shape (N, h, w), N > 0; got {thumbnails.shape}.")
    elif not np.isfinite(thumbnails).all():
        image = int(np.argmin(np.isfinite(thumbnails).all(axis=(1, 2))))
        problems.append(f"`thumbnails` must be finite; got NaN or infinity in picture {image}.")
    if not 0 < threshold < 1:
        problems.append(f"`threshold` must lie between 0 and 1; got {threshold}.")
    raise_problems("find_groups()", problems)

    # The command line reads the names of the splits for its help and must not wait for SciPy.
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    pairs = [
        np.argwhere(similarity > threshold) + start
        for start, similarity in _similarities(thumbnails, block)
    ]
    rows, columns = np.concatenate(pairs).T
    pairs = coo_matrix((np.ones(len(rows), bool), (rows, columns)), shape=[len(thumbnails)] * 2)
    return connected_components(pairs, directed=False)[1]


def find_across_parts(thumbnails, split, *, threshold=SIMILARITY_THRESHOLD, block=1024):
    """Near-duplicates, mirrored ones too, in two parts, found without the split's groups.

    Left-out images do not count. `thumbnails` are of the split's images in order; arguments as
    for `find_groups`.

    Returns:
        pairs: int (M, 2), indices of the images whose similarity exceeds `threshold`.
        largest: float, the largest similarity of all pairs in two parts, at least 0.
    """
    part_of = np.full(len(thumbnails), -1)
    for number, part in enumerate(PARTS):
        part_of[getattr(split, part)] = number
    found, largest = [np.empty((0, 2), int)], 0.0
    for start, similarity in _similarities(thumbnails, block):
        here, onwards = part_of[start : start + block, None], part_of[start:]
        apart = (here != onwards) & (here >= 0) & (onwards >= 0)
        similarity = np.where(apart, similarity, 0.0)
        largest = max(largest, float(similarity.max()))
        found.append(np.argwhere(similarity > threshold) + start)
    # Within a block each pair is found from both sides, and some also through the mirror.
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0), largest


def _similarities(thumbnails, block):
    """(start, similarity of a block of pictures from there to all from there on), twice a block:
    to these as they are and to these mirrored.

    The mirror is symmetric too, so pairs with earlier pictures have come before.
    """
    direct, mirrored = _normalised(thumbnails), _normalised(thumbnails[:, :, ::-1])
    for start in range(0, len(direct), block):
        for others in (direct[start:], mirrored[start:]):
            yield start, direct[start : start + block] @ others.T


def _normalised(thumbnails):
    """float32 (N, h * w) of mean 0 and length 1, or all 0 where the contrast is too low."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    centred = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    # A length of sqrt(h * w) is a standard deviation of one grey level.
    enough = length >= np.sqrt(flat.shape[1])
    return np.divide(centred, length, out=np.zeros_like(centred), where=enough)
