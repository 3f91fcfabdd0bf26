"""Whole jobs on pictures in a real store, which is made to fail."""

import threading
from itertools import count
from pathlib import Path

import pytest

from batch.names import SHARD
from batch.shards import decode
from core.storage import Folder, open_folder
from tests.batch.pictures import digit
from tests.batch.test_job import SECOND_RUN, score, summary
from tests.object_store import Door

PICTURES = 20


@pytest.fixture
def scans(folder: Folder) -> Folder:
    """Digits in a bucket, every tenth of them corrupt."""
    scans = open_folder(folder.place("scans"))
    for number in range(PICTURES):
        scans.write(f"{number:04}.png", b"corrupt" if number % 10 == 9 else digit(number % 10))
    return scans


def codes(target: Folder) -> dict[str, str | None]:
    """Error codes by key, of all shards."""
    found: dict[str, str | None] = {}
    for entry in target.entries():
        if SHARD.fullmatch(entry.name):
            rows = decode(target.read(entry.name), "parquet").to_pylist()
            assert not found.keys() & {row["key"] for row in rows}
            found |= {row["key"]: row["error_code"] for row in rows}
    return found


def test_throttling_dropped_connections_and_an_object_that_changes(scans: Folder, door: Door) -> None:
    """Each thing happens once, but for the change: the first to ask for an object finds another one."""
    requests, lock = count(1), threading.Lock()
    changed = "0015.png"

    def fail(method: str, path: str) -> str | None:
        if method != "GET" or ".png" not in path:
            return None
        with lock:
            number = next(requests)
        if changed in path and number < 10_000:
            front.write(changed, digit(8))
        return {3: "busy", 5: "drop", 8: "busy"}.get(number)

    door.fail = fail
    front, target = scans, open_folder(scans.place("").replace("/scans", "/scores"))
    first = score(scans.place(), target.place(), "--batch-size", "8")
    door.fail = lambda _method, _path: None
    assert first.returncode == 0, first.stderr
    corrupt = {f"{number:04}.png": "invalid_image" for number in range(9, PICTURES, 10)}
    found = codes(target)
    assert len(found) == PICTURES
    assert {key: code for key, code in found.items() if code} == corrupt | {changed: "object_changed"}
    assert f"listed {PICTURES} = scored {PICTURES - 3} + rejected 3" in first.stdout

    second = score(scans.place(), target.place())
    assert second.returncode == 0, second.stderr
    assert SECOND_RUN in second.stdout
    assert "1 shards of pictures or a model that are no more were removed" in second.stdout
    assert {key: code for key, code in codes(target).items() if code} == corrupt
    assert summary(target)["complete"] is True


def test_a_store_that_stays_too_busy_leaves_the_keys_open(scans: Folder, door: Door) -> None:
    target = open_folder(scans.place("").replace("/scans", "/scores"))
    door.fail = lambda method, path: "busy" if method == "GET" and "0003.png" in path else None
    ended = score(scans.place("000*.png"), target.place())
    assert ended.returncode == 1
    assert "listed 10 = scored 8 + rejected 1 + open 1" in ended.stdout
    assert "too busy" in ended.stderr
    assert [entry["key"] for entry in summary(target)["open"]] == ["0003.png"]  # type: ignore[attr-defined]
    assert "Traceback" not in ended.stderr


def test_a_wrong_secret_and_a_missing_bucket(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missing = score(f"{bucket}-none/scans", tmp_path / "scores")
    assert missing.returncode == 1
    assert "check the name and the bucket" in missing.stderr
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    wrong = score(f"{bucket}/scans", tmp_path / "scores")
    assert wrong.returncode == 1
    assert "AWS_SECRET_ACCESS_KEY" in wrong.stderr
    assert "wrong" not in wrong.stderr
    assert not list(tmp_path.glob("scores/part-*"))
