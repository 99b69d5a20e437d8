"""The page of all benchmarks: reports/benchmarks.html, from what they left in reports/benchmarks/.

    .venv/bin/python benchmarks/page.py
"""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import estimate
import results

from posekit import files
from posekit.plots.style import PALETTE, new_figure, styled
from posekit.report import pages

PAGE = files.PROJECT_ROOT / "reports" / "benchmarks.html"

# In the order of the page.
NAMES = ("input_pipeline", "training_step", "prediction_latency", "library", "growth")


def main():
    """Write the page and print its path and the table."""
    stored = read(results.FOLDER)
    results.show([row for found in stored.values() for row in found["rows"]])
    write(PAGE, stored)
    print(PAGE)


def read(folder):
    """What each benchmark found, of those that have run: name -> dict."""
    paths = {name: Path(folder) / f"{name}.json" for name in NAMES}
    return {name: files.read_json(path) for name, path in paths.items() if path.is_file()}


def write(path, stored, *, problems=()):
    """Write the page.

    Args:
        path: where to.
        stored: dict, as `read` gives it.
        problems: list of str, what could not be measured.
    """
    missing = [f"{name} has not run." for name in NAMES if name not in stored]
    page = pages.render(
        "benchmarks.html",
        folder=Path(__file__).with_name("templates"),
        machine=machine(),
        written=datetime.now(UTC).isoformat(timespec="seconds"),
        problems=[*problems, *missing],
        rows=[in_words(row) for found in stored.values() for row in found["rows"]],
        sections=[(title, list(map(pages.picture_of, drawn))) for title, drawn in sections(stored)],
        estimates=stored.get("growth", {}).get("estimates"),
        epochs=estimate.EPOCHS,
    )
    files.write_text(path, page)


def in_words(row):
    """A row with its amounts as the page shows them."""
    return {
        **row,
        "amount": results.amount(row["value"], row["unit"]),
        "range": results.spread(row),
        "target": results.target(row),
        "verdict": results.verdict(row),
    }


def machine():
    """What the figures were measured on: dict of str and int."""
    processor = platform.processor() or platform.machine()
    told = Path("/proc/cpuinfo")
    if told.is_file():
        names = [line for line in told.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].partition(":")[2].strip() if names else processor
    memory = "unknown"
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB"
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "memory": memory,
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
    }


def sections(stored):
    """(title, list of Figure) for each benchmark that has something to draw."""
    if "input_pipeline" in stored:
        rates = stored["input_pipeline"]["images_per_second"]
        drawn = [
            bars(
                {name: rate["median"] for name, rate in of.items()},
                {name: rate["range"] for name, rate in of.items()},
                title=f"Input, {how}",
                label="images/s",
            )
            for how, of in rates.items()
        ]
        yield "Input", drawn
    if "training_step" in stored:
        rates = stored["training_step"]["images_per_second"]
        drawn = []
        for kind, words in (("batchnorm", "with BN"), ("plain", "without BN")):
            of = {name: rate for name, rate in rates.items() if kind in name.split()}
            drawn.append(bars(of, {}, title=f"Training step {words}", label="images/s"))
        yield "Training step", drawn
    if "prediction_latency" in stored:
        milliseconds = stored["prediction_latency"]["milliseconds"]
        drawn = [
            bars(of, {}, title=f"Prediction, {how}", label="ms an image")
            for how, of in milliseconds.items()
        ]
        yield "Prediction", drawn
    if "growth" in stored:
        yield "Growth", [growth_figure(stored["growth"]["sizes"])]


@styled
def bars(values, ranges, *, title, label):
    """Horizontal bars, posekit's in its colour.

    Args:
        values: dict, name -> number.
        ranges: dict, name -> [low, high], of some or none of them.
        title, label: str.

    Returns:
        Figure.
    """
    figure, axes = new_figure(size_inches=(5, 0.7 + 0.35 * len(values)))
    axis = axes[0, 0]
    names = list(values)[::-1]
    colours = [PALETTE[0] if name.startswith("posekit") else PALETTE[6] for name in names]
    axis.barh(names, [values[name] for name in names], color=colours, height=0.6)
    for name in names:
        if name in ranges:
            axis.plot(ranges[name], [name, name], color="#222222", linewidth=1.2)
        axis.annotate(
            f" {values[name]:,.0f}" if values[name] >= 100 else f" {values[name]:.1f}",
            (max(ranges.get(name, [0]) + [values[name]]), name),
            va="center",
        )
    axis.margins(x=0.16)
    axis.set(title=title, xlabel=label, xlim=(0, None))
    axis.grid(visible=False, axis="y")
    return figure


@styled
def growth_figure(sizes):
    """Time and peak memory by the number of images, both axes logarithmic where that is honest.

    Args:
        sizes: list of dict, as `growth.phases_of` gives them with `images`.

    Returns:
        Figure.
    """
    figure, axes = new_figure(1, 2, size_inches=(9, 3.2))
    counts = [size["images"] for size in sizes]
    time_axis, memory_axis = axes[0]
    shown = {"frames": "first reading, with decoding", "epoch": "an epoch of input"}
    for phase, words in shown.items():
        seconds = [size["phases"][phase]["seconds"] for size in sizes]
        time_axis.loglog(counts, seconds, marker="o", label=words)
        # Where time is linear the points lie on this line.
        linear = [seconds[-1] * count / counts[-1] for count in counts]
        time_axis.loglog(counts, linear, color="#9a9a9a", linestyle=":", linewidth=1)
    time_axis.set(title="Time (dotted: linear)", xlabel="images", ylabel="seconds")
    time_axis.legend()
    peaks = [size["phases"]["epoch"]["peak_gigabytes"] for size in sizes]
    memory_axis.semilogx(counts, peaks, marker="o")
    memory_axis.axhline(1.5, color="#9a9a9a", linestyle=":", linewidth=1)
    memory_axis.set(
        title="Peak memory (dotted: limit)", xlabel="images", ylabel="GB resident", ylim=(0, None)
    )
    for size, peak in zip(sizes, peaks, strict=True):
        memory_axis.annotate(
            f"in {size['placement']}", (size["images"], peak), (0, 6), textcoords="offset points"
        )
    return figure


if __name__ == "__main__":
    main()
