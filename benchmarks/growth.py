"""Memory and time of the input as the data grow: 1,000, 10,000 and 100,000 images.

    .venv/bin/python benchmarks/growth.py

Each size is a process of its own, whose peak of resident memory is read after each phase: opening
the labels, decoding all pictures into frames, and epochs of augmented batches without training.
Drawing 100,000 people would take most of an hour, so 2,000 are drawn and the rest are these again,
each enlarged or shrunk a little, brightened and encoded again: other bytes, other sizes, as much to
read and decode. Then a set is packed, and reading it is timed against reading its zip.
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import estimate
import numpy as np
import results
import scipy.io

from posekit.datasets.synthetic import writing

SIZES = (1000, 10_000, 100_000)
DRAWN = 2000
BATCH = 64
MEMORY_LIMIT_GIGABYTES = 1.5
NEAR_DUPLICATES_LIMIT_SECONDS = 120


def main():
    """Measure, print and write; with --one-size, be the process that measures one size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="default: %(default)s")
    parser.add_argument("--drawn", type=int, default=DRAWN, help="default: %(default)s")
    parser.add_argument("--packed", type=int, default=10_000, help="images of the packed set")
    parser.add_argument("--json", type=Path, help="default: reports/benchmarks/growth.json")
    parser.add_argument(
        "--gpu-rate", type=float, help="images/s of a training step on a GPU, for the estimate"
    )
    parser.add_argument("--scratch", type=Path, help="folder for the data (default: a new one)")
    parser.add_argument("--one-size", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one_size is not None:
        print(json.dumps(phases_of(options.one_size)))
        return
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        drawn = writing.write(Path(scratch) / "drawn", count=options.drawn, seed=0)
        sizes = []
        for count in options.sizes:
            folder = grow(drawn, Path(scratch) / f"people-{count}", count)
            sizes.append({"images": count, **_in_own_process(folder)})
            print(json.dumps(sizes[-1]), flush=True)
        packed = packing(grow(drawn, Path(scratch) / "to-pack", options.packed), Path(scratch))
    results.write(
        "growth",
        rows_of(sizes, packed),
        path=options.json,
        sizes=sizes,
        packed=packed,
        estimates=estimate.table(
            sizes, packed, training_rate=estimate.training_rate(), gpu_rate=options.gpu_rate
        ),
    )


def grow(drawn, folder, count):
    """A synthetic set of any size, in the layout of the one that it is made of.

    Args:
        drawn: Path of a set that `synthetic.write` made.
        folder: Path of the new set.
        count: int > 0.

    Returns:
        Path, the new set.
    """
    (folder / "images").mkdir(parents=True)
    stored = scipy.io.loadmat(drawn / "joints.mat")["joints"]  # (14, 3, M)
    sources = sorted((drawn / "images").iterdir())
    rng = np.random.default_rng(0)
    scales = rng.uniform(0.9, 1.1, count)
    light = rng.uniform(-25, 25, count)
    joints = stored[:, :, np.arange(count) % len(sources)].copy()

    def write(index):
        image = cv2.imread(str(sources[index % len(sources)]))
        width, height = (max(8, round(side * scales[index])) for side in image.shape[1::-1])
        shown = cv2.convertScaleAbs(cv2.resize(image, (width, height)), beta=light[index])
        quality = [cv2.IMWRITE_JPEG_QUALITY, writing.JPEG_QUALITY]
        encoded = cv2.imencode(".jpg", shown, quality)[1].tobytes()
        (folder / "images" / f"im{index + 1:06d}.jpg").write_bytes(encoded)
        labelled = joints[:, 2, index] == 1
        joints[labelled, :2, index] *= [width / image.shape[1], height / image.shape[0]]

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, range(count)))
    scipy.io.savemat(folder / "joints.mat", {"joints": joints})
    with (folder / "annotations.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("image", "activity", "person_count"))
        rows.writerows((f"im{index + 1:06d}", "grown", 1) for index in range(count))
    (folder / "synthetic.json").write_text(json.dumps({"grown_from": len(sources)}) + "\n")
    return folder


def phases_of(folder):
    """Seconds and peak memory of each phase on one set, measured in this process.

    Args:
        folder: Path of the set.

    Returns:
        dict: `placement`, "memory" or "file"; `megabytes` of the frames; `phases`, name ->
        {"seconds", "peak_gigabytes"}, of which `epoch` is the median of three.
    """
    from posekit.datasets import lsp, near_duplicates
    from posekit.geometry import resize_keypoints
    from posekit.pipeline import crops
    from posekit.pipeline.augmentation import Augmentation
    from posekit.pipeline.batches import training_batches
    from posekit.datasets.image_files import squashed
    from posekit.pipeline.frames import load_frames, rows_of
    from posekit.profiles import FRAME_PX
    from posekit.training import engine

    engine.start(0)

    phases = {}

    def timed(name, work):
        started = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - started
        phases[name] = {"seconds": seconds, "peak_gigabytes": peak_gigabytes()}
        return result

    first = next((folder / "images").iterdir())
    timed("start", lambda: squashed(first.read_bytes(), 8))
    dataset = timed("labels", lambda: lsp.read(folder))
    timed("fingerprint", dataset.fingerprint)
    frames = timed(
        "frames",
        lambda: load_frames(dataset, frame_px=FRAME_PX, cache_dir=folder / "cache"),
    )
    keypoints_px = resize_keypoints(
        dataset.keypoints_px, dataset.image_sizes_px, (FRAME_PX, FRAME_PX)
    )
    targets = np.concatenate([keypoints_px, dataset.labelled[..., None]], axis=-1)
    crop = crops.Crop(
        FRAME_PX, FRAME_PX, 1.0, Augmentation(rotation_degrees=15.0, scale=1.2, shift=0.1)
    )
    stream, steps = training_batches(
        rows_of(frames, np.arange(len(dataset))),
        targets.astype(np.float32),
        batch_size=BATCH,
        seed=0,
        # A small set is gone through several times, so that its epoch can be timed at all.
        epochs=10**6,
        mirror=dataset.skeleton.mirror,
        crop=crop,
    )
    batches = iter(stream)
    repeats = max(1, 20_000 // len(dataset))
    epochs = []
    for _ in range(4):
        started = time.perf_counter()
        for _ in range(repeats * steps):
            next(batches)
        epochs.append((time.perf_counter() - started) / repeats)
    # The first one fills the queues.
    median, spread = results.median_and_range(epochs[1:])
    phases["epoch"] = {"seconds": median, "range": spread, "peak_gigabytes": peak_gigabytes()}
    # Last, so that its memory does not count as the input's.
    timed(
        "near-duplicates",
        lambda: near_duplicates.find_groups(near_duplicates.grey_thumbnails(frames)),
    )
    placement = "file" if isinstance(frames, np.memmap) else "memory"
    return {"placement": placement, "megabytes": frames.nbytes / 1e6, "phases": phases}


def peak_gigabytes():
    """The most memory that this process has had resident so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kibibytes, macOS bytes.
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


def packing(folder, scratch):
    """Seconds until the first batch from a zip, from its cache, and from the packed form.

    Args:
        folder: Path of a set.
        scratch: Path, for the zip, the packed set and the caches.

    Returns:
        dict: `images`, `bytes` of zip and packed set, `seconds` of opening each and of packing.
    """
    from posekit.datasets import packed as datasets_packed
    from posekit.pipeline.batches import training_batches
    from posekit.pipeline.experiment import open_experiment
    from posekit.pipeline.frames import FRAMES_VERSION

    archive = scratch / "people.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(folder))
    seconds = {}

    def opened(name, path):
        started = time.perf_counter()
        experiment = open_experiment(
            str(path), profile="full", seed=0, cache_dir=scratch / "zip-cache"
        )
        images = experiment.images("train")
        stream, _ = training_batches(
            images,
            experiment.targets("train", "masked"),
            batch_size=min(BATCH, len(images)),
            seed=0,
            epochs=1,
            mirror=experiment.dataset.skeleton.mirror,
        )
        next(iter(stream))
        seconds[name] = time.perf_counter() - started
        return experiment

    experiment = opened("zip, first time", archive)
    opened("zip, cached", archive)
    started = time.perf_counter()
    datasets_packed.write(
        scratch / "packed",
        experiment.dataset,
        frames=experiment.frames,
        frames_version=FRAMES_VERSION,
        groups=experiment.split.groups,
    )
    seconds["packing"] = time.perf_counter() - started
    again = opened("packed", scratch / "packed")
    if again.describe() != experiment.describe():
        raise SystemExit("the packed set must be the same experiment as the zip; it differs.")
    return {
        "images": len(experiment.dataset),
        "bytes": {
            "zip": archive.stat().st_size,
            "packed": sum(file.stat().st_size for file in (scratch / "packed").iterdir()),
        },
        "seconds": seconds,
    }


def rows_of(sizes, packed):
    """The table's rows.

    Args:
        sizes: list of {"images", "placement", "phases"}, as `phases_of` gives them.
        packed: dict, as `packing` gives it.

    Returns:
        list of `results.row`.
    """
    largest = max(sizes, key=lambda size: size["images"])
    rows = [
        results.row(
            f"memory for {size['images']:,} images",
            "-",
            size["phases"]["epoch"]["peak_gigabytes"],
            unit="GB",
            at_most=MEMORY_LIMIT_GIGABYTES if size is largest else None,
            note=f"frames in {size['placement']}, {size['megabytes']:,.0f} MB",
        )
        for size in sizes
    ]
    rows += [
        results.row(
            f"finding near-duplicates among {size['images']:,} images",
            "-",
            size["phases"]["near-duplicates"]["seconds"],
            unit="s",
            at_most=NEAR_DUPLICATES_LIMIT_SECONDS if size is largest else None,
        )
        for size in sizes
    ]
    for phase, words in (("frames", "first reading"), ("epoch", "an epoch of input")):
        per_image = [size["phases"][phase]["seconds"] / size["images"] for size in sizes]
        # The middle size is the measure: the smallest pays the start of everything.
        measure = sorted(zip([size["images"] for size in sizes], per_image, strict=True))
        base = measure[len(measure) // 2][1]
        largest_off = max((abs(each / base - 1) for _, each in measure), default=0.0)
        rows.append(
            results.row(
                f"time for an image in {words}: how far sizes differ",
                f"{measure[len(measure) // 2][0]:,} images",
                100 * largest_off,
                unit="%",
                at_most=10 if phase == "epoch" else None,
                note=", ".join(f"{1e6 * each:,.0f} us at {count:,}" for count, each in measure),
            )
        )
    seconds = packed["seconds"]
    for name in ("zip, first time", "zip, cached"):
        rows.append(
            results.row(
                f"packed set, start of a run, {packed['images']:,} images",
                name,
                seconds[name] / seconds["packed"],
                unit="x",
                note=f"{seconds['packed']:.2f} s against {seconds[name]:.2f} s",
            )
        )
    return rows


def _in_own_process(folder):
    command = [sys.executable, __file__, "--one-size", str(folder)]
    finished = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
    return json.loads(finished.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
