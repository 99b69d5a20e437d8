"""docs/own_data.md: its commands, run on 20 people with 5 joints, and what comes of them."""

import glob
import re
import shlex
from dataclasses import replace

import numpy as np
import pytest

from posekit import files
from posekit.cli.main import main
from posekit.datasets.coco import own_data
from posekit.errors import PosekitError
from posekit.estimators import loading
from posekit.evaluation import baselines
from posekit.evaluation.scores import score, score_original_px
from posekit.pipeline import batches
from posekit.pipeline.experiment import open_experiment
from posekit.plots import comparisons, pictures, statistics
from posekit.skeleton import LSP
from posekit.studies.ladder import run as ladder_run
from posekit.studies.ladder.steps import Step
from posekit.studies.poster import exploration, predictions, saliency
from posekit.training import runs

HOW_TO = files.PROJECT_ROOT / "docs" / "own_data.md"
JOINTS = ("head", "left_shoulder", "right_shoulder", "left_hip", "right_hip")


def commands():
    """The commands of the how-to, in order."""
    lines = HOW_TO.read_text(encoding="utf-8").splitlines()
    found = [re.match(r"    \.venv/bin/(?:python -m )?posekit (.+)", line) for line in lines]
    return [match[1] for match in found if match]


def run(command):
    """Run a command as a shell would, patterns of file names included."""
    words = [found for word in shlex.split(command) for found in glob.glob(word) or [word]]
    return main(words)


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """The folder in which somebody followed the how-to."""
    folder = tmp_path_factory.mktemp("own")
    text = HOW_TO.read_text(encoding="utf-8")
    (tables,) = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    make, *others = commands()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setitem(open_experiment.__kwdefaults__, "cache_dir", folder / "cache")
        assert run(make) == 0
        (folder / "mine" / own_data.NAME).write_text(tables, encoding="utf-8")
        for command in others:
            assert run(command) == 0, command
        yield folder


@pytest.fixture(scope="module")
def experiment(followed):
    return open_experiment(
        str(followed / "mine"), profile="smoke", seed=0, cache_dir=followed / "cache"
    )


@pytest.fixture(scope="module")
def trained(followed):
    (folder,) = (followed / "run" / "training").iterdir()
    return folder


@pytest.fixture(scope="module")
def estimator(trained):
    # As it comes from its file: to make it fast takes longer than all that it does here.
    return loading.load(trained, compiled=False)


@pytest.fixture(scope="module")
def poses(estimator, experiment):
    return estimator.estimate_dataset(experiment.dataset)


def test_the_how_to_has_its_commands():
    assert [command.split()[0] for command in commands()] == [
        "data",
        "data",
        "train",
        "evaluate",
        "predict",
        "predict",
    ]


def test_the_least_description_is_one(followed, tmp_path):
    text = HOW_TO.read_text(encoding="utf-8")
    (least,) = re.findall(r"```\n(annotations.*?)```", text, flags=re.DOTALL)
    (tmp_path / own_data.NAME).write_text(least)
    assert own_data.find(tmp_path).skeleton.name == "coco17"


def test_the_five_joints_arrive(experiment):
    dataset = experiment.dataset
    assert len(dataset) == 20 and dataset.skeleton.joints == JOINTS
    assert dataset.skeleton.mirror == (0, 2, 1, 4, 3)
    # The head is the middle of two keypoints of the drawn people.
    with_names = files.read_json(dataset_annotations(experiment))
    names = with_names["categories"][0]["keypoints"]
    stored = np.reshape(with_names["annotations"][0]["keypoints"], (-1, 3))
    ends = stored[[names.index("neck"), names.index("head_top")]]
    index = dataset.image_ids.tolist().index(with_names["images"][0]["file_name"])
    if (ends[:, 2] > 0).all():
        np.testing.assert_allclose(dataset.keypoints_px[index, 0], ends[:, :2].mean(axis=0))
    else:
        assert not dataset.labelled[index, 0]


def dataset_annotations(experiment):
    return own_data.find(experiment.cache_dir.parent / "mine").annotations


def test_training_tells_its_joints(trained, estimator, experiment):
    run = runs.open_run(trained)
    assert run.skeleton == experiment.dataset.skeleton
    assert run.best_model().output_shape == (None, 10)
    assert set(run.baselines) == {"image_centre", "mean_pose"}
    assert estimator.skeleton == experiment.dataset.skeleton
    assert loading.from_runs("own", [run]).skeleton == estimator.skeleton


def test_scores_are_those_of_the_five_joints(poses, experiment):
    scores = score_original_px(poses.keypoints_px, experiment, "all", seed=0)
    assert tuple(scores["pck_per_joint"]) == JOINTS and tuple(scores["joints"]) == JOINTS
    assert tuple(scores["pcp_per_stick"]) == ("left_side", "right_side")
    assert set(scores["pck_per_group"]) == {"head", "shoulder", "hip"}
    # PCK by hand: errors over the distance of left shoulder and right hip.
    dataset = experiment.dataset
    torso_px = np.linalg.norm(dataset.keypoints_px[:, 1] - dataset.keypoints_px[:, 4], axis=1)
    counted = dataset.labelled & dataset.labelled[:, [1, 4]].all(axis=1, keepdims=True)
    error_px = np.linalg.norm(poses.keypoints_px - dataset.keypoints_px, axis=-1)
    right = (error_px <= 0.2 * torso_px[:, None])[counted].mean()
    assert scores["metrics"]["pck_0.2"]["value"] == pytest.approx(right)


def test_results_belong_to_the_annotations(followed, poses, experiment):
    stored = files.read_json(dataset_annotations(experiment))
    results = files.read_json(followed / "results.json")
    assert len(results) == len(stored["annotations"]) == 20
    names = stored["categories"][0]["keypoints"]
    name_of = {image["id"]: image["file_name"] for image in stored["images"]}
    place = {name: n for n, name in enumerate(experiment.dataset.image_ids.tolist())}
    for result in results:
        assert set(result) == {"image_id", "category_id", "keypoints", "score"}
        assert result["category_id"] == stored["categories"][0]["id"]
        triples = np.reshape(result["keypoints"], (len(names), 3))
        pose_px = poses.keypoints_px[place[name_of[result["image_id"]]]]
        for joint, name in enumerate(JOINTS[1:], start=1):
            np.testing.assert_allclose(triples[names.index(name), :2], pose_px[joint], atol=0.05)
        # The head is the middle of two keypoints, and so none of them.
        assert not triples[names.index("neck")].any()


def test_photographs_get_the_same_results(followed):
    by_picture = files.read_json(followed / "results" / "coco_results.json")
    by_data = {each["image_id"]: each for each in files.read_json(followed / "results.json")}
    assert len(by_picture) == 20
    for result in by_picture:
        name = result.pop("file_name")
        assert (followed / "mine" / "images" / name).is_file()
        same = by_data[result["image_id"]]
        # Photographs and data sets are decoded by two libraries, which differ by a grey level.
        np.testing.assert_allclose(result["keypoints"], same["keypoints"], atol=2)


def test_predictions_are_drawn_and_named(followed):
    drawn = sorted((followed / "drawn").glob("*_pose.png"))
    assert len(drawn) == 20
    pose = files.read_json(drawn[0].with_suffix(".json"))
    assert tuple(pose["keypoints_px"]) == tuple(pose["confidence"]) == JOINTS


def test_other_joints_than_the_models_are_refused(estimator, experiment):
    lsp_like = replace(experiment.dataset, skeleton=LSP)
    with pytest.raises(PosekitError, match="must have the joints of .*, head, left_sho.*; got r"):
        estimator.estimate_dataset(lsp_like)


def test_mirrored_training_exchanges_the_five(experiment):
    images, targets = experiment.images("train"), experiment.targets("train", "masked")
    skeleton = experiment.dataset.skeleton
    settings = {"batch_size": len(images), "seed": 0, "epochs": 1, "mirror": skeleton.mirror}
    ((_, plain),) = batches.training_batches(images, targets, flip="none", **settings)[0]
    ((_, double),) = batches.training_batches(
        images, targets, flip="double", **{**settings, "batch_size": 2 * len(images)}
    )[0]
    width = images.shape[2]
    expected = {row.tobytes() for row in np.float32(targets)}
    mirrored = np.stack(
        [width - 1 - targets[..., 0], targets[..., 1], targets[..., 2]], axis=-1
    )[:, [0, 2, 1, 4, 3]]
    assert {row.tobytes() for row in plain.numpy()} == expected
    assert {row.tobytes() for row in double.numpy()} == expected | {
        row.tobytes() for row in np.float32(mirrored)
    }


def test_every_plot_of_people_takes_the_five(trained, experiment):
    dataset, skeleton = experiment.dataset, experiment.dataset.skeleton
    run = runs.open_run(trained)
    model = run.best_model()
    predicted = predictions.predict_parts(model, experiment)
    figure = pictures.prediction_grid(**predictions.gallery(predicted["train"], experiment, 1, "train"))
    assert len(figure.axes) == 3
    figure = pictures.sample_grid(
        exploration.original_images(dataset, range(2)),
        dataset.keypoints_px[:2],
        dataset.labelled[:2],
        skeleton=skeleton,
    )
    assert len(figure.axes) == 2
    (axis,) = statistics.joint_visibility(dataset.labelled, skeleton=skeleton).axes
    assert [label.get_text() for label in axis.get_yticklabels()][0] == "head"
    (axis,) = comparisons.error_by_joint({"own": np.arange(5)}, joints=skeleton.joints).axes
    assert len(axis.get_yticks()) == 5
    images = experiment.images("validation")
    maps = saliency.joint_maps(model, images, "left_hip", seed=0, joints=skeleton.joints)
    assert maps["gradient"].shape == images.shape[:3]
    with pytest.raises(PosekitError, match="one of 'head', .*; got 'head_top'"):
        saliency.joint_maps(model, images, "head_top", seed=0, joints=skeleton.joints)
    assert saliency.untrained_copy(model, experiment, seed=0).output_shape == (None, 10)


def test_the_ladder_is_scored_over_their_limbs(experiment, trained, tmp_path):
    first = Step("first", "First", "It is there.", (runs.open_run(trained).config,))
    out = tmp_path / "ladder.json"
    result = ladder_run.run_ladder((first,), experiment, trained.parent.parent, seeds=[0], out=out)
    assert result["joints"] == list(JOINTS[1:])
    assert len(result["rungs"]) == 1


def test_a_joint_that_nobody_labels_does_not_stop_training(followed, experiment, tmp_path):
    (tmp_path / "own.toml").write_text(
        f'annotations = "{dataset_annotations(experiment)}"\njoint_set = "lsp"\n[joints]\n'
        + "\n".join(f'{name} = "{name}"' for name in LSP.joints if name != "head_top")
        + "\nhead_top = []\n"
    )
    here = open_experiment(
        str(tmp_path / "own.toml"), profile="smoke", seed=0, cache_dir=tmp_path / "cache"
    )
    assert here.dataset.skeleton is LSP and not here.dataset.labelled[:, 13].any()
    guesses = baselines.constant_poses(here.targets("train", "masked"), 96)
    np.testing.assert_array_equal(guesses["mean_pose"][13], guesses["image_centre"][13])
    scores = score(guesses["mean_pose"], here, "all", seed=0)
    assert scores["pck_per_joint"]["head_top"] is None
    assert scores["metrics"]["pck_0.2"]["value"] is not None
