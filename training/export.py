"""A checkpoint as an ONNX graph, for engines other than PyTorch."""

import io
import warnings
from pathlib import Path
from textwrap import shorten

import torch
from onnx import ModelProto
from torch import Tensor, nn

from core.integrity import digest, read_verified, write_atomically, write_checksums
from model.description import IMAGE_SIZE, Description
from model.graph import INPUT, OUTPUT, STATE_DICT_SHA512
from model.networks import NETWORKS
from training.errors import TrainingError

WHITE = 255.0

LONGEST_REASON = 300
"""Characters of PyTorch's reason that a message repeats: it may list every layer of two networks."""


class _FromPixels(nn.Module):
    """A network with the normalisation in front of it, in the arithmetic of `core.torch_engine`."""

    def __init__(self, network: nn.Module, mean: float, std: float) -> None:
        super().__init__()
        self.network, self.scale, self.offset = network, 1 / (WHITE * std), mean / std

    def forward(self, digits: Tensor) -> Tensor:
        logits: Tensor = self.network(digits.unsqueeze(1).to(torch.float32) * self.scale - self.offset)
        return logits


def export_graph(weights: dict[str, Tensor], state_dict: bytes, description: Description) -> bytes:
    """Return the bytes of the graph that `model.graph` describes; the same weights give the same bytes.

    Args:
        weights: Of the network that the description names.
        state_dict: The bytes of the same, as they lie in `NAME.pt`.
        description: Of these weights.

    Raises:
        TrainingError: The weights are not of the network that the description names.
    """
    network = _network(weights, description.architecture)
    model = _FromPixels(network, description.mean, description.std).eval()
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
    graph.metadata_props.add(key=STATE_DICT_SHA512, value=digest(state_dict))
    data: bytes = graph.SerializeToString(deterministic=True)
    return data


def _forget_origin(model: ModelProto) -> None:
    """Take out what the exporter tells of the machine: paths of source files, and which build of PyTorch it ran."""
    for part in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info):
        del part.metadata_props[:]
    model.producer_version = model.producer_version.partition("+")[0]


def _network(weights: dict[str, Tensor], architecture: str) -> nn.Module:
    if architecture not in NETWORKS:
        raise TrainingError(f"unknown architecture {architecture!r}; known: {', '.join(NETWORKS)}")
    network = NETWORKS[architecture]()
    try:
        network.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as exc:
        raise TrainingError(f"the weights do not fit {architecture}: {shorten(str(exc), LONGEST_REASON)}") from exc
    return network


def export_checkpoint(folder: Path, name: str) -> Path:
    """Write `NAME.onnx` beside `NAME.pt` and list it.

    Args:
        folder: The assets folder; its checksums must hold.
        name: Of the checkpoint.

    Returns:
        The path of the graph.

    Raises:
        IntegrityError: A file is missing, extra, changed or wrongly listed.
        TrainingError: There is no such checkpoint, or its weights do not fit its architecture.
        OSError: The folder cannot be written to.
    """
    assets = read_verified(folder)
    if f"{name}.pt" not in assets or f"{name}.json" not in assets:
        raise TrainingError(f"{folder}: holds no {name}.pt with its {name}.json")
    state_dict = assets[f"{name}.pt"]
    weights = torch.load(io.BytesIO(state_dict), map_location="cpu", weights_only=True)
    description = Description.model_validate_json(assets[f"{name}.json"])
    path = folder / f"{name}.onnx"
    write_atomically(path, export_graph(weights, state_dict, description))
    write_checksums(folder)
    return path
