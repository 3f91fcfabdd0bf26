"""`training.files`: whose digests hold, and what prepared data must be."""

from pathlib import Path

import pytest

from core.errors import IntegrityError
from core.prepared import MANIFEST_NAME, RAW
from tests.training.conftest import TEST_IMAGES, TRAINING_IMAGES, write_manifest
from training import __main__ as command
from training.data import VALIDATION_IMAGES, find_data, load_test, load_training, usual_validation_images
from training.errors import DataError
from training.files import SHA256, SOURCE, digests_of, source_of, verify

LABELS = RAW / "t10k-labels-idx1-ubyte"


def test_prepared_data_is_read_like_mnist(prepared: Path, mnist: Path) -> None:
    assert find_data(prepared) == prepared
    training, validation = load_training(prepared, 60)
    assert (len(training), len(validation), len(load_test(prepared))) == (TRAINING_IMAGES - 60, 60, TEST_IMAGES)
    assert training.images.equal(load_training(mnist, 60)[0].images)


def test_each_names_its_own_source_and_digests(prepared: Path, mnist: Path) -> None:
    assert (source_of(mnist), digests_of(mnist)) == (SOURCE, SHA256)
    assert source_of(prepared) == "Digits prepared from s3://raw/photos"
    assert digests_of(prepared).keys() == SHA256.keys()


def test_a_twelfth_is_held_back_unless_told_otherwise(prepared: Path, mnist: Path) -> None:
    assert usual_validation_images(mnist) == VALIDATION_IMAGES == 5000
    assert usual_validation_images(prepared) == TRAINING_IMAGES // 12


def test_a_file_that_is_not_the_listed_one_is_refused(prepared: Path) -> None:
    (prepared / LABELS).write_bytes((prepared / LABELS).read_bytes()[:-1] + b"\x01")
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte: is not the file that manifest\.json names"):
        verify(prepared)


def test_prepared_data_without_its_manifest_is_no_mnist(prepared: Path) -> None:
    (prepared / MANIFEST_NAME).unlink()
    with pytest.raises(DataError, match=r"is not MNIST's file, and there is no manifest\.json"):
        verify(prepared)


def test_a_damaged_manifest_is_refused(prepared: Path) -> None:
    (prepared / MANIFEST_NAME).write_text("{")
    with pytest.raises(IntegrityError, match=r"manifest\.json: no manifest of prepared data"):
        find_data(prepared)


def test_a_manifest_that_cannot_be_read_is_refused(prepared: Path) -> None:
    (prepared / MANIFEST_NAME).unlink()
    (prepared / MANIFEST_NAME).mkdir()
    with pytest.raises(DataError, match=r"manifest\.json: cannot be read"):
        find_data(prepared)


def test_a_half_without_digits_is_named(prepared: Path) -> None:
    (prepared / RAW / "t10k-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28]))
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte: holds no digit"):
        load_test(prepared)


@pytest.mark.parametrize("labels", [b"\x00" * TEST_IMAGES + b"\x00", b"\x0a" + b"\x00" * (TEST_IMAGES - 1)])
def test_labels_that_do_not_fit_the_pictures_are_refused(prepared: Path, labels: bytes) -> None:
    (prepared / LABELS).write_bytes(bytes([0, 0, 8, 1]) + len(labels).to_bytes(4, "big") + labels)
    write_manifest(prepared)
    with pytest.raises(DataError, match="pictures and labels of the test half do not fit each other"):
        load_test(verify(prepared))


def test_data_command_says_what_there_is(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["data", "--data", str(prepared)]) == 0
    counts = f"{TRAINING_IMAGES} training and {TEST_IMAGES} test digits from s3://raw/photos"
    assert capsys.readouterr().out == f"prepared data is complete in {prepared}: {counts}\n"


def test_report_is_about_mnist(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["report", "--data", str(prepared)]) == 1
    assert "holds prepared data" in capsys.readouterr().err
