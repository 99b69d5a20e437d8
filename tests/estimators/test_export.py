"""Exported models answer as their originals, and can be used without posekit."""

import importlib.util
import json
import subprocess
import sys
import types
from dataclasses import asdict

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from PIL import Image, ImageDraw

from posekit.cli.main import main
from posekit.errors import PosekitError
from posekit.estimators import loading, recipes
from posekit.estimators.export import export
from posekit.files import PROJECT_ROOT, digest, read_json, write_json
from posekit.skeleton import JOINTS

EXAMPLES = PROJECT_ROOT / "examples"

needs_onnx = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("tf2onnx", "onnx", "onnxruntime"))),
    reason="benchmarks/export_requirements.txt is not installed",
)


# Each pair of joints shares a corner of the colour cube, neck and head top have one each.
COLOURS = np.array(
    [[255 * ((pair >> channel) & 1) for channel in range(3)] for pair in range(8)], float
)
PAIR_OF_JOINT = [0, 1, 2, 2, 1, 0, 3, 4, 5, 5, 4, 3, 6, 7]
SIDE_OF_JOINT = np.array([{"right": -1, "left": 1}.get(name.split("_")[0], 0) for name in JOINTS])


def disc_places():
    """Where the discs are in the picture, (14, 2)."""
    return np.array(
        [
            (62 + 26 * side, 12 + 13 * min(pair, 5) if side else 20 + 20 * (pair - 6))
            for pair, side in zip(PAIR_OF_JOINT, SIDE_OF_JOINT, strict=True)
        ],
        float,
    )


def disc_picture(width=130, height=92):
    """A disc of its colour for each joint, on grey."""
    image = Image.new("RGB", (width, height), (127, 127, 127))
    pencil = ImageDraw.Draw(image)
    for (x, y), pair in zip(disc_places(), PAIR_OF_JOINT, strict=True):
        pencil.ellipse((x - 6, y - 6, x + 6, y + 6), fill=tuple(COLOURS[pair].astype(int)))
    return image


def disc_network(frame_px):
    """A network that sees colours: maps are highest on a joint's disc, on its side of the frame."""
    image = keras.Input((frame_px, frame_px, 3), name="image")
    colour = layers.AveragePooling2D(4)(layers.Rescaling(1 / 255)(image))
    both = layers.Concatenate()([colour, layers.Multiply()([colour, colour])])
    cells = frame_px // 4
    maps = layers.EinsumDense("nhwc,cd->nhwd", (cells, cells, len(JOINTS)), bias_axes="hwd")
    network = keras.Model(image, maps(both))
    # 2 c x - x x is the squared distance from the colour c, but for a constant and its sign.
    wanted = 2 * COLOURS[PAIR_OF_JOINT].T / 255
    to_the_left = np.linspace(-10, 10, cells)[None, :, None] * SIDE_OF_JOINT
    maps.set_weights(
        [
            100 * np.concatenate([wanted, -np.ones_like(wanted)]),
            np.broadcast_to(to_the_left, (cells, cells, len(JOINTS))),
        ]
    )
    return network


@pytest.fixture(scope="module")
def disc_folder(estimator_folder, tmp_path_factory):
    """A model whose poses can be told beforehand."""
    folder = tmp_path_factory.mktemp("discs")
    manifest = read_json(estimator_folder / "manifest.json")
    for stage, frame_px in zip(manifest["stages"], (64, 96), strict=True):
        disc_network(frame_px).save(folder / stage["file"])
        stage["sha256"] = digest(folder / stage["file"])
    manifest["stages"][1]["looks"] = [
        [asdict(crop) for crop in crops] for crops in recipes.TWO_PASSES
    ]
    write_json(folder / "manifest.json", manifest)
    return folder


@pytest.fixture(scope="module")
def exported(experiment, tmp_path_factory):
    """(model folder, format) -> folder of the export, made when it is first asked for."""
    made = {}

    def folder(model, file_format):
        if (model, file_format) not in made:
            made[model, file_format] = tmp_path_factory.mktemp(file_format)
            export(
                model,
                made[model, file_format],
                file_format=file_format,
                dataset=experiment.part("train").subset(np.arange(6)),
            )
        return made[model, file_format]

    return folder


def size_bytes(folder):
    return sum(path.stat().st_size for path in folder.iterdir() if path.name != "manifest.json")


@pytest.mark.parametrize(
    ("file_format", "most"),
    [
        ("litert", 1e-4),
        ("litert-float16", 1e-2),
        ("litert-int8", 0.2),
        pytest.param("onnx", 1e-4, marks=needs_onnx),
    ],
)
def test_exported_networks_answer_as_their_originals(file_format, most, estimator_folder, exported):
    originals = loading.load(estimator_folder, compiled=False).stages
    stages = loading.load(exported(estimator_folder, file_format)).stages
    for original, stage in zip(originals, stages, strict=True):
        assert stage.frame_px == original.frame_px
        shown = disc_picture().resize((stage.frame_px, stage.frame_px))
        for count in (1, 3):
            turned = [shown.rotate(5 * turn) for turn in range(count)]
            frames = np.stack([np.asarray(image, np.float32) for image in turned])
            expected = original.network.predict_on_batch(frames)
            error = stage.network.predict_on_batch(frames) - expected
            assert np.sqrt((error**2).mean()) < most * expected.std()
            assert file_format in ("litert", "onnx") or error.any()


@pytest.mark.parametrize(
    ("file_format", "most_px"),
    [
        ("litert", 0.01),
        ("litert-float16", 0.1),
        ("litert-int8", 4.0),
        pytest.param("onnx", 0.01, marks=needs_onnx),
    ],
)
def test_an_exported_model_finds_the_same_poses(file_format, most_px, disc_folder, exported):
    image = np.asarray(disc_picture())
    expected = loading.load(disc_folder, compiled=False).estimate([image])
    np.testing.assert_allclose(expected.keypoints_px[0], disc_places(), atol=2.0)
    found = loading.load(exported(disc_folder, file_format)).estimate([image])
    assert np.abs(found.keypoints_px - expected.keypoints_px).max() < most_px
    np.testing.assert_allclose(found.confidences, expected.confidences, atol=most_px / 10)


def test_smaller_formats_are_smaller(estimator_folder, exported):
    formats = ("litert", "litert-float16", "litert-int8")
    sizes = [size_bytes(exported(estimator_folder, name)) for name in formats]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 3


def test_int8_is_int8_inside_and_float_outside(estimator_folder, exported):
    file = exported(estimator_folder, "litert-int8") / "person.tflite"
    interpreter = tf.lite.Interpreter(str(file))
    for details in (*interpreter.get_input_details(), *interpreter.get_output_details()):
        assert details["dtype"] == np.float32
    inner = [
        details["dtype"]
        for details in interpreter.get_tensor_details()
        if len(details["shape"]) == 4
    ]
    assert inner.count(np.int8) > 0.8 * len(inner) > 10


def test_the_manifest_says_what_the_files_are(estimator_folder, exported):
    folder = exported(estimator_folder, "litert")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    original = json.loads((estimator_folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["format"] == "litert" and manifest["joints"] == list(JOINTS)
    for field in ("calibration", "data"):
        assert manifest[field] == original[field]
    for stage, before in zip(manifest["stages"], original["stages"], strict=True):
        assert stage["sha256"] == digest(folder / stage["file"]) != before["sha256"]
        for field in ("head", "view", "looks"):
            assert stage[field] == before[field]
    assert set(manifest["how_to"]["box"]) == {"whole", "person"}
    assert set(manifest["how_to"]["output"]) == {"soft_argmax"}


@pytest.fixture
def litert_pose(monkeypatch):
    """The example, with TensorFlow's LiteRT where the package of its own is not installed."""
    if importlib.util.find_spec("ai_edge_litert") is None:
        package = types.ModuleType("ai_edge_litert.interpreter")
        package.Interpreter = tf.lite.Interpreter
        monkeypatch.setitem(sys.modules, "ai_edge_litert", types.ModuleType("ai_edge_litert"))
        monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", package)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import litert_pose

    return litert_pose


def striped(image, longer_px):
    """A picture enlarged, with fine stripes on it, which points alone would show as broad ones."""
    scale = longer_px / max(image.size)
    image = image.resize([round(length * scale) for length in image.size])
    pixels = np.asarray(image, int)
    stripes = 40 * (-1) ** np.arange(pixels.shape[1])[None, :, None]
    return Image.fromarray(np.clip(pixels + stripes, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("longer_px", [100, 130, 421, 1080, 4000])
def test_the_litert_example_finds_what_posekit_finds(
    longer_px, exported, disc_folder, litert_pose, tmp_path
):
    image = striped(disc_picture(*((130, 92) if longer_px > 100 else (100, 160))), longer_px)
    image.save(tmp_path / "photo.png", compress_level=1)
    folder = exported(disc_folder, "litert")
    found = litert_pose.find_pose(folder, tmp_path / "photo.png", litert_pose.open_network)
    _compare(found, disc_folder, image, longer_px / (130 if longer_px > 100 else 160))


@needs_onnx
def test_the_onnx_example_runs_without_posekit(exported, disc_folder, tmp_path):
    disc_picture().save(tmp_path / "photo.png")
    program = (
        "import runpy, sys; sys.argv.pop(0); sys.path.insert(0, sys.argv.pop(0)); "
        "runpy.run_path(sys.argv[0], run_name='__main__'); "
        "assert not {'posekit', 'tensorflow', 'keras'} & set(sys.modules)"
    )
    arguments = [
        *(EXAMPLES, EXAMPLES / "onnx_pose.py"),
        *(exported(disc_folder, "onnx"), tmp_path / "photo.png"),
    ]
    finished = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    _compare(json.loads(finished.stdout), disc_folder, disc_picture())


def _compare(found, folder, image, scale=1.0):
    """The example's pose against posekit's, joint by joint, in pixels of the unscaled picture."""
    assert list(found) == list(JOINTS)
    expected = loading.load(folder).estimate([np.asarray(image)])
    places = np.array([(joint["x_px"], joint["y_px"]) for joint in found.values()])
    # OpenCV counts places between pixels in 32nds, and rounds what it shrinks to whole greys.
    np.testing.assert_allclose(places / scale, expected.keypoints_px[0] / scale, atol=0.3)
    np.testing.assert_allclose((places + 0.5) / scale - 0.5, disc_places(), atol=2.0)
    confidences = [joint["confidence"] for joint in found.values()]
    np.testing.assert_allclose(confidences, expected.confidences[0], atol=0.05)


def test_examples_need_no_posekit():
    files = sorted(EXAMPLES.glob("*.py"))
    assert len(files) == 3
    assert not [path for path in files if "import posekit" in path.read_text("utf-8")]


def test_the_command_writes_an_export_and_its_sizes(estimator_folder, tmp_path, capsys, caplog):
    folder = tmp_path / "out"
    arguments = ["--model", str(estimator_folder), "--out", str(folder)]
    arguments += ["--format", "litert-float16"]
    assert main(["export", *arguments]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in printed[:2]] == [
        str(folder / "whole.tflite"),
        str(folder / "person.tflite"),
    ]
    assert printed[2] == str(folder / "manifest.json")
    assert not [record for record in caplog.records if record.name == "absl"]
    # A second export replaces the first if it is asked to.
    assert main(["export", *arguments]) == 2
    assert main(["export", *arguments, "--force"]) == 0


def test_int8_wants_pictures(estimator_folder, tmp_path):
    with pytest.raises(PosekitError, match="`dataset` must hold pictures .* got none"):
        export(estimator_folder, tmp_path, file_format="litert-int8")


def test_an_export_never_lands_on_a_model(estimator_folder):
    before = (estimator_folder / "manifest.json").read_bytes()
    with pytest.raises(PosekitError, match="got one that holds a model"):
        export(estimator_folder, estimator_folder, file_format="litert")
    assert (estimator_folder / "manifest.json").read_bytes() == before


def test_an_export_is_not_exported_again(estimator_folder, exported, tmp_path):
    with pytest.raises(PosekitError, match="got '.*litert0', an export itself"):
        export(str(exported(estimator_folder, "litert")), tmp_path, file_format="litert")


def test_unknown_formats_are_named(estimator_folder, tmp_path):
    with pytest.raises(PosekitError, match="'litert-int8', 'onnx'; got 'coreml'"):
        export(estimator_folder, tmp_path, file_format="coreml")


def test_a_missing_converter_names_what_to_install(estimator_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(PosekitError, match="ONNX needs tf2onnx.*export_requirements.txt"):
        export(estimator_folder, tmp_path, file_format="onnx")


def test_a_file_that_is_no_model_is_named(tmp_path):
    (tmp_path / "broken.tflite").write_bytes(b"no flatbuffer")
    with pytest.raises(PosekitError, match="broken.tflite: must be a model"):
        loading.load(tmp_path / "broken.tflite")
