"""The options of `python -m batch`, and what each accepts."""

import argparse
from pathlib import Path

from batch.shards import FORMATS
from config import granted_cpus


def add_score_options(parser: argparse.ArgumentParser) -> None:
    """Those of `score`."""
    add_places(parser)
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="of the shards")


def add_places(parser: argparse.ArgumentParser) -> None:
    """Where pictures come from, where results go, and what does the work."""
    parser.add_argument(
        "source", metavar="SRC", help="folder, pattern, zip, tar or IDX file; each also as s3://BUCKET/..."
    )
    parser.add_argument("target", metavar="DST", help="folder for the results, or s3://BUCKET/PREFIX")
    parser.add_argument(
        "--batch-size",
        type=_whole,
        default=argparse.SUPPRESS,
        metavar="N",
        help="most pictures in one activation and one shard (default: that of an earlier run, else by their count)",
    )
    parser.add_argument("--workers", type=_whole, default=granted_cpus(), metavar="N", help="processes on this machine")
    parser.add_argument(
        "--config",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="configuration of Lithops, for other machines (default: where Lithops looks for one, else this machine)",
    )


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not usable: take a whole number from 1")
    return number
