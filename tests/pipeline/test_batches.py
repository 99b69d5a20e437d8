"""Frames: the pixel convention and the cache. Batches: what an epoch holds, and in what order."""

import os
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tensorflow as tf

from posekit import geometry
from posekit.datasets import image_files, lsp
from posekit.datasets.image_files import squash, squashed
from posekit.errors import PosekitError
from posekit.pipeline import crops, transforms, views
from posekit.pipeline.augmentation import AUGMENTATIONS, FLIPS, Augmentation
from posekit.pipeline.batches import evaluation_batches, training_batches
from posekit.pipeline.frames import FileRows, load_frames, rows_of
from posekit.pipeline.targets import LABEL_TREATMENTS
from posekit.pipeline.targets import targets as label_targets
from posekit.skeleton import JOINT_COUNT, MIRROR

SIDE = 4


@pytest.fixture(scope="module")
def people(synthetic_folder):
    return lsp.read(synthetic_folder).subset(np.arange(12))


def refusing(dataset):
    """The data set, content known, with pictures that must not be read again."""

    def read_image(image_id):
        raise AssertionError(f"{image_id} was read")

    return replace(dataset, read_image=read_image).with_fingerprint(dataset.fingerprint())


def damaged(dataset, damage_of):
    """The data set with some pictures' bytes put through a function."""

    def read_image(image_id):
        encoded = dataset.read_image(image_id)
        return damage_of[image_id](encoded) if image_id in damage_of else encoded

    return replace(dataset, read_image=read_image)


@pytest.mark.parametrize("size", [(40, 30), (12, 90), (7, 5), (24, 24)])
def test_a_ramp_has_the_value_of_the_place_its_pixel_came_from(size):
    width, height = size
    column, row = np.meshgrid(np.arange(width), np.arange(height))
    ramp = np.stack([column, row], axis=-1).astype(np.float32)
    resized = tf.image.resize(ramp, (24, 24), antialias=True).numpy()
    frame_px = np.stack(np.meshgrid(np.arange(24), np.arange(24)), axis=-1).reshape(1, -1, 2)
    source_px = geometry.resize_keypoints(frame_px, (24, 24), size)[0]
    # At the border there is nothing to average with, so the ramp flattens there.
    reach_px = np.maximum(np.array(size) / 24, 1)
    last_px = np.array(size) - 1
    inside = ((source_px >= reach_px) & (source_px <= last_px - reach_px)).all(axis=-1)
    assert inside.sum() > 50
    error_px = resized.reshape(-1, 2)[inside] - source_px[inside]
    # Uneven shrinking weighs a few pixels unevenly, to and fro; a wrong convention is off by
    # 0.125 pixels or more, always to the same side.
    assert np.abs(error_px).max() < 0.1
    np.testing.assert_allclose(error_px.mean(axis=0), 0, atol=0.01)


def test_a_blob_moves_like_a_keypoint():
    width, height = 120, 80
    centre_px = np.array([[[83.0, 21.0]]])
    column, row = np.meshgrid(np.arange(width), np.arange(height))
    distance = np.hypot(column - centre_px[0, 0, 0], row - centre_px[0, 0, 1])
    image = np.repeat((255 * np.exp(-((distance / 6) ** 2)))[..., None], 3, axis=-1)
    frame = squash(image.round().astype(np.uint8), 48)[..., 0].astype(float)
    assert frame.shape == (48, 48)
    found_px = [
        (frame.sum(axis=axis) * np.arange(48)).sum() / frame.sum() for axis in (0, 1)
    ]
    expected_px = geometry.resize_keypoints(centre_px, (width, height), (48, 48))[0, 0]
    np.testing.assert_allclose(found_px, expected_px, atol=0.05)


def test_shrinking_averages_by_hand():
    line = np.array([0, 70, 140, 210], np.uint8)
    image = np.repeat(np.tile(line, (4, 1))[..., None], 3, axis=-1)
    assert squash(image, 2)[0, :, 0].tolist() == [35, 175]


def test_a_picture_may_shrink_on_one_axis_and_grow_on_the_other():
    # Stripes of one pixel would be all black or all white if pixels were picked.
    stripes = np.zeros((20, 400, 3), np.uint8)
    stripes[:, ::2] = 200
    frame = squash(stripes, 40)
    assert frame.shape == (40, 40, 3) and (frame == 100).all()


@pytest.mark.parametrize("level", [0, 1, 127, 255])
def test_an_even_picture_stays_even(level):
    image = np.full((50, 333, 3), level, np.uint8)
    assert (squash(image, 40) == level).all()


def test_squashing_leaves_its_argument_as_it_is():
    for side in (20, 8):
        image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
        before = image.copy()
        squash(image, side)[:] = 0
        np.testing.assert_array_equal(image, before)


def test_a_jpeg_decoded_small_makes_almost_the_same_frame(people):
    for image_id in people.image_ids.astype(str):
        encoded = people.read_image(image_id)
        frame = squashed(encoded, 24).astype(float)
        in_full = squash(image_files.decode(encoded), 24)
        error = np.abs(frame - in_full).mean()
        # Half as far as a frame that is off by a pixel.
        moved = min(np.abs(frame[:, 1:] - in_full[:, :-1]).mean(),
                    np.abs(frame[1:] - in_full[:-1]).mean())
        assert error < 4 and error < moved / 2


def test_the_whole_picture_is_squashed_on_both_axes():
    corners = np.zeros((60, 200, 3), np.uint8)
    corners[:30, :100], corners[:30, 100:] = (200, 0, 0), (0, 200, 0)
    corners[30:, :100], corners[30:, 100:] = (0, 0, 200), (90, 90, 90)
    encoded = cv2.imencode(".png", corners[..., ::-1])[1].tobytes()
    frame = squashed(encoded, 10)
    assert frame.dtype == np.uint8 and frame.shape == (10, 10, 3)
    assert frame[0, 0].tolist() == [200, 0, 0] and frame[0, -1].tolist() == [0, 200, 0]
    assert frame[-1, 0].tolist() == [0, 0, 200] and frame[-1, -1].tolist() == [90, 90, 90]


def test_frames_are_the_pictures_in_order(people, tmp_path):
    backwards = people.subset(np.arange(len(people))[::-1])
    frames = load_frames(backwards, frame_px=16, cache_dir=tmp_path)
    assert frames.shape == (12, 16, 16, 3) and frames.dtype == np.uint8
    for frame, image_id in zip(frames, backwards.image_ids, strict=True):
        alone = squashed(people.read_image(str(image_id)), 16)
        np.testing.assert_array_equal(frame, alone)
    assert len(np.unique(frames, axis=0)) == 12


def test_the_cache_spares_reading_and_knows_its_content(people, tmp_path):
    first = load_frames(people, frame_px=16, cache_dir=tmp_path)
    again = load_frames(refusing(people), frame_px=16, cache_dir=tmp_path)
    np.testing.assert_array_equal(again, first)
    other_size = load_frames(people, frame_px=8, cache_dir=tmp_path)
    assert other_size.shape == (12, 8, 8, 3)
    swapped = people.subset([1, 0, *range(2, 12)])
    np.testing.assert_array_equal(
        load_frames(swapped, frame_px=16, cache_dir=tmp_path)[0], first[1]
    )
    assert len(list(tmp_path.glob("*.npy"))) == 3


def test_frames_of_boxes_are_cut_from_the_pictures(people, tmp_path):
    boxes_px = geometry.whole_boxes(people.image_sizes_px)
    boxes_px[3] = (5, 9, 30, 30)
    frames = load_frames(people, frame_px=32, boxes_px=boxes_px, cache_dir=tmp_path)
    assert frames.shape == (12, 32, 32, 3)
    for index in (0, 3, 11):
        picture = lsp.decode(people, index)
        expected = views.cut(picture, boxes_px[index], 32)
        np.testing.assert_array_equal(frames[index], expected)


def test_other_boxes_are_another_cache(people, tmp_path):
    boxes_px = geometry.whole_boxes(people.image_sizes_px)
    arguments = {"frame_px": 16, "cache_dir": tmp_path}
    first = load_frames(people, boxes_px=boxes_px, **arguments)
    again = load_frames(refusing(people), boxes_px=boxes_px, **arguments)
    np.testing.assert_array_equal(again, first)
    squashed = load_frames(people, **arguments)
    moved_px = boxes_px.copy()
    moved_px[7] += [5, 0, 0, 0]
    moved = load_frames(people, boxes_px=moved_px, **arguments)
    assert len(list(tmp_path.glob("*.npy"))) == 3
    changed = (moved != first).any(axis=(1, 2, 3))
    assert np.flatnonzero(changed).tolist() == [7]
    assert (squashed != first).any()


def test_bad_pictures_are_named_where_boxes_are_cut(people, tmp_path):
    bad = damaged(people, {"im00005": lambda encoded: b""})
    with pytest.raises(PosekitError, match="image im00005 must be a JPEG or PNG picture; got no"):
        load_frames(
            bad,
            frame_px=16,
            boxes_px=geometry.whole_boxes(people.image_sizes_px),
            cache_dir=tmp_path,
        )
    assert list(tmp_path.glob("[!.]*")) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1000],
        lambda content: b"no array",
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    ],
    ids=["empty", "cut off", "no array", "one bit"],
)
def test_a_damaged_cache_is_made_anew(people, tmp_path, damage):
    first = load_frames(people, frame_px=16, cache_dir=tmp_path)
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match=rf"{path.name}: the cache is damaged"):
        again = load_frames(people, frame_px=16, cache_dir=tmp_path)
    np.testing.assert_array_equal(again, first)


def test_frames_beyond_the_limit_stay_in_the_file(people, tmp_path):
    size = 12 * 16 * 16 * 3
    arguments = {"frame_px": 16, "cache_dir": tmp_path}
    inside = load_frames(people, **arguments, memory_limit_bytes=size)
    mapped = load_frames(people, **arguments, memory_limit_bytes=size - 1)
    assert isinstance(mapped, np.memmap) and not isinstance(inside, np.memmap)
    targets = np.zeros((12, JOINT_COUNT, 3), np.float32)
    for frames in (inside, mapped):
        batches = evaluation_batches(frames, targets, batch_size=12)
        np.testing.assert_array_equal(next(batches.as_numpy_iterator())[0], inside)


def test_an_epoch_from_the_file_takes_no_memory_of_the_map(people, tmp_path):
    mapped = load_frames(people, frame_px=24, cache_dir=tmp_path, memory_limit_bytes=1)
    # A stand-in that knows where the file is and cannot be indexed.
    place = SimpleNamespace(**{
        name: getattr(mapped, name) for name in ("filename", "offset", "shape")
    })
    rows = FileRows(place, np.array([4, 8, -1]))
    np.testing.assert_array_equal(rows[[2, 0]], mapped[[-1, 4]])
    np.testing.assert_array_equal(rows[1], mapped[8])


def test_rows_of_a_file_read_like_an_array(people, tmp_path):
    whole = load_frames(people, frame_px=24, cache_dir=tmp_path)
    mapped = load_frames(people, frame_px=24, cache_dir=tmp_path, memory_limit_bytes=1)
    indices = np.array([7, 2, 5, 11, 0])
    array, rows = (rows_of(images, indices) for images in (whole, mapped))
    assert isinstance(array, np.ndarray) and isinstance(rows, FileRows)
    assert (rows.shape, len(rows)) == (array.shape, len(array))
    np.testing.assert_array_equal(rows[1:4], array[1:4])
    batches = [
        list(evaluation_batches(images, batch_size=2).as_numpy_iterator())
        for images in (array, rows)
    ]
    for from_memory, from_file in zip(*batches, strict=True):
        np.testing.assert_array_equal(from_file, from_memory)


def test_every_bad_picture_is_named_and_nothing_is_cached(people, tmp_path):
    bad = damaged(
        people,
        {
            "im00002": lambda encoded: encoded[: len(encoded) // 2],
            "im00005": lambda encoded: b"",
            "im00011": lambda encoded: b"no picture at all",
            "im00012": lambda encoded: encoded + b"\xff\xda" * 1001,
        },
    )
    with pytest.raises(PosekitError) as caught:
        load_frames(bad, frame_px=16, cache_dir=tmp_path)
    message = str(caught.value)
    assert "image im00002 must be a whole JPEG or PNG image; got " in message
    assert "image im00005 must be a JPEG or PNG picture; got no" in message
    assert "image im00011 must be a JPEG or PNG picture; got no" in message
    assert "image im00012 must have at most 1,000 scans; got 1,002. Repair" in message
    assert "--skip-bad-images" in message
    assert message.count("image im") == 4
    assert list(tmp_path.glob("[!.]*")) == []


def test_a_cache_folder_that_cannot_be_made_is_named(people, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PosekitError, match=r"can be written to; got .*file/cache: Not a dir"):
        load_frames(people, frame_px=16, cache_dir=tmp_path / "file" / "cache")


def numbered(count):
    """Frames and targets that carry their own number; the left half of a frame is marked."""
    images = np.zeros((count, SIDE, SIDE, 3), np.uint8)
    images[..., 0] = np.arange(count)[:, None, None]
    images[:, :, : SIDE // 2, 1] = 255
    targets = np.zeros((count, JOINT_COUNT, 3), np.float32)
    targets[..., 0], targets[..., 1] = 0.5, np.arange(count)[:, None]
    targets[..., 2] = np.arange(JOINT_COUNT) % 2
    return images, targets


def drawn(count=12, *, batch_size=4, seed=0, epochs=1, **options):
    """[(number, flipped)] of each example in each epoch, checked against its targets."""
    images, targets = numbered(count)
    batches, steps = training_batches(
        images, targets, batch_size=batch_size, seed=seed, epochs=epochs, mirror=MIRROR, **options
    )
    seen = []
    for batch_images, batch_targets in batches.as_numpy_iterator():
        assert batch_images.shape == (batch_size, SIDE, SIDE, 3)
        assert batch_images.dtype == np.uint8 and batch_targets.dtype == np.float32
        numbers = batch_images[:, 0, 0, 0]
        flips = batch_images[:, 0, -1, 1] == 255
        # The targets are those of the same example, mirrored exactly where it is.
        np.testing.assert_array_equal(batch_targets[:, 0, 1], numbers)
        np.testing.assert_allclose(batch_targets[:, 0, 0], np.where(flips, SIDE - 1.5, 0.5))
        weights = targets[0, :, 2]
        np.testing.assert_array_equal(
            batch_targets[..., 2], np.where(flips[:, None], weights[list(MIRROR)], weights)
        )
        seen += zip(numbers.tolist(), flips.tolist(), strict=True)
    per_epoch = steps * batch_size
    return [seen[start : start + per_epoch] for start in range(0, len(seen), per_epoch)]


@pytest.mark.parametrize("flip", FLIPS)
def test_the_same_seed_draws_the_same_and_nothing_else_does(flip):
    first = drawn(seed=7, epochs=3, flip=flip)
    assert first == drawn(seed=7, epochs=3, flip=flip)
    assert first != drawn(seed=8, epochs=3, flip=flip)
    assert len(first) == 3
    assert first[0] != first[1] != first[2] != first[0]


@pytest.mark.parametrize("flip", FLIPS)
def test_a_resumed_stream_goes_on_as_the_undisturbed_one(flip):
    undisturbed = drawn(seed=3, epochs=4, flip=flip)
    for first_epoch in (1, 3):
        resumed = drawn(seed=3, epochs=4, first_epoch=first_epoch, flip=flip)
        assert resumed == undisturbed[first_epoch:]


@pytest.mark.parametrize("flip", ["none", "random"])
def test_an_epoch_holds_every_example_once(flip):
    for epoch in drawn(epochs=3, flip=flip):
        assert sorted(number for number, _ in epoch) == list(range(12))
        assert flip == "random" or not any(flipped for _, flipped in epoch)


def test_double_holds_every_example_as_it_is_and_mirrored():
    for epoch in drawn(epochs=2, flip="double"):
        assert sorted(epoch) == [(number, side) for number in range(12) for side in (False, True)]


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
@pytest.mark.parametrize("treatment", LABEL_TREATMENTS)
def test_a_missing_joint_stays_where_the_label_treatment_puts_it(treatment, augmentation):
    rng = np.random.default_rng(0)
    labelled = rng.random((1, JOINT_COUNT)) < 0.5
    stored_px = rng.uniform(8, 24, (1, JOINT_COUNT, 2))
    stored_px[~labelled] = (-6, 40)
    counted = np.concatenate(
        [(parts := label_targets(stored_px, labelled, treatment))[0], parts[1][..., None]], axis=-1
    ).astype(np.float32)
    side, varies = 32, augmentation != "none"
    batches, _ = training_batches(
        rng.integers(0, 256, (1, side, side, 3), np.uint8),
        counted,
        batch_size=2,
        seed=0,
        epochs=1,
        mirror=MIRROR,
        flip="double",
        crop=crops.Crop(side, side, 1.0, AUGMENTATIONS[augmentation]) if varies else None,
        missing=~labelled,
    )
    ((_, pair),) = batches.as_numpy_iterator()
    # The picture as it is and mirrored, in whatever order; a mirrored one's left side is missing
    # where the right one was. The crop takes what lies outside it out of the loss.
    still = counted[0].copy()
    if varies:
        still[:, 2] *= ((still[:, :2] >= -0.5) & (still[:, :2] <= side - 0.5)).all(axis=-1)
    gone, mirrored = ~labelled[0], list(MIRROR)
    assert 0 < gone.sum() < JOINT_COUNT and (gone != gone[mirrored]).any()
    expected = [still[gone], still[mirrored][gone[mirrored]]]
    found = [example[missing] for example in pair for missing in (gone, gone[mirrored])]
    matches = [
        all(np.allclose(*rows, atol=1e-4) for rows in zip(expected, order, strict=True))
        for order in ((found[0], found[3]), (found[2], found[1]))
    ]
    assert any(matches)
    if treatment == "poster_origin":
        assert (expected[1][:, :2] == 0).all()


def test_random_flips_about_half_and_others_in_every_epoch():
    first, second = drawn(200, batch_size=50, epochs=2, flip="random")
    for epoch in (first, second):
        # Five standard deviations of a fair coin tossed 200 times.
        assert abs(sum(flipped for _, flipped in epoch) - 100) < 5 * np.sqrt(50)
    # Not the same places of the epoch either.
    assert [flipped for _, flipped in first] != [flipped for _, flipped in second]
    changed = sum(dict(first)[number] != dict(second)[number] for number in range(200))
    assert abs(changed - 100) < 5 * np.sqrt(50)


def test_a_smaller_last_batch_is_left_out_but_not_always_the_same_images():
    epochs = drawn(11, batch_size=4, epochs=4, flip="none")
    left_out = [set(range(11)) - {number for number, _ in epoch} for epoch in epochs]
    assert all(len(epoch) == 8 for epoch in epochs)
    assert len({frozenset(numbers) for numbers in left_out}) > 1


def test_batches_larger_than_the_data_are_refused():
    with pytest.raises(PosekitError, match="at most the 12 training examples; got 13"):
        drawn(batch_size=13)
    assert len(drawn(batch_size=24, flip="double")[0]) == 24
    with pytest.raises(PosekitError, match="at most the 24 training examples; got 25"):
        drawn(batch_size=25, flip="double")


def test_an_unknown_flip_is_refused():
    with pytest.raises(PosekitError, match="'none', 'random', 'double'; got 'sometimes'"):
        drawn(flip="sometimes")


def test_evaluation_keeps_order_and_tail():
    images, targets = numbered(11)
    both = list(evaluation_batches(images, targets, batch_size=4).as_numpy_iterator())
    assert [len(batch) for batch, _ in both] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate([batch for batch, _ in both]), images)
    np.testing.assert_array_equal(np.concatenate([batch for _, batch in both]), targets)
    alone = list(evaluation_batches(images, batch_size=4).as_numpy_iterator())
    np.testing.assert_array_equal(np.concatenate(alone), images)


def test_no_pipeline_starts_the_tuner_that_makes_iterators_slow_to_destroy():
    images, targets = numbered(12)
    training, _ = training_batches(
        images, targets, batch_size=4, seed=0, epochs=1, mirror=MIRROR
    )
    for dataset in (training, evaluation_batches(images, batch_size=4)):
        assert dataset.options().autotune.enabled is False
        assert dataset.options().deterministic is True


CANVAS_PX, CROP_PX = 48, 24

# Half of the canvas at its own scale: rows and columns 12 to 35.
PLAIN = crops.Crop(CROP_PX, CANVAS_PX, share=0.5, augmentation=AUGMENTATIONS["none"])
VARIED = replace(PLAIN, share=0.7, augmentation=AUGMENTATIONS["turned"])
# For evaluation the same as PLAIN.
VARIED_IN_TRAINING = replace(PLAIN, augmentation=AUGMENTATIONS["turned"])


def dotted(count=12, *, reach_px=6):
    """Canvases with a bright dot on the one joint of each that counts, near the middle."""
    rng = np.random.default_rng(0)
    targets = rng.uniform(0, CANVAS_PX - 1, (count, JOINT_COUNT, 3)).astype(np.float32)
    targets[..., 2] = 0
    marked = rng.integers(0, JOINT_COUNT, count)
    middle = (CANVAS_PX - 1) / 2
    places_px = rng.uniform(middle - reach_px, middle + reach_px, (count, 2))
    targets[np.arange(count), marked] = np.column_stack([places_px, np.ones(count)])
    row, column = np.indices((CANVAS_PX, CANVAS_PX))
    squared = (column - places_px[:, :1, None]) ** 2 + (row - places_px[:, 1:, None]) ** 2
    dots = (30 + 200 * np.exp(-squared / (2 * 1.5**2))).round().astype(np.uint8)
    return np.repeat(dots[..., None], 3, axis=-1), targets


def batches_of(crop, *, count=12, seed=0, epochs=1, first_epoch=0, flip="random"):
    batches, _ = training_batches(
        *dotted(count),
        batch_size=4,
        seed=seed,
        epochs=epochs,
        first_epoch=first_epoch,
        mirror=MIRROR,
        flip=flip,
        crop=crop,
    )
    return list(batches.as_numpy_iterator())


def assert_same_batches(one, other):
    assert len(one) == len(other) > 0
    for ours, theirs in zip(one, other, strict=True):
        for part, same_part in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(part, same_part)


def test_unvaried_crops_are_slices():
    images, targets = dotted()
    batches = batches_of(PLAIN, flip="none")
    assert all(batch_images.shape == (4, CROP_PX, CROP_PX, 3) for batch_images, _ in batches)
    assert {tuple(part.dtype.name for part in batch) for batch in batches} == {("uint8", "float32")}
    shown = np.concatenate([batch_images for batch_images, _ in batches])
    # Every example is there once, in the order of the epoch: sorting makes both sides alike.
    slices = images[:, 12:36, 12:36].astype(np.float32)
    order, expected_order = (
        np.lexsort(each.reshape(12, -1).T) for each in (shown.round(3), slices)
    )
    np.testing.assert_allclose(shown[order], slices[expected_order], atol=1e-3)
    moved = np.concatenate([batch_targets for _, batch_targets in batches])[order]
    np.testing.assert_allclose(moved[..., :2], targets[expected_order, :, :2] - 12, atol=1e-4)
    assert (moved[..., 2].sum(axis=1) == 1).all()


def test_evaluation_crops_are_slices_in_order_with_their_tail():
    images, targets = dotted(11)
    batches = evaluation_batches(images, targets, batch_size=4, crop=VARIED_IN_TRAINING)
    both = list(batches.as_numpy_iterator())
    assert [len(batch) for batch, _ in both] == [4, 4, 3]
    shown, moved = (np.concatenate(parts) for parts in zip(*both, strict=True))
    assert shown.shape == (11, CROP_PX, CROP_PX, 3) and shown.dtype == np.float32
    np.testing.assert_allclose(shown, images[:, 12:36, 12:36], atol=1e-3)
    np.testing.assert_allclose(moved[..., :2], targets[..., :2] - 12, atol=1e-4)
    np.testing.assert_array_equal(moved[..., 2], targets[..., 2])


def test_uncropping_undoes_cropping():
    crop = crops.Crop(24, 40, 0.6, AUGMENTATIONS["turned"])
    canvas = np.random.default_rng(0).uniform(10, 30, (5, 14, 2))
    targets = np.concatenate([canvas, np.ones((5, 14, 1))], axis=-1).astype(np.float32)
    cropped = crop.cropped_targets(targets)
    assert np.abs(cropped[..., :2] - canvas).min() > 1  # it moves them
    np.testing.assert_allclose(crop.uncropped(cropped[..., :2]), canvas, atol=1e-4)


def test_cropped_targets_are_those_of_evaluation():
    images, targets = dotted()
    batches = evaluation_batches(images, targets, batch_size=12, crop=VARIED)
    ((_, moved),) = batches.as_numpy_iterator()
    got = VARIED.cropped_targets(targets)
    np.testing.assert_allclose(got[..., :2], moved[..., :2], atol=1e-4)
    np.testing.assert_array_equal(got[..., 2], targets[..., 2])


@pytest.mark.parametrize("flip", FLIPS)
def test_dots_are_found_where_the_varied_joints_say(flip):
    # Nothing may cover the dots.
    augmentation = replace(AUGMENTATIONS["turned"], erase=0.0, any_rotation=0.5)
    crop = replace(VARIED, augmentation=augmentation)
    row, column = np.indices((CROP_PX, CROP_PX))
    seen = 0
    for images, targets in batches_of(crop, count=24, epochs=2, flip=flip):
        for image, joints in zip(images, targets, strict=True):
            if not joints[:, 2].any():
                continue
            (place_px,) = joints[joints[:, 2] > 0, :2]
            # The frame's edge would cut the dot off.
            if not (3 < place_px).all() or not (place_px < CROP_PX - 4).all():
                continue
            near = np.hypot(column - place_px[0], row - place_px[1]) < 6
            grey = image.mean(axis=-1)
            weight = np.where(near, grey - np.median(grey[near]), 0).clip(0)
            found_px = [(weight * axis).sum() / weight.sum() for axis in (column, row)]
            assert weight.max() > 20
            np.testing.assert_allclose(found_px, place_px, atol=0.4)
            seen += 1
    assert seen > 20


def test_varied_crops_are_the_same_for_the_same_seed_alone():
    first = batches_of(VARIED, seed=7, epochs=2)
    assert_same_batches(first, batches_of(VARIED, seed=7, epochs=2))
    other = batches_of(VARIED, seed=8, epochs=2)
    assert not np.array_equal(first[0][0], other[0][0])


def test_every_example_is_turned_anew_in_every_epoch():
    _, targets = dotted()
    # The distance between two joints tells which example it is, and their direction its turn.
    step = targets[:, 1, 0] - targets[:, 0, 0] + 1j * (targets[:, 1, 1] - targets[:, 0, 1])
    crop = replace(PLAIN, augmentation=Augmentation(rotation_degrees=30.0))
    moved = np.concatenate([part for _, part in batches_of(crop, epochs=3, flip="none")])
    moved_step = moved[:, 1, 0] - moved[:, 0, 0] + 1j * (moved[:, 1, 1] - moved[:, 0, 1])
    example = np.abs(np.abs(moved_step)[:, None] - np.abs(step)).argmin(axis=1)
    np.testing.assert_allclose(np.abs(moved_step), np.abs(step[example]), rtol=1e-4)
    assert sorted(example[:12]) == sorted(example[12:24]) == list(range(12))
    turn = np.angle(moved_step / step[example])
    assert len(np.unique(turn.round(4))) == 36


def test_resumed_varied_crops_are_those_of_the_undisturbed_run():
    undisturbed = batches_of(VARIED, seed=3, epochs=3)
    for first_epoch in (1, 2):
        resumed = batches_of(VARIED, seed=3, epochs=3, first_epoch=first_epoch)
        assert_same_batches(resumed, undisturbed[3 * first_epoch :])


def test_training_crops_show_what_a_crop_in_float32_shows():
    rng = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (8, 64, 64, 3)).astype(np.uint8)[0], (0, 0), 2)
    images = np.stack([np.roll(smooth, 7 * step, axis=1) for step in range(8)])
    targets = np.concatenate([rng.uniform(0, 63, (8, 14, 2)), np.ones((8, 14, 1))], axis=-1)
    targets = targets.astype(np.float32)
    crop = crops.Crop(64, 64, 1.0, Augmentation(rotation_degrees=20.0, scale=1.2, shift=0.1))
    key, order, flips = [3, 0, 0], rng.permutation(8), np.arange(8) % 3 == 0
    shown, shown_targets = crop.varied(images, targets, MIRROR)(
        *map(tf.constant, (key, order, flips))
    )
    matrices = crop._parameters(key, 8)["matrices"]
    exact = transforms.affine(images[order].astype(np.float32), targets[order], matrices, 64)
    exact, exact_targets = transforms.flip_left_right(*exact, flips, mirror=MIRROR)
    # Mirroring is part of the map in one, a step of its own in the other.
    np.testing.assert_allclose(shown_targets, exact_targets, atol=1e-4)
    assert shown.dtype == tf.uint8
    difference = np.abs(shown.numpy() - exact.numpy())
    assert difference.max() <= 2 and difference.mean() < 0.5


def test_frames_of_a_file_that_was_cut_short_are_refused(people, tmp_path):
    frames = load_frames(people, frame_px=16, cache_dir=tmp_path, memory_limit_bytes=0)
    rows = rows_of(frames, np.arange(len(people)))
    os.truncate(frames.filename, frames.offset + 3 * 16 * 16 * 3 + 100)
    assert rows[[0, 1, 2]].shape == (3, 16, 16, 3)
    with pytest.raises(PosekitError, match="frame 3 must have 768 bytes; got 100"):
        rows[[3]]
