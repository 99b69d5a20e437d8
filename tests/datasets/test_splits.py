"""Splits on made-up data sets; grouping on made-up pictures."""

import io
import json
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from posekit.datasets import lsp, near_duplicates, splits
from posekit.datasets.pose_dataset import PoseDataset, join
from posekit.errors import PosekitError
from posekit.skeleton import LSP

PARTS = splits.PARTS


def made_up(numbers, name="lspet", digits=5):
    """A data set of these image numbers, labels and pictures empty."""
    numbers = np.asarray(numbers)
    count = len(numbers)
    fixed = {"lsp": numbers > 1000, "lspet": numbers > 9000}
    return PoseDataset(
        name=name,
        image_ids=np.array([f"im{number:0{digits}d}" for number in numbers]),
        keypoints_px=np.zeros((count, 14, 2)),
        labelled=np.ones((count, 14), bool),
        image_sizes_px=np.full((count, 2), 96),
        fixed_test=fixed.get(name, np.zeros(count, bool)),
        has_fixed_test=name in fixed,
        read_image=lambda image_id: b"",
        skeleton=LSP,
    )


def ids(split, dataset, part):
    return set(dataset.image_ids[getattr(split, part)].tolist())


def assert_covers_once(split, count):
    everything = [getattr(split, part) for part in (*PARTS, "left_out")]
    np.testing.assert_array_equal(np.sort(np.concatenate(everything)), np.arange(count))


# Thumbnails and groups


def test_thumbnail_is_the_mean_luma_of_each_block():
    images = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    before = images.copy()
    thumbnails = near_duplicates.grey_thumbnails(images)
    assert thumbnails.shape == (3, 24, 24) and thumbnails.dtype == np.float32
    block = images[1, 8:12, 20:24].reshape(16, 3).astype(float)
    expected = block.mean(axis=0) @ [0.299, 0.587, 0.114]
    assert thumbnails[1, 2, 5] == pytest.approx(expected, rel=1e-6)
    np.testing.assert_array_equal(images, before)


def test_thumbnail_of_white_is_255():
    white = np.full((1, 96, 96, 3), 255, np.uint8)
    np.testing.assert_allclose(near_duplicates.grey_thumbnails(white), 255, rtol=1e-6)


def scenes(count, seed=0):
    """Smooth unlike pictures: noise of 6 x 6 cells, each 4 pixels wide."""
    cells = np.random.default_rng(seed).uniform(0, 255, (count, 6, 6)).astype(np.float32)
    return cells.repeat(4, axis=1).repeat(4, axis=2)


def test_copies_and_mirrored_copies_are_grouped():
    a, b, c, d = scenes(4)
    noise = np.random.default_rng(1).normal(0, 3, (24, 24))
    pictures = np.stack([a, b, 0.5 * a + 40 + noise, c, b[:, ::-1], d])
    before = pictures.copy()
    groups = near_duplicates.find_groups(pictures)
    assert groups.tolist() == [0, 1, 0, 2, 1, 3]
    np.testing.assert_array_equal(pictures, before)


def test_likeness_carries_over():
    first, other = scenes(2)
    # Correlations by construction: neighbours alike, the ends less so than the threshold.
    chain = np.stack([first, first + 0.2 * other, first + 0.4 * other])
    flat = (chain - chain.mean(axis=(1, 2), keepdims=True)).reshape(3, -1)
    correlation = np.corrcoef(flat)
    threshold = (correlation[0, 2] + min(correlation[0, 1], correlation[1, 2])) / 2
    assert near_duplicates.find_groups(chain, threshold=threshold).tolist() == [0, 0, 0]
    assert near_duplicates.find_groups(chain[[0, 2]], threshold=threshold).tolist() == [0, 1]


def test_noise_is_not_grouped():
    noise = np.random.default_rng(0).uniform(0, 255, (500, 24, 24))
    assert near_duplicates.find_groups(noise).tolist() == list(range(500))


def test_flat_pictures_stay_alone():
    levels = np.array([0, 0, 128, 255, 255, 255]).reshape(-1, 1, 1)
    nearly = np.random.default_rng(0).uniform(0, 0.5, (24, 24)) + np.zeros((6, 1, 1))
    assert near_duplicates.find_groups(levels + np.zeros((6, 24, 24))).tolist() == list(range(6))
    assert near_duplicates.find_groups(levels + nearly).tolist() == list(range(6))


def test_blocks_do_not_matter():
    pictures = np.concatenate([scenes(30), scenes(10), scenes(15)[:, :, ::-1]])
    whole = near_duplicates.find_groups(pictures)
    assert len(np.unique(whole)) == 30
    for block in (1, 7, 55):
        np.testing.assert_array_equal(near_duplicates.find_groups(pictures, block=block), whole)


@pytest.mark.parametrize("shape", [(24, 24), (5, 9), (3, 2)])
@pytest.mark.parametrize("threshold", [0.3, 0.8, 0.95])
def test_no_pair_is_missed_and_none_made_up(shape, threshold):
    rng = np.random.default_rng(0)
    # Few scenes, mixed: similarities of all sizes, also by the mirror.
    mixed = np.einsum("ns,shw->nhw", rng.normal(0, 1, (300, 4)), rng.normal(0, 20, (4, *shape)))
    mixed += rng.normal(0, 3, mixed.shape)
    mixed[::3] = mixed[::3, :, ::-1]
    flat, turned = mixed.reshape(300, -1), mixed[:, :, ::-1].reshape(300, -1)
    similarity = np.maximum(*(np.corrcoef(flat, other)[:300, 300:] for other in (flat, turned)))
    first, second = np.nonzero(np.triu(similarity > threshold, 1))
    found = np.concatenate(list(near_duplicates._pairs_above(mixed, threshold, 64)))
    assert set(map(tuple, found.tolist())) == set(zip(first.tolist(), second.tolist(), strict=True))
    assert len(first) > 10


# Splits


def paired_groups(count, pairs):
    """Everyone alone, but for each (a, b) in one group."""
    groups = np.arange(count)
    for first, second in pairs:
        groups[second] = groups[first]
    return groups


def test_standard_with_a_fixed_test_part():
    dataset = made_up(range(8201, 9301))
    # Image 0 resembles test image 1050, images 4 and 5 each other.
    groups = paired_groups(1100, [(0, 1050), (4, 5)])
    split = splits.standard(dataset, groups, seed=0)
    assert_covers_once(split, 1100)
    np.testing.assert_array_equal(split.test, np.arange(800, 1100))
    assert split.left_out.tolist() == [0]
    # Digests spread evenly: binomial(799, 0.1027), mean 82, standard deviation 8.6.
    assert 40 < len(split.development) < 125
    # The group that reaches a tenth of the rest may be the pair.
    tenth = (799 - len(split.development)) / 10
    assert tenth <= len(split.validation) < tenth + 2
    assert split.comparable and split.name == "standard"
    splits.check_no_leak(split)


def test_the_development_test_is_the_same_for_everyone():
    dataset = made_up([*range(1, 401), *range(9001, 9011)])
    groups = paired_groups(410, [(first, first + 200) for first in range(0, 100)])
    split = splits.standard(dataset, groups, seed=0)
    kept = ids(split, dataset, "development")
    assert kept == ids(splits.standard(dataset, groups, seed=1), dataset, "development")
    # Whole groups, so a reader with half of the images keeps that half of the same ones.
    for first in range(100):
        assert (dataset.image_ids[first] in kept) == (dataset.image_ids[first + 200] in kept)
    half = dataset.subset(np.arange(200))
    kept_of_half = ids(splits.standard(half, np.arange(200), seed=5), half, "development")
    assert kept_of_half == kept & set(half.image_ids.tolist())
    assert kept_of_half


def test_known_twins_of_test_images_are_left_out_with_their_group():
    numbers = [1, 2, 3, 719, 4002, *range(100, 130)]
    dataset = made_up(numbers)
    groups = paired_groups(len(numbers), [(2, 3)])  # im00003 resembles im00719
    split = splits.standard(dataset, groups, seed=0)
    assert ids(split, dataset, "left_out") == {"im00003", "im00719", "im04002"}
    assert_covers_once(split, len(numbers))


@pytest.mark.parametrize(("name", "digits"), [("synthetic", 5), ("lsp", 4)])
def test_twins_are_lspets_alone(name, digits):
    dataset = made_up([*range(100, 130), 719], name, digits)
    split = splits.standard(dataset, np.arange(31), seed=0)
    assert len(split.left_out) == 0


def test_all_known_twins_are_of_lspet_and_not_test_images():
    assert len(set(splits.KNOWN_NEAR_DUPLICATES)) == 8
    assert all(len(twin) == 7 and int(twin[2:]) <= 9000 for twin in splits.KNOWN_NEAR_DUPLICATES)


def test_standard_without_a_fixed_test_part():
    dataset = made_up(range(1, 201), "synthetic")
    groups = np.arange(200) // 3
    split = splits.standard(dataset, groups, seed=1)
    assert_covers_once(split, 200)
    assert len(split.left_out) == 0
    # Each part stops with the group that reaches its share.
    assert 20 <= len(split.validation) < 23 and 20 <= len(split.test) < 23
    splits.check_no_leak(split)
    for group in range(67):
        homes = [part for part in PARTS if group in groups[getattr(split, part)]]
        assert len(homes) == 1


def test_seeds_differ_and_repeat():
    dataset, groups = made_up(range(1, 201)), np.arange(200)
    for draw in (splits.standard, splits.poster):
        first, again, other = (draw(dataset, groups, seed=seed) for seed in (0, 0, 1))
        np.testing.assert_array_equal(first.validation, again.validation)
        assert not np.array_equal(first.validation, other.validation)


def test_validation_is_drawn_from_everywhere():
    dataset, groups = made_up(range(1, 101), "synthetic"), np.arange(100)
    times = np.zeros(100)
    for seed in range(300):
        times[splits.standard(dataset, groups, seed=seed).validation] += 1
    # Binomial(300, 0.1): mean 30, standard deviation 5.2.
    assert times.sum() == 3000
    assert 8 < times.min() and times.max() < 56


@pytest.mark.parametrize("name", ["standard", "poster"])
def test_order_of_images_does_not_matter(name):
    dataset = made_up([*range(1, 101), *range(9001, 9011)])
    groups = paired_groups(110, [(0, 50), (3, 77), (3, 20), (8, 105)])
    shuffled = np.random.default_rng(5).permutation(110)
    # Group numbers are by first appearance, so they change with the order.
    _, renumbered = np.unique(groups[shuffled] * 7 % 113, return_inverse=True)
    draw = splits.by_name(name)
    straight = draw(dataset, groups, seed=3)
    other_set = dataset.subset(shuffled)
    other = draw(other_set, renumbered, seed=3)
    for part in (*PARTS, "left_out"):
        assert ids(straight, dataset, part) == ids(other, other_set, part)


def test_train_and_validation_are_the_same_without_the_test_images():
    whole = made_up([*range(1, 101), 719, *range(9001, 9011)])
    rest = whole.subset(np.arange(101))
    groups = paired_groups(111, [(4, 60), (100, 108)])
    with_test = splits.standard(whole, groups, seed=0)
    without = splits.standard(rest, groups[:101], seed=0)
    for part in ("train", "validation", "development", "left_out"):
        np.testing.assert_array_equal(getattr(with_test, part), getattr(without, part))
    assert len(without.test) == 0


def test_poster_mixes_everything():
    dataset = made_up([*range(1, 92), *range(9001, 9010)])
    groups = np.arange(100) // 2
    split = splits.poster(dataset, groups, seed=0)
    assert_covers_once(split, 100)
    assert (len(split.train), len(split.validation)) == (90, 10)
    assert len(split.development) == len(split.test) == len(split.left_out) == 0
    assert not split.comparable
    assert np.intersect1d(groups[split.train], groups[split.validation]).size
    splits.check_no_leak(split)  # nothing is claimed, so nothing is refused


def test_parts():
    dataset = made_up([*range(1, 91), *range(9001, 9011)])
    split = splits.standard(dataset, np.arange(100), seed=0)
    for part in PARTS:
        chosen = split.part(dataset, part)
        assert chosen.image_ids.tolist() == dataset.image_ids[getattr(split, part)].tolist()
    assert split.part(dataset, "test").fixed_test.all()
    assert split.part(dataset, "all") is dataset
    with pytest.raises(PosekitError, match="'train', 'validation', 'development', 'test', 'all'; got 'val'"):
        split.part(dataset, "val")
    with pytest.raises(PosekitError, match="one the split was drawn for.*got lspet with"):
        split.part(dataset.subset(np.arange(50)), "train")


def test_an_empty_test_part_says_why():
    lspet, lsp_train = made_up(range(1, 41)), made_up(range(1, 41), "lsp", 4)
    for dataset, reason in (
        (lspet, "because LSPet's im09001 to im10000 are not among these 40 images"),
        (lsp_train, "because LSP's im1001 to im2000 are not among these 40 images"),
        (join([lsp_train, lspet]), "LSP's .* and LSPet's .* are not among these 80 images"),
    ):
        split = splits.standard(dataset, np.arange(len(dataset)), seed=0)
        with pytest.raises(PosekitError, match=f"test part of lsp.*got none, .*{reason}"):
            split.part(dataset, "test")
    split = splits.poster(lspet, np.arange(40), seed=0)
    with pytest.raises(PosekitError, match="because the poster split has no test part"):
        split.part(lspet, "test")


def test_fewer_to_train_leave_the_other_parts_alone():
    dataset = made_up(range(8201, 9301))
    split = splits.standard(dataset, paired_groups(1100, [(4, 5), (6, 7), (6, 8)]), seed=0)
    smaller = {
        fraction: splits.with_fewer_to_train(split, dataset, fraction)
        for fraction in (0.1, 0.5, 0.9)
    }
    for fraction, fewer in smaller.items():
        assert_covers_once(fewer, 1100)
        splits.check_no_leak(fewer)
        for part in ("validation", "development", "test"):
            np.testing.assert_array_equal(getattr(fewer, part), getattr(split, part))
        # The last group, of three at most, may go beyond.
        wanted = fraction * len(split.train)
        assert wanted <= len(fewer.train) < wanted + 3
        # Who was left out before stays so.
        assert set(split.left_out) <= set(fewer.left_out)
        groups = {part: set(split.groups[getattr(fewer, part)]) for part in ("train", "left_out")}
        assert not groups["train"] & groups["left_out"]
        assert fewer.summary() != split.summary()
    assert set(smaller[0.1].train) < set(smaller[0.5].train) < set(smaller[0.9].train)
    assert set(smaller[0.9].train) < set(split.train)
    assert splits.with_fewer_to_train(split, dataset, 1.0) is split


@pytest.mark.parametrize("fraction", [0, 1.5, -0.1, float("nan")])
def test_a_fraction_of_nothing_or_of_more_is_refused(fraction):
    dataset = made_up(range(1, 101))
    split = splits.standard(dataset, np.arange(100), seed=0)
    with pytest.raises(PosekitError, match=rf"`fraction` must lie in \(0, 1\]; got {fraction}"):
        splits.with_fewer_to_train(split, dataset, fraction)
    with pytest.raises(PosekitError, match="must be the one the split was drawn for"):
        splits.with_fewer_to_train(split, made_up(range(1, 102)), 0.5)


def test_summary_is_json():
    dataset = made_up([*range(1, 90), 719, *range(9001, 9011)])
    split = splits.standard(dataset, paired_groups(100, [(1, 2)]), seed=4)
    summary = split.summary()
    assert json.loads(json.dumps(summary)) == summary
    counts = {part: summary[part] for part in (*PARTS, "left_out")}
    assert sum(counts.values()) == summary["images"] == 100
    assert (counts["test"], counts["left_out"], summary["groups"]) == (10, 1, 99)
    assert (summary["name"], summary["seed"], summary["comparable"]) == ("standard", 4, True)


def test_by_name():
    assert splits.by_name("standard") is splits.standard
    assert splits.by_name("poster") is splits.poster
    with pytest.raises(PosekitError, match="one of 'standard', 'poster'; got 'random'"):
        splits.by_name("random")


@pytest.mark.parametrize("draw", [splits.standard, splits.poster])
def test_draws_refuse_bad_input(draw):
    dataset = made_up(range(1, 41))
    for seed in (None, -1, 0.5):
        with pytest.raises(PosekitError, match=f"`seed` must be a whole number >= 0; got {seed}"):
            draw(dataset, np.arange(40), seed=seed)


@pytest.mark.parametrize("draw", [splits.standard, splits.poster])
def test_too_few_groups_leave_no_training_part(draw):
    dataset = made_up([1])
    split = draw(dataset, np.zeros(1, int), seed=0)
    assert len(split.part(dataset, "all")) == 1
    with pytest.raises(PosekitError, match="the train part of lspet must hold an image; got none"):
        split.part(dataset, "train")


def test_data_of_test_images_alone_are_all_test():
    dataset = made_up(range(9001, 9041))
    split = splits.standard(dataset, np.arange(40) // 2, seed=0)
    np.testing.assert_array_equal(split.test, np.arange(40))
    assert not any(len(getattr(split, part)) for part in (*PARTS, "left_out") if part != "test")


def test_leak_is_refused():
    split = splits.standard(made_up(range(1, 41), "synthetic"), np.arange(40), seed=0)
    first, second = int(split.train[3]), int(split.validation[1])
    groups = split.groups.copy()
    groups[second] = groups[first]
    with pytest.raises(PosekitError, match="`train` and `validation` must not share") as caught:
        splits.check_no_leak(replace(split, groups=groups))
    assert f"images [{first}] and [{second}]" in str(caught.value)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(("there", "here"), [("train", "validation"), ("development", "test")])
def test_twins_in_two_parts_are_found_without_the_groups(there, here, mirrored):
    dataset = made_up(range(8501, 9101))
    split = splits.standard(dataset, np.arange(600), seed=0)
    pictures = np.random.default_rng(0).uniform(0, 255, (600, 24, 24))
    pairs, largest = near_duplicates.find_across_parts(pictures, split, block=256)
    assert pairs.shape == (0, 2) and 0.05 < largest < 0.5  # noise resembles nothing
    twins = getattr(split, there)[-1], getattr(split, here)[0]
    pictures[twins[1]] = pictures[twins[0]][:, ::-1] if mirrored else pictures[twins[0]]
    pairs, largest = near_duplicates.find_across_parts(pictures, split, block=256)
    np.testing.assert_array_equal(pairs, [sorted(twins)])
    assert largest == pytest.approx(1, abs=1e-5)
    splits.check_no_leak(split)  # by the groups, which are wrong, all is well


def test_twins_in_one_part_or_left_out_do_not_count():
    dataset = made_up(range(8501, 9101))
    groups = np.arange(600)
    groups[0] = groups[-1]  # a twin of a test image: left out
    split = splits.standard(dataset, groups, seed=0)
    assert split.left_out.tolist() == [0]
    pictures = np.random.default_rng(0).uniform(0, 255, (600, 24, 24))
    pictures[0] = pictures[-1]
    pictures[split.train[1]] = pictures[split.train[0]]
    pairs, largest = near_duplicates.find_across_parts(pictures, split)
    assert not len(pairs) and largest < 0.5


def test_write(tmp_path):
    dataset = made_up([*range(1, 90), 719, *range(9001, 9011)])
    path = tmp_path / "split.json"
    for draw in (splits.standard, splits.poster):
        split = draw(dataset, paired_groups(100, [(1, 2)]), seed=7)
        splits.write(split, dataset, path)
        stored = json.loads(path.read_text())
        assert stored["dataset_fingerprint"] == dataset.fingerprint() and stored["seed"] == 7
        for part in (*PARTS, "left_out"):
            assert stored[part] == dataset.image_ids[getattr(split, part)].tolist()
        assert list(stored["groups"].values()) == split.groups.tolist()
    with pytest.raises(PosekitError, match="one the split was drawn for"):
        splits.write(split, replace(dataset, keypoints_px=dataset.keypoints_px + 1), path)


@pytest.mark.skipif("POSEKIT_LSPET" not in os.environ, reason="POSEKIT_LSPET names no LSPet data")
def test_the_real_set():
    dataset = lsp.read(os.environ["POSEKIT_LSPET"]).subset(np.arange(9000))
    split = splits.standard(dataset, np.arange(9000), seed=0)
    assert len(split.left_out) == 8
    # Each picture a group of its own; with its look-alikes the set has 810, 900 and 7282.
    assert (len(split.validation), len(split.development), len(split.train)) == (810, 901, 7281)
    with pytest.raises(PosekitError, match="LSPet's im09001 to im10000 are not among these 9000"):
        split.part(dataset, "test")
    # Two known pairs of one photograph each, and a picture like neither.
    chosen = [f"im{number:05d}" for number in (639, 6054, 2636, 3556, 1)]
    pictures = np.stack(
        [
            np.asarray(Image.open(io.BytesIO(dataset.read_image(image_id))).resize((96, 96)))
            for image_id in chosen
        ]
    )
    groups = near_duplicates.find_groups(near_duplicates.grey_thumbnails(pictures))
    assert groups.tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    ("count", "draw", "needed"),
    [(1, splits.standard, 3), (2, splits.standard, 3), (1, splits.poster, 2)],
)
def test_too_few_images_to_divide_say_how_many_are_needed(count, draw, needed):
    few = made_up(range(1, count + 1), name="coco")
    split = draw(few, np.arange(count), seed=0)
    with pytest.raises(PosekitError, match=f"the train part .* at least {needed} different images"):
        split.indices(few, "train")
    assert len(split.indices(few, "validation")) == 1
