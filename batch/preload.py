"""What activations import: on this machine once for all of them, by the process that they are forked from."""

from core.checkpoint import Checkpoint
from core.storage import is_url


def to_score(engine: str, checkpoint: Checkpoint, *places: str) -> list[str]:
    """Return the modules of those that read digits; PyTorch only where it runs the network.

    Args:
        engine: `onnx`, `torch` or `auto`.
        checkpoint: The model.
        places: Where pictures come from and results go.
    """
    torch = engine == "torch" or checkpoint.graph is None
    return ["batch.score", "core.torch_engine" if torch else "core.onnx_engine", *_for_all(*places)]


def to_prepare(*places: str) -> list[str]:
    """Return the modules of those that prepare pictures from and to these places."""
    return ["batch.prepare.activation", "core.imaging.canonical", *_for_all(*places)]


def _for_all(*places: str) -> list[str]:
    return ["batch.warm", *(["core.storage.objects"] if any(map(is_url, places)) else [])]
