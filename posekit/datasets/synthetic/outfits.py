"""What people wear: clothes, skin and hair, laid over a posed figure as parts to be painted."""

import colorsys
from dataclasses import dataclass

import numpy as np

from posekit.datasets.synthetic.rendering import CIRCLE, Part

SKIN_TONES = ((255, 219, 190), (234, 189, 155), (205, 150, 112), (160, 108, 76), (104, 68, 48))
HAIR_COLOURS = (
    *((28, 22, 20), (70, 44, 28), (122, 82, 46)),
    *((214, 178, 110), (150, 66, 32), (150, 148, 146)),
)
EYE_COLOUR = (30, 25, 25)
MOUTH_COLOUR = (170, 60, 60)


@dataclass(frozen=True)
class Outfit:
    """What a person wears and looks like; colours are (red, green, blue), 0 to 255."""

    skin: tuple
    hair: tuple
    top: tuple
    trousers: tuple
    shoes: tuple
    emblem: tuple
    # The share of the upper arm and of the thigh that is covered; 1 covers the whole arm or leg.
    sleeve: float
    leg: float
    long_hair: bool


def draw_outfit(rng):
    """Draw an Outfit from a np.random.Generator."""
    skin = np.array(SKIN_TONES[rng.integers(len(SKIN_TONES))]) * rng.uniform(0.92, 1.05)
    return Outfit(
        skin=tuple(np.minimum(skin, 255)),
        hair=HAIR_COLOURS[rng.integers(len(HAIR_COLOURS))],
        top=_draw_cloth(rng),
        trousers=_draw_cloth(rng),
        shoes=_draw_cloth(rng),
        emblem=_draw_cloth(rng),
        sleeve=float(rng.choice([0, 0.55, 1])),
        leg=float(rng.choice([0.3, 0.6, 1, 1])),
        long_hair=bool(rng.random() < 0.35),
    )


def dress(figure, outfit):
    """The parts of a dressed figures.Figure, list of Part in no particular order.

    The chest has an emblem and a collar and the head a face on one side and hair on the other,
    so that a figure's front, and with it left and right, can be recognised.
    """
    parts = _torso(figure, outfit) + _head(figure, outfit)
    for side in ("left", "right"):
        parts += _arm(figure, outfit, side) + _leg(figure, outfit, side)
    return parts


def _draw_cloth(rng):
    """Mostly full colours, sometimes white or near black."""
    if rng.random() < 0.25:
        return (245.0,) * 3 if rng.random() < 0.5 else (32.0,) * 3
    rgb = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.55, 0.95), rng.uniform(0.4, 1))
    return tuple(255 * channel for channel in rgb)


def _solid(centres, radii, colour, joints, cores=None, decals=()):
    """A Part that is as deep in the picture as its discs are on average."""
    centres = np.stack(centres)
    cores = centres if cores is None else np.stack(cores)
    depth = centres[:, 2].mean()
    return Part(centres, np.array(radii), cores, colour, depth, joints, decals)


def _limb(figure, start, end, thickness, colour, joints):
    """A capsule between two named points, as thick at either end as `figure.radii` says."""
    radii = [figure.radii[name] for name in thickness]
    return _solid([figure.points[start], figure.points[end]], radii, colour, joints)


def _covered(limb, share, colour):
    """The limb, and cloth around a share of it where that is neither none nor all of it."""
    if share in (0, 1):
        return [limb._replace(colour=colour) if share else limb]
    (start, end), (first, last) = limb.centres, limb.radii
    centres = np.stack([start, start + share * (end - start)])
    radii = 1.1 * np.array([first, first + share * (last - first)])
    # At the limb's own depth, and after it in the list, the cloth is painted over the limb.
    return [limb, limb._replace(centres=centres, radii=radii, cores=centres, colour=colour)]


def _arm(figure, outfit, side):
    shoulder, elbow, wrist, hand = (f"{side}_{n}" for n in ("shoulder", "elbow", "wrist", "hand"))
    skin, thick, thin = outfit.skin, ("shoulder", "elbow"), ("elbow", "wrist")
    upper_arm = _limb(figure, shoulder, elbow, thick, skin, (shoulder, elbow))
    forearm = _limb(figure, elbow, wrist, thin, skin, (elbow, wrist))
    return [
        *_covered(upper_arm, outfit.sleeve, outfit.top),
        *_covered(forearm, outfit.sleeve == 1, outfit.top),
        _limb(figure, wrist, hand, ("wrist", "hand"), skin, (wrist,)),
    ]


def _leg(figure, outfit, side):
    hip, knee, ankle, heel, toe = (f"{side}_{n}" for n in ("hip", "knee", "ankle", "heel", "toe"))
    thigh = _limb(figure, hip, knee, ("hip", "knee"), outfit.skin, (hip, knee))
    shank = _limb(figure, knee, ankle, ("knee", "ankle"), outfit.skin, (knee, ankle))
    shoe = _limb(figure, heel, toe, ("foot", "foot"), outfit.shoes, (ankle,))
    return [
        *_covered(thigh, outfit.leg, outfit.trousers),
        *_covered(shank, outfit.leg == 1, outfit.trousers),
        shoe,
    ]


def _torso(figure, outfit):
    points, radii = figure.points, figure.radii
    across, up, forward = figure.frames["chest"].T
    hips = [points["left_hip"], points["right_hip"]]
    waist = [points["waist"] + 0.035 * across, points["waist"] - 0.035 * across]
    neck = points["neck"]
    chest = [0.85 * points[f"{side}_shoulder"] + 0.15 * neck for side in ("left", "right")]
    hip_joints = ("left_hip", "right_hip")
    chest_joints = ("left_shoulder", "right_shoulder", "neck")
    seat_radii = [1.02 * radii["hip"]] * 2
    belly_radii = [0.95 * radii["hip"]] * 2 + [radii["waist"]] * 2
    chest_radii = [radii["waist"]] * 2 + [1.1 * radii["shoulder"]] * 2
    belly_cores = [points["pelvis"]] * 2 + [points["waist"]] * 2
    chest_cores = [points["waist"]] * 2 + [neck - 0.022 * up] * 2

    surface = (radii["waist"] + 0.004) * forward
    middle = (points["waist"] + neck) / 2 + surface
    emblem = middle + 0.055 * CIRCLE @ np.stack([across, up])  # (16, 3)
    collar_top = neck + 0.75 * surface
    collar = [collar_top + 0.03 * across, collar_top - 0.03 * across, neck + surface - 0.05 * up]
    decals = ((emblem, outfit.emblem), (np.stack(collar), outfit.skin))
    return [
        _solid(hips, seat_radii, outfit.trousers, hip_joints, cores=0.5 * np.stack(hips)),
        _solid(hips + waist, belly_radii, outfit.top, hip_joints, cores=belly_cores),
        _solid(waist + chest, chest_radii, outfit.top, chest_joints, chest_cores, decals),
    ]


def _head(figure, outfit):
    neck, radius = figure.points["neck"], figure.radii["head"]
    across, up, forward = figure.frames["head"].T
    crown = figure.points["head_top"] - radius * up
    chin = 0.55 * neck + 0.45 * figure.points["head_top"] + 0.1 * radius * forward
    skull = [chin, crown + radius * (0.2 * forward - 0.28 * up)]
    hair_ends = -1.3 if outfit.long_hair else -0.25
    hair_end = crown + radius * (hair_ends * up - 0.3 * forward)
    hair = [hair_end, crown + radius * (0.06 * up - 0.12 * forward)]

    def patch(x, y, half_width, half_height, colour):
        """An ellipse on the face; all but the colour in head radii."""
        rim = [x, y] + [half_width, half_height] * CIRCLE  # (16, 2)
        return crown + radius * (rim @ np.stack([across, up]) + 0.95 * forward), colour

    face = (
        patch(0.34, -0.28, 0.15, 0.12, EYE_COLOUR),
        patch(-0.34, -0.28, 0.15, 0.12, EYE_COLOUR),
        patch(0, -0.9, 0.26, 0.09, MOUTH_COLOUR),
    )
    joints = ("neck", "head_top")
    return [
        _solid([neck, chin], [figure.radii["neck"]] * 2, outfit.skin, ("neck",)),
        _solid(skull, [0.72 * radius, 0.86 * radius], outfit.skin, joints, decals=face),
        _solid(hair, [0.8 * radius, 0.96 * radius], outfit.hair, joints),
    ]
