"""From JPEG files to augmented batches: posekit, PyTorch's DataLoader and a plain OpenCV loop.

    make peers
    .venv/bin/python benchmarks/input_pipeline.py

All decode, average down to 96 x 96, flip and apply a rotation, scale and shift, joints with them,
in batches of 64. `cold` begins with the files, and for posekit includes making its cache; `cached`
begins with decoded frames in memory.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import examples
import results
from side_by_side import Order, Worker, ratio_of, take_turns

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".venv-torch" / "bin" / "python"
BATCH = 64
OURS, THEIRS, LOOP = "posekit", "DataLoader, 2 workers", "OpenCV loop"
TARGETS = {"cold": 1.1, "cached": 4}
# The poster's own variation, mirroring alone, is one that both sides take.
MIRRORED = ", mirrored only"


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    results.add_options(parser, images=4000, pairs=5)
    parser.add_argument(
        "--epochs", type=int, default=5, help="of a cached round (default: %(default)s)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = examples.write(folder, options.data, options.images)
        arguments = [folder, str(min(BATCH, len(paths))), str(options.epochs)]
        workers = {
            OURS: _worker(OURS, sys.executable, "posekit_input.py", arguments),
            THEIRS: _worker(THEIRS, PEERS, "torch_input.py", arguments),
            LOOP: _worker(LOOP, sys.executable, "cv2_input.py", arguments),
        }
        measured = {
            how: measure([Order(*order) for order in orders], pairs=options.pairs)
            for how, orders in orders_of(workers).items()
        }
        for worker in workers.values():
            worker.close()
    results.write(
        "input_pipeline",
        rows_of(measured),
        path=options.json,
        images=len(paths),
        data=options.data,
        images_per_second={how: rates_of(found) for how, found in measured.items()},
    )


def orders_of(workers):
    """(worker, name, order) of all who take turns, by cold and cached."""
    ours = workers[OURS]
    return {
        "cold": [(worker, name, "cold") for name, worker in workers.items()],
        "cached": [
            *((worker, name, "cached") for name, worker in workers.items()),
            (ours, OURS + MIRRORED, "mirrored"),
            (workers[THEIRS], THEIRS + MIRRORED, "mirrored"),
        ],
    }


def measure(orders, *, pairs):
    """Seconds for an image: name -> list, one for each turn."""
    seconds, answers = take_turns(orders, ["round"], turns=pairs)
    return {
        name: [each / answers[name][0]["images"] for each in taken]
        for name, taken in seconds.items()
    }


def rates_of(found):
    """Images per second: name -> {"median", "range"}."""
    rates = {}
    for name, seconds in found.items():
        median, spread = results.median_and_range([1 / each for each in seconds])
        rates[name] = {"median": median, "range": spread}
    return rates


def rows_of(measured):
    """The table's rows: posekit by each peer, and what else it offers by the DataLoader."""
    rows = []
    for how, found in measured.items():
        pairs = [
            (OURS, THEIRS),
            (OURS, LOOP),
            (OURS + MIRRORED, THEIRS + MIRRORED),
        ]
        for ours, peer in pairs:
            if ours not in found:
                continue
            ratio = ratio_of(found[peer], found[ours])
            rate, their_rate = (1 / statistics.median(found[name]) for name in (ours, peer))
            rows.append(
                results.row(
                    f"input, {how}" + ours.removeprefix(OURS),
                    peer.removesuffix(MIRRORED),
                    ratio["ratio"],
                    unit="x",
                    spread=ratio["ratio_range"],
                    at_least=TARGETS[how] if (ours, peer) == (OURS, THEIRS) else None,
                    note=f"{rate:,.0f} against {their_rate:,.0f} images/s",
                )
            )
    return rows


def _worker(name, python, script, arguments):
    return Worker(name, [str(python), str(HERE / "workers" / script), *arguments])


if __name__ == "__main__":
    main()
