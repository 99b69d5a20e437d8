"""How large a run is: one table of sizes, from CI to a whole night."""

from dataclasses import make_dataclass

from posekit.errors import check_choice

FRAME_PX = 96

_SIZES = {
    "name": ("smoke", "quick", "full"),
    "purpose": ("a trial", "synthetic people", "real data"),  # for the command line's help
    "synthetic_images": (240, 1000, 10000),
    "max_images": (240, 1000, None),  # of real data, evenly spread
    "epochs": (2, 6, 30),  # of each training in notebook 02
    "seeds": (2, 3, 3),  # how many, in notebooks 03 and 07
    "batch_size": (16, 16, 64),
    "resamples": (100, 1000, 1000),  # of the bootstrap behind each interval
    "saliency_images": (8, 64, 200),  # of notebook 05
    "ladder": ("shortest", "short", "short"),  # which steps notebook 06 trains
    # Of each of these trainings; the first two are notebook 02's where `epochs` is the same.
    "ladder_epochs": (2, 6, 12),
    "activity_steps": (10, 200, 4000),  # of each training in notebook 07
    "activity_batch": (16, 32, 64),  # pictures in each of these steps
    # Of the labelled training pictures that notebook 07 learns from.
    "activity_fractions": ((0.5, 1.0), (0.1, 1.0), (0.1, 0.3, 1.0)),
}
Profile = make_dataclass("Profile", _SIZES, frozen=True)
PROFILES = {values[0]: Profile(*values) for values in zip(*_SIZES.values(), strict=True)}


def by_name(name):
    """The Profile of that name; PosekitError lists the known ones."""
    check_choice("profiles.by_name()", "profile", name, tuple(PROFILES))
    return PROFILES[name]
