"""Checks on saliency maps: do they merely follow edges, and do they lie on the person?

Images are uint8 or float (N, H, W, 3), RGB; boxes float (N, 4), x, y, width, height, pixels, cut
off at the border. What does not fit raises PosekitError.
"""

import cv2
import numpy as np
from scipy.stats import rankdata

from posekit.datasets.near_duplicates import LUMA_WEIGHTS
from posekit.errors import PosekitError, raise_problems


def sobel_edges(images):
    """Gradient magnitude of the grey picture by Sobel's 3 x 3 kernels, float32 (N, H, W), >= 0.

    Its unit is grey levels per pixel: 1 on a ramp that rises 1 level a pixel.

    Source: Sobel and Feldman, "A 3x3 Isotropic Gradient Operator for Image Processing", 1968.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 3:
        raise PosekitError(
            f"sobel_edges(): `images` must have shape (N, H, W, 3); got {images.shape}."
        )
    grey = images.astype(np.float32) @ LUMA_WEIGHTS.astype(np.float32)  # (N, H, W)
    edges = np.empty_like(grey)
    for picture, out in zip(grey, edges, strict=True):
        # The kernel's weights add up to 8 per pixel of slope.
        along_x = cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
        along_y = cv2.Sobel(picture, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
        np.hypot(along_x, along_y, out=out)
    return edges


def correlation_with_edges(maps, images):
    """Pearson correlation of each map with its picture's edges, float64 (N,) or (N, C), -1 to 1.

    Saliency that merely follows edges says little about the model: compare a trained model's
    correlation with an untrained one's. Maps are float (N, h, w), or (N, h, w, C) with a channel
    each, finite, h <= H and w <= W; the edges are area-averaged to them. NaN where the map or the
    picture is constant.

    Source: Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, section 5.
    """
    maps, edges = np.asarray(maps, float), sobel_edges(images)
    height, width = maps.shape[1:3] if maps.ndim in (3, 4) else (np.inf, np.inf)
    if len(maps) != len(edges) or height > edges.shape[1] or width > edges.shape[2]:
        raise PosekitError(
            f"correlation_with_edges(): `maps` must have shape ({len(edges)}, h, w) and be no "
            f"larger than `images`, {edges.shape[1:]}; got {maps.shape}."
        )
    shrunk = np.empty((len(edges), height, width))
    for picture, out in zip(edges, shrunk, strict=True):
        out[:] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return _correlation(maps, shrunk if maps.ndim == 3 else shrunk[..., None])


def rank_correlation(maps, others):
    """Spearman's correlation of each map with another of the same picture, float64 (N,), -1 to 1.

    Both are float (N, h, w), such as saliency maps, without a sign. NaN where a map is constant.

    Source: Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, section 3.
    """
    maps, others = np.asarray(maps), np.asarray(others)
    if maps.ndim != 3 or maps.shape != others.shape:
        raise PosekitError(
            "rank_correlation(): `maps` and `others` must have the same shape (N, h, w); got "
            f"{maps.shape} and {others.shape}."
        )
    return _correlation(
        *(rankdata(each.reshape(len(each), 1, -1), axis=2) for each in (maps, others))
    )


def _correlation(a, b):
    """Pearson's, of each (N, h, w, ...) over h and w."""

    def standardised(maps):
        constant = np.ptp(maps, axis=(1, 2), keepdims=True) == 0
        centred = maps - maps.mean(axis=(1, 2), keepdims=True)
        return centred / np.where(constant, np.nan, maps.std(axis=(1, 2), keepdims=True))

    return np.clip((standardised(a) * standardised(b)).mean(axis=(1, 2)), -1, 1)


def share_in_box(maps, boxes_px):
    """Share of the total of each map, float (N, H, W), >= 0, inside a box: float64 (N,) in [0, 1].

    A pixel counts by the part of it that the box covers, so a constant map's share is that of the
    box's area: what chance puts there. NaN where the map is all zero or the box is NaN.
    """
    maps, boxes_px = np.asarray(maps, float), np.asarray(boxes_px, float)
    problems = []
    wrong = ~((maps >= 0) & np.isfinite(maps))
    if maps.ndim != 3 or wrong.any():
        problems.append(
            f"`maps` must be (N, H, W), finite and >= 0; got {maps.shape}, {maps[wrong][:3]}."
        )
    if boxes_px.shape != (len(maps), 4):
        problems.append(f"`boxes_px` must have shape ({len(maps)}, 4); got {boxes_px.shape}.")
    raise_problems("share_in_box()", problems)

    covered = []  # the part of each column, (N, W), and of each row, (N, H)
    for axis, size in enumerate((maps.shape[2], maps.shape[1])):
        low_px, extent_px = boxes_px[:, axis, None], boxes_px[:, axis + 2, None]
        edge_px = np.arange(size + 1)
        right = np.minimum(low_px + extent_px, edge_px[1:])
        covered.append(np.maximum(right - np.maximum(low_px, edge_px[:-1]), 0))
    total = maps.sum(axis=(1, 2))
    return np.einsum("nhw,nw,nh->n", maps, *covered) / np.where(total > 0, total, np.nan)
