"""`NAME-oci/`: a model artifact of Oracle's Data Science service, https://docs.oracle.com/iaas/data-science/using/.

It reads pictures as well as digits, by the same steps as the service: it holds copies of those parts of `core` and
`model` that do so, and needs no PyTorch.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from core.checkpoint import Checkpoint
from core.engine import load_engine
from core.integrity import CHECKSUMS_NAME, digest
from training.artifacts.facts import CARRIED, Files, pinned
from training.export import export_graph

ROOT = Path(__file__).parents[2]

SOURCES = (
    "LICENSE",
    "model/__init__.py",
    "model/description.py",
    "model/graph.py",
    "core/__init__.py",
    "core/allowance.py",
    "core/checkpoint.py",
    "core/checksums.py",
    "core/engine.py",
    "core/errors.py",
    "core/heap.py",
    "core/image.py",
    "core/integrity.py",
    "core/model.py",
    "core/onnx_engine.py",
    "core/stopwatch.py",
    "core/imaging/*.py",
)
"""What reads a picture, of the repository's files."""

NEEDS = ("numpy", "onnxruntime", "opencv-python-headless", "pillow", "pydantic", "pyvips", "pyvips-binary")
"""What those import, in the versions that the artifact was exported with."""

DESCRIBES = ("input_schema.json", "output_schema.json", "runtime.yaml", "score.py")


def oci_files(checkpoint: Checkpoint) -> Files:
    """Return the files of the artifact; the same weights give the same bytes.

    Raises:
        CheckpointError: The weights are not of the network that the description names, or the graph beside them is of
            other weights.
        OSError: A file of ours is missing.
    """
    files = dict(_sources())
    files |= _assets(checkpoint)
    files["requirements.txt"] = "".join(f"{line}\n" for line in pinned(NEEDS)).encode()
    files |= {name: (CARRIED / name).read_bytes() for name in DESCRIBES}
    return {f"{checkpoint.name}-oci/{name}": data for name, data in files.items()}


def _sources() -> Iterator[tuple[str, bytes]]:
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            yield path.relative_to(ROOT).as_posix(), path.read_bytes()


def _assets(checkpoint: Checkpoint) -> Files:
    """The checkpoint as the service keeps it, with a list of checksums of its own."""
    name, graph = checkpoint.name, checkpoint.graph or export_graph(checkpoint)
    load_engine(replace(checkpoint, graph=graph), "cpu", engine="onnx")  # as the artifact will, which then cannot fail
    assets = {
        f"{name}.json": checkpoint.description.model_dump_json(indent=2).encode() + b"\n",
        f"{name}.onnx": graph,
        f"{name}.pt": checkpoint.state_dict,
    }
    listed = "".join(f"{digest(data)}  {file}\n" for file, data in assets.items())
    return {f"assets/{file}": data for file, data in assets.items()} | {f"assets/{CHECKSUMS_NAME}": listed.encode()}
