"""The assets folder and `sha512sums.txt`: the bytes that are hashed are the bytes that are used.

The list has the form that GNU coreutils writes, so `sha512sum -c sha512sums.txt` agrees with this module. It lies in
the assets folder itself (how a custom folder brings its own) or else beside it, with names relative to where it lies.
"""

import hashlib
import os
import re
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.errors import IntegrityError

CHECKSUMS_NAME = "sha512sums.txt"
MAX_LIST_BYTES = 2**20
"""More than 5,000 lines: a longer file is no list of ours, and is not read into memory."""

LINE = re.compile(r"([0-9a-fA-F]{128}) [ *]([^\x00-\x1f\x7f\\]+)")
"""One line of GNU sha512sum. It escapes a name with a backslash or a line break in it; such names are not supported."""


def digest(data: bytes) -> str:
    """Return the SHA-512 of the bytes as 128 hexadecimal digits, lower case."""
    return hashlib.sha512(data).hexdigest()


def read_verified(assets_dir: Path) -> dict[str, bytes]:
    """Read every file of the assets folder once and compare those very bytes with the list.

    1. Find and parse the list.
    2. Refuse files that are there but not listed (names with a leading dot are ignored: Kubernetes mounts, `.gitkeep`).
    3. Read each listed file once, hash it, compare.

    Args:
        assets_dir: The folder that holds weights and their descriptions.

    Returns:
        The bytes of each file by its name relative to `assets_dir`, with `/` between folders, in the order of names.

    Raises:
        IntegrityError: The folder or the list is missing or malformed, or a file is missing, extra, changed or
            unreadable. The message is one line that names the file and what to do.
    """
    checksums = _checksums_path(assets_dir)
    expected = _parse(checksums, assets_dir)
    _refuse_extras(assets_dir, expected.keys(), checksums)
    return {name: _read_one(assets_dir, name, expected[name], checksums) for name in sorted(expected)}


def write_checksums(assets_dir: Path) -> Path:
    """Write the list of the assets folder anew: sorted, replaced in one step, the same bytes when nothing changed.

    Args:
        assets_dir: The folder whose files are listed. The list goes into it where it holds one already, or where the
            one beside it is another folder's; else beside it.

    Returns:
        The path of the list.

    Raises:
        IntegrityError: The folder is missing or empty, or a file in it is unreadable or has a name no list can hold.
    """
    checksums = _checksums_path(assets_dir)
    if _lists_others(checksums, assets_dir):
        checksums = assets_dir / CHECKSUMS_NAME
    lines = [_line(assets_dir, name, checksums) for name in sorted(_present(assets_dir))]
    if not lines:
        raise IntegrityError(f"{assets_dir}: holds no file to list: put the weights and their description there")
    write_atomically(checksums, "".join(lines).encode())
    return checksums


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that after a crash it holds either its old bytes or all of the new ones.

    Raises:
        OSError: The folder cannot be written to; nothing is left behind.
    """
    with replacing(path) as stream:
        stream.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a stream to write to; what was written takes the place of the file in one step, unless something is raised.

    The temporary file starts with a dot, so that a leftover is never taken for an asset.

    Raises:
        OSError: The folder cannot be written to; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename in the folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _checksums_path(assets_dir: Path) -> Path:
    own = assets_dir / CHECKSUMS_NAME
    try:
        if not assets_dir.is_dir():
            raise IntegrityError(f"{assets_dir}: no such folder: set ASSETS_DIR to the folder with the weights")
        return own if own.exists() else assets_dir.absolute().parent / CHECKSUMS_NAME
    except OSError as exc:
        raise IntegrityError(f"{assets_dir}: cannot be read ({exc.strerror}): check its permissions") from exc


def _lists_others(checksums: Path, assets_dir: Path) -> bool:
    """Whether a list beside the folder names files outside it; overwriting it would lose them."""
    if checksums.parent == assets_dir:
        return False
    try:
        matches = [LINE.fullmatch(line) for line in _read_list(checksums)]
    except IntegrityError:  # missing or damaged: writing it anew is the remedy
        return False
    return any(match and PurePosixPath(match[2]).parts[:1] != (assets_dir.absolute().name,) for match in matches)


def _parse(checksums: Path, assets_dir: Path) -> dict[str, str]:
    """Return the expected digest by name relative to the assets folder."""
    expected: dict[str, str] = {}
    lines = _read_list(checksums)
    if lines == [""]:
        raise IntegrityError(f"{checksums}: lists no file: run `make checksums`")
    for number, line in enumerate(lines, start=1):
        where = f"{checksums}, line {number}"
        name, hexdigest = _parse_line(line, where, "" if checksums.parent == assets_dir else assets_dir.absolute().name)
        if name in expected:
            raise IntegrityError(f"{where}: lists {name} a second time: run `make checksums`")
        expected[name] = hexdigest
    return expected


def _read_list(checksums: Path) -> list[str]:
    try:
        with checksums.open("rb") as stream:
            data = stream.read(MAX_LIST_BYTES + 1)
    except FileNotFoundError as exc:
        raise IntegrityError(f"{checksums}: the list of checksums is missing: run `make checksums`") from exc
    except OSError as exc:
        raise IntegrityError(f"{checksums}: cannot be read ({exc.strerror}): check its permissions") from exc
    if len(data) > MAX_LIST_BYTES:
        raise IntegrityError(
            f"{checksums}: larger than {MAX_LIST_BYTES} bytes, so no list of checksums: run `make checksums`"
        )
    try:
        return data.decode().removesuffix("\n").split("\n")  # splitlines would also split at U+2028 and its like
    except UnicodeDecodeError as exc:
        raise IntegrityError(f"{checksums}: not UTF-8 text: run `make checksums`") from exc


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


def _present(assets_dir: Path) -> Iterator[str]:
    """Yield the names of all files below the folder, relative to it, dot names and the list itself left out."""
    folders, seen = [assets_dir], set()
    while folders:
        for entry in _entries(folders.pop()):
            if entry == assets_dir / CHECKSUMS_NAME:
                continue
            if not entry.is_dir():
                yield entry.relative_to(assets_dir).as_posix()
            elif (real := os.path.realpath(entry)) not in seen:  # a link to a parent folder would turn for ever
                seen.add(real)
                folders.append(entry)


def _entries(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as exc:
        raise IntegrityError(f"{folder}: cannot be listed ({exc.strerror}): check its permissions") from exc


def _refuse_extras(assets_dir: Path, listed: Container[str], checksums: Path) -> None:
    extras = sorted(name for name in _present(assets_dir) if name not in listed)
    if extras:
        raise IntegrityError(f"{assets_dir / extras[0]}: not listed in {checksums}: remove it or run `make checksums`")


def _read_one(assets_dir: Path, name: str, expected: str, checksums: Path) -> bytes:
    data = _read(assets_dir, name)
    if digest(data) != expected:
        what_to_do = "restore it, or run `make checksums` if you changed it"
        raise IntegrityError(f"{assets_dir / name}: its SHA-512 differs from {checksums}: {what_to_do}")
    return data


def _read(assets_dir: Path, name: str) -> bytes:
    """Read a regular file that lies, with all links followed, within the assets folder."""
    path = assets_dir / name
    try:
        if not path.resolve(strict=True).is_relative_to(assets_dir.resolve()):
            raise IntegrityError(f"{path}: a link that leaves the assets folder: put the file itself there")
        if not path.is_file():
            raise IntegrityError(f"{path}: not a regular file: put the file itself there")
        return path.read_bytes()
    except FileNotFoundError as exc:
        raise IntegrityError(f"{path}: listed but missing: restore the file or run `make checksums`") from exc
    except (OSError, RuntimeError) as exc:  # RuntimeError: how pathlib reports links that form a loop
        raise IntegrityError(f"{path}: cannot be read ({exc}): check the file and its permissions") from exc


def _line(assets_dir: Path, name: str, checksums: Path) -> str:
    data = _read(assets_dir, name)
    listed = name if checksums.parent == assets_dir else f"{assets_dir.absolute().name}/{name}"
    line = f"{digest(data)}  {listed}"
    if LINE.fullmatch(line) is None or not listed.isprintable():
        raise IntegrityError(
            f"{assets_dir}: {name!r} is no name for a list: rename the file without control characters or backslashes"
        )
    return line + "\n"
