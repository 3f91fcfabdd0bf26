"""From a request to the pictures in it, whichever way they were sent."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any

from flask import Request
from werkzeug.datastructures import FileStorage, ImmutableMultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from api.multipart import CONTENT_TYPE, MultipartParser
from core.errors import BodyTooLarge, MissingImage, TooManyImages, UnsupportedMediaType
from core.model import Picture

IMAGE_FIELDS = ("image", "file")
"""Names of a multipart field that holds a picture: MAX's convention, and the name that max-pytorch-mnist used."""

SPARE_PARTS = 16
"""Parts that a multipart body may hold beside its pictures, such as the fields of a form."""


class SentOrder(ImmutableMultiDict[str, Any]):
    """Form fields that also remember in which order they were sent; `items` groups them by name."""

    def __init__(self, pairs: Iterable[tuple[str, Any]] = ()) -> None:
        self.sent = list(pairs)
        super().__init__(self.sent)


class UploadRequest(Request):
    """Flask's request, whose uploads keep the order in which they were sent and never touch a disk."""

    parameter_storage_class = SentOrder
    form_data_parser_class = MultipartParser

    @property
    def mimetype_params(self) -> dict[str, str]:
        """Parameters of the content type; a boundary that should be quoted may also be bare, as many send it."""
        found = CONTENT_TYPE.fullmatch(self.content_type or "")
        return {"boundary": found[2]} if found else super().mimetype_params

    def _get_file_stream(self, *_: Any, **__: Any) -> BytesIO:
        """Keep an upload in memory, which `MAX_CONTENT_LENGTH` bounds: Werkzeug would put a large one into a file."""
        return BytesIO()


def read_pictures(request: Request, max_images: int) -> list[Picture]:
    """Return the pictures of a request, at least one, in the order sent.

    Args:
        request: An `UploadRequest`: multipart with fields named `image` or `file`, or a raw body of an `image/*` type.
        max_images: Most pictures allowed.

    Raises:
        MissingImage: It holds none.
        UnsupportedMediaType: It is neither multipart nor an image.
        BodyTooLarge: It is larger than Flask's `MAX_CONTENT_LENGTH`.
        TooManyImages: It holds more pictures than allowed.
    """
    try:
        return _read_pictures(request, max_images)
    except RequestEntityTooLarge as exc:
        raise _body_too_large(request) from exc


def read_body(request: Request) -> bytes:
    """Return the whole body of a request.

    Raises:
        BodyTooLarge: It is larger than Flask's `MAX_CONTENT_LENGTH`.
    """
    try:
        return _read_body(request)
    except RequestEntityTooLarge as exc:
        raise _body_too_large(request) from exc


def _read_pictures(request: Request, max_images: int) -> list[Picture]:
    if request.mimetype == "multipart/form-data":
        return _multipart_pictures(request, max_images)
    if request.mimetype.startswith("image/"):
        return [Picture(_read_body(request))]
    if not request.mimetype and not request.content_length:
        raise MissingImage(
            "the request has no body: send a picture as multipart field 'image' or as a raw image/* body"
        )
    raise UnsupportedMediaType(
        f"the content type is {_shown(request.mimetype)}: "
        "send multipart/form-data with a field 'image', or a raw image/* body"
    )


def _read_body(request: Request) -> bytes:
    data: bytes = request.stream.read()
    request.stream.read(1)  # Werkzeug cuts a body of unknown length at its limit, and complains here
    return data


def _multipart_pictures(request: Request, max_images: int) -> list[Picture]:
    sent: list[tuple[str, FileStorage]] = request.files.sent  # type: ignore[attr-defined]  # of SentOrder
    uploads = [upload for field, upload in sent if field in IMAGE_FIELDS and _is_chosen(upload)]
    if not uploads:
        raise MissingImage(_explain_missing(request))
    if len(uploads) > max_images:
        raise TooManyImages(f"the request holds {len(uploads)} images; at most {max_images} are allowed")
    return [Picture(_take(upload), upload.filename or "") for upload in uploads]


def _take(upload: FileStorage) -> bytes:
    """The bytes of a file, of which the form then keeps no copy: that would be worth a photo in memory."""
    with upload.stream as stream:
        data: bytes = stream.read()
        return data


def _is_chosen(upload: FileStorage) -> bool:
    """False for what a browser sends of a file field that was left empty: no name and no bytes."""
    return bool(upload.filename) or (bool(upload.stream.read(1)) and upload.stream.seek(0) == 0)


def _explain_missing(request: Request) -> str:
    if any(field in IMAGE_FIELDS for field in request.form):
        return "the field 'image' holds text instead of a file; with curl, write -F \"image=@FILE\""
    others = ", ".join(sorted({_shown(field) for field in (*request.files, *request.form)})[:5])
    found = f"it holds {others}" if others else "it holds no file"
    return f"the request has no field named 'image' or 'file': {found}"


def _body_too_large(request: Request) -> BodyTooLarge:
    return BodyTooLarge(f"the request body is larger than {request.max_content_length or 0:,} bytes")


def _shown(text: str) -> str:
    return repr(text[:80])
