"""The imports of the house point one way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "app": {"api", "core", "model", "config"},
    "gunicorn.conf": {"api", "core", "config"},
    "config": {"core"},
    "api": {"core", "model"},
    "training": {"core", "model", "samples"},
    "batch": {"config", "core", "model"},
    "client": set(),
    "core": {"model"},
    "model": set(),
    "samples": set(),
    "benchmarks": {"api", "batch", "config", "core", "model", "samples", "training"},
}
"""Which of our packages each may import beside itself; `app -> api -> core -> model`."""

TRAINING_MAY_TAKE_OF_CORE = {
    "core.cache",
    "core.checkpoint",
    "core.checksums",
    "core.command_line",
    "core.engine",
    "core.errors",
    "core.image",
    "core.integrity",
    "core.model",
    "core.prepared",
    "core.storage",
    "core.torch_engine",
}
WEB_LIBRARIES = {"flask", "flask_restx", "flask_cors", "werkzeug", "gunicorn"}
MAY_SERVE_HTTP = {"app", "gunicorn.conf", "api", "benchmarks"}


def modules(package: str) -> Iterator[Path]:
    single = ROOT / f"{package}.py"
    yield from [single] if single.exists() else (ROOT / package).rglob("*.py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def imported_by(package: str) -> set[tuple[str, str]]:
    return {(str(path.relative_to(ROOT)), name) for path in modules(package) for name in imports(path)}


def test_the_table_names_every_package() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {path.stem for path in ROOT.glob("*.py")}
    assert packages - {"tests"} == set(MAY_IMPORT)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_arrows(package: str) -> None:
    forbidden = {*MAY_IMPORT, "tests"} - MAY_IMPORT[package] - {package}
    assert list(modules(package))
    wrong = {(path, name) for path, name in imported_by(package) if name.split(".")[0] in forbidden}
    assert not wrong


@pytest.mark.parametrize("package", sorted(set(MAY_IMPORT) - MAY_SERVE_HTTP))
def test_only_the_interface_knows_http(package: str) -> None:
    assert not {(path, name) for path, name in imported_by(package) if name.split(".")[0] in WEB_LIBRARIES}


def test_training_takes_of_core_only_what_makes_reads_and_checks_digits() -> None:
    taken = {name for _, name in imported_by("training") if name.split(".")[0] == "core"}
    assert taken <= TRAINING_MAY_TAKE_OF_CORE


def test_only_commands_read_the_environment() -> None:
    for package in ("api", "core", "model"):
        for path in modules(package):
            text = path.read_text(encoding="utf-8")
            assert "os.environ" not in text, path
            assert "getenv" not in text, path
