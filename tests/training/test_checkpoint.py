"""`training.checkpoint`: files that are whole, equal for equal values, and listed."""

import json
from pathlib import Path

import pytest
import torch

from core.integrity import CHECKSUMS_NAME, read_verified
from core.storage import open_folder
from model.description import Description
from model.networks import NETWORKS
from training.checkpoint import Checkpoint, save_assets
from training.errors import ResumeError

DESCRIPTION = Description(architecture="MyConvNet", mean=0.5, std=0.5, temperature=1.5, metrics={"test_errors": 3})
RECORD = {"recipe": {"seed": 1}, "history": [{"loss": 0.5}]}


def weights(seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return NETWORKS["MyConvNet"]().state_dict()


def test_same_weights_same_bytes(tmp_path: Path) -> None:
    first, second, other = (
        save_assets(tmp_path / folder, name, weights(seed), DESCRIPTION, RECORD).read_bytes()
        for folder, name, seed in (("a", "one", 1), ("b", "two", 1), ("c", "one", 2))
    )
    assert first == second
    assert first != other


def test_what_was_saved_is_verified_and_loads(tmp_path: Path) -> None:
    folder = tmp_path / "assets"
    path = save_assets(folder, "small", weights(1), DESCRIPTION, RECORD)
    files = read_verified(folder)
    assert sorted(files) == ["small.json", "small.pt", "small.training.json"]
    assert json.loads(files["small.training.json"]) == RECORD
    assert Description.model_validate_json(files["small.json"]) == DESCRIPTION
    assert next(iter(json.loads(files["small.json"]))) == "architecture"
    NETWORKS["MyConvNet"]().load_state_dict(torch.load(path, weights_only=True), strict=True)


def test_new_folder_brings_its_own_list(tmp_path: Path) -> None:
    save_assets(tmp_path / "deep" / "assets", "small", weights(1), DESCRIPTION, RECORD)
    assert (tmp_path / "deep" / "assets" / CHECKSUMS_NAME).exists()
    assert not (tmp_path / "deep" / CHECKSUMS_NAME).exists()


def test_list_beside_the_folder_is_refreshed(tmp_path: Path) -> None:
    folder = tmp_path / "assets"
    (tmp_path / CHECKSUMS_NAME).touch()
    save_assets(folder, "one", weights(1), DESCRIPTION, RECORD)
    save_assets(folder, "two", weights(2), DESCRIPTION, RECORD)
    assert not (folder / CHECKSUMS_NAME).exists()
    assert sorted(read_verified(folder)) == [
        f"{name}{suffix}" for name in ("one", "two") for suffix in (".json", ".pt", ".training.json")
    ]


def test_checkpoint_comes_back(tmp_path: Path) -> None:
    checkpoint = Checkpoint(open_folder(tmp_path / "work"), "run", {"seed": 1})
    assert checkpoint.load() is None
    checkpoint.save({"epoch": 3, "weights": weights(1)})
    state = Checkpoint(open_folder(tmp_path / "work"), "run", {"seed": 1}).load()
    assert state is not None
    assert state["epoch"] == 3
    assert torch.equal(state["weights"]["fc1.weight"], weights(1)["fc1.weight"])
    checkpoint.remove()
    assert checkpoint.load() is None


def test_other_settings_have_another_checkpoint(tmp_path: Path) -> None:
    Checkpoint(open_folder(tmp_path), "run", {"seed": 1}).save({"epoch": 3})
    assert Checkpoint(open_folder(tmp_path), "run", {"seed": 2}).load() is None
    assert Checkpoint(open_folder(tmp_path), "other", {"seed": 1}).load() is None


@pytest.mark.parametrize("kept_share", [0.0, 0.5])
def test_damaged_checkpoint_is_named(tmp_path: Path, kept_share: float) -> None:
    checkpoint = Checkpoint(open_folder(tmp_path), "run", {})
    checkpoint.save(weights(1))
    path = Path(checkpoint.place)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept_share)])
    with pytest.raises(ResumeError, match=r"run-\w+\.ckpt: .*--no-resume"):
        checkpoint.load()
