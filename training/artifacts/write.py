"""The formats by name, and artifacts written into a folder or object storage."""

from collections.abc import Callable

from core.checkpoint import Checkpoint
from core.storage import Folder, open_folder
from training.artifacts.facts import Files
from training.artifacts.mlflow import mlflow_files
from training.artifacts.oci import oci_files
from training.artifacts.onnx import onnx_files
from training.artifacts.pt2 import pt2_files
from training.artifacts.safetensors import safetensors_files

FORMATS: dict[str, Callable[[Checkpoint], Files]] = {
    "pt2": pt2_files,
    "onnx": onnx_files,
    "safetensors": safetensors_files,
    "oci": oci_files,
    "mlflow": mlflow_files,
}


def write_artifact(checkpoint: Checkpoint, format_name: str, output: str) -> str:
    """Write one artifact, in place of an older one of the same name.

    Args:
        checkpoint: Whose weights it shall have.
        format_name: One of `FORMATS`.
        output: The folder that it is written into, a path or URL.

    Returns:
        Its path or URL.

    Raises:
        CheckpointError: The weights are not of the network that the description names.
        TrainingError: A library that the format needs is not installed.
        StorageError: The output cannot be written to.
    """
    files = FORMATS[format_name](checkpoint)
    folder = open_folder(output)
    for name, data in files.items():
        folder.write(name, data)
    artifact = next(iter(files)).partition("/")[0]
    if artifact not in files:
        _remove_others(open_folder(folder.place(artifact)), files, artifact)
    return folder.place(artifact)


def _remove_others(folder: Folder, files: Files, artifact: str) -> None:
    """Remove what an older artifact of this name left behind."""
    for entry in list(folder.entries()):
        if f"{artifact}/{entry.name}" not in files:
            folder.remove(entry.name)
