"""Where a request ends among the bytes that a client has sent (RFC 9112, sections 6 and 7.1).

This only finds out how much belongs together, so that nobody ever waits in the middle of a request: gunicorn's parser
reads the head, and refuses what is malformed or ambiguous.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from gunicorn.config import Config
from gunicorn.http import Request
from gunicorn.http.errors import InvalidChunkSize, InvalidHeader, LimitRequestHeaders

from api.heads import Head, read_head
from core.model import Picture

if TYPE_CHECKING:
    from typing_extensions import Buffer

HEAD_BYTES = 64 * 1024
"""Of a request's head, at most."""

LINE_BYTES = 256
"""Of the line before a chunk, extensions included, and of each trailer line, at most."""

MOST_TRAILERS = 32

SPARE_CHUNKS = 1024
LEAST_CHUNK_BYTES = 256
"""On average of a body's chunks beyond the spare ones: smaller ones cost more time than the pictures in them."""

_LINE_END = b"\r\n"
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*(?=\r\n)", re.IGNORECASE)
_CODED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t -~\x80-\xff]*)?")
_TRAILER = re.compile(rb"[!-9;-~]+:[\t -~\x80-\xff]*")


@dataclass(slots=True)
class RawRequest:
    """One request as it arrived.

    Attributes:
        head: Request line and headers, to the empty line after them.
        body: All of it, without the framing of chunks, until it is parsed: a body is not kept twice.
        length: Of the body, as its head declares it; None where it came in chunks.
        whole: False where the body is larger than allowed and was not awaited; what is here of it is all there will be.
        pictures: That were found in the body, if whoever looked took note of them.
        parsed: The head as gunicorn reads it, once it was parsed.
    """

    head: bytes
    body: bytes
    length: int | None = 0
    whole: bool = True
    pictures: Sequence[Picture] = ()
    parsed: Head | None = None

    @property
    def path(self) -> str:
        """What is asked for, as far as the head tells."""
        return self.head.partition(b" ")[2].partition(b" ")[0].decode("latin-1")

    def parse(self, cfg: Config, client: tuple[str, int]) -> Request:
        """Return the request as gunicorn reads it, with the body that has arrived.

        Raises:
            ParseException: The head is malformed, or gunicorn and we do not agree on where the body ends; whoever sent
                it hoped for that.
        """
        self.parsed = read_head(self.head, cfg, client)
        request = self.parsed.new_request(client)
        if self.length != self.parsed.length:
            raise InvalidHeader("CONTENT-LENGTH", req=request)
        if not self.whole:
            request.force_close()
        body, self.body = self.body, b""
        request.body = FleetingBody(body)  # type: ignore[assignment]  # nobody asks more of a body than to be read
        return request


class FleetingBody(BytesIO):
    """A body that is forgotten once it is read to its end, as ten megabytes of it would lie beside what was read."""

    def __init__(self, data: bytes) -> None:
        """Share the bytes, without a copy."""
        super().__init__(data)
        self._unread = len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes."""
        data = super().read(size)
        self._note(len(data))
        return data

    def readinto(self, buffer: "Buffer", /) -> int:
        """Fill a buffer with the next bytes; returns their number."""
        count = super().readinto(buffer)
        self._note(count)
        return count

    def _note(self, count: int) -> None:
        self._unread -= count
        if not self._unread:
            self.seek(0)
            self.truncate()


class Inbox:
    """What a client has sent and nobody has dealt with: the next request or a part of it, and what follows."""

    def __init__(self, most_bytes: int) -> None:
        """Expect a request.

        Args:
            most_bytes: Of a request's body; a larger one is not waited for.
        """
        self._most_bytes = most_bytes
        self._received: bytes | bytearray = b""
        self._head_bytes = 0
        self._length = 0
        self._chunks: Chunks | None = None
        self.expects_continue = False

    def __len__(self) -> int:
        """Bytes held."""
        return len(self._received) + (len(self._chunks.data) if self._chunks else 0)

    def add(self, data: bytes) -> None:
        """Take what the client has sent."""
        if not self._received:
            self._received = data
            return
        if not isinstance(self._received, bytearray):
            self._received = bytearray(self._received)  # that grows in place
        self._received += data

    def take(self) -> RawRequest | None:
        """Return the next request if all of it is here, or if it is larger than will be waited for; else None.

        Raises:
            LimitRequestHeaders: The head is larger than `HEAD_BYTES`.
            InvalidChunkSize: The body's chunks are malformed, or too many for what is in them.
        """
        if not self._head_bytes and not self._find_head():
            return None
        if self._chunks is not None:
            return self._take_chunks(self._chunks)
        if self._length > self._most_bytes:
            return self._cut(self._head_bytes, b"", self._length, whole=False)
        end = self._head_bytes + self._length
        if len(self._received) < end:
            return None
        return self._cut(end, self._piece(self._head_bytes, end), self._length)

    def _find_head(self) -> bool:
        end = self._received.find(_HEAD_END, 0, HEAD_BYTES)
        if end < 0:
            if len(self._received) >= HEAD_BYTES:
                raise LimitRequestHeaders(f"the head of the request is larger than {HEAD_BYTES:,} bytes")
            return False
        self._head_bytes = end + len(_HEAD_END)
        lengths = _LENGTH.findall(self._received, 0, end + 2)
        self._length = int(lengths[0]) if len(lengths) == 1 else 0
        if _CODED.search(self._received, 0, end + 2):
            self._chunks = Chunks(self._head_bytes, self._most_bytes)
        self.expects_continue = _EXPECTS.search(self._received, 0, end + 2) is not None
        return True

    def _take_chunks(self, chunks: "Chunks") -> RawRequest | None:
        complete = chunks.read(self._received)
        if complete or chunks.too_large:
            return self._cut(chunks.position, bytes(chunks.data), None, whole=complete)
        if chunks.position > self._head_bytes:
            self._received = bytearray(self._received)
            del self._received[self._head_bytes : chunks.position]
            chunks.position = self._head_bytes
        return None

    def _cut(self, end: int, body: bytes, length: int | None, *, whole: bool = True) -> RawRequest:
        """Return the request that ends there, and expect the next one."""
        request = RawRequest(self._piece(0, self._head_bytes), body, length, whole)
        self._received = self._piece(end, len(self._received))
        self._head_bytes, self._chunks, self.expects_continue = 0, None, False
        return request

    def _piece(self, start: int, end: int) -> bytes:
        with memoryview(self._received) as view:
            return bytes(view[start:end])


class Chunks:
    """A body that arrives in chunks."""

    def __init__(self, position: int, most_bytes: int) -> None:
        """Begin at a position among the bytes received."""
        self.position = position
        self.data = bytearray()
        self.too_large = False
        self._most_bytes = most_bytes
        self._count = self._trailers = 0
        self._ending = False

    def read(self, received: bytes | bytearray) -> bool:
        """Read every chunk that is here; True at the end of the body, its trailers left out.

        Raises:
            InvalidChunkSize: A chunk is malformed, or there are too many for what is in them.
        """
        while not self._ending:
            line_end = self._line_end(received)
            if line_end < 0:
                return False
            size = self._size(received[self.position : line_end])
            start = line_end + len(_LINE_END)
            if size == 0:
                self._ending, self.position = True, start
            elif not self._read_chunk(received, start, start + size):
                return False
        return self._pass_trailers(received)

    def _line_end(self, received: bytes | bytearray) -> int:
        end = received.find(_LINE_END, self.position, self.position + LINE_BYTES)
        if end < 0 and len(received) - self.position >= LINE_BYTES:
            raise InvalidChunkSize(b"a line of more than %d bytes" % LINE_BYTES)
        return end

    def _size(self, line: bytes | bytearray) -> int:
        found = _CHUNK_SIZE.fullmatch(line)
        if found is None:
            raise InvalidChunkSize(bytes(line[:32]))
        return int(found[1], 16)

    def _read_chunk(self, received: bytes | bytearray, start: int, end: int) -> bool:
        self.too_large = len(self.data) + end - start > self._most_bytes
        after = received[end : end + len(_LINE_END)]
        if self.too_large or (len(after) < len(_LINE_END) and _LINE_END.startswith(after)):
            return False
        if after != _LINE_END:
            raise InvalidChunkSize(b"no line end after a chunk")
        with memoryview(received) as view:
            self.data += view[start:end]
        self.position = end + len(_LINE_END)
        self._count += 1
        if self._count > SPARE_CHUNKS + len(self.data) // LEAST_CHUNK_BYTES:
            raise InvalidChunkSize(b"the chunks are too small")
        return True

    def _pass_trailers(self, received: bytes | bytearray) -> bool:
        while (end := self._line_end(received)) >= 0:
            start, self.position = self.position, end + len(_LINE_END)
            if start == end:
                return True
            if not _TRAILER.fullmatch(received, start, end):
                raise InvalidChunkSize(b"a malformed trailer")
            self._trailers += 1
            if self._trailers > MOST_TRAILERS:
                raise InvalidChunkSize(b"too many trailers")
        return False
