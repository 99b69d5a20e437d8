"""Augmentation strengths and how their parameters are sampled: NumPy, no TensorFlow.

`transforms` holds the functions that take the parameters.
"""

from dataclasses import dataclass

import numpy as np

from posekit.errors import check_choice

FLIPS = ("none", "random", "double")


@dataclass(frozen=True)
class Augmentation:
    """Strengths of one way to vary pictures; all zero shows every picture as it is."""

    rotation_degrees: float = 0.0  # standard deviation of the rotation
    any_rotation: float = 0.0  # in [0, 1], share of examples turned by any angle at all
    # The crop's side is between 1 / scale and scale times the box's, evenly in the logarithm.
    scale: float = 1.0
    # Standard deviation of the logarithm of the stretch in x, the inverse of that in y.
    aspect: float = 0.0
    shift: float = 0.0  # the crop's centre moves by at most this share of its side
    light: float = 0.0  # in [0, 1), strength of the changes of contrast, colour and brightness
    blur: float = 0.0  # in [0, 1], share of examples that are blurred
    erase: float = 0.0  # in [0, 1], share of examples with a covered rectangle

    def sample(self, rng, count, *, canvas_px, box_px, frame_px):
        """Parameters for one batch of `count` examples, drawn from a numpy.random.Generator.

        `canvas_px` is the side of the canvas, `box_px` that of the view's box on it, in the
        canvas' pixels, and `frame_px` that of the frame.

        Returns:
            dict of float32 arrays, the arguments of the functions in `transforms`: matrices (N, 2,
            3), gain (N, 3), contrast, saturation, brightness, blur (N,), rectangles_px (N, 4).
        """
        reach = np.log(self.scale)
        side_px = box_px * np.exp(rng.uniform(-reach, reach, count))
        radians = np.deg2rad(rng.normal(0.0, 1.0, count) * self.rotation_degrees)
        anywhere = rng.uniform(-np.pi, np.pi, count)
        radians = np.where(rng.random(count) < self.any_rotation, anywhere, radians)
        stretch = np.exp(rng.normal(0.0, 1.0, count) * self.aspect)
        moved_px = rng.uniform(-1, 1, (count, 2)) * self.shift * side_px[:, None]
        centre_px = (canvas_px - 1) / 2 + moved_px
        matrices = crop_matrices(centre_px, side_px, frame_px, radians=radians, stretch=stretch)

        def factor(*shape, strength=self.light):
            return rng.uniform(1 - strength, 1 + strength, (count, *shape)).astype(np.float32)

        sampled = {
            "matrices": matrices,
            # Photographs differ less in tint than in other light.
            "gain": factor(1) * factor(3, strength=self.light / 2),
            "contrast": factor(),
            "saturation": factor(),
            "brightness": rng.uniform(-80, 80, count).astype(np.float32) * np.float32(self.light),
            "blur": np.where(rng.random(count) < self.blur, rng.random(count), 0.0),
        }
        size_px = rng.uniform(0.1, 0.35, (count, 2)) * frame_px
        size_px = np.where(rng.random((count, 1)) < self.erase, size_px, 0.0)
        corner_px = rng.uniform(0, frame_px, (count, 2)) - size_px / 2
        sampled["rectangles_px"] = np.concatenate([corner_px, corner_px + size_px], axis=1)
        return {name: values.astype(np.float32) for name, values in sampled.items()}


# "none" shows every picture as it is. "turned" is for people in any position: gymnasts hang
# upside down. Its shift and scale are as wide as a first stage errs (measured on validation).
AUGMENTATIONS = {
    "none": Augmentation(),
    "turned": Augmentation(
        rotation_degrees=30.0,
        any_rotation=0.08,
        scale=1.35,
        aspect=0.08,
        shift=0.1,
        light=0.3,
        blur=0.2,
        erase=0.3,
    ),
}


def by_name(name):
    """The augmentation of that name; PosekitError lists those there are."""
    check_choice("augmentation.by_name()", "augmentation", name, tuple(AUGMENTATIONS))
    return AUGMENTATIONS[name]


def crop_matrices(centre_px, side_px, frame_px, *, radians=0.0, stretch=1.0):
    """Maps of square crops, float64 (N, 2, 3): (x, y, 1) in the frame to (x, y) on the canvas.

    The crops lie at `centre_px`, (N, 2), with sides `side_px`, (N,), in the canvas' pixels. They
    are turned about their centre by `radians`, from x towards y, and `stretch` times as wide and
    1 / `stretch` times as high, each a float or (N,).
    """
    step = side_px / frame_px
    radians, stretch = np.broadcast_arrays(radians, stretch, step)[:2]
    cosine, sine = np.cos(radians), np.sin(radians)
    rows = [[cosine * stretch, -sine / stretch], [sine * stretch, cosine / stretch]]
    linear = np.moveaxis(np.array(rows) * step, -1, 0)  # (N, 2, 2)
    middle = np.full(2, (frame_px - 1) / 2)
    return np.concatenate([linear, (centre_px - linear @ middle)[..., None]], axis=-1)


def mirrored_matrices(matrices, flip, frame_px):
    """`crop_matrices` of frames that are mirrored afterwards where `flip`, bool (N,), is True."""
    along_x, along_y, offset = np.moveaxis(matrices, -1, 0)
    mirrored = np.stack([-along_x, along_y, offset + along_x * (frame_px - 1)], axis=-1)
    return np.where(flip[:, None, None], mirrored, matrices).astype(matrices.dtype)
