"""A set of photographs with K joints each: labels in memory, pictures read on demand."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from posekit import joint_sets
from posekit.errors import PosekitError
from posekit.skeleton import LSP, Skeleton

# What a data set holds of every image, besides its extras.
ARRAYS = ("image_ids", "keypoints_px", "labelled", "image_sizes_px", "fixed_test")

# The extra of own data with people = "all": float (N, 4), each person's box, pixels.
PERSON_BOX = "person_box_px"


@dataclass(frozen=True, eq=False)
class PoseDataset:
    """Labels of N images and the way to their files."""

    name: str  # for people ("lspet", "synthetic", "lsp+lspet")
    image_ids: np.ndarray  # str (N,), file stems, unique
    # float64 (N, K, 2), (x, y) as stored, in the stored image's pixels; junk where not labelled.
    keypoints_px: np.ndarray
    labelled: np.ndarray  # bool (N, K), where the joint counts (the one rule: `lsp.labelled_rule`)
    image_sizes_px: np.ndarray  # int64 (N, 2), (width, height), pixels
    fixed_test: np.ndarray  # bool (N,), images that are test data by convention
    has_fixed_test: bool  # whether the convention exists, even where no such image is here
    read_image: Callable[[str], bytes] = field(repr=False)  # image id -> the encoded file
    skeleton: Skeleton = field(repr=False)  # which joints they are
    # Name -> array (N, ...) of what else is known (activity, person_count, ...).
    extras: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def __post_init__(self):
        unique, counts = np.unique(self.image_ids, return_counts=True)
        if (counts > 1).any():
            raise PosekitError(
                f"{self.name}: image ids must be unique; got {str(unique[counts > 1][0])!r} "
                f"{counts.max()} times. Join each data set once."
            )

    def __len__(self):
        return len(self.image_ids)

    def subset(self, indices):
        """The chosen images in the order given; `indices` are int (M,) or bool (N,)."""
        return replace(
            self,
            **{name: getattr(self, name)[indices] for name in ARRAYS},
            extras={name: values[indices] for name, values in self.extras.items()},
        )

    def with_prefix(self, prefix):
        """The same data set with ids that begin with `prefix` and a slash."""
        start = f"{prefix}/"
        return replace(
            self,
            image_ids=np.array([start + image_id for image_id in self.image_ids.tolist()]),
            read_image=lambda image_id: self.read_image(image_id.removeprefix(start)),
        )

    def fingerprint(self):
        """Sixteen hex digits that change with any id, label, picture or the images' order."""
        return self._fingerprint

    @property
    def known_joints(self):
        """Names of the joints that are labelled in at least one image, in their order."""
        known = self.labelled.any(axis=0)
        pairs = zip(self.skeleton.joints, known, strict=True)
        return tuple(name for name, is_known in pairs if is_known)

    @property
    def picture_names(self):
        """The name of each record's picture, list of str: people of one picture share it."""
        names = self.image_ids.tolist()
        return [name.rpartition("#")[0] for name in names] if PERSON_BOX in self.extras else names

    def with_largest_people(self):
        """The set with one record a picture, that of the largest person, named as the picture.

        Own data with people = "all" have several; the set is then as with people = "largest".
        """
        if PERSON_BOX not in self.extras:
            return self
        names, record_of = self.picture_names, {}
        areas_px = self.extras[PERSON_BOX][:, 2:].prod(axis=1)
        for record, name in enumerate(names):
            if name not in record_of or areas_px[record] > areas_px[record_of[name]]:
                record_of[name] = record
        chosen = self.subset(list(record_of.values()))
        id_of = dict(zip(record_of, chosen.image_ids.tolist(), strict=True))
        return replace(
            chosen,
            image_ids=np.array(list(record_of)),
            read_image=lambda name: self.read_image(id_of[name]),
            extras={name: each for name, each in chosen.extras.items() if name != PERSON_BOX},
        )

    def with_fingerprint(self, fingerprint):
        """The same data set; `fingerprint`, known already, saves hashing all pictures."""
        dataset = replace(self)
        dataset.__dict__["_fingerprint"] = fingerprint
        return dataset

    @cached_property
    def _fingerprint(self):
        digest = hashlib.sha256()
        if self.skeleton != LSP:
            digest.update(json.dumps(joint_sets.describe(self.skeleton)).encode())
        for array in (self.image_ids, self.keypoints_px, self.labelled, self.image_sizes_px):
            digest.update(np.ascontiguousarray(array).tobytes())
        for image_id in self.image_ids:
            digest.update(hashlib.sha256(self.read_image(str(image_id))).digest())
        return digest.hexdigest()[:16]


def evenly_spread(count, wanted):
    """Indices of `wanted` of `count` images, first and last included; all where there are fewer."""
    return np.linspace(0, count - 1, min(count, wanted)).round().astype(int)


def join(datasets):
    """One PoseDataset from several, in the order given, with the extras that all of them have.

    PosekitError where the list is empty, the joints differ, or an image id occurs twice.
    """
    if not datasets:
        raise PosekitError("join(): `datasets` must hold at least one data set; got none.")
    if len(datasets) == 1:
        return datasets[0]
    skeletons = {dataset.skeleton for dataset in datasets}
    if len(skeletons) > 1:
        found = " and ".join(sorted(skeleton.name for skeleton in skeletons))
        raise PosekitError(
            f"join(): the data sets must have the same joints; got {found}. Map the keypoints of "
            'one to the joints of the other, as joints = "coco17_to_lsp" does.'
        )
    reader_of = {
        image_id: dataset.read_image for dataset in datasets for image_id in dataset.image_ids
    }
    shared = set.intersection(*(set(dataset.extras) for dataset in datasets))
    arrays = {name: [getattr(each, name) for each in datasets] for name in ARRAYS}
    extras = {name: [each.extras[name] for each in datasets] for name in sorted(shared)}
    return PoseDataset(
        name="+".join(dataset.name for dataset in datasets),
        **{name: np.concatenate(values) for name, values in arrays.items()},
        has_fixed_test=any(dataset.has_fixed_test for dataset in datasets),
        read_image=lambda image_id: reader_of[image_id](image_id),
        skeleton=skeletons.pop(),
        extras={name: np.concatenate(values) for name, values in extras.items()},
    )
