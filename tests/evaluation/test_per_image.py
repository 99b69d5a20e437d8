"""Sums per image: values and differences by hand, files that are refused."""

import numpy as np
import pytest

from posekit.errors import PosekitError
from posekit.evaluation import per_image
from posekit.evaluation.per_image import PerImage


def made(errors, *, counts=(2, 2, 2, 2), hits=(1, 1, 1, 1)):
    """Four images, the last two look-alikes of each other."""
    return PerImage(
        image_ids=np.array(["a", "b", "c", "d"]),
        groups=np.array([0, 1, 2, 2]),
        sums={
            "mpjpe_px": (np.array(errors, float), np.array(counts, float)),
            "pck_0.2": (np.array(hits, float), np.array(counts, float)),
        },
    )


def test_values_divide_sums():
    assert made([1, 2, 3, 6]).value("mpjpe_px") == 12 / 8
    assert np.isnan(made([0, 0, 0, 0], counts=(0, 0, 0, 0)).value("mpjpe_px"))


def test_a_file_holds_what_was_written(tmp_path):
    stored = made([1, 2, 3, 6])
    per_image.write(tmp_path / per_image.FILE, stored)
    read = per_image.read(tmp_path / per_image.FILE)
    assert per_image.are_alike([stored, read])
    np.testing.assert_array_equal(read.sums["mpjpe_px"], stored.sums["mpjpe_px"])
    assert read.image_ids.tolist() == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "arrays",
    [
        {"image_ids": np.array(["a"])},
        {"image_ids": np.array(["a"]), "groups": np.zeros(1)},
        {"image_ids": np.array(["a"]), "groups": np.zeros(2), "x/sums": np.zeros((2, 1))},
        {"image_ids": np.array(["a"]), "groups": np.zeros(1), "x/sums": np.zeros((2, 2))},
        {"image_ids": np.array(["a"]), "groups": np.zeros(1), "x/sums": np.full((2, 1), np.nan)},
        {"groups": np.zeros(1), "x/sums": np.zeros((2, 1))},
    ],
)
def test_another_file_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(PosekitError, match=r"other\.npz: must hold `image_ids`.*; got \{"):
        per_image.read(tmp_path / "other.npz")


def test_the_mean_over_seeds_is_that_of_their_scores():
    mean = per_image.mean([made([1, 2, 3, 6]), made([3, 2, 1, 2])])
    assert mean.value("mpjpe_px") == (12 / 8 + 8 / 8) / 2
    np.testing.assert_array_equal(mean.sums["mpjpe_px"][0], [2, 2, 2, 4])


def test_other_images_groups_or_labels_are_not_alike():
    base = made([1, 2, 3, 6])
    assert per_image.are_alike([base, made([9, 9, 9, 9])])
    assert not per_image.are_alike([base, made([1, 2, 3, 6], counts=(2, 2, 2, 1))])
    for changed in (
        PerImage(base.image_ids[::-1], base.groups, base.sums),
        PerImage(base.image_ids, base.groups[::-1], base.sums),
        PerImage(base.image_ids, base.groups, {"mpjpe_px": base.sums["mpjpe_px"]}),
    ):
        assert not per_image.are_alike([base, changed])


def test_a_difference_that_every_image_shares_has_no_spread():
    first, second = made([3, 4, 5, 8]), made([1, 2, 3, 6], hits=(2, 2, 2, 2))
    error, hits = per_image.differences(first, second, seed=0)
    # 2 px less in each image of 2 joints: 1 px a joint, in every resample.
    assert (error["score"], error["first"], error["second"]) == ("mpjpe_px", 2.5, 1.5)
    assert error["difference"] == -1 and error["interval"] == [-1, -1]
    assert error["better"] == "second"  # a lower error is better, ...
    assert hits["difference"] == 0.5 and hits["better"] == "second"  # ... a higher PCK too
    error, hits = per_image.differences(second, first, seed=0)
    assert error["better"] == hits["better"] == "first"


def test_an_interval_that_holds_zero_decides_nothing():
    # One image gets better and one worse by the same: resamples fall on either side.
    (error, _) = per_image.differences(made([3, 3, 3, 3]), made([1, 5, 3, 3]), seed=0)
    assert error["interval"][0] < 0 < error["interval"][1] and error["better"] is None


def test_what_nothing_counts_towards_is_left_out():
    nothing = {"counts": (0, 0, 0, 0), "hits": (0, 0, 0, 0)}
    assert per_image.differences(made([0] * 4, **nothing), made([0] * 4, **nothing), seed=0) == []
