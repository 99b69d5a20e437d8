"""The machinery of the benchmarks, with stand-ins for what is measured."""

import ast
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from posekit import geometry
from posekit.datasets import lsp
from posekit.datasets.synthetic import writing
from posekit.models import poster
from posekit.pipeline import crops
from posekit.skeleton import LSP

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

import estimate  # noqa: E402 - from benchmarks/
import growth  # noqa: E402
import input_pipeline  # noqa: E402
import library  # noqa: E402
import page  # noqa: E402
import peer_scores  # noqa: E402
import prediction_latency  # noqa: E402
import results  # noqa: E402
import run  # noqa: E402
import side_by_side  # noqa: E402
import training_step  # noqa: E402

import examples  # noqa: E402

ECHO = """
import json, sys
print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "end":
        break
    print(json.dumps({"work": line.strip()}), flush=True)
"""


class Fake:
    """A worker that needs the seconds it is told, and notes what it was asked."""

    def __init__(self, name, seconds, asked):
        self.name = name
        self._seconds = iter(seconds)
        self._asked = asked

    def answer(self, work):
        self._asked.append((self.name, work))
        return {"images": 10, "asked": len(self._asked)}, next(self._seconds)


def test_turns_alternate_and_the_first_round_does_not_count():
    asked = []
    a, b = Fake("a", [9, 1, 2, 3], asked), Fake("b", [9, 4, 4, 9], asked)
    seconds, answers = side_by_side.take_turns([a, b], ["w"], turns=3)
    assert [name for name, _ in asked] == ["a", "b", "a", "b", "b", "a", "a", "b"]
    assert seconds == {"a": [1, 2, 3], "b": [4, 4, 9]}
    assert answers["b"] == [{"images": 10, "asked": 8}]
    assert side_by_side.ratio_of(seconds["b"], seconds["a"]) == {
        "ratio": 3, "ratio_range": [2, 4]
    }


def test_times_of_several_pieces_add_up():
    asked = []
    ours, theirs = Fake("ours", [1] * 8, asked), Fake("theirs", [2, 2, 2, 3, 2, 3, 2, 3], asked)
    found = side_by_side.alternate(ours, theirs, ["x", "y"], turns=3)
    assert found["ratio"] == 2.5 and found["pieces"] == 2
    assert found["milliseconds"] == {"ours": 1000, "theirs": 2500}
    assert [len(each) for each in found["answers"].values()] == [2, 2]


def test_a_worker_answers_line_by_line_in_its_own_process():
    worker = side_by_side.Worker("echo", [sys.executable, "-c", ECHO])
    order = side_by_side.Order(worker, "one of its orders", "sing")
    assert worker.answer("one\ttwo")[0] == {"work": "one\ttwo"}
    answer, seconds = order.answer("whatever the work")
    assert answer == {"work": "sing"} and seconds > 0
    with pytest.raises(SystemExit, match="echo: must answer 'end'; it ended"):
        worker.answer("end")
    worker.close()


def test_a_worker_that_does_not_start_is_named():
    with pytest.raises(SystemExit, match="broken: must print `ready` first; it printed 'no'"):
        side_by_side.Worker("broken", [sys.executable, "-c", "print('no')"])
    with pytest.raises(SystemExit, match="broken: must print `ready`; it ended"):
        side_by_side.Worker("broken", [sys.executable, "-c", ""])


def test_a_worker_that_stands_still_is_ended():
    code = "print('ready', flush=True); input(); input()"
    worker = side_by_side.Worker("still", [sys.executable, "-c", code], limit_seconds=2)
    with pytest.raises(SystemExit, match="still: must answer 'x' within 2 s; it did not"):
        worker.answer("x")
    worker.close()


@pytest.mark.parametrize(
    ("value", "limits", "holds", "words"),
    [
        (1.3, {"at_least": 1.3}, True, "holds"),
        (1.29, {"at_least": 1.3}, False, "misses"),
        (5, {"at_most": 5}, True, "holds"),
        (5.1, {"at_most": 5}, False, "misses"),
        (1.31, {"at_least": 1.3, "spread": [1.28, 1.35]}, True, "not decided"),
        (1.31, {"at_least": 1.3, "spread": [1.30, 1.35]}, True, "holds"),
        (5.1, {"at_most": 5, "spread": [4.9, 5.2]}, False, "not decided"),
        (5.1, {"spread": [5, 6]}, None, ""),
        (5.1, {}, None, ""),
        (None, {"at_most": 5}, None, "not measured"),
    ],
)
def test_a_row_knows_whether_its_target_holds(value, limits, holds, words):
    row = results.row("work", "-", value, unit="x", **limits)
    assert row["holds"] is holds and results.verdict(row) == words


def test_rows_are_printed_and_written(tmp_path, capsys):
    rows = [
        results.row("one", "peer", 1.5, unit="x", spread=[1.4, 1.62], at_least=1.3, note="why"),
        results.row("two", "-", 12_345.6, unit="images/s"),
    ]
    results.write("name", rows, path=tmp_path / "name.json", more={"a": 1})
    printed = capsys.readouterr().out
    assert "| one | peer | 1.5x | 1.4 to 1.62 | at least 1.3x | holds |" in printed
    assert "| two | - | 12,346 images/s |" in printed and "one: why" in printed
    stored = json.loads((tmp_path / "name.json").read_text())
    assert stored["rows"] == rows and stored["more"] == {"a": 1} and stored["cores"]


def test_examples_are_the_same_pictures_and_labels(synthetic_folder, tmp_path):
    paths = examples.write(tmp_path, str(synthetic_folder), 12)
    original, read = lsp.read(synthetic_folder), examples.read(tmp_path)
    chosen = np.searchsorted(original.image_ids, read.image_ids)
    assert len(read) == len(paths) == 12 and chosen[[0, -1]].tolist() == [0, 47]
    assert read.fingerprint() == original.subset(chosen).fingerprint()


def test_input_ratios_are_of_times_for_an_image():
    asked = []
    found = input_pipeline.measure(
        [
            Fake("posekit", [1, 1.0, 2.0], asked),
            Fake("DataLoader, 2 workers", [1, 4.0, 6.0], asked),
            Fake("OpenCV loop", [1, 0.5, 1.0], asked),
        ],
        pairs=2,
    )
    assert found["posekit"] == [0.1, 0.2]
    assert input_pipeline.rates_of(found)["posekit"] == {"median": 7.5, "range": [5, 10]}
    mirrored = {"posekit, mirrored only": [0.4, 0.6], "DataLoader, 2 workers, mirrored only": [1, 1]}
    rows = input_pipeline.rows_of({"cold": found, "cached": {**found, **mirrored}})
    assert [(row["work"], row["value"], row["holds"]) for row in rows] == [
        ("input, cold", 3.5, True),
        ("input, cold", 0.5, None),
        ("input, cached", 3.5, False),
        ("input, cached", 0.5, None),
        ("input, cached, mirrored only", pytest.approx(2.0833, abs=1e-3), None),
    ]


def test_every_side_takes_its_turns_cold_and_cached():
    workers = {input_pipeline.OURS: 1, input_pipeline.THEIRS: 2, input_pipeline.LOOP: 3}
    orders = input_pipeline.orders_of(workers)
    assert [worker for worker, _, _ in orders["cold"]] == [1, 2, 3]
    assert {order for _, _, order in orders["cold"]} == {"cold"}
    assert [order for worker, _, order in orders["cached"] if worker == 1] == [
        "cached", "mirrored"
    ]
    assert [order for worker, _, order in orders["cached"] if worker == 2] == ["cached", "mirrored"]


def test_the_measured_input_is_what_trainings_call():
    # A crop has no way to be computed but one: its settings are the size, the view and the
    # augmentation that a training has too.
    fields = [field.name for field in dataclasses.fields(crops.Crop)]
    assert fields == ["frame_px", "canvas_px", "share", "augmentation"]
    for source in ("benchmarks/growth.py", "benchmarks/workers/posekit_input.py",
                   "posekit/training/fit.py"):
        assert "training_batches(" in (ROOT / source).read_text("utf-8"), source


STEPS = {
    "posekit batchnorm": [1.0, 1.0],
    "posekit plain": [0.8, 0.8],
    "PyTorch batchnorm contiguous eager": [2.0, 2.0],
    "PyTorch batchnorm channels_last compiled": [1.4, 1.4],
    "PyTorch plain contiguous eager": [0.7, 0.7],
}
OWN_STEPS = {
    "posekit batchnorm": [1.0, 1.0],
    "posekit plain": [0.8, 0.8],
    "posekit keras batchnorm": [1.6, 1.6],
    "posekit keras plain": [1.0, 1.0],
}


def test_the_fastest_of_pytorch_counts():
    waits = {"mirrored": [{"waited": 0.1, "seconds": 10}, {"waited": 0.3, "seconds": 10}]}
    rows = training_step.rows_of(STEPS, OWN_STEPS, waits, images=96)
    found = {row["work"]: row for row in rows}
    with_bn, without = found["training step with BN"], found["training step without BN"]
    assert with_bn["against"] == "PyTorch batchnorm channels_last compiled"
    assert with_bn["value"] == 1.4 and with_bn["holds"]
    assert without["value"] == pytest.approx(0.875) and not without["holds"]
    assert found["cost of BN in a step"]["value"] == 1.25
    keras_own = found["cost of BN in a step, Keras' own kernels"]
    assert keras_own["value"] == 1.6 and keras_own["holds"] is None
    assert found["step's wait for input, mirrored"]["value"] == pytest.approx(2)


def test_networks_that_differ_are_not_compared():
    answers = {name: [{"parameters": 7}] for name in STEPS}
    training_step.check_same_network(answers)
    answers["PyTorch plain contiguous eager"] = [{"parameters": 8}]
    with pytest.raises(SystemExit, match="'PyTorch plain contiguous eager': 8"):
        training_step.check_same_network(answers)


def test_pytorchs_network_is_told_the_posters_widths():
    source = (ROOT / "benchmarks" / "workers" / "torch_step.py").read_text(encoding="utf-8")
    told = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith("WIDTHS")
    }
    assert told == {
        "CONVOLUTION_WIDTHS": poster.CONVOLUTION_WIDTHS, "DENSE_WIDTHS": poster.DENSE_WIDTHS
    }


# All of them with a labelled torso, without which no joint is counted.
PEOPLE = [1, 2, 3, 4]


def test_a_person_not_found_is_wrong_everywhere(synthetic_folder):
    part = lsp.read(synthetic_folder).subset(PEOPLE)
    right = [{"keypoints_px": [pose[:12].tolist()]} for pose in part.keypoints_px]
    assert prediction_latency.errors_of(right, part).pck().total == 1
    lost = [*right[:3], {"keypoints_px": [None]}]
    assert np.isfinite(
        geometry.torso_length_px(part.keypoints_px, part.labelled, skeleton=LSP)
    ).all()
    counts = part.labelled[:, :12].sum(axis=1)
    share = prediction_latency.errors_of(lost, part).pck().total
    assert share == pytest.approx(counts[:3].sum() / counts.sum())


def test_models_and_peers_are_compared_on_the_same_pictures():
    hits = {"posekit a": [2.0, 3.0, 1.0], "posekit b": [2.0, 2.0, 0.0], "peer": [1.0, 1.0, 1.0]}
    counted = np.array([4.0, 4.0, 2.0])
    sums = {name: {"pck_0.2": (np.array(each), counted)} for name, each in hits.items()}
    table = peer_scores.compare(sums, np.arange(3), ours=["posekit a", "posekit b"], seed=0)
    assert [each["pck_0.2"][0] for each in table["scores"].values()] == [0.6, 0.4, 0.3]
    found = {name: each["pck_0.2"] for name, each in table["differences"].items()}
    assert found["posekit a minus peer"][0] == pytest.approx(0.3)
    assert found["posekit b minus peer"][0] == pytest.approx(0.1)
    # The last picture is the only one on which the peer is better than the second.
    assert found["posekit b minus peer"][1] == pytest.approx(-0.5)
    assert len(found) == 2


def test_speed_counts_beside_accuracy():
    facing = {"large": "posekit best", "small": "posekit quick"}
    seconds = {
        "posekit best": [1.0], "large": [2.0], "posekit quick": [0.4], "small": [0.3]
    }
    scores = {"posekit best": 0.5, "large": 0.6, "posekit quick": 0.4, "small": 0.4}
    rows = prediction_latency.rows_of(facing, seconds, seconds, scores, images=10)
    assert [(row["work"], row["against"], row["holds"]) for row in rows] == [
        ("posekit best, one image", "large", True),
        ("posekit quick, one image", "small", False),
        ("posekit best, batch 32", "large", True),
        ("posekit quick, batch 32", "small", False),
        ("posekit best, PCK@0.2 above the peer's", "large", False),
        ("posekit quick, PCK@0.2 above the peer's", "small", True),
    ]
    assert rows[0]["value"] == 2 and rows[4]["value"] == pytest.approx(-0.1)
    assert rows[0]["note"] == "100.0 against 200.0 ms an image"


def index_of(finished, *, profile="quick", status="ok"):
    return {
        "parameters": {"profile": profile},
        "finished": finished,
        "seconds": 110,
        "notebooks": [{"status": "ok", "compute_seconds": 60}, {"status": status,
                                                                "compute_seconds": 40}],
    }


def test_the_newest_whole_quick_report_counts(tmp_path):
    assert library.report_row(library.newest_quick_report(tmp_path))["value"] is None
    for name, index in {
        "old": index_of("2026-01-01T00:00"),
        "new": index_of("2026-03-01T00:00"),
        "reused": index_of("2026-04-01T00:00", status="reused"),
        "full": index_of("2026-05-01T00:00", profile="full"),
        "going": index_of(None),
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.json").write_text(json.dumps(index))
    row = library.report_row(library.newest_quick_report(tmp_path))
    assert row["value"] == pytest.approx(1.1) and row["holds"] and "new" in row["note"]


def test_metrics_are_timed_after_a_first_call():
    calls = []
    assert len(library.seconds_of(lambda: calls.append(1), 3)) == 3 and len(calls) == 4
    row = library.metrics_row(20, 2)
    assert row["work"] == "metrics on 20 poses" and row["holds"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return writing.write(tmp_path_factory.mktemp("drawn") / "people", count=3, seed=1)


def test_a_grown_set_is_read_like_any_other(drawn, tmp_path):
    grown = lsp.read(growth.grow(drawn, tmp_path / "grown", 7))
    small = lsp.read(drawn)
    assert len(grown) == 7 and grown.name == "synthetic"
    pictures = {grown.read_image(str(image_id)) for image_id in grown.image_ids}
    assert len(pictures) == 7, "no picture is a copy of another"
    stretch = grown.image_sizes_px[3] / small.image_sizes_px[0]
    both = grown.labelled[3] & small.labelled[0]
    assert both.any()
    np.testing.assert_allclose(
        grown.keypoints_px[3][both], small.keypoints_px[0][both] * stretch
    )
    assert not lsp.check_images(grown)


def size_of(images, *, epoch=1e-4, peak=0.8):
    phases = {
        "start": {"seconds": 1, "peak_gigabytes": 0.5},
        "labels": {"seconds": 1e-4 * images, "peak_gigabytes": 0.5},
        "fingerprint": {"seconds": 1e-4 * images, "peak_gigabytes": 0.5 + 1e-6 * images},
        "frames": {"seconds": 1e-3 * images, "peak_gigabytes": peak},
        "epoch": {"seconds": epoch * images, "range": [0, 1], "peak_gigabytes": peak},
        "near-duplicates": {"seconds": 5e-7 * images**2, "peak_gigabytes": peak},
    }
    return {"images": images, "placement": "file", "megabytes": 27.6, "phases": phases}


PACKED = {
    "images": 1000,
    "bytes": {"zip": 20_000_000, "packed": 50_000_000},
    "seconds": {"zip, first time": 8.0, "zip, cached": 4.0, "packed": 2.0, "packing": 1.0},
}


def test_growth_holds_only_where_it_is_linear_and_small():
    rows = growth.rows_of([size_of(1000), size_of(10_000)], PACKED)
    assert [row["holds"] for row in rows] == [None, True, None, True, None, True, None, None]
    assert rows[-1]["value"] == 2 and rows[-2]["value"] == 4
    rows = growth.rows_of([size_of(1000, epoch=1.2e-4), size_of(10_000, peak=1.6)], PACKED)
    assert rows[1]["holds"] is False
    (uneven,) = [row for row in rows if "an epoch" in row["work"]]
    assert uneven["value"] == pytest.approx(20) and uneven["holds"] is False


def test_the_estimate_by_hand():
    found = estimate.table(
        [size_of(1000), size_of(10_000)], PACKED, training_rate=100, gpu_rate=1000, cores=2
    )
    costs = {(cost["images"], cost["gpus"]): cost for cost in found["costs"]}
    assert sorted(costs) == [(10**6, 1), (10**6, 8), (10**8, 1), (10**8, 8)]
    one, eight = costs[10**6, 1], costs[10**6, 8]
    # 20 kB of picture and 27,648 bytes of frame; a kilobyte of labels.
    assert one["disk_gigabytes"] == pytest.approx(47.648)
    assert one["memory_gigabytes"] == pytest.approx(1)
    assert one["open_hours"] == pytest.approx(200 / 3600)
    assert one["decode_hours"] == pytest.approx(1000 / 3600)
    # Half a second for a thousand: a million is a thousand times as many, a million times the work.
    assert one["groups_hours"] == pytest.approx(500_000 / 3600)
    assert one["train_hours"] == pytest.approx(10_000 / 3600) == 8 * eight["train_hours"]
    assert one["train_hours_here"] == pytest.approx(100_000 / 3600)
    # Two cores for a tenth of a millisecond an image, a thousand images a second.
    assert one["input_cores"] == pytest.approx(0.2) and eight["input_cores"] == pytest.approx(1.6)
    images = [limit["images"] for limit in found["breaks"]]
    assert images == sorted(images) and found["breaks"][0]["what"] == "one zip file"
    at_images = {limit["what"]: limit["images"] for limit in found["breaks"]}
    assert at_images["finding look-alikes"] == pytest.approx((12 * 3600 / 0.5e-6) ** 0.5, abs=1)


def test_without_a_gpus_rate_its_columns_are_empty():
    found = estimate.table([size_of(1000)], PACKED, training_rate=None)
    assert {cost["train_hours"] for cost in found["costs"]} == {None}
    assert estimate.training_rate(ROOT / "nothing.json") is None


STORED = {
    "input_pipeline": {
        "rows": [results.row("input <cold>", "peer", 1.2, unit="x", at_least=1.3)],
        "images_per_second": {"cold": {"posekit": {"median": 10, "range": [9, 11]}}},
    },
    "training_step": {
        "rows": [results.row("step", "peer", 1.4, unit="x", at_least=1.3, note="fast")],
        "images_per_second": {"posekit batchnorm": 5, "posekit plain": 6},
    },
    "prediction_latency": {
        "rows": [],
        "milliseconds": {"one image": {"posekit": 30, "peer": 34}},
    },
}


def test_the_page_shows_rows_figures_and_the_estimate(tmp_path):
    sizes = [size_of(1000), size_of(10_000)]
    grown = {
        "rows": growth.rows_of(sizes, PACKED),
        "sizes": sizes,
        "estimates": estimate.table(sizes, PACKED, training_rate=100),
    }
    page.write(tmp_path / "page.html", {**STORED, "growth": grown}, problems=["peers are missing"])
    shown = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "input &lt;cold&gt;" in shown and "misses" in shown and "holds" in shown
    assert "peers are missing" in shown and "library has not run." in shown
    assert shown.count("data:image/png;base64,") == 5
    assert "100,000,000" in shown and "What breaks first" in shown
    assert "No GPU was measured" in shown
    assert "://" not in shown and "<script" not in shown


def test_the_page_is_made_of_what_there_is(tmp_path):
    page.write(tmp_path / "page.html", page.read(tmp_path))
    shown = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert shown.count("has not run.") == len(page.NAMES) and "What breaks" not in shown


def test_a_benchmark_that_fails_leaves_no_old_result(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "HERE", tmp_path)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    (tmp_path / "good.py").write_text("import sys; sys.exit(sys.argv[1:] != ['--data', 'x'])")
    (tmp_path / "bad.py").write_text("raise SystemExit(3)")
    (tmp_path / "bad.json").write_text("{}")
    assert run.run("good", ["--data", "x"]) is None
    assert run.run("bad", []) == "bad failed with exit status 3; its message stands above."
    assert not (tmp_path / "bad.json").exists()


def test_every_benchmark_is_run_and_shown():
    assert {*run.SCRIPTS, "growth"} == set(page.NAMES)
    for name in page.NAMES:
        assert (ROOT / "benchmarks" / f"{name}.py").is_file()
