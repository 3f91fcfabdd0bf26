"""The form of `sha512sums.txt`: what GNU coreutils writes, one digest and one name a line."""

import hashlib
import re
from pathlib import PurePosixPath

from core.errors import IntegrityError

CHECKSUMS_NAME = "sha512sums.txt"
MAX_LIST_BYTES = 2**20
"""More than 5,000 lines: a longer file is no list of ours, and is not read into memory."""

LINE = re.compile(r"([0-9a-fA-F]{128}) [ *]([^\x00-\x1f\x7f\\]+)")
"""One line of GNU sha512sum. It escapes a name with a backslash or a line break in it; such names are not supported."""


def digest(data: bytes) -> str:
    """Return the SHA-512 of the bytes as 128 hexadecimal digits, lower case."""
    return hashlib.sha512(data).hexdigest()


def check_pin(data: bytes, where: str, pin: str | None) -> None:
    """Compare a list with the digest that it must have; None asks for none.

    Raises:
        IntegrityError: It is another list.
    """
    if pin is not None and digest(data) != pin.lower():
        raise IntegrityError(
            f"{where}: its SHA-512 is not ASSETS_SHA512: set both settings as `python -m training publish` printed them"
        )


def lines_of(data: bytes, where: str) -> list[str]:
    """Return the lines of a list.

    Raises:
        IntegrityError: It is too long, or no text.
    """
    if len(data) > MAX_LIST_BYTES:
        raise IntegrityError(
            f"{where}: larger than {MAX_LIST_BYTES} bytes, so no list of checksums: run `make checksums`"
        )
    try:
        return data.decode().removesuffix("\n").split("\n")  # splitlines would also split at U+2028 and its like
    except UnicodeDecodeError as exc:
        raise IntegrityError(f"{where}: not UTF-8 text: run `make checksums`") from exc


def parse(data: bytes, where: str, prefix: str = "") -> dict[str, str]:
    """Return the expected digest of each file by its name.

    Args:
        data: The list.
        where: Its path or URL, for messages.
        prefix: The folder that all names must begin with, which is left out of them; none in a list of its own folder.

    Raises:
        IntegrityError: It is malformed, empty, or names a file twice or outside the folder.
    """
    expected: dict[str, str] = {}
    lines = lines_of(data, where)
    if lines == [""]:
        raise IntegrityError(f"{where}: lists no file: run `make checksums`")
    for number, line in enumerate(lines, start=1):
        name, hexdigest = _parse_line(line, f"{where}, line {number}", prefix)
        if name in expected:
            raise IntegrityError(f"{where}, line {number}: lists {name} a second time: run `make checksums`")
        expected[name] = hexdigest
    return expected


def _parse_line(line: str, where: str, prefix: str) -> tuple[str, str]:
    """Return name and digest of one line, the name without `prefix`: the assets folder's name in a list beside it."""
    match = LINE.fullmatch(line)
    if match is None:
        raise IntegrityError(
            f"{where}: malformed, expected 128 hex digits, two spaces and a name: run `make checksums`"
        )
    listed = PurePosixPath(match[2])
    if listed.is_absolute() or ".." in listed.parts:
        raise IntegrityError(f"{where}: '{listed}' lies outside the assets folder: use names below it, without '..'")
    if prefix and listed.parts[:1] != (prefix,):
        raise IntegrityError(f"{where}: '{listed}' lies outside '{prefix}/': remove the line or run `make checksums`")
    name = PurePosixPath(*listed.parts[1:]) if prefix else listed
    return str(name), match[1].lower()
