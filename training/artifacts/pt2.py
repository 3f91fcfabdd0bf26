"""`NAME.pt2`: a program of `torch.export`, which PyTorch runs without any of our code."""

import json
from io import BytesIO

import torch

from core.checkpoint import Checkpoint
from model.graph import INPUT
from training.artifacts.facts import Files, facts
from training.artifacts.network import example, load_calibrated

METADATA = "metadata.json"
"""Name of the extra file with what the artifact says of itself."""


def pt2_files(checkpoint: Checkpoint) -> Files:
    """Return the program; the same weights give the same bytes.

    Raises:
        CheckpointError: The weights are not of the network that the description names.
    """
    shapes = {INPUT: {0: torch.export.Dim("N")}}
    program = torch.export.export(load_calibrated(checkpoint), (example(),), dynamic_shapes=shapes)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it tells where the sources lie on this machine
    buffer = BytesIO()
    torch.export.save(program, buffer, extra_files={METADATA: json.dumps(facts(checkpoint))})
    return {f"{checkpoint.name}.pt2": buffer.getvalue()}
