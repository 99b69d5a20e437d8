"""Variations of training pictures, drawn and applied on the device.

Geometry says which part of a canvas a frame shows: affine maps, edges that cut the picture off,
and what is shown beyond them. Everything else works on frames, float (N, 3, S, S), 0 to 255.
Keypoints are (N, K, 2) as (x, y), pixels.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

import paint
from canvases import FILL

MIRROR = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]


@dataclass(frozen=True)
class Strengths:
    """How strongly pictures are varied; the shares are of all examples.

    Attributes:
        scale: float >= 1, the crop's side is drawn between 1 / scale and scale times the box's.
        wide, wide_scales: share of examples whose side is drawn between these instead.
        shift, wide_shift: the crop's centre moves by at most this share of its side.
        rotation_degrees, any_rotation: standard deviation, and share rotated by any angle.
        aspect: standard deviation of the logarithm of the stretch in x, its inverse in y.
        truncate: share with one edge of the picture moved in, through the person.
        borders: shares of borders of random grey, of repeated edges and of other scenery.
        light, grey, dark, blur, coarse, noise, jpeg, erase: strength of colour changes, and
            shares of the others.
        garments, others: shares with painted clothes, and with parts of other people before them.
        near: share of pairs that show nearly the same crop.
    """

    scale: float = 1.45
    wide: float = 0.2
    wide_scales: tuple = (0.52, 1.9)
    shift: float = 0.13
    wide_shift: float = 0.25
    rotation_degrees: float = 30.0
    any_rotation: float = 0.1
    aspect: float = 0.09
    truncate: float = 0.12
    borders: tuple = (0.12, 0.08, 0.12)
    light: float = 0.35
    grey: float = 0.12
    dark: float = 0.1
    blur: float = 0.2
    coarse: float = 0.15
    noise: float = 0.15
    jpeg: float = 0.4
    erase: float = 0.4
    garments: float = 0.25
    others: float = 0.15
    near: float = 0.5


@dataclass
class Geometry:
    """What frames show of their canvases.

    Attributes:
        matrices: float (N, 2, 3), from (x, y, 1) in the frame to (x, y) in the canvas.
        flip: bool (N,), which frames are mirrored; the matrices mirror them already.
        rectangles: float (N, 4), left, top, right and bottom edge of what is shown, canvas pixels.
        colours: float (N, 3), shown beyond the edges.
        repeats: bool (N,), which frames repeat their edges instead.
        frame_px: int.
    """

    matrices: torch.Tensor
    flip: torch.Tensor
    rectangles: torch.Tensor
    colours: torch.Tensor
    repeats: torch.Tensor
    frame_px: int

    def for_frame(self, frame_px):
        """The same parts of the canvases in frames of another size."""
        ratio = self.frame_px / frame_px
        linear = self.matrices[:, :, :2] * ratio
        # Pixel u of the new frame shows what (u + 0.5) * ratio - 0.5 of the old one shows.
        offset = self.matrices[:, :, 2] + self.matrices[:, :, :2].sum(dim=-1) * (ratio - 1) / 2
        matrices = torch.cat([linear, offset[..., None]], dim=-1)
        parts = (self.flip, self.rectangles, self.colours, self.repeats)
        return Geometry(matrices, *parts, frame_px)


def chosen(count, share, device):
    """Random indices of a share of `count` examples; every batch has the same number of them."""
    return torch.randperm(count, device=device)[: round(count * share)]


def between(low, high, *shape, device):
    """Uniform numbers between two."""
    return low + (high - low) * torch.rand(*shape, device=device)


def crop_matrices(centre, side, frame_px, radians, stretch, flip):
    """Maps from frames to canvases for rotated square crops, see `Geometry.matrices`.

    Args:
        centre: float (N, 2), canvas pixels.
        side: float (N,), canvas pixels.
        frame_px: int.
        radians, stretch: float (N,), rotation from x towards y, factor of the crop's width.
        flip: bool (N,), mirrored afterwards.
    """
    step = side / frame_px
    cosine, sine = torch.cos(radians) * step, torch.sin(radians) * step
    along_x = torch.stack([cosine * stretch, sine * stretch], dim=-1)
    along_y = torch.stack([-sine / stretch, cosine / stretch], dim=-1)
    offset = centre - (along_x + along_y) * (frame_px - 1) / 2
    offset = torch.where(flip[:, None], offset + along_x * (frame_px - 1), offset)
    along_x = torch.where(flip[:, None], -along_x, along_x)
    return torch.stack([along_x, along_y, offset], dim=-1)


def plain_geometry(canvases, frame_px, scale=1.0):
    """Frames that show each view's own box, as validation does."""
    count, device = len(canvases.images), canvases.images.device
    zeros = torch.zeros(count, device=device)
    centre = torch.full((count, 2), (canvases.canvas_px - 1) / 2, device=device)
    side = torch.full((count,), canvases.box_px * scale, device=device)
    matrices = crop_matrices(centre, side, frame_px, zeros, zeros + 1, zeros.bool())
    colours = torch.full((count, 3), float(FILL), device=device)
    return Geometry(matrices, zeros.bool(), canvases.rectangles, colours, zeros.bool(), frame_px)


def draw_pairs(canvases, frame_px, strengths):
    """Geometry of two frames for each canvas: rows n and N + n show canvas n.

    Half of the pairs (`near`) show nearly the same, as two encodings of one photograph do.
    """
    first = _draw_crops(canvases, strengths)
    second = _draw_crops(canvases, strengths)
    count, device = len(canvases.images), canvases.images.device
    near = torch.rand(count, device=device) < strengths.near
    jitter = {
        "side": first["side"] * torch.exp(0.03 * torch.randn(count, device=device)),
        "centre": first["centre"]
        + first["side"][:, None] * between(-0.03, 0.03, count, 2, device=device),
        "radians": first["radians"] + 0.03 * torch.randn(count, device=device),
        "stretch": first["stretch"] * torch.exp(0.02 * torch.randn(count, device=device)),
        "flip": first["flip"],
    }
    both = {}
    for name, values in first.items():
        here = near.reshape(-1, *[1] * (values.ndim - 1))
        both[name] = torch.cat([values, torch.where(here, jitter[name], second[name])])
    edges = cut_edges(canvases, strengths.truncate).repeat(2, 1)
    colours, repeats = _draw_borders(2 * count, strengths, device)
    matrices = crop_matrices(frame_px=frame_px, **both)
    return Geometry(matrices, both["flip"], edges, colours, repeats, frame_px)


def _draw_crops(canvases, strengths):
    """The arguments of `crop_matrices` that are drawn, for one frame of each canvas."""
    count, device = len(canvases.images), canvases.images.device
    wide = torch.rand(count, device=device) < strengths.wide
    reach = math.log(strengths.scale)
    low, high = map(math.log, strengths.wide_scales)
    logarithm = torch.where(
        wide,
        between(low, high, count, device=device),
        between(-reach, reach, count, device=device),
    )
    side = canvases.box_px * torch.exp(logarithm)
    shift = torch.where(wide, strengths.wide_shift, strengths.shift)
    moved = between(-1, 1, count, 2, device=device) * (shift * side)[:, None]
    radians = math.radians(strengths.rotation_degrees) * torch.randn(count, device=device)
    anywhere = torch.rand(count, device=device) < strengths.any_rotation
    return {
        "side": side,
        "centre": (canvases.canvas_px - 1) / 2 + moved,
        "radians": torch.where(anywhere, between(-math.pi, math.pi, count, device=device), radians),
        "stretch": torch.exp(strengths.aspect * torch.randn(count, device=device)),
        "flip": torch.rand(count, device=device) < 0.5,
    }


def cut_edges(canvases, share):
    """The pictures' rectangles, in some of them with one side moved in, through the person.

    Mostly the lower side: photographs show the upper half of a person more often than the lower.
    """
    rectangles = canvases.rectangles.clone()
    index = chosen(len(rectangles), share, rectangles.device)
    if not len(index):
        return rectangles
    device = rectangles.device
    counted = canvases.labelled[index][..., None]
    positions = canvases.keypoints[index]
    low = torch.where(counted, positions, math.inf).amin(dim=1)
    high = torch.where(counted, positions, -math.inf).amax(dim=1)
    side = torch.multinomial(
        torch.tensor([0.2, 0.1, 0.2, 0.5], device=device), len(index), replacement=True
    )
    kept = between(0.4, 0.9, len(index), 1, device=device)
    lines = torch.cat([high - kept * (high - low), low + kept * (high - low)], dim=-1)
    line = lines.gather(1, side[:, None])
    old = rectangles[index].gather(1, side[:, None])
    valid = canvases.labelled[index].sum(dim=1, keepdim=True) > 1
    rectangles[index] = rectangles[index].scatter(1, side[:, None], torch.where(valid, line, old))
    return rectangles


def _draw_borders(count, strengths, device):
    grey, repeated, _ = strengths.borders
    colours = torch.full((count, 3), float(FILL), device=device)
    index = chosen(count, grey, device)
    shade = between(0, 255, len(index), 1, device=device).expand(-1, 3)
    tint = between(-25, 25, len(index), 3, device=device)
    colours[index] = (shade + tint * (torch.rand(len(index), 1, device=device) < 0.4)).clamp(0, 255)
    repeats = torch.zeros(count, dtype=torch.bool, device=device)
    repeats[chosen(count, repeated, device)] = True
    return colours, repeats


def show(images, geometry, *, taps=1):
    """Draw frames from canvases.

    Args:
        images: uint8 (N, 3, S, S), the canvases.
        geometry: Geometry of N frames.
        taps: int, 1 for bilinear points, 2 for the mean of 2 x 2 of them in a pixel, against
            aliasing where a frame's pixels are larger than the canvas'.

    Returns:
        frames: float (N, 3, P, P).
        coverage: float (N, 1, P, P), 0 beyond the picture's edges and 1 within.
    """
    frame, side = geometry.frame_px, images.shape[-1]
    line = torch.arange(frame, device=images.device, dtype=torch.float32)
    y, x = torch.meshgrid(line, line, indexing="ij")
    grid = torch.stack([x, y, torch.ones_like(x)], dim=-1).reshape(-1, 3)
    positions = grid @ geometry.matrices.transpose(1, 2)  # (N, P * P, 2), canvas pixels
    low, high = geometry.rectangles[:, None, :2], geometry.rectangles[:, None, 2:]
    step = geometry.matrices[:, :, :2].norm(dim=1).mean(dim=-1)[:, None, None]
    inside = torch.minimum(positions - low, high - positions) / step + 0.5
    coverage = inside.clamp(0, 1).prod(dim=-1).reshape(-1, 1, frame, frame)
    canvases = images.float()
    frames = 0
    for shift in _taps(taps, step):
        shifted = positions if shift is None else positions + shift @ geometry.matrices[:, :, :2].mT
        # Within the picture's edges, so that nothing from beyond them is mixed in.
        sampled = torch.minimum(torch.maximum(shifted, low + 0.5), high - 0.5)
        sampled = ((2 * sampled + 1) / side - 1).reshape(-1, frame, frame, 2)
        frames = frames + F.grid_sample(
            canvases, sampled, mode="bilinear", padding_mode="border", align_corners=False
        )
    frames = frames / taps**2
    border = geometry.colours[:, :, None, None]
    coverage = torch.where(geometry.repeats[:, None, None, None], 1.0, coverage)
    return border + (frames - border) * coverage, coverage


def _taps(taps, step):
    """Shifts (N, 1, 2) within a frame's pixel; none where it is not larger than the canvas'."""
    if taps == 1:
        return [None]
    reach = 0.25 * ((step - 1) * 2).clamp(0, 1)
    signs = [(-1, -1), (1, -1), (-1, 1), (1, 1)]
    return [reach * torch.tensor(pair, device=step.device, dtype=step.dtype) for pair in signs]


def move(keypoints, labelled, geometry):
    """Keypoints in the frames.

    Args:
        keypoints, labelled: of the canvases.
        geometry: Geometry.

    Returns:
        keypoints: float (N, K, 2), frame pixels; in mirrored frames left and right exchanged.
        counts: bool (N, K), labelled and within the frame and the picture's edges.
        labelled: bool (N, K), exchanged with them.
    """
    linear, offset = geometry.matrices[:, :, :2], geometry.matrices[:, :, 2]
    (a, b), (c, d) = linear[:, 0].T, linear[:, 1].T
    # In closed form: a general inverse would make the processor wait for the device.
    inverse = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2)
    moved = (keypoints - offset[:, None]) @ (inverse / (a * d - b * c)[:, None, None]).mT
    inside = ((moved >= -0.5) & (moved <= geometry.frame_px - 0.5)).all(dim=-1)
    low, high = geometry.rectangles[:, None, :2], geometry.rectangles[:, None, 2:]
    shown = ((keypoints >= low) & (keypoints <= high)).all(dim=-1)
    counts = inside & shown & labelled
    mirror = torch.tensor(MIRROR, device=keypoints.device)
    flip = geometry.flip[:, None]
    return (
        torch.where(flip[..., None], moved[:, mirror], moved),
        torch.where(flip, counts[:, mirror], counts),
        torch.where(flip, labelled[:, mirror], labelled),
    )


def back(keypoints, geometry):
    """Keypoints (N, K, 2) of frames in their canvases, left and right as in the canvases."""
    placed = keypoints @ geometry.matrices[:, :, :2].mT + geometry.matrices[:, None, :, 2]
    mirror = torch.tensor(MIRROR, device=keypoints.device)
    return torch.where(geometry.flip[:, None, None], placed[:, mirror], placed)


def draw_people(canvases, frame_px, strengths, *, taps, scenery=None):
    """A batch of people: two frames of each canvas, varied in every way but colour and quality.

    Args:
        canvases: Canvases of the batch's pictures.
        frame_px, taps: as for `show`.
        strengths: Strengths.
        scenery: Canvases of background, shown beyond some pictures' edges, or None.

    Returns:
        frames: float (2N, 3, P, P).
        keypoints: float (2N, K, 2); counts: bool (2N, K).
        geometry: Geometry, for the teacher's frames.
    """
    geometry = draw_pairs(canvases, frame_px, strengths)
    frames, coverage = show(canvases.images.repeat(2, 1, 1, 1), geometry, taps=taps)
    keypoints, counts, labelled = move(
        canvases.keypoints.repeat(2, 1, 1), canvases.labelled.repeat(2, 1), geometry
    )
    count, device = len(frames), frames.device
    index = chosen(count, strengths.others, device)
    frames[index] = paint.other_people(frames, keypoints, labelled, index)
    index = chosen(count, strengths.garments, device)
    frames[index] = paint.garments(frames[index], keypoints[index], labelled[index])
    if scenery is not None:
        index = chosen(count, strengths.borders[2], device)
        around, _ = show(*draw_scenery(scenery, len(index), frame_px))
        frames[index] = around + (frames[index] - around) * coverage[index]
    return frames, keypoints, counts, geometry


def draw_scenery(background, count, frame_px):
    """Random canvases of background and a geometry that shows parts of them."""
    device = background.images.device
    part = background.rows(torch.randint(len(background.images), (count,), device=device))
    side = part.box_px * torch.exp(between(-1.4, 0.1, count, device=device))
    centre = (part.canvas_px - 1) / 2 + between(-0.35, 0.35, count, 2, device=device) * part.box_px
    matrices = crop_matrices(
        centre,
        side,
        frame_px,
        0.2 * torch.randn(count, device=device),
        torch.exp(0.15 * torch.randn(count, device=device)),
        torch.rand(count, device=device) < 0.5,
    )
    colours = between(0, 255, count, 1, device=device).expand(-1, 3).clone()
    colours[: count // 3] = FILL
    flip = torch.zeros(count, dtype=torch.bool, device=device)
    repeats = torch.rand(count, device=device) < 0.3
    return part.images, Geometry(matrices, flip, part.rectangles, colours, repeats, frame_px)


def draw_nobody(background, count, frame_px):
    """Frames without a person: background alone, four pieces of it together, painted surfaces.

    Args:
        background: Canvases.
        count: int, at least 4.
        frame_px: int.

    Returns:
        float (count, 3, P, P).
    """
    frames, _ = show(*draw_scenery(background, count, frame_px))
    pieces = count // 4
    half = frame_px // 2
    four, _ = show(*draw_scenery(background, 4 * pieces, half))
    four = four.reshape(pieces, 2, 2, 3, half, half).permute(0, 3, 1, 4, 2, 5)
    device = frames.device
    rolled = torch.randint(frame_px, (2,), device="cpu").tolist()
    mosaic = four.reshape(pieces, 3, frame_px, frame_px).roll(rolled, dims=(2, 3))
    frames[:pieces] = mosaic
    surfaces = count // 6
    frames[pieces : pieces + surfaces] = paint.surfaces(surfaces, frame_px, device)
    frames[pieces + surfaces :: 3] = paint.blobs(frames[pieces + surfaces :: 3])
    return frames
