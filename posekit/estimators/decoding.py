"""From a map of where a joint may be to a keypoint and its certainty, in NumPy alone.

The mean of a map lies between two possible wrists, on neither. A joint is therefore read at the
map's highest peak: its highest cell after smoothing, then the mean of what is near that cell.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from posekit.geometry import cell_centres

# All as shares of the frame's side. A crop around a person shows a torso of about 0.35, so that
# PCK@0.2's radius is about 0.07; the three were chosen on validation.
SMOOTHING = 0.035
NEIGHBOURHOOD = 0.11
SURE_RADIUS = 0.08

EXTENT_POWER = 1.5


def softmax_maps(logits):
    """Logits (N, h, w, K) to probabilities, float64 (N, h, w, K), each map's sum 1."""
    raised = np.exp(logits.astype(float) - logits.max(axis=(1, 2), keepdims=True))
    return raised / raised.sum(axis=(1, 2), keepdims=True)


def mirror_maps(maps, mirror):
    """Maps (N, h, w, K) of mirrored pictures as maps of the pictures; `mirror` as of a Skeleton."""
    return maps[:, :, ::-1][..., list(mirror)]


def shown_in(maps, boxes_px, wanted_px):
    """Maps (N, h, w, K) that cover boxes (N, 4) as maps that cover other boxes (N, 4).

    Each cell's probability is spread over the cells that it covers; what lies beyond the wanted box
    is lost, so that sums may become less than 1.
    """
    if np.array_equal(boxes_px, wanted_px):
        return maps
    rows = _covered_shares(boxes_px[:, 1::2], wanted_px[:, 1::2], maps.shape[1])
    columns = _covered_shares(boxes_px[:, 0::2], wanted_px[:, 0::2], maps.shape[2])
    count, _, width, joints = maps.shape
    in_rows = (rows @ maps.reshape(count, -1, width * joints)).reshape(maps.shape)
    return columns[:, None] @ in_rows


def _covered_shares(seen, wanted, count):
    """(N, cells wanted, cells seen): the share of each seen one that lies in each wanted one.

    `seen` and `wanted` are (N, 2), start and length along one axis.
    """
    steps = np.linspace(0, 1, count + 1)
    seen_edges, edges = (each[:, :1] + each[:, 1:] * steps for each in (seen, wanted))
    overlap = np.minimum(edges[:, 1:, None], seen_edges[:, None, 1:]) - np.maximum(
        edges[:, :-1, None], seen_edges[:, None, :-1]
    )
    return np.maximum(overlap, 0) * count / seen[:, 1:, None]


def extents(maps):
    """Where the outermost joints are expected, if each joint lies where its map (N, h, w, K) says.

    Unlike the extent of the joints that are found, it has no jumps: a joint that is half here and
    half there counts half at each place.

    Returns:
        low, high: float64 (N, 2), the mean of the least and of the greatest x and y, as shares of
        the width and height that the maps cover.

    Source: the least of independent positions is beyond t if all of them are, and its mean is the
    integral of that probability over t.
    """
    height, width = maps.shape[1:3]
    # As for peaks, and raised to a power: many maps' faint far cells would add up.
    smooth = gaussian_filter(maps, (0, SMOOTHING * height, SMOOTHING * width, 0), mode="constant")
    sharp = smooth**EXTENT_POWER
    sharp /= sharp.sum(axis=(1, 2), keepdims=True)
    low, high = [], []
    for summed, count in ((1, width), (2, height)):
        reached = np.minimum(np.cumsum(sharp.sum(axis=summed), axis=1), 1)  # (N, cells, K)
        all_beyond, all_reached = (1 - reached).prod(axis=2), reached.prod(axis=2)
        # The probabilities at the cells' edges, joined by straight lines.
        low.append((0.5 + all_beyond[:, :-1].sum(axis=1)) / count)
        high.append(1 - (all_reached[:, :-1].sum(axis=1) + 0.5) / count)
    return np.stack(low, axis=1), np.stack(high, axis=1)


def find_peaks(maps, frame_px):
    """Keypoints at the highest peak of each map (N, h, w, K), which covers a frame of `frame_px`.

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
