"""A checkpoint as an ONNX graph, for engines other than PyTorch."""

import warnings
from pathlib import Path

import torch
from onnx import ModelProto

from core.checkpoint import Checkpoint, load_checkpoint
from core.integrity import write_atomically, write_checksums
from core.torch_engine import load_network
from model.description import IMAGE_SIZE
from model.graph import INPUT, OUTPUT, STATE_DICT_SHA512
from model.networks import FromPixels


def export_graph(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of the graph that `model.graph` describes; the same weights give the same bytes.

    Raises:
        CheckpointError: The weights are not of the network that the description names.
    """
    description = checkpoint.description
    model = FromPixels(load_network(checkpoint), description.mean, description.std).eval()
    digits = torch.zeros(2, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own dependencies
        program = torch.onnx.export(
            model,
            (digits,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={INPUT: {0: torch.export.Dim("N")}},
            verbose=False,
        )
    if program is None:
        raise RuntimeError("the exporter returned nothing")
    graph = program.model_proto
    _forget_origin(graph)
    graph.metadata_props.add(key=STATE_DICT_SHA512, value=checkpoint.sha512)
    data: bytes = graph.SerializeToString(deterministic=True)
    return data


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
