"""On paper: what 1 million and 100 million images would cost, from what was measured on fewer.

Each cost is the measured one for an image, times the images; finding look-alikes compares all with
all and grows with their square. A GPU's rate is a figure measured elsewhere and handed in; several
GPUs are taken to be as fast as their sum, which flatters them. Input is prepared on cores like
those of this machine.
"""

import json
import os

import results

COUNTS = (1_000_000, 100_000_000)
GPUS = (1, 8)
EPOCHS = 10

HOUR = 3600
# A job that takes longer than a night, or more than the memory or disk of an ordinary machine,
# counts as broken.
PATIENCE_SECONDS = 12 * HOUR
MEMORY_BYTES = 24e9
DISK_BYTES = 1e12
# posekit.datasets.containers.ENTRY_LIMIT
ZIP_ENTRIES = 100_000
# posekit.datasets.joints_mat reads no more of it, 14 joints of 3 numbers of 8 bytes each.
JOINTS_MAT_BYTES = 64 << 20
FRAME_BYTES = 96 * 96 * 3


def training_rate(path=None):
    """Images/s of posekit's training step with BN on this machine; None where not measured."""
    path = results.FOLDER / "training_step.json" if path is None else path
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))["images_per_second"]["posekit batchnorm"]


def per_image(sizes, packed):
    """Seconds and bytes that one image costs, on all cores of this machine.

    Args:
        sizes: list of dict, as `growth.phases_of` gives them with `images`; the largest counts.
        packed: dict, as `growth.packing` gives it.

    Returns:
        dict: `open` (labels and fingerprint), `decode`, `epoch`, seconds; `groups`, seconds by the
        square of the images; `label_bytes` of memory; `picture_bytes` of disk.
    """
    largest = max(sizes, key=lambda size: size["images"])
    count, phases = largest["images"], largest["phases"]
    grown = phases["fingerprint"]["peak_gigabytes"] - phases["start"]["peak_gigabytes"]
    return {
        "open": (phases["labels"]["seconds"] + phases["fingerprint"]["seconds"]) / count,
        "decode": phases["frames"]["seconds"] / count,
        "epoch": phases["epoch"]["seconds"] / count,
        "groups": phases["near-duplicates"]["seconds"] / count**2,
        "label_bytes": 1e9 * grown / count,
        "picture_bytes": packed["bytes"]["zip"] / packed["images"],
    }


def table(sizes, packed, *, training_rate, gpu_rate=None, cores=None):
    """The costs, and what breaks in which order.

    Args:
        sizes, packed: as for `per_image`.
        training_rate: float, images/s of a training step on this machine, or None.
        gpu_rate: float, images/s of a training step on one GPU, or None where none was measured.
        cores: int, of this machine; None asks the system.

    Returns:
        dict: `per_image`; `costs`, list of dict for each count of images and of GPUs; `breaks`,
        list of {"what", "images", "why"}, what fails at the fewest images first.
    """
    cores = cores or os.cpu_count()
    each = per_image(sizes, packed)
    costs = []
    for count in COUNTS:
        for gpus in GPUS:
            rate = None if gpu_rate is None else gpus * gpu_rate
            costs.append(
                {
                    "images": count,
                    "gpus": gpus,
                    "disk_gigabytes": count * (each["picture_bytes"] + FRAME_BYTES) / 1e9,
                    "memory_gigabytes": count * each["label_bytes"] / 1e9,
                    "open_hours": count * each["open"] / HOUR,
                    "decode_hours": count * each["decode"] / HOUR,
                    "groups_hours": count**2 * each["groups"] / HOUR,
                    "train_hours": None if rate is None else EPOCHS * count / rate / HOUR,
                    "train_hours_here": _hours(EPOCHS * count, training_rate),
                    # An image takes this machine's cores so long; a GPU takes so many a second.
                    "input_cores": None if rate is None else rate * each["epoch"] * cores,
                }
            )
    return {"per_image": each, "costs": costs, "breaks": breaks(each)}


def breaks(each):
    """What fails first as the images grow: list of {"what", "images", "why"}, fewest first."""
    found = [
        {
            "what": "one zip file",
            "images": ZIP_ENTRIES,
            "why": "archives of more files are refused; folders and packed sets are not",
        },
        {
            "what": "labels in one joints.mat",
            "images": JOINTS_MAT_BYTES // (14 * 3 * 8),
            "why": "larger files are refused; several sets are joined, or labels come as COCO's",
        },
        {
            "what": "finding look-alikes",
            "images": int((PATIENCE_SECONDS / each["groups"]) ** 0.5),
            "why": "all pairs are compared: more than 12 hours",
        },
        {
            "what": "decoding once, on this machine",
            "images": int(PATIENCE_SECONDS / each["decode"]),
            "why": "more than 12 hours",
        },
        {
            "what": "frames and pictures on one disk",
            "images": int(DISK_BYTES / (each["picture_bytes"] + FRAME_BYTES)),
            "why": "more than 1 TB",
        },
    ]
    if each["label_bytes"] > 0:
        found.append(
            {
                "what": "labels in memory",
                "images": int(MEMORY_BYTES / each["label_bytes"]),
                "why": "more than 24 GB",
            }
        )
    return sorted(found, key=lambda limit: limit["images"])


def _hours(images, rate):
    return None if rate is None else images / rate / HOUR
