"""The readers of posekit, each with inputs that it takes, ways to damage them, and what must hold.

A reader may refuse an input, with a PosekitError. What it takes must keep the reader's promises,
which are checked here by other means than the reader's own.
"""

import ast
import hashlib
import io
import itertools
import json
import math
import tempfile
import warnings
import zipfile
import zlib
from functools import cache
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import coco_sets
import films
import nbformat
import numpy as np
import scipy.io
import tool_exports
from PIL import Image
from tiny_sets import labels, lsp_files, lspet_files, mat, picture, write_folder

from posekit.datasets import image_files, joints_mat, lsp, orientation
from posekit.datasets.coco import own_data, reading
from posekit.datasets.fetch.download import content_sha256
from posekit.errors import PosekitError
from posekit.estimators.manifest import check_file, read
from posekit.estimators.predict import inputs, photos, video_files, video_writing
from posekit.files import read_json, write_json
from posekit.models import imagenet
from posekit.report import parameters
from posekit.report.index import headline_of
from posekit.skeleton import LSP

from . import mutation
from .attempts import Reader, Wrong


def _require(condition, promise):
    if not condition:
        raise Wrong(promise)


# Data sets: a zip, or a folder with a table beside the pictures.


@cache
def _archives():
    return [
        mutation.zipped(lspet_files(labels(3))),
        mutation.zipped(lsp_files(labels(2)), zipfile.ZIP_STORED),
        mutation.zipped({f"top/{name}": it for name, it in lspet_files(labels(2)).items()}),
        mutation.zipped(_synthetic_files() | {"README.txt": b"Who drew this."}),
    ]


@cache
def _synthetic_files():
    table = "image,activity,person_count\n" + "".join(
        f"im{number:05d}.jpg,running,{number}\n" for number in (1, 2, 3)
    )
    return {
        **lspet_files(labels(3)),
        "synthetic.json": b'{"seed": 0}',
        "annotations.csv": table.encode(),
    }


def _of_entry(name):
    if name.endswith(".mat"):
        return mutation.of_mat
    if name.endswith(".json"):
        return mutation.of_json
    if name.endswith((".csv", ".txt", ".xml", ".yaml")):
        return mutation.of_text
    return mutation.of_picture


def _mutate_archive(content, rng):
    ways = (mutation.blindly, mutation.zip_record, mutation.zip_names)
    way = rng.choice((*ways, *[mutation.zip_entry(_of_entry)] * 3))
    return way(content, rng)


def _read_archive(content, folder):
    path = folder / "set.zip"
    path.write_bytes(content)
    dataset = lsp.read(path, bad_images=("error", "skip")[zlib.crc32(content) % 2])
    _check_dataset(dataset)
    listed = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            listed.setdefault(PurePosixPath(entry.filename).name, []).append(entry)
    entries = {
        PurePosixPath(name).stem: same for name, same in listed.items() if "." in name
    }
    for image_id in dataset.image_ids.tolist():
        try:
            encoded = dataset.read_image(image_id)
        except PosekitError:
            continue
        found = zlib.crc32(encoded)
        promised = [entry.CRC for entry in entries[image_id]]
        _require(found in promised, f"{image_id} has the checksum {found}, not {promised}")
    content_sha256(path)


def _read_set(content, folder):
    """One file of the synthetic set is changed: which, its first byte tells."""
    files = _synthetic_files()
    chosen = sorted(files)[content[0] % len(files)]
    target = folder / "set"
    dataset = lsp.read(write_folder(target, files | {chosen: content[1:]}))
    _check_dataset(dataset)
    _require(dataset.extras["person_count"].dtype == np.int64, "`person_count` must be int")


def _set_files():
    return [
        bytes([index]) + content
        for index, (name, content) in enumerate(sorted(_synthetic_files().items()))
        if name.endswith((".csv", ".mat", "1.jpg"))
    ]


def _mutate_set(content, rng):
    chosen = sorted(_synthetic_files())[content[0]]
    return content[:1] + _of_entry(chosen)(content[1:], rng)


def _check_dataset(dataset):
    count = len(dataset)
    keypoints_px, labelled = dataset.keypoints_px, dataset.labelled
    sizes_px = dataset.image_sizes_px
    _require(count > 0 and len(set(dataset.image_ids.tolist())) == count, "ids must be unique")
    _require(
        keypoints_px.shape == (count, LSP.joint_count, 2) and keypoints_px.dtype == np.float64,
        "`keypoints_px` must be float64 (N, 14, 2)",
    )
    _require(labelled.shape == (count, LSP.joint_count) and labelled.dtype == bool, "`labelled`")
    _require(np.isfinite(keypoints_px).all(), "`keypoints_px` must be finite")
    _require(sizes_px.shape == (count, 2) and (sizes_px >= 1).all(), "`image_sizes_px` must be > 0")
    _require(sizes_px.prod(axis=1).max() <= image_files.PIXEL_LIMIT, "a picture beyond the limit")
    _require(dataset.fixed_test.shape == (count,) and dataset.fixed_test.dtype == bool, "`fixed`")
    # No picture has a side of more than 65,535 pixels.
    _require((np.abs(keypoints_px[labelled]) < 2**16).all(), "a labelled joint far beyond pictures")
    if dataset.name != "lsp":
        inside = (keypoints_px >= 0) & (keypoints_px < sizes_px[:, None])
        _require(inside.all(axis=-1)[labelled].all(), "a labelled joint outside its picture")
    bad = {image_id for image_id, _ in lsp.check_images(dataset)}
    for index, image_id in enumerate(dataset.image_ids.tolist()):
        if image_id not in bad:
            height, width = lsp.decode(dataset, index).shape[:2]
            _require(
                (width, height) == tuple(sizes_px[index]),
                f"{image_id} is {width} x {height}, not {sizes_px[index]}",
            )


# Own data: the annotations, and the file that says what their joints are.


@cache
def _annotation_files():
    stored = coco_sets.content(3)
    stored["annotations"].append(coco_sets.annotation(9, 12, shift=4, flag=1))
    return [json.dumps(stored).encode()]


def _read_annotations(content, folder):
    coco_sets.write(folder, coco_sets.content(3))
    (folder / "annotations.json").write_bytes(content)
    for people in own_data.PEOPLE:
        described = f'annotations = "annotations.json"\npeople = "{people}"\n'
        (folder / own_data.NAME).write_text(described)
        own = own_data.find(folder)
        reading.layout_of(own)
        _check_own(reading.read(own))


@cache
def _exports():
    """A zip of what each labelling tool writes."""
    made = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, build in tool_exports.BUILDERS.items():
            folder = build(Path(scratch) / name)
            made.append(tool_exports.zipped(folder, Path(scratch) / f"{name}.zip").read_bytes())
    return made


def _mutate_export(content, rng):
    ways = (mutation.blindly, mutation.zip_record, mutation.zip_names)
    way = rng.choice((*ways, *[mutation.zip_entry(_of_entry)] * 6))
    return way(content, rng)


def _read_export(content, folder):
    path = folder / "export.zip"
    path.write_bytes(content)
    own = own_data.find(path)
    if own is None:
        raise PosekitError("nothing was recognised")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = reading.read(own, bad_images=("error", "skip")[zlib.crc32(content) % 2])
    _check_own(dataset, None)
    reading.layout_of(own)


def _check_own(dataset, side_px=40):
    count, joints = len(dataset), dataset.skeleton.joint_count
    keypoints_px, labelled = dataset.keypoints_px, dataset.labelled
    _require(count > 0 and len(set(dataset.image_ids.tolist())) == count, "ids must be unique")
    _require(keypoints_px.shape == (count, joints, 2), "`keypoints_px` must be (N, K, 2)")
    _require(np.isfinite(keypoints_px).all(), "`keypoints_px` must be finite")
    _require(labelled.shape == (count, joints) and labelled.any(axis=1).all(), "`labelled`")
    sizes_px = dataset.image_sizes_px
    _require(side_px is None or (sizes_px == side_px).all(), f"the size of {side_px} x {side_px}")
    inside = (keypoints_px >= -0.5) & (keypoints_px <= sizes_px[:, None] - 0.5)
    _require(inside[labelled].all(), "a labelled joint outside")
    for image_id in dataset.image_ids.tolist():
        _require(image_id.isprintable(), "an id that a terminal would obey")
        try:
            _require(len(dataset.read_image(image_id)) > 0, "an empty picture")
        except PosekitError:
            _require(side_px is None, "a good picture cannot be read")


@cache
def _descriptions():
    return [file.read_bytes() for file in sorted(own_data.MAPPINGS.glob("*.toml"))]


def _read_description(content, folder):
    path = folder / own_data.NAME
    path.write_bytes(b'annotations = "a.json"\n' + content)
    own = own_data.find(path)
    skeleton = own.skeleton
    _require(len(own.sources) == len(set(skeleton.joints)) == skeleton.joint_count >= 2, "joints")
    twice = [skeleton.mirror[joint] for joint in skeleton.mirror]
    _require(twice == list(range(skeleton.joint_count)), "a mirror that does not undo itself")
    places = [joint for line in skeleton.segments for joint in line[:2]] + [*skeleton.torso_joints]
    _require(all(0 <= joint < skeleton.joint_count for joint in places), "a line to nowhere")
    _require(all(name.isprintable() for name in skeleton.joints), "a name that is not printable")


# joints.mat alone.


@cache
def _mat_files():
    joints = labels(3)
    lspet, lsp_axes = joints.transpose(1, 2, 0), joints.transpose(2, 1, 0)
    others = {"a": "text", "z": {"q": np.ones(2)}, "name": np.eye(2)}
    packed = io.BytesIO()
    scipy.io.savemat(packed, {**others, "joints": lspet}, do_compression=True)
    small = mat(joints=lsp_axes.astype(np.uint8))
    plain = mat(joints=lspet)
    return [packed.getvalue(), small, plain, mat(**others, joints=lsp_axes), _swapped(plain)]


def _swapped(content):
    """A file of one uncompressed variable of doubles as a big-endian machine writes it."""
    header, body = content[:124] + b"\x01\x00MI", content[128:]
    words = np.frombuffer(body, "<u4").astype(">u4").tobytes()
    # Tags, flags and sizes are words; the name is bytes, and the values are double words.
    name_at = body.index(b"joints")
    values = np.frombuffer(body[name_at + 16 :], "<f8").astype(">f8").tobytes()
    return header + words[:name_at] + body[name_at : name_at + 8] + words[
        name_at + 8 : name_at + 16
    ] + values


def _read_labels(content, folder):
    joints, is_lsp = joints_mat.read_joints("set", content, 3)
    _require(joints.shape == (3, LSP.joint_count, 3) and joints.dtype == np.float64, "the shape")
    try:
        oracle = scipy.io.loadmat(io.BytesIO(content), variable_names=["joints"])["joints"]
    except Exception:
        # SciPy reads the other variables' heads too, and finds more faults in them.
        return
    oracle = oracle.transpose((2, 1, 0) if is_lsp else (2, 0, 1)).astype(np.float64)
    _require(np.array_equal(joints, oracle, equal_nan=True), "SciPy reads other labels")


# Pictures.


@cache
def _pictures():
    grey16 = io.BytesIO()
    Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100).save(grey16, "PNG")
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a picture"
    made = [picture(30, 20, file_format=name) for name in ("JPEG", "PNG")]
    made += [picture(30, 20, exif=exif), picture(30, 20, progressive=True, quality=95)]
    made += [picture(30, 20, file_format="PNG", exif=exif), grey16.getvalue()]
    for mode in ("P", "1", "LA", "RGBA", "L", "CMYK"):
        buffer = io.BytesIO()
        kind = "JPEG" if mode in ("L", "CMYK") else "PNG"
        Image.open(io.BytesIO(made[1])).convert(mode).save(buffer, kind)
        made.append(buffer.getvalue())
    return made


def _read_picture(content, folder):
    try:
        size_px = orientation.upright_size(*image_files.read_frame(io.BytesIO(content)))
    except PosekitError:
        size_px = None
    pixels = image_files.decode(content)
    height, width = pixels.shape[:2]
    _require(size_px == (width, height), f"{width} x {height}, but {size_px} in the header")
    _require(pixels.dtype == np.uint8 and pixels.shape[2] == 3, f"{pixels.dtype} {pixels.shape}")
    _require(width * height <= image_files.PIXEL_LIMIT, "a picture beyond the limit")
    upright = image_files.decode(content, upright=True)
    _require(sorted(upright.shape[:2]) == sorted(pixels.shape[:2]), "turned to another size")
    if content.startswith(b"\x89PNG"):
        _require(_png_is_whole(content), "a PNG with a wrong checksum was taken")
    for original in _pictures():
        # The end of a picture may hold nothing; where it does, its loss must be seen.
        if original.startswith(content):
            _require(np.array_equal(pixels, image_files.decode(original)), "a cut was not seen")


def _png_is_whole(content):
    """Whether all chunks that hold pixels have the right checksum, up to the end."""
    place = 8
    while place + 12 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        kind = content[place + 4 : place + 8]
        end = place + 8 + size
        checksum = int.from_bytes(content[end : end + 4], "big")
        if kind in (b"IHDR", b"PLTE", b"IDAT"):
            if zlib.crc32(content[place + 4 : end]) != checksum:
                return False
        if kind == b"IEND":
            break
        place = end + 4
    return True


# A person's own photographs and films.


@cache
def _photographs():
    made = []
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM"):
        made.append(picture(30, 20, file_format=kind))
    return made


def _read_photograph(content, folder):
    (folder / "photo").write_bytes(content)
    inputs.kind(folder / "photo")
    pixels = photos.read_photo(folder / "photo")
    _require(pixels.dtype == np.uint8 and pixels.shape[2] == 3, f"{pixels.dtype} {pixels.shape}")
    _require(pixels.shape[0] * pixels.shape[1] <= image_files.PIXEL_LIMIT, "beyond the limit")


@cache
def _films():
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for name, codec in (("a.mp4", "libx264"), ("a.webm", "libvpx"), ("a.avi", "mpeg4")):
            path = films.write(Path(folder) / name, codec=codec, count=4)
            made.append(path.read_bytes())
        sounding = films.write(Path(folder) / "b.ts", form="mpegts", sound="aac", count=4)
        made.append(sounding.read_bytes())
    frames = [Image.fromarray(films.square(index)) for index in range(3)]
    for kind in ("GIF", "WEBP"):
        buffer = io.BytesIO()
        frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=[50, 90, 40])
        made.append(buffer.getvalue())
    return made


def _read_film(content, folder):
    (folder / "film").write_bytes(content)
    inputs.kind(folder / "film")
    stream = video_files.open_video(folder / "film")
    before = -math.inf
    drawn = folder / "drawn.mp4"
    count = 0
    with video_writing.writing(
        drawn, stream.frames_per_second, stream.size_px, source=stream
    ) as show:
        for seconds, image in itertools.islice(stream.frames(), 40):
            _require(before < seconds < math.inf, f"{seconds} after {before}")
            _require(image.shape == (*stream.size_px[::-1], 3), f"a frame of {image.shape}")
            show(seconds, image)
            before = seconds
            count += 1
    _require(count > 0, "a film without a frame was taken")


# Parameters of notebooks.

DECLARED = {
    "01_first": {"data": "synthetic", "seed": 0, "rate": 0.5, "names": ["a"], "limit": None},
    "02_second": {"seed": 0, "epochs": 8, "flag": True, "by_name": {"a": 1}},
}
OVERRIDES = (
    *("epochs=50", "02_second.epochs=50", "rate=1e-3", 'names=["masked","poster"]', "flag=False"),
    *("data=data/raw/set.zip", "by_name={'a': [1, 2.5, None]}", "limit='text'", "seed=-1"),
)
PIECES = (
    *("[" * 150, "(" * 250, "-" * 100, "-" * 60_000, "not " * 3000, "1+" * 3000 + "1", "9" * 5000),
    *("9" * 400, "1e999", "-1e999", "nan", "{[]: 1}", "{1: 2}", "{**{}}", "{1, 2}", "b'a'", "1j"),
    *("'\\ud800'", "'\\0'", "\0", "\x1b[2J", "'a' 'b'", "f'{1}'", "...", "__import__('os')", "="),
    *("'" + "a" * 100_000 + "'", "0x" + "f" * 6000, "lambda: 0", "[1] * 9", "True", "é", "\n"),
    *("(", "{'a': " * 120, "[[]," * 20_000, "#", "\\N{BULLET}", "0b12", "1_0", "'''", "\r"),
    "\u2028",
)


def _overrides():
    return [text.encode() for text in OVERRIDES]


def _mutate_override(content, rng):
    text = content.decode()
    way = rng.randrange(4)
    key, _, value = text.partition("=")
    if way == 0:
        text = f"{key}={rng.choice(PIECES)}"
    elif way == 1:
        place = rng.randrange(len(text) + 1)
        text = text[:place] + rng.choice(PIECES) + text[place:]
    elif way == 2:
        text = f"{rng.choice(OVERRIDES).partition('=')[0]}={value}"
    else:
        # A command line may hold any bytes; Python shows those of no encoding as surrogates.
        return mutation.blindly(content, rng)
    return text.encode("utf-8", "surrogatepass")


def _read_override(content, folder):
    text = content.decode("utf-8", "surrogateescape")
    given = parameters.resolve(DECLARED, {"data": "photos"}, [text])
    for notebook, values in given.items():
        for name, value in values.items():
            default = DECLARED[notebook][name]
            _require(default is None or type(value) is type(default), f"{name} became {value!r}")
            _check_parameter(name, value)


def _check_parameter(name, value):
    """What a notebook is given must be what was meant, in its source and in the report's JSON."""
    try:
        source = repr(value).encode()
        survives = ast.literal_eval(source.decode()) == value
        survives &= json.loads(json.dumps(value, allow_nan=False)) == value
        if isinstance(value, str):
            value.encode()
    except ValueError as error:
        raise Wrong(f"{name} does not survive: {error}") from error
    _require(survives, f"{name} does not survive as it is")


CELLS = (
    'run_dir = "reports/default"  # artifacts of this run\nseed = 0\nthreshold = 0.2\n',
    'names = ["a", "b"]\nlimit = None\nby_name = {"a": 1, "b": [True, 2]}\n',
)


def _cells():
    return [text.encode() for text in CELLS]


def _mutate_cell(content, rng):
    lines = content.decode().split("\n")
    index = rng.randrange(len(lines))
    name = lines[index].partition(" ")[0] or "other"
    way = rng.randrange(3)
    if way == 0:
        lines[index] = f"{name} = {rng.choice(PIECES)}"
    elif way == 1:
        odd = ("a, b = 1, 2", "a = b = 1", "a.b = 1", "a[0] = 1", "a: int = 1", "a += 1", "del a")
        lines.insert(index, rng.choice((*odd, "import os", "seed = 5", "x = seed", "if 1: y = 2")))
    else:
        return mutation.blindly(content, rng)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _read_cell(content, folder):
    source = content.decode("utf-8", "replace")
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[cell])
    for name, value in parameters.declared("notebook", notebook).items():
        _require(name.isidentifier(), f"{name!r} as a name")
        _check_parameter(name, value)


# Weights in an npz file, for a network of two layers.

_SHAPES = {"stem": (3, 3, 3, 4), "block_1": (1, 1, 4, 2)}


@cache
def _weight_files():
    rng = np.random.default_rng(0)
    arrays = {}
    for name, shape in _SHAPES.items():
        arrays[f"{name}/kernel"] = rng.normal(size=shape).astype(np.float32)
        arrays[f"{name}/bias"] = rng.normal(size=shape[-1]).astype(np.float32)
    files = []
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, **arrays)
        files.append(buffer.getvalue())
    return files


class _Layer:
    def __init__(self, name, shape):
        self.name = name
        self.weights = [np.zeros(shape, np.float32), np.zeros(shape[-1:], np.float32)]
        self.is_set = False

    def set_weights(self, arrays):
        for array, weight in zip(arrays, self.weights, strict=True):
            _require(array.shape == weight.shape, "a weight of another shape")
            _require(array.dtype.kind == "f", f"weights of {array.dtype}")
            _require(np.isfinite(array).all(), "weights that are not finite")
        self.is_set = True


def _mutate_weights(content, rng):
    inside = mutation.zip_entry(lambda name: _of_array)
    return rng.choice((mutation.blindly, mutation.zip_record, mutation.zip_names, inside))(
        content, rng
    )


def _of_array(content, rng):
    if rng.random() < 0.5:
        return mutation.blindly(content, rng)
    odd = (b"'<f8'", b"'|O'", b"'<U1'", b"'<i4'", b"'<c8'", b"'|V4'", b"'>f4'", b"[('a', 'f4')]")
    new = content.replace(b"'<f4'", rng.choice(odd))
    shapes = (b"(4,)", b"(-1,)", b"(99999999999,)", b"()", b"(1" + b"0" * 5000 + b",)")
    return new.replace(b"(4,)", rng.choice(shapes)) if rng.random() < 0.5 else new


def _read_weights(content, folder):
    path = folder / "weights.npz"
    path.write_bytes(content)
    layers = [_Layer(name, shape) for name, shape in _SHAPES.items()]
    try:
        imagenet.load_into(SimpleNamespace(layers=layers), path)
    except PosekitError:
        _require(not any(layer.is_set for layer in layers), "a refused file changed the network")
        raise
    _require(all(layer.is_set for layer in layers), "a layer kept its weights")


# JSON files.


@cache
def _json_files():
    ids = [f"im{number:05d}" for number in range(1, 7)]
    stored = {"name": "standard", "seed": 3, "comparable": True, "train": ids[:2], "test": []}
    return [json.dumps({**stored, "groups": dict(zip(ids, range(6), strict=True))}).encode()]


@cache
def _artifact_files():
    row = {"label": "PCK", "value": "0.50", "interval": ["0.4", "0.6"], "note": "of 100"}
    return [json.dumps({"headline": [row, {"label": "a", "value": "b"}], "more": [1]}).encode()]


def _read_artifact(content, folder):
    (folder / "training.json").write_bytes(content)
    for row in headline_of(folder, "02_training"):
        _require(isinstance(row, dict) and {"label", "value"} <= set(row), f"headline {row!r}")


@cache
def _model_files():
    return {"whole.keras": b"first network", "person.keras": b"second network"}


@cache
def _manifests():
    stages = [
        {
            "file": file,
            "sha256": hashlib.sha256(content).hexdigest(),
            "view": file.partition(".")[0],
            "head": "soft_argmax",
            "looks": [[{"scale": 1.15, "mirrored": False}, {"scale": 0.9, "mirrored": True}]],
            "input_px": 64,
        }
        for file, content in _model_files().items()
    ]
    fitted = {"slope": 2.0, "offsets": [0.1] * LSP.joint_count}
    split = {"name": "standard", "seed": 5, "images": 9000}
    manifest = {
        "version": 2,
        "joints": list(LSP.joints),
        "stages": stages,
        "calibration": fitted,
        "data": {"split": split},
    }
    return [json.dumps(it).encode() for it in (manifest, {**manifest, "calibration": None})]


def _read_manifest(content, folder):
    write_folder(folder, {**_model_files(), "manifest.json": content})
    manifest = read(folder)
    stages, fitted = manifest.stages, manifest.calibration
    for stage in stages:
        check_file(stage)
    sums = {stage["sha256"] for stage in json.loads(_manifests()[0])["stages"]}
    for stage in stages:
        _require(stage.path.resolve().parent == folder.resolve(), f"a network from {stage.path}")
        found = hashlib.sha256(stage.path.read_bytes()).hexdigest()
        _require(found in sums, f"another network {stage.path}")
        _require(1 <= len(stage.passes) <= 20, f"{len(stage.passes)} passes")
        for crops in stage.passes:
            _require(1 <= len(crops) <= 20, f"{len(crops)} crops")
            for crop in crops:
                _require(0.25 <= crop.scale <= 4, f"`scale` {crop.scale!r}")
                _require(type(crop.mirrored) is bool, f"`mirrored` {crop.mirrored!r}")
    if fitted is not None:
        raw = np.linspace(0, 1, 11)[:, None]
        confidence = fitted.confidence(raw)
        _require(confidence.shape == (11, LSP.joint_count), f"confidences {confidence.shape}")
        _require(((confidence >= 0) & (confidence <= 1)).all(), "confidences in [0, 1]")
        _require((np.diff(confidence, axis=0) >= 0).all(), "surer must not be less confident")


def _settle(number):
    _require(number is None or math.isfinite(number), f"the number {number}")


@cache
def _trainings():
    """config.json and history.json of one training, the letter in front tells which of them."""
    config = {
        "config": {
            "network": "poster_plain",
            "label_treatment": "masked",
            "epochs": 3,
            "seed": 0,
            "learning_rate": 0.001,
            "patience": None,
        },
        "baselines": {"mean_pose": 300.0, "image_centre": 500.5},
        "data": {"split": {"name": "standard", "seed": 5, "images": 9000}},
    }
    history = [
        {
            "epoch": epoch,
            "train_mse": 400.0 / epoch,
            "validation_mse": 410.0 / epoch,
            "learning_rate": 0.001,
            "seconds": 1.5,
        }
        for epoch in (1, 2, 3)
    ]
    return [b"c" + json.dumps(config).encode(), b"h" + json.dumps(history).encode()]


def _mutate_training(content, rng):
    return content[:1] + mutation.of_json(content[1:], rng)


def _read_training(content, folder):
    from posekit.estimators import loading
    from posekit.training import runs

    config, history = (it[1:] for it in _trainings())
    if content[:1] == b"c":
        config = content[1:]
    else:
        history = content[1:]
    write_folder(folder, {"config.json": config, "history.json": history})
    split = loading.training_split(folder)
    _require(split is None or isinstance(split, dict), f"`split` {split!r}")
    run = runs.open_run(folder)
    columns = run.history
    epochs = columns["epoch"]
    _require(epochs == list(range(1, len(epochs) + 1)), f"epochs {epochs}")
    for name in ("train_mse", "validation_mse", "learning_rate", "seconds"):
        _require(
            len(columns[name]) == len(epochs)
            and all(type(it) in (int, float) and math.isfinite(it) for it in columns[name]),
            f"{name} {columns[name]}",
        )
    _require(run.best_epoch in epochs, f"the best epoch {run.best_epoch!r}")
    _settle(run.best_validation_mse)
    for value in run.baselines.values():
        _settle(value)


def _read_json(content, folder):
    path = folder / "any.json"
    path.write_bytes(content)
    value = read_json(path)
    write_json(folder / "again.json", value)


READERS = {
    reader.name: reader
    for reader in (
        Reader("archive", _archives, _mutate_archive, _read_archive, share=60),
        Reader("labels", _mat_files, mutation.of_mat, _read_labels, share=60),
        Reader("picture", _pictures, mutation.of_picture, _read_picture, share=60),
        Reader("photograph", _photographs, mutation.blindly, _read_photograph, share=20),
        Reader("film", _films, mutation.blindly, _read_film, share=20),
        Reader("set", _set_files, _mutate_set, _read_set, share=20),
        Reader("export", _exports, _mutate_export, _read_export, share=60),
        Reader("coco", _annotation_files, mutation.of_json, _read_annotations, share=20),
        Reader("description", _descriptions, mutation.blindly, _read_description, share=10),
        Reader("override", _overrides, _mutate_override, _read_override, share=20),
        Reader("cell", _cells, _mutate_cell, _read_cell, share=10),
        Reader("weights", _weight_files, _mutate_weights, _read_weights, share=20),
        Reader("artifact", _artifact_files, mutation.of_json, _read_artifact, share=10),
        Reader("json", _json_files, mutation.of_json, _read_json, share=5),
        Reader("manifest", _manifests, mutation.of_json, _read_manifest, share=20),
        Reader("training", _trainings, _mutate_training, _read_training, share=20, is_heavy=True),
        Reader(
            "frame",
            _pictures,
            mutation.of_picture,
            lambda content, folder: image_files.squashed(content, 96),
            share=20,
        ),
    )
}
