"""Every error that a user of the service or its operator can meet.

    ServiceError                      500  internal_error
    ├── StartError                         the server refuses to start
    │   ├── IntegrityError                 a file is missing, extra, changed or wrongly listed
    │   ├── CheckpointError                a description or state dict that cannot be served
    │   ├── DeviceError                    a device was asked for that this machine lacks
    │   └── StorageError                   a folder or object storage that cannot be used
    │       ├── ObjectMissing                  it is not there
    │       └── ObjectChanged                  it is not what was listed any more
    └── RequestError                  400  the client can mend it
        ├── MissingImage              400  missing_image
        ├── InvalidImage              400  invalid_image
        ├── InvalidParameter          400  invalid_parameter
        ├── InvalidTensor             400  invalid_tensor
        ├── Unauthorized              401  unauthorized
        ├── UnknownModel              404  unknown_model
        ├── BodyTooLarge              413  body_too_large
        ├── ImageTooLarge             413  image_too_large
        ├── TooManyImages             413  too_many_images
        ├── UnsupportedMediaType      415  unsupported_media_type
        ├── NoInk                     422  no_ink
        └── Unavailable               503  (adds Retry-After)
            ├── Overloaded            503  overloaded
            └── NotReady              503  not_ready

The message of a `RequestError` is sent to the client as it is; that of any other error never is.
"""

from http import HTTPStatus
from typing import ClassVar


class ServiceError(Exception):
    """Base of all errors of this project; `status` and `code` are part of the HTTP contract."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal_error"


class StartError(ServiceError):
    """The server cannot start; the message is one line for the operator."""


class IntegrityError(StartError):
    """An asset does not agree with `sha512sums.txt`."""


class CheckpointError(StartError):
    """A checkpoint's description or state dict cannot be served."""


class DeviceError(StartError):
    """The device asked for is not there."""


class StorageError(StartError):
    """A file or object cannot be read or written, or its storage cannot be used."""

    code = "storage_error"


class ObjectMissing(StorageError):
    """A file or object is not there."""

    code = "object_missing"


class ObjectChanged(StorageError):
    """A file or object is not what it was when it was listed."""

    code = "object_changed"


class RequestError(ServiceError):
    """A request that the client can mend; the message is written for the client."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad_request"


class MissingImage(RequestError):
    """The request holds no image."""

    code = "missing_image"


class InvalidImage(RequestError):
    """Bytes that no allowed decoder reads."""

    code = "invalid_image"


class InvalidParameter(RequestError):
    """A query parameter has a value that is not allowed."""

    code = "invalid_parameter"


class InvalidTensor(RequestError):
    """A request of the Open Inference Protocol that is not of its form."""

    code = "invalid_tensor"


class Unauthorized(RequestError):
    """Keys are required and the request bears none of them."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"


class UnknownModel(RequestError):
    """Another model, or another version, is served."""

    status = HTTPStatus.NOT_FOUND
    code = "unknown_model"


class BodyTooLarge(RequestError):
    """The request body is over the limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "body_too_large"


class ImageTooLarge(RequestError):
    """An image has more pixels than allowed, or than can be decoded of its kind; found in its header."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "image_too_large"


class TooManyImages(RequestError):
    """One request holds more images than allowed, or than can be read in the time that one request may take."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_many_images"


class UnsupportedMediaType(RequestError):
    """The body is neither multipart nor an image."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"


class NoInk(RequestError):
    """A blank image: there is nothing to read."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "no_ink"


class Unavailable(RequestError):
    """The request is fine, the server cannot answer it now; sent with `Retry-After`."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"


class Overloaded(Unavailable):
    """Too many requests are being answered already."""

    code = "overloaded"


class NotReady(Unavailable):
    """The server cannot read a digit at present."""

    code = "not_ready"
