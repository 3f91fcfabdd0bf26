"""The engine that runs an exported graph with ONNX Runtime on the CPU; a process that uses it never imports PyTorch."""

import onnxruntime as ort

from core.checkpoint import Checkpoint
from core.engine import Digits, Logits
from core.errors import CheckpointError
from model.graph import INPUT, STATE_DICT_SHA512

SEVERITY_ERROR = 3
"""ONNX Runtime's name for it; warnings would go past our log to the process's standard error."""


class OnnxEngine:
    """Runs a graph with ONNX Runtime on the CPU; safe to share between threads."""

    name = "onnx"
    device = "cpu"

    def __init__(self, session: ort.InferenceSession) -> None:
        """Take a session of a graph in the form that `model.graph` describes."""
        self._session = session

    def logits(self, digits: Digits) -> Logits:
        """Return the logits (N, 10) float32 of canonical digits (N, 28, 28) uint8."""
        logits: Logits = self._session.run(None, {INPUT: digits})[0]
        return logits


def load_onnx_engine(checkpoint: Checkpoint, threads: int) -> OnnxEngine:
    """Build the engine; arguments and errors are those of `core.engine.load_engine`."""
    file = f"{checkpoint.name}.onnx"
    if checkpoint.graph is None:
        raise CheckpointError(f"{file}: not found; ENGINE='onnx' needs it: run `make export`, or use ENGINE='torch'")
    session = _open(checkpoint.graph, file, threads)
    found = session.get_modelmeta().custom_metadata_map.get(STATE_DICT_SHA512, "")
    if found != checkpoint.sha512:
        raise CheckpointError(f"{file}: was not exported from {checkpoint.name}.pt: run `make export`")
    return OnnxEngine(session)


def _open(graph: bytes, file: str, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = SEVERITY_ERROR
    try:
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # damaged graphs raise errors of many unrelated types
        raise CheckpointError(f"{file}: not a graph that ONNX Runtime can run") from exc
