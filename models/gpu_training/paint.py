"""Painted clothes, other people and surfaces, so that a network learns more than sportswear.

Shapes are soft-edged capsules: a line from one point to another, of one radius here and another
there. They lie along limbs, between keypoints. Frames are float (N, 3, P, P), 0 to 255.
"""

import torch
import torch.nn.functional as F

R_ANKLE, R_KNEE, R_HIP, L_HIP, L_KNEE, L_ANKLE = range(6)
R_WRIST, R_ELBOW, R_SHOULDER, L_SHOULDER, L_ELBOW, L_WRIST, NECK, HEAD_TOP = range(6, 14)
# Points between two joints follow the joints.
MID_HIP, MID_SHOULDER, MID_KNEE = range(14, 17)
MIDDLES = ((R_HIP, L_HIP), (R_SHOULDER, L_SHOULDER), (R_KNEE, L_KNEE))

# Shapes are drawn on a grid this many times coarser than the frame.
COARSER = 2


def _between(low, high, *shape, device):
    return low + (high - low) * torch.rand(*shape, device=device)


def _often(share, count, device):
    return torch.rand(count, device=device) < share


def smooth_noise(count, channels, cells, side, device):
    """Unit noise with about `cells` bumps across a square, (count, channels, side, side)."""
    coarse = torch.randn(count, channels, cells, cells, device=device)
    return F.interpolate(coarse, size=side, mode="bicubic", align_corners=False)


def with_middles(keypoints, labelled):
    """The points that capsules run between: 14 joints and `MIDDLES`.

    Returns:
        points: float (N, 17, 2); known: bool (N, 17).
    """
    first, second = (
        torch.tensor(side, device=keypoints.device) for side in zip(*MIDDLES, strict=True)
    )
    return (
        torch.cat([keypoints, (keypoints[:, first] + keypoints[:, second]) / 2], dim=1),
        torch.cat([labelled, labelled[:, first] & labelled[:, second]], dim=1),
    )


def torso_px(keypoints, labelled):
    """About a torso's length: 0.3 of the longer side of the labelled joints' box, (N,)."""
    counted = labelled[..., None]
    low = torch.where(counted, keypoints, torch.inf).amin(dim=1)
    high = torch.where(counted, keypoints, -torch.inf).amax(dim=1)
    extent = (high - low).amax(dim=-1)
    return 0.3 * torch.where(torch.isfinite(extent), extent, 0.0).clamp(min=8.0)


def capsules(starts, ends, start_radius, end_radius, side, frame_px, ripple=None):
    """Signed distances to capsules, negative within.

    Args:
        starts, ends: float (N, C, 2), frame pixels.
        start_radius, end_radius: float (N, C), frame pixels.
        side: int, cells of the grid in each direction.
        frame_px: int.
        ripple: float (N, 1, side, side) or None, added: uneven edges.

    Returns:
        float (N, C, side, side), frame pixels.
    """
    line = (torch.arange(side, device=starts.device) + 0.5) * (frame_px / side) - 0.5
    along = ends - starts
    length = along.square().sum(dim=-1).clamp(min=1.0)[..., None, None]
    x = line[None, None, None, :] - starts[..., 0, None, None]
    y = line[None, None, :, None] - starts[..., 1, None, None]
    dx, dy = along[..., 0, None, None], along[..., 1, None, None]
    share = ((x * dx + y * dy) / length).clamp(0, 1)
    distance = torch.sqrt((x - share * dx) ** 2 + (y - share * dy) ** 2 + 1e-6)
    grown = start_radius[..., None, None]
    distance = distance - grown - share * (end_radius[..., None, None] - grown)
    return distance if ripple is None else distance + ripple


def coverage(distances, on, softness, frame_px):
    """Capsules as one soft mask.

    Args:
        distances: float (N, C, s, s), frame pixels.
        on: bool (N, C), which capsules are there.
        softness: float (N,), width of the edge, frame pixels.
        frame_px: int.

    Returns:
        float (N, 1, P, P) in [0, 1].
    """
    nearest = torch.where(on[..., None, None], distances, 1e4).amin(dim=1, keepdim=True)
    mask = torch.sigmoid(-nearest / softness[:, None, None, None])
    return F.interpolate(mask, size=frame_px, mode="bilinear", align_corners=False)


def fabrics(count, frame_px, device):
    """Surfaces in random colours: plain, striped, checked, mottled, with soft shading.

    Returns:
        float (count, 3, P, P), 0 to 255.
    """
    shape = (count, 1, 1, 1)
    colour = _between(0, 255, count, 3, 1, 1, device=device)
    # Half of all clothes are nearly grey, and dark ones are frequent.
    grey = colour.mean(dim=1, keepdim=True) * _between(0.1, 1, *shape, device=device)
    colour = torch.where(
        torch.rand(shape, device=device) < 0.5, grey + 0.12 * (colour - 128), colour
    )
    line = torch.arange(frame_px, device=device, dtype=torch.float32)
    angle = _between(0, 3.15, *shape, device=device)
    pitch = 6.28 / _between(3, 30, *shape, device=device)
    along = torch.cos(angle) * line[None, None, None] + torch.sin(angle) * line[None, None, :, None]
    across = (
        torch.cos(angle) * line[None, None, :, None] - torch.sin(angle) * line[None, None, None]
    )
    first, second = torch.sin(along * pitch), torch.sin(across * pitch)
    kind = torch.rand(shape, device=device)
    pattern = torch.where(kind < 0.25, (3 * first).clamp(-1, 1), 0.0)
    pattern = torch.where((kind > 0.25) & (kind < 0.4), first + second, pattern)
    contrast = _between(-60, 60, count, 3, 1, 1, device=device)
    mottled = smooth_noise(count, 1, max(frame_px // 4, 2), frame_px, device)
    folds = smooth_noise(count, 1, 7, frame_px, device)
    surface = colour + pattern * contrast
    surface = surface + mottled * _between(0, 18, *shape, device=device)
    surface = surface * (1 + folds * _between(0, 0.25, *shape, device=device))
    return surface.clamp(0, 255)


def _laid_on(frames, mask, surface, shading):
    """Put a surface on frames; `shading` (N, 1, 1, 1) of their own light and shadow stays."""
    light = frames.mean(dim=1, keepdim=True) / 110
    light = F.avg_pool2d(light, 3, 1, 1).clamp(0.25, 1.7)
    shaded = (surface * (1 + shading * (light - 1))).clamp(0, 255)
    return frames + (shaded - frames) * mask


# (start, end, radius at the start and at the end in torso lengths, group) of what is worn.
_TROUSERS = (
    (R_HIP, R_KNEE, 0.25, 0.19),
    (R_KNEE, R_ANKLE, 0.19, 0.17),
    (L_HIP, L_KNEE, 0.25, 0.19),
    (L_KNEE, L_ANKLE, 0.19, 0.17),
)
_SKIRT = (
    (R_HIP, R_KNEE, 0.26, 0.34),
    (L_HIP, L_KNEE, 0.26, 0.34),
    (MID_HIP, MID_KNEE, 0.3, 0.42),
)
_JACKET = (
    (R_SHOULDER, R_HIP, 0.24, 0.24),
    (L_SHOULDER, L_HIP, 0.24, 0.24),
    (MID_SHOULDER, MID_HIP, 0.27, 0.3),
)
_SLEEVES = (
    (R_SHOULDER, R_ELBOW, 0.19, 0.16),
    (R_ELBOW, R_WRIST, 0.16, 0.14),
    (L_SHOULDER, L_ELBOW, 0.19, 0.16),
    (L_ELBOW, L_WRIST, 0.16, 0.14),
)
_HAT = ((NECK, HEAD_TOP, 0.0, 0.26),)


def _worn(frames, points, known, unit, pieces, wears, reach):
    """Lay one surface along some capsules.

    Args:
        frames: float (N, 3, P, P).
        points, known: of `with_middles`.
        unit: float (N,), a torso's length, frame pixels.
        pieces: tuple of (start, end, radius, radius), of all garments of this surface.
        wears: bool (N, C), which of them each person wears.
        reach: float (N, C), where a capsule ends as a share of the line from its start.
    """
    count, device, frame_px = len(frames), frames.device, frames.shape[-1]
    start, end, first, last = (
        torch.tensor(column, device=device) for column in zip(*pieces, strict=True)
    )
    starts = points[:, start]
    ends = starts + (points[:, end] - starts) * reach[..., None]
    width = unit[:, None] * torch.exp(0.25 * torch.randn(count, 1, device=device))
    side = frame_px // COARSER
    ripple = smooth_noise(count, 1, 14, side, device) * unit[:, None, None, None] * 0.03
    distances = capsules(starts, ends, first * width, last * width, side, frame_px, ripple)
    on = wears & known[:, start] & known[:, end]
    softness = _between(0.4, 1.6, count, device=device)
    mask = coverage(distances, on, softness, frame_px)
    shading = _between(0, 0.9, count, 1, 1, 1, device=device)
    return _laid_on(frames, mask, fabrics(count, frame_px, device), shading)


def garments(frames, keypoints, labelled):
    """Dress people: trousers or a skirt, a jacket or coat with sleeves, a hat, a bag.

    Args:
        frames: float (N, 3, P, P).
        keypoints: float (N, K, 2), frame pixels; also of joints beyond the frame.
        labelled: bool (N, K).

    Returns:
        float (N, 3, P, P).
    """
    count, device = len(frames), frames.device
    points, known = with_middles(keypoints, labelled)
    points = torch.where(known[..., None], points, 0.0)
    unit = torso_px(keypoints, labelled)

    def column(share, pieces):
        return _often(share, count, device)[:, None].expand(-1, len(pieces))

    def full(pieces):
        return torch.ones(count, len(pieces), device=device)

    lower = _often(0.5, count, device)
    skirt = _often(0.4, count, device)
    below = torch.cat(
        [
            (lower & ~skirt)[:, None].expand(-1, len(_TROUSERS)),
            (lower & skirt)[:, None].expand(-1, len(_SKIRT)),
        ],
        dim=1,
    )
    hem = _between(0.35, 1.5, count, 1, device=device).expand(-1, len(_SKIRT))
    reach = torch.cat([full(_TROUSERS), hem], dim=1)
    frames = _worn(frames, points, known, unit, _TROUSERS + _SKIRT, below, reach)

    jacket = _often(0.7, count, device)
    coat = jacket & _often(0.45, count, device)
    above = torch.cat(
        [
            jacket[:, None].expand(-1, len(_JACKET)),
            (jacket & _often(0.8, count, device))[:, None].expand(-1, len(_SLEEVES)),
            coat[:, None].expand(-1, len(_SKIRT)),
        ],
        dim=1,
    )
    tail = _between(0.3, 1.4, count, 1, device=device).expand(-1, len(_SKIRT))
    reach = torch.cat([full(_JACKET), full(_SLEEVES), tail], dim=1)
    frames = _worn(frames, points, known, unit, _JACKET + _SLEEVES + _SKIRT, above, reach)

    hat = _between(0.8, 1.15, count, 1, device=device)
    frames = _worn(frames, points, known, unit, _HAT, column(0.2, _HAT), hat)
    return _with_bags(frames, points, known, unit)


def _with_bags(frames, points, known, unit):
    """Hang a bag with a strap on every third person: at a hip, a hand or the back."""
    count, device, frame_px = len(frames), frames.device, frames.shape[-1]
    rows = torch.arange(count, device=device)
    joints = torch.tensor([R_HIP, L_HIP, R_WRIST, L_WRIST, MID_SHOULDER], device=device)
    joint = joints[torch.randint(len(joints), (count,), device=device)]
    shoulders = torch.tensor([R_SHOULDER, L_SHOULDER], device=device)
    shoulder = shoulders[torch.randint(2, (count,), device=device)]
    held = points[rows, joint] + unit[:, None] * _between(-0.3, 0.3, count, 2, device=device)
    half = unit[:, None] * _between(-0.35, 0.35, count, 2, device=device)
    starts = torch.stack([held - half, points[rows, shoulder]], dim=1)
    ends = torch.stack([held + half, held], dim=1)
    size = unit * _between(0.15, 0.35, count, device=device)
    strap = unit * _between(0.02, 0.06, count, device=device)
    radii = torch.stack([size, strap], dim=1)
    side = frame_px // COARSER
    distances = capsules(starts, ends, radii, radii, side, frame_px)
    carries = _often(0.33, count, device) & known[rows, joint]
    on = torch.stack([carries, carries & known[rows, shoulder]], dim=1)
    mask = coverage(distances, on, _between(0.4, 1.2, count, device=device), frame_px)
    shading = torch.zeros(count, 1, 1, 1, device=device)
    return _laid_on(frames, mask, fabrics(count, frame_px, device), shading)


# Around these lines a person is cut out of a picture; radii in torso lengths.
_BODY = (
    *((start, end, 0.15, 0.13) for start, end, *_ in _TROUSERS),
    *((start, end, 0.12, 0.1) for start, end, *_ in _SLEEVES),
    (R_SHOULDER, R_HIP, 0.17, 0.17),
    (L_SHOULDER, L_HIP, 0.17, 0.17),
    (MID_SHOULDER, MID_HIP, 0.2, 0.2),
    (NECK, HEAD_TOP, 0.12, 0.2),
)


def bodies(keypoints, labelled, frame_px):
    """Soft masks around people, (N, 1, P, P)."""
    points, known = with_middles(keypoints, labelled)
    points = torch.where(known[..., None], points, 0.0)
    unit = torso_px(keypoints, labelled)[:, None]
    start, end, first, last = (
        torch.tensor(column, device=keypoints.device) for column in zip(*_BODY, strict=True)
    )
    distances = capsules(
        points[:, start], points[:, end], first * unit, last * unit, frame_px // COARSER, frame_px
    )
    softness = torch.full((len(points),), 1.2, device=keypoints.device)
    return coverage(distances, known[:, start] & known[:, end], softness, frame_px)


def other_people(frames, keypoints, labelled, index):
    """Paste people from the batch's other pictures next to people, or small and partly over them.

    Args:
        frames: float (N, 3, P, P), a batch.
        keypoints: float (N, K, 2); labelled: bool (N, K).
        index: int (M,), the frames that are changed.

    Returns:
        float (M, 3, P, P).
    """
    count, device, frame_px = len(index), frames.device, frames.shape[-1]
    if not count:
        return frames[index]
    source = index.roll(1)
    mask = bodies(keypoints[source], labelled[source], frame_px)
    # A third are things: a soft blob of the other picture.
    thing = torch.rand(count, 1, 1, 1, device=device) < 0.33
    mask = torch.where(thing, _blob_masks(count, frame_px, device), mask)
    pasted = torch.cat([frames[source], mask], dim=1)
    next_to = torch.rand(count, device=device) < 0.65
    scale = torch.where(
        next_to,
        _between(0.5, 1.05, count, device=device),
        _between(0.25, 0.5, count, device=device),
    )
    sign = torch.where(torch.rand(count, device=device) < 0.5, 1.0, -1.0)
    away = torch.where(
        next_to,
        sign * _between(0.8, 1.4, count, device=device),
        _between(-0.8, 0.8, count, device=device),
    )
    down = torch.where(
        next_to,
        _between(-0.4, 0.4, count, device=device),
        _between(-0.8, 0.8, count, device=device),
    )
    # affine_grid maps the frame, from -1 to 1, to the pasted picture.
    turn = torch.zeros(count, 2, 3, device=device)
    turn[:, 0, 0] = sign / scale
    turn[:, 1, 1] = 1 / scale
    turn[:, 0, 2], turn[:, 1, 2] = -away * sign / scale, -down / scale
    grid = F.affine_grid(turn, pasted.shape, align_corners=False)
    pasted = F.grid_sample(pasted, grid, padding_mode="zeros", align_corners=False)
    return frames[index] + (pasted[:, :3] - frames[index]) * pasted[:, 3:]


def _blob_masks(count, frame_px, device):
    """Soft masks of one to three thick lines around the middle, (count, 1, P, P)."""
    starts = _between(0.25, 0.75, count, 3, 2, device=device) * frame_px
    ends = starts + _between(-0.3, 0.3, count, 3, 2, device=device) * frame_px
    radii = _between(0.04, 0.2, count, 3, device=device) * frame_px
    distances = capsules(starts, ends, radii, radii, frame_px // COARSER, frame_px)
    on = torch.rand(count, 3, device=device) < 0.6
    on[:, 0] = True
    return coverage(distances, on, _between(0.5, 2.0, count, device=device), frame_px)


def blobs(frames):
    """Cover parts of frames with painted shapes that are no person."""
    count, device, frame_px = len(frames), frames.device, frames.shape[-1]
    mask = _blob_masks(count, frame_px, device)
    shading = torch.zeros(count, 1, 1, 1, device=device)
    return _laid_on(frames, mask, fabrics(count, frame_px, device), shading)


def surfaces(count, frame_px, device):
    """Frames of one surface each: plain, textured, noisy or black, (count, 3, P, P)."""
    painted = fabrics(count, frame_px, device)
    noise = 60 * torch.randn(count, 3, frame_px, frame_px, device=device)
    kind = torch.rand(count, 1, 1, 1, device=device)
    plain = painted.mean(dim=(2, 3), keepdim=True)
    painted = torch.where(kind < 0.2, plain, painted)
    painted = torch.where((kind > 0.2) & (kind < 0.4), 127 + noise, painted)
    painted = torch.where(kind > 0.93, 0.0, painted)
    return painted.clamp(0, 255)
