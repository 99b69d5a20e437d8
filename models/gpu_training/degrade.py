"""Light and quality: what cameras, programs and networks do to photographs. On the device.

Frames are float (N, 3, P, P), 0 to 255, RGB.
"""

import math

import torch
import torch.nn.functional as F

from canvases import FILL

# Tables K.1 and K.2 of the JPEG standard (ITU-T T.81), row by row.
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
# Rows give Y, Cb and Cr of R, G and B (ITU-R BT.601, as JFIF has it).
TO_YCC = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)


def _between(low, high, *shape, device):
    return low + (high - low) * torch.rand(*shape, device=device)


def _some(frames, share):
    return torch.randperm(len(frames), device=frames.device)[: round(len(frames) * share)]


def degrade(frames, strengths):
    """Every change below, each to its share of the frames, in the order of a photograph's life.

    Args:
        frames: float (N, 3, P, P), changed in place.
        strengths: augment.Strengths.

    Returns:
        float (N, 3, P, P).
    """
    frames = colour(frames, strengths.light)
    for change, share in (
        (grey, strengths.grey),
        (dark, strengths.dark),
        (blur, strengths.blur),
        (coarse, strengths.coarse),
        (noise, strengths.noise),
        (jpeg, strengths.jpeg),
        (erase, strengths.erase),
    ):
        index = _some(frames, share)
        if len(index):
            frames[index] = change(frames[index])
    return frames


def colour(frames, strength):
    """Gain of each channel, contrast about the mean, saturation about grey, brightness."""
    count, device = len(frames), frames.device

    def factor(channels, strength):
        return 1 + _between(-strength, strength, count, channels, 1, 1, device=device)

    gain = factor(1, strength) * factor(3, strength / 2)
    contrast, saturation = factor(1, strength), factor(1, strength)
    brightness = 80 * (factor(1, strength) - 1)
    mean = frames.mean(dim=(1, 2, 3), keepdim=True)
    frames = mean + (frames - mean) * contrast
    own = frames.mean(dim=1, keepdim=True)
    return ((own + (frames - own) * saturation) * gain + brightness).clamp(0, 255)


def grey(frames):
    """Luminance in all three channels, some of it slightly toned."""
    weights = torch.tensor(TO_YCC[0], device=frames.device)[:, None, None]
    luminance = (frames * weights).sum(dim=1, keepdim=True)
    tone = torch.randn(len(frames), 3, 1, 1, device=frames.device) * 6
    toned = torch.rand(len(frames), 1, 1, 1, device=frames.device) < 0.3
    return (luminance + tone * toned).clamp(0, 255)


def dark(frames):
    """Underexposed, some by gamma and some by gain."""
    count, device = len(frames), frames.device
    gamma = _between(1.0, 2.5, count, 1, 1, 1, device=device)
    gain = _between(0.3, 0.9, count, 1, 1, 1, device=device)
    return 255 * (frames / 255).clamp(1e-4, 1) ** gamma * gain


def blur(frames):
    """Out of focus: two box filters of 3 or 5 pixels, mixed with the sharp frame."""
    amount = torch.rand(len(frames), 1, 1, 1, device=frames.device)
    side = 3 if torch.rand(()) < 0.6 else 5
    smooth = frames
    for _ in range(2):
        padded = F.pad(smooth, [side // 2] * 4, mode="replicate")
        smooth = F.avg_pool2d(padded, side, 1)
    return frames + amount * (smooth - frames)


def coarse(frames):
    """Scaled down, by one factor a batch, and up again."""
    frame_px = frames.shape[-1]
    small = round(frame_px / (1.25 + 2.25 * float(torch.rand(()))))
    shrunk = F.interpolate(frames, size=small, mode="area")
    mode = "bilinear" if torch.rand(()) < 0.6 else "bicubic"
    return F.interpolate(shrunk, size=frame_px, mode=mode, align_corners=False).clamp(0, 255)


def noise(frames):
    """Of a sensor: independent in each pixel, the same in all channels for half of the frames."""
    count, device = len(frames), frames.device
    strength = 22 * torch.rand(count, 1, 1, 1, device=device) ** 2 + 1
    grain = torch.randn_like(frames)
    plain = torch.rand(count, 1, 1, 1, device=device) < 0.5
    return (frames + strength * torch.where(plain, grain[:, :1], grain)).clamp(0, 255)


def erase(frames):
    """One or two rectangles of grey or of a random colour over the frame; their joints count."""
    count, device, frame_px = len(frames), frames.device, frames.shape[-1]
    line = torch.arange(frame_px, device=device)
    for share in (1.0, 0.5):
        size = _between(0.1, 0.33, count, 2, device=device) * frame_px
        size = size * (torch.rand(count, 1, device=device) < share)
        low = torch.rand(count, 2, device=device) * frame_px - size / 2
        columns = (line >= low[:, :1]) & (line < (low + size)[:, :1])
        rows = (line >= low[:, 1:]) & (line < (low + size)[:, 1:])
        fill = torch.full((count, 3), float(FILL), device=device)
        half = count // 2
        fill[:half] = _between(0, 255, half, 3, device=device)
        covered = (rows[:, :, None] & columns[:, None, :])[:, None]
        frames = torch.where(covered, fill[:, :, None, None], frames)
    return frames


def jpeg(frames, quality=None, chroma_halved=None, shift=None):
    """What compression by JPEG does: blocks of 8 x 8 in YCbCr, quantised.

    Args:
        frames: float (N, 3, P, P), P a multiple of 8.
        quality: float (N,) in [1, 100], as libjpeg counts; drawn between 15 and 95 if None.
        chroma_halved: bool (N,), colours at half the resolution; drawn if None.
        shift: (rows, columns), where in the frame the blocks begin; drawn if None.
    """
    count, device = len(frames), frames.device
    if quality is None:
        quality = _between(15, 95, count, device=device)
    if chroma_halved is None:
        chroma_halved = torch.rand(count, device=device) < 0.6
    if shift is None:
        shift = torch.randint(8, (2,)).tolist()
    transform = torch.tensor(TO_YCC, device=device)
    pixels = frames.roll(shift, dims=(2, 3))
    colours = torch.einsum("ck,nkyx->ncyx", transform, pixels)
    colours[:, 0] -= 128
    halved = F.avg_pool2d(colours[:, 1:], 2)
    enlarged = F.interpolate(
        _quantised(halved, _table(CHROMINANCE, quality)), scale_factor=2, mode="nearest"
    )
    chroma = _quantised(colours[:, 1:], _table(CHROMINANCE, quality))
    chroma = torch.where(chroma_halved[:, None, None, None], enlarged, chroma)
    luma = _quantised(colours[:, :1], _table(LUMINANCE, quality)) + 128
    from_ycc = torch.linalg.inv(torch.tensor(TO_YCC)).to(device)
    decoded = torch.einsum("ck,nkyx->ncyx", from_ycc, torch.cat([luma, chroma], dim=1))
    return decoded.clamp(0, 255).roll([-rows for rows in shift], dims=(2, 3))


def _table(table, quality):
    """Steps of quantisation (N, 8, 8) at a quality, as libjpeg scales them."""
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None, None]
    table = torch.tensor(table, device=quality.device, dtype=torch.float32)
    return ((table * scale + 50) / 100).floor().clamp(1, 255)


def _quantised(planes, steps):
    """Planes (N, C, h, w) after rounding the cosine coefficients of their blocks."""
    count, channels, height, width = planes.shape
    blocks_high, blocks_wide = -(-height // 8), -(-width // 8)
    # Half-size planes need not be a multiple of 8 wide.
    padding = (0, 8 * blocks_wide - width, 0, 8 * blocks_high - height)
    padded = F.pad(planes, padding, mode="replicate")
    cosine = _cosines(planes.device)
    blocks = padded.reshape(count, channels, blocks_high, 8, blocks_wide, 8)
    frequencies = torch.einsum("ui,ncyixj,vj->ncyuxv", cosine, blocks, cosine)
    step = steps[:, None, None, :, None, :]
    rounded = torch.round(frequencies / step) * step
    back = torch.einsum("ui,ncyuxv,vj->ncyixj", cosine, rounded, cosine)
    return back.reshape(padded.shape)[:, :, :height, :width]


def _cosines(device):
    """The orthonormal cosine transform of 8 samples, (frequency, sample)."""
    frequency = torch.arange(8, device=device)[:, None]
    sample = torch.arange(8, device=device)[None]
    matrix = torch.cos((2 * sample + 1) * frequency * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix
