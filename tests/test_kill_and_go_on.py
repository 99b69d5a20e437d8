"""Killed, interrupted or out of room: what was finished stays, and what follows is as undisturbed.

`tests/support/kill_and_go_on.py` is the tool that does this many more times.
"""

import random
import re
import shlex
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import kill_and_go_on
import pytest

from posekit import files
from posekit.training.checkpoint import CheckpointFiles

ROOT = files.PROJECT_ROOT
EPOCHS = 3


@pytest.fixture(scope="module")
def context():
    return kill_and_go_on.processes()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("killed")


@pytest.fixture(scope="module")
def undisturbed(context, root):
    return kill_and_go_on.undisturbed(context, root, EPOCHS)


def test_a_killed_training_ends_with_the_very_same_weights(context, root, undisturbed):
    run_dir, rng = root / "run", random.Random(0)
    folder = run_dir / "training" / undisturbed["folder"]
    arguments = (root, run_dir, EPOCHS)
    for name, delay_seconds in ((None, rng.uniform(0, 0.05)), ("checkpoint.weights.h5", 0.0)):
        moment = kill_and_go_on.training_moment(folder, name)
        assert kill_and_go_on.kill_at(
            context, kill_and_go_on.train_and_note, arguments, moment, delay_seconds
        ), "the training was over before its moment"
        assert not (run_dir / "outcome.json").exists()
    kill_and_go_on.finish(context, kill_and_go_on.train_and_note, arguments)
    kill_and_go_on.check_outcome(run_dir, undisturbed)
    assert len(undisturbed["history"]) == EPOCHS


def test_a_report_killed_while_it_converts_goes_on(context, tmp_path):
    folder = kill_and_go_on.write_notebooks(tmp_path)
    (folder / "02_training.ipynb").unlink()
    run_dir = tmp_path / "run"
    arguments = (folder, run_dir)
    moment = kill_and_go_on.report_moment(run_dir, "03_last converting")
    assert kill_and_go_on.kill_at(context, kill_and_go_on.report, arguments, moment, 0.0)
    assert not (run_dir / "03_last.html").exists()
    first = files.read_json(run_dir / "index.json")["notebooks"][0]
    kill_and_go_on.finish(context, kill_and_go_on.report, arguments)
    kill_and_go_on.check_report(run_dir)
    again = files.read_json(run_dir / "index.json")["notebooks"]
    assert [entry["status"] for entry in again] == ["reused", "ok"]
    assert again[0]["finished"] == first["finished"]


def test_ctrl_c_ends_a_training_within_seconds(tmp_path, synthetic_folder):
    command = [
        *(sys.executable, "-m", "posekit", "train", "--data", str(synthetic_folder)),
        *("--profile", "smoke", "--epochs", "500", "--out", str(tmp_path)),
    ]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # Where the tests run in the background, they were started deaf to Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 600
        while not list(tmp_path.glob("training/*/checkpoint.json")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
        seconds = time.monotonic() - started
    finally:
        process.kill()
    assert (process.returncode, seconds < 5) == (130, True), seconds
    *_, kept, advice = error.decode().splitlines()
    assert kept == "stopped; finished work is kept"
    assert advice == f"to resume: {shlex.join(command)}"
    (record,) = tmp_path.glob("training/*/checkpoint.json")
    assert CheckpointFiles(record.parent).recover() == files.read_json(record)[0]["epoch"] >= 1


OUT_OF_ROOM = """
import resource, sys
from pathlib import Path

import keras

from posekit.datasets import lsp
from posekit.errors import PosekitError
from posekit.pipeline.frames import load_frames
from posekit.training.checkpoint import CheckpointFiles
from posekit.training.recorder import EpochRecorder

root = Path(sys.argv[1])
dataset = lsp.read(sys.argv[2])
model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(100)])
model.compile("adam")
model.optimizer.build(model.trainable_variables)
checkpoint_files = CheckpointFiles(root / "training")
recorder = EpochRecorder(checkpoint_files, [], None, None)
recorder.set_model(model)

def epoch():
    checkpoint_files.write("last.keras", model.save)
    checkpoint_files.write("checkpoint.weights.h5", recorder._write_checkpoint)

epoch()
checkpoint_files.commit(1)
# A file may grow to this many bytes, as on a disk that is nearly full.
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
for step in (
    epoch,
    # HDF5 is refused before it begins: failing midway, it takes the process down in the end.
    lambda: checkpoint_files.write("checkpoint.weights.h5", recorder._write_checkpoint),
    lambda: load_frames(dataset, frame_px=32, cache_dir=root / "cache"),
):
    try:
        step()
    except PosekitError as error:
        print(error)
"""


def test_without_room_networks_and_caches_are_refused_by_name(tmp_path, synthetic_folder):
    said = run_in_a_process(OUT_OF_ROOM, tmp_path, synthetic_folder)
    named = re.findall(r"(\S+): there must be room to write the file; got File too large", said)
    folder = tmp_path / "training"
    assert named[:2] == [str(folder / "last.keras"), str(folder / "checkpoint.weights.h5")]
    assert len(named) == 3 and named[2].startswith(f"{tmp_path}/cache/frames-32px-")
    # The epoch before is whole, and nothing half written is left.
    assert CheckpointFiles(folder).is_whole() and CheckpointFiles(folder).recover() == 1
    assert not list(tmp_path.rglob(f"{files.PARTIAL}*"))
    assert not list(tmp_path.glob("cache/*.npy"))


REPORT_OUT_OF_ROOM = """
import resource, sys
from pathlib import Path

from posekit.errors import PosekitError
from posekit.report.runner import run

resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
try:
    run(Path(sys.argv[1]), parameters={}, notebooks_dir=Path(sys.argv[2]))
except PosekitError as error:
    print(error)
"""


def test_without_room_a_report_is_refused_by_name(tmp_path):
    notebooks = kill_and_go_on.write_notebooks(tmp_path)
    run_dir = tmp_path / "run"
    earlier = {"index.json": '{"notebooks": []}', "index.html": "<p>earlier</p>"}
    for name, text in earlier.items():
        files.write_text(run_dir / name, text)
    said = run_in_a_process(REPORT_OUT_OF_ROOM, run_dir, notebooks)
    assert f"{run_dir}/index.json: there must be room to write the file; got File too" in said
    assert {path.name: path.read_text() for path in run_dir.glob("[!.]*")} == earlier
    assert not list(run_dir.rglob(f"{files.PARTIAL}*"))


def run_in_a_process(program, *arguments):
    """Standard output of a Python program that ends well, with the tests' modules at hand."""
    finished = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=Path(__file__).parent / "support",
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout
