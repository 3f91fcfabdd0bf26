"""A checkpoint as an ONNX graph, for engines other than PyTorch."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from onnx import ModelProto
from torch import nn

from core.checkpoint import Checkpoint, load_checkpoint
from core.integrity import write_atomically, write_checksums
from core.torch_engine import load_network
from model.description import IMAGE_SIZE
from model.graph import INPUT, OUTPUT, STATE_DICT_SHA512
from model.networks import FromPixels
from training.quantised_graph import is_quantised, quantised_graph


def export_graph(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of the graph that `model.graph` describes; the same weights give the same bytes.

    Raises:
        CheckpointError: The weights are not of the network that the description names.
    """
    description = checkpoint.description
    network = FromPixels(load_network(checkpoint), description.mean, description.std).eval()
    return graph_of(network, OUTPUT, {STATE_DICT_SHA512: checkpoint.sha512})


def graph_of(network: nn.Module, output: str, metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a network's graph.

    Args:
        network: Takes canonical digits (N, 28, 28) uint8, and is not in training.
        output: Name of what it returns.
        metadata: What the graph says of itself.
    """
    graph = quantised_graph(network, output) if is_quantised(network) else _exported(network, output)
    for key, value in metadata.items():
        graph.metadata_props.add(key=key, value=value)
    data: bytes = graph.SerializeToString(deterministic=True)
    return data


def _exported(network: nn.Module, output: str) -> ModelProto:
    digits = torch.zeros(2, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own dependencies
        program = torch.onnx.export(
            network,
            (digits,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[output],
            dynamic_shapes={INPUT: {0: torch.export.Dim("N")}},
            verbose=False,
        )
    if program is None:
        raise RuntimeError("the exporter returned nothing")
    graph = program.model_proto
    _forget_origin(graph)
    return graph


def _forget_origin(model: ModelProto) -> None:
    """Take out what the exporter tells of the machine: paths of source files, and which build of PyTorch it ran."""
    for part in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info):
        del part.metadata_props[:]
    model.producer_version = model.producer_version.partition("+")[0]


def export_checkpoint(folder: Path, name: str) -> Path:
    """Write `NAME.onnx` beside `NAME.pt` and list it.

    Args:
        folder: The assets folder; its checksums must hold.
        name: Of the checkpoint.

    Returns:
        The path of the graph.

    Raises:
        IntegrityError: A file is missing, extra, changed or wrongly listed.
        CheckpointError: There is no such checkpoint, or its weights do not fit its architecture.
        OSError: The folder cannot be written to.
    """
    path = folder / f"{name}.onnx"
    write_atomically(path, export_graph(load_checkpoint(folder, name)))
    write_checksums(folder)
    return path
