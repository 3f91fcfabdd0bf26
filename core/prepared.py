"""Prepared data: digits with labels in MNIST's own files, and a manifest that vouches for them.

`python -m batch prepare` writes it, `training` reads it.
"""

import hashlib
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, model_validator

from core.errors import IntegrityError
from model.description import LABELS

MANIFEST_NAME = "manifest.json"

RAW = PurePosixPath("MNIST/raw")
"""Where torchvision keeps MNIST's files below its root."""

HALVES = {"training": "train", "test": "t10k"}
"""How the names of MNIST's files begin for each half."""

DATA_NAMES = tuple(f"{half}-{kind}-ubyte" for half in HALVES.values() for kind in ("images-idx3", "labels-idx1"))
"""MNIST's names of the four files, pictures and labels of both halves."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What a folder of prepared data holds, and where it came from.

    Attributes:
        version: Of this form.
        source: The place whose pictures were prepared.
        labels: Names of the classes, by label.
        listed: Pictures found there; each was prepared or rejected.
        rejected: How many were not prepared, by the code of the error.
        training: Digits in the training half.
        test: Digits in the test half.
        test_share: Chance of a digit to be in the test half, 0 to 1.
        files: SHA-256 of each file but this one, by its name below the folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[int, Field(ge=1, le=1)] = 1
    source: str
    labels: tuple[str, ...] = LABELS
    listed: NonNegativeInt
    rejected: dict[str, NonNegativeInt]
    training: NonNegativeInt
    test: NonNegativeInt
    test_share: Annotated[float, Field(ge=0, le=1)]
    files: dict[str, Sha256]

    @model_validator(mode="after")
    def _reconciles(self) -> "Manifest":
        if self.listed != self.training + self.test + sum(self.rejected.values()):
            raise ValueError("its counts do not add up")
        if self.labels != LABELS:
            raise ValueError("its labels are not the ten digits")
        missing = [name for name in DATA_NAMES if str(RAW / name) not in self.files]
        if missing:
            raise ValueError(f"it does not list {RAW / missing[0]}")
        return self

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of MNIST's four files by their names."""
        return {name: self.files[str(RAW / name)] for name in DATA_NAMES}


def parse_manifest(data: bytes, place: str) -> Manifest:
    """Return the manifest in a file.

    Args:
        data: The file's bytes.
        place: Its path or URL, for the error.

    Raises:
        IntegrityError: It is none, or contradicts itself.
    """
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as exc:
        problem = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"]))
        reason = f"{where}: {problem['msg']}" if where else problem["msg"]
        raise IntegrityError(f"{place}: no manifest of prepared data ({reason}): prepare it again") from exc


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits, whatever its size.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
