"""Variants of pictures: joints go where the pixels go, and the table counts them right."""

import sys

import numpy as np
import pytest

from posekit.files import PROJECT_ROOT
from posekit.skeleton import JOINT_COUNT, MIRROR

sys.path.insert(0, str(PROJECT_ROOT / "benchmarks"))
import robustness  # noqa: E402
import variants  # noqa: E402


def person(seed, width=160, height=120):
    """A bright dot at each joint, on black."""
    rng = np.random.default_rng(seed)
    keypoints_px = rng.uniform([40, 20], [width - 40, height - 20], (JOINT_COUNT, 2)).round()
    # Shoulders above hips, and a torso that can be measured.
    keypoints_px[[8, 9, 2, 3]] = [[60, 30], [90, 31], [62, 80], [88, 81]]
    image = np.zeros((height, width, 3), np.uint8)
    for x, y in keypoints_px.astype(int):
        image[y - 1 : y + 2, x - 1 : x + 2] = 255
    return variants.Person(image, keypoints_px, np.ones(JOINT_COUNT, bool))


@pytest.mark.parametrize("name", [name for name in variants.VARIANTS if name != "noise"])
def test_joints_go_where_their_pixels_go(name):
    me, other = person(0), person(1)
    scene = variants.VARIANTS[name](me, other, np.random.default_rng(0))
    moved = variants.apply(scene.matrix, me.keypoints_px)
    size = np.array(scene.image.shape[1::-1])
    inside = ((moved >= 1) & (moved < size - 2)).all(axis=1)
    assert inside.sum() >= 4
    for x, y in moved[inside].round().astype(int):
        near = scene.image[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        assert near.max() > 45  # a third of the light, on pictures made dark
    back = variants.apply(variants.inverse(scene.matrix), moved)
    np.testing.assert_allclose(back, me.keypoints_px, atol=1e-3)
    if scene.box_px is not None:
        x, y, width, height = scene.box_px
        assert ((moved >= [x, y]) & (moved <= [x + width, y + height])).all()
        assert not ((scene.other_px >= [x, y]) & (scene.other_px <= [x + width, y + height])).all()


def test_the_table_by_hand():
    people = [person(seed) for seed in range(4)]
    scenes = {
        name: [variants.VARIANTS[name](each, people[0], None) for each in people]
        for name in ("plain", "mirrored", "half resolution")
    }
    scenes[robustness.BACKGROUNDS] = [variants.Scene(people[0].image, variants.affine())] * 4
    perfect = {
        name: np.array(
            [variants.apply(s.matrix, p.keypoints_px) for s, p in zip(each, people, strict=True)]
        )
        for name, each in scenes.items()
        if name != robustness.BACKGROUNDS
    }
    perfect["mirrored"] = perfect["mirrored"][:, list(MIRROR)]
    perfect[robustness.BACKGROUNDS] = np.full((4, JOINT_COUNT, 2), np.nan)
    torso = np.array([np.linalg.norm(p.keypoints_px[9] - p.keypoints_px[2]) for p in people])
    # Half the pictures moved to the right by 0.3 torso lengths, one person not found.
    other = {name: poses.copy() for name, poses in perfect.items()}
    other["half resolution"][:2, :, 0] += 0.3 * torso[:2, None] / 2
    other["mirrored"][3] = np.nan
    other[robustness.BACKGROUNDS][1] = 5.0
    answers = {"perfect": perfect, "other": other}
    rows = {
        row["variant"]: row for row in robustness.table(people, np.arange(4), scenes, answers)
    }
    assert all(row["pck"]["perfect"] == 1 for row in rows.values() if "pck" in row)
    half = rows["half resolution"]
    assert half["pck"]["other"] == pytest.approx(0.5) and half["pck_above"]["other"][0] == 0.5
    np.testing.assert_allclose(half["moved"]["other"], [0.15, 0.3], atol=1e-6)
    np.testing.assert_allclose(half["moved"]["perfect"], 0, atol=1e-4)
    assert rows["mirrored"]["found"]["other"] == rows["mirrored"]["pck"]["other"] == 0.75
    assert rows["mirrored"]["moved"]["other"][1] == pytest.approx(0, abs=1e-6)
    assert rows[robustness.BACKGROUNDS]["found"] == {"perfect": 0.0, "other": 0.25}
    assert len(robustness.markdown(list(rows.values()), list(answers)).splitlines()) == 6
