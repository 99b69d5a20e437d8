"""What the classifiers see of each picture: a shipped model's pose, and ImageNet's features.

Neither network is trained here, so what they say of a picture is computed once and kept in the
cache.
"""

import hashlib
from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import layers

from posekit import files
from posekit.datasets import lsp
from posekit.datasets.image_files import squash
from posekit.datasets.pose_dataset import PERSON_BOX
from posekit.estimators import loading, manifest, runtimes
from posekit.geometry import mirror_keypoints
from posekit.models import imagenet
from posekit.models.lite0 import lite0_network
from posekit.pipeline import caches

# Pictures in each file of the cache: what an interruption can lose.
CHUNK = 200

# Part of the name of each file of the cache: raise it when cues, or an estimator's poses, change.
CUES_VERSION = 1

# The last layer of EfficientNet-Lite0's trunk, which the shipped models have as well.
DEEPEST = "block15_project"

IMAGENET_PX = 192

# Some 350 numbers for each picture of a chunk.
LIMIT_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class Cues:
    """The pose branch's inputs for N pictures, as they are and, where M is 2, mirrored."""

    features: np.ndarray  # float32 (M, N, F)
    keypoints_px: np.ndarray  # float32 (M, N, 2K), x0, y0, x1, y1, ...

    def rows(self, indices):
        """The Cues of the chosen pictures."""
        return Cues(self.features[:, indices], self.keypoints_px[:, indices])


def pose_cues(dataset, cache_dir, *, model):
    """The Cues of all pictures of a PoseDataset by a shipped model, mirrored ones too.

    The features are each joint's confidence and the means of the last network's deepest maps. The
    model's last pass sees a crop and a mirrored one, and the means are over both: a mirrored
    picture has the same, and its pose is the mirrored pose.
    """
    folder = loading.path_of(model)
    name = f"pose-{files.digest(folder / manifest.MANIFEST)[:16]}"
    stored = _stored(dataset, cache_dir, name, lambda: _pose_reader(model))
    mirror = list(manifest.read(folder).skeleton.mirror)
    pose = stored["keypoints_px"], stored["confidences"]
    both = [pose, mirror_keypoints(*pose, dataset.image_sizes_px[:, 0], mirror=mirror)]
    return _cues(both, [stored["features"]])


def picture_features(dataset, cache_dir):
    """Means of ImageNet's deepest maps over all pictures and their mirror images, float32 (N, F).

    None where ImageNet's weights are not installed (`make imagenet`).
    """
    if not imagenet.WEIGHTS.is_file():
        return None
    name = f"imagenet{IMAGENET_PX}-{files.digest(imagenet.WEIGHTS)[:16]}"
    return _stored(dataset, cache_dir, name, _imagenet_reader)["features"]


def true_cues(experiment, part):
    """Cues of one part, mirrored ones too, as a pose network without errors would give them.

    The features say which joints are labelled; an unlabelled one is put at the mean of the others.
    """
    chosen = experiment.part(part)
    pose, mirror = (chosen.keypoints_px, chosen.labelled), list(chosen.skeleton.mirror)
    both = [pose, mirror_keypoints(*pose, chosen.image_sizes_px[:, 0], mirror=mirror)]
    return _cues([(_filled(*each), each[1]) for each in both], [])


def _cues(poses, features):
    """Cues of (keypoints_px, confidences), as they are and mirrored, and of further features."""
    return Cues(
        np.stack([np.concatenate([sure, *features], axis=1) for _, sure in poses]).astype("f4"),
        np.stack([pose_px.reshape(len(pose_px), -1) for pose_px, _ in poses]).astype("f4"),
    )


def _filled(keypoints_px, labelled):
    known_px = np.where(labelled[..., None], keypoints_px, 0)
    mean_px = known_px.sum(axis=1) / np.maximum(labelled.sum(axis=1), 1)[:, None]  # (N, 2)
    return np.where(labelled[..., None], keypoints_px, mean_px[:, None])


def _stored(dataset, cache_dir, name, make_reader):
    """name -> array with a row for each picture, from the cache or by the reader.

    `make_reader` makes a function of a list of pictures and their boxes (or None) to a dict of
    arrays; it is called where pictures are missing in the cache.
    """
    reader, parts = None, []
    key = hashlib.sha256(f"{dataset.fingerprint()} {name} v{CUES_VERSION}".encode()).hexdigest()
    for start in range(0, len(dataset), CHUNK):
        path = cache_dir / f"cues-{key[:16]}-{start}.npz"
        rows = np.arange(start, min(start + CHUNK, len(dataset)))

        def write(temporary, rows=rows):
            nonlocal reader
            reader = make_reader() if reader is None else reader
            files.write_npz(temporary, **_read(reader, dataset, rows))

        caches.ensure(path, write)
        parts.append(files.read_npz(path, limit_bytes=LIMIT_BYTES))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _read(reader, dataset, rows):
    boxes_px = dataset.extras.get(PERSON_BOX)
    batches = [
        reader(
            [lsp.decode(dataset, row) for row in batch],
            None if boxes_px is None else boxes_px[batch],
        )
        for batch in np.split(rows, range(32, len(rows), 32))
    ]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def _pose_reader(model):
    estimator = loading.load(model, compiled=False)
    *before, last = estimator.stages
    network = _WithFeatures(last.network)
    fast = [replace(stage, network=runtimes.compiled(stage.network)) for stage in before]
    estimator = replace(estimator, stages=(*fast, replace(last, network=network)))

    def read(images, boxes_px):
        poses = estimator.estimate(images, boxes_px)
        crops = np.split(network.features, len(last.passes[-1]))
        return {
            "keypoints_px": poses.keypoints_px.astype(np.float32),
            "confidences": poses.confidences.astype(np.float32),
            "features": np.mean(crops, axis=0),
        }

    return read


def _imagenet_reader():
    network = lite0_network(head="coordinates", frame_px=IMAGENET_PX, joints=1)
    imagenet.load_into(network)
    means = layers.GlobalAveragePooling2D()(network.get_layer(DEEPEST).output)
    trunk = runtimes.compiled(keras.Model(network.input, means))

    def read(images, _):
        frames = np.stack([squash(image, IMAGENET_PX) for image in images]).astype(np.float32)
        both = [trunk.predict_on_batch(each) for each in (frames, frames[:, :, ::-1].copy())]
        return {"features": np.mean(both, axis=0)}

    return read


class _WithFeatures:
    """A pose network that keeps the means of its deepest maps, for each crop of its last call."""

    def __init__(self, network):
        self.input_shape, self.output_shape = network.input_shape, network.output_shape
        means = layers.GlobalAveragePooling2D()(network.get_layer(DEEPEST).output)
        joined = layers.Concatenate()([layers.Flatten()(network.output), means])
        self._network = runtimes.compiled(keras.Model(network.input, joined), network.name)
        self.features = None

    def predict_on_batch(self, images):
        joined = self._network.predict_on_batch(images)
        maps, self.features = np.split(joined, [int(np.prod(self.output_shape[1:]))], axis=1)
        return maps.reshape(-1, *self.output_shape[1:])
