"""A moving drawn person, true to the last joint in every frame: for trying what videos need."""

from typing import NamedTuple

import numpy as np

from posekit.datasets.synthetic import backgrounds, figures, outfits, pose_families, rendering
from posekit.datasets.synthetic.rendering import Camera


class Frame(NamedTuple):
    """One frame of a clip.

    Attributes:
        seconds: float, since the first frame.
        image: uint8 (H, W, 3), RGB.
        keypoints_px: float64 (14, 2), true for all joints.
    """

    seconds: float
    image: np.ndarray
    keypoints_px: np.ndarray


def draw_clip(seed, *, seconds, frames_per_second=30.0, size_px=(320, 240), pose_seconds=0.5):
    """Draw a person who goes from pose to pose, and rests as long in each.

    Angles go from one pose to the next along half a cosine, as a limb that starts and stops does;
    in the meantime the person crosses the picture.

    Args:
        seed: int >= 0, which clip.
        seconds: float > 0, length of the clip.
        frames_per_second: float > 0.
        size_px: (int, int), width and height, pixels.
        pose_seconds: float > 0, how long a rest, and a move to the next pose, takes.

    Yields:
        Frame; the same arguments always give the same ones.
    """
    rng = np.random.default_rng(seed)
    family = rng.choice(list(pose_families.tables()["families"]))
    body, view, outfit = figures.draw_body(rng), figures.draw_view(rng), outfits.draw_outfit(rng)
    count = round(seconds * frames_per_second)
    changes = int(seconds / pose_seconds / 2) + 2
    poses = [pose_families.draw_pose(rng, family) for _ in range(changes)]
    background = backgrounds.draw_background(rng, *size_px)
    start_px, end_px = ([share * size_px[0], 0.5 * size_px[1]] for share in (0.4, 0.6))
    for index in range(count):
        here = index / frames_per_second
        number, elapsed = divmod(here / pose_seconds, 2)
        # The first half of each period is rest.
        share = (1 - np.cos(np.pi * max(elapsed - 1, 0))) / 2
        before, after = poses[int(number)], poses[int(number) + 1]
        pose = {name: before[name] + share * (after[name] - before[name]) for name in before}
        figure = figures.assemble(body, pose, view)
        crossed = index / max(count - 1, 1)
        camera = Camera(
            distance=5.0,
            scale_px=0.7 * min(size_px),
            shift_px=(1 - crossed) * np.array(start_px) + crossed * np.array(end_px),
        )
        parts = outfits.dress(figure, outfit)
        image, _ = rendering.paint(background, parts, camera, np.array([0.0, 0.6, 0.8]))
        yield Frame(
            here,
            backgrounds.add_sensor_noise(rng, image),
            camera.project(figure.joints())[0],
        )
