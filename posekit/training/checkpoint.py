"""Files of a folder that belong together, epoch by epoch: whole after a kill, checked by digest.

The digests of an epoch's files are recorded once all of them are written. Before a file is
replaced, it is copied to previous/. So at whatever moment a process is killed, every file of the
last recorded epoch is in one of the two places, and its digest says in which; the epoch before
that is at hand as well, should one of the newest files be damaged.
"""

import shutil
import warnings

import keras

from posekit import files
from posekit.errors import PosekitError

RECORD = "checkpoint.json"
PREVIOUS = "previous"


class Generations:
    """The files of one folder, as of the last finished epoch and of the one before.

    Only the process that holds the folder's lock may call anything but `is_whole`.

    Args:
        folder: Path.
    """

    def __init__(self, folder):
        self.folder = folder
        self._recorded = []
        self._digests = {}

    def is_whole(self):
        """Whether every file of the newest record is in place; True where nothing is recorded."""
        try:
            records = self._read_records()
        except PosekitError:
            return False
        return not records or all(
            _has_digest(self.folder / name, digest)
            for name, digest in records[0]["sha256"].items()
        )

    def recover(self):
        """Put the newest epoch in place whose files are all whole.

        What is damaged is set aside, with a warning that names it; what a killed process had half
        written is removed.

        Returns:
            int, that epoch's number; 0 when no recorded epoch is whole, whose files are then all
            set aside; None where nothing is recorded, and every file is left as it is.
        """
        for folder in (self.folder, self.folder / PREVIOUS):
            files.remove_leftovers(folder)
        try:
            records = self._read_records()
        except PosekitError as error:
            aside = files.set_aside(self.folder / RECORD)
            _warn(f"{error} It is set aside as {aside.name}; the files are used as they are.")
            return None
        if not records:
            return None
        for index, record in enumerate(records):
            places = {name: self._find(name, digest) for name, digest in record["sha256"].items()}
            lost = [name for name, place in places.items() if place is None]
            if not lost:
                self._put_in_place(places)
                self._digests = dict(record["sha256"])
                self._write_records(records[index:])
                return record["epoch"]
            for name in lost:
                self._give_up(name, record["epoch"])
        for name in [*records[0]["sha256"], RECORD]:
            if (self.folder / name).is_file():
                files.set_aside(self.folder / name)
        _warn(f"{self.folder}: no epoch is left whole; it is set aside, training starts anew.")
        return 0

    def write(self, name, write):
        """Write a file of the coming epoch; the one that it replaces is kept.

        Args:
            name: str.
            write: function of a temporary path that writes the file there.

        Raises:
            PosekitError: as `artifacts.replacing` does.
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

    def _find(self, name, digest):
        for path in (self.folder / name, self.folder / PREVIOUS / name):
            if _has_digest(path, digest):
                return path
        return None

    def _put_in_place(self, places):
        for name, place in places.items():
            if place != self.folder / name:
                _copy(place, self.folder / name)

    def _give_up(self, name, epoch):
        path = self.folder / name
        finding = "is missing"
        if path.is_file():
            finding = f"is damaged and set aside as {files.set_aside(path).name}"
        _warn(f"{path}: {finding}; epoch {epoch} cannot be gone on from.")

    def _read_records(self):
        """The newest record and perhaps the one before; empty where there is none."""
        path = self.folder / RECORD
        if not path.is_file():
            return []
        records = files.read_json(path)
        if not (isinstance(records, list) and all(map(_is_record, records))):
            raise PosekitError(f"{path}: must list epochs with digests; got {str(records)[:80]!r}.")
        return records

    def _write_records(self, records):
        files.write_json(self.folder / RECORD, records)
        self._recorded = records


def _warn(message):
    warnings.warn(message, stacklevel=4)


def _is_record(value):
    return (
        isinstance(value, dict)
        and isinstance(value.get("epoch"), int)
        and isinstance(value.get("sha256"), dict)
    )


def _has_digest(path, digest):
    return path.is_file() and files.digest(path) == digest


def _copy(source, target):
    with files.replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def restore(model, checkpoint, steps):
    """Load weights and optimizer where there are any; return how many epochs they have seen."""
    if not checkpoint.is_file():
        return 0
    model.optimizer.build(model.trainable_variables)
    model.load_weights(checkpoint)
    iterations = int(model.optimizer.iterations)
    _wind_on_dropout(model, iterations)
    return iterations // steps


def _wind_on_dropout(model, iterations):
    """Let dropout draw on where it was: it draws once a step, and Keras' checkpoints omit that."""
    for layer in model.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            state = keras.ops.convert_to_numpy(generator.state).copy()
            state[1] = iterations
            generator.state.assign(state)
