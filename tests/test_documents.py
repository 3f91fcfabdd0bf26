"""README and Makefile name what there is, all of it."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from flask import Flask

from core.errors import RequestError
from tests.core.test_errors import ABSTRACT, descendants

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def test_every_route_is_documented(app: Flask) -> None:
    own = (rule for rule in app.url_map.iter_rules() if not rule.rule.startswith("/swaggerui"))
    for rule in own:
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        assert any(f"`{method} {rule.rule}`" in README for method in methods), rule


@pytest.mark.parametrize("error", [error for error in descendants(RequestError) if error.code not in ABSTRACT])
def test_every_error_is_documented(error: type[RequestError]) -> None:
    rows = [line for line in README.splitlines() if line.startswith(f"| {int(error.status)} |")]
    assert any(f"`{error.code}`" in row for row in rows)


def test_help_lists_every_target() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)) - {"help"}
    assert targets
    for target in targets:
        assert f"make {target} " in listed


def test_every_make_command_of_the_readme_exists() -> None:
    named = set(re.findall(r"^\$ (?:[A-Z_]+=\S+ )*make ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert named <= set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_links_lead_somewhere() -> None:
    for document in ROOT.glob("*.md"):
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_stated_error_is_that_of_the_shipped_weights() -> None:
    figures = json.loads((ROOT / "assets" / "digit-net.json").read_text())["metrics"]
    stated = f"misread {figures['test_errors']} of MNIST's 10,000 test digits ({figures['test_error_percent']} %)"
    assert figures["test_images"] == 10_000
    assert stated in README
    assert f"`DigitNet` | the default | {figures['parameters']:,} |" in README
