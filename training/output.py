"""Where a run leaves its weights and works meanwhile: folders, on a disk or in object storage."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.checksums import CHECKSUMS_NAME, LINE
from core.errors import ObjectMissing
from core.storage import Folder, is_url, open_folder
from training.data import cache_dir
from training.errors import OutputError

Place = str | Path
"""A path, or the URL of a prefix in object storage."""

WORK_NAME = ".training"
"""Of the work folder in an output in object storage; what begins with a dot is no asset, so it is not served."""


def default_work(output: Place) -> Place:
    """Return where an unfinished run lies by default: with its output where that outlives this machine."""
    return open_folder(output).place(WORK_NAME) if is_url(output) else cache_dir() / "runs"


def check_output(output: Place) -> None:
    """Find out before hours of training that an output in object storage cannot be used.

    Raises:
        StorageError: It cannot be listed or read.
        OutputError: It holds a list of checksums that is none.
    """
    if is_url(output):
        folder = open_folder(output)
        next(folder.entries(), None)
        _listed(folder)


@contextmanager
def local_assets(output: Place) -> Iterator[Path]:
    """Yield a local folder for assets; at the end they lie in the output.

    For an output in object storage that is a temporary folder. Its files are written there first and the list of
    checksums last, which then names them beside those that it named before: what is listed is there at any time, and
    weights that are replaced fail their check until all of them are.

    Raises:
        StorageError: The output cannot be written.
        OutputError: It holds a list of checksums that is none.
    """
    if not is_url(output):
        yield Path(output)
        return
    with tempfile.TemporaryDirectory() as temporary:
        assets = Path(temporary) / "assets"
        yield assets
        _upload(assets, open_folder(output))


def _upload(assets: Path, output: Folder) -> None:
    checksums = (assets / CHECKSUMS_NAME).read_text(encoding="utf-8")
    ours = _parse(checksums, str(assets))
    for name in ours:
        output.write(name, (assets / name).read_bytes())
    listed = _listed(output) | ours
    lines = [f"{digest}  {name}\n" for name, digest in sorted(listed.items())]
    output.write(CHECKSUMS_NAME, "".join(lines).encode())


def _listed(output: Folder) -> dict[str, str]:
    """Return the digests that an output lists, by name; none where there is no list."""
    place = output.place(CHECKSUMS_NAME)
    try:
        return _parse(output.read(CHECKSUMS_NAME).decode(), place)
    except ObjectMissing:
        return {}
    except UnicodeDecodeError as exc:
        raise OutputError(f"{place}: is no list of checksums: remove it or take another --output") from exc


def _parse(checksums: str, place: str) -> dict[str, str]:
    matches = [LINE.fullmatch(line) for line in checksums.removesuffix("\n").split("\n")]
    if not all(matches):
        raise OutputError(f"{place}: is no list of checksums: remove it or take another --output")
    return {match[2]: match[1].lower() for match in matches if match}
