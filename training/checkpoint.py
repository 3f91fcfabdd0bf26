"""Files of a training run: the checkpoint of an interrupted one, and the weights that a finished one leaves."""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.errors import ObjectMissing
from core.integrity import CHECKSUMS_NAME, write_atomically, write_checksums
from core.storage import Folder
from model.description import Description
from training.errors import ResumeError

RECORD_SUFFIX = ".training.json"
"""Of the file beside the weights that tells how they came about."""


def fingerprint(settings: Mapping[str, object]) -> str:
    """Return 12 hexadecimal digits that tell the settings of a run from all others."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


class Checkpoint:
    """An unfinished run's state in a folder, local or in object storage, replaced in one step after each epoch.

    Its name holds a digest of the settings, so that a run goes on only from one that would have made the same weights.
    """

    def __init__(self, folder: Folder, name: str, settings: Mapping[str, object]) -> None:
        self._folder, self._name = folder, f"{name}-{fingerprint(settings)}.ckpt"
        self.place = folder.place(self._name)

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint.

        Raises:
            StorageError: The folder cannot be written to.
        """
        self._folder.write(self._name, _serialise(state))

    def load(self) -> dict[str, Any] | None:
        """Return the saved state, or None where there is none.

        Raises:
            StorageError: The folder cannot be read.
            ResumeError: The file is there and is no checkpoint.
        """
        try:
            data = self._folder.read(self._name)
        except ObjectMissing:
            return None
        try:
            state: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except Exception as exc:  # a damaged archive raises one of a dozen types
            raise ResumeError(
                f"{self.place}: no checkpoint to go on from ({type(exc).__name__}): start with --no-resume"
            ) from exc
        return state

    def remove(self) -> None:
        """Delete the checkpoint: the run is over."""
        self._folder.remove(self._name)


def save_assets(
    folder: Path, name: str, weights: dict[str, Tensor], description: Description, record: Mapping[str, object]
) -> Path:
    """Write `NAME.pt`, `NAME.json`, `NAME.training.json` and the list of checksums, each in one step.

    A folder that is not there yet is made, with a list of its own in it where there is none beside it.

    Args:
        folder: The assets folder.
        name: Of the files, without extension.
        weights: A plain state dict.
        description: Of these weights; what serving needs.
        record: How they came about, for whoever wants to know or repeat it; must fit into JSON.

    Returns:
        The path of the weights.

    Raises:
        OSError: The folder cannot be written to.
        IntegrityError: The folder holds a file that cannot be listed.
    """
    if not folder.exists():
        folder.mkdir(parents=True)
        if not (folder.absolute().parent / CHECKSUMS_NAME).exists():
            (folder / CHECKSUMS_NAME).touch()
    write_atomically(folder / f"{name}.pt", _serialise(weights))
    write_atomically(folder / f"{name}.json", (description.model_dump_json(indent=2) + "\n").encode())
    write_atomically(folder / f"{name}{RECORD_SUFFIX}", (json.dumps(record, indent=2) + "\n").encode())
    write_checksums(folder)
    return folder / f"{name}.pt"


def _serialise(state: object) -> bytes:
    """Return what `torch.save` writes: the same bytes for the same values, as no file name gets into the archive."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
