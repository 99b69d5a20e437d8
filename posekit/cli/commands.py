"""What each command of the command line does."""

import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from tqdm import tqdm

from posekit import files, profiles, wording
from posekit.datasets import lsp
from posekit.datasets.coco import reading
from posekit.datasets.sources import SYNTHETIC, load
from posekit.datasets.synthetic import writing
from posekit.errors import PosekitError
from posekit.estimators.predict import pose_files
from posekit.estimators.predict.smoothing import OneEuroFilter
from posekit.provenance import provenance
from posekit.training import engine
from posekit.wording import verdict, with_interval


def make_data(options):
    """Write a synthetic data set."""
    drawn = {"count": options.images, "seed": options.seed}
    if options.layout == "coco":
        from posekit.datasets.coco.writing import write

        with tempfile.TemporaryDirectory() as scratch:
            dataset = lsp.read(writing.write(Path(scratch) / "people", **drawn))
            folder = write(options.folder, dataset)
    else:
        folder = writing.write(options.folder, **drawn)
    print(f"{options.images} images in {folder}")
    return 0


def fetch_data(options):
    """Get a data set from the first source that has it, and print where it is."""
    from posekit.datasets.fetch import download

    print(download.fetch(options.name, files.from_root(options.to), source=options.source))
    return 0


def check_data(options):
    """Read data, decode every image, say what is wrong image by image and on a page."""
    from posekit.datasets import checking
    from posekit.report import data_page

    data = options.folder if options.data is None else options.data
    if data in ("", SYNTHETIC):
        named = {Path(SYNTHETIC): checking.check_opened(_read(data))}
    else:
        named = {Path(path): checking.check(path) for path in data.split(os.pathsep)}
    for checked in named.values():
        print(data_page.in_words(checked), end="")
    if options.html is not None or any(checked.findings for checked in named.values()):
        first = next(iter(named))
        page = data_page.place_beside(first) if options.html is None else options.html
        files.write_text(page, data_page.page(list(named.values())))
        print(page)
    for checked in named.values():
        print(data_page.summary(checked))
    return 1 if any(checked.images(checking.FAULT) for checked in named.values()) else 0


def summarise_data(options):
    """Print what a data set holds."""
    print(json.dumps(lsp.summarise(_read(options.data)), indent=2))
    return 0


def pack_data(options):
    """Write a packed data set and print where it is."""
    from posekit.datasets import packed
    from posekit.pipeline import frames
    from posekit.pipeline.experiment import open_experiment

    engine.start(0)
    experiment = open_experiment(
        options.data, profile="full", seed=0, bad_images=_bad_images(options), limit_images=False
    )
    folder = packed.write(
        options.folder,
        experiment.dataset,
        frames=experiment.frames.images,
        frames_version=frames.FRAMES_VERSION,
        groups=experiment.split.groups,
    )
    print(f"{len(experiment.dataset)} images in {folder}")
    return 0


def train(options):
    """Train one network and print where it is and how it compares."""
    from posekit.training.config import TrainingConfig
    from posekit.training.fit import fit

    engine.start(options.seed)
    profile = profiles.by_name(options.profile)
    config = TrainingConfig(
        network=options.network,
        label_treatment=options.label_treatment,
        epochs=profile.epochs if options.epochs is None else options.epochs,
        batch_size=profile.batch_size if options.batch_size is None else options.batch_size,
        seed=options.seed,
        learning_rate=options.learning_rate,
        schedule=options.schedule,
        flip=options.flip,
        patience=options.patience,
    )
    experiment = _open(options, split=options.split_kind)
    run = fit(
        config,
        experiment,
        files.from_root(options.run_dir),
        # Without the option the environment is asked.
        pictures=options.pictures or None,
        devices=options.gpus and [f"GPU:{wording.number}" for wording.number in range(options.gpus)],
        stall_seconds=options.stall_seconds,
    )
    print(f"{run.folder}")
    mean_pose = run.baselines["mean_pose"]
    print(
        f"validation MSE ({config.label_treatment}) {run.best_validation_mse:.1f} in epoch "
        f"{run.best_epoch}, mean pose {mean_pose:.1f}: the network "
        f"{verdict(run.best_validation_mse, mean_pose)}"
    )
    if not experiment.split.comparable:
        print(f"split {experiment.split.name}: not comparable with other scores")
    return 0


def build(options):
    """Make a shipped model anew: train its stages, calibrate, write its folder."""
    from posekit.estimators import release

    engine.start(options.seed)
    experiment = _open(options)
    release.build(
        options.name,
        experiment,
        files.from_root(options.run_dir),
        options.out,
        seed=options.seed,
        epochs=options.epochs,
    )
    print(options.out)
    return 0


def evaluate(options):
    """Score a model and write what was asked for."""
    from posekit.estimators import loading
    from posekit.evaluation.scores import score_original_px

    engine.start(options.seed)
    estimator = loading.load(options.model)
    experiment = _open(
        options,
        split=options.split_kind,
        # The profile's limit shaped the split that the network was trained on; without it,
        # training images would turn up in validation. The fixed test parts are no part of that.
        limit_images=options.split != "all",
        whole_if_fixed_test=options.split in ("development", "test"),
    )
    part = experiment.part(options.split)
    layout = None if options.coco is None else reading.layout_of(_own(options.data))
    _warn_of_other_split(options, experiment)
    poses = estimator.estimate_dataset(part)
    scores = _scores(score_original_px, poses.keypoints_px, experiment, options)
    mean_pose = _mean_pose_scores(experiment, options)
    reliability = _reliability(poses, part)
    _print_scores(scores, mean_pose)
    if reliability is not None:
        error = reliability["expected_calibration_error"]
        print(f"confidences are off by {error:.3f} on average")
    if not experiment.split.comparable:
        print(f"split {experiment.split.name}: not comparable with other scores")
    made_by = {
        "model": options.model,
        "data": experiment.describe(),
        **provenance(profile=options.profile, seed=options.seed, part=options.split),
    }
    if options.json is not None:
        described = {"mean_pose": mean_pose, "reliability": reliability}
        files.write_json(options.json, {**made_by, **scores, **described})
    if options.predictions is not None:
        files.write_npz(
            options.predictions,
            image_ids=part.image_ids,
            keypoints_px=poses.keypoints_px,
            made_by=json.dumps(made_by),
        )
    if layout is not None:
        with pose_files.writing_coco(options.coco, layout) as add:
            ids = part.extras["coco_image_id"].tolist()
            for image_id, *pose in zip(ids, poses.keypoints_px, poses.confidences, strict=True):
                add({"image_id": image_id}, *pose)
    return 0


def predict(options):
    """Predict photographs, videos or a camera; name what could not be read when all is done."""
    from posekit.estimators import loading
    from posekit.estimators.predict import photos

    smoothing = _smoothing(options)
    annotations = None if options.annotations is None else _own(options.annotations)
    engine.start(0)
    if options.camera is not None:
        return _predict_camera(loading.load(options.model), smoothing, options)
    paths = photos.find_files(options.images)
    results = photos.predict_files(
        loading.load(options.model),
        paths,
        options.out,
        box_px=options.box,
        file_format=options.format,
        smoothing=smoothing,
        annotations=annotations,
    )
    problems = []
    alone = len(paths) == 1  # a video has a bar of its own
    for result in tqdm(results, total=len(paths), leave=False, disable=alone or None):
        if result["drawn"] is not None:
            tqdm.write(f"{result['image']}: {result['drawn']}, {result['poses']}")
        if result["problem"] is not None:
            problems.append(result["problem"])
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _predict_camera(estimator, smoothing, options):
    """Record a camera's poses until q or Ctrl-C; without a display, no window is shown."""
    from posekit.estimators.predict import video_files, videos

    if options.box is not None:
        raise PosekitError(
            "predict: a box needs exactly one image; got a camera. Leave one of them out."
        )
    stream = video_files.Camera(options.camera)
    # A recording cannot be made again, so none replaces another.
    stem = f"camera{options.camera}_{time.strftime('%Y-%m-%d_%H-%M-%S')}"
    with ExitStack() as stack:
        show = stack.enter_context(video_files.window(stream.name)) if video_files.has_display() else None
        print(f"{stream.name}: {'q or ' if show else ''}Ctrl-C ends", file=sys.stderr)
        result = videos.predict_video(
            estimator,
            stream,
            options.out,
            stem,
            file_format=options.format,
            smoothing=smoothing,
            show=show,
        )
    print(f"{result['image']}: {result['drawn']}, {result['poses']}")
    if result["problem"] is None:
        return 0
    print(f"error: {result['problem']}", file=sys.stderr)
    return 1


def _own(data):
    """The own data that COCO results are for."""
    from posekit.datasets.coco import own_data

    own = own_data.find(Path(data))
    if own is None:
        raise PosekitError(
            f"COCO results need own data with annotations as COCO has them; got {data}. Name an "
            "own_data.toml or a JSON file."
        )
    return own


def _smoothing(options):
    """The filter that the options ask for; a setting of it switches it on."""
    settings = {"cutoff_hz": options.smooth_cutoff, "speed_gain": options.smooth_gain}
    settings = {name: value for name, value in settings.items() if value is not None}
    if options.smooth or settings:
        return OneEuroFilter(**settings)
    return None


def report(options):
    """Run all notebooks; print the path of the index whether or not one failed."""
    from posekit.report import runner
    from posekit.report.runner import ReportFailed

    if options.verify is not None:
        return _verify(options.verify)
    if options.compare is not None:
        return _compare(*options.compare, options.html)
    data_name = "+".join(Path(path).stem for path in options.data.split(os.pathsep))
    run_dir = options.run_dir or Path("reports") / f"{options.profile}-{data_name}"
    parameters = {
        "data": options.data,
        "profile": options.profile,
        "seed": options.seed,
        "bad_images": _bad_images(options),
    }
    try:
        index = runner.run(
            files.from_root(run_dir),
            parameters=parameters,
            overrides=options.set,
            resume=options.resume,
        )
    except ReportFailed as failure:
        print(f"error: {failure}", file=sys.stderr)
        print(failure.index)
        return 1
    print(index)
    return 0


def _verify(run_dir):
    """Run a finished report again beside it, compare, and write and print what differs."""
    from posekit.report import runner, verify
    from posekit.report.runner import ReportFailed

    settings = verify.settings(run_dir)
    rerun_dir = Path(tempfile.mkdtemp(prefix=f"{run_dir.name}-again-", dir=run_dir.parent))
    try:
        runner.run(rerun_dir, parameters={}, **settings)
        result = verify.compare(run_dir, rerun_dir)
    except ReportFailed as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except PosekitError:
        shutil.rmtree(rerun_dir)
        raise
    files.write_json(run_dir / "verification.json", {**result, **provenance()})
    print(verify.in_words(result))
    if not result["agrees"]:
        print(f"the rerun stays in {rerun_dir}")
        return 1
    shutil.rmtree(rerun_dir)
    return 0


def _compare(first_dir, second_dir, html):
    """Write the page that compares two runs, print the differences and where the page is."""
    from posekit.report import compare

    first, second = map(compare.open_run, (first_dir, second_dir))
    names = compare.names_of(first, second)
    result = compare.compare(first, second)
    if html is None:
        stem = "-and-".join(run.folder.resolve().name for run in (first, second))
        html = files.from_root("reports") / f"compare-{stem}.html"
    files.write_text(html, compare.page(result, names))
    print(compare.in_words(result, names))
    print(html)
    return 0 if any(pair["scores"] or pair["over_seeds"] for pair in result["pairs"]) else 1


def runs(options):
    """Print a table of the reports or trainings below a folder, and write both as a page."""
    from posekit.report import runs as report_runs
    from posekit.report.runs import KINDS, as_text, find, select

    folder = options.folder
    tables, problems = find(folder)
    for kind in KINDS:
        chosen = {}
        if kind == options.of:
            chosen = {"sort": options.sort, "reverse": options.reverse, "where": options.where}
        tables[kind] = select(tables[kind], **chosen)
    html = options.html or folder / "runs.html"
    page = report_runs.page(folder, tables, written_to=html.parent)
    files.write_text(html, page)
    print(as_text(tables[options.of], options.of))
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    print(html)
    return 1 if problems else 0


def ladder(options):
    """Climb the profile's ladder and print what each rung brought."""
    from posekit.studies.ladder import climbing
    from posekit.studies.ladder.findings import rungs, worth

    engine.start(options.seed)
    experiment = _open(options, split=options.split_kind)
    result = climbing.climb(
        rungs(experiment, epochs=options.epochs),
        experiment,
        files.from_root(options.run_dir),
        seeds=range(options.seed, options.seed + options.seeds),
        out=options.out,
    )
    print(worth(result))
    return 0


def sweep(options):
    """Train what is not finished of a study; print where its page and table are."""
    from posekit.studies.sweep import page as sweep_page
    from posekit.studies.sweep import run as sweep_run
    from posekit.studies.sweep.study import read

    study = read(options.study)
    run_dir = options.run_dir or files.from_root("reports") / f"sweep-{study.name}"
    result = sweep_run.run(study, run_dir, scheduler=options.scheduler, workers=options.workers)
    failed = [row for row in result["trials"] if row["error"] is not None]
    if result["choices"]:
        print(sweep_page.write(run_dir.resolve(), title=f"Study {study.name}"))
    print(run_dir / "sweep.csv")
    if failed:
        print(f"error: {len(failed)} of {len(study.trials)} trials failed", file=sys.stderr)
    return 1 if failed else 0


def export(options):
    """Write a model for another runtime; print what was written and how large it is."""
    from posekit.estimators import loading
    from posekit.estimators.export import export as write

    engine.start(options.seed)
    dataset = None
    if options.format == "litert-int8":
        experiment = _open(options, split=options.split_kind)
        dataset = experiment.part("train")
        trained, here = loading.training_split(options.model), experiment.split.summary()
        if options.data != SYNTHETIC and trained not in (None, here):
            print(
                f"warning: {options.model} was trained on another split ({_split_words(trained)}) "
                f"than this one ({_split_words(here)}); where these are the same pictures, int8 "
                "looks at some that were kept for scores",
                file=sys.stderr,
            )
    path = write(options.model, options.to, file_format=options.format, dataset=dataset)
    for stage in files.read_json(path)["stages"]:
        file = path.parent / stage["file"]
        print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    print(path)
    return 0


def _open(options, **choices):
    """The experiment that the data options name; `choices` as for `open_experiment`."""
    from posekit.pipeline.experiment import open_experiment

    return open_experiment(
        options.data,
        profile=options.profile,
        seed=options.seed,
        bad_images=_bad_images(options),
        **choices,
    )


def _read(data):
    defaults = profiles.by_name("quick")
    return load(data, synthetic_images=defaults.synthetic_images, seed=0)


def _scores(score, predicted, experiment, options):
    """Scores over all joints and, under "limb_joints", over those of arms and legs."""

    def over(joints):
        return score(predicted, experiment, options.split, seed=options.seed, joints=joints)

    return {**over(None), "limb_joints": over(experiment.dataset.skeleton.limb_joints)}


def _mean_pose_scores(experiment, options):
    """Scores of the training part's mean pose, or None for data without a training part."""
    from posekit.evaluation import baselines
    from posekit.evaluation import scores as evaluation_scores

    if not len(experiment.split.train):
        return None
    mean_pose_px = baselines.constant_poses(experiment)["mean_pose"]
    return _scores(evaluation_scores.score, mean_pose_px, experiment, options)


def _print_scores(scores, mean_pose):
    for title, block, constant in (
        ("all joints", scores, mean_pose),
        ("limb joints", scores["limb_joints"], (mean_pose or {}).get("limb_joints")),
    ):
        print(f"{title} ({len(block['joints'])}):")
        for name, metric in block["metrics"].items():
            shown = with_interval(metric["value"], metric["interval"], 3)
            beside = wording.number(constant["metrics"][name]["value"], 3) if constant else "unknown"
            print(f"  {name:12} {shown}; mean pose {beside}")


def _reliability(poses, part):
    """How far the confidences can be believed, or None where there are none."""
    from posekit.estimators import calibration
    from posekit.evaluation.scores import right_joints

    if np.isnan(poses.confidences).any():
        return None
    correct, counted = right_joints(poses.keypoints_px, part)
    return calibration.reliability(poses.confidences[counted], correct[counted])


def _warn_of_other_split(options, experiment):
    """Say so when the model's training, where it is known, had another split than this one."""
    from posekit.estimators import loading

    trained = loading.training_split(options.model)
    drawn = ("validation",) if experiment.dataset.has_fixed_test else ("validation", "test")
    here = experiment.split.summary()
    if options.split not in drawn or trained is None or trained == here:
        return
    print(
        f"warning: {options.model} was trained on another split ({_split_words(trained)}) than "
        f"this one ({_split_words(here)}); it may have seen images that it is scored on here",
        file=sys.stderr,
    )


def _split_words(summary):
    return f"{summary['name']}, seed {summary['seed']}, {summary['images']} images"


def _bad_images(options):
    return "skip" if options.skip_bad_images else "error"
