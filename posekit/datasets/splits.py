"""Which images train, validate and test: groups of near-duplicates stay together."""

import hashlib
import itertools
from dataclasses import dataclass, replace

import numpy as np

from posekit import files
from posekit.errors import PosekitError, check_choice, raise_problems
from posekit.provenance import provenance

# Images of LSPet with a near-duplicate among its test images, im09001 to im10000. They are listed
# because it cannot be found where the test images are missing.
KNOWN_NEAR_DUPLICATES = tuple(
    "im00719 im02423 im03153 im04002 im04433 im05488 im07818 im08155".split()
)

# Share of all digests that puts a group in the development test; of LSPet's 9,000 images before
# the test part it chooses 900.
DEVELOPMENT_SHARE = 0.1027

PARTS = ("train", "validation", "development", "test")
_ALL_PARTS = (*PARTS, "left_out")

# The fixed test part of each set that has one, in words.
FIXED_TEST = {"lsp": "LSP's im1001 to im2000", "lspet": "LSPet's im09001 to im10000"}


@dataclass(frozen=True, eq=False)
class Split:
    """Which images of one data set train, validate and test.

    The parts are int (M,), ascending indices into the data set; together they hold every image
    once.
    """

    name: str  # "standard" or "poster"
    seed: int  # that drew it
    comparable: bool  # whether scores on `validation` and `test` may be compared with others'
    train: np.ndarray
    validation: np.ndarray
    development: np.ndarray
    test: np.ndarray
    left_out: np.ndarray
    groups: np.ndarray  # int (N,), images with one number show nearly the same picture
    fingerprint: str  # `PoseDataset.fingerprint` of the data set

    def part(self, dataset, name):
        """The images of one part, as a data set; arguments and errors as for `indices`."""
        return dataset if name == "all" else dataset.subset(self.indices(dataset, name))

    def indices(self, dataset, name):
        """Where the images of one part are in the data set, int (M,), ascending.

        `name` is one of `PARTS`, or "all" for the whole data set, left-out images included.
        PosekitError for another data set than the split's, or a part without images, and why.
        """
        check_choice("split.indices()", "name", name, (*PARTS, "all"))
        _check_same_dataset("split.indices()", self.fingerprint, dataset)
        if name == "all":
            return np.arange(len(dataset))
        indices = getattr(self, name)
        if not len(indices):
            raise PosekitError(
                f"split.indices(): the {name} part of {dataset.name} must hold an image; got none"
                f"{self._why_none(dataset, name)}. Choose another part or other data."
            )
        return indices

    def _why_none(self, dataset, name):
        absent = [FIXED_TEST[kind] for kind in dataset.name.split("+") if kind in FIXED_TEST]
        if name in ("development", "test") and not self.comparable:
            return f", because the {self.name} split has no {name} part"
        if name == "test" and absent:
            return f", because {' and '.join(absent)} are not among these {len(dataset)} images"
        if name == "development":
            return ""
        return (
            f" of {len(dataset)} images. Parts show different things, so at least "
            f"{3 if self.comparable else 2} different images are needed; a useful network takes "
            "hundreds"
        )

    def summary(self):
        """Counts and settings, ready for JSON."""
        return {
            "name": self.name,
            "seed": self.seed,
            "comparable": self.comparable,
            "images": len(self.groups),
            "groups": len(np.unique(self.groups)),
            **{part: len(getattr(self, part)) for part in _ALL_PARTS},
            "dataset_fingerprint": self.fingerprint,
        }


def standard(dataset, groups, *, seed):
    """The split behind every comparable score.

    Data with a fixed test part keep it. Images in a group with one of its images or with one of
    `KNOWN_NEAR_DUPLICATES` are left out, a tenth of the other groups is the development test, the
    same for every seed, and the rest is divided 90 : 10 into train and validation. Other data are
    divided 80 : 10 : 10 into train, validation and test. Groups, int (N,), from
    `near_duplicates.find_groups`, are never divided, so each drawn part is within one group of its
    share. The same seed draws the same images whatever their order in `dataset`.
    """
    test = near_test = dataset.fixed_test
    # The synthetic set numbers its images like LSPet, but they are other pictures.
    if "lspet" in dataset.name.split("+"):
        near_test = test | np.isin(dataset.image_ids, KNOWN_NEAR_DUPLICATES)
    free = ~np.isin(groups, groups[near_test])
    development, shares = np.zeros(len(dataset), bool), (0.1, 0.1)
    if dataset.has_fixed_test:
        development, shares = free & _in_development_test(dataset, groups), (0.1,)
    train, validation, *drawn = _draw_groups(dataset, groups, free & ~development, shares, seed)
    return Split(
        name="standard",
        seed=seed,
        comparable=True,
        train=train,
        validation=validation,
        development=np.flatnonzero(development),
        test=np.flatnonzero(test) if dataset.has_fixed_test else drawn[0],
        left_out=np.flatnonzero(~free & ~test),
        groups=groups,
        fingerprint=dataset.fingerprint(),
    )


def poster(dataset, groups, *, seed):
    """The poster's split: all images at random, 90 : 10 into train and validation.

    Near-duplicates and official test images may land on either side, so scores on it are too
    good, and it is not comparable; `groups` are recorded, not used. Arguments as for `standard`.
    """
    everyone, alone = np.ones(len(dataset), bool), np.arange(len(dataset))
    parts = _draw_groups(dataset, alone, everyone, (0.1,), seed)
    none = [np.empty(0, int)] * 3
    return Split("poster", seed, False, *parts, *none, groups, dataset.fingerprint())


def with_fewer_to_train(split, dataset, fraction):
    """The split with `fraction`, in (0, 1], of its training images; the others are left out.

    Whole groups are drawn, by the split's own seed. A larger fraction holds all images of a
    smaller one. PosekitError for another data set, or a fraction out of range.
    """
    caller = "with_fewer_to_train()"
    _check_same_dataset(caller, split.fingerprint, dataset)
    if not 0 < fraction <= 1:
        raise PosekitError(f"{caller}: `fraction` must lie in (0, 1]; got {fraction!r}.")
    if fraction == 1:
        return split
    trains = np.isin(np.arange(len(dataset)), split.train)
    spared, kept = _draw_groups(dataset, split.groups, trains, (fraction,), split.seed)
    return replace(split, train=kept, left_out=np.sort(np.append(split.left_out, spared)))


SPLITS = {"standard": standard, "poster": poster}


def by_name(name):
    """The function that draws the split of this name; PosekitError lists the known ones."""
    check_choice("splits.by_name()", "name", name, tuple(SPLITS))
    return SPLITS[name]


def write(split, dataset, path):
    """Write a split of `dataset` as JSON that lists image ids by part."""
    _check_same_dataset("splits.write()", split.fingerprint, dataset)
    ids = dataset.image_ids
    files.write_json(
        path,
        {
            "name": split.name,
            "seed": split.seed,
            "comparable": split.comparable,
            "dataset": dataset.name,
            "dataset_fingerprint": split.fingerprint,
            **{part: ids[getattr(split, part)] for part in _ALL_PARTS},
            "groups": dict(zip(ids.tolist(), split.groups.tolist(), strict=True)),
            **provenance(),
        },
    )


def check_no_leak(split):
    """PosekitError for a comparable split with near-duplicates in two of its parts.

    Left-out images may resemble any part: nothing is trained or scored on them.
    """
    problems = []
    for first, second in itertools.combinations(PARTS if split.comparable else (), 2):
        there, here = getattr(split, first), getattr(split, second)
        for group in np.intersect1d(split.groups[there], split.groups[here]):
            problems.append(
                f"`{first}` and `{second}` must not share a group of near-duplicates; "
                f"got images {there[split.groups[there] == group].tolist()} and "
                f"{here[split.groups[here] == group].tolist()}. Draw the split again."
            )
    raise_problems("check_no_leak()", problems)


def _in_development_test(dataset, groups):
    """bool (N,): groups whose smallest image id has a digest in the lowest share of all digests.

    Chosen by hash, not at random: every copy of the data holds out the same images.
    """
    chosen = []
    for group in np.unique(groups):
        smallest = min(dataset.image_ids[groups == group].tolist())
        digest = hashlib.sha256(f"development {smallest}".encode()).digest()
        if int.from_bytes(digest[:8]) < DEVELOPMENT_SHARE * 2**64:
            chosen.append(group)
    return np.isin(groups, chosen)


def _draw_groups(dataset, groups, free, shares, seed):
    """Ascending indices of the remainder, then of each share, drawn among the `free` images."""
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise PosekitError(f"splits: `seed` must be a whole number >= 0; got {seed!r}.")
    # Image ids, unlike positions and group numbers, do not depend on the data set's order.
    in_order = np.argsort(dataset.image_ids)
    in_order = in_order[free[in_order]]
    _, first, counts = np.unique(groups[in_order], return_index=True, return_counts=True)
    by_smallest_id = np.argsort(first)
    numbers = groups[in_order][first[by_smallest_id]]  # (G,)
    sizes = counts[by_smallest_id]
    shuffled = np.random.default_rng(seed).permutation(len(numbers))

    parts, start = [], 0
    for share in shares:
        filled = np.cumsum(sizes[shuffled[start:]])
        # The part ends with the first group that reaches its share.
        end = start + 1 + int(np.searchsorted(filled, share * len(in_order)))
        parts.append(numbers[shuffled[start:end]])
        start = end
    # With few groups a part stays empty; only asking for that part is an error.
    parts.insert(0, numbers[shuffled[start:]])
    return [np.flatnonzero(free & np.isin(groups, part)) for part in parts]


def _check_same_dataset(caller, fingerprint, dataset):
    if dataset.fingerprint() != fingerprint:
        raise PosekitError(
            f"{caller}: `dataset` must be the one the split was drawn for (fingerprint "
            f"{fingerprint!r}); got {dataset.name} with fingerprint {dataset.fingerprint()}. "
            "Use the same data, or draw a new split."
        )
