from pathlib import Path

import pytest

from batch.prepare.labels import label_of_folder, read_labels
from core.errors import ObjectMissing, StorageError
from core.storage import open_folder


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("7/a.png", 7),
        ("scans/0/2024/a.png", 0),
        ("3/scans/8/a.png", 8),
        ("7.png", None),
        ("7", None),
        ("17/a.png", None),
        ("\u0663/a.png", None),
        ("-1/a.png", None),
        ("a.png", None),
    ],
)
def test_the_nearest_folder_with_a_digit_for_its_name_gives_the_label(key: str, label: int | None) -> None:
    assert label_of_folder(key) == label


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_csv_file_gives_labels(tmp_path: Path, start: bytes, end: bytes) -> None:
    lines = [b"key,label", b"a.png,7", b'"b, c.png",0', "ü/d.png, 9".encode(), b"", b"a.png,7", b""]
    label_of = read_labels(write(tmp_path / "labels.csv", start + end.join(lines)))
    keys = ["a.png", "b, c.png", "ü/d.png", "other.png"]
    assert [label_of(key) for key in keys] == [7, 0, 9, None]


def test_labels_are_found_beside_and_in_object_storage(
    tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "labels.csv", b"key,label\na,1\n")
    open_folder(f"{bucket}/some").write("labels.csv", b"key,label\na,2\n")
    assert [read_labels(place)("a") for place in ("labels.csv", f"{bucket}/some/labels.csv")] == [1, 2]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "its first line is not key,label"),
        (b"a.png,7\n", "its first line is not key,label"),
        (b"key,label\na.png,10\n", "line 2: expected"),
        (b"key,label\na.png,7\nb.png\n", "line 3: expected"),
        (b"key,label\na.png,7,8\n", "line 2: expected"),
        (b"key,label\na.png,\xc2\xb2\n", "line 2: expected"),
        (b"key,label\na.png,7\na.png,8\n", "line 3: gives a.png another label"),
        (b"key,label\n\xff,7\n", "no CSV file in UTF-8"),
        (b'key,label\n"a.png,7\n', "no CSV file in UTF-8"),
        (b"key,label\n" + b"a" * 200_000 + b",7\n", "no CSV file in UTF-8"),
    ],
)
def test_any_other_file_is_refused_in_one_line(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(StorageError, match=f"labels.csv.*{reason}") as caught:
        read_labels(write(tmp_path / "labels.csv", data))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing, match=r"labels\.csv: is not there"):
        read_labels(str(tmp_path / "labels.csv"))
