import gzip
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from batch.sources import Source, open_source
from core.errors import InvalidImage, ObjectChanged, ObjectMissing, StorageError
from core.image import read_digit
from core.storage import Folder, open_folder
from tests.batch.pictures import digit, write_digits

KINDS = ("folder", "zip", "tar", "tar.gz")
PIXELS = 28 * 28


def make(kind: str, pictures: Path, place: Path) -> str:
    if kind == "folder":
        return str(pictures)
    archive = place / f"pictures.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            for path in sorted(pictures.rglob("*")):
                zipped.write(path, path.relative_to(pictures))
    else:
        with tarfile.open(archive, "w:gz" if kind.endswith("gz") else "w") as tar:
            tar.add(pictures, ".")
    return str(archive)


def contents(source: Source) -> dict[str, object]:
    entries = list(source.entries())
    return {
        entry.name.removeprefix("./"): data for entry, data in zip(entries, source.read_listed(entries), strict=True)
    }


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    write_digits(folder, 4)
    write_digits(folder / "below", 3)
    (folder / ".hidden.png").write_bytes(b"")
    return folder


EXPECTED = {f"{number:04}.png": digit(number) for number in range(4)} | {
    f"below/{number:04}.png": digit(number) for number in range(3)
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_gives_every_picture(kind: str, pictures: Path, tmp_path: Path) -> None:
    assert contents(open_source(make(kind, pictures, tmp_path))) == EXPECTED


def test_patterns(pictures: Path) -> None:
    assert set(contents(open_source(f"{pictures}/*.png"))) == {f"{number:04}.png" for number in range(4)}
    assert set(contents(open_source(f"{pictures}/**/*1.png"))) == {"0001.png", "below/0001.png"}
    assert set(contents(open_source(f"{pictures}/0002.png"))) == {"0002.png"}
    assert set(contents(open_source(f"{pictures}/be*/000[12].png"))) == {"below/0001.png", "below/0002.png"}


@pytest.mark.parametrize("name", ["digits.idx", "train-images-idx3-ubyte.gz"])
def test_an_idx_file_gives_its_digits_bit_for_bit(name: str, tmp_path: Path) -> None:
    digits = [read_digit(digit(label), PIXELS).pixels for label in range(10)]
    data = struct.pack(">4I", 0x803, 10, 28, 28) + b"".join(pixels.tobytes() for pixels in digits)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    found = contents(open_source(str(tmp_path / name)))
    assert list(found) == [f"{number:08}" for number in range(10)]
    for data_of_one, pixels in zip(found.values(), digits, strict=True):
        assert isinstance(data_of_one, bytes)
        assert (read_digit(data_of_one, PIXELS).pixels == pixels).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_changed_since_it_was_listed(kind: str, pictures: Path, tmp_path: Path) -> None:
    source = open_source(make(kind, pictures, tmp_path))
    entries = [entry for entry in source.entries() if entry.name.endswith("0003.png")]
    (pictures / "0003.png").write_bytes(digit(9))
    make(kind, pictures, tmp_path)
    assert [type(found) for found in source.read_listed(entries)] == [ObjectChanged]


def test_a_damaged_member_is_no_picture(pictures: Path, tmp_path: Path) -> None:
    archive = Path(make("zip", pictures, tmp_path))
    data = bytearray(archive.read_bytes())
    at = data.index(b"0001.png") + 60
    data[at : at + 20] = bytes(20)
    archive.write_bytes(data)
    found = contents(open_source(str(archive)))
    assert {name for name, content in found.items() if isinstance(content, InvalidImage)} == {"0001.png"}


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.zip", b"PK\x03\x04 and no more", "not a whole archive"),
        ("a.tar", b"no tar file", "not a whole archive"),
        ("a.tar.gz", gzip.compress(bytes(20_000), mtime=0)[:12], "not a whole archive"),
        ("images.idx", struct.pack(">4I", 0x803, 5, 28, 0), "have no pixels"),
        ("images.idx", struct.pack(">4I", 0x803, 2**32 - 1, 28, 28), "ends before"),
        ("images-idx3-ubyte.gz", gzip.compress(bytes(20_000), mtime=0)[:12], "not a whole gzip file"),
        ("labels-idx1-ubyte.gz", gzip.compress(struct.pack(">2I", 0x801, 5), mtime=0), "holds no pictures"),
    ],
)
def test_a_file_that_holds_no_pictures(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(StorageError, match=message) as raised:
        list(open_source(str(tmp_path / name)).entries())
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing, match="check the name"):
        open_source(str(tmp_path / "none"))


def test_object_storage(folder: Folder, pictures: Path, tmp_path: Path) -> None:
    for path in pictures.rglob("*.png"):
        folder.write(f"raw/{path.relative_to(pictures)}", path.read_bytes())
    for kind in ("zip", "tar.gz"):
        folder.write(f"pictures.{kind}", Path(make(kind, pictures, tmp_path)).read_bytes())
        source = open_source(folder.place(f"pictures.{kind}"))
        assert contents(source) == EXPECTED
    assert contents(open_source(folder.place("raw"))) == EXPECTED
    assert set(contents(open_source(folder.place("raw/**/*1.png")))) == {"0001.png", "below/0001.png"}
    entries = list(source.entries())
    folder.write("pictures.tar.gz", folder.read("pictures.zip"))
    with pytest.raises(StorageError):
        source.read_listed(entries)
    assert open_folder(folder.place()).entry("raw/0001.png").size == len(digit(1))
