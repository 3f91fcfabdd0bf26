"""`NAME.safetensors`: the weights under the names of the network's layers, in a form that cannot hold code."""

import json

from safetensors.torch import save

from core.checkpoint import Checkpoint
from core.torch_engine import load_network
from training.artifacts.facts import Files, facts

LENGTH_BYTES = 8
"""How the header's length is written at the start of the file, little endian."""


def safetensors_files(checkpoint: Checkpoint) -> Files:
    """Return the weights; the same ones give the same bytes.

    Raises:
        CheckpointError: The weights are not of the network that the description names.
    """
    data = save(load_network(checkpoint).state_dict(), facts(checkpoint))
    return {f"{checkpoint.name}.safetensors": _in_order(data)}


def _in_order(data: bytes) -> bytes:
    """Sort the metadata in the header, which the library writes in another order each time."""
    end = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "little")
    header = json.loads(data[LENGTH_BYTES:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    ordered = json.dumps(header, separators=(",", ":")).encode()
    ordered += b" " * (-len(ordered) % LENGTH_BYTES)
    return len(ordered).to_bytes(LENGTH_BYTES, "little") + ordered + data[end:]
