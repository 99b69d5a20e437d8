"""The callback that records each epoch."""

import time

import keras
import numpy as np

from posekit import files
from posekit.errors import PosekitError
from posekit.training import runs


class DivergedError(PosekitError):
    """A loss that is no longer finite."""


class EpochRecorder(keras.callbacks.Callback):
    """After each epoch: the history row, the best and last model, the checkpoint; early stop.

    Keras' SwapEMAWeights, EarlyStopping and CSVLogger do not do here: the first adds and subtracts
    weights, which rounds them, and the others forget what came before a resumed epoch.

    `history` holds the rows of the epochs already finished, and is extended in place.
    `saved_model` is an uncompiled copy of the trained one, which is what gets saved.
    """

    def __init__(self, checkpoint_files, history, saved_model, config):
        super().__init__()
        self._checkpoint_files = checkpoint_files
        self._history = history
        self._saved_model = saved_model
        self._config = config

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.perf_counter()

    def on_test_begin(self, logs=None):
        """Validate and keep the averaged weights, where the optimizer averages them."""
        self._trained = [variable.numpy() for variable in self.model.trainable_variables]
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        self._saved_model.set_weights(self.model.get_weights())

    def on_test_end(self, logs=None):
        """Give training its own weights back."""
        for variable, value in zip(self.model.trainable_variables, self._trained, strict=True):
            variable.assign(value)

    def on_epoch_end(self, epoch, logs=None):
        """Record the epoch. Raises DivergedError when a loss is no longer finite."""
        # A step that ruins the weights may be the epoch's last: only validation then shows it.
        if not np.isfinite([logs["loss"], logs["val_mse"]]).all():
            raise DivergedError(
                f"{self._checkpoint_files.folder}: the loss must stay finite; got {logs['loss']} "
                f"in training and {logs['val_mse']} in validation, in epoch {epoch + 1}. Lower "
                "the learning rate."
            )
        row = {
            "epoch": epoch + 1,
            "train_mse": float(logs["mse"]),
            "validation_mse": float(logs["val_mse"]),
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "seconds": round(time.perf_counter() - self._started, 2),
        }
        earlier = [kept["validation_mse"] for kept in self._history]
        self._history.append(row)
        write = self._checkpoint_files.write
        if self._config.keeps == "last" or row["validation_mse"] < min(earlier, default=np.inf):
            write("best.keras", self._saved_model.save)
        write("last.keras", self._saved_model.save)
        write("history.json", lambda path: files.write_json(path, self._history))
        write("history.csv", lambda path: files.write_csv(path, self._history))
        write("checkpoint.weights.h5", self._write_checkpoint)
        self._checkpoint_files.commit(epoch + 1)
        if runs.out_of_patience(self._history, self._config.patience):
            self.model.stop_training = True

    def _write_checkpoint(self, path):
        # HDF5 that finds the disk full takes the whole process down in the end, so room is asked
        # for first: the values and the table that says where they are.
        variables = [*self.model.variables, *self.model.optimizer.variables]
        files.reserve(path, sum(8192 + variable.numpy().nbytes for variable in variables))
        self.model.save_weights(path)
