from pathlib import Path

import pytest

from app import read_inputs, serve_debug
from config import Settings, assets_cache
from core.errors import StartError


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses on which Flask's own server was told to listen; it does not."""
    hosts: list[str] = []
    monkeypatch.setattr("app.logging.config.dictConfig", lambda _: None)
    monkeypatch.setattr(
        "app.create_app", lambda _: type("", (), {"run": lambda _, host, *__, **___: hosts.append(host)})()
    )
    return hosts


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "localhost.example.org", "127.1"])  # noqa: S104
def test_debug_listens_to_nobody_else(host: str, served: list[str]) -> None:
    with pytest.raises(StartError, match=r"HOST=127\.0\.0\.1, or DEBUG_ANYWHERE=true"):
        serve_debug(Settings(debug=True, host=host))
    assert served == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_debug_listens_on_loopback(host: str, served: list[str]) -> None:
    serve_debug(Settings(debug=True, host=host))
    assert served == [host]


def test_debug_listens_anywhere_when_told_twice(served: list[str]) -> None:
    serve_debug(Settings(debug=True, debug_anywhere=True, host="0.0.0.0"))  # noqa: S104
    assert served == ["0.0.0.0"]  # noqa: S104


def test_a_user_without_a_home_serves_without_a_cache(band_assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert assets_cache() is None
    assert read_inputs(Settings(assets_dir=band_assets, model_name="bands")).checkpoint.name == "bands"


def nobody(uid: int) -> None:
    raise KeyError(uid)
