"""How large a run is: one table of sizes, from CI to a whole night."""

from dataclasses import dataclass

from posekit.errors import check_choice

FRAME_PX = 96


@dataclass(frozen=True)
class Profile:
    """Sizes of one run.

    Attributes:
        name: str.
        purpose: str, for the command line's help.
        synthetic_images: int, size of the synthetic data set.
        max_images: int or None, how many images of real data are used, evenly spread.
        epochs: int, of each training in notebook 02.
        seeds: int, how many seeds notebooks 03 and 07 train.
        batch_size: int.
        resamples: int, bootstrap resamples behind each interval.
        saliency_images: int, how many images notebook 05 uses.
        ladder: "shortest" or "short", which steps notebook 06 trains.
        ladder_epochs: int, of each of these trainings; the first two are those of notebook 02 where
            `epochs` is the same.
        activity_steps: int, of each training in notebook 07.
        activity_batch: int, pictures in each of these steps.
        activity_fractions: of the labelled training pictures that notebook 07 learns from.
    """

    name: str
    purpose: str
    synthetic_images: int
    max_images: int | None
    epochs: int
    seeds: int
    batch_size: int
    resamples: int
    saliency_images: int
    ladder: str
    ladder_epochs: int
    activity_steps: int
    activity_batch: int
    activity_fractions: tuple


_SIZES = {
    "name": ("smoke", "quick", "full"),
    "purpose": (
        "a trial",
        "synthetic people",
        "real data",
    ),
    "synthetic_images": (240, 1000, 10000),
    "max_images": (240, 1000, None),
    "epochs": (2, 6, 30),
    "seeds": (2, 3, 3),
    "batch_size": (16, 16, 64),
    "resamples": (100, 1000, 1000),
    "saliency_images": (8, 64, 200),
    "ladder": ("shortest", "short", "short"),
    "ladder_epochs": (2, 6, 12),
    "activity_steps": (10, 200, 4000),
    "activity_batch": (16, 32, 64),
    "activity_fractions": ((0.5, 1.0), (0.1, 1.0), (0.1, 0.3, 1.0)),
}
PROFILES = {
    values[0]: Profile(**dict(zip(_SIZES, values, strict=True)))
    for values in zip(*_SIZES.values(), strict=True)
}


def by_name(name):
    """The Profile of that name; PosekitError lists the known ones."""
    check_choice("profiles.by_name()", "profile", name, tuple(PROFILES))
    return PROFILES[name]
