"""`training.remote`: data sets in a real object store."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from s3fs import S3FileSystem

from core.errors import IntegrityError, ObjectMissing, StorageError
from core.integrity import read_verified
from core.prepared import MANIFEST_NAME, RAW
from core.storage import open_folder
from model.description import Description
from tests.object_store import Door
from training import __main__ as command
from training.data import cache_dir, find_data
from training.errors import DataError
from training.files import digests_of
from training.remote import FOLDER

LABELS = str(RAW / "t10k-labels-idx1-ubyte")
SMALL_RUN = ["--architecture", "MyConvNet", "--epochs", "1", "--batch-size", "32", "--max-test-error", "100"]
SMALL_RUN += ["--no-export", "--device", "cpu", "--threads", "1", "--precision", "float32"]


def upload(root: Path, url: str) -> str:
    source, target = open_folder(root), open_folder(url)
    for entry in source.entries():
        target.put(entry.name, root / entry.name)
    return url


@pytest.fixture
def remote(prepared: Path, bucket: str) -> str:
    """Prepared data in object storage."""
    return upload(prepared, f"{bucket}/data")


def cached() -> list[Path]:
    return list((cache_dir() / FOLDER).iterdir())


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_prepared_data_is_fetched_whole_into_the_cache(remote: str, prepared: Path) -> None:
    root = find_data(remote)
    assert [root] == cached()
    assert files(root) == files(prepared)


def test_mnist_is_fetched_from_a_bucket(mnist: Path, bucket: str) -> None:
    root = find_data(upload(mnist, bucket))
    assert files(root) == files(mnist)


def test_what_is_cached_is_not_fetched_again(remote: str, prepared: Path, door: Door) -> None:
    root = find_data(remote)
    asked = len(door.asked)
    assert find_data(f"{remote}/") == root
    assert [path.rpartition("/")[2] for _, path in door.asked[asked:]] == [MANIFEST_NAME]
    manifest = json.loads((prepared / MANIFEST_NAME).read_text()) | {"source": "elsewhere"}
    open_folder(remote).write(MANIFEST_NAME, json.dumps(manifest).encode())
    assert find_data(remote) != root


def test_a_damaged_copy_in_the_cache_is_not_used(remote: str) -> None:
    (find_data(remote) / LABELS).write_bytes(b"")
    with pytest.raises(DataError, match=f"{LABELS}: is not the file .*: remove it"):
        find_data(remote)


def spoil_object(remote: str) -> None:
    open_folder(remote).write(LABELS, b"other bytes")


def remove_object(remote: str) -> None:
    open_folder(remote).remove(LABELS)


def spoil_manifest(remote: str) -> None:
    open_folder(remote).write(MANIFEST_NAME, b"{}")


def remove_manifest(remote: str) -> None:
    open_folder(remote).remove(MANIFEST_NAME)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (spoil_object, DataError, f"data/{LABELS}: is not the file that manifest.json names"),
        (remove_object, ObjectMissing, f"data/{LABELS}: is not there"),
        (spoil_manifest, IntegrityError, "data/manifest.json: no manifest of prepared data"),
        (remove_manifest, DataError, "is not MNIST's file, and there is no manifest.json"),
    ],
)
def test_damaged_data_leaves_nothing_in_the_cache(
    remote: str, damage: Callable[[str], None], error: type[Exception], message: str
) -> None:
    damage(remote)
    with pytest.raises(error, match=message):
        find_data(remote)
    assert not list(cache_dir().rglob("*ubyte"))


def test_a_connection_that_drops_for_ever_leaves_nothing(remote: str, door: Door) -> None:
    door.fail = lambda method, path: "drop" if method == "GET" and path.endswith(LABELS) else None
    with pytest.raises(StorageError, match=LABELS):
        find_data(remote)
    assert not cached()


def test_a_missing_bucket(bucket: str) -> None:
    with pytest.raises(ObjectMissing, match=r"-missing/x/.*check the name and the bucket"):
        find_data(f"{bucket}-missing/x")


def test_a_wrong_secret_is_one_clear_line(
    remote: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    S3FileSystem.clear_instance_cache()
    assert command.main(["data", "--data", remote]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {remote}/manifest.json: access is refused")
    assert error.count("\n") == 1


def test_training_names_the_data_that_it_had(remote: str, prepared: Path, tmp_path: Path) -> None:
    folders = ["--output", str(tmp_path / "assets"), "--work", str(tmp_path / "work")]
    assert command.main(["train", "--data", remote, *folders, *SMALL_RUN]) == 0
    assets = read_verified(tmp_path / "assets")
    description = Description.model_validate_json(assets["my-conv-net.json"])
    assert description.source == "Digits prepared from s3://raw/photos"
    record = json.loads(assets["my-conv-net.training.json"])
    assert (record["data"], record["held_back"]) == (digests_of(prepared), 38)
    shutil.rmtree(tmp_path / "assets")
    folder = ["--data", str(prepared), *folders]
    assert command.main(["train", *folder, *SMALL_RUN]) == 0
    assert read_verified(tmp_path / "assets") == assets
