"""The command line of training.

python -m training data                              # find, check or fetch MNIST
python -m training train --data s3://bucket/prefix   # on data in object storage, MNIST or prepared
python -m training train                             # the default network into assets/
python -m training train --ancestors                 # and those it descends from, for the record
python -m training train --architecture KerasDeepNet
python -m training train --dry-run                   # a few batches through every step
python -m training train --output s3://BUCKET/PREFIX # into object storage, where a killed run goes on too
python -m training report                            # figures and plots of the shipped weights, the model card
python -m training export                            # the ONNX graph of weights that have none
python -m training export --format all               # artifacts for other runtimes, into exports/
python -m training publish s3://BUCKET/PREFIX        # put them where services fetch them
python -m training checksums                         # after a change in assets/ by hand
"""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from core.checkpoint import load_checkpoint
from core.command_line import INTERRUPTED, TERMINATED, add_command
from core.errors import ServiceError
from core.integrity import write_checksums
from model.description import Description
from training.ancestors import train_ancestors
from training.artifacts.write import FORMATS, write_artifact
from training.data import find_data, usual_validation_images
from training.errors import TrainingError
from training.export import export_checkpoint
from training.files import read_manifest
from training.machine import Machine
from training.options import (
    DEFAULT_NAME,
    add_assets,
    add_data,
    add_export_options,
    add_publish_options,
    add_report_options,
    add_train_options,
)
from training.output import default_work
from training.publish import publish
from training.recipe import RECIPES, Recipe, checkpoint_name
from training.report import ReportJob, make_report
from training.run import DRY_RUN_EPOCHS, Job, train
from training.tracking import EXPERIMENT, TrackingServer, connect
from training.watch import GOES_ON

EXPORTS = "exports"
"""Where artifacts for other runtimes go by default; `assets` holds only what is served."""


class Terminated(KeyboardInterrupt):
    """SIGTERM has come: to be treated like Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 after one line that says why, or 130 or 143 when interrupted."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("training").setLevel(logging.INFO)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    try:
        with _ended_by_sigterm():
            options.command(options)
    except KeyboardInterrupt as exc:
        print(f"interrupted: {GOES_ON}", file=sys.stderr)
        return TERMINATED if isinstance(exc, Terminated) else INTERRUPTED
    except (TrainingError, ServiceError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Raise `Terminated` at SIGTERM, which the first process of a container would not even notice."""

    def end(_number: int, _frame: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _find_data(options: argparse.Namespace) -> Path:
    given = options.data if "data" in options else os.environ.get("MNIST_DIR")
    return find_data(given or None)


def _find_mnist(options: argparse.Namespace) -> Path:
    root = _find_data(options)
    if read_manifest(root) is not None:
        raise TrainingError(f"{root}: holds prepared data; the report compares with others, so it measures on MNIST")
    return root


def _data(options: argparse.Namespace) -> None:
    root = _find_data(options)
    manifest = read_manifest(root)
    if manifest is None:
        print(f"MNIST is complete in {root}")
        return
    halves = f"{manifest.training} training and {manifest.test} test digits"
    print(f"prepared data is complete in {root}: {halves} from {manifest.source}")


def _checksums(options: argparse.Namespace) -> None:
    print(f"wrote {write_checksums(options.assets)}")


def _write_report(options: argparse.Namespace) -> None:
    make_report(
        ReportJob(
            assets=options.assets,
            name=options.name,
            data_root=_find_mnist(options),
            root=Path.cwd(),
            workers=options.workers,
            limit=options.limit,
        )
    )


def _export(options: argparse.Namespace) -> None:
    if not options.formats:
        if options.output:
            raise TrainingError(f"--output {options.output}: is for artifacts: say which with --format")
        print(f"wrote {export_checkpoint(options.assets, options.name)} and the list of checksums")
        return
    checkpoint = load_checkpoint(options.assets, options.name)
    for name in FORMATS if "all" in options.formats else dict.fromkeys(options.formats):
        print(f"wrote {write_artifact(checkpoint, name, options.output or EXPORTS)}")


def _publish(options: argparse.Namespace) -> None:
    card = options.card if "card" in options else None
    published = publish(options.assets, options.name, options.destination, card)
    print(f"ASSETS_DIR={published.place}\nASSETS_SHA512={published.pin}")
    if options.name != DEFAULT_NAME:
        print(f"MODEL_NAME={options.name}")


def _train(options: argparse.Namespace) -> None:
    recipe, data_root = _recipe(options), _find_data(options)
    held_back = options.validation_images if "validation_images" in options else usual_validation_images(data_root)
    job = Job(
        recipe=recipe,
        machine=_machine(options),
        data_root=data_root,
        output=options.output,
        work=options.work if "work" in options else default_work(options.output),
        name=options.name if "name" in options else checkpoint_name(recipe.architecture),
        resume=options.resume,
        validation_images=held_back,
        export=options.export,
        dry_run=options.dry_run,
        tracking=None if options.dry_run else _tracking(),
    )
    _report(train(job, train_ancestors(job) if options.ancestors else ()), options.dry_run)


def _tracking() -> TrackingServer | None:
    """Return MLflow's server where there is one to be told, after making sure that it answers."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return None
    server = TrackingServer(uri, os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT)
    connect(server)
    return server


def _report(description: Description, dry_run: bool) -> None:
    figures = description.metrics
    if dry_run:
        print("dry run: every step works, nothing was written")
        return
    counts = f"{figures['test_errors']} of {figures['test_images']} test digits ({figures['test_error_percent']} %)"
    calibration = f"{figures['expected_calibration_error_percent']} % at temperature {description.temperature}"
    print(f"misread {counts}, expected calibration error {calibration}")


def _recipe(options: argparse.Namespace) -> Recipe:
    """Return the architecture's recipe with what the command line says otherwise."""
    names = ("epochs", "batch_size", "lr", "seed", "max_test_error_percent")
    given = {name: getattr(options, name) for name in names if name in options}
    recipe = replace(RECIPES[options.architecture], **given)
    return replace(recipe, epochs=DRY_RUN_EPOCHS) if options.dry_run else recipe


def _machine(options: argparse.Namespace) -> Machine:
    if options.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("--device cuda: torch finds no usable CUDA device here; take cpu or auto")
    cuda = options.device != "cpu" and torch.cuda.is_available()
    bfloat16 = _has_bfloat16(cuda) if options.precision == "auto" else options.precision == "bfloat16"
    return Machine(torch.device("cuda" if cuda else "cpu"), options.threads, bfloat16)


def _has_bfloat16(cuda: bool) -> bool:
    """Whether bfloat16 is computed in hardware; elsewhere it is slower than float32."""
    if cuda:
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m training", description="From MNIST to the weights that are served.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_command(commands, "data", _data, "find MNIST, or fetch it into the cache, and check its digests", add_data)
    add_command(
        commands, "train", _train, "train a network and write weights, description and checksums", add_train_options
    )
    add_command(commands, "report", _write_report, "measure weights: docs/ and MODEL_CARD.md", add_report_options)
    add_command(commands, "export", _export, "write a checkpoint for other runtimes", add_export_options)
    add_command(commands, "publish", _publish, "put a checkpoint where services fetch it", add_publish_options)
    add_command(commands, "checksums", _checksums, "write sha512sums.txt anew from the assets folder", add_assets)
    return parser


if __name__ == "__main__":
    sys.exit(main())
