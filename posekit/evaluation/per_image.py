"""What each validation image adds to a training's scores, for paired comparisons.

The file holds sums, no pictures and no labels.
"""

from dataclasses import dataclass

import numpy as np

from posekit import files
from posekit.errors import PosekitError
from posekit.evaluation import bootstrap, metrics

FILE = "per_image.npz"

# Of a hundred thousand images; LSPet has 10,000.
LIMIT_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class PerImage:
    """The sums of N images."""

    image_ids: np.ndarray  # str (N,)
    groups: np.ndarray  # int or str (N,), the group of near-duplicates of each image
    sums: dict  # score -> (numerators, denominators), float (N,), what each image adds to them

    def value(self, score):
        """A score over all images; NaN where nothing counts towards it."""
        numerators, denominators = self.sums[score]
        counted = denominators.sum()
        return float(numerators.sum() / counted) if counted else float("nan")


def write(path, per_image):
    """Write a PerImage atomically; raises PosekitError as `files.write_npz` does."""
    files.write_npz(
        path,
        image_ids=np.asarray(per_image.image_ids, str),
        groups=per_image.groups,
        **{f"{name}/sums": np.stack(sums) for name, sums in per_image.sums.items()},
    )


def read(path):
    """Read a PerImage that `write` wrote; raises PosekitError for a missing or another file."""
    arrays = files.read_npz(path, limit_bytes=LIMIT_BYTES)
    shapes = {name: stored.shape for name, stored in arrays.items()}
    image_ids, groups = (arrays.pop(name, np.array(0)) for name in ("image_ids", "groups"))
    is_valid = arrays and groups.ndim == 1 and groups.shape == image_ids.shape
    for name, stored in arrays.items():
        is_valid = is_valid and name.endswith("/sums") and stored.shape == (2, len(groups))
        is_valid = is_valid and np.isfinite(stored).all()
    if not is_valid:
        raise PosekitError(
            f"{path}: must hold `image_ids`, `groups` and finite sums (2, images) of each score; "
            f"got {shapes}. Remove it and train again: a finished training is only scored again."
        )
    sums = {name.removesuffix("/sums"): tuple(stored) for name, stored in arrays.items()}
    return PerImage(image_ids, groups, sums)


def mean(several):
    """The mean of PerImage of the same images, one for each seed; its scores are their means."""
    first = several[0]
    sums = {
        name: (np.mean([one.sums[name][0] for one in several], axis=0), denominators)
        for name, (_, denominators) in first.sums.items()
    }
    return PerImage(first.image_ids, first.groups, sums)


def are_alike(several):
    """Whether all have the same images in the same groups and count the same joints."""

    def counted(one):
        sums = {name: denominators.tolist() for name, (_, denominators) in one.sums.items()}
        return one.image_ids.tolist(), one.groups.tolist(), sums

    return all(counted(one) == counted(several[0]) for one in several)


def differences(first, second, *, seed, resamples=1000):
    """Each score of both PerImage, alike, and the second's minus the first's, list of dict.

    `interval` is that of `bootstrap.paired_difference_interval`, 95 %; `better` is "first",
    "second" or None where it holds 0. A score that nothing counts towards is left out.
    """
    rows = []
    for name, (numerators, denominators) in first.sums.items():
        if not denominators.any():
            continue
        both = second.sums[name][0], numerators
        low, high = bootstrap.paired_difference_interval(
            *both, denominators, first.groups, seed=seed, resamples=resamples
        )
        better = None
        if low > 0 or high < 0:
            second_is_better = (high < 0) == metrics.SCORES[name].lower_is_better
            better = "second" if second_is_better else "first"
        then, now = first.value(name), second.value(name)
        rows.append(
            {
                "score": name,
                "first": then,
                "second": now,
                "difference": now - then,
                "interval": [low, high],
                "better": better,
            }
        )
    return rows
