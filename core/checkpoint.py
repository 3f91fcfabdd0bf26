"""A checkpoint as it is served: verified bytes and the description beside them.

A checkpoint `NAME` is two files in the assets folder, `NAME.pt` (a plain state dict) and `NAME.json` (see
`model.description`), and perhaps a third, `NAME.onnx` (the same network as a graph, see `model.graph`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from core.errors import CheckpointError
from core.integrity import digest
from model.description import Description

VERSION_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A verified checkpoint.

    Attributes:
        name: Its name in the assets folder.
        description: What the description file says.
        state_dict: Bytes of the state dict, as hashed.
        sha512: SHA-512 of those bytes, 128 hexadecimal digits.
        graph: Bytes of the exported graph, or None where there is none.
    """

    name: str
    description: Description
    state_dict: bytes
    sha512: str
    graph: bytes | None = None

    @property
    def version(self) -> str:
        """The first digits of the digest: equal weights have equal versions."""
        return self.sha512[:VERSION_DIGITS]


def load_checkpoint(assets_dir: str | Path, name: str, pin: str | None = None, cache: Path | None = None) -> Checkpoint:
    """Verify the assets and return the checkpoint of that name.

    Args:
        assets_dir: Folder or URL of the assets; this and the next but one: see `core.assets`.
        name: Of the checkpoint.
        pin: SHA-512 that the list of checksums must have.
        cache: Folder that keeps what was fetched.

    Raises:
        IntegrityError: The assets do not agree with their checksums, or those with the pin.
        StorageError: The assets cannot be fetched.
        CheckpointError: The assets lack the checkpoint, or its description cannot be used.
    """
    from core.assets import read_assets  # what fetches; who has the assets already needs none of it

    return take_checkpoint(read_assets(assets_dir, pin, cache), assets_dir, name)


def take_checkpoint(assets: Mapping[str, bytes], assets_dir: str | Path, name: str) -> Checkpoint:
    """Return the checkpoint of that name among verified assets.

    Raises:
        CheckpointError: They lack it, or its description cannot be used.
    """
    for file in (f"{name}.pt", f"{name}.json"):
        if file not in assets:
            raise CheckpointError(f"{assets_dir}/{file}: not found; checkpoints there: {_names(assets)}")
    state_dict = assets[f"{name}.pt"]
    description = _parse_description(f"{assets_dir}/{name}.json", assets[f"{name}.json"])
    return Checkpoint(name, description, state_dict, digest(state_dict), assets.get(f"{name}.onnx"))


def _names(assets: Mapping[str, bytes]) -> str:
    return ", ".join(sorted(file.removesuffix(".pt") for file in assets if file.endswith(".pt"))) or "none"


def _parse_description(path: str, data: bytes) -> Description:
    try:
        return Description.model_validate_json(data)
    except ValidationError as exc:
        faults = "; ".join(f"{'.'.join(map(str, error['loc'])) or 'file'}: {error['msg']}" for error in exc.errors())
        raise CheckpointError(f"{path}: not a usable description: {faults}") from exc
