"""How a model holds on pictures unlike its own: framings, qualities, neighbours, and nobody.

    make robustness DATA=data/raw/lspet_dataset.zip

Pictures of validation people are changed (`variants`), and strips of them without a labelled joint,
with what scikit-image and scikit-learn ship, stand for pictures of nobody. Every model's answers
are kept under a name (`--name`), and the table compares all names that answered the same pictures,
so that a change is measured against what was before it. MediaPipe Pose full answers too where
`make peers` installed it; given a box, it sees that part of the picture.
"""

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import results
import variants
from side_by_side import Worker

from posekit import files
from posekit.datasets.pose_dataset import evenly_spread
from posekit.datasets.sources import SYNTHETIC
from posekit.estimators import backgrounds
from posekit.evaluation import bootstrap
from posekit.evaluation.metrics import PoseErrors
from posekit.pipeline.experiment import open_experiment
from posekit.datasets.image_files import decode
from posekit.skeleton import JOINT_COUNT, JOINTS, LSP

HERE = Path(__file__).resolve().parent
FOLDER = results.FOLDER / "robustness"
PEERS = HERE / ".venv" / "bin" / "python"
PEER = "MediaPipe Pose full"
LIMBS = [JOINTS.index(name) for name in LSP.limb_joints]
BACKGROUNDS, SHIPPED = "background strips", "shipped pictures of nobody"
# Shipped with scikit-image and scikit-learn, in the peers' environment.
NOBODY = (
    "skimage/data/*brick.png skimage/data/chelsea.png skimage/data/clock_motion.png "
    "skimage/data/coffee.png skimage/data/coins.png skimage/data/grass.png skimage/data/gravel.png "
    "skimage/data/hubble_deep_field.jpg skimage/data/moon.png skimage/data/motorcycle_left.png "
    "skimage/data/page.png skimage/data/rocket.jpg skimage/data/retina.jpg "
    "sklearn/datasets/images/china.jpg sklearn/datasets/images/flower.jpg"
).split()
# Below this is a pose that the eye calls another one.
MOVED = 0.15


def main():
    """Ask, compare and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=SYNTHETIC, help="default: %(default)s")
    parser.add_argument("--model", default="best", help="default: %(default)s")
    parser.add_argument("--name", help="what its answers are kept as (default: the model's name)")
    parser.add_argument(
        "--part",
        default="validation",
        choices=("validation", "development"),
        help="development once for each delivered model; default: %(default)s",
    )
    parser.add_argument("--limit", type=int, default=150, help="people (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="default: %(default)s")
    options = parser.parse_args()
    profile = "quick" if options.data == SYNTHETIC else "full"
    experiment = open_experiment(options.data, profile=profile, seed=0)
    people, groups = _people(experiment, options.part, options.limit)
    scenes = _scenes(people, options.seed)
    key = _key(scenes)
    ours = _estimator(options.model)
    answers = {options.name or options.model: _answers(ours, scenes)}
    _keep(options.folder / options.part, key, answers)
    if PEERS.is_file() and PEER not in _kept(options.folder / options.part, key):
        worker = Worker(PEER, [str(PEERS), str(HERE / "workers" / "mediapipe_pose.py"), "1"])
        _keep(options.folder / options.part, key, {PEER: _answers(_peer(worker), scenes)})
        worker.close()
    known = _kept(options.folder / options.part, key)
    rows = table(people, groups, scenes, known)
    text = markdown(rows, list(known))
    print(text)
    path = options.folder / options.part
    files.write_json(
        path / "robustness.json",
        {"people": len(people), "seed": options.seed, "data": experiment.describe(), "rows": rows},
    )
    (path / "robustness.md").write_text(text + "\n", encoding="utf-8")


def _people(experiment, part, limit):
    """People with a labelled torso, evenly spread, and the group of each picture."""
    dataset = experiment.part(part)
    rows = experiment.split.indices(experiment.dataset, part)
    torso = dataset.labelled[:, dataset.skeleton.torso_joints].all(axis=1)
    chosen = np.flatnonzero(torso)
    chosen = chosen[evenly_spread(len(chosen), limit)]
    people = [
        variants.Person(
            decode(dataset.read_image(str(dataset.image_ids[index]))),
            dataset.keypoints_px[index],
            dataset.labelled[index],
        )
        for index in chosen
    ]
    return people, experiment.split.groups[rows[chosen]]


def _scenes(people, seed):
    """Name -> list of Scene, None where a variant does not apply; of nobody, as long as may be."""
    found = {}
    for number, (name, variant) in enumerate(variants.VARIANTS.items()):
        rng = np.random.default_rng([seed, number])
        neighbours = [*people[1:], *people[:1]]
        found[name] = [
            variant(person, other, rng) for person, other in zip(people, neighbours, strict=True)
        ]
    strips = [backgrounds.strip(each.image, each.keypoints_px, each.labelled) for each in people]
    rng = np.random.default_rng([seed, 1000])
    strips = [
        backgrounds.squared(strip) if rng.random() < 0.5 else strip
        for strip in strips
        if strip is not None
    ]
    shipped = []
    for pattern in NOBODY:
        for path in sorted((HERE / ".venv").glob(f"lib/python*/site-packages/{pattern}")):
            shipped += variants.parts(cv2.imread(str(path))[..., ::-1])
    for name, pictures in ((BACKGROUNDS, strips), (SHIPPED, shipped)):
        found[name] = [variants.Scene(picture, variants.affine()) for picture in pictures]
    return found


def _key(scenes):
    digest = hashlib.sha256()
    for name, each in scenes.items():
        digest.update(name.encode())
        for scene in each:
            if scene is not None:
                digest.update(np.ascontiguousarray(scene.image).data)
                digest.update(str(scene.box_px).encode())
    return digest.hexdigest()[:16]


def _estimator(model):
    """A function of pictures and boxes (or None): poses (N, K, 2), NaN where nobody was found."""
    from posekit.estimators import loading
    from posekit.training import engine

    engine.start(0)
    estimator = loading.load(model)

    def ask(images, boxes_px):
        poses = estimator.estimate(images, boxes_px)
        return np.where(poses.found[:, None, None], poses.keypoints_px, np.nan)

    return ask


def _peer(worker):
    def ask(images, boxes_px):
        poses = np.full((len(images), JOINT_COUNT, 2), np.nan)
        with tempfile.TemporaryDirectory() as folder:
            for index, image in enumerate(images):
                corner = np.zeros(2)
                if boxes_px is not None:
                    size = np.array(image.shape[1::-1])
                    low, extent = boxes_px[index, :2], boxes_px[index, 2:]
                    corner = np.clip(low - 0.1 * extent, 0, size - 1).astype(int)
                    end = np.clip(low + 1.1 * extent, corner + 1, size).astype(int)
                    image = image[corner[1] : end[1], corner[0] : end[0]]
                path = Path(folder) / f"{index}.png"
                cv2.imwrite(str(path), np.ascontiguousarray(image[..., ::-1]))
                (pose,) = worker.answer(path)[0]["keypoints_px"]
                if pose is not None:
                    poses[index, : len(pose)] = np.array(pose) + corner
        return poses

    return ask


def _answers(ask, scenes):
    """Name -> float (N, K, 2), NaN where nobody was found or the variant does not apply."""
    found = {}
    for name, each in scenes.items():
        poses = np.full((len(each), JOINT_COUNT, 2), np.nan)
        asked = [index for index, scene in enumerate(each) if scene is not None]
        for start in range(0, len(asked), 32):
            some = asked[start : start + 32]
            boxes = [each[index].box_px for index in some]
            boxes_px = None if boxes[0] is None else np.array(boxes)
            poses[some] = ask([each[index].image for index in some], boxes_px)
        found[name] = poses
        print(name, file=sys.stderr)
    return found


def _keep(folder, key, answers):
    folder.mkdir(parents=True, exist_ok=True)
    for name, poses in answers.items():
        with files.replacing(folder / f"{name}.npz") as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, key=key, **poses)


def _kept(folder, key):
    """Name -> answers about the same pictures, the peer's last."""
    known = {}
    for path in sorted(folder.glob("*.npz"), key=lambda path: (path.stem == PEER, path.stem)):
        with np.load(path) as stored:
            if str(stored["key"]) == key:
                known[path.stem] = {name: stored[name] for name in stored.files if name != "key"}
    return known


def table(people, groups, scenes, answers):
    """One dict for each kind of picture, JSON-ready.

    Args:
        people: list of variants.Person.
        groups: (N,), of near-duplicates.
        scenes: as of `_scenes`.
        answers: model's name -> variant's name -> poses (N, K, 2), NaN where nobody was found.

    Returns:
        list of dict: variant, pictures, and for each model `pck`, `pcp` (a person who is not found
        is wrong), `found`, `moved` ([median, 95th percentile] of the distance from the plain
        picture's joints, torso lengths, where both were found) and, of people with a neighbour,
        `respected`, the share of poses that are the person's; `pck_above`: first model less each
        other one, [value, low, high]. For pictures of nobody `found` alone.
    """
    rows = []
    for name, each in scenes.items():
        if name in (BACKGROUNDS, SHIPPED):
            found = {
                model: float(_found(poses[name]).mean()) if each else None
                for model, poses in answers.items()
            }
            rows.append({"variant": name, "pictures": len(each), "found": found})
            continue
        asked = [index for index, scene in enumerate(each) if scene is not None]
        row = {"variant": name, "pictures": len(asked)}
        sums = {}
        for model, poses in answers.items():
            scores, sums[model], counted = _scores(
                [people[index] for index in asked],
                [each[index] for index in asked],
                poses[name][asked],
                poses["plain"][asked],
            )
            for score, value in scores.items():
                row.setdefault(score, {})[model] = value
        first = next(iter(answers))
        row["pck_above"] = {
            model: [
                float((sums[first] - sums[model]).sum() / counted.sum()),
                *bootstrap.paired_difference_interval(
                    sums[first], sums[model], counted, groups[asked], seed=0
                ),
            ]
            for model in answers
            if model != first
        }
        rows.append(row)
    return rows


def _scores(people, scenes, poses, plain):
    matrices = np.array([scene.matrix for scene in scenes])
    scale = np.sqrt(np.abs(np.linalg.det(matrices[:, :, :2])))
    true = np.array([person.keypoints_px for person in people])
    torso = np.linalg.norm(true[:, 9] - true[:, 2], axis=1)
    torso = np.maximum(torso, 1)
    true = np.array([variants.apply(m, each) for m, each in zip(matrices, true, strict=True)])
    labelled = np.array([person.labelled for person in people])
    mirrored = np.array([scene.mirrored for scene in scenes])
    mirror = list(LSP.mirror)
    true[mirrored], labelled[mirrored] = true[mirrored][:, mirror], labelled[mirrored][:, mirror]
    sizes = np.array([scene.image.shape[1::-1] for scene in scenes])
    counted = labelled & ((true >= 0) & (true < sizes[:, None])).all(axis=2)
    error = np.linalg.norm(poses - true, axis=2) / (torso * scale)[:, None]
    hits = (error <= 0.2) & counted
    back = np.array(
        [variants.apply(variants.inverse(m), p) for m, p in zip(matrices, poses, strict=True)]
    )
    back[mirrored] = back[mirrored][:, mirror]
    # The person's joints inside this picture, in the plain one's order.
    inside = counted.copy()
    inside[mirrored] = inside[mirrored][:, mirror]
    moved = (np.linalg.norm(back - plain, axis=2) / torso[:, None])[:, LIMBS][inside[:, LIMBS]]
    moved = moved[~np.isnan(moved)]
    wrong = np.where(np.isnan(poses), -1e6, poses)
    errors = PoseErrors(wrong, true, counted, skeleton=LSP, joints=LSP.limb_joints)
    found = _found(poses)
    scores = {
        "pck": float(hits[:, LIMBS].sum() / counted[:, LIMBS].sum()),
        "pcp": float(errors.pcp().total),
        "found": float(found.mean()),
        "moved": [float(np.percentile(moved, share)) for share in (50, 95)]
        if moved.size
        else None,
    }
    if scenes[0].other_px is not None:
        other = np.array([scene.other_px for scene in scenes])
        mine = np.nanmean(np.where(counted[..., None], poses, np.nan), axis=1)
        to_own = np.linalg.norm(mine - _middle(true, counted), axis=1)
        to_other = np.linalg.norm(mine - np.nanmean(other, axis=1), axis=1)
        scores["respected"] = float((to_own < to_other)[found].mean())
    return scores, hits[:, LIMBS].sum(axis=1), counted[:, LIMBS].sum(axis=1)


def _middle(points, counted):
    return np.nanmean(np.where(counted[..., None], points, np.nan), axis=1)


def _found(poses):
    return ~np.isnan(poses).all(axis=(1, 2))


def markdown(rows, models):
    """The table as Markdown: for each model PCK, PCP, movement and share found."""
    lines = [
        "| variant | pictures | "
        + " | ".join(f"{model}: PCK, PCP | moved 50 %, 95 % | found" for model in models)
        + " | PCK above the others |",
        "|---" * (3 + 3 * len(models)) + "|",
    ]
    for row in rows:
        cells = [row["variant"], str(row["pictures"])]
        for model in models:
            cells.append(
                f"{row['pck'][model]:.3f}, {row['pcp'][model]:.3f}" if "pck" in row else ""
            )
            moved = row.get("moved", {}).get(model)
            cells.append("{:.3f}, {:.3f}".format(*moved) if moved else "")
            share = row["found"][model]
            cells.append("" if share is None else f"{share:.1%}")
            if "respected" in row:
                cells[-1] += f", theirs {row['respected'][model]:.1%}"
        cells.append(
            "; ".join("{:+.3f} ({:+.3f} to {:+.3f})".format(*v) for v in row["pck_above"].values())
            if "pck_above" in row
            else ""
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
