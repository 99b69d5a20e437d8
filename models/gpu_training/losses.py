"""Losses of the networks, and how their maps are read; logits are (N, K, h, w)."""

import math

import torch
import torch.nn.functional as F

import augment

# As in posekit.models.heads and posekit.estimators.decoding, in shares of the frame's side.
TARGET_SPREAD = 0.04
SMOOTHING_CELLS = 3
NEIGHBOURHOOD = 0.08
SURE_RADIUS = 0.08


def cell_centres(cells, frame_px, device):
    """Where the cells of a map are along one axis, frame pixels."""
    return (torch.arange(cells, device=device) + 0.5) * (frame_px / cells) - 0.5


def expected(probabilities, frame_px):
    """The maps' means (N, K, 2) as (x, y), frame pixels."""
    centres = cell_centres(probabilities.shape[-1], frame_px, probabilities.device)
    x = (probabilities.sum(dim=2) * centres).sum(dim=-1)
    y = (probabilities.sum(dim=3) * centres).sum(dim=-1)
    return torch.stack([x, y], dim=-1)


def probabilities(logits):
    """Softmax over each map's cells."""
    return F.softmax(logits.flatten(2), dim=-1).reshape(logits.shape)


def target_maps(keypoints, cells, frame_px):
    """Gaussians around keypoints, each map's sum 1, (N, K, cells, cells)."""
    centres = cell_centres(cells, frame_px, keypoints.device)
    spread = 2 * (TARGET_SPREAD * frame_px) ** 2
    x = F.softmax(-((centres - keypoints[..., :1]) ** 2) / spread, dim=-1)
    y = F.softmax(-((centres - keypoints[..., 1:]) ** 2) / spread, dim=-1)
    return y[..., :, None] * x[..., None, :]


def people_loss(logits, keypoints, counts, frame_px, soft=None, share=0.0):
    """Cross-entropy to the target maps, and ten times the mean's distance in frame sides.

    Args:
        logits: float (N, K, h, w).
        keypoints: float (N, K, 2), frame pixels; counts: bool (N, K).
        frame_px: int.
        soft: float (N, K, h, w) or None, a teacher's maps, for all joints.
        share: float in [0, 1], of the cross-entropy to these in place of the targets.
    """
    logarithms = F.log_softmax(logits.flatten(2), dim=-1)
    maps = logarithms.exp().reshape(logits.shape)
    # Joints that do not count may hold anything.
    keypoints = torch.where(counts[..., None], keypoints, 0.0)
    wanted = target_maps(keypoints, logits.shape[-1], frame_px).flatten(2)
    distance = (expected(maps, frame_px) - keypoints).abs().mean(dim=-1) * (10 / frame_px)
    entropy = -(wanted * logarithms).sum(dim=-1)
    if soft is None:
        return _mean(entropy + distance, counts)
    taught = -(soft.flatten(2) * logarithms).sum(dim=-1).mean()
    return _mean((1 - share) * entropy + distance, counts) + share * taught


def _mean(values, counts):
    return torch.where(counts, values, 0.0).sum() / counts.sum().clamp(min=1)


def flatness_loss(logits):
    """How far maps of nobody are from uniform: the divergence from it, nats.

    The eighth of the frames with the highest peaks is left out: an unlabelled person may be
    there.
    """
    logarithms = F.log_softmax(logits.flatten(2), dim=-1)
    divergence = -logarithms.mean(dim=(1, 2)) - math.log(logarithms.shape[-1])
    kept = len(divergence) - len(divergence) // 8
    return divergence.sort().values[:kept].mean()


def agreement_loss(logits, counts, geometry, box_px):
    """Ten times the distance, in box sides, of the means of two frames of one canvas.

    Args:
        logits: float (2N, K, h, w), rows n and N + n of one canvas.
        counts: bool (2N, K).
        geometry: augment.Geometry of the 2N frames.
        box_px: float, side of the view's box, canvas pixels.
    """
    means = expected(probabilities(logits), geometry.frame_px)
    placed = augment.back(means, geometry)
    mirror = torch.tensor(augment.MIRROR, device=counts.device)
    counted = torch.where(geometry.flip[:, None], counts[:, mirror], counts)
    first, second = placed.chunk(2)
    both = counted.chunk(2)[0] & counted.chunk(2)[1]
    distance = (first - second).abs().mean(dim=-1) * (10 / box_px)
    return _mean(distance, both)


def coarser(maps, cells):
    """A teacher's maps (N, K, h, h) on fewer cells; each cell's probability is kept."""
    edges = torch.linspace(0, 1, cells + 1, device=maps.device)
    fine = torch.linspace(0, 1, maps.shape[-1] + 1, device=maps.device)
    overlap = torch.minimum(edges[1:, None], fine[1:]) - torch.maximum(edges[:-1, None], fine[:-1])
    shares = overlap.clamp(min=0) * maps.shape[-1]  # (cells, h)
    return shares @ maps @ shares.T


def find_peaks(maps, frame_px):
    """Joints at their maps' highest peaks, nearly as `posekit.estimators.decoding` reads them.

    Returns:
        keypoints: float (N, K, 2), frame pixels.
        mass: float (N, K), the probability near them.
    """
    cells = maps.shape[-1]
    centres = cell_centres(cells, frame_px, maps.device)
    smooth = F.avg_pool2d(maps, SMOOTHING_CELLS, 1, SMOOTHING_CELLS // 2)
    top = smooth.flatten(2).argmax(dim=-1)
    found = torch.stack([centres[top % cells], centres[top // cells]], dim=-1)

    def squared(positions):
        x = (centres - positions[..., :1]) ** 2
        y = (centres - positions[..., 1:]) ** 2
        return y[..., :, None] + x[..., None, :]

    near = maps * torch.exp(-squared(found) / (2 * (NEIGHBOURHOOD * frame_px) ** 2))
    found = expected(near / near.sum(dim=(2, 3), keepdim=True), frame_px)
    sure = squared(found) <= (SURE_RADIUS * frame_px) ** 2
    return found, torch.where(sure, maps, 0.0).sum(dim=(2, 3))
