import itertools

import clips
import numpy as np
import pytest


@pytest.fixture(scope="module")
def clip():
    return list(clips.draw_clip(3, seconds=1.5, frames_per_second=20, size_px=(120, 100)))


def test_a_clip_has_its_length_and_size(clip):
    assert len(clip) == 30
    assert [frame.seconds for frame in clip[:3]] == [0, 0.05, 0.1]
    for frame in clip:
        assert frame.image.shape == (100, 120, 3) and frame.image.dtype == np.uint8
        assert frame.keypoints_px.shape == (14, 2)


def test_the_same_arguments_give_the_same_clip(clip):
    again = clips.draw_clip(3, seconds=1.5, frames_per_second=20, size_px=(120, 100))
    for one, other in zip(clip, again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.keypoints_px, other.keypoints_px)
    other = next(clips.draw_clip(4, seconds=1.5, size_px=(120, 100)))
    assert (other.image != clip[0].image).any()


def test_the_person_rests_then_moves_without_a_jump(clip):
    keypoints_px = np.array([frame.keypoints_px for frame in clip])
    # What remains when the walk across the picture is taken away.
    posture_px = keypoints_px - keypoints_px.mean(axis=1, keepdims=True)
    steps_px = np.linalg.norm(np.diff(posture_px, axis=0), axis=-1).max(axis=-1)
    np.testing.assert_allclose(steps_px[:10], 0, atol=1e-9)
    assert steps_px[10:19].max() > 1
    accelerations_px = np.linalg.norm(np.diff(keypoints_px, n=2, axis=0), axis=-1)
    assert accelerations_px.max() < 0.5 * np.linalg.norm(
        keypoints_px[0] - keypoints_px[-1], axis=-1
    ).max()


def test_the_person_is_drawn_where_the_keypoints_are(clip):
    # The background stands still, so pixels that change are near a joint's way.
    for before, after in itertools.pairwise(clip[12:16]):
        changed = np.abs(after.image.astype(int) - before.image).max(axis=-1) > 60
        rows, columns = np.nonzero(changed)
        points = np.stack([columns, rows], axis=-1)
        low_px, high_px = (
            getattr(after.keypoints_px, which)(axis=0) for which in ("min", "max")
        )
        assert len(points)
        inside = ((points > low_px - 15) & (points < high_px + 15)).all(axis=-1)
        assert inside.mean() > 0.95
