"""What one run found, with what it depends on, as one structure that fits into JSON."""

import os
import platform
import re
import subprocess  # nosec B404 # each call is looked at by itself
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.networks import cpu_model
from benchmarks.servers import growth, rounds, targets
from benchmarks.servers.environments import REQUIREMENTS
from benchmarks.servers.growth import Growth
from benchmarks.servers.load import wrk_path
from benchmarks.servers.rounds import Outcome
from config import granted_cpus
from core.integrity import digest

OWN_PACKAGES = ("torch", "onnxruntime", "numpy", "pillow", "flask", "flask-restx", "gunicorn")
"""Of the project's environment, which all servers share."""

PIN = re.compile(r"^([a-z][a-z0-9-]*)(?:\[\w+\])?==([\w.]+)", re.MULTILINE)

NAME = "digit-net"

DECIMALS = 3


def collect(outcomes: Sequence[Outcome], grown: Growth, count: int, seconds: float, assets: Path) -> dict[str, Any]:
    """Return the results.

    Args:
        outcomes: Of every server.
        grown: Of our own.
        count: Rounds.
        seconds: Of each load.
        assets: Folder of the weights that all served.
    """
    results = {
        "machine": describe_machine(),
        "versions": versions(),
        "weights": digest((assets / f"{NAME}.pt").read_bytes())[:12],
        "rounds": count,
        "seconds": seconds,
        "servers": {outcome.server.key: rounds.summarise(outcome) for outcome in outcomes},
        "growth": growth.summarise(grown),
    }
    rounded: dict[str, Any] = _rounded(results)
    return rounded | {"targets": [asdict(verdict) for verdict in targets.check(rounded)]}


def describe_machine() -> dict[str, Any]:
    """Return processor, CPUs that may be used, and memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": cpu_model(), "cpus": granted_cpus(), "memory_gb": round(memory / 1e9)}


def versions() -> dict[str, str]:
    """Return the versions of everything that takes part."""
    pins = (PIN.search(path.read_text()) for path in sorted(REQUIREMENTS.glob("requirements-*.txt")))
    peers = {pin[1]: pin[2] for pin in pins if pin}
    own = {name: version(name) for name in OWN_PACKAGES}
    return {"python": platform.python_version(), "wrk": _wrk_version()} | own | peers


def _wrk_version() -> str:
    """Wrk prints its version with its help, and exits with 1."""
    command = [wrk_path(), "-v"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603  # nosec B603
    found = re.search(r"wrk (\S+)", printed.stdout + printed.stderr)
    return found[1] if found else "unknown"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, DECIMALS) if isinstance(value, float) else value
