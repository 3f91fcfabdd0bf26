"""What every artifact says of itself, in whatever place its format has for that."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from core.checkpoint import Checkpoint
from model.description import LABELS
from model.graph import STATE_DICT_SHA512

Files = dict[str, bytes]
"""The files of an artifact by their names below the output folder, in the order in which they are written.

An artifact is one file, or a folder whose last file is the one without which nobody can use it.
"""

CARRIED = Path(__file__).with_name("carried")

PROBABILITIES = "probabilities"
"""Name of the output (N, 10) float32; each row sums to 1."""


def facts(checkpoint: Checkpoint) -> dict[str, str]:
    """Return the metadata of an artifact: where it comes from, and what the logits need to become probabilities."""
    description = checkpoint.description
    return {
        STATE_DICT_SHA512: checkpoint.sha512,
        "architecture": description.architecture,
        "labels": ",".join(LABELS),
        "mean": repr(description.mean),
        "std": repr(description.std),
        "temperature": repr(description.temperature),
        "license": description.license,
    }


def pinned(packages: Sequence[str]) -> list[str]:
    """Return requirements of exactly the versions that are installed here, with which the artifact was tested."""
    return [f"{package}=={version(package)}" for package in packages]
