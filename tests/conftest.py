"""A data set of 48 drawn people, an experiment on it and a small estimator, for all tests."""

import hashlib
import json
import os
import sys

import numpy as np
import pytest
from local_site import LocalSite

from posekit.datasets.synthetic import writing
from posekit.skeleton import LSP
from posekit.training import engine


def pytest_sessionstart():
    engine.use_global_futex_hash()


# The files that take longest, roughly in order.
LONGEST = (
    "test_notebooks.py",
    "test_own_data_suite.py",
    "test_fit.py",
    "test_docs.py",
    "test_kill_and_go_on.py",
    "test_own.py",
    "test_sweep.py",
    "test_export.py",
    "test_release.py",
    "test_activity_findings.py",
    "test_commands.py",
    "test_explorer_browser.py",
    "test_reproducible.py",
)

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
if IS_WORKER:
    # The workers share the cores: with a thread for each core in each worker, threads would wait.
    share = os.cpu_count() // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, share)))


def pytest_collection_modifyitems(items):
    """Where several processes share the tests, the files that take longest come first.

    Else one process would still be at one of them after the other has run out of tests.
    """
    if IS_WORKER:
        place = {name: number for number, name in enumerate(LONGEST)}
        items.sort(key=lambda item: place.get(item.path.name, len(place)))


def pytest_collection_finish():
    """Networks of the same layers and weights are made fast once in a process, as it takes seconds.

    A test that loads none of them does not pay for TensorFlow here.
    """
    runtimes = sys.modules.get("posekit.estimators.runtimes")
    if runtimes is None:
        return
    compiled, made = runtimes.compiled, {}

    def compiled_once(network, name=None):
        digest = hashlib.sha256(network.to_json().encode())
        for weight in network.get_weights():
            digest.update(np.ascontiguousarray(weight).tobytes())
        key = digest.hexdigest()
        if key not in made:
            fast = compiled(network, name)
            if not isinstance(fast, runtimes.LiteRtNetwork):
                return fast  # it is the network itself, and a message was printed
            made[key] = fast
        return made[key]

    runtimes.compiled = compiled_once


@pytest.fixture(scope="session")
def synthetic_folder(tmp_path_factory):
    return writing.write(tmp_path_factory.mktemp("data") / "people", count=48, seed=0)


@pytest.fixture(scope="session")
def experiment(synthetic_folder, tmp_path_factory):
    # Only tests that ask for the experiment pay for TensorFlow.
    from posekit.pipeline.experiment import open_experiment

    cache_dir = tmp_path_factory.mktemp("cache")
    return open_experiment(str(synthetic_folder), profile="smoke", seed=0, cache_dir=cache_dir)


@pytest.fixture(scope="session")
def estimator_folder(tmp_path_factory):
    """A shipped model in small: two untrained networks, their manifest and a calibration."""
    import keras

    from posekit.models import residual

    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    keras.utils.set_random_seed(0)
    stages = []
    for view, frame_px in (("whole", 32), ("person", 64)):
        network = residual.residual_network(
            head="soft_argmax",
            frame_px=frame_px,
            joints=14,
            widths=(4, 4, 4, 4),
            blocks=(1, 1, 1, 1),
        )
        network.save(folder / f"{view}.keras")
        stages.append(
            {
                "file": f"{view}.keras",
                "sha256": hashlib.sha256((folder / f"{view}.keras").read_bytes()).hexdigest(),
                "head": "soft_argmax",
                "view": view,
                "looks": [
                    [
                        {"scale": 1.0, "mirrored": False},
                        *([{"scale": 0.9, "mirrored": True}] if view == "person" else []),
                    ]
                ],
            }
        )
    manifest = {
        "version": 2,
        "joints": list(LSP.joints),
        "stages": stages,
        "calibration": {"slope": 2.0, "offsets": [0.1 * joint for joint in range(len(LSP.joints))]},
        "data": {"split": {"name": "standard", "seed": 5, "images": 9000}},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture
def site(monkeypatch):
    """A web server on this machine, see LocalSite."""
    # A proxy of the machine's could not reach it.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    local = LocalSite()
    yield local
    local.close()
