"""`data`: get, make, check, pack and summarise data sets."""

import json
import os
import tempfile
from pathlib import Path

from posekit.cli.options import (
    AS_WRITTEN,
    DATA_DETAILS,
    DATA_HELP,
    add_cache_dir,
    add_command,
    add_force,
    add_out,
    add_skip_bad_images,
    bad_images,
    check_new,
    data_paths,
    output_path,
    seed,
    write_page,
)


def add(commands):
    """Add `data` and its actions."""
    summary = "Get, make, check, pack and summarise data sets."
    data = commands.add_parser(
        "data",
        help=summary,
        description=summary,
        epilog="example: posekit data make --out data/people --images 500",
        formatter_class=AS_WRITTEN,
    )
    actions = data.add_subparsers(required=True, metavar="ACTION")
    make = add_command(
        actions,
        "make",
        make_data,
        "Write a data set of synthetic people.",
        example="data make --out data/people --images 500 --seed 1",
    )
    add_out(make, "new or empty folder to write to", "out", required=True)
    make.add_argument("--images", type=int, default=2000, help="how many (default: %(default)s)")
    make.add_argument(
        "--seed", type=seed, default=0, help="of everything random (default: %(default)s)"
    )
    make.add_argument(
        "--layout",
        choices=("lspet", "coco"),
        default="lspet",
        help="coco writes COCO keypoints and an own_data.toml (default: %(default)s)",
    )
    fetch = add_command(
        actions,
        "fetch",
        fetch_data,
        "Download LSP or LSPet and verify it.",
        details="It tries the sources in posekit/datasets/fetch/mirrors.toml.\n"
        "After an interruption, run it again to resume.",
        example="data fetch lspet --out data/raw",
    )
    fetch.add_argument("name", choices=("lsp", "lspet"), help="which data set")
    add_out(
        fetch,
        "folder for NAME_dataset.zip (default: %(default)s)",
        "--to",
        default=Path("data/raw"),
    )
    fetch.add_argument(
        "--from",
        dest="source",
        metavar="SOURCE",
        help="URL of a zip, or path of a zip or folder, to try first",
    )
    check = add_command(
        actions,
        "check",
        check_data,
        "Read data, decode every image and list what is wrong with each.",
        details="Findings are also shown on a page of thumbnails. The exit status is 1 if "
        f"something\ncannot be used.\n\n{DATA_DETAILS}",
        example="data check data/raw/lspet_dataset.zip",
    )
    checked = check.add_mutually_exclusive_group(required=True)
    checked.add_argument("folder", nargs="?", type=data_paths, metavar="DATA", help=DATA_HELP)
    checked.add_argument("--data", type=data_paths, help="the same")
    add_out(
        check,
        "the page, even without findings (default: check.html with the data)",
        "--html",
        metavar="FILE",
    )
    add_force(check)
    pack = add_command(
        actions,
        "pack",
        pack_data,
        "Write a data set with its decoded frames into a few files.",
        details="--data takes the folder. Trainings and scores stay the same and start at once."
        f"\n\n{DATA_DETAILS}",
        example="data pack --out data/packed --data data/raw/lspet_dataset.zip",
    )
    add_out(pack, "folder to write, must not exist", "out", required=True)
    pack.add_argument("--data", type=data_paths, required=True, help=DATA_HELP)
    add_skip_bad_images(pack)
    add_cache_dir(pack)
    summarise = add_command(
        actions,
        "summarise",
        summarise_data,
        "Print what a data set holds, as JSON.",
        details=DATA_DETAILS,
        example="data summarise --data data/raw/lspet_dataset.zip",
    )
    summarise.add_argument("--data", type=data_paths, required=True, help=DATA_HELP)


def make_data(options):
    """Write a synthetic data set."""
    from posekit.datasets import lsp
    from posekit.datasets.coco.writing import write as write_coco
    from posekit.datasets.synthetic.writing import write

    synthetic = {"count": options.images, "seed": options.seed}
    if options.layout == "coco":
        with tempfile.TemporaryDirectory() as scratch:
            dataset = lsp.read(write(Path(scratch) / "people", **synthetic))
            folder = write_coco(options.out, dataset)
    else:
        folder = write(options.out, **synthetic)
    print(f"{options.images} images in {folder}")
    return 0


def fetch_data(options):
    """Get a data set from the first source that has it, and print where it is."""
    from posekit.datasets.fetch import download

    print(download.fetch(options.name, output_path(options.out), source=options.source))
    return 0


def check_data(options):
    """Read data, decode every image, and list the findings image by image and on a page."""
    from posekit.datasets import checking
    from posekit.datasets.sources import SYNTHETIC
    from posekit.report import data_page

    check_new(options, options.out)
    data = options.folder if options.data is None else options.data
    if data in ("", SYNTHETIC):
        named = {Path(SYNTHETIC): checking.check_opened(_load(data))}
    else:
        named = {Path(path): checking.check(path) for path in data.split(os.pathsep)}
    for checked in named.values():
        print(data_page.to_text(checked), end="")
    if options.out is not None or any(checked.findings for checked in named.values()):
        first = next(iter(named))
        is_asked = options.out is not None
        page = options.out if is_asked else data_page.path_for(first)
        write_page(page, data_page.page(list(named.values())), is_asked=is_asked)
    for checked in named.values():
        print(data_page.summary(checked))
    return 1 if any(checked.images(checking.ERROR) for checked in named.values()) else 0


def summarise_data(options):
    """Print what a data set holds."""
    from posekit.datasets import lsp

    print(json.dumps(lsp.summarise(_load(options.data)), indent=2))
    return 0


def pack_data(options):
    """Write a packed data set and print where it is."""
    from posekit.datasets import packed
    from posekit.pipeline import frames
    from posekit.pipeline.experiment import open_experiment
    from posekit.training import engine

    engine.start(0)
    experiment = open_experiment(
        options.data,
        profile="full",
        seed=0,
        bad_images=bad_images(options),
        limit_images=False,
        one_person=False,
    )
    folder = packed.write(
        options.out,
        experiment.dataset,
        frames=experiment.frames.images,
        frames_version=frames.FRAMES_VERSION,
        groups=experiment.split.groups,
    )
    print(f"{len(experiment.dataset)} images in {folder}")
    return 0


def _load(data):
    from posekit import profiles
    from posekit.datasets.sources import load

    return load(data, synthetic_images=profiles.by_name("quick").synthetic_images, seed=0)
