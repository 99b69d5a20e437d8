import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from unittest.mock import Mock

import numpy as np
import pytest
import scipy.io
from PIL import Image

from posekit import files, provenance
from posekit.cli.main import main
from posekit.datasets import lsp
from posekit.datasets.pose_dataset import evenly_spread
from posekit.evaluation import metrics
from posekit.geometry import resize_keypoints
from posekit.skeleton import JOINTS

COMMANDS = (
    [],
    ["data"],
    ["data", "make"],
    ["data", "fetch"],
    ["data", "check"],
    ["data", "pack"],
    ["data", "summarise"],
    ["train"],
    ["build"],
    ["calibrate"],
    ["batchnorm"],
    ["poster"],
    ["ladder"],
    ["sweep"],
    ["evaluate"],
    ["predict"],
    ["export"],
    ["report"],
    ["runs"],
)


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    """Commands keep decoded pictures beside the project; tests must not."""
    from posekit.pipeline.experiment import open_experiment

    with pytest.MonkeyPatch.context() as patch:
        cache_dir = tmp_path_factory.mktemp("cache")
        patch.setitem(open_experiment.__kwdefaults__, "cache_dir", cache_dir)
        yield


@pytest.fixture(scope="module")
def trained(own_cache, synthetic_folder, tmp_path_factory):
    """The folder of a training that the command line ran for one epoch."""
    run_dir = tmp_path_factory.mktemp("run")
    data = ["--data", str(synthetic_folder), "--profile", "smoke"]
    assert main(["train", *data, "--epochs", "1", "--out", str(run_dir)]) == 0
    (folder,) = (run_dir / "training").iterdir()
    return folder


def save_network(path, **settings):
    from posekit.models import poster

    small = {"batch_norm": False, "convolution_widths": ((2,),), "dense_widths": (4,)}
    poster.poster_network(**small, **settings).save(path)
    return str(path)


def refused(capsys, arguments):
    """What a command that must fail with status 2 tells on stderr."""
    capsys.readouterr()
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as stopped:  # argparse's own
        status = stopped.code
    out, err = capsys.readouterr()
    assert status == 2 and out == ""
    assert "error: " in err and "Traceback" not in err and "{}" not in err
    return err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_help_has_an_example_to_copy(capsys, command):
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    example = capsys.readouterr().out.strip().splitlines()[-1]
    assert example.startswith(f"example: posekit {' '.join(command)}".strip())


def subparser(command):
    """The parser of a command, and of an action of `data`."""
    from posekit.cli.main import parser as make_parser

    parser = make_parser()
    for word in command:
        parser = parser._subparsers._group_actions[0].choices[word]
    return parser


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_option_is_explained_in_one_line(monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "100")
    parser = subparser(command)
    formatter = parser._get_formatter()
    hidden = {"==SUPPRESS==", None if parser._subparsers else ""}
    shown = [action for action in parser._actions if action.help not in hidden]
    assert shown
    for action in shown:
        assert action.help, action.option_strings
        # argparse indents help by 24 of the 98 columns that it fills.
        assert len(formatter._expand_help(action)) <= 74, action.option_strings
    assert max(map(len, parser.description.splitlines())) <= 100


def test_the_version_is_printed(capsys):
    import posekit

    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"posekit {posekit.__version__}\n"


def test_help_names_every_shipped_model_and_network():
    from posekit.estimators import loading
    from posekit.models.names import HEADS, NETWORKS
    from posekit.pipeline.views import VIEWS

    names = [path.parent.name for path in loading.SHIPPED.glob("*/manifest.json")]
    assert "best" in names
    for command in ("evaluate", "predict", "export"):
        (model,) = [each for each in subparser([command])._actions if each.dest == "model"]
        assert all(name in model.help for name in names)
    described = subparser(["train"]).description
    for name in (*NETWORKS, *HEADS, *VIEWS):
        assert f"\n  {name} " in described


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("data fetch lsp --to raw", "data fetch lsp --out raw"),
        ("data check people --html page.html", "data check people --out page.html"),
        ("train --run-dir run", "train --out run"),
        ("sweep study.yaml --run-dir run", "sweep study.yaml --out run"),
        ("evaluate --model m --json a.json", "evaluate --model m --out a.json"),
        ("evaluate --model m --split test", "evaluate --model m --part test"),
        ("evaluate --model m --split-kind poster", "evaluate --model m --split poster"),
        ("export --to exported", "export --out exported"),
        ("report --run-dir run", "report --out run"),
        ("report --compare a b --html page.html", "report --compare a b --out page.html"),
        ("runs --html page.html", "runs --out page.html"),
    ],
)
def test_old_names_work_with_a_note(capsys, old, new):
    from posekit.cli.main import parser as make_parser

    wanted = make_parser().parse_args(new.split())
    assert capsys.readouterr().err == ""
    assert make_parser().parse_args(old.split()) == wanted
    (note,) = capsys.readouterr().err.splitlines()
    assert note.startswith("note: ") and note.split(" is now written ")[1].split()[0] in new


def test_what_is_written_must_have_a_place(capsys):
    for arguments in (["export"], ["data", "make"], ["data", "pack", "--data", "x"]):
        assert "--out is required" in refused(capsys, arguments)


def test_an_extra_that_is_not_installed_is_named(capsys, monkeypatch):
    from posekit.cli import main as main_module
    from posekit.cli import train

    needs = ['tf2onnx~=1.17; extra == "export"', 'ipyevents~=2.0 ; extra == "notebooks"', "numpy"]
    monkeypatch.setattr(main_module.metadata, "requires", lambda name: needs)
    for name, extra in (("tf2onnx", "export"), ("ipyevents", "notebooks")):
        monkeypatch.setattr(train, "sweep", Mock(side_effect=ModuleNotFoundError(name=name)))
        message = refused(capsys, ["sweep", "study.yaml"])
        assert f"needs the package {name}: pip install 'posekit[{extra}]'" in message
    for name in ("numpy", "ipy"):
        monkeypatch.setattr(train, "sweep", Mock(side_effect=ModuleNotFoundError(name=name)))
        with pytest.raises(ModuleNotFoundError):
            main(["sweep", "study.yaml"])


def test_what_exists_is_overwritten_with_force_alone(
    capsys, trained, synthetic_folder, estimator_folder, tmp_path
):
    scores = tmp_path / "scores.json"
    scores.write_text("mine")
    data = ["--data", str(synthetic_folder), "--profile", "smoke"]
    evaluating = ["evaluate", "--model", str(trained), *data, "--out", str(scores)]
    assert "scores.json: must be a new file" in refused(capsys, evaluating)
    assert scores.read_text() == "mine"
    assert main([*evaluating, "--force"]) == 0
    assert files.read_json(scores)["part"] == "validation"

    picture = synthetic_folder / "images" / "im00001.jpg"
    predicting = ["predict", str(picture), "--model", str(trained), "--out", str(tmp_path)]
    assert main(predicting) == 0
    message = refused(capsys, predicting)
    assert "im00001_pose.json, which exists, and 1 more" in message and "--force" in message
    in_table = [*predicting, "--format", "csv"]
    assert "im00001_pose.png, which exists, and 0 more" in refused(capsys, in_table)
    assert main([*predicting, "--force"]) == 0

    for command in (["export"], ["build", "quick"]):
        folder = ["--out", str(estimator_folder)]
        assert "manifest.json: must be a new file" in refused(capsys, [*command, *folder])
    page = ["--out", str(scores)]
    for command in (["runs"], ["data", "check", str(synthetic_folder)]):
        assert "scores.json: must be a new file" in refused(capsys, [*command, *page])
    comparing = ["report", "--compare", str(trained), str(trained), *page]
    assert "scores.json: must be a new file" in refused(capsys, comparing)


@pytest.mark.parametrize("command", COMMANDS[3:], ids=" ".join)
def test_every_example_is_understood(command):
    from posekit.cli.main import parser as make_parser

    example = subparser(command).epilog.removeprefix("example: posekit ").split()
    options = make_parser().parse_args(example)
    assert options.run.__name__.startswith(command[-1])


def test_process_ends_with_the_status_and_one_line(tmp_path):
    finished = subprocess.run(
        [sys.executable, "-m", "posekit", "data", "check", "--data", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        cwd=files.PROJECT_ROOT,
    )
    assert finished.returncode == 2
    assert finished.stderr.startswith("error: ") and "which does not exist" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_the_posters_studies_pass_their_sizes_on(own_cache, monkeypatch, tmp_path, capsys):
    from posekit.studies.poster import as_it_was, batchnorm

    seen = []

    def note(experiment, run_dir, **settings):
        parts = len(experiment.split.train), experiment.split.name, experiment.frame_px
        seen.append((parts, run_dir, settings))
        return []

    monkeypatch.setattr(batchnorm, "compare_scalings", note)
    monkeypatch.setattr(as_it_was, "train_readings", note)
    common = ["--profile", "smoke", "--frame-px", "32", "--epochs", "3", "--batch-size", "8"]
    common += ["--run-dir", str(tmp_path)]
    assert main(["batchnorm", *common, "--seeds", "2", "--seed", "3", "--fraction", "0.5"]) == 0
    out = str(tmp_path / "kept.json")
    assert main(["poster", *common, "--patience", "2", "--out", out]) == 0
    (parts, run_dir, settings), (whole, _, others) = seen
    assert parts == (96, "standard", 32) and run_dir == tmp_path
    assert (settings["seeds"], settings["epochs"], settings["batch_size"]) == ([3, 4], 3, 8)
    assert settings["out"] == tmp_path / "trainings.json" and settings["final_epochs"] is None
    assert whole == (216, "poster", 32) and (others["patience"], others["seed"]) == (2, 0)
    assert str(others["out"]) == out
    assert "No trainings" in capsys.readouterr().out


def test_command_is_required(capsys):
    assert "required: COMMAND" in refused(capsys, [])
    assert "required: ACTION" in refused(capsys, ["data"])


@pytest.mark.parametrize(
    ("arguments", "finding"),
    [
        (["report", "--profile", "nonsense"], "--profile: invalid choice: 'nonsense'"),
        (["train", "--profile", "nonsense"], "--profile: invalid choice: 'nonsense'"),
        (["train", "--network", "resnet"], "--network: invalid choice: 'resnet'"),
        (["train", "--label-treatment", "all"], "--label-treatment: invalid choice: 'all'"),
        (["train", "--schedule", "step"], "--schedule: invalid choice: 'step'"),
        (["train", "--flip", "always"], "--flip: invalid choice: 'always'"),
        (["train", "--split", "mine"], "--split: invalid choice: 'mine'"),
        (["evaluate", "--model", "m", "--split-kind", "x"], "--split-kind: invalid choice: 'x'"),
        (["evaluate", "--model", "m", "--split", "x"], "--split: invalid choice: 'x'"),
        (["evaluate", "--model", "m", "--part", "x"], "--part: invalid choice: 'x'"),
        (["train", "--head", "x"], "--head: invalid choice: 'x'"),
        (["train", "--head", "soft_argmax"], '`head` of poster_batchnorm must be "coordinates"'),
        (["train", "--seed", "-1"], "--seed: must be a whole number from 0 to 2**32 - 1; got -1"),
        (["train", "--seed", "1.5"], "--seed: must be a whole number from 0 to 2**32 - 1; got 1.5"),
        (["train", "--epochs", "ten"], "--epochs: invalid int value: 'ten'"),
        (["train", "--epochs", "0"], "`epochs` must be"),
        (["predict", "a.jpg", "--box", "1,2,3"], "--box: must be four numbers X,Y,WIDTH,HEIGHT in"),
        (["predict"], "one of the arguments IMAGE --camera is required"),
        (["predict", "a.jpg", "--camera", "0"], "not allowed with argument"),
        (["predict", "--camera=-1"], "--camera: must be a whole number >= 0; got -1"),
        (["predict", "a.jpg", "--box=1,2,3,x"], "X,Y,WIDTH,HEIGHT in pixels; got 1,2,3,x"),
        (["data", "check", "--data", ""], "`data` must be 'synthetic' or the path"),
        (["data", "make", "--out", "somewhere", "--images", "0"], "`count` must be"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_unusable_settings_are_refused(capsys, arguments, finding):
    assert finding in refused(capsys, arguments)


def test_choices_are_the_librarys_own():
    from posekit import profiles
    from posekit.datasets import splits
    from posekit.models.heads import HEADS
    from posekit.models.names import NETWORKS
    from posekit.pipeline import targets
    from posekit.pipeline.augmentation import AUGMENTATIONS, FLIPS
    from posekit.pipeline.views import VIEWS
    from posekit.training.config import SCHEDULES

    choices = {each.dest: each.choices for each in subparser(["train"])._actions if each.choices}
    assert choices == {
        "profile": tuple(profiles.PROFILES),
        "split": tuple(splits.SPLITS),
        "network": tuple(NETWORKS),
        "head": tuple(HEADS),
        "view": tuple(VIEWS),
        "augmentation": tuple(AUGMENTATIONS),
        "label_treatment": targets.LABEL_TREATMENTS,
        "schedule": SCHEDULES,
        "flip": FLIPS,
    }


def test_relative_paths_are_seen_from_the_working_directory(monkeypatch, tmp_path):
    from posekit.cli.main import parser as make_parser

    monkeypatch.chdir(tmp_path)
    joined = f"a{os.pathsep}{tmp_path / 'b.zip'}"
    options = make_parser().parse_args(["train", "--data", joined, "--out", "run"])
    assert options.data == f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b.zip'}"
    assert options.out == tmp_path / "run"
    assert make_parser().parse_args(["train"]).data == "synthetic"


def test_data_is_made_checked_and_summarised(capsys, tmp_path):
    folder = tmp_path / "people"
    assert main(["data", "make", "--out", str(folder), "--images", "2", "--seed", "3"]) == 0
    assert capsys.readouterr().out == f"2 images in {folder}\n"
    assert main(["data", "check", "--data", str(folder)]) == 0
    assert capsys.readouterr().out == "synthetic: 2 images, 0 with errors\n"
    assert main(["data", "summarise", "--data", str(folder)]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["name"], summary["images"], summary["joints"]) == ("synthetic", 2, 28)

    assert "got" in refused(capsys, ["data", "make", "--out", folder, "--images", "3"])

    # The header of a picture that ends early is whole; only decoding finds it.
    picture = folder / "images" / "im00002.jpg"
    picture.write_bytes(picture.read_bytes()[:-2000])
    assert main(["data", "check", "--data", str(folder)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("im00002: ") and out.endswith("synthetic: 2 images, 1 with errors\n")


def test_training_leaves_its_files(trained):
    names = {path.name for path in trained.iterdir()}
    assert {"config.json", "history.json", "best.keras", "last.keras"} <= names
    assert len(files.read_json(trained / "history.json")) == 1


def test_evaluate_writes_scores_and_predictions(capsys, trained, synthetic_folder, tmp_path):
    data = ["--data", str(synthetic_folder), "--profile", "smoke", "--part", "validation"]
    wanted = {"--out": tmp_path / "scores.json", "--predictions": tmp_path / "predictions.npz"}
    outputs = [str(word) for pair in wanted.items() for word in pair]
    assert main(["evaluate", "--model", str(trained), *data, *outputs]) == 0

    scores = files.read_json(tmp_path / "scores.json")
    out, err = capsys.readouterr()
    assert "warning" not in err
    everything, limbs = out.split("limb joints (12):")
    assert everything.startswith("all joints (14):")
    for shown, block, constant in (
        (everything, scores, scores["mean_pose"]),
        (limbs, scores["limb_joints"], scores["mean_pose"]["limb_joints"]),
    ):
        value, beside = (each["metrics"]["pck_0.2"]["value"] for each in (block, constant))
        assert f"  pck_0.2      {value:.3f} (95 % interval " in shown
        assert f"; mean pose {beside:.3f}\n" in shown
        assert f"  box PCK@0.1  {block['box_pck_0.1']['value']:.3f} (95 % " in shown
        assert f"PCK counts {block['pck_counts']['image_count']} of " in shown
    assert scores["limb_joints"]["joints"] == list(JOINTS[:12]) and scores["joints"] == list(JOINTS)
    # A network that answers with coordinates does not say how sure it is.
    assert scores["reliability"] is None and "confidences" not in out
    assert (scores["part"], scores["comparable"], scores["model"]) == (
        "validation",
        True,
        str(trained),
    )
    assert set(scores["versions"]) == set(provenance.VERSIONED_PACKAGES)

    with np.load(tmp_path / "predictions.npz", allow_pickle=False) as written:
        image_ids, keypoints_px = written["image_ids"], written["keypoints_px"]
        made_by = json.loads(str(written["made_by"]))
    assert made_by["data"] == scores["data"] and made_by["versions"] == scores["versions"]
    assert made_by["settings"] == {"profile": "smoke", "seed": 0, "part": "validation"}
    count = scores["data"]["split"]["validation"]
    assert image_ids.dtype.kind == "U" and image_ids.shape == (count,)
    assert keypoints_px.shape == (count, 14, 2) and keypoints_px.dtype == np.float64

    # The same numbers without the command: the network on the picture's frame, scaled back.
    from posekit.models import saved
    from posekit.datasets.image_files import squashed

    picture = synthetic_folder / "images" / f"{image_ids[0]}.jpg"
    frame = squashed(picture.read_bytes(), 96)
    in_frame_px = saved.load(trained, joints=14)(frame[None], training=False).numpy().reshape(14, 2)
    with Image.open(picture) as image:
        expected_px = resize_keypoints(in_frame_px, (96, 96), image.size)
    np.testing.assert_allclose(keypoints_px[0], expected_px, atol=0.01)


def test_evaluate_all_and_another_split(capsys, trained, synthetic_folder, tmp_path):
    arguments = ["evaluate", "--model", str(trained), "--data", str(synthetic_folder)]
    arguments += ["--profile", "smoke", "--seed", "1"]
    predictions = tmp_path / "all.npz"
    assert main([*arguments, "--part", "all", "--predictions", str(predictions)]) == 0
    assert "warning" not in capsys.readouterr().err
    with np.load(predictions, allow_pickle=False) as written:
        assert written["image_ids"].tolist() == [f"im{number:05d}" for number in range(1, 49)]

    # The training is known by its folder and by a file in it.
    arguments[2] = str(trained / "best.keras")
    assert main([*arguments, "--part", "validation"]) == 0
    warning = capsys.readouterr().err
    assert "another split (standard, seed 0, 48 images)" in warning
    assert "this one (standard, seed 1, 48 images)" in warning


def test_evaluate_measures_a_shipped_models_confidences(
    capsys, monkeypatch, own_cache, synthetic_folder, estimator_folder, tmp_path
):
    from posekit.estimators import loading

    monkeypatch.setattr(loading, "SHIPPED", estimator_folder.parent)
    arguments = ["evaluate", "--model", "tiny", "--data", str(synthetic_folder)]
    arguments += ["--profile", "smoke", "--out", str(tmp_path / "scores.json")]
    assert main([*arguments, "--predictions", str(tmp_path / "predictions.npz")]) == 0
    out, err = capsys.readouterr()
    assert "tiny was trained on another split (standard, seed 5, 9000 images)" in err

    scores = files.read_json(tmp_path / "scores.json")
    dataset = lsp.read(synthetic_folder)
    with np.load(tmp_path / "predictions.npz", allow_pickle=False) as written:
        chosen = dataset.subset(np.isin(dataset.image_ids, written["image_ids"]))
        assert chosen.image_ids.tolist() == written["image_ids"].tolist()
        keypoints_px = written["keypoints_px"]
    errors = metrics.PoseErrors(
        keypoints_px,
        chosen.keypoints_px,
        chosen.labelled,
        skeleton=chosen.skeleton,
        joints=JOINTS[:12],
    )
    expected = errors.pck().total
    assert scores["limb_joints"]["metrics"]["pck_0.2"]["value"] == pytest.approx(expected)
    # PCK counts the same joints, so the mean share that is right is PCK itself.
    reliability = scores["reliability"]
    count = np.array(reliability["count"])
    share = np.array(reliability["share_correct"], float)
    pck = np.nansum(share * count) / count.sum()
    assert pck == pytest.approx(scores["metrics"]["pck_0.2"]["value"])
    gap = np.abs(share - np.array(reliability["mean_confidence"], float))
    error = np.nansum(gap * count) / count.sum()
    assert reliability["expected_calibration_error"] == pytest.approx(error)
    assert f"confidences are off by {error:.3f} on average" in out


@pytest.mark.parametrize(
    "content",
    ["no{", "[]", "{}", '{"data": "mine"}', '{"data": {"split": 1}}', '{"data": {"split": []}}'],
)
def test_another_programs_config_beside_the_model_is_no_matter(
    capsys, experiment, tmp_path, content
):
    from posekit.cli.options import warn_of_other_split

    (tmp_path / "config.json").write_text(content)
    warn_of_other_split(str(tmp_path / "network.keras"), experiment, "a warning")
    assert capsys.readouterr().err == ""


def lspet_zip(path, count=20):
    """A zip in LSPet's layout without its test images: blocks of colour, joints anywhere."""
    rng = np.random.default_rng(0)
    joints = np.ones((14, 3, count))
    joints[:, :2] = rng.uniform(0, 60, (14, 2, count))
    labels = io.BytesIO()
    scipy.io.savemat(labels, {"joints": joints})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("joints.mat", labels.getvalue())
        for number in range(1, count + 1):
            picture = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
            encoded = io.BytesIO()
            picture.resize((80, 60), Image.Resampling.NEAREST).save(encoded, "JPEG")
            archive.writestr(f"images/im{number:05d}.jpg", encoded.getvalue())
    return path


def test_test_part_that_is_not_there_is_explained(capsys, own_cache, tmp_path):
    data = lspet_zip(tmp_path / "lspet.zip")
    model = save_network(tmp_path / "network.keras")
    arguments = ["evaluate", "--model", model, "--data", data, "--part", "test"]
    message = refused(capsys, arguments)
    assert message.startswith("error: ")
    assert "the test part of lspet must hold an image; got none" in message
    assert "LSPet's im09001 to im10000 are not among these 20 images" in message
    message = refused(capsys, [*arguments, "--split", "poster"])
    assert "because the poster split has no test part" in message


def test_validation_is_that_of_the_limited_training(monkeypatch, own_cache, tmp_path):
    # A profile that limits real data splits what is left; evaluating on more would mix
    # training images into validation.
    from dataclasses import replace

    from posekit import profiles

    limited = replace(profiles.PROFILES["smoke"], max_images=12)
    monkeypatch.setitem(profiles.PROFILES, "smoke", limited)
    model = save_network(tmp_path / "network.keras")
    data = ["--data", str(lspet_zip(tmp_path / "lspet.zip")), "--profile", "smoke"]
    images = {}
    for part in ("train", "validation", "all"):
        path = tmp_path / f"{part}.json"
        written = ["--part", part, "--out", str(path)]
        assert main(["evaluate", "--model", model, *data, *written]) == 0
        images[part] = files.read_json(path)["data"]["images"]
    assert images == {"train": 12, "validation": 12, "all": 20}


def test_the_fixed_development_part_is_whole(monkeypatch, own_cache, tmp_path):
    from dataclasses import replace

    from posekit import profiles

    limited = replace(profiles.PROFILES["smoke"], max_images=12)
    monkeypatch.setitem(profiles.PROFILES, "smoke", limited)
    model = save_network(tmp_path / "network.keras")
    data = ["--data", str(lspet_zip(tmp_path / "lspet.zip")), "--profile", "smoke"]
    written = ["--part", "development", "--out", str(tmp_path / "scores.json")]
    assert main(["evaluate", "--model", model, *data, *written]) == 0
    scores = files.read_json(tmp_path / "scores.json")
    assert scores["data"]["images"] == 20
    assert scores["image_count"] == scores["data"]["split"]["development"] > 0


def test_unusable_models_are_refused(capsys, synthetic_folder, tmp_path):
    data = ["--data", synthetic_folder, "--profile", "smoke"]
    for model in (tmp_path / "none.keras", tmp_path):
        message = refused(capsys, ["evaluate", "--model", model, *data])
        assert "the model file must exist; got nothing there" in message
        assert "02_training.ipynb" in message

    seven = save_network(tmp_path / "seven.keras", joints=7)
    message = refused(capsys, ["evaluate", "--model", seven, *data])
    assert "must have shape (None, 28) (coordinates) for 14 joints; got (None, 14)" in message

    (tmp_path / "text.keras").write_text("no network")
    message = refused(capsys, ["predict", "photo.jpg", "--model", tmp_path / "text.keras"])
    assert "text.keras: must be a Keras model file" in message

    message = refused(capsys, ["predict", "photo.jpg", "--model", "worst"])
    assert "must be the name of a shipped model" in message and "got 'worst'" in message


def test_predict_draws_photographs(capsys, trained, synthetic_folder, tmp_path):
    pictures = [str(synthetic_folder / "images" / f"im0000{number}.jpg") for number in (1, 2)]
    assert main(["predict", *pictures, "--model", str(trained), "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == pictures
    for number, picture in enumerate(pictures, start=1):
        described = files.read_json(tmp_path / f"im0000{number}_pose.json")
        assert list(described["keypoints_px"]) == list(JOINTS)
        with Image.open(picture) as original:
            with Image.open(tmp_path / f"im0000{number}_pose.png") as drawn:
                assert drawn.size == original.size
            assert (described["width_px"], described["height_px"]) == original.size


def test_predict_takes_folders_and_names_bad_photographs_last(
    capsys, monkeypatch, estimator_folder, synthetic_folder, tmp_path
):
    from posekit.estimators import loading

    # The shipped model is the default.
    shutil.copytree(estimator_folder, tmp_path / "models" / "best")
    monkeypatch.setattr(loading, "SHIPPED", tmp_path / "models")
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_text("no picture")
    shutil.copy(synthetic_folder / "images" / "im00001.jpg", folder / "b.jpg")
    Image.new("L", (7, 30), 90).save(folder / "c.PNG")
    gone = str(tmp_path / "gone.png")
    assert main(["predict", gone, str(folder), "--out", str(tmp_path / "poses")]) == 1
    out, err = capsys.readouterr()
    assert [line.split(":")[0] for line in out.splitlines()] == [
        str(folder / name) for name in ("b.jpg", "c.PNG")
    ]
    assert [line.split(".")[0] for line in err.splitlines()] == [
        f"error: {tmp_path / 'gone'}",
        f"error: {folder / 'a'}",
        "2 of 4 files have errors",
    ]
    for name in ("b", "c"):
        described = files.read_json(tmp_path / "poses" / f"{name}_pose.json")
        assert described["model"] == "best"
        assert all(0 <= value <= 1 for value in described["confidence"].values())


def test_predict_in_a_box(capsys, estimator_folder, synthetic_folder, trained, tmp_path):
    pictures = sorted((synthetic_folder / "images").iterdir())[:2]
    arguments = ["--out", tmp_path, "--box=-5,0,40,80"]
    tiny = ["--model", estimator_folder]
    assert main([str(word) for word in ["predict", pictures[0], *arguments, *tiny]]) == 0
    capsys.readouterr()
    # The square around the box.
    described = files.read_json(tmp_path / f"{pictures[0].stem}_pose.json")
    assert described["box_px"] == [-25, 0, 80, 80]

    message = refused(capsys, ["predict", *pictures, *arguments, *tiny])
    assert "a box needs exactly one image; got 2 images" in message
    message = refused(capsys, ["predict", pictures[0], *arguments, "--model", trained, "--force"])
    assert "which sees whole pictures" in message


def test_predict_takes_videos_and_quoted_patterns(capsys, estimator_folder, tmp_path):
    import clips

    from posekit.estimators.predict import video_writing

    with video_writing.writing(tmp_path / "clip.mp4", 30, (120, 90)) as show:
        for frame in clips.draw_clip(0, seconds=0.2, size_px=(120, 90)):
            show(frame.seconds, frame.image)
    (tmp_path / "bad.mp4").write_text("no video")
    arguments = [tmp_path / "*.mp4", "--model", estimator_folder, "--out", tmp_path / "out"]
    settings = ["--format", "csv", "--smooth-gain", "2"]
    assert main([str(word) for word in ["predict", *arguments, *settings]]) == 1
    out, err = capsys.readouterr()
    written = [str(tmp_path / "out" / f"clip_pose.{kind}") for kind in ("mp4", "csv")]
    assert out.splitlines() == [f"{tmp_path / 'clip.mp4'}: {', '.join(written)}"]
    assert f"error: {tmp_path / 'bad.mp4'}: must be a video" in err
    with (tmp_path / "out" / "clip_pose.csv").open() as file:
        assert len(file.readlines()) == 1 + 6 * len(JOINTS)

    message = refused(capsys, ["predict", *arguments, "--smooth-cutoff", "0"])
    assert "`cutoff_hz` must be > 0 hertz; got 0.0" in message


def test_predict_records_a_camera(capsys, monkeypatch, estimator_folder, tmp_path):
    from posekit.estimators.predict import video_files

    class Unplugged(video_files.Camera):
        def __init__(self, index):
            self.name, self.size_px, self.frames_per_second = f"camera {index}", (40, 30), 10.0
            self.problem = None

        def frames(self):
            yield 0.0, np.zeros((30, 40, 3), np.uint8)
            self.problem = "camera 1: stopped"

    monkeypatch.setattr(video_files, "Camera", Unplugged)
    monkeypatch.setattr(video_files, "has_display", lambda: False)
    arguments = ["--camera", "1", "--model", str(estimator_folder), "--out", str(tmp_path)]
    assert main(["predict", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"camera 1: {tmp_path / 'camera1_'}")
    assert "camera 1: Ctrl-C ends" in err and "error: camera 1: stopped" in err
    drawn, described = sorted(tmp_path.iterdir(), reverse=True)
    assert (drawn.suffix, described.suffix) == (".mp4", ".json")
    assert len(files.read_json(described)["frames"]) == 1

    message = refused(capsys, ["predict", *arguments, "--box=0,0,9,9"])
    assert "a box needs exactly one image; got a camera" in message


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("synthetic", "synthetic"),
        ("raw/lspet_dataset.zip", "lspet_dataset"),
        (f"raw/lsp.zip{os.pathsep}raw/lspet", "lsp+lspet"),
    ],
)
def test_a_report_is_named_after_its_data(monkeypatch, data, name):
    from posekit.report import runner

    folders = []
    monkeypatch.setattr(runner, "run", lambda run_dir, **settings: folders.append(run_dir))
    assert main(["report", "--data", data, "--profile", "smoke"]) == 0
    assert folders == [files.PROJECT_ROOT / "reports" / f"smoke-{name}"]


def test_interrupting_is_no_fault(capsys, monkeypatch):
    from posekit.cli import data, report

    for module, name in ((data, "summarise_data"), (report, "report")):
        monkeypatch.setattr(module, name, Mock(side_effect=KeyboardInterrupt))
    assert main(["data", "summarise", "--data", "my zip"]) == 130
    kept = f"stopped; finished work is kept\nto resume: {sys.executable} -m posekit "
    assert capsys.readouterr().err == f"{kept}data summarise --data 'my zip'\n"
    for arguments in (["--seed", "1"], ["--seed", "1", "--resume"]):
        assert main(["report", *arguments]) == 130
        assert capsys.readouterr().err == f"{kept}report --seed 1 --resume\n"


@pytest.mark.skipif("POSEKIT_LSPET" not in os.environ, reason="POSEKIT_LSPET names no LSPet zip")
def test_the_test_part_of_a_few_real_photographs(capsys, own_cache, tmp_path):
    dataset = lsp.read(os.environ["POSEKIT_LSPET"])
    few = dataset.subset(evenly_spread(len(dataset), 20))
    folder = tmp_path / "few"
    (folder / "images").mkdir(parents=True)
    for image_id in few.image_ids:
        (folder / "images" / f"{image_id}.jpg").write_bytes(few.read_image(image_id))
    joints = np.concatenate([few.keypoints_px, few.labelled[..., None]], axis=-1)
    scipy.io.savemat(folder / "joints.mat", {"joints": joints.transpose(1, 2, 0)})

    model = save_network(tmp_path / "network.keras")
    scores = tmp_path / "scores.json"
    arguments = ["evaluate", "--model", model, "--data", str(folder), "--part", "test"]
    # The set comes with or without its test images.
    if few.fixed_test.any():
        assert main([*arguments, "--out", str(scores)]) == 0
        assert files.read_json(scores)["image_count"] == few.fixed_test.sum()
    else:
        message = refused(capsys, arguments)
        assert "LSPet's im09001 to im10000 are not among these 20 images" in message
