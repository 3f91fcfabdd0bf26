"""Raw photos in a bucket become a trained model, and the model reads photos, in three commands."""

import json
import os
import subprocess
import sys
from pathlib import Path

from core.integrity import read_verified
from core.storage import open_folder
from tests.batch.prepare.photos import photo
from tests.conftest import ROOT

PHOTOS, NEW_PHOTOS = 120, 20
LIMIT_S = 240
MAX_MISREAD = 3
"""Ten digits by one hand's way of writing are learnt in seconds; who guesses misreads 18 of 20."""

SMALL_RUN = ["--architecture", "MyConvNet", "--epochs", "20", "--batch-size", "16", "--device", "cpu", "--threads", "1"]


def run(*words: str, **settings: str) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | settings
    command = [sys.executable, "-m", *words]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT_S)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def upload(place: str, first: int, count: int) -> None:
    folder = open_folder(place)
    for number in range(first, first + count):
        folder.write(f"{number % 10}/{number:03}.jpg", photo(number % 10, number))


def test_photos_in_a_bucket_become_a_model_that_reads_them(bucket: str, tmp_path: Path) -> None:
    upload(f"{bucket}/photos", 0, PHOTOS)
    upload(f"{bucket}/new", PHOTOS, NEW_PHOTOS)
    open_folder(f"{bucket}/photos").write("7/broken.jpg", photo(7, 7)[:300])
    assets, cache = tmp_path / "assets", {"XDG_CACHE_HOME": str(tmp_path / "cache")}

    prepared = run("batch", "prepare", f"{bucket}/photos", f"{bucket}/digits")
    options = ["--data", f"{bucket}/digits", "--output", str(assets), "--max-test-error", "20"]
    run("training", "train", *options, *SMALL_RUN, "--no-export", **cache)
    model = {"ASSETS_DIR": str(assets), "MODEL_NAME": "my-conv-net"}
    scored = run("batch", "score", f"{bucket}/new", f"{bucket}/scores", "--format", "jsonl", **model)

    assert f"listed {PHOTOS + 1} = prepared {PHOTOS} + rejected 1" in prepared
    assert f"listed {NEW_PHOTOS} = scored {NEW_PHOTOS} + rejected 0" in scored
    description = json.loads(read_verified(assets)["my-conv-net.json"])
    assert description["source"] == f"Digits prepared from {bucket}/photos"
    assert misread(f"{bucket}/scores") <= MAX_MISREAD


def misread(place: str) -> int:
    scores = open_folder(place)
    files = [scores.read(entry.name) for entry in scores.entries() if entry.name.endswith(".jsonl")]
    rows = [json.loads(line) for file in files for line in file.splitlines()]
    assert len(rows) == NEW_PHOTOS
    return sum(row["label"] != int(row["key"][0]) for row in rows)
