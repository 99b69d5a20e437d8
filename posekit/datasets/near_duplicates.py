"""Near-duplicates: pairs of photographs that show nearly the same thing."""

import itertools

import numpy as np

from posekit.datasets.splits import PARTS

PICTURE_SIDE = 96
THUMBNAIL_SIDE = 24

# On 9,000 LSPet images, all pairs above 0.97 show one photograph twice. Down to 0.95 repeats mix
# with other moments of the same scene, and below that most pairs are merely alike. Grouping too
# much costs nothing; grouping too little flatters scores.
SIMILARITY_THRESHOLD = 0.95

# On each axis. So few tell most pairs apart; the others are compared in full.
LOW_FREQUENCIES = 8
ROUNDING = 1e-4  # of sums in float32, generously
COMPARED_AT_ONCE = 10_000

# ITU-R BT.601, as OpenCV and Pillow weigh them.
LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114])


def grey_thumbnails(images):
    """Small grey pictures to compare: luma, averaged over blocks of 4 x 4 pixels.

    `images` are uint8 (N, 96, 96, 3), RGB, whole pictures squashed to a square; gives float32
    (N, 24, 24) in [0, 255]. Source: luma weights of ITU-R BT.601.
    """
    side, step = THUMBNAIL_SIDE, PICTURE_SIDE // THUMBNAIL_SIDE
    blocks = images.reshape(-1, side, step, side, step, 3)
    # 16 bits hold a block's sum exactly and keep 12,000 pictures under 50 MB.
    sums = blocks.sum(axis=(2, 4), dtype=np.uint16)  # (N, 24, 24, 3)
    return (sums @ (LUMA_WEIGHTS / step**2)).astype(np.float32)


def find_groups(thumbnails, *, threshold=SIMILARITY_THRESHOLD, block=2048):
    """Groups of near-duplicates, directly or by way of others.

    Two pictures belong together when the correlation of their thumbnails, or of one with the
    mirrored other, exceeds `threshold`. Pictures with a contrast (standard deviation) below one
    grey level show nothing to compare and stay alone.

    `thumbnails` are float (N, h, w), N > 0, finite, grey levels in [0, 255]; `block` pictures are
    compared with as many others at a time. Gives int (N,), numbers from 0 in the order of first
    appearance.
    """
    # The command line reads the names of the splits for its help and must not wait for SciPy.
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    groups = np.arange(len(thumbnails))
    for pairs in _pairs_above(thumbnails, threshold, block):
        # At most a block's pairs are held: a film of one scene has as many as there are frames.
        joined = coo_matrix((np.ones(len(pairs), bool), groups[pairs].T), [len(groups)] * 2)
        groups = connected_components(joined, directed=False)[1][groups]
    return groups


def find_across_parts(thumbnails, split, *, threshold=SIMILARITY_THRESHOLD, block=1024):
    """Near-duplicates, mirrored ones too, in two parts, found without the split's groups.

    Left-out images do not count. Gives int (M, 2), indices of the images whose similarity exceeds
    `threshold`; and the largest similarity of all pairs in two parts, float, at least 0.
    """
    direct, mirrored = _normalised(thumbnails), _normalised(thumbnails[:, :, ::-1])
    found, largest = [np.empty((0, 2), int)], 0.0
    for some, others in itertools.combinations([getattr(split, part) for part in PARTS], 2):
        for start in range(0, len(some) if len(others) else 0, block):
            chosen = some[start : start + block]
            for shown in (direct, mirrored):
                similarity = direct[chosen] @ shown[others].T
                largest = max(largest, float(similarity.max()))
                rows, columns = np.nonzero(similarity > threshold)
                found.append(np.stack([chosen[rows], others[columns]], axis=-1))
    # Some pairs are alike both as they are and through the mirror.
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0), largest


def _pairs_above(thumbnails, threshold, block):
    """Arrays int (M, 2) of all pairs whose similarity exceeds `threshold`, one for each block.

    The cosine transform keeps lengths and angles, and mirroring changes the sign of its odd
    columns alone. So a similarity is at most the even part of the product over low frequencies,
    plus the size of the odd part, plus the product of the lengths of what is left out
    (Cauchy-Schwarz). Only pairs that pass this bound are compared in full: none is missed.
    """
    from scipy.fft import dctn

    shown = _normalised(thumbnails).reshape(thumbnails.shape)
    low = dctn(shown, axes=(1, 2), norm="ortho")[:, :LOW_FREQUENCIES, :LOW_FREQUENCIES].copy()
    rest = np.einsum("nhw,nhw->n", shown, shown) - np.einsum("nhw,nhw->n", low, low)
    rest = np.sqrt(np.maximum(rest, 0))[:, None]
    even = np.concatenate([low[:, :, ::2].reshape(len(low), -1), rest], axis=1)
    odd = low[:, :, 1::2].reshape(len(low), -1)

    def is_above(first, second):
        one, other = shown[first], shown[second]
        direct = np.einsum("nhw,nhw->n", one, other)
        mirrored = np.einsum("nhw,nhw->n", one, other[:, :, ::-1])
        return np.maximum(direct, mirrored) > threshold

    for start in range(0, len(shown), block):
        pairs = [np.empty((0, 2), int)]
        for onwards in range(start, len(shown), block):
            bound = even[start : start + block] @ even[onwards : onwards + block].T
            bound += np.abs(odd[start : start + block] @ odd[onwards : onwards + block].T)
            first, second = np.nonzero(bound > threshold - ROUNDING)
            first, second = first + start, second + onwards
            first, second = first[first < second], second[first < second]
            for part in range(0, len(first), COMPARED_AT_ONCE):
                some = slice(part, part + COMPARED_AT_ONCE)
                above = is_above(first[some], second[some])
                pairs.append(np.stack([first[some][above], second[some][above]], axis=-1))
        yield np.concatenate(pairs)


def _normalised(thumbnails):
    """float32 (N, h * w) of mean 0 and length 1, or all 0 where the contrast is too low."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    centred = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    # A length of sqrt(h * w) is a standard deviation of one grey level.
    enough = length >= np.sqrt(flat.shape[1])
    return np.divide(centred, length, out=np.zeros_like(centred), where=enough)
