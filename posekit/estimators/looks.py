"""Test-time augmentation: the crop scales and mirrors that a stage averages over."""

from dataclasses import asdict, dataclass

@dataclass(frozen=True)
class Glimpse:
    """One frame of a stage's look at a picture.

    Attributes:
        scale: float > 0, side of the square that is shown over that of the view's own box.
        mirrored: bool, whether left and right are exchanged.
    """

    scale: float = 1.0
    mirrored: bool = False


# A look is a tuple of glimpses whose answers are averaged; a stage looks once or more often.
LOOK_ONCE = ((Glimpse(),),)


def listed(looks):
    """Looks JSON-ready: a list of dicts, scale and mirrored, for each."""
    return [[asdict(glimpse) for glimpse in look] for look in looks]


def in_words(looks):
    """Looks as a reader is told of them.

    Args:
        looks: tuple of looks, see Glimpse.

    Returns:
        str, such as "x1.15, then x0.85 + x0.95 mirrored".
    """
    return ", then ".join(
        " + ".join(
            f"x{glimpse.scale:g}{' mirrored' if glimpse.mirrored else ''}" for glimpse in look
        )
        for look in looks
    )
