"""What went wrong with a file or an object, in one line for whoever named the place."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import ObjectChanged, ObjectMissing, StorageError

MISSING = ("NoSuchKey", "NoSuchBucket", "404")
REFUSED = ("AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId", "403", "401")
CHANGED = ("PreconditionFailed", "412")
BUSY = ("SlowDown", "503", "ServiceUnavailable", "RequestLimitExceeded", "Throttling")


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Turn what is raised inside into a `StorageError` that names the place.

    Raises:
        StorageError: In place of any error of the system, of fsspec or of botocore.
    """
    try:
        yield
    except StorageError:
        raise
    except Exception as exc:  # aiohttp, botocore and s3fs raise dozens of types without a common base
        raise explain(place, exc) from exc


def changed(place: str) -> ObjectChanged:
    """Return the error of a file that is not what was listed."""
    return ObjectChanged(f"{place}: has changed since it was listed: run again")


def explain(place: str, exc: BaseException) -> StorageError:
    """Return the error that says what `exc` means for the user of a place."""
    code = _code(exc)
    if isinstance(exc, FileNotFoundError) or code in MISSING:
        return ObjectMissing(f"{place}: is not there: check the name{_bucket(place)}")
    if code in CHANGED:
        return changed(place)
    if isinstance(exc, PermissionError) or code in REFUSED:
        return StorageError(f"{place}: access is refused: check {_credentials(place)}")
    name = type(exc).__name__
    if name in ("NoCredentialsError", "PartialCredentialsError"):
        return StorageError(f"{place}: no keys are set: check {_credentials(place)}")
    if code in BUSY:
        return StorageError(f"{place}: the storage is too busy, and stays so ({code}): try later")
    if "Connect" in name or "Endpoint" in name:
        return StorageError(f"{place}: the storage cannot be reached: check AWS_ENDPOINT_URL")
    return StorageError(f"{place}: cannot be used ({name}: {_one_line(exc)})")


def _code(exc: BaseException) -> str:
    """S3's code of an error, which s3fs keeps as the cause of its own; empty for others."""
    for error in (exc, exc.__cause__):
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def _bucket(place: str) -> str:
    return " and the bucket" if "://" in place else ""


def _credentials(place: str) -> str:
    return "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" if "://" in place else "its permissions"


def _one_line(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:200]
