"""The assets folder and `sha512sums.txt`: the bytes that are hashed are the bytes that are used.

The list has the form that GNU coreutils writes, so `sha512sum -c sha512sums.txt` agrees with this module. It lies in
the assets folder itself (how a custom folder brings its own) or else beside it, with names relative to where it lies.
"""

import os
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.checksums import CHECKSUMS_NAME, LINE, MAX_LIST_BYTES, check_pin, digest, lines_of, parse
from core.errors import IntegrityError

__all__ = ["CHECKSUMS_NAME", "MAX_LIST_BYTES", "digest", "read_verified", "write_atomically", "write_checksums"]


def read_verified(assets_dir: Path, pin: str | None = None) -> dict[str, bytes]:
    """Read every file of the assets folder once and compare those very bytes with the list.

    1. Find the list, compare it with the pin, and parse it.
    2. Refuse files that are there but not listed (names with a leading dot are ignored: Kubernetes mounts, `.gitkeep`).
    3. Read each listed file once, hash it, compare.

    Args:
        assets_dir: The folder that holds weights and their descriptions.
        pin: SHA-512 that the list itself must have; None trusts the list as it is.

    Returns:
        The bytes of each file by its name relative to `assets_dir`, with `/` between folders, in the order of names.

    Raises:
        IntegrityError: The folder or the list is missing or malformed, the list is not the pinned one, or a file is
            missing, extra, changed or unreadable. The message is one line that names the file and what to do.
    """
    checksums = _checksums_path(assets_dir)
    listed = _read_list(checksums)
    check_pin(listed, str(checksums), pin)
    expected = parse(listed, str(checksums), "" if checksums.parent == assets_dir else assets_dir.absolute().name)
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
        matches = [LINE.fullmatch(line) for line in lines_of(_read_list(checksums), str(checksums))]
    except IntegrityError:  # missing or damaged: writing it anew is the remedy
        return False
    return any(match and PurePosixPath(match[2]).parts[:1] != (assets_dir.absolute().name,) for match in matches)


def _read_list(checksums: Path) -> bytes:
    try:
        with checksums.open("rb") as stream:
            return stream.read(MAX_LIST_BYTES + 1)
    except FileNotFoundError as exc:
        raise IntegrityError(f"{checksums}: the list of checksums is missing: run `make checksums`") from exc
    except OSError as exc:
        raise IntegrityError(f"{checksums}: cannot be read ({exc.strerror}): check its permissions") from exc


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
