"""The command line: `python -m posekit --help`. Heavy imports wait until a command runs."""

import argparse
import os
import shlex
import sys
from pathlib import Path

from posekit.cli import interruption
from posekit.datasets.sources import SYNTHETIC
from posekit.datasets.splits import SPLITS
from posekit.errors import PosekitError
from posekit.estimators.manifest import EXPORT_FORMATS
from posekit.estimators.predict.pose_files import FORMATS
from posekit.estimators.predict.smoothing import CUTOFF_HZ, SPEED_GAIN
from posekit.estimators.recipes import MODELS
from posekit.files import PROJECT_ROOT
from posekit.models.names import NETWORKS
from posekit.pipeline.augmentation import FLIPS
from posekit.pipeline.targets import LABEL_TREATMENTS
from posekit.profiles import PROFILES
from posekit.training.config import SCHEDULES

DATA_HELP = (
    '"synthetic"; the path of a folder or zip in the official LSP or LSPet layout; or own data, '
    "an own_data.toml, its folder or a COCO keypoints JSON file (docs/own_data.md); several paths, "
    "separated as in PATH, are joined"
)
MODEL_HELP = (
    'the name of a shipped model ("best", "from_scratch"), its folder, a training\'s folder, or '
    "the .keras file of a network like the poster's"
)
# Examples stay on one line, to be copied.
AS_WRITTEN = argparse.RawDescriptionHelpFormatter


def main(arguments=None):
    """Run one command.

    Args:
        arguments: list of str, or None for the process's own.

    Returns:
        int, the exit status: 0 done, 1 a report's notebook failed or a verified one's numbers
        differ, or data or photographs have faults, 2 bad input.
    """
    options = _parser().parse_args(arguments)
    # TensorFlow reads this as it loads: without a GPU it would greet every process with errors.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    farewell = f"stopped; what is finished is kept\nto go on: {_again(options, arguments)}"
    try:
        with interruption.bounded(farewell):
            # The commands load TensorFlow; --help must not.
            from posekit.cli import commands as cli_commands

            return getattr(cli_commands, options.command)(options)
    except PosekitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(farewell, file=sys.stderr)
        return 130


def _again(options, arguments):
    """The command that goes on where this one was stopped."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if options.command == "report" and not (options.resume or options.verify or options.compare):
        words.append("--resume")
    return shlex.join([sys.executable, "-m", "posekit", *words])


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m posekit",
        description="Human pose estimation that a person can reproduce, understand and improve.",
        epilog="example: python -m posekit report --profile quick",
        formatter_class=AS_WRITTEN,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_data(commands)
    _add_train(commands)
    _add_build(commands)
    _add_evaluate(commands)
    _add_predict(commands)
    _add_report(commands)
    _add_runs(commands)
    _add_ladder(commands)
    _add_export(commands)
    _add_sweep(commands)
    return parser


def _command(commands, name, function, description, example):
    parser = commands.add_parser(
        name,
        help=description,
        description=description,
        epilog=f"example: {example}",
        formatter_class=AS_WRITTEN,
    )
    parser.set_defaults(command=function)
    return parser


def _add_data(commands):
    data = commands.add_parser(
        "data",
        help="get, make, check and summarise data sets",
        description="Get, make, check and summarise data sets.",
        epilog="example: python -m posekit data make data/synthetic --images 500",
        formatter_class=AS_WRITTEN,
    )
    actions = data.add_subparsers(required=True, metavar="ACTION")
    make = _command(
        actions,
        "make",
        "make_data",
        "write a synthetic data set in the official layout",
        "python -m posekit data make data/synthetic --images 500 --seed 1",
    )
    make.add_argument("folder", type=Path, help="folder to write, must not hold anything else")
    make.add_argument("--images", type=int, default=2000, help="how many (default: %(default)s)")
    make.add_argument("--seed", type=_seed, default=0, help="default: %(default)s")
    make.add_argument(
        "--layout",
        choices=("lspet", "coco"),
        default="lspet",
        help="coco: COCO keypoints with an own_data.toml, to try own data with "
        "(default: %(default)s)",
    )
    fetch = _command(
        actions,
        "fetch",
        "fetch_data",
        "get LSP or LSPet, verify it and put it in place; run again to go on after an interruption",
        "python -m posekit data fetch lspet --to data/raw",
    )
    fetch.add_argument("name", choices=("lsp", "lspet"), help="which data set")
    fetch.add_argument(
        "--to",
        type=_from_here,
        default=Path("data/raw"),
        help="folder that NAME_dataset.zip goes to (default: %(default)s)",
    )
    fetch.add_argument(
        "--from",
        dest="source",
        metavar="SOURCE",
        help="URL of a zip, or path of a zip or folder, to try before the known sources, which "
        "posekit/datasets/fetch/mirrors.toml lists",
    )
    check = _command(
        actions,
        "check",
        "check_data",
        "read data, decode every image and say what is wrong image by image, with a page of "
        "thumbnails; exit status 1 when something cannot be used",
        "python -m posekit data check data/raw/lspet_dataset.zip",
    )
    checked = check.add_mutually_exclusive_group(required=True)
    checked.add_argument("folder", nargs="?", type=_data, metavar="DATA", help=DATA_HELP)
    checked.add_argument("--data", type=_data, help="the same")
    check.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write the page here, whether or not there is something to say (default: check.html "
        "in the folder or beside the file)",
    )
    pack = _command(
        actions,
        "pack",
        "pack_data",
        "write a data set with its frames decoded into a few files, a folder that --data takes; "
        "what is trained and scored on it is the same, and starts at once",
        "python -m posekit data pack data/packed --data data/raw/lspet_dataset.zip",
    )
    pack.add_argument("folder", type=_from_here, help="folder to write, must not exist")
    pack.add_argument("--data", type=_data, required=True, help=DATA_HELP)
    pack.add_argument(
        "--skip-bad-images", action="store_true", help="drop images that cannot be read"
    )
    summarise = _command(
        actions,
        "summarise",
        "summarise_data",
        "print what a data set holds, as JSON",
        "python -m posekit data summarise --data data/raw/lspet_dataset.zip",
    )
    summarise.add_argument("--data", type=_data, required=True, help=DATA_HELP)


def _add_train(commands):
    train = _command(
        commands,
        "train",
        "train",
        "train one network; run again to go on after an interruption",
        "python -m posekit train --data synthetic --epochs 10 --run-dir reports/mine",
    )
    _add_data_options(train)
    train.add_argument(
        "--run-dir",
        type=_from_here,
        default=Path("reports/train"),
        help="folder that the training's own goes to (default: %(default)s)",
    )
    _add_choice(train, "--network", NETWORKS, default="poster_batchnorm")
    _add_choice(train, "--label-treatment", LABEL_TREATMENTS, default="masked")
    train.add_argument("--epochs", type=int, help="default: the profile's")
    train.add_argument("--batch-size", type=int, help="default: the profile's")
    train.add_argument("--learning-rate", type=float, default=1e-3, help="default: %(default)s")
    _add_choice(train, "--schedule", SCHEDULES, default="constant")
    _add_choice(train, "--flip", FLIPS, default="random")
    train.add_argument(
        "--patience", type=int, help="stop after so many epochs without a better one"
    )
    train.add_argument(
        "--gpus",
        type=_epochs,
        metavar="COUNT",
        help="so many share every batch, see docs/gpu.md (default: the first one, if any)",
    )
    train.add_argument(
        "--stall-seconds",
        type=float,
        default=60.0,
        help="report a training that shows no sign of life for so long (default: %(default)s)",
    )
    train.add_argument(
        "--pictures",
        action="store_true",
        help="show TensorBoard a few validation pictures with their predictions as well, which "
        "then lie in the training's folder",
    )


def _add_build(commands):
    build = _command(
        commands,
        "build",
        "build",
        "make a shipped model anew: train its stages, calibrate it and write its folder; run "
        "again to go on after an interruption",
        "python -m posekit build from_scratch --data data/raw/lspet_dataset.zip --profile full "
        "--out models/mine",
    )
    build.add_argument("name", choices=tuple(MODELS), help="which model")
    _add_data_options(build, split_of=None)
    build.add_argument(
        "--run-dir",
        type=_from_here,
        default=Path("reports/models"),
        help="folder of the trainings (default: %(default)s)",
    )
    build.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder to write the model to; the shipped ones are in models/",
    )
    build.add_argument("--epochs", type=_epochs, help="of each training, for a trial")


def _add_evaluate(commands):
    evaluate = _command(
        commands,
        "evaluate",
        "evaluate",
        "score a model on one part of the data; --profile and --seed as in its training",
        "python -m posekit evaluate --model reports/mine/training/NAME --data synthetic "
        "--split validation --json scores.json",
    )
    evaluate.add_argument("--model", required=True, help=MODEL_HELP)
    _add_data_options(evaluate, split_of="--split-kind")
    evaluate.add_argument(
        "--split",
        default="validation",
        choices=("all", "train", "validation", "development", "test"),
        help="which part (default: %(default)s)",
    )
    evaluate.add_argument("--json", type=Path, help="write the scores here")
    evaluate.add_argument(
        "--predictions",
        type=Path,
        help="write image_ids and keypoints_px (N, K, 2), original pixels, to this .npz",
    )
    evaluate.add_argument(
        "--coco",
        type=Path,
        metavar="FILE",
        help="of own data: write the keypoints here as COCO results, with the ids of its "
        "annotations",
    )


def _add_predict(commands):
    predict = _command(
        commands,
        "predict",
        "predict",
        "draw the pose on copies of photographs, videos or a webcam's pictures and write it as "
        "JSON or CSV; exit status 1 when something could not be read, after all else is done",
        "python -m posekit predict photo.jpg holiday/ 'clips/*.mp4' --out poses",
    )
    source = predict.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "images",
        nargs="*",
        default=[],
        metavar="IMAGE",
        help="JPEG, PNG or video files, folders of them, or quoted patterns",
    )
    source.add_argument(
        "--camera",
        type=_camera,
        metavar="NUMBER",
        help="instead: record this webcam, 0 is the first, until q in the window or Ctrl-C",
    )
    predict.add_argument("--model", default="best", help=f"{MODEL_HELP} (default: %(default)s)")
    predict.add_argument(
        "--box",
        type=_box,
        metavar="X,Y,WIDTH,HEIGHT",
        help="where the person is in the one image, pixels; --box=-5,0,40,80 where X is negative",
    )
    predict.add_argument(
        "--out",
        type=Path,
        default=Path("."),
        help="folder of NAME_pose.png, where joints that are more likely wrong than right are "
        "pale, and of NAME_pose.json; of a video, NAME_pose.mp4 has no sound (default: here)",
    )
    predict.add_argument(
        "--format",
        choices=FORMATS,
        default="json",
        help="csv: one row for each joint, in poses.csv for all photographs, in NAME_pose.csv for "
        "a video; coco: COCO results of all photographs, in coco_results.json "
        "(default: %(default)s)",
    )
    predict.add_argument(
        "--annotations",
        type=_data,
        metavar="DATA",
        help="own data that list the photographs: COCO results get the ids and keypoints of it",
    )
    predict.add_argument(
        "--smooth",
        action="store_true",
        help="steady the joints of a video with a one-euro filter",
    )
    predict.add_argument(
        "--smooth-cutoff",
        type=float,
        metavar="HERTZ",
        help=f"of a joint at rest: lower is calmer and lags more (default: {CUTOFF_HZ})",
    )
    predict.add_argument(
        "--smooth-gain",
        type=float,
        metavar="HERTZ",
        help="by which the cutoff rises for each person length a second (default: "
        f"{SPEED_GAIN}); both settings imply --smooth",
    )


def _add_report(commands):
    report = _command(
        commands,
        "report",
        "report",
        "run every notebook in order and write HTML reports with an index",
        "python -m posekit report --data data/raw/lspet_dataset.zip --profile full",
    )
    _add_data_options(report, split_of=None)
    report.add_argument(
        "--run-dir", type=_from_here, help="default: reports/PROFILE-DATA, by the data's name"
    )
    report.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="[NOTEBOOK.]NAME=VALUE",
        help="another notebook parameter, e.g. 02_training.epochs=50; may be repeated",
    )
    report.add_argument("--resume", action="store_true", help="skip notebooks that are up to date")
    report.add_argument(
        "--verify",
        type=_from_here,
        metavar="RUN",
        help="instead: run the finished report in this folder again, with its own settings and "
        "none from here, into a folder beside it, and compare all numbers; exit status 1 where "
        "they differ",
    )
    report.add_argument(
        "--compare",
        type=_from_here,
        nargs=2,
        metavar=("RUN_A", "RUN_B"),
        help="instead: one page of two finished reports or trainings, with the curves of both and "
        "their differences; exit status 1 where nothing of the two can be compared",
    )
    report.add_argument(
        "--html",
        type=_from_here,
        metavar="FILE",
        help="where that page goes (default: reports/compare-RUN_A-and-RUN_B.html)",
    )


def _add_runs(commands):
    runs = _command(
        commands,
        "runs",
        "runs",
        "list the reports and trainings below a folder, and write them as a page that sorts and "
        "filters; exit status 1 where one cannot be read",
        "python -m posekit runs reports --where network=poster_plain --sort validation_mse",
    )
    runs.add_argument(
        "folder",
        nargs="?",
        type=_from_here,
        default=PROJECT_ROOT / "reports",
        help="default: the project's reports/",
    )
    runs.add_argument(
        "--of",
        choices=("trainings", "reports"),
        default="trainings",
        help="what --sort, --where and the printed table are about (default: %(default)s)",
    )
    runs.add_argument(
        "--sort", metavar="COLUMN", help="any column or setting (default: the newest first)"
    )
    runs.add_argument("--reverse", action="store_true", help="the greatest first")
    runs.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="COLUMN=VALUE, or with != < <= > >=, or ~ for a part of the text; may be repeated, "
        "and all must hold; quote < and >",
    )
    runs.add_argument(
        "--html", type=_from_here, metavar="FILE", help="the page (default: runs.html in FOLDER)"
    )


def _add_ladder(commands):
    ladder = _command(
        commands,
        "ladder",
        "ladder",
        "train and score every rung from the poster's recipe to the best model; run again to go "
        "on after an interruption",
        "python -m posekit ladder --data data/raw/lspet_dataset.zip --profile full",
    )
    _add_data_options(ladder)
    ladder.add_argument("--epochs", type=_epochs, help="of every network; default: the profile's")
    ladder.add_argument(
        "--seeds",
        type=_epochs,
        default=1,
        help="how many, counted from --seed (default: %(default)s)",
    )
    ladder.add_argument(
        "--run-dir",
        type=_from_here,
        default=Path("reports/ladder-run"),
        help="folder that the trainings go to (default: %(default)s)",
    )
    ladder.add_argument(
        "--out",
        type=_from_here,
        help="write the result here, anew after each rung (default: ladder.json in --run-dir); "
        "reports/ladder.json is the one that notebook 06 shows",
    )


def _add_export(commands):
    export = _command(
        commands,
        "export",
        "export",
        "write a model for LiteRT or ONNX Runtime, with all that other programs must know to use "
        "it; examples/ shows how",
        "python -m posekit export --model best --to exported --format litert-float16",
    )
    export.add_argument("--model", default="best", help=f"{MODEL_HELP} (default: %(default)s)")
    export.add_argument(
        "--to",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder of one file for each stage and of manifest.json",
    )
    export.add_argument(
        "--format",
        choices=EXPORT_FORMATS,
        default="litert",
        help="litert and onnx compute in float32; litert-float16 is half as large; litert-int8 a "
        "quarter, and looks at pictures of the training part of --data, to learn what range each "
        "layer's values have: give it the --profile and --seed of the training; onnx needs "
        "benchmarks/export_requirements.txt (default: %(default)s)",
    )
    _add_data_options(export)


def _add_sweep(commands):
    sweep = _command(
        commands,
        "sweep",
        "sweep",
        "train every combination that a study's YAML file lists, here or on a Dask cluster, and "
        "compare them; run again to go on: what is finished is not trained again; exit status 1 "
        "where a trial failed",
        "python -m posekit sweep examples/study.yaml",
    )
    sweep.add_argument("study", type=_from_here, help="YAML file, see docs/cluster.md")
    sweep.add_argument(
        "--run-dir",
        type=_from_here,
        help="folder of the trainings, the table and the page (default: reports/sweep-NAME, by the "
        "study's file)",
    )
    place = sweep.add_mutually_exclusive_group()
    place.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a running Dask scheduler, tcp://host:8786, whose workers see the same folders "
        "(default: train on this machine)",
    )
    place.add_argument(
        "--workers",
        type=_epochs,
        default=1,
        help="trials at a time on this machine (default: %(default)s)",
    )


def _add_data_options(parser, split_of="--split"):
    parser.add_argument(
        "--data", type=_data, default=SYNTHETIC, help=f"{DATA_HELP} (default: %(default)s)"
    )
    purposes = "; ".join(f"{profile.name}: {profile.purpose}" for profile in PROFILES.values())
    parser.add_argument(
        "--profile",
        choices=tuple(PROFILES),
        default="quick",
        help=f"sizes of the run. {purposes} (default: %(default)s)",
    )
    parser.add_argument("--seed", type=_seed, default=0, help="default: %(default)s")
    parser.add_argument(
        "--skip-bad-images", action="store_true", help="leave unreadable images out"
    )
    if split_of is not None:
        parser.add_argument(
            split_of,
            dest="split_kind",
            default="standard",
            choices=tuple(SPLITS),
            help="poster's scores are not comparable (default: %(default)s)",
        )


def _add_choice(parser, option, choices, *, default):
    parser.add_argument(
        option, choices=tuple(choices), default=default, help="default: %(default)s"
    )


def _epochs(text):
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a whole number > 0; got {text}")
    return int(text)


def _seed(text):
    # The range that NumPy and Keras take.
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 2**32 - 1; got {text}")
    return int(text)


def _camera(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number >= 0; got {text}")
    return int(text)


def _box(text):
    try:
        x, y, width, height = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be four numbers X,Y,WIDTH,HEIGHT in pixels; got {text}"
        ) from None
    return x, y, width, height


def _from_here(text):
    """A path as seen from the working directory; notebooks see theirs from the project."""
    return Path(text).absolute()


def _data(text):
    if text in ("", SYNTHETIC):
        return text
    return os.pathsep.join(str(_from_here(path)) for path in text.split(os.pathsep))
