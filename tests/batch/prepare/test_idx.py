from pathlib import Path

import numpy as np
import torch
from torchvision.datasets.mnist import read_image_file, read_label_file

from batch.prepare.idx import DigitsWriter


def test_torchvision_reads_what_is_written_piece_by_piece(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (7, 28, 28), np.uint8)
    labels = np.arange(7, dtype=np.uint8)
    with DigitsWriter(tmp_path, "train") as writer:
        for part in (slice(0, 3), slice(3, 3), slice(3, 7)):
            writer.append(images[part], labels[part])
    assert read_image_file(tmp_path / "train-images-idx3-ubyte").equal(torch.from_numpy(images))
    assert read_label_file(tmp_path / "train-labels-idx1-ubyte").tolist() == labels.tolist()


def test_the_header_is_that_of_the_published_files(tmp_path: Path) -> None:
    with DigitsWriter(tmp_path, "t10k") as writer:
        for _ in range(100):
            writer.append(np.zeros((100, 28, 28), np.uint8), np.zeros(100, np.uint8))
    images, labels = ((tmp_path / f"t10k-{kind}-ubyte").read_bytes() for kind in ("images-idx3", "labels-idx1"))
    assert images[:16].hex() == "00000803000027100000001c0000001c"  # as `xxd -l 16` shows of MNIST's own
    assert labels[:8].hex() == "0000080100002710"
    assert (len(images), len(labels)) == (7_840_016, 10_008)  # the sizes of MNIST's own
