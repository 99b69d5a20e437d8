"""What is wrong with data, image by image.

An error keeps an image or a label from being used. A warning asks a person to look.
"""

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from posekit import geometry, sides
from posekit.datasets import image_files, lsp, near_duplicates, orientation, packed
from posekit.datasets.coco import own_data, reading
from posekit.datasets.pose_dataset import PoseDataset
from posekit.errors import PosekitError
from posekit.files import from_root

ERROR, WARNING = "error", "warning"

# The torso of such a person has ten pixels, and PCK then allows two pixels of error.
TINY_PX = 40

# Between hips and shoulders a body hardly turns by more than a right angle. A line across the body
# that is seen nearly end on says little, so both must have a share of the torso's length.
TWIST_COSINE = -0.5
ACROSS_SHARE = 0.3
ACROSS = (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))


class Finding(NamedTuple):
    """One error or warning."""

    image: str  # the image's name; empty where it concerns no single image
    level: str  # ERROR or WARNING
    text: str  # a sentence to follow the name


@dataclass(frozen=True, eq=False)
class Checked:
    """What a check found."""

    name: str  # of the data set
    image_count: int  # pictures checked, whether or not they can be used
    dataset: PoseDataset | None  # of what can be used, or None
    findings: list  # of Finding, by image in the order of the data
    notes: tuple = ()  # of str, sentences: how the data were read

    def images(self, level):
        """Names of the images with a finding of that level, in order."""
        return list(dict.fromkeys(each.image for each in self.findings if each.level == level))


def check(path):
    """Read data as far as possible, decode every picture and check every label; gives Checked.

    `path` is a str as for `sources.load`. PosekitError where none of the data can be read.
    """
    path = from_root(path)
    if packed.is_packed(path):
        return check_opened(packed.read(path))
    own = own_data.find(path)
    if own is not None:
        return _check_own(own)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # all these pictures are named here
        dataset = lsp.read(path, bad_images="skip")
    bad = lsp.unreadable(path)
    findings = [Finding(image_id, ERROR, f"{problem}.") for image_id, problem in bad]
    findings += _of_dataset(dataset)
    return Checked(dataset.name, len(dataset) + len(bad), dataset, _sorted(findings))


def check_opened(dataset):
    """`check` for a data set that is already open."""
    return Checked(dataset.name, len(dataset), dataset, _sorted(_of_dataset(dataset)))


def _check_own(own):
    inspected = reading.inspect(own)
    findings = [Finding(name, ERROR, text) for name, text in inspected.faults]
    for each in inspected.pictures:
        findings += [Finding(each.name, WARNING, text) for text in _of_people(each, own.people)]
    try:
        dataset = reading.dataset_of(own, inspected)
        findings += _of_dataset(dataset)
    except PosekitError as error:
        findings.append(Finding("", ERROR, str(error)))
        dataset = None
    notes = (*inspected.notes, sides.in_words(own.skeleton))
    return Checked(reading.NAME, inspected.image_count, dataset, _sorted(findings), notes)


def _of_people(picture, people):
    """Sentences to warn of about a picture's people."""
    chosen = reading.chosen_people(picture, people)
    if not chosen:
        yield "has no person with a labelled joint and is left out."
    elif len(chosen) < len(picture.people):
        yield f"shows {len(picture.people)} people; annotation {chosen[0].annotation_id} is used."
    for person in picture.people:
        if person.outside:
            yield (
                f"annotation {person.annotation_id} has joints outside of the "
                f"{picture.size_px[0]} x {picture.size_px[1]} picture, which do not count: "
                f"{', '.join(person.outside)}."
            )


def _of_dataset(dataset):
    """List of Finding about the readable pictures and their labels."""
    findings, thumbnails = [], {}
    names = dataset.picture_names
    for name, image_id in dict(zip(names, dataset.image_ids.tolist(), strict=True)).items():
        try:
            encoded = dataset.read_image(image_id)
            image_files.decode(encoded)
        except PosekitError as error:
            findings.append(Finding(name, ERROR, f"{error}."))
        else:
            # What the split compares, so that both find the same near-duplicates.
            frame = image_files.squashed(encoded, near_duplicates.PICTURE_SIDE)
            thumbnails[name] = near_duplicates.grey_thumbnails(frame[None])[0]
    return [*findings, *_near_duplicates(thumbnails), *_of_labels(dataset, names)]


def _of_labels(dataset, names):
    skeleton = dataset.skeleton
    inside = orientation.inside(dataset.keypoints_px, dataset.image_sizes_px[:, None, :])
    outside = dataset.labelled & ~inside
    boxes_px = geometry.joint_boxes(dataset.keypoints_px, dataset.labelled)
    longest_px = boxes_px[:, 2:].max(axis=1)  # NaN without a label
    twisted = _twisted(dataset)
    for index, name in enumerate(names):
        texts, count = [], dataset.labelled[index].sum()
        if count == 0:
            texts.append("has no labelled joint.")
        if outside[index].any():
            joints = ", ".join(skeleton.joints[joint] for joint in np.flatnonzero(outside[index]))
            texts.append(f"has joints outside of the picture: {joints}.")
        if count > 1 and longest_px[index] < TINY_PX:
            size = f"{longest_px[index]:.0f} pixels"
            texts.append(f"shows a person of {size}, too small for most networks.")
        if twisted[index]:
            texts.append(
                "has shoulders and hips that point opposite ways: are left and right swapped in "
                "one of them?"
            )
        yield from (Finding(name, WARNING, text) for text in texts)


def _twisted(dataset):
    """bool (N,), whether left to right of the shoulders is opposite to that of the hips."""
    index = {sides.canonical(name): joint for joint, name in enumerate(dataset.skeleton.joints)}
    if not all(name in index for pair in ACROSS for name in pair):
        return np.zeros(len(dataset), bool)
    known = dataset.labelled[:, [index[name] for pair in ACROSS for name in pair]].all(axis=1)
    known_px = np.where(known[:, None, None], dataset.keypoints_px, 0.0)
    shoulders, hips = (
        known_px[:, index[right]] - known_px[:, index[left]] for left, right in ACROSS
    )  # (N, 2)
    torso_px = geometry.torso_length_px(
        dataset.keypoints_px, dataset.labelled, skeleton=dataset.skeleton
    )
    across_px = np.stack([np.linalg.norm(each, axis=1) for each in (shoulders, hips)])  # (2, N)
    clear = known & (across_px > ACROSS_SHARE * torso_px).all(axis=0)  # False for NaN
    return clear & ((shoulders * hips).sum(axis=1) < TWIST_COSINE * across_px.prod(axis=0))


def _near_duplicates(thumbnails):
    if not thumbnails:
        return
    first = {}
    groups = near_duplicates.find_groups(np.stack(list(thumbnails.values())))
    for name, group in zip(thumbnails, groups.tolist(), strict=True):
        if first.setdefault(group, name) != name:
            yield Finding(name, WARNING, f"looks nearly the same as {first[group]}.")


def _sorted(findings):
    """The findings of an image together, errors first; images with errors first."""
    rank = {}
    for finding in sorted(findings, key=lambda each: each.level != ERROR):
        rank.setdefault(finding.image, len(rank))
    return sorted(findings, key=lambda each: (rank[each.image], each.level != ERROR))
