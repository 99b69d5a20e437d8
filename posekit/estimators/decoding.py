"""From a map of where a joint may be to a keypoint and its certainty, in NumPy alone.

The mean of a map lies between two possible wrists, on neither. A joint is therefore read at the
map's highest peak: its highest cell after smoothing, then the mean of what is near that cell.
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
    """Logits (N, h, w, K) to probabilities, float64 (N, h, w, K), each map's sum 1."""
    raised = np.exp(logits.astype(float) - logits.max(axis=(1, 2), keepdims=True))
    return raised / raised.sum(axis=(1, 2), keepdims=True)


def mirror_maps(maps, mirror):
    """Maps (N, h, w, K) of mirrored pictures as maps of the pictures; `mirror` as of a Skeleton."""
    return maps[:, :, ::-1][..., list(mirror)]


def zoomed_out(maps, factor):
    """Maps (N, h, w, K) of a square as maps of one `factor` >= 1 as wide around the same centre.

    Each cell's probability is spread over the cells that it covers, so that sums do not change.
    """
    if factor == 1:
        return maps
    rows, columns = (_covered_shares(count, factor) for count in maps.shape[1:3])
    return np.einsum("yi,nijk,xj->nyxk", rows, maps, columns, optimize=True)


def _covered_shares(count, factor):
    """(wider cells, cells seen): the share of each cell seen that lies in each wider one."""
    wider = np.linspace(-factor / 2, factor / 2, count + 1)
    seen = np.linspace(-0.5, 0.5, count + 1)
    overlap = np.minimum(wider[1:, None], seen[1:]) - np.maximum(wider[:-1, None], seen[:-1])
    return np.maximum(overlap, 0) * count


def find_peaks(maps, frame_px):
    """Keypoints at the highest peak of each map.

    Args:
        maps: float (N, h, w, K), probabilities.
        frame_px: int, side of the frame that the maps cover, pixels.

    Returns:
        keypoints_px: float64 (N, K, 2), (x, y) in the frame.
        mass: float64 (N, K) in [0, 1], the probability within `SURE_RADIUS` of the keypoint. It
            is not yet the chance that the keypoint is right, see `calibration`.
    """
    count, height, width, joints = maps.shape
    cell_px = np.array([frame_px / width, frame_px / height])
    sigma = SMOOTHING * frame_px / cell_px  # cells, of x and y
    smooth = gaussian_filter(maps, (0, sigma[1], sigma[0], 0), mode="constant")
    top = smooth.reshape(count, height * width, joints).argmax(axis=1)  # (N, K)
    centres_px = cell_centres(height, width, frame_px).reshape(height, width, 2)
    x_px, y_px = centres_px[0, :, 0], centres_px[:, 0, 1]
    # A Gaussian is a product of x and y, so no weight per cell is needed.
    spread = 2 * (NEIGHBOURHOOD * frame_px) ** 2
    near_x = np.exp(-_squared_distances(x_px, x_px[top % width]) / spread)  # (N, w, K)
    near_y = np.exp(-_squared_distances(y_px, y_px[top // width]) / spread)  # (N, h, K)
    near = maps * near_y[:, :, None] * near_x[:, None]  # (N, h, w, K)
    in_columns, in_rows = near.sum(axis=1), near.sum(axis=2)
    found = [x_px @ in_columns, y_px @ in_rows] / in_rows.sum(axis=1)  # (2, N, K)

    squared_x, squared_y = (
        _squared_distances(line_px, found_px)
        for line_px, found_px in zip((x_px, y_px), found, strict=True)
    )
    sure = squared_y[:, :, None] + squared_x[:, None] <= (SURE_RADIUS * frame_px) ** 2
    mass = np.where(sure, maps, 0.0).sum(axis=(1, 2))
    return np.moveaxis(found, 0, -1), np.clip(mass, 0.0, 1.0)


def _squared_distances(line_px, found_px):
    """(C,) and (N, K) -> (N, C, K)."""
    return (line_px[:, None] - found_px[:, None]) ** 2
