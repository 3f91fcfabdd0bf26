from collections.abc import Iterator
from http import HTTPStatus

import pytest

from core import errors
from core.errors import RequestError, ServiceError, StartError, StorageError

TABLE = {
    "missing_image": 400,
    "invalid_image": 400,
    "invalid_parameter": 400,
    "invalid_tensor": 400,
    "unauthorized": 401,
    "unknown_model": 404,
    "body_too_large": 413,
    "image_too_large": 413,
    "too_many_images": 413,
    "unsupported_media_type": 415,
    "no_ink": 422,
    "overloaded": 503,
    "not_ready": 503,
}
"""The contract's codes and statuses."""

ABSTRACT = {"unavailable"}
STORAGE_ERRORS: set[type[ServiceError]] = {StorageError, *StorageError.__subclasses__()}


def descendants(parent: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for child in parent.__subclasses__():
        yield child
        yield from descendants(child)


def test_all_errors_derive_from_the_base() -> None:
    defined = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert defined == {
        ServiceError,
        *(child for child in descendants(ServiceError) if child.__module__ == "core.errors"),
    }


def test_codes_and_statuses_are_the_contract() -> None:
    found = {child.code: int(child.status) for child in descendants(RequestError)}
    assert {code: status for code, status in found.items() if code not in ABSTRACT} == TABLE


@pytest.mark.parametrize(
    "error", [ServiceError, *(error for error in descendants(StartError) if error not in STORAGE_ERRORS)]
)
def test_faults_of_ours_are_internal_errors(error: type[ServiceError]) -> None:
    assert (error.status, error.code) == (HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error")


def test_faults_of_storage_have_codes_for_the_rows_of_bulk_scoring() -> None:
    assert {error.code for error in STORAGE_ERRORS} == {"storage_error", "object_missing", "object_changed"}
    assert {error.status for error in STORAGE_ERRORS} == {HTTPStatus.INTERNAL_SERVER_ERROR}
