"""Multipart bodies (RFC 7578), read by Werkzeug's decoder, with bounds on what surrounds the pictures.

Werkzeug's own loop keeps texts and the headers of each part, of which a hostile body may have millions, and it takes a
body that it cannot read for an empty one.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any

from werkzeug.datastructures import FileStorage, Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.sansio.multipart import NEED_DATA, Data, Event, Field, File, MultipartDecoder, State

from core.errors import BodyTooLarge, MissingImage, TooManyImages

CONTENT_TYPE = re.compile(r"multipart/form-data; ?boundary=(\"?)([\w'()+,./:=?-]{1,70})\1", re.ASCII)
"""The type of a multipart body as nearly everybody writes it: with any boundary of RFC 2046, quoted or not."""

MOST_BOUNDARY = 1000
"""Characters; RFC 2046 has 70."""

MOST_HEAD_BYTES = 2**20
"""Of all parts together: far more than names and types need. A megabyte of parameters takes half a second."""

READ_BYTES = 64 * 1024
"""Of a body that are read at once."""


class MultipartParser(FormDataParser):
    """Werkzeug's parser of forms, with a loop of our own for multipart bodies."""

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> Any:
        """Read a multipart body.

        Args:
            stream: Limited to the largest body allowed.
            mimetype: Of the body.
            content_length: Of the body.
            options: Parameters of its type.

        Returns:
            The stream, at its end; the fields, their texts left out; the files.

        Raises:
            MissingImage: It is no multipart body that can be read.
            BodyTooLarge: There is too much before its first part, or in the heads of parts.
            TooManyImages: It has too many parts.
        """
        if mimetype != "multipart/form-data":
            return super().parse(stream, mimetype, content_length, options)
        fields: list[tuple[str, str]] = []
        files: list[tuple[str, FileStorage]] = []
        file: FileStorage | None = None
        for event in _read_events(stream, _boundary(options or {})):
            if isinstance(event, File):
                file = FileStorage(self._new_file(event), event.filename, event.name)
                files.append((event.name or "", file))
            elif isinstance(event, Field):
                file = None
                fields.append((event.name or "", ""))
            elif isinstance(event, Data) and file:
                file.stream.write(event.data)
            if len(fields) + len(files) > (self.max_form_parts or math.inf):
                raise TooManyImages(f"the request has more parts than {self.max_form_parts}")
        for _, file in files:
            file.stream.seek(0)
        return stream, self.cls(fields), self.cls(files)

    def _new_file(self, event: File) -> IO[bytes]:
        return self.stream_factory(None, None, event.filename, None)


class _Decoder(MultipartDecoder):
    """Werkzeug's decoder with bounded heads, for which a name that is no UTF-8 is no reason to refuse a picture."""

    _head_bytes = 0

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD_BYTES:
            raise BodyTooLarge(f"the heads of the parts are larger than {MOST_HEAD_BYTES:,} bytes")
        return super()._parse_headers(bytes(data).decode(errors="replace").encode())


def _read_events(stream: IO[bytes], boundary: bytes) -> Iterator[Event]:
    """Yield what a body holds, to its closing boundary, and read what follows that.

    Raises:
        MissingImage: It is not of the form of a multipart body.
        BodyTooLarge: There is too much before its first part, or in the heads of parts.
    """
    decoder = _Decoder(boundary, max_form_memory_size=2 * READ_BYTES)
    try:
        while data := stream.read(READ_BYTES):
            if decoder.state is not State.EPILOGUE:
                _receive(decoder, data)
                yield from iter(decoder.next_event, NEED_DATA)
    except ValueError as exc:
        raise _unreadable(str(exc)) from exc
    if decoder.state is State.PREAMBLE:
        raise _unreadable("the boundary that its Content-Type names does not occur in it")
    if decoder.state is not State.EPILOGUE:
        raise _unreadable("it ends before its closing boundary")


def _receive(decoder: MultipartDecoder, data: bytes) -> None:
    try:
        decoder.receive_data(data)
    except RequestEntityTooLarge as exc:
        raise BodyTooLarge(f"what stands before a part is larger than {READ_BYTES:,} bytes") from exc


def _boundary(options: Mapping[str, str]) -> bytes:
    boundary = options.get("boundary", "")
    if not boundary:
        raise _unreadable("its Content-Type names no boundary")
    if len(boundary) > MOST_BOUNDARY or not boundary.isascii():
        raise _unreadable("the boundary in its Content-Type is no short ASCII text")
    return boundary.encode()


def _unreadable(reason: str) -> MissingImage:
    return MissingImage(f"the multipart body cannot be read: {reason}")
