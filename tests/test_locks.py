"""Every package that is installed is pinned with its hashes, and the pins are those that the requirements name."""

import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SETS = sorted(path.stem for path in ROOT.glob("requirements*.txt"))

IMAGE = {
    "sys_platform": "linux",
    "platform_machine": "x86_64",
    "python_full_version": "3.11.9",
    "python_version": "3.11",
}
"""What the image runs on, as markers have it."""

PINNED = re.compile(r"[a-z0-9-]+(\[[a-z0-9, -]+\])?==[\w.!+]+( ; [^@]+?)?( +--hash=sha256:[0-9a-f]{64})+ *")

IN_THE_IMAGE = ("requirements-train", "requirements-batch")
"""The sets that the image holds; both hold `requirements`."""

Install = Callable[..., list[str]]


def locked(name: str) -> dict[str, list[Requirement]]:
    """What a lock pins, by package; a package may have a version for each kind of machine."""
    pins: dict[str, list[Requirement]] = {}
    for entry in entries(name):
        pin = Requirement(re.split(r"\s+--hash=", entry)[0])
        pins.setdefault(canonicalize_name(pin.name), []).append(pin)
    return pins


def entries(name: str) -> list[str]:
    """The lines of a lock, continued ones joined, without comments."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / f"{name}.lock").read_text(), flags=re.MULTILINE)
    return text.replace("\\\n", "").strip().splitlines()


def required(name: str) -> list[Requirement]:
    """What a requirements file names, and those that it builds on."""
    found = []
    for line in (ROOT / f"{name}.txt").read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            found += required(text.removeprefix("-r ").removesuffix(".txt"))
        elif text:
            found.append(Requirement(text))
    return found


def in_the_image() -> dict[str, str]:
    """The version of each package that the image holds."""
    return {
        package: str(pin.specifier).removeprefix("==")
        for name in IN_THE_IMAGE
        for package, pins in locked(name).items()
        for pin in pins
        if pin.marker is None or pin.marker.evaluate(IMAGE)
    }


def test_every_set_is_there() -> None:
    assert {"requirements", "requirements-train", "requirements-test"} <= set(SETS)


@pytest.mark.parametrize("name", SETS)
def test_a_lock_holds_the_pins_of_its_requirements(name: str) -> None:
    pins = locked(name)
    for requirement in required(name):
        (pin,) = pins[canonicalize_name(requirement.name)]
        assert pin.specifier == requirement.specifier, "make lock"


@pytest.mark.parametrize("name", SETS)
def test_every_line_of_a_lock_is_one_version_with_hashes_and_names_no_place(name: str) -> None:
    lines = entries(name)
    assert lines
    for line in lines:
        assert PINNED.fullmatch(line), line
    assert "://" not in (ROOT / f"{name}.lock").read_text()


@pytest.mark.parametrize("name", [name for name in SETS if name != "requirements"])
def test_the_other_sets_keep_to_the_versions_that_serve(name: str) -> None:
    pins, serving = locked(name), locked("requirements")
    assert serving.keys() <= pins.keys() or name == "requirements-telemetry"  # which is installed beside them
    for package in serving.keys() & pins.keys():
        assert [pin.specifier for pin in pins[package]] == [pin.specifier for pin in serving[package]], package


def test_the_sets_of_the_image_agree_and_are_those_that_it_installs() -> None:
    assert re.findall(r"\./install\.sh (\S+)\.lock", (ROOT / "Dockerfile").read_text()) == list(IN_THE_IMAGE)
    first, second = map(locked, IN_THE_IMAGE)
    for package in first.keys() & second.keys():
        one, other = ([(pin.specifier, str(pin.marker)) for pin in pins[package]] for pins in (first, second))
        assert one == other, package


def test_the_list_of_what_the_image_holds_is_valid_and_whole(tmp_path: Path) -> None:
    sbom = tmp_path / "sbom.json"
    options = ["-o", ".venv/.test", f"BIN={Path(sys.executable).parent}", f"SBOM={sbom}"]  # nothing is installed
    made = subprocess.run(
        ["make", "sbom", *options], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    if "error sending request" in made.stderr:
        pytest.skip("NOT RUN: no package index answers, so no list of what the image holds was made")
    assert made.returncode == 0, made.stderr
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom.read_text()) is None
    held = json.loads(sbom.read_text())
    assert held["metadata"]["component"]["name"] == "max-pytorch-mnist"
    versions = {component["name"]: component["version"] for component in held["components"]}
    assert len(versions) == len(held["components"])
    assert versions == in_the_image()


FAKE_PYTHON = """#!/bin/sh
echo "$*" >> "$LOG"
case "$*" in *--index-url*) exit "$INDEX_STATUS";; */dev/stdin) sed -n 's/ .*//; /==/p' >> "$LOG";; esac
"""


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Runs install.sh with a Python that only notes what it was asked; returns the notes."""
    python, log = tmp_path / "python", tmp_path / "log"
    python.write_text(FAKE_PYTHON)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)

    def run(*arguments: str, index_status: int = 0) -> list[str]:
        log.write_text("")
        environ = {"PATH": "/usr/bin:/bin", "PYTHON": str(python), "LOG": str(log), "INDEX_STATUS": str(index_status)}
        subprocess.run([ROOT / "install.sh", *arguments], cwd=ROOT, env=environ, check=True, timeout=60)
        return log.read_text().splitlines()

    return run


ALL_BY_HASH = "-m pip --disable-pip-version-check install --require-hashes -r requirements.lock"


def test_all_is_installed_by_its_hash(install: Install) -> None:
    assert install("requirements.lock") == [ALL_BY_HASH]


def test_all_but_pytorch_is_installed_by_its_hash_where_its_own_index_answers(install: Install) -> None:
    torch, others, *names = install("requirements.lock", "https://index.example/cpu")
    assert "--no-deps --index-url https://index.example/cpu torch==" in torch
    assert others.endswith("install --require-hashes -r /dev/stdin")
    pins = locked("requirements")
    left_out = set(pins) - {name.partition("==")[0] for name in names}
    assert {"torch", "triton", "nvidia-cudnn-cu13"} <= left_out
    assert all(name in ("torch", "triton") or name.startswith(("nvidia-", "cuda-")) for name in left_out)


def test_all_is_installed_by_its_hash_where_that_index_does_not_answer(install: Install) -> None:
    _, others = install("requirements.lock", "https://index.example/cpu", index_status=1)
    assert others == ALL_BY_HASH
