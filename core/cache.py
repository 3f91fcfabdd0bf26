"""Where files lie that can be fetched again."""

from collections.abc import Mapping
from pathlib import Path


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder for downloads and unfinished runs; the XDG Base Directory Specification says where.

    Args:
        environment: The variables of the process, of which `XDG_CACHE_HOME` counts.

    Raises:
        RuntimeError: The user has no home.
    """
    base = Path(environment.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "max-pytorch-mnist"
