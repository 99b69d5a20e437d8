"""From a map of where a joint may be to where it is, and how sure that is: NumPy alone.

The mean of a map lies between two possible wrists, on neither. A joint is therefore placed at
the map's strongest hill: its highest cell after smoothing, then the mean of what is near that.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from posekit.geometry import cell_centres

# All as shares of the frame's side. A crop around a person shows a torso of about 0.35, so that
# PCK@0.2's radius is about 0.07; the three were chosen on validation.
SMOOTHING = 0.025
NEIGHBOURHOOD = 0.08
SURE_RADIUS = 0.08


def softmax_maps(logits):
    """Probabilities of a joint's place.

    Args:
        logits: float (N, h, w, K).

    Returns:
        float64 (N, h, w, K), each map's sum 1.
    """
    raised = np.exp(logits.astype(float) - logits.max(axis=(1, 2), keepdims=True))
    return raised / raised.sum(axis=(1, 2), keepdims=True)


def mirror_maps(maps, mirror):
    """Maps of mirrored pictures as maps of the pictures.

    Args:
        maps: float (N, h, w, K).
        mirror: int (K,), which joint each one becomes in a mirror (`skeleton.MIRROR`).

    Returns:
        float (N, h, w, K).
    """
    return maps[:, :, ::-1][..., list(mirror)]


def zoomed_out(maps, factor):
    """Maps of a square as maps of a wider one around the same centre, on as many cells.

    Args:
        maps: float (N, h, w, K), probabilities.
        factor: float >= 1, side of the wider square over the side of the one that was seen.

    Returns:
        float (N, h, w, K). Each cell's probability is spread over the cells that it covers, so
        that sums stay as they were.
    """
    if factor == 1:
        return maps
    rows, columns = (_covered_shares(count, factor) for count in maps.shape[1:3])
    return np.einsum("yi,nijk,xj->nyxk", rows, maps, columns, optimize=True)


def _covered_shares(count, factor):
    """(wider cells, cells seen): which share of each cell seen lies in each wider one."""
    wider = np.linspace(-factor / 2, factor / 2, count + 1)
    seen = np.linspace(-0.5, 0.5, count + 1)
    overlap = np.minimum(wider[1:, None], seen[1:]) - np.maximum(wider[:-1, None], seen[:-1])
    return np.maximum(overlap, 0) * count


def place(maps, frame_px):
    """Keypoints at the strongest hill of each map.

    Args:
        maps: float (N, h, w, K), probabilities.
        frame_px: int, side of the frame that the maps cover, pixels.

    Returns:
        keypoints_px: float64 (N, K, 2), (x, y) in the frame.
        mass: float64 (N, K) in [0, 1], the probability within `SURE_RADIUS` of the keypoint: how
            sure the network is, not yet how often it is right (`calibration`).
    """
    count, height, width, joints = maps.shape
    cell_px = np.array([frame_px / width, frame_px / height])
    sigma = SMOOTHING * frame_px / cell_px  # cells, of x and y
    smooth = gaussian_filter(maps, (0, sigma[1], sigma[0], 0), mode="constant")
    centres_px = cell_centres(height, width, frame_px)  # (C, 2)

    flat = maps.reshape(count, height * width, joints)
    top = smooth.reshape(flat.shape).argmax(axis=1)  # (N, K)
    squared = _squared_distances(centres_px, centres_px[top])  # (N, C, K)
    near = flat * np.exp(-squared / (2 * (NEIGHBOURHOOD * frame_px) ** 2))
    keypoints_px = np.einsum("nck,cd->nkd", near, centres_px) / near.sum(axis=1)[..., None]
    squared = _squared_distances(centres_px, keypoints_px)
    mass = np.where(squared <= (SURE_RADIUS * frame_px) ** 2, flat, 0.0).sum(axis=1)
    return keypoints_px, np.clip(mass, 0.0, 1.0)


def _squared_distances(centres_px, keypoints_px):
    """(C, 2) and (N, K, 2) -> (N, C, K)."""
    return ((centres_px[None, :, None] - keypoints_px[:, None]) ** 2).sum(axis=-1)
