"""Preparing as its user starts it: the command in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pytest
import torch

from batch.prepare.idx import DigitsWriter
from core.image import read_digit
from core.prepared import Manifest, parse_manifest
from samples.strokes import draw_digit, to_mnist_form
from tests.batch.prepare.photos import SIDE, photo
from tests.conftest import ROOT
from training.data import Digits, find_data, load_test, load_training

LIMIT_S = 120
LIMITS = {"MAX_UPLOAD_BYTES": "20000"}
PHOTOS = 40


def prepare(source: Path, target: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "batch", "prepare", str(source), str(target), "--workers", "2", *options]
    return subprocess.run(command, cwd=ROOT, env=os.environ | LIMITS, capture_output=True, text=True, timeout=LIMIT_S)


def manifest_of(target: Path) -> Manifest:
    return parse_manifest((target / "manifest.json").read_bytes(), str(target))


def digits(root: Path) -> list[tuple[bytes, int]]:
    """Pixels and label of each digit in both halves, in some order that is always the same."""
    halves: list[Digits] = [*load_training(root, 1), load_test(root)]
    images, labels = torch.cat([half.images for half in halves]), torch.cat([half.labels for half in halves])
    return sorted((image.numpy().tobytes(), int(label)) for image, label in zip(images, labels, strict=True))


def expected(photos: dict[str, bytes], labels: dict[str, int]) -> list[tuple[bytes, int]]:
    return sorted((read_digit(photos[key], SIDE * SIDE).pixels.tobytes(), label) for key, label in labels.items())


@pytest.fixture
def photos(tmp_path: Path) -> dict[str, bytes]:
    """Forty photos below `raw`, in folders that tell what they show, and files of no use; all by their keys."""
    found = {f"{number % 10}/{number:02}.jpg": photo(number % 10, number) for number in range(PHOTOS)}
    found |= {"unsorted.jpg": photo(3, 99), "5/text.png": b"no picture", "5/large.png": bytes(20_001)}
    for key, data in found.items():
        path = tmp_path / "raw" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return found


def test_photos_become_what_training_reads_and_only_what_is_missing_is_done(
    photos: dict[str, bytes], tmp_path: Path
) -> None:
    raw, target = tmp_path / "raw", tmp_path / "digits"
    options = ["--test-share", "0.3"]
    first = prepare(raw, target, "--batch-size", "8", *options)
    assert first.returncode == 0, first.stderr
    assert "listed 43 = prepared 40 + rejected 3" in first.stdout
    assert "rejected: body_too_large 1, invalid_image 1, no_label 1" in first.stdout
    labels = {key: int(key[0]) for key in photos if key.endswith(".jpg") and "/" in key}
    assert digits(find_data(target)) == expected(photos, labels)
    manifest = manifest_of(target)
    assert (manifest.source, manifest.listed, manifest.training + manifest.test) == (str(raw), 43, PHOTOS)
    assert f"training digits {manifest.training}, test digits {manifest.test}" in first.stdout
    rows = {row["key"]: row for row in ds.dataset(target / "shards").to_table().to_pylist()}
    assert rows.keys() == photos.keys()
    assert (rows["7/07.jpg"]["label"], rows["7/07.jpg"]["error"]) == (7, None)
    assert "recentred" in rows["7/07.jpg"]["adjustments"]

    done = [path for path in target.rglob("*") if path.is_file() and path.name != "_job.json"]
    times = [path.stat().st_mtime_ns for path in done]
    second = prepare(raw, target, *options)
    assert second.returncode == 0, second.stderr
    assert "6 of 6 shards were there already" in second.stdout
    assert times == [path.stat().st_mtime_ns for path in done]

    given = labels | {"0/00.jpg": 1, "unsorted.jpg": 3}
    del given["1/01.jpg"]
    (tmp_path / "labels.csv").write_text("key,label\n" + "".join(f"{key},{label}\n" for key, label in given.items()))
    third = prepare(raw, target, *options, "--labels", str(tmp_path / "labels.csv"))
    assert third.returncode == 0, third.stderr
    assert "rejected: no_label 3" in third.stdout
    assert "shards of pictures or a model that are no more were removed" in third.stdout
    assert digits(find_data(target)) == expected(photos, given)
    assert manifest_of(target).shards == sorted(f"shards/{path.name}" for path in (target / "shards").glob("part-*"))


def test_digits_in_mnists_form_pass_bit_for_bit_with_the_labels_beside_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    images = np.array([to_mnist_form(draw_digit(number % 10, rng)) for number in range(30)])
    labels = np.arange(30, dtype=np.uint8) % 10
    with DigitsWriter(tmp_path, "my") as writer:
        writer.append(images, labels)
    ended = prepare(tmp_path / "my-images-idx3-ubyte", tmp_path / "digits", "--test-share", "0.3")
    assert ended.returncode == 0, ended.stderr
    given = sorted((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))
    assert digits(find_data(tmp_path / "digits")) == given


def test_what_cannot_be_read_stays_open_and_nothing_is_collected(photos: dict[str, bytes], tmp_path: Path) -> None:
    assert photos
    (tmp_path / "raw" / "1" / "link.png").symlink_to("/proc/self/mem")  # there, but reading it fails, for root too
    ended = prepare(tmp_path / "raw", tmp_path / "digits")
    assert ended.returncode == 1
    assert "listed 44 = prepared 40 + rejected 3 + open 1" in ended.stdout
    assert "1/link.png" in ended.stderr
    assert not (tmp_path / "digits" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--labels", "none.csv"], "none.csv: is not there"),
        (["--labels", "samples/7.png"], "samples/7.png: neither a CSV file in UTF-8 nor an IDX file"),
    ],
)
def test_mistakes_are_told_in_one_line(options: list[str], message: str, tmp_path: Path) -> None:
    ended = prepare(ROOT / "samples", tmp_path / "digits", *options)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "digits").exists()
