"""Paints solid parts in perspective, shaded, from the farthest to the nearest."""

from typing import NamedTuple

import cv2
import numpy as np

from posekit.skeleton import LSP

SUBPIXEL_BITS = 4
# Sixteen points of the unit circle, anticlockwise where y is up.
CIRCLE = np.array([(np.cos(turn), np.sin(turn)) for turn in np.arange(16) * np.pi / 8])
# Each part is painted three times: its outline in shade, then narrower and nearer to the light.
SHRINK = np.array([1.0, 0.72, 0.4])
TONE = np.array([0.62, 0.86, 1.06])


class Camera(NamedTuple):
    """Perspective from a distance in body heights, then pixels per body height and a shift."""

    distance: float
    scale_px: float
    shift_px: np.ndarray

    def project(self, points):
        """(x, y) (..., 2) in pixels of points (..., 3), and pixels per body height there, (...)."""
        nearness = self.distance / (self.distance - points[..., 2])
        flat = points[..., :2] * [1, -1] * nearness[..., None]
        return flat * self.scale_px + self.shift_px, nearness * self.scale_px


class Part(NamedTuple):
    """The convex hull of discs, painted as one piece.

    `cores` are the points towards which the discs' centres move as the part is painted narrower:
    the centres themselves for a limb, the middle line for a torso. `decals` are (polygon, colour)
    on its surface, in the order that runs anticlockwise when seen from outside. `joints` are those
    the part does not hide.
    """

    centres: np.ndarray  # (D, 3)
    radii: np.ndarray  # (D,)
    cores: np.ndarray  # (D, 3)
    colour: tuple
    depth: float
    joints: tuple = ()
    decals: tuple = ()


def paint(image, parts, camera, light):
    """Paint a list of Part onto a picture, the farthest first.

    `light` is the unit vector towards the light, float (3,), camera axes.

    Returns:
        (image, painted): the new picture, and a list of (joint names, outline int32 (M, 1, 2) in
        sixteenths of a pixel) in the order of painting.
    """
    image = image.copy()
    parts = sorted(parts, key=lambda part: part.depth)
    starts = np.cumsum([0] + [len(part.radii) for part in parts])
    discs = _discs(parts, camera, light)  # (levels, D, 16, 2)
    tones = _brightness(parts, light)  # (P,)
    shades = tones[:, None] * TONE  # (P, levels)
    painted = []
    for part, tone, shade, start, end in zip(parts, tones, shades, starts, starts[1:]):
        outlines = [cv2.convexHull(level[start:end].reshape(-1, 2)) for level in discs]
        for outline, colour in zip(outlines, _to_colours(np.outer(shade, part.colour))):
            cv2.fillConvexPoly(image, outline, colour, cv2.LINE_AA, SUBPIXEL_BITS)
        painted.append((part.joints, outlines[0]))
        for polygon, colour in part.decals:
            decal = fixed_point(camera.project(polygon)[0])
            # The picture's y points down, so a polygon seen from its front has a negative area.
            if cv2.contourArea(decal, oriented=True) < 0:
                shaded = _to_colours(tone * np.array(colour))
                cv2.fillConvexPoly(image, decal, shaded, cv2.LINE_AA, SUBPIXEL_BITS)
    return image, painted


def hidden_joints(painted, keypoints_px):
    """Which joints, bool (14,), a part covers that `paint` painted later than the joint's own."""
    points = [tuple(point) for point in fixed_point(keypoints_px).tolist()]
    hidden = np.zeros(len(LSP.joints), bool)
    for joints, outline in painted:
        for name, point in zip(LSP.joints, points):
            if name in joints:
                hidden[LSP.index[name]] = False
            elif not hidden[LSP.index[name]]:
                hidden[LSP.index[name]] = cv2.pointPolygonTest(outline, point, False) >= 0
    return hidden


def fixed_point(points_px):
    """Pixels in OpenCV's whole-number form with `SUBPIXEL_BITS`, int32."""
    return np.rint(np.asarray(points_px) * 2**SUBPIXEL_BITS).astype(np.int32)


def _discs(parts, camera, light):
    """Points on the rims of all discs at each level of narrowing, int32 (levels, D, 16, 2)."""
    centres = np.concatenate([part.centres for part in parts])  # (D, 3)
    cores = np.concatenate([part.cores for part in parts])  # (D, 3)
    radii = np.concatenate([part.radii for part in parts])  # (D,)
    shrink = SHRINK[:, None]
    centres_px, scale_px = camera.project(cores + shrink[..., None] * (centres - cores))
    radii_px = radii * scale_px  # (levels, D)
    # Shifted by no more than this, the narrower disc stays inside the wider one.
    shift_px = ((1 - shrink) * radii_px)[..., None] * light[:2] * [1, -1]
    rims = (shrink * radii_px)[..., None, None] * CIRCLE  # (levels, D, 16, 2)
    return fixed_point((centres_px + shift_px)[:, :, None] + rims)


def _brightness(parts, light):
    """How bright each part is, (P,): a cylinder is lit less, the more it points at the light."""
    axes = np.stack([part.centres[-1] - part.centres[0] for part in parts])
    along = axes @ light / np.linalg.norm(axes, axis=-1)
    return 0.78 + 0.27 * np.sqrt(1 - np.minimum(along**2, 1))


def _to_colours(colours):
    """Lists of numbers that OpenCV takes for colours."""
    return np.minimum(colours, 255).tolist()
