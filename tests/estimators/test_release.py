"""Delivered models: what is written, that it reads back, and that small files predict alike."""

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import asdict

import h5py
import keras
import numpy as np
import pytest
from eager import eager_steps

from posekit.errors import PosekitError
from posekit.estimators import calibration, loading, presence, recipes, release
from posekit.estimators.manifest import ONE_PASS
from posekit.estimators.recipes import Model
from posekit.evaluation import scores
from posekit.models import names, residual
from posekit.training.config import TrainingConfig
from posekit.training.runs import open_run

NARROW = {"widths": (8, 8, 16, 16), "blocks": (1, 1, 1, 1)}
STAGE = {
    "label_treatment": "masked",
    "network": "residual",
    "head": "soft_argmax",
    "loss": "cross_entropy",
    "batch_size": 16,
    "frame_px": 64,
    "epochs": 1,
}


@pytest.fixture(scope="module")
def built(experiment, tmp_path_factory):
    """(folder of the model, folder of the trainings, the estimator) of a tiny two-stage model."""
    folder, run_dir = tmp_path_factory.mktemp("models") / "tiny", tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(names.NETWORKS, "residual", ("residual.residual_network", NARROW))
        patched.setitem(recipes.RECIPES, "tiny_whole", {**STAGE, "view": "whole"})
        patched.setitem(
            recipes.RECIPES, "tiny_person", {**STAGE, "view": "person", "starts_from": "tiny_whole"}
        )
        patched.setitem(
            recipes.MODELS, "tiny", Model(("tiny_whole", "tiny_person"), recipes.TWO_PASSES)
        )
        with eager_steps():
            estimator = release.build("tiny", experiment, run_dir, folder, seed=0, verbose=0)
        patched.setattr(keras.Model, "fit", None)  # a second build trains nothing
        release.build("tiny", experiment, run_dir, folder, seed=0, verbose=0)
    return folder, run_dir, estimator


def test_the_folder_describes_its_stages(built, experiment):
    folder, _, estimator = built
    assert {path.name for path in folder.iterdir()} == {
        "manifest.json",
        "whole.keras",
        "person.keras",
    }
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [stage["view"] for stage in manifest["stages"]] == ["whole", "person"]
    looks = [stage["looks"] for stage in manifest["stages"]]
    assert looks == [
        [[asdict(crop) for crop in crops] for crops in passes]
        for passes in (ONE_PASS, recipes.TWO_PASSES)
    ]
    assert [stage["training"]["recipe"] for stage in manifest["stages"]] == [
        "tiny_whole",
        "tiny_person",
    ]
    assert manifest["data"]["fingerprint"] == experiment.dataset.fingerprint()
    assert str(folder.parent) not in (folder / "manifest.json").read_text()
    assert [stage.frame_px for stage in estimator.stages] == [64, 64]


def test_the_second_stage_started_from_the_first(built):
    _, run_dir, _ = built
    runs = map(open_run, (run_dir / "training").iterdir())
    person, whole = sorted(runs, key=lambda run: run.config.view)
    assert whole.config.initial_weights is None
    assert person.config.initial_weights == str(whole.folder / "best.keras")


def test_the_calibration_is_that_of_the_validation_part(built, experiment):
    _, _, estimator = built
    part = experiment.part("validation")
    poses = estimator.estimate_dataset(part)
    correct, counted = scores.correct_joints(poses.keypoints_px, part)
    # At the likelihood's maximum all confidences together equal all hits (the common offset),
    # of the poses that the delivered files give, not of the networks before halving.
    assert poses.confidences[counted].sum() == pytest.approx(correct[counted].sum(), abs=1.0)
    fitted = calibration.fit(poses.peak_mass, correct, counted)
    assert estimator.manifest["calibration"] == calibration.to_json(fitted)
    assert ((poses.confidences > 0) & (poses.confidences < 1)).all()


def test_a_folder_is_calibrated_again(built, experiment, monkeypatch, tmp_path):
    folder = shutil.copytree(built[0], tmp_path / "copied")
    path = folder / "manifest.json"
    before = json.loads(path.read_text())
    path.write_text(json.dumps({**before, "calibration": None, "presence": None}))
    rng = np.random.default_rng(0)
    strips = [rng.integers(0, 255, (70, 90, 3), np.uint8) for _ in range(4)]
    monkeypatch.setattr(release.backgrounds, "strips_of", lambda part: strips)
    monkeypatch.setattr(release, "LEAST_STRIPS", 8)
    again = release.calibrate(folder, experiment)
    stored = json.loads(path.read_text())
    assert stored["calibration"] == before["calibration"] and stored["calibrated"]["versions"]
    assert {**stored, "presence": None, "calibrated": None} == {
        **before,
        "presence": None,
        "calibrated": None,
    }
    found = again.estimate_dataset(experiment.part("validation")).found
    assert found.mean() == pytest.approx(presence.FOUND_SHARE, abs=1 / len(found) + 0.01)
    # Too few strips: nothing is known of people.
    monkeypatch.setattr(release, "LEAST_STRIPS", 9)
    assert release.calibrate(folder, experiment).presence is None


def test_the_files_load_without_posekit_in_safe_mode(built):
    folder, _, _ = built
    program = (
        "import sys, keras\n"
        "model = keras.saving.load_model(sys.argv[1], safe_mode=True)\n"
        "assert 'posekit' not in sys.modules\n"
        "print(model.output_shape, {weight.dtype for weight in model.weights})"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program, str(folder / "person.keras")],
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
    )
    assert finished.stdout.strip().endswith("(None, 8, 8, 14) {'float32'}")


def test_half_the_bytes_and_the_same_network(tmp_path):
    network = residual.residual_network(head="soft_argmax", frame_px=64, joints=14, **NARROW)
    path = tmp_path / "network.keras"
    network.save(path)
    whole = _weight_bytes(path)
    release.halve(path)
    assert {entry.name for entry in tmp_path.iterdir()} == {"network.keras"}
    assert _weight_bytes(path) < 0.6 * whole
    halved = keras.saving.load_model(path, compile=False, safe_mode=True)
    for full, half in zip(network.get_weights(), halved.get_weights(), strict=True):
        # Half precision keeps 11 bits of every number that is not tiny.
        np.testing.assert_allclose(half, full, rtol=2**-11, atol=1e-7)
        np.testing.assert_array_equal(half, half.astype(np.float16).astype(np.float32))


def test_weights_too_large_for_half_precision_are_refused(tmp_path):
    network = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 1, name="wide")])
    kernel, bias = network.get_weights()
    network.set_weights([kernel, np.array([1.0, -70_000.0])])
    path = tmp_path / "network.keras"
    network.save(path)
    before = path.read_bytes()
    with pytest.raises(PosekitError, match="must be at most 65,504 .*; got 70,000"):
        release.halve(path)
    assert path.read_bytes() == before


def test_halving_what_is_no_model_leaves_it_as_it_was(tmp_path):
    path = tmp_path / "network.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", b"no weights")
    before = path.read_bytes()
    with pytest.raises(OSError, match="signature"):
        release.halve(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["network.keras"]


def test_an_unknown_model_is_refused(experiment, tmp_path):
    with pytest.raises(PosekitError, match="'from_scratch', 'best', 'quick'; got 'worst'"):
        release.build("worst", experiment, tmp_path, tmp_path / "worst", seed=0)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_recipe_is_refused(experiment, tmp_path):
    with pytest.raises(PosekitError, match="`recipe` must be one of .*; got 'worst_whole'"):
        release.train("worst_whole", experiment, tmp_path, seed=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_is_a_training(name):
    settings = dict(recipes.RECIPES[name])
    first = settings.pop("starts_from", None)
    assert first is None or first in recipes.RECIPES
    config = TrainingConfig(seed=0, **settings)
    assert config.frame_px % 32 == 0


@pytest.mark.parametrize("name", recipes.MODELS)
def test_every_model_begins_with_the_whole_picture(name):
    views_module = [recipes.RECIPES[stage]["view"] for stage in recipes.MODELS[name].stages]
    assert views_module == ["whole", "person"]


def _weight_bytes(path):
    with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as weights:
        sizes = []
        with h5py.File(weights) as file:
            file.visititems(
                lambda _, item: (
                    sizes.append(item.nbytes) if isinstance(item, h5py.Dataset) else None
                )
            )
    return sum(sizes)


def test_a_shipped_name_and_its_folder_are_the_same(built, monkeypatch):
    folder, _, _ = built
    monkeypatch.setattr(loading, "SHIPPED", folder.parent)
    by_name, by_path = loading.load("tiny"), loading.load(folder)
    assert by_name.name == by_path.name == "tiny"
