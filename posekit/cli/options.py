"""Options that commands share, the types of their values, and what they open."""

import argparse
import math
import os
import sys
from pathlib import Path

from posekit import files
from posekit.datasets.sources import SYNTHETIC
from posekit.datasets.splits import SPLITS
from posekit.errors import PosekitError
from posekit.estimators.manifest import MANIFEST
from posekit.profiles import PROFILES

DATA_HELP = '"synthetic", or the path of LSP, LSPet or own data'
DATA_DETAILS = """\
DATA is "synthetic", a folder or zip in the official LSP or LSPet layout, or your own data: an
own_data.toml, its folder, or an export of COCO, CVAT, Roboflow, Label Studio or YOLO pose
(docs/own_data.md). Several paths are separated as in PATH."""
SPLIT_HELP = "rule of the split; only scores on standard compare"
# Examples stay on one line, so that they can be copied.
AS_WRITTEN = argparse.RawDescriptionHelpFormatter


def add_command(commands, name, run, *, example, details=""):
    """A command's parser, added to what `add_subparsers` returned.

    `run` takes the parsed options and returns the exit status; its docstring is the help.
    `example` is a command line to copy, without `posekit`; `details` are further lines of help.
    """
    parser = commands.add_parser(
        name,
        help=run.__doc__,
        description=f"{run.__doc__}\n{details}",
        epilog=f"example: posekit {example}",
        formatter_class=AS_WRITTEN,
    )
    parser.set_defaults(run=run)
    return parser


def add_option(parser, name, help, **settings):
    """An option as of `add_argument`, whose help ends with its default where it has one."""
    shown = f"{help} (default: %(default)s)" if "default" in settings else help
    parser.add_argument(name, help=shown, **settings)


class OldName(argparse.Action):
    """An option's earlier name: it works, and a note names today's."""

    def __call__(self, parser, options, value, option_string=None):
        """Set today's option."""
        print(f"note: {option_string} is now written --{self.dest}", file=sys.stderr)
        setattr(options, self.dest, value)


HIDDEN = {"action": OldName, "default": argparse.SUPPRESS, "help": argparse.SUPPRESS}


def add_out(parser, help, *old, metavar="FOLDER", required=False, **default):
    """`--out`, where a command writes; `old` are names that it had."""
    group = parser.add_mutually_exclusive_group(required=required)
    add_option(group, "--out", help, type=absolute_path, metavar=metavar, **default)
    for name in old:
        group.add_argument(name, dest="out", type=absolute_path, **HIDDEN)


def add_force(parser):
    """The option that `check_new` reads."""
    parser.add_argument("--force", action="store_true", help="overwrite outputs that exist")


def check_new(options, *paths):
    """Refuse to overwrite a file unless --force was given; None is no file."""
    existing = [path for path in paths if path is not None and path.is_file()]
    if existing and not options.force:
        raise PosekitError(
            f"{existing[0]}: must be a new file; got one that exists. Name another place, or "
            "overwrite it with --force."
        )


def add_model(parser, **settings):
    """`--model`, with the names of the models that ship."""
    manifests = sorted(files.PROJECT_ROOT.glob(f"models/*/{MANIFEST}"))
    shipped = ", ".join(manifest.parent.name for manifest in manifests)
    add_option(parser, "--model", f"{shipped}, or path of a model or training", **settings)


def add_data_options(parser, *, has_split=True):
    """Which data a command works on; with `has_split`, also the splitting rule."""
    add_option(parser, "--data", DATA_HELP, type=data_paths, default=SYNTHETIC)
    purposes = "; ".join(f"{profile.name}: {profile.purpose}" for profile in PROFILES.values())
    add_option(parser, "--profile", purposes, choices=tuple(PROFILES), default="quick")
    add_option(parser, "--seed", "seed of everything random", type=seed, default=0)
    add_skip_bad_images(parser)
    add_cache_dir(parser)
    if has_split:
        add_option(parser, "--split", SPLIT_HELP, choices=tuple(SPLITS), default="standard")


def add_cache_dir(parser):
    """The option for the folder of the caches, which `main` puts into the environment."""
    what = f"cache of decoded pictures (default: {files.CACHE_VARIABLE}, .cache or ~/.cache)"
    add_option(parser, "--cache-dir", what, type=absolute_path, metavar="FOLDER")


def add_skip_bad_images(parser):
    """The option that `bad_images` reads."""
    parser.add_argument("--skip-bad-images", action="store_true", help="skip unreadable images")


def add_run_dir(parser, default):
    """The folder of the trainings behind what a command writes."""
    what, default = "folder of the trainings", Path(default)
    add_option(parser, "--run-dir", what, type=absolute_path, metavar="FOLDER", default=default)


def bad_images(options):
    """What `open_experiment` and the notebooks do with unreadable images: "skip" or "error"."""
    return "skip" if options.skip_bad_images else "error"


def open_experiment(options, **choices):
    """Seed everything and open what the data options name; `choices` as for the library's function.

    The split is that of --split, where a command has it.
    """
    from posekit.pipeline import experiment
    from posekit.training import engine

    engine.start(options.seed)
    choices = {"split": getattr(options, "split", "standard"), **choices}
    return experiment.open_experiment(
        options.data,
        profile=options.profile,
        seed=options.seed,
        bad_images=bad_images(options),
        **choices,
    )


def warn_of_other_split(model, experiment, consequence):
    """Print a warning if a model's training, where it is known, had another split than this."""
    from posekit.estimators import loading

    splits = [loading.training_split(model), experiment.split.summary()]
    if splits[0] not in (None, splits[1]):
        trained, here = (f"{it['name']}, seed {it['seed']}, {it['images']} images" for it in splits)
        print(
            f"warning: {model} was trained on another split ({trained}) than this one ({here}); "
            f"{consequence}",
            file=sys.stderr,
        )


def own_data(path):
    """The own data of a path, for COCO results."""
    from posekit.datasets.coco import own_data

    own = own_data.find(Path(path))
    if own is None:
        raise PosekitError(
            f"COCO results need own data with COCO annotations; got {path}. Name an own_data.toml "
            "or a JSON file."
        )
    return own


def _whole_number(range_in_words, least, limit):
    def read(text):
        if not text.isdecimal() or not least <= int(text) < limit:
            raise argparse.ArgumentTypeError(f"must be a whole number {range_in_words}; got {text}")
        return int(text)

    return read


# The types of counts, of cameras, and of seeds: the range that NumPy and Keras take.
positive_integer = _whole_number("> 0", 1, math.inf)
camera_number = _whole_number(">= 0", 0, math.inf)
seed = _whole_number("from 0 to 2**32 - 1", 0, 2**32)


def absolute_path(text):
    """A path seen from the working directory; the library sees paths from the project's root."""
    return Path(text).absolute()


def output_path(path):
    """Where a command writes by default: in the project, or, if that is on a read-only disk, here.

    An absolute path stays as it is.
    """
    is_in_project = not path.is_absolute() and files.is_writable(files.from_root(path).parent)
    return files.from_root(path) if is_in_project else path.absolute()


def write_page(path, text, *, is_asked):
    """Write a page and print where it is.

    Unless the place was asked for (`is_asked`), it is no error that nothing can be written there.
    """
    try:
        files.write_text(path, text)
    except PosekitError as error:
        if is_asked:
            raise
        print(f"note: no page is written: {error} --out FILE names another place.", file=sys.stderr)
    else:
        print(path)


def data_paths(text):
    """The type of `--data`: absolute paths, separated as in PATH, or "synthetic"."""
    if text in ("", SYNTHETIC):
        return text
    return os.pathsep.join(str(absolute_path(path)) for path in text.split(os.pathsep))
