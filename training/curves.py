"""The curves of a run for TensorBoard: `NAME/events.out.tfevents.*`, whole after each epoch, wherever they lie."""

import tempfile
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from core.errors import ObjectMissing
from core.storage import Folder
from model.description import Description
from training.watch import Epoch, Watcher

EVENTS = "events.out.tfevents."
"""How the names of TensorBoard's files begin."""

FINAL = ("test_error_percent", "test_loss", "expected_calibration_error_percent")
"""Figures of the weights, named as in their description, that are drawn as points at the last epoch."""


class Curves(Watcher):
    """Writes TensorBoard's files into a temporary folder, and from there to where the run's other files lie."""

    def __init__(self, folder: Folder) -> None:
        """Take the folder of the run."""
        self._folder = folder
        self._epoch = 0

    def begin(self, epoch: int) -> None:
        """Start a file that goes on with the curves, in place of what another has of later epochs; or start anew."""
        if epoch == 0:
            self._remove_old()
        self._epoch = epoch
        self._temporary = tempfile.TemporaryDirectory()
        self._writer = SummaryWriter(self._temporary.name, purge_step=epoch + 1 if epoch else None)

    def note(self, epoch: Epoch) -> None:
        """Add a point to each curve."""
        self._epoch = epoch.epoch
        self._add(
            {
                "loss/training": epoch.loss,
                "loss/validation": epoch.validation_loss,
                "errors/validation": epoch.validation_errors,
                "learning_rate": epoch.learning_rate,
                "images_per_second": epoch.images_per_second,
            }
        )

    def finish(self, description: Description) -> None:
        """Add the figures of the weights."""
        figures = {f"final/{name}": float(description.metrics[name]) for name in FINAL}
        self._add(figures | {"final/temperature": description.temperature})
        self._close()

    def stop(self, state: str, reason: str) -> None:  # noqa: ARG002 - curves hold no words
        """Leave the curves as they are."""
        self._close()

    def _add(self, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, self._epoch)
        self._writer.flush()
        for path in Path(self._temporary.name).iterdir():
            self._folder.write(path.name, path.read_bytes())

    def _close(self) -> None:
        self._writer.close()
        self._temporary.cleanup()

    def _remove_old(self) -> None:
        try:
            names = [entry.name for entry in self._folder.entries() if entry.name.startswith(EVENTS)]
        except ObjectMissing:
            return
        for name in names:
            self._folder.remove(name)
