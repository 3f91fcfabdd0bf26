"""The command line of training.

python -m training data                              # find, check or fetch MNIST
python -m training train                             # the default network into assets/
python -m training train --ancestors                 # and those it descends from, for the record
python -m training train --architecture KerasDeepNet
python -m training train --dry-run                   # a few batches through every step
python -m training report                            # figures and plots of the shipped weights, the model card
python -m training export                            # the ONNX graph of weights that have none
python -m training checksums                         # after a change in assets/ by hand
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from core.errors import ServiceError
from core.integrity import write_checksums
from model.description import Description
from model.networks import NETWORKS
from training.ancestors import train_ancestors
from training.data import VALIDATION_IMAGES, cache_dir, find_mnist
from training.errors import TrainingError
from training.export import export_checkpoint
from training.loop import Machine
from training.recipe import RECIPES, Recipe, checkpoint_name
from training.report import ReportJob, make_report
from training.run import DRY_RUN_EPOCHS, Job, train

DEFAULT_NAME = checkpoint_name("DigitNet")

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the signal's number, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 after one line that says why, or 130 when interrupted."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    try:
        options.command(options)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on after the last finished epoch", file=sys.stderr)
        return INTERRUPTED
    except (TrainingError, ServiceError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    return 0


def _find_data(options: argparse.Namespace) -> Path:
    environment = os.environ.get("MNIST_DIR")
    given = options.data if "data" in options else environment
    return find_mnist(Path(given) if given else None)


def _data(options: argparse.Namespace) -> None:
    print(f"MNIST is complete in {_find_data(options)}")


def _checksums(options: argparse.Namespace) -> None:
    print(f"wrote {write_checksums(options.assets)}")


def _write_report(options: argparse.Namespace) -> None:
    make_report(
        ReportJob(
            assets=options.assets,
            name=options.name,
            data_root=_find_data(options),
            root=Path.cwd(),
            workers=options.workers,
            limit=options.limit,
        )
    )


def _export(options: argparse.Namespace) -> None:
    print(f"wrote {export_checkpoint(options.assets, options.name)} and the list of checksums")


def _train(options: argparse.Namespace) -> None:
    recipe = _recipe(options)
    job = Job(
        recipe=recipe,
        machine=_machine(options),
        data_root=_find_data(options),
        output_dir=options.output,
        work_dir=options.work,
        name=options.name if "name" in options else checkpoint_name(recipe.architecture),
        resume=options.resume,
        validation_images=options.validation_images,
        export=options.export,
        dry_run=options.dry_run,
    )
    _report(train(job, train_ancestors(job) if options.ancestors else ()), options.dry_run)


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
    _add(commands, "data", _data, "find MNIST, or fetch it into the cache, and check its digests", _data_option)
    _add(commands, "train", _train, "train a network and write weights, description and checksums", _train_options)
    _add(commands, "report", _write_report, "measure weights: docs/ and MODEL_CARD.md", _report_options)
    _add(commands, "export", _export, "write the ONNX graph of a checkpoint", _export_options)
    _add(commands, "checksums", _checksums, "write sha512sums.txt anew from the assets folder", _assets_option)
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    command: Callable[[argparse.Namespace], None],
    text: str,
    add_options: Callable[[argparse.ArgumentParser], None],
) -> None:
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = commands.add_parser(name, help=text, description=text.capitalize() + ".", formatter_class=formatter)
    parser.set_defaults(command=command)
    add_options(parser)


def _assets_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--assets", type=Path, default=Path("assets"), metavar="DIR", help="folder with the weights")


def _report_options(parser: argparse.ArgumentParser) -> None:
    _data_option(parser)
    _assets_option(parser)
    parser.add_argument("--name", type=_name, default=DEFAULT_NAME, help="of the checkpoint, without extension")
    parser.add_argument("--workers", type=_whole, default=2, metavar="N", help="processes that make pictures")
    parser.add_argument(
        "--limit",
        type=_whole,
        default=None,
        metavar="N",
        help="for a quick look: only N validation digits, results into a temporary folder (default: the test set)",
    )


def _export_options(parser: argparse.ArgumentParser) -> None:
    _assets_option(parser)
    parser.add_argument("--name", type=_name, default=DEFAULT_NAME, help="of the checkpoint, without extension")


def _data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="DIR",
        help="folder that holds MNIST/raw (default: MNIST_DIR, else the cache, ../shared/mnist or a download)",
    )


def _train_options(parser: argparse.ArgumentParser) -> None:
    _data_option(parser)
    _recipe_options(parser)
    _machine_options(parser)
    _file_options(parser)


def _recipe_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recipe", "defaults that depend on the architecture: training/recipe.py")
    group.add_argument("--architecture", choices=sorted(NETWORKS), default="DigitNet", help="network to train")
    group.add_argument(
        "--epochs", type=_whole, default=argparse.SUPPRESS, metavar="N", help="passes over the training images"
    )
    group.add_argument("--batch-size", type=_whole, default=argparse.SUPPRESS, metavar="N", help="images a step")
    group.add_argument(
        "--lr",
        type=_positive,
        default=argparse.SUPPRESS,
        metavar="X",
        help="highest learning rate of the one-cycle schedule",
    )
    group.add_argument(
        "--seed", type=int, default=argparse.SUPPRESS, metavar="N", help="of weights, order and augmentation"
    )
    group.add_argument(
        "--validation-images",
        type=_whole,
        default=VALIDATION_IMAGES,
        metavar="N",
        help="held back from training, to choose by and to fit the temperature",
    )
    group.add_argument(
        "--max-test-error",
        type=_percent,
        dest="max_test_error_percent",
        default=argparse.SUPPRESS,
        metavar="PERCENT",
        help="keep no weights that misread a larger share of the test set, and exit with 1",
    )


def _machine_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("machine")
    group.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU where there is one"
    )
    group.add_argument(
        "--threads", type=_whole, default=2, metavar="N", help="CPU threads; another number, other weights"
    )
    group.add_argument(
        "--precision",
        choices=("auto", "bfloat16", "float32"),
        default="auto",
        help="of the arithmetic; auto: bfloat16 where the hardware has it",
    )


def _file_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("files")
    group.add_argument("--output", type=Path, default=Path("assets"), metavar="DIR", help="assets folder to write to")
    group.add_argument(
        "--name",
        type=_name,
        default=argparse.SUPPRESS,
        help="of the files, without extension (default: from the architecture, such as digit-net)",
    )
    group.add_argument("--work", type=Path, default=cache_dir() / "runs", metavar="DIR", help="for interrupted runs")
    group.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on from an interrupted run of the same settings",
    )
    group.add_argument(
        "--export",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write the ONNX graph beside the weights",
    )
    group.add_argument(
        "--ancestors",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="train the networks that ours descends from first, for comparison in the record",
    )
    group.add_argument("--dry-run", action="store_true", help="a few batches through every step; keeps nothing")


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def _percent(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 100")
    return number


def _name(text: str) -> str:
    if not text or text.startswith(".") or Path(text).name != text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a file name")
    return text


if __name__ == "__main__":
    sys.exit(main())
