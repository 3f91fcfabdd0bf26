"""Who gets in: the keys of the setting and of a file, and how a request's key is compared with them."""

import hmac
from pathlib import Path
from typing import Any

import pytest

from api import auth
from api.auth import SAFE_LENGTH, Keys, collect_keys
from core.errors import StartError

LONG = "k" * SAFE_LENGTH


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def test_keys_of_the_setting_and_of_the_file_add_up(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf# those of the laboratory\r\n  first-of-file \r\n\r\n\t#none\nsecond#of=file")
    assert collect_keys(("given",), file) == ("given", "first-of-file", "second#of=file")
    assert collect_keys(("given",), None) == ("given",)
    assert collect_keys((), None) == ()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "holds no key"),
        (b" \n# only a comment\n", "holds no key"),
        (b"\xff\xfe\x00", "is no text"),
        (b"good-key\nbad key\n", "can match no request"),
        ("good-key\nschlüssel\n".encode(), "can match no request"),
        (b"good-key\nbell\x07\n", "can match no request"),
    ],
)
def test_a_bad_file_is_refused_by_its_name_and_never_by_its_keys(
    content: bytes | None, reason: str, file: Path
) -> None:
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StartError) as caught:
        collect_keys((LONG,), file)
    message = str(caught.value)
    assert f"API_KEYS_FILE='{file}'" in message
    assert reason in message
    for key in (LONG, "good-key", "bad key", "schlüssel", "bell"):
        assert key not in message
    assert "\n" not in message


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot be read: Is a directory"):
        collect_keys((), tmp_path)


def test_a_bad_line_is_told_by_its_number(file: Path) -> None:
    file.write_text("# a comment\ngood-key\n\nbad key\n")
    with pytest.raises(StartError, match="line 4 of API_KEYS_FILE"):
        collect_keys((), file)


def test_a_key_of_the_setting_that_no_header_can_bear() -> None:
    with pytest.raises(StartError, match="key 2 of API_KEYS can match no request") as caught:
        collect_keys((LONG, "with blank"), None)
    assert "blank" not in str(caught.value).removesuffix("and no blanks")


def test_a_short_key_is_taken_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert Keys((LONG, "short")).admit({"HTTP_X_API_KEY": "short"})
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == "API keys of fewer than 16 characters, which may be guessed: 1"


@pytest.mark.parametrize("sent", ["first", "third", "", "fir", "x" * 10_000, "\xff"])
def test_every_key_is_compared_in_full_whatever_was_sent(sent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a function whose time does not depend on the bytes, given bytes whose number does not depend on the keys."""
    compared: list[tuple[int, int]] = []

    def compare(first: bytes, second: bytes) -> bool:
        compared.append((len(first), len(second)))
        return hmac.compare_digest(first, second)

    monkeypatch.setattr(auth, "hmac", type("", (), {"compare_digest": staticmethod(compare)}))
    keys = Keys(("first", "second-and-longer", "third"))
    assert keys.admit({"HTTP_X_API_KEY": sent}) == (sent in ("first", "third"))
    assert compared == [(32, 32)] * 3


@pytest.mark.parametrize(
    ("environ", "admitted"),
    [
        ({"HTTP_AUTHORIZATION": "Bearer first"}, True),
        ({"HTTP_AUTHORIZATION": "bEARER   first  "}, True),
        ({"HTTP_AUTHORIZATION": "first"}, False),
        ({"HTTP_AUTHORIZATION": "Bearer"}, False),
        ({"HTTP_AUTHORIZATION": "Bearer first second"}, False),
        ({"HTTP_AUTHORIZATION": "Basic first", "HTTP_X_API_KEY": "first"}, True),
        ({"HTTP_AUTHORIZATION": "Bearer wrong", "HTTP_X_API_KEY": "first"}, False),
        ({"QUERY_STRING": "api_key=first"}, False),
        ({"HTTP_COOKIE": "api_key=first"}, False),
    ],
)
def test_where_a_key_may_be(environ: dict[str, Any], admitted: bool) -> None:
    assert Keys(("first",)).admit(environ) == admitted
