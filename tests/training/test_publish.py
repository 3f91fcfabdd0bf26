"""`python -m training publish`: a version appears as a whole, once, and is what the service then reads."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.checkpoint import load_checkpoint
from core.errors import StorageError
from core.integrity import CHECKSUMS_NAME, digest, read_verified
from core.storage import Folder, open_folder
from core.storage.local import LocalFolder
from model.networks import MyConvNet
from tests.conftest import write_checkpoint
from training import __main__ as command

ROOT = Path(__file__).parents[2]
NAME = "digit-net"
SHIPPED = {f"{NAME}{suffix}" for suffix in (".pt", ".json", ".onnx", ".training.json")} | {"MODEL_CARD.md"}


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped assets beside another checkpoint, and the shipped model card in the current folder."""
    folder = tmp_path / "assets"
    shutil.copytree(ROOT / "assets", folder)
    write_checkpoint(folder, "other", MyConvNet(), {"architecture": "MyConvNet", "mean": 0.5, "std": 0.5})
    shutil.copy(ROOT / "MODEL_CARD.md", tmp_path)
    monkeypatch.chdir(tmp_path)
    return folder


def version_of(assets: Path, name: str = NAME) -> str:
    return digest((assets / f"{name}.pt").read_bytes())[:12]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert command.main(["publish", *arguments]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    lines = [line for line in output.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


def test_what_is_published_in_a_bucket_is_what_a_service_is_told_to_fetch(
    bucket: str, assets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["publish", f"{bucket}/models/"]) == 0
    settings = dict(line.split("=") for line in capsys.readouterr().out.splitlines())
    place, pin = settings.pop("ASSETS_DIR"), settings.pop("ASSETS_SHA512")
    assert not settings
    assert place == f"{bucket}/models/{NAME}/{version_of(assets)}"
    assert {entry.name for entry in open_folder(place).entries()} == {*SHIPPED, CHECKSUMS_NAME}
    assert load_checkpoint(place, NAME, pin) == load_checkpoint(assets, NAME)
    message = refusal(capsys, f"{bucket}/models")
    assert message == f"error: {place}: is published already, with ASSETS_SHA512={pin}"


def test_a_folder_gets_only_the_files_of_one_checkpoint(assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["publish", "models", "--name", "other"]) == 0
    output = capsys.readouterr().out
    place = Path("models", "other", version_of(assets, "other")).absolute()
    pin = digest((place / CHECKSUMS_NAME).read_bytes())
    assert output == f"ASSETS_DIR={place}\nASSETS_SHA512={pin}\nMODEL_NAME=other\n"
    assert set(read_verified(place, pin)) == {"other.pt", "other.json"}  # the card is that of other weights


def test_an_interrupted_publication_is_no_version_and_is_completed(
    assets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Path("models", NAME, version_of(assets))
    write, written = LocalFolder.write, list[str]()

    def full(folder: LocalFolder, name: str, data: bytes) -> None:
        if len(written) == len(SHIPPED):
            raise StorageError(f"{folder.place(name)}: the disk is full")
        written.append(name)
        write(folder, name, data)

    with monkeypatch.context() as patched:
        patched.setattr(LocalFolder, "write", full)
        assert "the disk is full" in refusal(capsys, "models")
    assert set(written) == SHIPPED
    assert not (place / CHECKSUMS_NAME).exists()
    (place / "digit-net.onnx").unlink()
    before = (place / "digit-net.pt").stat().st_mtime_ns
    assert command.main(["publish", "models"]) == 0
    assert (place / "digit-net.pt").stat().st_mtime_ns == before
    assert set(read_verified(place)) == SHIPPED


def replaced(folder: Folder) -> None:
    data = folder.read("digit-net.json")
    folder.write("digit-net.json", data + b"\n")


def put_there(folder: Folder) -> None:
    folder.write("surprise.pkl", b"")


@pytest.mark.parametrize(("change", "named"), [(replaced, "digit-net.json"), (put_there, "surprise.pkl")])
def test_nothing_is_overwritten(
    assets: Path, change: Callable[[Folder], None], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Path("models", NAME, version_of(assets))
    assert command.main(["publish", "models"]) == 0
    capsys.readouterr()
    folder = open_folder(place)
    change(folder)
    before = {entry.name: folder.read(entry.name) for entry in folder.entries()}
    assert "is published already" in refusal(capsys, "models")
    folder.remove(CHECKSUMS_NAME)  # as if it had been interrupted
    message = refusal(capsys, "models")
    assert f"{named}: is not a file of this version" in message
    assert {entry.name: folder.read(entry.name) for entry in folder.entries()} == {
        name: data for name, data in before.items() if name != CHECKSUMS_NAME
    }


def test_another_description_of_the_same_weights_is_no_new_version(
    assets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["publish", "models"]) == 0
    Path("MODEL_CARD.md").unlink()
    capsys.readouterr()
    assert refusal(capsys, "models").endswith(f"{version_of(assets)}: is published already, with other files")


def test_damaged_assets_are_not_published(assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (assets / "digit-net.onnx").write_bytes(b"?")
    assert "digit-net.onnx: its SHA-512 differs" in refusal(capsys, "models")
    assert not Path("models").exists()


def test_a_card_that_is_named_must_tell_of_these_weights(assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refusal(capsys, "models", "--name", "other", "--card", "MODEL_CARD.md")
    assert f"MODEL_CARD.md: does not tell of the weights {version_of(assets, 'other')}" in message
    assert "nowhere.md" in refusal(capsys, "models", "--card", "nowhere.md")
    assert not Path("models").exists()


@pytest.mark.usefixtures("assets")
def test_places_and_names_that_are_none(bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "take a path or s3://BUCKET/PREFIX" in refusal(capsys, "gs://bucket")
    assert "check the name and the bucket" in refusal(capsys, f"{bucket}-missing/models")
    assert "none.pt: not found; checkpoints there: digit-net, other" in refusal(capsys, "models", "--name", "none")
