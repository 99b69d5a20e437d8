"""The models in models/: small, plain Keras, and as good as their cards say."""

import json
import os
import re
import zipfile

import h5py
import keras
import numpy as np
import pytest

from posekit.estimators import loading
from posekit.estimators.manifest import MANIFEST
from posekit.evaluation.scores import correct_joints, score_original_px
from posekit.files import PROJECT_ROOT
from posekit.pipeline.experiment import open_experiment
from posekit.skeleton import JOINT_COUNT, LSP

FOLDERS = sorted(path.parent for path in (PROJECT_ROOT / "models").glob(f"*/{MANIFEST}"))
SIZE_LIMIT_BYTES = 10e6
PARTS = ("validation", "development")

each_model = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def read(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_the_models_that_the_readme_names_are_there():
    assert [folder.name for folder in FOLDERS] == ["best", "from_scratch", "quick"]


@each_model
def test_all_stages_together_are_small(folder):
    files = [folder / stage["file"] for stage in read(folder, MANIFEST)["stages"]]
    assert files and sum(file.stat().st_size for file in files) <= SIZE_LIMIT_BYTES


@each_model
def test_plain_keras_reads_each_stage(folder):
    for stage in read(folder, MANIFEST)["stages"]:
        network = keras.saving.load_model(folder / stage["file"], safe_mode=True)
        assert network.input_shape == (None, stage["input_px"], stage["input_px"], 3)
        assert not hasattr(network, "optimizer") or network.optimizer is None


@each_model
def test_weights_are_stored_in_half_precision(folder, tmp_path):
    for stage in read(folder, MANIFEST)["stages"]:
        with zipfile.ZipFile(folder / stage["file"]) as archive:
            archive.extract("model.weights.h5", tmp_path)
        types = set()
        with h5py.File(tmp_path / "model.weights.h5") as weights:
            weights.visititems(
                lambda _, item: types.add(item.dtype) if isinstance(item, h5py.Dataset) else None
            )
        assert np.dtype(np.float16) in types and np.dtype(np.float32) not in types


@each_model
def test_it_finds_drawn_people_better_than_the_middle_of_the_picture(folder, experiment):
    # It never saw drawn people; a broken file or preprocessing would find nothing at all.
    part = experiment.part("all")
    poses = loading.load(folder).estimate_dataset(part)
    assert poses.keypoints_px.shape == (len(part), JOINT_COUNT, 2)
    assert ((poses.confidences > 0) & (poses.confidences < 1)).all()
    right, counted = correct_joints(poses.keypoints_px, part)
    middle = np.broadcast_to(part.image_sizes_px[:, None] / 2 - 0.5, poses.keypoints_px.shape)
    right_in_the_middle, _ = correct_joints(middle, part)
    assert right[counted].mean() > 2 * right_in_the_middle[counted].mean()


@each_model
@pytest.mark.parametrize("part", PARTS)
def test_the_card_says_what_the_evaluation_wrote(folder, part):
    scores = read(folder, f"{part}.json")
    assert scores["part"] == part and scores["comparable"]
    card = (folder / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {part} \|.*$", card, re.MULTILINE)[0]
    said = [cell.strip() for cell in row.split("|")[2:-1]]
    values = scores["limb_joints"]["metrics"]
    in_words = [
        f"{values[name]['value']:{form}} "
        f"({values[name]['interval'][0]:{form}} to {values[name]['interval'][1]:{form}})"
        for name, form in (("pck_0.2", ".3f"), ("pcp_0.5", ".3f"), ("frame_mse", ".1f"))
    ]
    assert said == [str(scores["image_count"]), *in_words]


@each_model
@pytest.mark.skipif(
    "POSEKIT_LSPET" not in os.environ, reason="POSEKIT_LSPET names no LSPet zip"
)
def test_a_second_evaluation_gives_the_same_numbers(folder):
    # Development stays closed: it is opened once for each delivered model.
    whole = open_experiment(os.environ["POSEKIT_LSPET"], profile="full", seed=0)
    poses = loading.load(folder).estimate_dataset(whole.part("validation"))
    scores = score_original_px(
        poses.keypoints_px, whole, "validation", seed=0, joints=LSP.limb_joints
    )
    written = read(folder, "validation.json")["limb_joints"]["metrics"]
    for name in ("pck_0.2", "pcp_0.5", "frame_mse"):
        # Sums in another order, on other cores, differ in their last digits.
        assert scores["metrics"][name]["value"] == pytest.approx(written[name]["value"], rel=2e-3)
