"""Command line: `python -m client PICTURE...`; the exit status is 1 where a picture could not be read."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from client.reader import DigitClient, ReadingFailed

STANDARD_INPUT = "-"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the pictures named on the command line, one line each; returns the exit status."""
    options = parse(arguments)
    width = max(map(len, options.pictures))
    failed = False
    with DigitClient(options.url, os.environ.get("API_KEY", "")) as client:
        for name in options.pictures:
            entry = ask(client, name, options.top_k)
            failed = failed or "error" in entry
            print(json.dumps({"picture": name} | entry) if options.json else f"{name:{width}}  {describe(entry)}")
    return int(failed)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m client",
        description="Read the digit in each picture.",
        epilog="A key, where the service wants one, is taken from the environment variable API_KEY.",
    )
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="an image file; - is standard input")
    parser.add_argument("--url", default="http://localhost:5000", help="of the service (%(default)s)")
    parser.add_argument(
        "--top-k", type=int, choices=range(1, 11), default=1, metavar="N", help="labels for each, 1 to 10 (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON for each picture")
    return parser.parse_args(arguments)


def ask(client: DigitClient, name: str, top_k: int) -> dict[str, Any]:
    """Return the service's entry for a picture, or `error` and `code`."""
    try:
        picture = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
    except OSError as exc:
        return {"error": exc.strerror or str(exc), "code": "unreadable_file"}
    try:
        return client.read(picture, Path(name).name, top_k)
    except ReadingFailed as exc:
        return {"error": str(exc), "code": exc.code}


def describe(entry: dict[str, Any]) -> str:
    """Return an entry for people: `7   99.98 %`, more of them where they were asked for, or what went wrong."""
    if "error" in entry:
        return f"-   {entry['error']}"
    return "   ".join(f"{best['prediction']}  {best['probability']:7.2%}" for best in entry.get("top_k", [entry]))


if __name__ == "__main__":
    sys.exit(main())
