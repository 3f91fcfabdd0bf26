"""`make sign` and `make verify-signature`: what is handed out is what was signed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from model_signing.signing import Config as Signing
from model_signing.verifying import Config as Verifying

from tests.training.artifacts.conftest import NAME, ROOT

ARTIFACTS = [f"{NAME}.pt2", f"{NAME}.onnx", f"{NAME}.safetensors", f"{NAME}-oci", f"{NAME}-mlflow"]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a new pair of keys."""
    folder = tmp_path_factory.mktemp("keys")
    private = ec.generate_private_key(ec.SECP256R1())
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "private.pem").write_bytes(secret)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "public.pem").write_bytes(public)
    return folder


def make(*words: str) -> subprocess.CompletedProcess[str]:
    environment = ["--old-file", f"{sys.prefix}/.train", f"VENV={sys.prefix}"]  # it is there already: install nothing
    return subprocess.run(
        ["make", *words, *environment], cwd=ROOT, check=False, capture_output=True, text=True, timeout=120
    )


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def some_file(artifact: Path) -> Path:
    return artifact if artifact.is_file() else max(artifact.rglob("*.onnx"))


@pytest.mark.parametrize("name", ARTIFACTS)
def test_every_artifact_is_signed_and_verified(name: str, exports: Path, keys: Path, tmp_path: Path) -> None:
    artifact, signature = tmp_path / name, tmp_path / f"{name}.sig"
    (shutil.copytree if (exports / name).is_dir() else shutil.copy)(exports / name, artifact)
    Signing().use_elliptic_key_signer(private_key=keys / "private.pem").sign(artifact, signature)
    verifying = Verifying().use_elliptic_key_verifier(public_key=keys / "public.pem")
    verifying.verify(artifact, signature)
    flip(some_file(artifact))
    with pytest.raises(ValueError, match="Signature mismatch"):
        verifying.verify(artifact, signature)


def test_the_list_above_names_every_artifact(exports: Path) -> None:
    assert sorted(path.name for path in exports.iterdir()) == sorted(ARTIFACTS)


def test_make_signs_and_verifies(exports: Path, keys: Path, tmp_path: Path) -> None:
    model = shutil.copytree(exports / f"{NAME}-mlflow", tmp_path / "model")
    weights = Path(shutil.copy(exports / f"{NAME}.safetensors", tmp_path))
    target = f"TARGET={model}/ {weights}"
    signed = make("sign", f"KEY={keys / 'private.pem'}", target)
    assert signed.returncode == 0, signed.stderr
    assert (tmp_path / "model.sig").is_file()
    verify = ("verify-signature", f"KEY={keys / 'public.pem'}", target)
    verified = make(*verify)
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.count("Verification succeeded") == 2
    flip(weights)
    refused = make(*verify)
    assert refused.returncode != 0
    assert "Signature mismatch" in refused.stderr
    flip(weights)
    (model / ".gitignore").touch()
    assert "Extra files found" in make(*verify).stderr


@pytest.mark.parametrize("command", ["sign", "verify-signature"])
def test_make_says_which_key_is_missing(command: str) -> None:
    for key in ("", "/nowhere/key.pem"):
        done = make(command, f"KEY={key}", "TARGET=assets")
        assert done.returncode != 0
        assert f"KEY='{key}' is no file: name one, KEY=" in done.stderr


def test_make_says_that_there_is_nothing_to_sign(keys: Path) -> None:
    done = make("sign", f"KEY={keys / 'private.pem'}", "TARGET=")
    assert done.returncode != 0
    assert "run 'make export FORMAT=all'" in done.stderr


def test_no_key_and_no_signature_can_be_committed() -> None:
    names = ["private.pem", "exports/digit-net.pt2", "assets.sig"]
    ignored = subprocess.run(["git", "check-ignore", *names], cwd=ROOT, check=False, capture_output=True, text=True)
    if ignored.returncode == 128:
        pytest.skip("NOT RUN: not a git checkout")
    assert ignored.stdout.split() == names
