"""What a synthetic picture will show, decided before anything is drawn."""

from dataclasses import dataclass

import numpy as np

from posekit.datasets.synthetic import figures, outfits, pose_families
from posekit.datasets.synthetic.rendering import Camera

# Random numbers of one stream do not change with how many another has given.
STREAMS = ("frame", "pose", "look", "crowd", "place", "grain", "missing", "junk")


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything a picture will show except the background."""

    size_px: tuple  # (width, height), int
    activity: str  # the main person's pose family
    person_count: int  # 1 + distractors
    # Of (figures.Figure, outfits.Outfit, Camera), from the farthest to the nearest; the last is the
    # main person, the largest and the one labelled.
    people: list
    in_front: list  # of the same: at most one, smaller than the main person and close to them
    light: np.ndarray  # float64 (3,), the unit vector towards the light
    keypoints_px: np.ndarray  # float64 (14, 2), the main person's joints, all inside the picture


def plan(index, seed):
    """The Scene of example `index` of the data set of `seed`.

    Frame, size and position, looks and distractors come from random streams of their own, so none
    of them depends on the activity.
    """
    frame_rng, pose_rng, look_rng, crowd_rng = (
        stream(name, index, seed) for name in ("frame", "pose", "look", "crowd")
    )
    size_px = _draw_frame_size(frame_rng)
    reach = 0.2 + 0.75 * frame_rng.beta(3, 3)
    light = frame_rng.normal(0, 1, 3) * [1, 0.6, 0.3] + [0, 0.7, 0.6]
    activity = _draw_activity(pose_rng)

    figure = _draw_figure(pose_rng, activity, figures.draw_body(look_rng))
    camera = _frame_person(frame_rng, figure, size_px, reach)
    people = [(figure, outfits.draw_outfit(look_rng), camera)]
    distractors = int(crowd_rng.choice(3, p=(0.6, 0.27, 0.13)))
    in_front = []
    if distractors and crowd_rng.random() < 0.3:
        in_front = [_draw_neighbour(crowd_rng, camera)]
    for _ in range(distractors - len(in_front)):
        people.insert(0, _draw_distractor(crowd_rng, size_px, camera))
    return Scene(
        size_px=size_px,
        activity=activity,
        person_count=1 + distractors,
        people=people,
        in_front=in_front,
        light=light / np.linalg.norm(light),
        keypoints_px=camera.project(figure.joints())[0],
    )


def stream(name, index, seed):
    """np.random.Generator at the start of one of an example's independent `STREAMS`."""
    return np.random.default_rng((seed, index, STREAMS.index(name)))


def _draw_frame_size(rng):
    """Width and height distributed like LSPet's, with a median of some 240 pixels, never huge."""
    side = np.clip(240 * np.exp(rng.normal(0, 0.3)), 100, 400)
    aspect = np.clip(np.exp(rng.normal(0, 0.25)), 0.67, 1.49)
    return round(side * np.sqrt(aspect)), round(side / np.sqrt(aspect))


def _draw_activity(rng):
    families = tuple(pose_families.tables()["families"])
    return families[rng.integers(len(families))]


def _draw_figure(rng, activity, body):
    return figures.assemble(body, pose_families.draw_pose(rng, activity), figures.draw_view(rng))


def _frame_person(rng, figure, size_px, reach):
    """Scale the joints' box to `reach` of the frame at its larger side; place it where it fits."""
    last_px = np.array(size_px) - 1
    unit = Camera(distance=rng.uniform(3, 7), scale_px=1.0, shift_px=np.zeros(2))
    joints, _ = unit.project(figure.joints())
    low, extent = joints.min(axis=0), np.ptp(joints, axis=0)
    scale_px = reach * (last_px / extent).min()
    shift_px = rng.uniform(0, last_px - scale_px * extent) - scale_px * low
    return unit._replace(scale_px=scale_px, shift_px=shift_px)


def _draw_distractor(rng, size_px, main_camera):
    """A smaller person, as far from the main one as the best of a few random positions."""
    positions_px = rng.uniform(0, size_px, (4, 2))
    away_px = np.linalg.norm(positions_px - main_camera.shift_px, axis=-1)
    return _draw_other(rng, main_camera, rng.uniform(0.35, 0.6), positions_px[away_px.argmax()])


def _draw_neighbour(rng, main_camera):
    """A person little smaller than the main one, close to their left or right."""
    away = np.array([rng.choice([-1, 1]) * rng.uniform(0.2, 0.6), rng.normal(0, 0.1)])
    position_px = main_camera.shift_px + away * main_camera.scale_px
    return _draw_other(rng, main_camera, rng.uniform(0.7, 0.95), position_px)


def _draw_other(rng, main_camera, relative_scale, position_px):
    figure = _draw_figure(rng, _draw_activity(rng), figures.draw_body(rng))
    camera = main_camera._replace(
        scale_px=main_camera.scale_px * relative_scale, shift_px=position_px
    )
    return figure, outfits.draw_outfit(rng), camera
