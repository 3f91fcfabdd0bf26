"""The four files of a data set: which there must be, with which digests, and where they came from.

Source of MNIST: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits"; data licence
CC BY-SA 3.0. A folder with a manifest in it holds prepared data instead, see `core.prepared`.
"""

from pathlib import Path

from core.prepared import DATA_NAMES, MANIFEST_NAME, RAW, Manifest, parse_manifest, sha256
from training.errors import DataError

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""Of MNIST's files once unpacked; torchvision checks MD5 sums of the packed ones, and only in a download."""

SOURCE = "MNIST: Y. LeCun, C. Cortes, C. J. C. Burges, http://yann.lecun.com/exdb/mnist/"


def read_manifest(root: Path) -> Manifest | None:
    """Return what a folder of prepared data says of itself; None where it holds MNIST.

    Raises:
        DataError: The manifest cannot be read.
        IntegrityError: It is damaged.
    """
    path = root / MANIFEST_NAME
    try:
        return parse_manifest(path.read_bytes(), str(path)) if path.exists() else None
    except OSError as exc:
        raise DataError(f"{path}: cannot be read ({exc.strerror}): check its permissions") from exc


def digests_of(root: Path) -> dict[str, str]:
    """Return the SHA-256 that each of the four files must have, by its name."""
    manifest = read_manifest(root)
    return SHA256 if manifest is None else manifest.digests


def source_of(root: Path) -> str:
    """Return where the data came from, for the description of what is trained on it."""
    manifest = read_manifest(root)
    return SOURCE if manifest is None else f"Digits prepared from {manifest.source}"


def verify(root: Path) -> Path:
    """Return the root after comparing its four files with the digests that they must have.

    Raises:
        DataError: A file is missing, unreadable or differs.
        IntegrityError: The manifest is damaged.
    """
    expected = digests_of(root)
    for name in DATA_NAMES:
        path = root / RAW / name
        try:
            found = sha256(path)
        except OSError as exc:
            message = f"{path}: cannot be read ({exc.strerror}): point --data or MNIST_DIR at the folder with {RAW}"
            raise DataError(message) from exc
        refuse_other(str(path), found, expected[name], expected is SHA256)
    return root


def refuse_other(place: str, found: str, expected: str, mnist: bool) -> None:
    """Do nothing where a file has the digest that it must have.

    Args:
        place: Path or URL of the file.
        found: Its SHA-256.
        expected: What that must be.
        mnist: Whether it must be MNIST's, as no manifest lies there.

    Raises:
        DataError: They differ.
    """
    if found != expected:
        listed = f"MNIST's file, and there is no {MANIFEST_NAME}" if mnist else f"the file that {MANIFEST_NAME} names"
        raise DataError(f"{place}: is not {listed} (SHA-256 {found}): remove it, and fetch or prepare it again")
