"""The folder that results go into: what it holds, whether it may take these, and what is out of date in it."""

import json
from pathlib import Path
from typing import Any

from batch.names import DIGITS, FORMATS, SHARD, shard_name
from batch.sources import FileSource, Source
from core.errors import StorageError
from core.storage import Folder, is_url

JOB, SUMMARY, SHEET = "_job.json", "_summary.json", "_least_sure.png"
"""Readers of Parquet folders pass over names that start so."""


def refuse_inside(source: Source, target: Folder) -> None:
    """Refuse to write results where they would be listed as pictures the next time.

    Raises:
        StorageError: The target lies in the source.
    """
    root, inner = absolute(source.place), absolute(target.place())
    if not isinstance(source, FileSource) or not f"{inner}/".startswith(f"{root}/"):
        return
    below = f"{inner}/"[len(root) + 1 :]
    results = (JOB, SHEET, *(shard_name("0" * DIGITS, kind) for kind in FORMATS))
    if any(source.lists(f"{below}{name}") for name in results):
        raise StorageError(f"{target.place()}: lies in {source.place}, whose files are read: take another folder")


def absolute(place: str) -> str:
    """Return a place's one name; a disk has many for the same."""
    return place.rstrip("/") if is_url(place) else str(Path(place).resolve())


def read_job(target: Folder, about: dict[str, str]) -> dict[str, Any]:
    """Return what an earlier run has noted of itself, nothing where there was none.

    Args:
        target: The folder.
        about: What this run has in common with every other whose results lie there.

    Raises:
        StorageError: They are the results of something else.
    """
    if not target.exists(JOB):
        return {}
    try:
        before: dict[str, Any] = json.loads(target.read(JOB))
        differing = [(name, before[name]) for name, value in about.items() if before[name] != value]
    except (ValueError, TypeError, KeyError) as exc:
        raise StorageError(f"{target.place(JOB)}: damaged: take another folder, or remove it") from exc
    for name, other in differing:
        raise StorageError(f"{target.place()}: holds results of {name} {other}: take another folder")
    return before


def write_job(target: Folder, about: dict[str, Any]) -> None:
    """Note what this run does."""
    target.write(JOB, json.dumps(about, indent=2).encode() + b"\n")


def shards_in(target: Folder) -> list[str]:
    """Return the names of the shards."""
    return [entry.name for entry in target.entries() if SHARD.fullmatch(entry.name)]


def remove_stale(target: Folder, current: set[str]) -> int:
    """Remove shards of pictures or a model that are no more, and what a killed run left; returns how many shards."""
    stale = [name for name in shards_in(target) if name not in current]
    for name in stale:
        target.remove(name)
    if not is_url(target.place()):
        for half in Path(target.place()).glob(".part-*.tmp"):
            half.unlink(missing_ok=True)
    return len(stale)
