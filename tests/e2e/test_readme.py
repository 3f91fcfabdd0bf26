"""The README's `curl` commands, run as they stand against a live server, answer what the README shows."""

import json
import re
import shlex
import subprocess
import sys
from typing import Any

import pytest

from tests.e2e.conftest import ROOT
from tests.e2e.visit import Visit

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine]

README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"^```console\n\$ (curl [^\n]*)\n(\{.*?\})\n```$", README, re.MULTILINE | re.DOTALL)
PROBABILITY_SPREAD = 0.001
"""Another CPU sums in another order."""


def assert_alike(shown: Any, answered: Any) -> None:
    """Equal, but for the last digits of a number and for a text that the README cuts off with an ellipsis."""
    if isinstance(shown, dict):
        assert list(shown) == list(answered)
        for key, value in shown.items():
            assert_alike(value, answered[key])
    elif isinstance(shown, list):
        assert len(shown) == len(answered)
        for one, other in zip(shown, answered, strict=True):
            assert_alike(one, other)
    elif isinstance(shown, float):
        assert answered == pytest.approx(shown, abs=PROBABILITY_SPREAD)
    elif isinstance(shown, str) and shown.endswith("..."):
        assert answered.startswith(shown.removesuffix("..."))
    else:
        assert shown == answered


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == README.count("$ curl ")
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize(("command", "answer"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_example(url: str, command: str, answer: str) -> None:
    words = [word.replace("localhost:5000", url) for word in shlex.split(command)]
    ran = subprocess.run([*words, "--silent"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert_alike(json.loads(answer), json.loads(ran.stdout))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("example", re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))
def test_python_example(
    url: str, example: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    example = example.replace("http://localhost:5000", url).replace("localhost:5000", url.removeprefix("http://"))
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102  it is our own
    assert "7" in capsys.readouterr().out


def test_javascript_example(url: str, visit: Visit) -> None:
    (example,) = re.findall(r"^```javascript\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    visit.page.goto(f"{url}/app/")
    with visit.page.expect_console_message() as message:
        visit.page.evaluate(
            "async (bytes) => { const file = new File([new Uint8Array(bytes)], '7.png');"
            + example.replace("http://localhost:5000", url)
            + "}",
            list((ROOT / "samples" / "7.png").read_bytes()),
        )
    assert message.value.text.startswith("7 ")


def test_command_line_example(url: str) -> None:
    ((command, shown),) = re.findall(
        r"^```console\n\$ python (-m client [^\n]*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL
    )
    words = [sys.executable, *shlex.split(command), "--url", url]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    pattern = re.compile(r"\d+\.\d+%")
    assert pattern.sub("%", ran.stdout) == pattern.sub("%", shown)
