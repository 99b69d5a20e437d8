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
    maps, images = np.asarray(maps, float), np.asarray(images)
    problems = []
    if maps.ndim not in (3, 4) or len(maps) != len(images):
        problems.append(f"`maps` must have shape ({len(images)}, h, w); got {maps.shape}.")
    elif any(np.greater(maps.shape[1:3], images.shape[1:3])):
        problems.append(
            f"`maps` must be no larger than `images`, {images.shape[1:3]}; got {maps.shape[1:3]}."
        )
    raise_problems("correlation_with_edges()", problems)
    height, width = maps.shape[1:3]
    edges = [
        cv2.resize(edge, (width, height), interpolation=cv2.INTER_AREA)
        for edge in sobel_edges(images)
    ]
    b = _standardised(np.array(edges, float).reshape(maps.shape[:3]))
    b = b.reshape(*b.shape, *[1] * (maps.ndim - 3))
    return np.clip((_standardised(maps) * b).mean(axis=(1, 2)), -1, 1)


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
    ranks = [
        rankdata(each.reshape(len(each), -1), axis=1).reshape(each.shape) for each in (maps, others)
    ]
    a, b = map(_standardised, ranks)
    return np.clip((a * b).mean(axis=(1, 2)), -1, 1)


def _standardised(maps):
    """Mean 0 and standard deviation 1 per map; NaN where the map is constant."""
    constant = np.ptp(maps, axis=(1, 2), keepdims=True) == 0
    centred = maps - maps.mean(axis=(1, 2), keepdims=True)
    deviation = maps.std(axis=(1, 2), keepdims=True)
    return centred / np.where(constant, np.nan, deviation)


def share_in_box(maps, boxes_px):
    """Share of the total of each map, float (N, H, W), >= 0, inside a box: float64 (N,) in [0, 1].

    A pixel counts by the part of it that the box covers. A constant map's share is thus
    `box_area_share`. NaN where the map is all zero or the box is NaN.
    """
    maps, boxes_px = np.asarray(maps, float), np.asarray(boxes_px, float)
    shapes = []
    if maps.ndim != 3:
        shapes.append(f"`maps` must have shape (N, H, W); got {maps.shape}.")
    if boxes_px.shape != (len(maps), 4):
        shapes.append(f"`boxes_px` must have shape ({len(maps)}, 4); got {boxes_px.shape}.")
    raise_problems("share_in_box()", shapes)
    if not (maps >= 0).all() or not np.isfinite(maps).all():
        worst = maps[~((maps >= 0) & np.isfinite(maps))][0]
        raise PosekitError(f"share_in_box(): `maps` must be finite and >= 0; got {worst}.")

    height, width = maps.shape[1:]
    columns, rows = _covered(boxes_px, (width, height))  # (N, W), (N, H)
    inside = np.einsum("nhw,nh,nw->n", maps, rows, columns)
    total = maps.sum(axis=(1, 2))
    return inside / np.where(total > 0, total, np.nan)


def box_area_share(boxes_px, size_px):
    """Share of the picture that each box covers, what chance puts in it: float64 (N,) in [0, 1].

    `size_px` is the picture's (width, height). NaN where the box is NaN.
    """
    boxes_px = np.asarray(boxes_px, float)
    if boxes_px.ndim != 2 or boxes_px.shape[1] != 4:
        raise PosekitError(
            f"box_area_share(): `boxes_px` must have shape (N, 4); got {boxes_px.shape}."
        )
    columns, rows = _covered(boxes_px, size_px)
    return columns.mean(axis=1) * rows.mean(axis=1)


def _covered(boxes_px, size_px):
    """Part of each column and of each row that the boxes cover: (N, W) and (N, H) in [0, 1]."""
    covered = []
    for axis, size in enumerate(size_px):
        low_px, extent_px = boxes_px[:, axis, None], boxes_px[:, axis + 2, None]
        edge_px = np.arange(size + 1)
        right = np.minimum(low_px + extent_px, edge_px[1:])
        covered.append(np.maximum(right - np.maximum(low_px, edge_px[:-1]), 0))
    return covered
