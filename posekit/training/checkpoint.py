"""The files of an epoch: whole after a kill, checked by digest, and resumed from.

The digests of an epoch's files are recorded once all of them are written. Before a file is
replaced, it is copied to previous/. So at whatever moment a process is killed, every file of the
last recorded epoch is in one of the two folders, and its digest says in which. The epoch before
that is there as well, should one of the newest files be damaged.
"""

import shutil
import warnings

import keras

from posekit import files
from posekit.errors import PosekitError
from posekit.training import records

RECORD = "checkpoint.json"
PREVIOUS = "previous"


class CheckpointFiles:
    """The files of one folder, a Path, as of the last finished epoch and of the one before.

    Only the process that holds the folder's lock may call anything but `is_whole`.
    """

    def __init__(self, folder):
        self.folder = folder
        self._recorded = []
        self._digests = {}

    def is_whole(self):
        """Whether every file of the newest record is in place; True where nothing is recorded."""
        try:
            newest = self._read_records()[:1]
        except PosekitError:
            return False
        return all(
            _has_digest(self.folder / name, digest)
            for record in newest
            for name, digest in record["sha256"].items()
        )

    def recover(self):
        """Put the newest epoch in place whose files are all whole.

        Damaged files are set aside, with a warning that names them; what a killed process had
        half written is removed. Returns that epoch's number; 0 when no recorded epoch is whole,
        all files are then set aside; None where nothing is recorded, files are left as they are.
        """
        for folder in (self.folder, self.folder / PREVIOUS):
            files.remove_leftovers(folder)
        try:
            recorded = self._read_records()
        except PosekitError as error:
            aside = files.set_aside(self.folder / RECORD)
            _warn(f"{error} It is set aside as {aside.name}; the files are used as they are.")
            return None
        for index, record in enumerate(recorded):
            if self._put_in_place(record):
                self._digests = dict(record["sha256"])
                self._write_records(recorded[index:])
                return record["epoch"]
        if not recorded:
            return None
        for name in [*recorded[0]["sha256"], RECORD]:
            if (self.folder / name).is_file():
                files.set_aside(self.folder / name)
        _warn(f"{self.folder}: no epoch is left whole; all is set aside, training starts over.")
        return 0

    def write(self, name, write):
        """Write a file of the coming epoch with a function of a path; the one it replaces is kept.

        Errors are as for `files.replacing`.
        """
        path = self.folder / name
        with files.replacing(path) as temporary:
            write(temporary)
            digest = files.digest(temporary)
            if path.is_file():
                _copy(path, self.folder / PREVIOUS / name)
        self._digests[name] = digest

    def commit(self, epoch):
        """Record that all files of an epoch, a number from 1, are written."""
        self._write_records([{"epoch": epoch, "sha256": dict(self._digests)}, *self._recorded[:1]])

    def _put_in_place(self, record):
        """Whether all files of a record were found; those that are not are named, set aside."""
        found = {}
        for name, digest in record["sha256"].items():
            places = (self.folder / name, self.folder / PREVIOUS / name)
            found[name] = next((path for path in places if _has_digest(path, digest)), None)
        lost = [self.folder / name for name, path in found.items() if path is None]
        for path in lost:
            finding = "is missing"
            if path.is_file():
                finding = f"is damaged and set aside as {files.set_aside(path).name}"
            _warn(f"{path}: {finding}; epoch {record['epoch']} cannot be resumed from.")
        for name, path in found.items():
            if not lost and path != self.folder / name:
                _copy(path, self.folder / name)
        return not lost

    def _read_records(self):
        """The newest record and perhaps the one before; [] where there is none."""
        path = self.folder / RECORD
        if not path.is_file():
            return []
        recorded = files.read_json(path)
        try:
            is_valid = all(
                isinstance(each["epoch"], int) and isinstance(each["sha256"], dict)
                for each in recorded
            )
        except (KeyError, TypeError):
            is_valid = False
        if not is_valid or not isinstance(recorded, list):
            raise PosekitError(
                f"{path}: must list epochs with digests; got {str(recorded)[:80]!r}."
            )
        return recorded

    def _write_records(self, recorded):
        files.write_json(self.folder / RECORD, recorded)
        self._recorded = recorded


def _warn(message):
    warnings.warn(message, stacklevel=4)


def _has_digest(path, digest):
    return path.is_file() and files.digest(path) == digest


def _copy(source, target):
    with files.replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def resume(model, folder, steps):
    """Load a training's checkpoint into its compiled model, where there is one; steps an epoch.

    Returns the history's rows of the epochs that the model has seen; PosekitError where it lacks
    some of them.
    """
    epochs = restore(model, folder / "checkpoint.weights.h5", steps)
    history = records.read_history(folder)
    if len(history) < epochs:
        raise PosekitError(
            f"{folder}: history.json must have a row for each of the checkpoint's {epochs} "
            f"epochs; got {len(history)}. Remove the folder to train again."
        )
    # A training killed at the end of its first epoch may have a history and no checkpoint.
    return history[:epochs]


def restore(model, path, steps):
    """Load weights and optimizer where there are any; return how many epochs they have seen."""
    if not path.is_file():
        return 0
    model.optimizer.build(model.trainable_variables)
    model.load_weights(path)
    iterations = int(model.optimizer.iterations)
    # Dropout samples once a step, and Keras' checkpoints omit how often it did.
    for layer in model.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            state = keras.ops.convert_to_numpy(generator.state).copy()
            state[1] = iterations
            generator.state.assign(state)
    return iterations // steps
