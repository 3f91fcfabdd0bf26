"""`training.artifacts.write` and the command: artifacts in a folder and in object storage."""

import re
import shutil
from pathlib import Path

import pytest

from core.checkpoint import Checkpoint
from core.storage import open_folder
from tests.training.artifacts.conftest import NAME, ROOT
from training import __main__ as command
from training.artifacts.write import write_artifact


def test_an_older_artifact_leaves_nothing_behind(exports: Path, tmp_path: Path, checkpoint: Checkpoint) -> None:
    shutil.copytree(exports / f"{NAME}-oci", tmp_path / f"{NAME}-oci")
    stale = tmp_path / f"{NAME}-oci" / "core" / "imaging" / "stale.py"
    stale.touch()
    neighbour = tmp_path / "notes.txt"
    neighbour.touch()
    assert write_artifact(checkpoint, "oci", str(tmp_path)) == str(tmp_path / f"{NAME}-oci")
    assert not stale.exists()
    assert neighbour.exists()


def test_artifacts_go_to_object_storage(bucket: str, exports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", "--assets", str(ROOT / "assets"), "--output", f"{bucket}/exports"]
    for name in ("safetensors", "oci", "oci"):
        words += ["--format", name]
    assert command.main(words) == 0
    written = capsys.readouterr().out.splitlines()
    assert written == [f"wrote {bucket}/exports/{NAME}.safetensors", f"wrote {bucket}/exports/{NAME}-oci"]
    stored = open_folder(f"{bucket}/exports")
    for entry in stored.entries():
        assert stored.read(entry.name) == (exports / entry.name).read_bytes(), entry.name
    assert {entry.name for entry in open_folder(f"{bucket}/exports/{NAME}-oci").entries()} == {
        path.relative_to(exports / f"{NAME}-oci").as_posix()
        for path in (exports / f"{NAME}-oci").rglob("*")
        if path.is_file()
    }


def test_a_missing_bucket_is_one_clear_line(bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", "--format", "safetensors", "--assets", str(ROOT / "assets")]
    assert command.main([*words, "--output", f"{bucket}-gone"]) == 1
    assert re.fullmatch(r"error: s3://[^\n]+: is not there: check the name and the bucket\n", capsys.readouterr().err)


def test_an_output_that_cannot_be_written_to_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    words = ["export", "--format", "safetensors", "--assets", str(ROOT / "assets")]
    assert command.main([*words, "--output", str(tmp_path / "file")]) == 1
    assert re.fullmatch(rf"error: {tmp_path}/file/[^\n]+\n", capsys.readouterr().err)


def test_a_graph_of_other_weights_is_not_handed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], exports: Path
) -> None:
    shutil.copytree(ROOT / "assets", tmp_path / "assets")
    shutil.copy(exports / f"{NAME}.onnx", tmp_path / "assets")
    graph = tmp_path / "assets" / f"{NAME}.onnx"
    graph.write_bytes(graph.read_bytes().replace(b"state_dict_sha512", b"state_dict_sha513"))
    (tmp_path / "assets" / "sha512sums.txt").touch()
    assert command.main(["checksums", "--assets", str(tmp_path / "assets")]) == 0
    words = ["export", "--format", "oci", "--assets", str(tmp_path / "assets"), "--output", str(tmp_path / "exports")]
    assert command.main(words) == 1
    assert "was not exported from digit-net.pt: run `make export`" in capsys.readouterr().err
    assert not (tmp_path / "exports").exists()


@pytest.mark.parametrize("words", [["--format", "pickle"], ["--format"]])
def test_an_unknown_format_is_a_mistake_of_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["export", *words])
    assert stopped.value.code == 2
    assert "--format" in capsys.readouterr().err


def test_an_output_without_a_format_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["export", "--output", "somewhere"]) == 1
    assert re.fullmatch(r"error: --output somewhere: [^\n]+ --format[^\n]*\n", capsys.readouterr().err)
