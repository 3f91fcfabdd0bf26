import pickle
from pathlib import Path

import pytest
from s3fs import S3FileSystem

from core.errors import ObjectChanged, ObjectMissing, StorageError
from core.storage import Folder, open_folder
from core.storage.objects import ATTEMPTS, PAGE, PART_BYTES
from tests.object_store import Door

NAMES = ["a.png", "b/c.png", "b/d e+ü.png", "z.png"]


@pytest.fixture(params=["on a disk", "in object storage"])
def any_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    if request.param == "on a disk":
        return open_folder(tmp_path / "some")
    folder: Folder = request.getfixturevalue("folder")
    return folder


def filled(folder: Folder) -> Folder:
    for name in reversed(NAMES):
        folder.write(name, name.encode())
    return folder


def test_what_is_written_is_listed_in_order_and_read(any_folder: Folder) -> None:
    folder = filled(any_folder)
    entries = list(folder.entries())
    assert [entry.name for entry in entries] == NAMES
    assert [entry.size for entry in entries] == [len(name.encode()) for name in NAMES]
    assert folder.read_listed(entries) == [name.encode() for name in NAMES]
    assert folder.read("b/d e+ü.png") == "b/d e+ü.png".encode()


def test_a_folder_travels_to_another_process(any_folder: Folder) -> None:
    filled(any_folder)
    assert pickle.loads(pickle.dumps(any_folder)).read("a.png") == b"a.png"  # noqa: S301 - our own


def test_names_with_a_leading_dot_are_no_files_of_a_user(any_folder: Folder) -> None:
    filled(any_folder)
    any_folder.write(".secret/x.png", b"x")
    any_folder.write("b/.y.png", b"y")
    assert [entry.name for entry in any_folder.entries()] == NAMES


def test_writing_again_replaces(any_folder: Folder) -> None:
    any_folder.write("a", b"old")
    any_folder.write("a", b"new")
    assert any_folder.read("a") == b"new"


def test_a_file_of_the_disk_is_put_whole(any_folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PART_BYTES == 8 * 2**20
    monkeypatch.setattr("core.storage.objects.PART_BYTES", 5 * 2**20)
    for size in (0, 11 * 2**20 + 1):
        (tmp_path / "file").write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
        any_folder.put("of/some size", tmp_path / "file")
        assert any_folder.read("of/some size") == (tmp_path / "file").read_bytes()
    assert [entry.name for entry in any_folder.entries()] == ["of/some size"]


def test_a_large_file_that_does_not_arrive_is_not_shown(bucket: str, door: Door, tmp_path: Path) -> None:
    folder = open_folder(bucket)
    with (tmp_path / "file").open("wb") as stream:
        stream.truncate(3 * PART_BYTES)
    door.fail = lambda method, path: "busy" if method == "PUT" and "partNumber=2" in path else None
    with pytest.raises(StorageError, match=r"/large: .*too busy"):
        folder.put("large", tmp_path / "file")
    assert not folder.exists("large")
    assert [method for method, _ in door.asked].count("DELETE") == 1


def test_exists_and_remove(any_folder: Folder) -> None:
    filled(any_folder)
    assert any_folder.exists("b/c.png")
    assert not any_folder.exists("b")
    assert not any_folder.exists("nothing")
    any_folder.remove("b/c.png")
    any_folder.remove("b/c.png")
    assert not any_folder.exists("b/c.png")


def test_what_changed_or_went_since_it_was_listed_is_told_apart(any_folder: Folder) -> None:
    folder = filled(any_folder)
    entries = list(folder.entries())
    folder.write("a.png", b"another picture")
    folder.remove("z.png")
    changed, same, _, gone = folder.read_listed(entries)
    assert isinstance(changed, ObjectChanged)
    assert same == b"b/c.png"
    assert isinstance(gone, ObjectMissing)


def test_a_missing_file_is_named(any_folder: Folder) -> None:
    filled(any_folder)
    with pytest.raises(ObjectMissing, match=r"nothing\.png: is not there"):
        any_folder.read("nothing.png")


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="IsADirectoryError"):
        open_folder(tmp_path).read("folder")


def test_listings_of_many_pages_are_complete(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PAGE == 1000
    monkeypatch.setattr("core.storage.objects.PAGE", 3)
    for number in range(10):
        folder.write(f"{number}", b"x")
    assert [entry.name for entry in folder.entries()] == [str(number) for number in range(10)]


def test_listings_are_lazy(bucket: str, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = filled(open_folder(bucket))
    monkeypatch.setattr("core.storage.objects.PAGE", 2)
    entries = folder.entries()
    next(entries)
    next(entries)
    assert sum("list-type=2" in path for _, path in door.asked) == 1


def test_a_missing_bucket(bucket: str) -> None:
    missing = open_folder(f"{bucket}-missing/folder")
    for ask in (lambda: missing.read("x"), lambda: list(missing.entries()), lambda: missing.write("x", b"x")):
        with pytest.raises(ObjectMissing, match=r"-missing/folder.*check the name and the bucket"):
            ask()


def test_a_wrong_secret(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    S3FileSystem.clear_instance_cache()
    refused = open_folder(bucket)
    for ask in (lambda: refused.read("x"), lambda: list(refused.entries()), lambda: refused.write("x", b"x")):
        with pytest.raises(StorageError, match="access is refused: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
            ask()


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    S3FileSystem.clear_instance_cache()
    with pytest.raises(StorageError, match="cannot be reached: check AWS_ENDPOINT_URL"):
        open_folder("s3://bucket").read("x")


def test_connections_that_drop_in_mid_read_are_tried_again(bucket: str, door: Door) -> None:
    folder = open_folder(bucket)
    folder.write("a", b"x" * 100_000)
    entries = list(folder.entries())
    left = [2]

    def twice(method: str, _path: str) -> str | None:
        left[0] -= method == "GET"
        return "drop" if method == "GET" and left[0] >= 0 else None

    door.fail = twice
    assert folder.read_listed(entries) == [b"x" * 100_000]
    left[0] = 2
    assert folder.read("a") == b"x" * 100_000


def test_connections_that_drop_for_ever_are_an_error(bucket: str, door: Door) -> None:
    folder = open_folder(bucket)
    folder.write("a", b"x" * 100_000)
    door.fail = lambda method, _path: "drop" if method == "GET" else None
    with pytest.raises(StorageError, match="/a: "):
        folder.read("a")
    assert [method for method, _ in door.asked].count("GET") == ATTEMPTS


def test_throttling_is_waited_for(bucket: str, door: Door) -> None:
    folder = open_folder(bucket)
    left = [2]

    def twice(_method: str, _path: str) -> str | None:
        left[0] -= 1
        return "busy" if left[0] >= 0 else None

    door.fail = twice
    folder.write("a", b"x")
    left[0] = 2
    assert folder.read("a") == b"x"


def test_throttling_that_does_not_end_is_an_error(bucket: str, door: Door) -> None:
    folder = open_folder(bucket)
    door.fail = lambda _method, _path: "busy"
    with pytest.raises(StorageError, match=r"/a: .*too busy"):
        folder.write("a", b"x")


@pytest.mark.parametrize("place", ["gs://bucket/x", "http://host/x", "s3://", "s3:///x"])
def test_other_urls_are_refused(place: str) -> None:
    with pytest.raises(StorageError, match="take a path or s3://BUCKET/PREFIX"):
        open_folder(place)
