"""Puts a checkpoint where services fetch it: one prefix a version, which is written once and never changed.

DST/digit-net/adc3a5c968ac/digit-net.pt ...    the version is the first digits of the weights' SHA-512
DST/digit-net/adc3a5c968ac/sha512sums.txt      written last: without it, there is no version
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.checkpoint import Checkpoint, load_checkpoint, take_checkpoint
from core.errors import CheckpointError, ObjectMissing
from core.integrity import CHECKSUMS_NAME, MAX_LIST_BYTES, digest, read_verified
from core.storage import Entry, Folder, is_url, open_folder
from training.checkpoint import RECORD_SUFFIX
from training.errors import PublishError

logger = logging.getLogger(__name__)

SUFFIXES = (".pt", ".json", ".onnx", RECORD_SUFFIX)
"""Of a checkpoint's files in the assets folder; those that are there are published."""

CARD = "MODEL_CARD.md"


@dataclass(frozen=True, slots=True)
class Published:
    """What a service needs to serve a published version.

    Attributes:
        place: Path or URL of the version, the service's `ASSETS_DIR`.
        pin: SHA-512 of its list of checksums, the service's `ASSETS_SHA512`.
    """

    place: str
    pin: str


def publish(assets_dir: Path, name: str, destination: str, card: Path | None = None) -> Published:
    """Put weights, graph, description, record, model card and checksums under a versioned prefix.

    A publication that was interrupted is completed by the same command. What was published is read back as a service
    reads it.

    Args:
        assets_dir: The assets folder; its checksums must hold.
        name: Of the checkpoint.
        destination: Folder or URL below which the version is made.
        card: The model card; by default `MODEL_CARD.md` of this folder, if it tells of these weights.

    Raises:
        PublishError: The version is published already, or the card tells of other weights.
        IntegrityError: The assets do not agree with their checksums, or what is read back does not.
        CheckpointError: There is no such checkpoint, or it cannot be served.
        StorageError: The destination cannot be used.
    """
    assets = read_verified(assets_dir)
    checkpoint = take_checkpoint(assets, assets_dir, name)
    files = {file: assets[file] for file in (name + suffix for suffix in SUFFIXES) if file in assets}
    files |= _read_card(card, checkpoint)
    listed = "".join(f"{digest(files[file])}  {file}\n" for file in sorted(files)).encode()
    published = Published(_below(destination, name, checkpoint.version), digest(listed))
    folder = open_folder(published.place)
    _write(folder, files, listed)
    if load_checkpoint(published.place, name, published.pin) != checkpoint:
        raise CheckpointError(f"{published.place}: is not served as it was published: publish it elsewhere")
    logger.info("published %s: %s", published.place, ", ".join(files))
    return published


def _below(destination: str, *parts: str) -> str:
    if is_url(destination):
        return "/".join((destination.rstrip("/"), *parts))
    return str(Path(destination).absolute().joinpath(*parts))


def _read_card(card: Path | None, checkpoint: Checkpoint) -> dict[str, bytes]:
    path = card or Path(CARD)
    data = path.read_bytes() if card or path.exists() else b""
    if checkpoint.version.encode() in data:
        return {CARD: data}
    if card:
        raise PublishError(
            f"{card}: does not tell of the weights {checkpoint.version}: `make report` writes one that does"
        )
    logger.warning("without a model card: %s does not tell of the weights %s", path, checkpoint.version)
    return {}


def _write(folder: Folder, files: Mapping[str, bytes], listed: bytes) -> None:
    """Write the files that are not there yet, and the list last.

    Raises:
        PublishError: The version is complete, or another file is there.
    """
    present = {entry.name: entry.size for entry in _entries(folder)}
    if CHECKSUMS_NAME in present:
        same = folder.read(CHECKSUMS_NAME, MAX_LIST_BYTES) == listed
        with_what = f"ASSETS_SHA512={digest(listed)}" if same else "other files"
        raise PublishError(f"{folder.place()}: is published already, with {with_what}")
    for name, size in present.items():
        if name not in files or size != len(files[name]) or folder.read(name) != files[name]:
            raise PublishError(f"{folder.place(name)}: is not a file of this version: remove it, or publish elsewhere")
    for name in files.keys() - present.keys():
        folder.write(name, files[name])
    folder.write(CHECKSUMS_NAME, listed)


def _entries(folder: Folder) -> Iterator[Entry]:
    try:
        yield from folder.entries()
    except ObjectMissing:  # a folder that is not there yet; of a missing bucket, writing tells
        return
