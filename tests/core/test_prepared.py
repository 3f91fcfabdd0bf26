import json
from pathlib import Path

import pytest

from core.errors import IntegrityError
from core.prepared import DATA_NAMES, Manifest, parse_manifest, sha256

DIGESTS = {f"MNIST/raw/{name}": f"{number:064x}" for number, name in enumerate(DATA_NAMES)}
COUNTS = {"listed": 10, "rejected": {"no_ink": 2, "no_label": 1}, "training": 6, "test": 1, "test_share": 0.1}
MANIFEST = {"source": "photos", **COUNTS, "files": DIGESTS | {"shards/a.parquet": "f" * 64}}


def test_a_manifest_survives_being_written() -> None:
    manifest = Manifest.model_validate(MANIFEST)
    assert parse_manifest(manifest.model_dump_json().encode(), "somewhere") == manifest
    assert manifest.digests == {name: DIGESTS[f"MNIST/raw/{name}"] for name in DATA_NAMES}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"listed": 11}, "its counts do not add up"),
        ({"labels": ["a", "b"]}, "its labels are not the ten digits"),
        ({"files": dict(list(DIGESTS.items())[1:])}, "it does not list MNIST/raw/train-images-idx3-ubyte"),
        ({"files": DIGESTS | {"x": "short"}}, r"files\.x: "),
        ({"version": 2}, "version: "),
        ({"training": -1}, "training: "),
        ({"surprise": 1}, "surprise: "),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(IntegrityError, match=f"^s3://x: no manifest of prepared data .*{reason}.*: prepare it again$"):
        parse_manifest(json.dumps(MANIFEST | changes).encode(), "s3://x")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[]", b"null"])
def test_anything_else_is_no_manifest(data: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"^s3://x: no manifest of prepared data"):
        parse_manifest(data, "s3://x")


def test_sha256_is_that_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-4, its first example
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
