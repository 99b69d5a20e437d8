"""`train`, `build`, `calibrate`, `ladder` and `sweep`: everything that trains networks."""

import sys
from pathlib import Path

from posekit import profiles
from posekit.cli import options as shared
from posekit.estimators.recipes import MODELS
from posekit.models.names import HEADS, NETWORKS
from posekit.pipeline.augmentation import AUGMENTATIONS, FLIPS
from posekit.pipeline.targets import LABEL_TREATMENTS
from posekit.pipeline.views import VIEWS
from posekit.training.config import SCHEDULES

RESUMES = "After an interruption, run it again to resume."

CHOICES = """
networks
  poster_batchnorm  the poster's 11 layers, with batch normalisation
  poster_plain      the poster's 11 layers
  residual          a residual network of four stages
  residual_slim     residual, three quarters as wide
  residual_short    residual without its last stage: a quarter of the weights
  lite0             EfficientNet-Lite0, meant for --initial-weights imagenet
  lite0_quick       lite0 whose large kernels stay as they are: trains faster
  lite0_short       lite0_quick without its last two stages
heads, for all networks but the poster's
  coordinates       x and y of each joint, as the poster has them
  soft_argmax       a map for each joint
views
  squashed          the whole picture, stretched to a square
  whole             the whole picture, its shape kept
  person            a square around the person
"""


def add(commands):
    """Add the five commands."""
    _add_train(commands)
    _add_build(commands)
    _add_calibrate(commands)
    _add_ladder(commands)
    _add_sweep(commands)


def _add_train(commands):
    parser = shared.add_command(
        commands,
        "train",
        train,
        details=f"{RESUMES}\n{CHOICES}\n{shared.DATA_DETAILS}",
        example="train --data synthetic --epochs 10 --out reports/mine",
    )
    shared.add_data_options(parser)
    shared.add_out(parser, "folder of the trainings", "--run-dir", default=Path("reports/train"))
    for option, choices, default, what in (
        ("--network", NETWORKS, "poster_batchnorm", "see above"),
        ("--head", HEADS, "coordinates", "see above"),
        ("--view", VIEWS, "squashed", "what the network sees"),
        ("--augmentation", AUGMENTATIONS, "none", "random changes other than flips"),
        ("--flip", FLIPS, "random", "which pictures are mirrored"),
        ("--label-treatment", LABEL_TREATMENTS, "masked", "treatment of missing joints"),
        ("--schedule", SCHEDULES, "constant", "schedule of the learning rate"),
    ):
        metavar = "NAME" if what == "see above" else None
        shared.add_option(
            parser, option, what, choices=tuple(choices), default=default, metavar=metavar
        )
    shared.add_option(
        parser, "--initial-weights", '"imagenet" (lite0), or a saved model', metavar="MODEL"
    )
    shared.add_option(parser, "--epochs", "number of epochs (default: the profile's)", type=int)
    shared.add_option(
        parser, "--batch-size", "pictures in a batch (default: the profile's)", type=int
    )
    shared.add_option(parser, "--learning-rate", "learning rate of Adam", type=float, default=1e-3)
    shared.add_option(parser, "--patience", "epochs without improvement before it stops", type=int)
    stall = "seconds without progress until a stall is reported"
    shared.add_option(parser, "--stall-seconds", stall, type=float, default=60.0)


def train(options):
    """Train one network."""
    from posekit.training.config import TrainingConfig
    from posekit.training.fit import fit
    from posekit.wording import verdict

    profile = profiles.by_name(options.profile)
    names = """
        network head view augmentation flip label_treatment schedule initial_weights seed
        learning_rate patience
    """.split()
    config = TrainingConfig(
        loss=HEADS[options.head][0],
        epochs=profile.epochs if options.epochs is None else options.epochs,
        batch_size=profile.batch_size if options.batch_size is None else options.batch_size,
        **{name: getattr(options, name) for name in names},
    )
    experiment = shared.open_experiment(options)
    run_dir = shared.output_path(options.out)
    run = fit(config, experiment, run_dir, stall_seconds=options.stall_seconds)
    print(run.folder)
    mean_pose = run.baselines["mean_pose"]
    print(
        f"validation MSE ({config.label_treatment}) {run.best_validation_mse:.1f} in epoch "
        f"{run.best_epoch}, mean pose {mean_pose:.1f}: the network "
        f"{verdict(run.best_validation_mse, mean_pose)}"
    )
    if not experiment.split.comparable:
        print(f"split {experiment.split.name}: not comparable with other scores")
    return 0


def _add_build(commands):
    parser = shared.add_command(
        commands,
        "build",
        build,
        details=f"{RESUMES}\n\n{shared.DATA_DETAILS}",
        example="build from_scratch --data data/raw/lspet_dataset.zip --profile full "
        "--out models/mine",
    )
    parser.add_argument("name", choices=tuple(MODELS), help="the model to build")
    shared.add_data_options(parser, has_split=False)
    shared.add_run_dir(parser, "reports/models")
    shared.add_out(parser, "folder of the model; the shipped ones are in models/", required=True)
    shared.add_option(
        parser, "--epochs", "epochs of each training, for a trial", type=shared.positive_integer
    )
    shared.add_force(parser)


def build(options):
    """Train and calibrate a shipped model again, and write its folder."""
    from posekit.estimators import release

    shared.check_new(options, options.out / "manifest.json")
    folders = shared.output_path(options.run_dir), options.out
    settings = {"seed": options.seed, "epochs": options.epochs}
    release.build(options.name, shared.open_experiment(options), *folders, **settings)
    print(options.out)
    return 0


def _add_calibrate(commands):
    parser = shared.add_command(
        commands,
        "calibrate",
        calibrate,
        details="Give the --profile and --seed of its training, so that the split is the same.\n\n"
        f"{shared.DATA_DETAILS}",
        example="calibrate models/mine --data data/raw/lspet_dataset.zip --profile full",
    )
    parser.add_argument("folder", type=Path, help="a folder with a manifest.json, which is changed")
    shared.add_data_options(parser, has_split=False)


def calibrate(options):
    """Fit the confidences of a model folder again, on validation."""
    from posekit.estimators import release

    estimator = release.calibrate(options.folder, shared.open_experiment(options))
    if estimator.presence is not None:
        print(f"somebody is there from {estimator.presence.threshold:.3f} on")
    print(options.folder)
    return 0


def _add_ladder(commands):
    parser = shared.add_command(
        commands,
        "ladder",
        ladder,
        details=f"{RESUMES}\nThis is the ablation of notebook 06, which shows "
        f"reports/ablation.json.\n\n{shared.DATA_DETAILS}",
        example="ladder --data lspet_dataset.zip --profile full --out reports/ablation.json",
    )
    shared.add_data_options(parser)
    epochs = "epochs of every network (default: the profile's)"
    seeds = "number of seeds, counted from --seed"
    shared.add_option(parser, "--epochs", epochs, type=shared.positive_integer)
    side = "side of the networks' input"
    shared.add_option(parser, "--frame-px", side, type=shared.positive_integer, default=96)
    shared.add_option(parser, "--seeds", seeds, type=shared.positive_integer, default=3)
    shared.add_run_dir(parser, "reports/ladder-run")
    what = "the result after each step (default: ladder.json in --run-dir)"
    shared.add_out(parser, what, metavar="FILE")


def ladder(options):
    """Train the finished recipe, and again without each of its parts."""
    from posekit.studies.ladder.findings import ablation_text
    from posekit.studies.ladder.run import run_ladder
    from posekit.studies.ladder.steps import leave_one_out

    experiment = shared.open_experiment(options)
    epochs = options.epochs or experiment.profile.ladder_epochs
    result = run_ladder(
        leave_one_out(epochs=epochs, frame_px=options.frame_px),
        experiment,
        shared.output_path(options.run_dir),
        seeds=range(options.seed, options.seed + options.seeds),
        out=options.out,
    )
    print(ablation_text(result))
    return 0


def _add_sweep(commands):
    parser = shared.add_command(
        commands,
        "sweep",
        sweep,
        details="Trials run on this machine or on a Dask cluster, whose workers see the same "
        "folders. Run it\nagain to resume: finished trials are not trained again. The exit status "
        "is 1 if a trial failed.",
        example="sweep examples/study.yaml",
    )
    parser.add_argument("study", type=shared.absolute_path, help="YAML file, see docs/cluster.md")
    what = "folder of trainings, table and page (default: reports/sweep-NAME)"
    shared.add_out(parser, what, "--run-dir")
    shared.add_cache_dir(parser)
    where = parser.add_mutually_exclusive_group()
    scheduler = "a Dask scheduler, tcp://host:8786 (default: this machine)"
    shared.add_option(where, "--scheduler", scheduler, metavar="ADDRESS")
    workers = "trials at a time on this machine"
    shared.add_option(where, "--workers", workers, type=shared.positive_integer, default=1)


def sweep(options):
    """Train and compare every combination of settings in a YAML file."""
    from posekit.studies.sweep import page as sweep_page
    from posekit.studies.sweep import run as sweep_run
    from posekit.studies.sweep.study import read

    study = read(options.study)
    run_dir = options.out or shared.output_path(Path("reports") / f"sweep-{study.name}")
    result = sweep_run.run(study, run_dir, scheduler=options.scheduler, workers=options.workers)
    failed = [row for row in result["trials"] if row["error"] is not None]
    if result["choices"]:
        print(sweep_page.write(run_dir.resolve(), title=f"Study {study.name}"))
    print(run_dir / "sweep.csv")
    if failed:
        print(f"error: {len(failed)} of {len(study.trials)} trials failed", file=sys.stderr)
    return 1 if failed else 0
