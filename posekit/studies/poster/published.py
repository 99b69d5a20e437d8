"""What the poster reports, in its own words and units, and what that can mean."""

# "Human Pose Estimation using Convolutional Neural Networks", its final training and validation
# loss. The poster names neither label treatment nor unit; we read squared pixels of the 96 x 96
# frame per coordinate.
PUBLISHED_MSE = {"training": 139.29, "validation": 427.41}

WORDS = {
    "masked": "on labelled joints alone",
    "poster": "with the junk that is stored for missing joints",
    "poster_origin": "with missing joints at the origin",
}

# Differences below it are called none.
NEAR = 0.05


def reading(constants):
    """The poster's validation loss next to one constant's under each label treatment, a sentence.

    `constants` is a dict, label treatment -> validation MSE of the mean pose on LSPet.
    """
    published = PUBLISHED_MSE["validation"]
    parts = []
    for treatment in sorted(constants, key=lambda name: abs(published / constants[name] - 1)):
        excess = published / constants[treatment] - 1
        side = "above" if excess > 0 else "below"
        distance = "about the same" if abs(excess) < NEAR else f"{abs(excess):.0%} {side} it"
        parts.append(f"{distance} {WORDS[treatment]} ({constants[treatment]:.0f})")
    return (
        f"Against one constant pose, the poster's validation loss of {published} is "
        f"{', '.join(parts[:-1])} and {parts[-1]}; the poster does not say which it is."
    )
