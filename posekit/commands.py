"""What each command of the command line does."""

import json
import os
import sys
from pathlib import Path

from posekit import artifacts, engine, profiles
from posekit.datasets import lsp, synthetic
from posekit.errors import PosekitError
from posekit.sources import load
from posekit.studies.wording import number, verdict, with_interval


def make_data(options):
    """Write a synthetic data set."""
    folder = synthetic.write(options.folder, count=options.images, seed=options.seed)
    print(f"{options.images} images in {folder}")
    return 0


def check_data(options):
    """Read a data set, decode every image, say what is wrong."""
    dataset = _read(options.data)
    problems = lsp.check_images(dataset)
    for image_id, problem in problems:
        print(f"{image_id}: {problem}")
    print(f"{dataset.name}: {len(dataset)} images, {len(problems)} with faults")
    return 1 if problems else 0


def summarise_data(options):
    """Print what a data set holds."""
    print(json.dumps(lsp.summarise(_read(options.data)), indent=2))
    return 0


def train(options):
    """Train one network and print where it is and how it compares."""
    from posekit import training
    from posekit.experiment import open_experiment

    engine.start(options.seed)
    profile = profiles.by_name(options.profile)
    config = training.TrainingConfig(
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
    experiment = open_experiment(
        options.data,
        profile=options.profile,
        seed=options.seed,
        split=options.split_kind,
        bad_images=_bad_images(options),
    )
    run = training.fit(config, experiment, artifacts.from_root(options.run_dir))
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


def evaluate(options):
    """Score a model and write what was asked for."""
    from posekit import evaluation, models
    from posekit.experiment import open_experiment

    engine.start(options.seed)
    model = models.load(options.model)
    experiment = open_experiment(
        options.data,
        profile=options.profile,
        seed=options.seed,
        split=options.split_kind,
        frame_px=model.input_shape[1],
        bad_images=_bad_images(options),
        # The profile's limit shaped the split that the network was trained on; without it,
        # training images would turn up in validation. A fixed test part is no part of that.
        limit_images=options.split != "all",
        whole_if_fixed_test=options.split == "test",
    )
    part = experiment.part(options.split)
    _warn_of_other_split(options, experiment)
    pred_frame_px = evaluation.predict_frame_px(model, experiment.images(options.split))
    scores = evaluation.score(pred_frame_px, experiment, options.split, seed=options.seed)
    mean_pose = _mean_pose_scores(experiment, options)
    for name, metric in scores["metrics"].items():
        constant = number(mean_pose["metrics"][name]["value"], 3) if mean_pose else "unknown"
        shown = with_interval(metric["value"], metric["interval"], 3)
        print(f"{name:12} {shown}; mean pose {constant}")
    if not experiment.split.comparable:
        print(f"split {experiment.split.name}: not comparable with other scores")
    if options.json is not None:
        described = {
            "model": options.model,
            "data": experiment.describe(),
            **scores,
            "mean_pose": mean_pose,
            **artifacts.provenance(),
        }
        artifacts.write_json(options.json, described)
    if options.predictions is not None:
        keypoints_px = evaluation.to_original_px(
            pred_frame_px, part.image_sizes_px, experiment.frame_px
        )
        artifacts.write_npz(
            options.predictions, image_ids=part.image_ids, keypoints_px=keypoints_px
        )
    return 0


def predict(options):
    """Predict photographs."""
    from posekit import models, prediction

    engine.start(0)
    results = prediction.predict_files(models.load(options.model), options.images, options.out)
    for result in results:
        print(f"{result['image']}: {result['drawn']}, {result['json']}")
    return 0


def report(options):
    """Run all notebooks; print the path of the index whether or not one failed."""
    from posekit.report import ReportFailed, run

    data_name = "+".join(Path(path).stem for path in options.data.split(os.pathsep))
    run_dir = options.run_dir or Path("reports") / f"{options.profile}-{data_name}"
    parameters = {
        "data": options.data,
        "profile": options.profile,
        "seed": options.seed,
        "bad_images": _bad_images(options),
    }
    try:
        index = run(
            artifacts.from_root(run_dir),
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


def _read(data):
    defaults = profiles.by_name("quick")
    return load(data, synthetic_images=defaults.synthetic_images, seed=0)


def _mean_pose_scores(experiment, options):
    """Scores of the training part's mean pose, or None for data without a training part."""
    from posekit import evaluation

    if not len(experiment.split.train):
        return None
    mean_pose_px = evaluation.constant_poses(experiment)["mean_pose"]
    return evaluation.score(mean_pose_px, experiment, options.split, seed=options.seed)


def _warn_of_other_split(options, experiment):
    """Say so when the model's training, where it is known, had another split than this one."""
    model = Path(options.model)
    config = (model if model.is_dir() else model.parent) / "config.json"
    drawn = ("validation",) if experiment.dataset.has_fixed_test else ("validation", "test")
    if options.split not in drawn or not config.is_file():
        return
    here = experiment.split.summary()
    try:
        trained = artifacts.read_json(config)["data"]["split"]
        trained_words = _split_words(trained)
    except (PosekitError, KeyError, TypeError):
        return  # another program's config.json says nothing about splits
    if trained != here:
        print(
            f"warning: {options.model} was trained on another split ({trained_words}) than "
            f"this one ({_split_words(here)}); it may have seen images that it is scored on here",
            file=sys.stderr,
        )


def _split_words(summary):
    return f"{summary['name']}, seed {summary['seed']}, {summary['images']} images"


def _bad_images(options):
    return "skip" if options.skip_bad_images else "error"
