"""`NAME.onnx`: a graph for ONNX Runtime and its like, unlike the service's with probabilities for an output."""

from core.checkpoint import Checkpoint
from training.artifacts.facts import PROBABILITIES, Files, facts
from training.artifacts.network import load_calibrated
from training.export import graph_of


def onnx_files(checkpoint: Checkpoint) -> Files:
    """Return the graph; its metadata are in `custom_metadata_map`."""
    return {f"{checkpoint.name}.onnx": onnx_graph(checkpoint)}


def onnx_graph(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of the graph; the same weights give the same bytes.

    Raises:
        CheckpointError: The weights are not of the network that the description names.
    """
    return graph_of(load_calibrated(checkpoint), PROBABILITIES, facts(checkpoint))
