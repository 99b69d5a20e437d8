"""`predict` and `export`: use a model here, or write it for other runtimes."""

import argparse
import sys
import time
from contextlib import nullcontext, suppress
from pathlib import Path

from posekit import files
from posekit.cli import options as shared
from posekit.datasets.sources import SYNTHETIC
from posekit.errors import PosekitError
from posekit.estimators.manifest import EXPORT_FORMATS
from posekit.estimators.predict.pose_files import FORMATS
from posekit.estimators.predict.smoothing import CUTOFF_HZ, SPEED_GAIN

DETAILS = """\
NAME_pose.png is the picture with the pose drawn; joints that are more likely wrong than right are
pale and thin. NAME_pose.json has the numbers. A video becomes NAME_pose.mp4 and keeps its sound. If
two files have the same NAME, their extensions or folders stay in it. --format csv writes one row
for each joint, to poses.csv for all pictures and NAME_pose.csv for a video; coco writes COCO
results of all pictures to coco_results.json. --smooth-cutoff and --smooth-gain imply --smooth.

The exit status is 1 if a picture or video could not be read; all others are done. Other files in a
folder are listed as left out."""

EXPORT_DETAILS = f"""\
manifest.json holds all that other programs need to use it; examples/ shows how. litert and onnx
compute in float32; litert-float16 is half as large. litert-int8 is a quarter as large and is
calibrated on training images of --data: give it the --profile and --seed of the training. onnx
needs `make exporters` or posekit[export].

{shared.DATA_DETAILS}"""


def add(commands):
    """Add both commands."""
    _add_predict(commands)
    _add_export(commands)


def _add_predict(commands):
    parser = shared.add_command(
        commands,
        "predict",
        predict,
        details=DETAILS,
        example="predict photo.jpg holiday/ 'clips/*.mp4' --out poses",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    images = "pictures, videos, folders of them, or quoted patterns"
    source.add_argument("images", nargs="*", default=[], metavar="IMAGE", help=images)
    camera = "record this webcam instead, 0 is the first, until q or Ctrl-C"
    shared.add_option(source, "--camera", camera, type=shared.camera_number, metavar="NUMBER")
    shared.add_model(parser, default="best")
    box = "where a person is, once for each; --box=-5,0,9,9 if X < 0"
    shared.add_option(parser, "--box", box, type=_box, action="append", metavar="X,Y,WIDTH,HEIGHT")
    least = "person_confidence that a pose needs; 0: none (default: the model's)"
    shared.add_option(parser, "--min-confidence", least, type=_share, metavar="SHARE")
    joints = "also draw joints outside the picture or with a confidence below 0.1"
    shared.add_option(parser, "--all-joints", joints, action="store_true")
    out = "folder to write to"
    shared.add_option(parser, "--out", out, type=Path, default=".", metavar="FOLDER")
    shared.add_option(parser, "--format", "format of the poses", choices=FORMATS, default="json")
    ids = "your own data, whose ids and keypoints COCO results use"
    shared.add_option(parser, "--annotations", ids, type=shared.data_paths, metavar="DATA")
    smooth = "smooth a video's joints with a one-euro filter"
    shared.add_option(parser, "--smooth", smooth, action="store_true")
    cutoff = f"cutoff of a joint at rest; lower is calmer, lags more (default: {CUTOFF_HZ})"
    shared.add_option(parser, "--smooth-cutoff", cutoff, type=float, metavar="HERTZ")
    gain = f"rise of the cutoff per person length a second (default: {SPEED_GAIN})"
    shared.add_option(parser, "--smooth-gain", gain, type=float, metavar="HERTZ")
    shared.add_force(parser)


def predict(options):
    """Find a person's joints in photographs, videos or a webcam, draw and write them."""
    from tqdm import tqdm

    from posekit.estimators.predict import inputs, photos
    from posekit.training import engine

    smoothing = _smoothing(options)
    annotations = None if options.annotations is None else shared.own_data(options.annotations)
    engine.start(0)
    if options.camera is not None:
        count, left_out = 1, {}
        results = [_record_camera(_estimator(options), smoothing, options)]
    else:
        paths, left_out = inputs.find_files(options.images)
        count = len(paths)
        results = photos.predict_files(
            _estimator(options),
            paths,
            options.out,
            boxes_px=options.box,
            file_format=options.format,
            smoothing=smoothing,
            annotations=annotations,
            overwrite=options.force,
            all_joints=options.all_joints,
        )
    problems = []
    # A video has a bar of its own.
    for result in tqdm(results, total=count, leave=False, disable=count == 1 or None):
        if result["drawn"] is not None:
            tqdm.write(f"{result['image']}: {result['drawn']}, {result['poses']}")
        if result["problem"] is not None:
            problems.append(result["problem"])
        if result["note"] is not None:
            tqdm.write(f"warning: {result['note']}", file=sys.stderr)
    for reason, others in left_out.items():
        more = f" and {len(others) - 10} more" if len(others) > 10 else ""
        shown = ", ".join(path.name for path in others[:10])
        print(f"left out, {reason} ({len(others)}): {shown}{more}", file=sys.stderr)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if problems and count > 1:
        print(f"{len(problems)} of {count} files have errors", file=sys.stderr)
    return 1 if problems else 0


def _estimator(options):
    from posekit.estimators import loading

    estimator, least = loading.load(options.model), options.min_confidence
    return estimator if least is None else estimator.with_least_presence(least)


def _record_camera(estimator, smoothing, options):
    """Record a camera's poses until q or Ctrl-C; without a display, no window is shown."""
    from posekit.estimators.predict import video_files, videos

    if options.box is not None:
        raise PosekitError("predict: a box needs exactly one image; got a camera.")
    stream = video_files.Camera(options.camera)
    # A recording cannot be repeated, so none replaces another.
    stem = f"camera{options.camera}_{time.strftime('%Y-%m-%d_%H-%M-%S')}"
    window = video_files.window(stream.name) if video_files.has_display() else nullcontext()
    with window as show:
        print(f"{stream.name}: {'q or ' if show else ''}Ctrl-C ends", file=sys.stderr)
        return videos.predict_video(
            estimator,
            stream,
            options.out,
            stem,
            file_format=options.format,
            smoothing=smoothing,
            show=show,
            all_joints=options.all_joints,
        )


def _smoothing(options):
    """The filter that the options ask for; either of its settings switches it on."""
    from posekit.estimators.predict.smoothing import OneEuroFilter

    settings = {"cutoff_hz": options.smooth_cutoff, "speed_gain": options.smooth_gain}
    settings = {name: value for name, value in settings.items() if value is not None}
    return OneEuroFilter(**settings) if options.smooth or settings else None


def _share(text):
    with suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a number from 0 to 1; got {text}")


def _box(text):
    with suppress(ValueError):
        x, y, width, height = map(float, text.split(","))
        return x, y, width, height
    raise argparse.ArgumentTypeError(f"must be four numbers X,Y,WIDTH,HEIGHT in pixels; got {text}")


def _add_export(commands):
    parser = shared.add_command(
        commands,
        "export",
        export,
        details=EXPORT_DETAILS,
        example="export --model best --out exported --format litert-float16",
    )
    shared.add_model(parser, default="best")
    shared.add_out(parser, "folder for manifest.json and the stages' files", "--to", required=True)
    shared.add_option(
        parser, "--format", "format of the stages", choices=EXPORT_FORMATS, default="litert"
    )
    shared.add_data_options(parser)
    shared.add_force(parser)


def export(options):
    """Write a model for LiteRT or ONNX Runtime."""
    from posekit.estimators.export import export as write
    from posekit.training import engine

    shared.check_new(options, options.out / "manifest.json")
    engine.start(options.seed)
    dataset = None
    if options.format == "litert-int8":
        experiment = shared.open_experiment(options)
        dataset = experiment.part("train")
        if options.data != SYNTHETIC:
            consequence = "if these are the same pictures, int8 sees some that were kept for scores"
            shared.warn_of_other_split(options.model, experiment, consequence)
    path = write(options.model, options.out, file_format=options.format, dataset=dataset)
    for stage in files.read_json(path)["stages"]:
        file = path.parent / stage["file"]
        print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    print(path)
    return 0
