"""`evaluate`: score a model on one part of the data."""

import json
import sys
from argparse import Action, ArgumentError

from posekit import files
from posekit.cli import options as shared
from posekit.datasets.splits import SPLITS

PARTS = ("all", "train", "validation", "development", "test")


def add(commands):
    """Add `evaluate`."""
    parser = shared.add_command(
        commands,
        "evaluate",
        evaluate,
        details="Give the --profile and --seed of its training, so that the split is the same."
        f"\n\n{shared.DATA_DETAILS}",
        example="evaluate --model reports/mine/training/NAME --data synthetic --part validation "
        "--out scores.json",
    )
    shared.add_model(parser, required=True)
    shared.add_data_options(parser, has_split=False)
    rules = {"metavar": f"{{{','.join(SPLITS)}}}", "default": "standard"}
    shared.add_option(parser, "--split", shared.SPLIT_HELP, action=_Split, **rules)
    parser.add_argument("--split-kind", dest="split", choices=tuple(SPLITS), **shared.HIDDEN)
    shared.add_option(
        parser, "--part", "which images to score", choices=PARTS, default="validation"
    )
    shared.add_out(parser, "write the scores here as JSON", "--json", metavar="FILE")
    npz = "write image_ids and keypoints_px, original pixels, to this .npz"
    shared.add_option(parser, "--predictions", npz, type=shared.absolute_path, metavar="FILE")
    coco = "write the keypoints of own data here as COCO results"
    shared.add_option(parser, "--coco", coco, type=shared.absolute_path, metavar="FILE")
    shared.add_force(parser)


class _Split(Action):
    """The rule of the split; the name of a part, which --split was once, still works."""

    def __call__(self, parser, options, value, option_string=None):
        if value in PARTS:
            print(f"note: --split {value} is now written --part {value}", file=sys.stderr)
            options.part = value
        elif value in SPLITS:
            options.split = value
        else:
            choices = ", ".join(map(repr, SPLITS))
            raise ArgumentError(self, f"invalid choice: {value!r} (choose from {choices})")


def evaluate(options):
    """Score a model on one part of the data."""
    from posekit.datasets.coco import reading
    from posekit.estimators import loading
    from posekit.estimators.predict import pose_files
    from posekit.estimators.predict.poses import Pose
    from posekit.estimators.scoring import evaluate_poses
    from posekit.provenance import provenance
    from posekit.training import engine

    shared.check_new(options, options.out, options.predictions, options.coco)
    engine.start(options.seed)
    estimator = loading.load(options.model)
    experiment = shared.open_experiment(
        options,
        # The profile's limit shaped the split that the network was trained on; without it,
        # training images would turn up in validation. The fixed test parts do not depend on it.
        limit_images=options.part != "all",
        whole_if_fixed_test=options.part in ("development", "test"),
        one_person=all(stage.view != "person" for stage in estimator.stages),
    )
    part = experiment.part(options.part)
    layout = None if options.coco is None else reading.layout_of(shared.own_data(options.data))
    depends_on_split = options.part == "validation" or (
        options.part == "test" and not experiment.dataset.has_fixed_test
    )
    if depends_on_split:
        consequence = (
            "if these are the same pictures, it may have seen some that it is scored on here"
        )
        shared.warn_of_other_split(options.model, experiment, consequence)
    poses = estimator.estimate_dataset(part)
    scores = evaluate_poses(poses, experiment, part=options.part, seed=options.seed)
    _print_scores(scores)
    if not experiment.split.comparable:
        print(f"split {experiment.split.name}: not comparable with other scores")
    made_by = {
        "model": options.model,
        "data": experiment.describe(),
        **provenance(profile=options.profile, seed=options.seed, part=options.part),
    }
    if options.out is not None:
        files.write_json(options.out, {**made_by, **scores})
    if options.predictions is not None:
        arrays = {"image_ids": part.image_ids, "keypoints_px": poses.keypoints_px}
        files.write_npz(options.predictions, **arrays, made_by=json.dumps(made_by))
    if layout is not None:
        with pose_files.writing_coco(options.coco, layout) as add_result:
            for index, image_id in enumerate(part.extras["coco_image_id"].tolist()):
                # Annotated people are there.
                add_result({"image_id": image_id}, Pose.of(poses, index)._replace(found=True))
    return 0


def _print_scores(scores):
    from posekit.wording import number, pck_coverage, with_interval

    mean_pose = scores["mean_pose"]
    for title, block, constant in (
        ("all joints", scores, mean_pose),
        ("limb joints", scores["limb_joints"], (mean_pose or {}).get("limb_joints")),
    ):
        print(f"{title} ({len(block['joints'])}):")
        for name, metric in block["metrics"].items():
            shown = with_interval(metric["value"], metric["interval"], 3)
            of_constant = number(constant["metrics"][name]["value"], 3) if constant else "unknown"
            print(f"  {name:12} {shown}; mean pose {of_constant}")
        in_boxes = block["box_pck_0.1"]
        shown = with_interval(in_boxes["value"], in_boxes["interval"], 3)
        print(f"  {'box PCK@0.1':12} {shown}, all images")
        print(f"  {pck_coverage(block)}")
    if scores["reliability"] is not None:
        error = scores["reliability"]["expected_calibration_error"]
        print(f"confidences are off by {error:.3f} on average")
