"""A data set of 48 drawn people, and an experiment on it, shared by all tests that train."""

import pytest

from posekit import engine
from posekit.datasets import synthetic


def pytest_sessionstart():
    engine.use_global_futex_hash()


@pytest.fixture(scope="session")
def synthetic_folder(tmp_path_factory):
    return synthetic.write(tmp_path_factory.mktemp("data") / "people", count=48, seed=0)


@pytest.fixture(scope="session")
def experiment(synthetic_folder, tmp_path_factory):
    # Only tests that ask for the experiment pay for TensorFlow.
    from posekit.experiment import open_experiment

    cache_dir = tmp_path_factory.mktemp("cache")
    return open_experiment(str(synthetic_folder), profile="smoke", seed=0, cache_dir=cache_dir)
