"""One virtual environment for each family of peers, in the user's cache folder, made once and used again.

PyTorch, ONNX Runtime, NumPy and Pillow come from the environment that runs the benchmark: an extra path behind the
peer's own packages. So all servers run the same build of the same network, and no peer costs another 5 GB of PyTorch;
whatever else a peer wants in another version lies in its own environment, which comes first.
"""

import hashlib
import logging
import os
import shutil
import subprocess  # nosec B404 # each call is looked at by itself
import sys
import sysconfig
from pathlib import Path

from core.cache import cache_folder

logger = logging.getLogger(__name__)

REQUIREMENTS = Path(__file__).resolve().parents[1]

INSTALL_S = 1200
"""Seconds that an installation may take; Ray and BentoML bring 100 packages each."""

REASON_LINES = 6
"""Last lines of a failed command that its reason repeats."""

LONGEST_LINE = 160
"""Characters of each of them."""

STAMP = ".complete"
"""Written when everything is installed; an environment without it is made anew."""


class EnvironmentFailed(Exception):
    """A peer's packages cannot be installed; the message is the reason that the report shows."""


def cache_dir() -> Path:
    """Return the folder of the environments."""
    return cache_folder(os.environ) / "peers"


def requirements(family: str) -> Path:
    """Return the pinned packages of a family of peers."""
    return REQUIREMENTS / f"requirements-{family}.txt"


def environment(family: str, cache: Path) -> Path:
    """Return the folder with the executables of a family's environment, which is made where there is none yet.

    Args:
        family: Of peers, such as "fastapi".
        cache: Folder of the environments.

    Raises:
        EnvironmentFailed: It cannot be made.
    """
    folder = cache / f"{family}-{_fingerprint(family)}"
    if not (folder / STAMP).exists():
        logger.info("%s: installing", family)
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, family)
        (folder / STAMP).touch()
    return folder / "bin"


def _fingerprint(family: str) -> str:
    """Changes with the pins, the interpreter and the environment that PyTorch comes from."""
    parts = (requirements(family).read_bytes(), sys.version.encode(), str(_own_packages()).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def _own_packages() -> Path:
    """Where the environment that runs the benchmark keeps its packages."""
    return Path(sysconfig.get_path("purelib")).resolve()


def _make(folder: Path, family: str) -> None:
    _run([sys.executable, "-m", "venv", str(folder)])
    own = sysconfig.get_path("purelib", "venv", {"base": str(folder)})
    Path(own, "project.pth").write_text(f"{_own_packages()}\n")
    install = ["pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-conflicts"]
    _run([str(folder / "bin" / "python"), "-m", *install, "-r", str(requirements(family))])


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_S)  # noqa: S603  ours  # nosec B603
    except subprocess.CalledProcessError as exc:
        raise EnvironmentFailed(_reason(exc.stderr or exc.stdout)) from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise EnvironmentFailed(str(exc)) from exc


def _reason(output: str) -> str:
    """The errors among what pip says, each without its list of every release there ever was."""
    lines = output.strip().splitlines()
    errors = [line for line in lines if line.startswith("ERROR:")] or lines
    return "\n".join(line[:LONGEST_LINE] for line in errors[-REASON_LINES:])
