"""The options of `python -m batch`, and what each accepts."""

import argparse
from pathlib import Path

from batch.names import FORMATS
from config import granted_cpus
from core.command_line import whole_number

TEST_SHARE = 0.15
"""Of digits that are kept for the test set; MNIST's is a seventh."""


def add_score_options(parser: argparse.ArgumentParser) -> None:
    """Those of `score`."""
    add_places(parser)
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="of the shards")


def add_prepare_options(parser: argparse.ArgumentParser) -> None:
    """Those of `prepare`."""
    add_places(parser)
    parser.add_argument(
        "--labels",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="CSV file with a line key,label for each picture, or an IDX file of labels "
        "(default: the nearest folder with a digit for its name; the labels beside an IDX file)",
    )
    parser.add_argument(
        "--test-share",
        type=_share,
        default=TEST_SHARE,
        metavar="X",
        help="of the digits that are kept for the test set, chosen by their pixels",
    )


def add_places(parser: argparse.ArgumentParser) -> None:
    """Where pictures come from, where results go, and what does the work."""
    parser.add_argument(
        "source", metavar="SRC", help="folder, pattern, zip, tar or IDX file; each also as s3://BUCKET/..."
    )
    parser.add_argument("target", metavar="DST", help="folder for the results, or s3://BUCKET/PREFIX")
    parser.add_argument(
        "--batch-size",
        type=whole_number,
        default=argparse.SUPPRESS,
        metavar="N",
        help="most pictures in one activation and one shard (default: that of an earlier run, else by their count)",
    )
    parser.add_argument(
        "--workers", type=whole_number, default=granted_cpus(), metavar="N", help="processes on this machine"
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="configuration of Lithops, for other machines (default: where Lithops looks for one, else this machine)",
    )


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not usable: take a number from 0 to 1")
    return share
