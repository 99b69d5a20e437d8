"""Read Leeds Sports Pose (LSP), its extended set (LSPet) or the synthetic set, folder or zip.

All three come as `images/im*.jpg` (or .png) next to `joints.mat`; data/README.md describes them.
"""

import csv
import io
import re
import warnings
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np

from posekit import geometry
from posekit.datasets import image_files, orientation
from posekit.datasets.containers import ADVICE, open_container
from posekit.datasets.joints_mat import read_joints
from posekit.datasets.pose_dataset import PoseDataset
from posekit.errors import PosekitError, check_choice, raise_problems
from posekit.skeleton import LSP

# Image numbers that are test data by convention, whichever copy of the set they come from.
FIXED_TEST_NUMBERS = {"lsp": range(1001, 2001), "lspet": range(9001, 10001)}

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")


def read(source, *, bad_images="error"):
    """Read labels and image sizes; pictures themselves are read on demand, from any thread.

    The set is LSP when `joints` in joints.mat is (3, 14, N), LSPet when it is (14, 3, N), and
    the synthetic set when synthetic.json lies next to it. The i-th label belongs to the i-th
    picture in the order of file names. Pictures and labels are as stored, whatever EXIF says.

    Args:
        source: path of a folder or zip; the set may lie in a folder of it.
        bad_images: "error" refuses a set with pictures whose header is unreadable; "skip" drops
            these pictures with a warning that names them.

    Returns:
        PoseDataset named "lsp", "lspet" or "synthetic". Extras are `occluded`, bool (N, 14), for
        LSP; `activity`, str (N,), and `person_count`, int (N,), for the synthetic set.

    Raises:
        PosekitError: anything in the source differs from the layout.
    """
    check_choice("lsp.read()", "bad_images", bad_images, ("error", "skip"))
    caller = str(source)
    files = open_container(Path(source))
    names = picture_names(caller, files)
    image_ids = np.array([_stem(name) for name in names])
    joints, is_lsp = read_joints(caller, files.read("joints.mat"), len(names))
    kind = "lsp" if is_lsp else "lspet"
    if "synthetic.json" in files.names:
        kind = "synthetic"
    fixed_test = _fixed_test(caller, kind, image_ids)
    _check_values(caller, image_ids, joints)
    extras = _annotations(caller, files, image_ids) if kind == "synthetic" else {}
    image_sizes_px, problem_of = _read_sizes(files, names)
    keep = _keep_readable(caller, bad_images, names, problem_of)
    keypoints_px, flags = joints[..., :2], joints[..., 2]
    if kind == "lsp":
        extras["occluded"] = flags == 1
    name_of = dict(zip(image_ids.tolist(), names, strict=True))
    dataset = PoseDataset(
        name=kind,
        image_ids=image_ids,
        keypoints_px=keypoints_px,
        labelled=labelled_rule(kind, keypoints_px, flags, image_sizes_px),
        image_sizes_px=image_sizes_px,
        fixed_test=fixed_test,
        has_fixed_test=kind in FIXED_TEST_NUMBERS,
        read_image=lambda image_id: files.read(name_of[image_id]),
        extras=extras,
        skeleton=LSP,
    )
    return dataset.subset(keep)


def labelled_rule(kind, keypoints_px, flags, image_sizes_px):
    """Which joints count: the one rule for all sets.

    LSP gives every joint a position, and its flag says only that the joint is occluded, so every
    joint counts. LSPet and the synthetic set flag a usable position with 1; a few of these still
    lie outside their picture, so a joint must also have 0 <= x < width and 0 <= y < height.

    `kind` is "lsp", "lspet" or "synthetic", `keypoints_px` float (N, 14, 2), `flags` (N, 14), 0 or
    1, as stored, and `image_sizes_px` (N, 2), (width, height); gives bool (N, 14).
    """
    if kind == "lsp":
        return np.ones(flags.shape, bool)
    inside = (keypoints_px >= 0) & (keypoints_px < image_sizes_px[:, None, :])  # (N, 14, 2)
    return (flags == 1) & inside.all(axis=-1)


def unreadable(source):
    """The pictures of a set whose header cannot be read: list of (image id, what is wrong)."""
    files = open_container(Path(source))
    names = picture_names(str(source), files)
    _, problem_of = _read_sizes(files, names)
    return [(_stem(names[index]), problem) for index, problem in problem_of.items()]


def check_images(dataset):
    """Decode every picture in full, which `read` does not: list of (image id, what is wrong)."""
    problems = []
    for image_id in dataset.image_ids.tolist():
        try:
            image_files.decode(dataset.read_image(image_id))
        except PosekitError as error:
            problems.append((image_id, str(error)))
    return problems


def decode(dataset, index):
    """One picture at its own size, uint8 (H, W, 3), RGB, as stored; PosekitError if damaged."""
    image_id = str(dataset.image_ids[index])
    encoded = dataset.read_image(image_id)
    try:
        return image_files.decode(encoded)
    except PosekitError as error:
        raise PosekitError(f"{dataset.name}: image {image_id} {error}.") from error


def picture_names(caller, files):
    """Names of a container's pictures ("images/im0001.jpg") by stem, the order of the labels.

    PosekitError without joints.mat or pictures, and for two pictures of one stem.
    """
    names = [
        name
        for name in files.names
        if name.startswith("images/")
        and name.count("/") == 1
        and name.lower().endswith(PICTURE_SUFFIXES)
        and not _stem(name).startswith(".")
    ]
    found = f"got none among {len(files.names)} files. {ADVICE}"
    problems = []
    if "joints.mat" not in files.names:
        problems.append(f"`joints.mat` must lie next to the folder `images`; {found}")
    if not names:
        problems.append(f"`images` must hold pictures (.jpg or .png); {found}")
    problems += [
        f"`images` must hold one picture per name; got {count} files for {stem}. Keep one."
        for stem, count in sorted(Counter(map(_stem, names)).items())
        if count > 1
    ]
    raise_problems(caller, problems)
    return sorted(names, key=_stem)


def summarise(dataset):
    """A data set in numbers, a dict ready for JSON; what could not be measured is None.

    Shares are in [0, 1]; quantiles are of image sizes (pixels) and of the box around the labelled
    joints as a share of its picture.
    """
    labelled = dataset.labelled
    per_image = labelled.sum(axis=1)  # (N,)
    junk_px = dataset.keypoints_px[~labelled]  # (M, 2)
    negative, zero = (junk_px < 0).any(axis=1), (junk_px == 0).all(axis=1)
    width, height = dataset.image_sizes_px.T
    # One joint alone has a position but no size.
    has_size = per_image >= 2
    boxes_px = geometry.joint_boxes(dataset.keypoints_px, labelled)
    box_width, box_height = (boxes_px[:, 2:] / dataset.image_sizes_px)[has_size].T
    return {
        "name": dataset.name,
        "images": len(dataset),
        "joints": labelled.size,
        "labelled_joints": int(labelled.sum()),
        "labelled_share": _mean(labelled),
        "labelled_share_of_joint": {
            joint: _mean(labelled[:, index]) for index, joint in enumerate(dataset.skeleton.joints)
        },
        "images_with_all_joints": int((per_image == dataset.skeleton.joint_count).sum()),
        "unlabelled_joints": {
            "count": len(junk_px),
            "negative": int(negative.sum()),
            "exactly_zero": int(zero.sum()),
            "elsewhere": int((~negative & ~zero).sum()),
        },
        "image_width_px": _quantiles(width),
        "image_height_px": _quantiles(height),
        "person_width_share": _quantiles(box_width),
        "person_height_share": _quantiles(box_height),
    }


def _stem(name):
    return PurePosixPath(name).stem


def _fixed_test(caller, kind, image_ids):
    if kind not in FIXED_TEST_NUMBERS:
        return np.zeros(len(image_ids), bool)
    wrong = [image_id for image_id in image_ids if not re.fullmatch(r"im[0-9]{1,9}", image_id)]
    rule = "`images` must be named im and a number of at most 9 digits"
    raise_problems(caller, [f"{rule}; got {image_id}. {ADVICE}" for image_id in wrong])
    numbers = np.array([int(image_id[2:]) for image_id in image_ids])
    # Labels follow the order of names, which is that of numbers only when all have equal digits.
    backward = np.flatnonzero(np.diff(numbers) <= 0)
    if backward.size:
        before, after = image_ids[backward[0] : backward[0] + 2]
        raise PosekitError(
            f"{caller}: `images` must be numbered with the same count of digits; got {before} "
            f"sorted before {after}. Pad the numbers with zeros."
        )
    return np.isin(numbers, FIXED_TEST_NUMBERS[kind])


def _check_values(caller, image_ids, joints):
    # NaN is within no limit. Junk in LSPet lies up to 322 px outside of its picture.
    far = ~(np.abs(joints[..., :2]) <= image_files.SIDE_LIMIT_PX).all(axis=-1)
    rule = "`joints` in joints.mat must be finite and lie where a picture can"
    problems = [
        f"{rule}; got {joints[image, joint, :2].tolist()} for {LSP.joints[joint]} of "
        f"{image_ids[image]}."
        for image, joint in np.argwhere(far)
    ]
    problems += [
        f"the flags in joints.mat must be 0 or 1; got {joints[image, joint, 2]} for "
        f"{LSP.joints[joint]} of {image_ids[image]}."
        for image, joint in np.argwhere(~np.isin(joints[..., 2], (0, 1)))
    ]
    raise_problems(caller, problems)


def _annotations(caller, files, image_ids):
    """The synthetic set's extras, in the order of `image_ids`."""
    text = files.read("annotations.csv").decode("utf-8", errors="replace")
    try:
        reader = csv.DictReader(io.StringIO(text), restval="")
        rows = {_stem(row["image"]): (row["activity"], row["person_count"]) for row in reader}
        activities, counts = zip(*(rows[image_id] for image_id in image_ids.tolist()), strict=True)
        person_count = np.array([int(count) for count in counts], np.int64)
    except (csv.Error, KeyError, OverflowError, ValueError) as error:
        found = f"none of {error}" if isinstance(error, KeyError) else error
        raise PosekitError(
            f"{caller}: `annotations.csv` must hold image, activity and person_count of every "
            f"picture; got {found}. Write the synthetic set again."
        ) from error
    return {"activity": np.array(activities), "person_count": person_count}


def _read_sizes(files, names):
    """int64 (N, 2), (width, height) as stored; what is wrong by index."""
    sizes, problem_of = np.ones((len(names), 2), np.int64), {}
    for index, name in enumerate(names):
        try:
            sizes[index] = orientation.upright_size(*image_files.frame_of(files, name))
        except PosekitError as error:
            problem_of[index] = str(error)
    return sizes, problem_of


def _keep_readable(caller, bad_images, names, problem_of):
    """Indices of the readable pictures."""
    if bad_images == "error" or len(problem_of) == len(names):
        advice = 'Get it again, or drop it with bad_images="skip" (--skip-bad-images).'
        raise_problems(
            caller, [f"`{names[at]}` {problem}. {advice}" for at, problem in problem_of.items()]
        )
    elif problem_of:
        bad = [names[index] for index in problem_of]
        more = f" and {len(bad) - 10} more" if len(bad) > 10 else ""
        warnings.warn(
            f"{caller}: dropped {len(bad)} pictures that cannot be used: "
            f"{', '.join(bad[:10])}{more}.",
            stacklevel=3,
        )
    return np.setdiff1d(np.arange(len(names)), list(problem_of))


def _mean(values):
    return float(values.mean()) if values.size else None


def _quantiles(values):
    names = ("minimum", "percent_5", "median", "percent_95", "maximum")
    if not values.size:
        return dict.fromkeys(names)
    return dict(zip(names, np.quantile(values, (0, 0.05, 0.5, 0.95, 1)).tolist(), strict=True))
