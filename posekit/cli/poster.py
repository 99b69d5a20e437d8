"""`batchnorm` and `poster`: the trainings behind notebook 03, on pictures of your own."""

from posekit.cli import options as shared
from posekit.profiles import FRAME_PX

KEPT = f"""\
Each finished training's numbers are added to --out, and a training in that file is not
repeated. Notebook 03 shows reports/batchnorm.json and reports/as_it_was.json.

{shared.DATA_DETAILS}"""


def add(commands):
    """Add both commands."""
    _add_batchnorm(commands)
    _add_poster(commands)


def _add_batchnorm(commands):
    parser = shared.add_command(
        commands,
        "batchnorm",
        batchnorm,
        details="In three scalings of pixels and coordinates: at three rates with the first seed, "
        f"then at each\nnetwork's best rate with all seeds.\n{KEPT}",
        example="batchnorm --data data/raw/lspet_dataset.zip --profile full --seeds 5",
    )
    shared.add_data_options(parser)
    _add_size(parser, "reports/batchnorm-run")
    epochs = "number of epochs at the best rate (default: --epochs)"
    seeds = "number of seeds, counted from --seed (default: the profile's)"
    shared.add_option(parser, "--final-epochs", epochs, type=shared.positive_integer)
    shared.add_option(parser, "--seeds", seeds, type=shared.positive_integer)
    shared.add_option(
        parser, "--fraction", "share of the training pictures", type=float, default=1.0
    )


def batchnorm(options):
    """Train the poster's network with and without batch normalisation."""
    from posekit.studies.poster import batchnorm as study

    experiment = shared.open_experiment(options, frame_px=options.frame_px)
    run_dir = shared.output_path(options.run_dir)
    profile = experiment.profile
    rows = study.compare_scalings(
        experiment.with_data_fraction(options.fraction),
        run_dir,
        epochs=options.epochs or profile.epochs,
        batch_size=options.batch_size or profile.batch_size,
        final_epochs=options.final_epochs,
        seeds=list(range(options.seed, options.seed + (options.seeds or profile.seeds))),
        out=options.out or run_dir / "trainings.json",
    )
    print("\n".join(study.lines(experiment.dataset.name, study.findings(rows))))
    return 0


def _add_poster(commands):
    parser = shared.add_command(
        commands,
        "poster",
        poster,
        details="With missing joints as stored and at the origin, mirrored after and before the "
        f"split, with\nand without batch normalisation: eight trainings.\n{KEPT}",
        example="poster --data data/raw/lspet_dataset.zip --profile full --epochs 40",
    )
    shared.add_data_options(parser, has_split=False)
    _add_size(parser, "reports/poster-run")
    what = "epochs without improvement before a training stops"
    shared.add_option(parser, "--patience", what, type=shared.positive_integer, default=5)


def poster(options):
    """Train the poster's networks as it did: doubled by mirroring, split at random."""
    from posekit.studies.poster import as_it_was

    experiment = shared.open_experiment(options, split="poster", frame_px=options.frame_px)
    run_dir = shared.output_path(options.run_dir)
    rows = as_it_was.train_readings(
        experiment,
        run_dir,
        epochs=options.epochs or experiment.profile.epochs,
        batch_size=options.batch_size or experiment.profile.batch_size,
        patience=options.patience,
        seed=options.seed,
        out=options.out or run_dir / "trainings.json",
    )
    print(as_it_was.answer(as_it_was.readings(rows)))
    return 0


def _add_size(parser, run_dir):
    for option, what in (("--epochs", "number of epochs"), ("--batch-size", "pictures in a batch")):
        what += " (default: the profile's)"
        shared.add_option(parser, option, what, type=shared.positive_integer)
    side = "side of the network's input"
    shared.add_option(parser, "--frame-px", side, type=shared.positive_integer, default=FRAME_PX)
    shared.add_run_dir(parser, run_dir)
    shared.add_out(parser, "the numbers (default: trainings.json in --run-dir)", metavar="FILE")
