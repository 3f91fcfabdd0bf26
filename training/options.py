"""The options of `python -m training`, and what each accepts."""

import argparse
from pathlib import Path

from core.command_line import whole_number
from core.storage import is_url
from training.artifacts.write import FORMATS
from training.output import Place
from training.recipe import RECIPES, checkpoint_name

DEFAULT_NAME = checkpoint_name("DigitNet")


def add_assets(parser: argparse.ArgumentParser) -> None:
    """Where the weights lie."""
    parser.add_argument("--assets", type=Path, default=Path("assets"), metavar="DIR", help="folder with the weights")


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Those of `report`."""
    add_data(parser)
    _add_checkpoint(parser)
    parser.add_argument("--workers", type=whole_number, default=2, metavar="N", help="processes that make pictures")
    parser.add_argument(
        "--limit",
        type=whole_number,
        default=None,
        metavar="N",
        help="for a quick look: only N validation digits, results into a temporary folder (default: the test set)",
    )


def add_export_options(parser: argparse.ArgumentParser) -> None:
    """Those of `export`."""
    _add_checkpoint(parser)
    parser.add_argument(
        "--format",
        action="append",
        dest="formats",
        choices=(*FORMATS, "all"),
        help="of an artifact for another runtime; may be given again (default: the service's own graph, in the assets)",
    )
    parser.add_argument(
        "--output", metavar="DIR", help="folder or s3:// URL that artifacts of --format go to (default: exports)"
    )


def add_publish_options(parser: argparse.ArgumentParser) -> None:
    """Those of `publish`."""
    parser.add_argument("destination", metavar="DST", help="folder, or s3://BUCKET/PREFIX")
    _add_checkpoint(parser)
    parser.add_argument(
        "--card",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="model card (default: MODEL_CARD.md of this folder, if it tells of these weights)",
    )


def _add_checkpoint(parser: argparse.ArgumentParser) -> None:
    add_assets(parser)
    parser.add_argument("--name", type=_name, default=DEFAULT_NAME, help="of the checkpoint, without extension")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Where the data lie; absent where it is not given, as the environment may say."""
    parser.add_argument(
        "--data",
        default=argparse.SUPPRESS,
        metavar="PLACE",
        help="folder or s3://BUCKET/PREFIX that holds MNIST/raw: MNIST, or what `python -m batch prepare` wrote "
        "(default: MNIST_DIR, else MNIST from the cache, ../shared/mnist or a download)",
    )


def add_train_options(parser: argparse.ArgumentParser) -> None:
    """Those of `train`; what a recipe decides is absent where it is not given."""
    add_data(parser)
    _add_recipe_options(parser)
    _add_machine_options(parser)
    _add_file_options(parser)


def _add_recipe_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recipe", "defaults that depend on the architecture: training/recipe.py")
    group.add_argument("--architecture", choices=sorted(RECIPES), default="DigitNet", help="network to train")
    group.add_argument(
        "--epochs",
        type=whole_number,
        default=argparse.SUPPRESS,
        metavar="N",
        help="of as many steps as the training images fill batches",
    )
    group.add_argument("--batch-size", type=whole_number, default=argparse.SUPPRESS, metavar="N", help="images a step")
    group.add_argument(
        "--lr",
        type=_positive,
        default=argparse.SUPPRESS,
        metavar="X",
        help="highest learning rate of AdamW, in the one-cycle schedule; Muon's is the recipe's",
    )
    group.add_argument(
        "--seed", type=int, default=argparse.SUPPRESS, metavar="N", help="of weights, order and augmentation"
    )
    group.add_argument(
        "--validation-images",
        type=whole_number,
        default=argparse.SUPPRESS,
        metavar="N",
        help="held back from training, to choose by and to fit the temperature (default: a twelfth)",
    )
    group.add_argument(
        "--max-test-error",
        type=_percent,
        dest="max_test_error_percent",
        default=argparse.SUPPRESS,
        metavar="PERCENT",
        help="keep no weights that misread a larger share of the test set, and exit with 1",
    )


def _add_machine_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("machine")
    group.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU where there is one"
    )
    group.add_argument(
        "--threads", type=whole_number, default=2, metavar="N", help="CPU threads; another number, other weights"
    )
    group.add_argument(
        "--precision",
        choices=("auto", "bfloat16", "float32"),
        default="auto",
        help="of the arithmetic; auto: bfloat16 where the hardware has it",
    )


def _add_file_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("files")
    group.add_argument(
        "--output",
        type=_place,
        default=Path("assets"),
        metavar="PLACE",
        help="assets folder to write to, or s3://BUCKET/PREFIX",
    )
    group.add_argument(
        "--name",
        type=_name,
        default=argparse.SUPPRESS,
        help="of the files, without extension (default: from the architecture, such as digit-net)",
    )
    group.add_argument(
        "--work",
        type=_place,
        default=argparse.SUPPRESS,
        metavar="PLACE",
        help="folder of unfinished runs, their status and curves, or s3://BUCKET/PREFIX (default: runs/ in the cache; "
        "for an output in object storage, .training/ in it)",
    )
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


def _place(text: str) -> Place:
    return text if is_url(text) else Path(text)


def _name(text: str) -> str:
    if not text or text.startswith(".") or Path(text).name != text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a file name")
    return text
