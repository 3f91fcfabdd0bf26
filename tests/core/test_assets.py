"""`core.assets`: what comes out of a bucket is what the pin stands for, or nothing does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import assets
from core.assets import read_assets
from core.checksums import CHECKSUMS_NAME
from core.errors import StartError
from core.integrity import digest
from core.storage import Folder, open_folder
from core.storage.apart import Read
from tests.object_store import Door

FILES = {"digit-net.json": b"{}", "digit-net.pt": b"weights" * 1000, "graphs/digit-net.onnx": b"\x00graph"}
LIST = "".join(f"{digest(data)}  {name}\n" for name, data in FILES.items()).encode()
PIN = digest(LIST)
URL = "s3://bucket/assets"


def fill(folder: Folder) -> Folder:
    for name, data in {**FILES, CHECKSUMS_NAME: LIST, "README.md": b"listed nowhere"}.items():
        folder.write(name, data)
    return folder


@pytest.fixture(autouse=True)
def forgetful() -> None:
    """Each test begins as a process does, with nothing remembered."""
    assets._read_url.cache_clear()


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """What `URL` leads to: a folder here, as what is tried with it is not the storage."""

    @contextmanager
    def reading(place: str) -> Iterator[Read]:
        yield open_folder(place.replace(URL, str(tmp_path / "bucket"))).read

    monkeypatch.setattr(assets, "reading_apart", reading)
    return fill(open_folder(tmp_path / "bucket"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def refusal(place: str | Path, pin: str | None, cache: Path | None = None) -> str:
    with pytest.raises(StartError) as caught:
        read_assets(place, pin, cache)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("beside", [False, True])
def test_a_folder_s_list_may_be_pinned(tmp_path: Path, beside: bool) -> None:
    folder = tmp_path / "assets"
    for name, data in FILES.items():
        open_folder(folder).write(name, data)
    lines = LIST.decode().splitlines(keepends=True)
    listed = "".join(f"{line[:130]}assets/{line[130:]}" for line in lines) if beside else "".join(lines)
    (tmp_path if beside else folder).joinpath(CHECKSUMS_NAME).write_text(listed)
    pin = digest(listed.encode())
    assert read_assets(folder, pin) == read_assets(folder, pin.upper()) == read_assets(str(folder)) == FILES
    assert "its SHA-512 is not ASSETS_SHA512" in refusal(folder, digest(b"another list"))


def test_a_bucket_without_a_pin_is_not_asked() -> None:
    message = refusal("s3://nowhere/assets", None)
    assert message.startswith("ASSETS_SHA512 is not set")
    assert "python -m training publish" in message


def test_another_process_fetches_what_a_cache_then_keeps(
    bucket: str, door: Door, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    place = fill(open_folder(f"{bucket}/some/folder")).place()
    door.asked.clear()
    assert read_assets(place, PIN, cache) == FILES
    assert [method for method, _ in door.asked] == ["GET"] * 4  # the right to list the bucket is not needed
    assets._read_url.cache_clear()
    door.asked.clear()
    assert read_assets(f"{place}/", PIN.upper(), cache) == FILES
    assert door.asked == []
    assert f"{place}: not asked, as its files are in the cache" in caplog.text


def test_another_process_tells_what_went_wrong(folder: Folder, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a wrong secret")
    message = refusal(folder.place(), PIN, cache)
    assert message.endswith("access is refused: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    assert "a wrong secret" not in message
    assert not cache.exists()


def test_another_process_tells_of_a_url_that_is_none() -> None:
    assert "take a path or s3://BUCKET/PREFIX" in refusal("gs://bucket/assets", PIN)


def test_another_process_that_dies_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.storage.apart.sys.executable", "/bin/false")
    assert "s3://bucket/sha512sums.txt: could not be read within" in refusal("s3://bucket", PIN)


def test_what_was_fetched_is_not_fetched_again_by_the_same_process(published: Folder) -> None:
    assert read_assets(URL, PIN) == FILES
    published.remove("digit-net.pt")
    assert read_assets(URL, PIN) == FILES


@pytest.mark.parametrize("harm", ["changed", "gone", "extra", "no list", "another list", "a folder"])
def test_a_damaged_cache_is_fetched_again(published: Folder, cache: Path, harm: str) -> None:
    read_assets(URL, PIN, cache)
    kept = cache / PIN
    if harm == "changed":
        (kept / "digit-net.pt").write_bytes(b"Weights")
    elif harm == "gone":
        (kept / "digit-net.pt").unlink()
    elif harm == "extra":
        (kept / "extra.pt").touch()
    elif harm == "no list":
        (kept / CHECKSUMS_NAME).unlink()
    elif harm == "another list":
        (kept / CHECKSUMS_NAME).write_bytes(LIST[:-1])
    else:
        (kept / "digit-net.pt").unlink()
        (kept / "digit-net.pt").mkdir()
    for _ in range(2):
        assets._read_url.cache_clear()
        assert read_assets(URL, PIN, cache) == FILES
        published.remove("digit-net.pt")  # so that the second time, only the cache has it


@pytest.mark.usefixtures("published")
def test_no_cache_is_no_hindrance(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert read_assets(URL, PIN, tmp_path / "file" / "cache") == FILES
    assert "not kept for the next start" in caplog.text
    assets._read_url.cache_clear()
    assert read_assets(URL, PIN) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_changed_object_is_refused_and_nothing_kept(published: Folder, cache: Path, name: str) -> None:
    published.write(name, FILES[name][:-1] + b"?")
    assert f"{name}: its SHA-512 differs" in refusal(URL, PIN, cache)
    assert not cache.exists()


def test_a_changed_list_is_refused_before_anything_it_names_is_asked_for(published: Folder) -> None:
    hostile = f"{digest(b'')}  ../../secret\n".encode()
    published.write(CHECKSUMS_NAME, hostile)
    assert "sha512sums.txt: its SHA-512 is not ASSETS_SHA512" in refusal(URL, PIN)
    assert "'../../secret' lies outside" in refusal(URL, digest(hostile))


def test_a_missing_prefix_and_a_missing_file_are_named(published: Folder) -> None:
    assert "/other/sha512sums.txt: is not there" in refusal(f"{URL}/other", PIN)
    published.remove("digit-net.pt")
    assert "/digit-net.pt: is not there" in refusal(URL, PIN)


@pytest.mark.usefixtures("published")
def test_what_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "MAX_ASSET_BYTES", len(FILES["digit-net.pt"]) - 1)
    assert "digit-net.pt: has 7000 bytes, where at most 6999 are taken" in refusal(URL, PIN)
    monkeypatch.setattr(assets, "MAX_LIST_BYTES", len(LIST) - 1)
    assert "sha512sums.txt: has " in refusal(URL, PIN)


def test_connections_that_drop_for_ever_stop_the_start_and_leave_nothing(bucket: str, door: Door, cache: Path) -> None:
    place = fill(open_folder(bucket)).place()
    door.fail = lambda _method, path: "drop" if path.endswith(".pt") else None
    assert "/digit-net.pt: " in refusal(place, PIN, cache)
    assert not cache.exists()
