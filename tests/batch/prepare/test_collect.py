from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from batch.prepare.collect import collect, collected, in_test
from batch.prepare.shard import Row, write_shard
from core.errors import StorageError
from core.prepared import DATA_NAMES, MANIFEST_NAME, sha256
from core.storage import Folder, open_folder
from training.data import find_data, load_test, load_training

IMAGES = np.random.default_rng(1).integers(0, 256, (60, 28, 28), np.uint8)
SHARE = 0.25


def fill(folder: Folder) -> list[str]:
    """Write two shards of 60 digits, each with a picture that was rejected."""
    names = ["shards/b.parquet", "shards/a.parquet"]
    for number, name in enumerate(names):
        part = range(30 * number, 30 * number + 30)
        rows = [Row(f"{place}.png", place % 10, IMAGES[place]) for place in part]
        folder.write(name, write_shard([*rows, Row("x", None, error="no_label")]))
    return names


@pytest.fixture
def target(tmp_path: Path) -> Folder:
    return open_folder(tmp_path / "target")


def digits(root: Path) -> list[tuple[bytes, int]]:
    halves = [*load_training(root, 1), load_test(root)]
    return [
        (image.numpy().tobytes(), int(label))
        for half in halves
        for image, label in zip(half.images, half.labels, strict=True)
    ]


def test_every_digit_comes_into_one_half_with_its_label(target: Folder) -> None:
    manifest = collect(target, fill(target), "photos", SHARE)
    root = find_data(target.place())
    assert sorted(digits(root)) == sorted((image.tobytes(), place % 10) for place, image in enumerate(IMAGES))
    assert (manifest.listed, manifest.rejected) == (62, {"no_label": 2})
    assert (manifest.training, manifest.test) == (60 - len(load_test(root)), len(load_test(root)))


def test_the_manifest_vouches_for_every_file(target: Folder) -> None:
    names = fill(target)
    manifest = collect(target, names, "photos", SHARE)
    assert collected(target) == manifest
    files = {entry.name for entry in target.entries()}
    assert files - {MANIFEST_NAME} == set(manifest.files) == {*names, *(f"MNIST/raw/{name}" for name in DATA_NAMES)}
    for name, expected in manifest.files.items():
        assert sha256(Path(target.place(name))) == expected


def test_collecting_again_gives_the_same_bytes(target: Folder) -> None:
    names = fill(target)
    collect(target, names, "photos", SHARE)
    first = {entry.name: target.read(entry.name) for entry in target.entries()}
    collect(target, names, "photos", SHARE)
    assert {entry.name: target.read(entry.name) for entry in target.entries()} == first


def test_the_same_picture_is_never_in_both_halves_and_stays_where_it_is() -> None:
    alone = in_test(IMAGES, SHARE)
    assert np.array_equal(in_test(np.concatenate([IMAGES[30:], IMAGES]), SHARE), [*alone[30:], *alone])
    assert 5 <= alone.sum() <= 25
    assert in_test(IMAGES, 0).sum() == 0
    assert in_test(IMAGES, 1).sum() == len(IMAGES)
    assert not (alone & ~in_test(IMAGES, 0.5)).any()


def spoil(folder: Folder) -> None:
    folder.write("shards/a.parquet", b"PAR1")


def remove(folder: Folder) -> None:
    folder.remove("shards/a.parquet")


@pytest.mark.parametrize("damage", [spoil, remove])
def test_a_shard_that_cannot_be_read_stops_it_before_anything_is_written(
    target: Folder, damage: Callable[[Folder], None]
) -> None:
    names = fill(target)
    collect(target, names, "photos", SHARE)
    before = {entry.name: target.read(entry.name) for entry in target.entries() if "shards" not in entry.name}
    damage(target)
    with pytest.raises(StorageError, match=r"shards/a\.parquet: "):
        collect(target, names, "photos", SHARE)
    assert {name: target.read(name) for name in before} == before


def test_a_run_that_is_cut_off_leaves_no_manifest(target: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    names = fill(target)
    collect(target, names, "photos", SHARE)

    def full(_folder: Folder, name: str, path: Path) -> None:
        raise StorageError(f"{name}: no room for {path}")

    monkeypatch.setattr(type(target), "put", full)
    with pytest.raises(StorageError, match="no room"):
        collect(target, names, "photos", SHARE)
    assert collected(target) is None
