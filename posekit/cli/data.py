"""`data`: get, make, check, pack and summarise data sets."""

import json
import os
import tempfile
from pathlib import Path

from posekit.cli import options as shared
from posekit.profiles import PROFILES


def add(commands):
    """Add `data` and its actions."""
    summary = "Get, make, check, pack and summarise data sets."
    example = "example: posekit data make --out data/people --images 500"
    data = commands.add_parser(
        "data", help=summary, description=summary, epilog=example, formatter_class=shared.AS_WRITTEN
    )
    actions = data.add_subparsers(required=True, metavar="ACTION")
    example = "data make --out data/people --images 500 --seed 1"
    make = shared.add_command(actions, "make", make_data, example=example)
    shared.add_out(make, "new or empty folder to write to", required=True)
    shared.add_option(make, "--images", "number of pictures", type=int, default=2000)
    shared.add_option(make, "--seed", "seed of everything random", type=shared.seed, default=0)
    layout = "coco writes COCO keypoints and an own_data.toml"
    shared.add_option(make, "--layout", layout, choices=("lspet", "coco"), default="lspet")
    fetch = shared.add_command(
        actions,
        "fetch",
        fetch_data,
        details="It tries the sources in posekit/datasets/fetch/mirrors.toml.\n"
        "After an interruption, run it again to resume.",
        example="data fetch lspet --out data/raw",
    )
    fetch.add_argument("name", choices=("lsp", "lspet"), help="which data set")
    shared.add_out(fetch, "folder for NAME_dataset.zip", "--to", default=Path("data/raw"))
    source = "URL of a zip, or path of a zip or folder, to try first"
    shared.add_option(fetch, "--from", source, dest="source", metavar="SOURCE")
    check = shared.add_command(
        actions,
        "check",
        check_data,
        details="Findings are also shown on a page of thumbnails. The exit status is 1 if "
        f"something\ncannot be used.\n\n{shared.DATA_DETAILS}",
        example="data check data/raw/lspet_dataset.zip",
    )
    checked = check.add_mutually_exclusive_group(required=True)
    checked.add_argument(
        "folder", nargs="?", type=shared.data_paths, metavar="DATA", help=shared.DATA_HELP
    )
    checked.add_argument("--data", type=shared.data_paths, help="the same")
    what = "the page, even without findings (default: check.html with the data)"
    shared.add_out(check, what, "--html", metavar="FILE")
    shared.add_force(check)
    pack = shared.add_command(
        actions,
        "pack",
        pack_data,
        details="Give the folder to --data. Trainings and scores are the same, and start at once."
        f"\n\n{shared.DATA_DETAILS}",
        example="data pack --out data/packed --data data/raw/lspet_dataset.zip",
    )
    shared.add_out(pack, "folder to write, must not exist", required=True)
    shared.add_option(pack, "--data", shared.DATA_HELP, type=shared.data_paths, required=True)
    pack.set_defaults(profile="full", seed=0)
    shared.add_skip_bad_images(pack)
    shared.add_cache_dir(pack)
    example = "data summarise --data data/raw/lspet_dataset.zip"
    summarise = shared.add_command(
        actions, "summarise", summarise_data, details=shared.DATA_DETAILS, example=example
    )
    shared.add_option(summarise, "--data", shared.DATA_HELP, type=shared.data_paths, required=True)


def make_data(options):
    """Write a data set of synthetic people."""
    from posekit.datasets import lsp
    from posekit.datasets.coco.writing import write as write_coco
    from posekit.datasets.synthetic.writing import write

    with tempfile.TemporaryDirectory() as scratch:
        is_coco = options.layout == "coco"
        folder = Path(scratch) / "people" if is_coco else options.out
        folder = write(folder, count=options.images, seed=options.seed)
        if is_coco:
            folder = write_coco(options.out, lsp.read(folder))
    print(f"{options.images} images in {folder}")
    return 0


def fetch_data(options):
    """Download LSP or LSPet and verify it."""
    from posekit.datasets.fetch import download

    print(download.fetch(options.name, shared.output_path(options.out), source=options.source))
    return 0


def check_data(options):
    """Read data, decode every image and list what is wrong with each."""
    from posekit.datasets import checking
    from posekit.datasets.sources import SYNTHETIC
    from posekit.report import data_page

    shared.check_new(options, options.out)
    data = options.folder if options.data is None else options.data
    if data in ("", SYNTHETIC):
        named = {Path(SYNTHETIC): checking.check_opened(_load(data))}
    else:
        named = {Path(path): checking.check(path) for path in data.split(os.pathsep)}
    for checked in named.values():
        print(data_page.to_text(checked), end="")
    if options.out is not None or any(checked.findings for checked in named.values()):
        page = options.out or data_page.path_for(next(iter(named)))
        shared.write_page(page, data_page.page(list(named.values())), is_asked=page is options.out)
    for checked in named.values():
        print(data_page.summary(checked))
    return 1 if any(checked.images(checking.ERROR) for checked in named.values()) else 0


def summarise_data(options):
    """Print what a data set holds, as JSON."""
    from posekit.datasets import lsp

    print(json.dumps(lsp.summarise(_load(options.data)), indent=2))
    return 0


def pack_data(options):
    """Write a data set with its decoded frames into a few files."""
    from posekit.datasets import packed
    from posekit.pipeline import frames

    experiment = shared.open_experiment(options, limit_images=False, one_person=False)
    folder = packed.write(
        options.out,
        experiment.dataset,
        frames=experiment.frames,
        frames_version=frames.FRAMES_VERSION,
        groups=experiment.split.groups,
    )
    print(f"{len(experiment.dataset)} images in {folder}")
    return 0


def _load(data):
    from posekit.datasets.sources import load

    return load(data, synthetic_images=PROFILES["quick"].synthetic_images, seed=0)
