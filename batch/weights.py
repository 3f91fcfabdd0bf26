"""The checkpoint on its way to a worker, which trusts what arrives only by its digest."""

from dataclasses import dataclass, replace
from typing import Any

from core.checkpoint import Checkpoint
from core.engine import load_engine
from core.errors import IntegrityError
from core.integrity import digest
from core.model import ModelWrapper


@dataclass(frozen=True)
class Shared:
    """Bytes in Lithops' storage: its reference to them, and their SHA-512."""

    reference: Any
    sha512: str


def share(storage: Any, data: bytes) -> Shared:
    """Put bytes where workers find them, under a name that derives from them."""
    from lithops.constants import TEMP_PREFIX

    sha512 = digest(data)
    return Shared(storage.put_cloudobject(data, key=f"{TEMP_PREFIX}/{sha512}"), sha512)


def fetch(storage: Any, shared: Shared) -> bytes:
    """Return bytes that were shared.

    Raises:
        IntegrityError: They are not what was shared.
    """
    data: bytes = storage.get_cloudobject(shared.reference)
    if digest(data) != shared.sha512:
        raise IntegrityError(f"{shared.reference.key}: its SHA-512 differs from what was sent: run again")
    return data


@dataclass(frozen=True)
class Weights:
    """What a worker needs to have the model.

    Attributes:
        checkpoint: Without its bytes.
        state_dict: Those of the state dict.
        graph: Those of the graph, or None.
        engine: `onnx`, `torch` or `auto`.
        device: `cpu`, `cuda` or `auto`.
        max_image_pixels: Largest picture that is decoded, width times height.
    """

    checkpoint: Checkpoint
    state_dict: Shared
    graph: Shared | None
    engine: str
    device: str
    max_image_pixels: int


def send(storage: Any, checkpoint: Checkpoint, engine: str, device: str, max_image_pixels: int) -> Weights:
    """Share a checkpoint's bytes and return what a worker must be told."""
    graph = None if checkpoint.graph is None else share(storage, checkpoint.graph)
    bare = replace(checkpoint, state_dict=b"", graph=None)
    return Weights(bare, share(storage, checkpoint.state_dict), graph, engine, device, max_image_pixels)


_loaded: dict[tuple[str, str, str, int], ModelWrapper] = {}


def receive(storage: Any, weights: Weights) -> ModelWrapper:
    """Return the model, which is loaded once a process.

    Raises:
        IntegrityError: The bytes are not what was sent.
        CheckpointError: They cannot be served.
        DeviceError: The worker lacks the device.
    """
    key = (weights.checkpoint.sha512, weights.engine, weights.device, weights.max_image_pixels)
    if key not in _loaded:
        graph = None if weights.graph is None else fetch(storage, weights.graph)
        checkpoint = replace(weights.checkpoint, state_dict=fetch(storage, weights.state_dict), graph=graph)
        engine = load_engine(checkpoint, weights.device, engine=weights.engine)
        _loaded[key] = ModelWrapper(engine, checkpoint.description.temperature, weights.max_image_pixels)
    return _loaded[key]
