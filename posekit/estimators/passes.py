"""Test-time augmentation: a stage runs one pass or several, each averaged over crop scales."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class CropScale:
    """One crop of a pass."""

    scale: float = 1.0  # side of the crop over the side of the view's own box
    mirrored: bool = False  # whether left and right are exchanged


# A pass is a tuple of CropScale whose answers are averaged.
ONE_PASS = ((CropScale(),),)


def to_json(passes):
    """Passes JSON-ready: a list of dicts, scale and mirrored, for each."""
    return [[asdict(crop) for crop in crops] for crops in passes]


def to_text(passes):
    """Passes as text, such as "x1.15, then x0.85 + x0.95 mirrored"."""
    return ", then ".join(
        " + ".join(f"x{crop.scale:g}{' mirrored' if crop.mirrored else ''}" for crop in crops)
        for crops in passes
    )
