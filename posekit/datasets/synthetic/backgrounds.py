"""Cluttered backgrounds for synthetic people: walls, floors, textures, things; muted colours."""

import colorsys

import cv2
import numpy as np

from posekit.datasets.synthetic.rendering import SUBPIXEL_BITS, fixed_point


def draw_background(rng, width_px, height_px):
    """Draw a background, uint8 (height_px, width_px, 3), RGB.

    Its colours stay near one muted base colour, so a person in fuller colours mostly stands out.
    """
    size = np.array([width_px, height_px])
    base = 255 * np.array(
        colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0, 0.3), rng.uniform(0.3, 0.85))
    )
    image = _gradient(rng, base, size)
    if rng.random() < 0.25:
        _stripes(rng, image, base, size)
    if rng.random() < 0.7:
        _floor(rng, image, base, size)
    for _ in range(rng.integers(3, 10)):
        draw = _THINGS[rng.integers(len(_THINGS))]
        draw(rng, image, base, size)
    image = _textured(rng, image)
    if rng.random() < 0.4:
        image = cv2.blur(image, (3, 3))
    return image


def add_sensor_noise(rng, image):
    """A copy of the picture with a camera's random brightness, contrast and grain."""
    exposed = cv2.convertScaleAbs(image, alpha=rng.uniform(0.85, 1.1), beta=rng.uniform(0, 12))
    grain = rng.integers(0, rng.integers(2, 14), image.shape[:2], dtype=np.uint8)
    return cv2.add(exposed, cv2.cvtColor(grain, cv2.COLOR_GRAY2RGB))


def _muted(rng, base, spread=22):
    """A colour near the base: mostly lighter or darker, a little of another hue."""
    return np.clip(base + rng.normal(0, spread) + rng.normal(0, 9, 3), 0, 255).tolist()


def _gradient(rng, base, size):
    corners = np.clip(base + rng.normal(0, 20, (3, 3, 1)) + rng.normal(0, 6, (3, 3, 3)), 0, 255)
    return cv2.resize(corners.astype(np.uint8), size.tolist(), interpolation=cv2.INTER_LINEAR)


def _textured(rng, image):
    height, width = image.shape[:2]
    cell_px = rng.integers(2, 14)
    shape = (height // cell_px + 2, width // cell_px + 2)
    grid = rng.normal(0, rng.uniform(2, 11), shape).astype(np.float32)
    texture = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.add(image, cv2.cvtColor(texture, cv2.COLOR_GRAY2RGB), dtype=cv2.CV_8U)


def _fill(image, polygon_px, colour):
    cv2.fillPoly(image, [fixed_point(polygon_px)], colour, cv2.LINE_AA, SUBPIXEL_BITS)


def _stripes(rng, image, base, size):
    colour = _muted(rng, base, 16)
    count = rng.integers(3, 12)
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    reach = size.sum()
    period = reach / count
    for k in range(-count, count):
        start = size / 2 + k * period * across
        edge = start + 0.4 * period * across
        ends = [start - reach * along, start + reach * along]
        far_ends = [edge + reach * along, edge - reach * along]
        _fill(image, ends + far_ends, colour)


def _floor(rng, image, base, size):
    width, height = size
    left, right = height * (rng.uniform(0.45, 0.9) + rng.normal(0, 0.02, 2))
    _fill(image, [(0, left), (width, right), (width, height), (0, height)], _muted(rng, base, 30))
    if rng.random() < 0.5:
        colour = _muted(rng, base, 20)
        horizon = max(left, right)
        vanishing_x = width * rng.uniform(-0.2, 1.2)
        for x in np.arange(-1.5, 2.5, rng.uniform(0.2, 0.5)) * width:
            far_x = vanishing_x + 0.3 * (x - vanishing_x)
            _fill(image, [(far_x, horizon), (x, height), (x + 0.03 * width, height)], colour)


def _box(rng, size, low=0.08, high=0.4):
    """A random (corner, extent) that may leave the picture."""
    extent = size * rng.uniform(low, high, 2)
    return size * rng.uniform(0, 1, 2) - extent / 2, extent


def _polygon(rng, image, base, size):
    corner, extent = _box(rng, size)
    _fill(image, corner + extent * rng.uniform(0, 1, (rng.integers(3, 7), 2)), _muted(rng, base))


def _bush(rng, image, base, size):
    corner, extent = _box(rng, size, 0.05, 0.3)
    colour = _muted(rng, base)
    for centre in corner + extent * rng.uniform(0.2, 0.8, (rng.integers(1, 6), 2)):
        radius = float(extent.mean() * rng.uniform(0.2, 0.5))
        cv2.circle(image, np.rint(centre).astype(int).tolist(), round(radius), colour, -1)


def _pole(rng, image, base, size):
    foot, top = size * rng.uniform(-0.1, 1.1, (2, 2))
    top[0] = foot[0] + rng.normal(0, 0.08) * size[0]
    half = np.array([max(1.0, size[0] * rng.uniform(0.005, 0.03)), 0])
    _fill(image, [foot - half, foot + half, top + half, top - half], _muted(rng, base, 28))


def _rectangle(image, corner, extent, colour):
    _fill(image, corner + extent * np.array([(0, 0), (1, 0), (1, 1), (0, 1)]), colour)


def _furniture(rng, image, base, size):
    """A table, shelf or bench: a slab on two legs, half of them with a body between."""
    corner, extent = _box(rng, size, 0.12, 0.4)
    colour = _muted(rng, base, 26)
    if rng.random() < 0.5:
        _rectangle(image, corner, extent, _muted(rng, base, 26))
    leg = extent * [0.08, 1]
    _rectangle(image, corner, leg, colour)
    _rectangle(image, corner + extent * [0.92, 0], leg, colour)
    _rectangle(image, corner, extent * [1, 0.2], colour)


def _window(rng, image, base, size):
    corner, extent = _box(rng, size, 0.1, 0.35)
    _rectangle(image, corner, extent, _muted(rng, base, 28))
    _rectangle(image, corner + 0.08 * extent, 0.84 * extent, _muted(rng, base, 28))


_THINGS = (_polygon, _bush, _pole, _furniture, _window)
