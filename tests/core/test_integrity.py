"""`core.integrity`: what the list of checksums accepts, refuses and says."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from core.errors import IntegrityError
from core.integrity import CHECKSUMS_NAME, MAX_LIST_BYTES, digest, read_verified, write_atomically, write_checksums

FILES = {"digit-net.json": b"{}", "digit-net.pt": b"weights", "graphs/digit-net.onnx": b"\x00graph"}


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """An assets folder with three files, listed beside it as the project's own is."""
    folder = tmp_path / "assets"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    write_checksums(folder)
    return folder


def own_list(folder: Path, text: str) -> Path:
    """Give a folder a list of its own."""
    (folder / CHECKSUMS_NAME).write_text(text)
    return folder


def line(data: bytes, name: str) -> str:
    return f"{hashlib.sha512(data).hexdigest()}  {name}\n"


def refusal(folder: Path) -> str:
    """The message of the refusal, which is one line that says what to do."""
    with pytest.raises(IntegrityError) as caught:
        read_verified(folder)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert ": " in message
    return message


def test_digest_is_sha512() -> None:
    assert digest(b"abc").startswith("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea2")
    assert len(digest(b"")) == 128


def test_reads_every_file_by_its_name(assets: Path) -> None:
    assert read_verified(assets) == FILES


def test_relative_folder(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(assets.parent)
    assert read_verified(Path("assets")) == FILES
    monkeypatch.chdir(assets)
    assert read_verified(Path()) == FILES


def test_own_list_is_preferred(assets: Path) -> None:
    own_list(assets, "".join(line(data, name) for name, data in FILES.items()))
    (assets.parent / CHECKSUMS_NAME).write_text("rubbish\n")
    assert read_verified(assets) == FILES


@pytest.mark.parametrize("own", [False, True])
def test_the_real_tool_agrees(assets: Path, own: bool) -> None:
    if own:
        (assets / CHECKSUMS_NAME).touch()
    checksums = write_checksums(assets)
    assert checksums.parent == (assets if own else assets.parent)
    command = ["sha512sum", "--strict", "-c", CHECKSUMS_NAME]
    assert subprocess.run(command, cwd=checksums.parent, capture_output=True, check=False).returncode == 0
    assert read_verified(assets) == FILES
    (assets / "digit-net.pt").write_bytes(b"Weights")
    assert subprocess.run(command, cwd=checksums.parent, capture_output=True, check=False).returncode == 1
    refusal(assets)


def test_reads_what_the_real_tool_wrote(assets: Path) -> None:
    for binary in ("--text", "--binary"):
        command = ["sha512sum", binary, *FILES]
        own_list(assets, subprocess.run(command, cwd=assets, capture_output=True, check=True, text=True).stdout)
        assert read_verified(assets) == FILES


def test_upper_case_digest_and_leading_dot_slash(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"a")
    own_list(tmp_path, f"{digest(b'a').upper()} *./a.pt")
    assert read_verified(tmp_path) == {"a.pt": b"a"}


def test_writing_again_changes_nothing(assets: Path) -> None:
    checksums = assets.parent / CHECKSUMS_NAME
    before = checksums.read_bytes()
    assert write_checksums(assets) == checksums
    assert checksums.read_bytes() == before
    names = [row.split("  ")[1] for row in before.decode().splitlines()]
    assert names == sorted(f"assets/{name}" for name in FILES)
    assert {entry.name for entry in assets.parent.iterdir()} == {"assets", CHECKSUMS_NAME}


def test_changed_file(assets: Path) -> None:
    (assets / "digit-net.pt").write_bytes(b"weightz")
    assert "digit-net.pt: its SHA-512 differs" in refusal(assets)


def test_missing_file(assets: Path) -> None:
    (assets / "digit-net.pt").unlink()
    assert "digit-net.pt: listed but missing" in refusal(assets)


@pytest.mark.parametrize("name", ["extra.pt", "graphs/extra.onnx", "graphs/sha512sums.txt"])
def test_extra_file(assets: Path, name: str) -> None:
    (assets / name).write_bytes(b"")
    assert f"{name}: not listed" in refusal(assets)


def test_dot_names_are_no_extras(assets: Path) -> None:
    (assets / ".gitkeep").touch()
    (assets / "..data").mkdir()
    (assets / "..data" / "anything").touch()
    assert read_verified(assets) == FILES


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "rubbish",
        "0" * 127 + "  a.pt",
        "0" * 129 + "  a.pt",
        "g" * 128 + "  a.pt",
        "0" * 128 + " a.pt",
        "0" * 128 + "\ta.pt",
        "0" * 128 + "  ",
        "0" * 128 + "  a.pt\r",
        "\\" + "0" * 128 + "  a\\nb.pt",
        "SHA512 (a.pt) = " + "0" * 128,
    ],
)
def test_malformed_line_is_named_by_number(tmp_path: Path, bad: str) -> None:
    (tmp_path / "good.pt").write_bytes(b"good")
    (tmp_path / CHECKSUMS_NAME).write_bytes((line(b"good", "good.pt") + bad + "\n").encode())
    assert "line 2: malformed" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret", "graphs/../../secret"])
def test_name_outside_the_folder(tmp_path: Path, name: str) -> None:
    assert "line 1: " in refusal(own_list(tmp_path, line(b"", name)))


@pytest.mark.parametrize("name", ["setup.py", "assets2/a.pt", "a/assets/a.pt"])
def test_line_of_the_outer_list_outside_the_folder(assets: Path, name: str) -> None:
    with (assets.parent / CHECKSUMS_NAME).open("a") as stream:
        stream.write(line(b"", name))
    assert f"line 4: '{name}' lies outside 'assets/'" in refusal(assets)


@pytest.mark.parametrize("again", ["a.pt", "./a.pt"])
def test_duplicate(tmp_path: Path, again: str) -> None:
    (tmp_path / "a.pt").touch()
    assert "line 2: lists a.pt a second time" in refusal(own_list(tmp_path, line(b"", "a.pt") + line(b"", again)))


def test_missing_list(assets: Path) -> None:
    (assets.parent / CHECKSUMS_NAME).unlink()
    assert f"{CHECKSUMS_NAME}: the list of checksums is missing" in refusal(assets)


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", "lists no file"), (b"\xff\n", "not UTF-8"), (b"0" * (MAX_LIST_BYTES + 1), "larger than")],
)
def test_list_that_is_none(assets: Path, data: bytes, expected: str) -> None:
    (assets.parent / CHECKSUMS_NAME).write_bytes(data)
    assert expected in refusal(assets)


def test_list_that_cannot_be_read(assets: Path) -> None:
    (assets / CHECKSUMS_NAME).mkdir()
    assert "cannot be read (Is a directory)" in refusal(assets)


def test_missing_folder(tmp_path: Path) -> None:
    assert "nowhere: no such folder" in refusal(tmp_path / "nowhere")


def test_link_within_the_folder_is_followed(assets: Path) -> None:
    (assets / "..data").mkdir()
    (assets / "digit-net.pt").rename(assets / "..data" / "digit-net.pt")
    (assets / "digit-net.pt").symlink_to("..data/digit-net.pt")  # a Kubernetes ConfigMap mounts its files so
    assert read_verified(assets) == FILES


def test_link_that_leaves_the_folder(assets: Path) -> None:
    (assets / "digit-net.pt").rename(assets.parent / "digit-net.pt")
    (assets / "digit-net.pt").symlink_to("../digit-net.pt")
    assert "digit-net.pt: a link that leaves the assets folder" in refusal(assets)


def test_links_in_a_loop(assets: Path) -> None:
    (assets / "again").symlink_to(".", target_is_directory=True)
    refusal(assets)
    (assets / "again").unlink()
    (assets / "digit-net.pt").unlink()
    (assets / "digit-net.pt").symlink_to("digit-net.pt")
    assert "digit-net.pt: cannot be read" in refusal(assets)


def test_folder_and_pipe_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "a.pt").mkdir()
    own_list(tmp_path, line(b"", "a.pt"))
    assert "a.pt: not a regular file" in refusal(tmp_path)
    (tmp_path / "a.pt").rmdir()
    os.mkfifo(tmp_path / "a.pt")
    assert "a.pt: not a regular file" in refusal(tmp_path)


def test_overlong_name_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(own_list(tmp_path, line(b"", "a" * 4000)))


@pytest.mark.parametrize("name", ["a\nb.pt", "a\\b.pt", "a\u2028b.pt"])
def test_names_that_no_list_can_hold(assets: Path, name: str) -> None:
    (assets / name).touch()
    with pytest.raises(IntegrityError, match="no name for a list"):
        write_checksums(assets)


def test_empty_folder_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    with pytest.raises(IntegrityError, match="holds no file"):
        write_checksums(tmp_path / "assets")
    assert not (tmp_path / CHECKSUMS_NAME).exists()


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.pt"
    write_atomically(target, b"old")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_removed_subfolder_is_missing(assets: Path) -> None:
    shutil.rmtree(assets / "graphs")
    assert "graphs/digit-net.onnx: listed but missing" in refusal(assets)


def test_list_of_another_folder_is_left_alone(assets: Path) -> None:
    before = (assets.parent / CHECKSUMS_NAME).read_bytes()
    custom = assets.parent / "custom_assets"
    custom.mkdir()
    (custom / "own.pt").write_bytes(b"own")
    assert write_checksums(custom) == custom / CHECKSUMS_NAME
    assert (assets.parent / CHECKSUMS_NAME).read_bytes() == before
    assert read_verified(custom) == {"own.pt": b"own"}
    assert read_verified(assets) == FILES


def test_damaged_list_is_written_anew(assets: Path) -> None:
    (assets.parent / CHECKSUMS_NAME).write_bytes(b"\xff")
    write_checksums(assets)
    assert read_verified(assets) == FILES
