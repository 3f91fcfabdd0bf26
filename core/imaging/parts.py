"""The parts of a file that decoding needs, so that no other part can cost time or memory.

Text, colour profiles, further frames and directories, and what lies between parts are left out or counted before a
decoder sees the file. Formats: PNG, third edition, 5; ITU-T T.81, annex B; GIF89a, 17 to 26; TIFF 6.0, section 2.
"""

import re
import struct
from itertools import pairwise

from core.errors import InvalidImage

MOST_PARTS = 20_000
"""Chunks, segments or blocks of a file: a PNG of 10 MiB that is written in pieces of 8 KiB has 1,300."""

MOST_META_BYTES = 2**16
"""Of one piece of metadata that is kept, EXIF or XMP, as long as a JPEG's segment can be."""

MOST_HEAD_BYTES = 2**18
"""Of a JPEG before its first scan: tables, and one piece each of EXIF and XMP."""

MOST_TAGS = 1000
"""Of a TIFF directory; the standard knows about 100."""

MOST_TAG_BYTES = 64
"""Of a tag's values, but for those of `_LONG_TAGS`."""

MOST_STRIPS = 2**16
"""Strips or tiles of a TIFF."""

_UNREADABLE = "not a readable PNG, JPEG, BMP, GIF, WebP or TIFF picture: "
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_TIFFS = (
    b"II\x2a\x00",
    b"MM\x00\x2a",
    b"II\x2b\x00",
    b"II\x00\x2a",
    b"MM\x2a\x00",
)  # the last two are odd, but Pillow's

_chunk = struct.Struct(">I4s").unpack_from
_riff_chunk = struct.Struct("<4sI").unpack_from
_PNG_NEEDED = frozenset((b"IDAT", b"PLTE", b"tRNS"))
_PNG_ONCE = frozenset((b"IHDR", b"eXIf"))

_MARKER = re.compile(rb"\xff+([^\xff\x00])")
_MARKER_AMONG_DATA = re.compile(rb"\xff+([^\xff\x00\xd0-\xd7])")
_START_OF_SCAN = 0xDA
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xDA)))
_JPEG_NEEDED = frozenset((0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD, 0xE0, 0xEE))
"""Frames of baseline and progressive Huffman coding, tables, restarts, JFIF, Adobe. Arithmetic coding, which hardly any
program reads, would take seconds: next to no bytes can hold any number of coefficients."""

_APP1 = 0xE1
_APP1_KEPT = (b"Exif\x00\x00", b"http://ns.adobe.com/xap/1.0/\x00")

_LONG_TAGS = frozenset((273, 279, 320, 324, 325, 347))
"""Offsets and byte counts of strips and tiles, the colour map, JPEG's tables."""

_TAGS = _LONG_TAGS | frozenset((254, 255, 256, 257, 258, 259, 262, 266, 274, 277, 278, 284, 292, 293, 297, 317, 322))
_TAGS |= frozenset((323, 332, 338, 339, *range(512, 522), 529, 530, 531, 532))
_TAG_TYPES = {1: 1, 3: 2, 4: 4, 5: 8, 7: 1, 16: 8}
"""Bytes of a value by type, of the types that `_TAGS` have: BYTE, SHORT, LONG, RATIONAL, UNDEFINED, LONG8."""


def needed_parts(data: bytes) -> bytes:
    """Returns a file with only the parts that decoding needs; the same bytes where it has no others.

    Raises:
        InvalidImage: the file has more parts than any sound one.
    """
    if data.startswith(_PNG):
        return _without(data, _spare_in_png(data))
    if data.startswith(_JPEG):
        return _without(data, _spare_in_jpeg(data))
    if data.startswith(b"GIF8"):
        _count_blocks(data)
    if data.startswith(_TIFFS):
        return _with_needed_tags(data)
    if data.startswith(b"MM\x00\x2b"):
        raise InvalidImage(f"{_UNREADABLE}a big-endian BigTIFF")  # Pillow and libtiff take it for different files
    return data


def _without(data: bytes, spare: list[tuple[int, int]]) -> bytes:
    """Cuts the given spans, in their order, out of a file."""
    if not spare:
        return data
    edges = [0, *(edge for span in spare for edge in span), len(data)]
    view = memoryview(data)
    return b"".join([view[start:end] for start, end in list(pairwise(edges))[::2]])


def _spare_in_png(data: bytes) -> list[tuple[int, int]]:
    """Where a PNG has chunks that no decoder of one frame needs, a second header too, and all that follows the end."""
    spare = []
    seen = set()
    position, last = len(_PNG), len(data) - 8
    parts = 0
    while position <= last:
        length, kind = _chunk(data, position)
        end = position + 12 + length
        if kind == b"IEND":
            if end < len(data):
                spare.append((end, len(data)))
            break
        if kind not in _PNG_NEEDED:
            if kind in seen or kind not in _PNG_ONCE or length > MOST_META_BYTES:
                spare.append((position, min(end, len(data))))
            seen.add(kind)
        parts += 1
        if parts > MOST_PARTS:
            raise InvalidImage(f"{_UNREADABLE}it has too many chunks")
        position = end
    return spare


def _spare_in_jpeg(data: bytes) -> list[tuple[int, int]]:
    """Where a JPEG holds, before its first scan, what no decoder needs: comments, profiles, further pictures, junk."""
    spare = []
    seen = set()
    position, kept, parts = len(_JPEG), 0, 0
    while (found := _MARKER.search(data, position)) is not None:
        marker = found[1][0]
        start, end = found.end() - 2, found.end()
        if marker not in _WITHOUT_LENGTH and marker != _START_OF_SCAN:
            end += int.from_bytes(data[end : end + 2], "big")
        if start > position:
            spare.append((position, start))
        if marker == _START_OF_SCAN:
            break
        prefix = (
            next((head for head in _APP1_KEPT if data.startswith(head, start + 4)), None) if marker == _APP1 else None
        )
        if marker in _JPEG_NEEDED or (prefix is not None and prefix not in seen):
            kept += end - start
        else:
            spare.append((start, min(end, len(data))))
        seen.add(prefix)
        parts += 1
        if parts > MOST_PARTS or kept > MOST_HEAD_BYTES:
            raise InvalidImage(f"{_UNREADABLE}it has too many segments")
        position = end
    return spare


def _count_blocks(data: bytes) -> None:
    """Refuses a GIF with too many blocks before its first frame."""
    flags = data[10] if len(data) > 10 else 0
    position = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    inside = False
    for _ in range(MOST_PARTS):
        if position >= len(data):
            return
        byte = data[position]
        if inside:
            inside = byte > 0
            position += byte + 1
        elif byte in b",;":
            return
        else:
            inside = byte == ord("!")
            position += 2 if inside else 1
    raise InvalidImage(f"{_UNREADABLE}it has too many blocks")


def _with_needed_tags(data: bytes) -> bytes:
    """Empties a TIFF's tags that no decoder needs, or that have too many values; ends it after one frame."""
    order = "<" if data.startswith(b"II") else ">"
    big = data[2] == 0x2B
    counter, entry, pointer = (
        struct.Struct(order + form) for form in (("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I"))
    )
    try:
        (start,) = pointer.unpack_from(data, 8 if big else 4)
        (tags,) = counter.unpack_from(data, start)
        if tags > MOST_TAGS:
            raise InvalidImage(f"{_UNREADABLE}it has too many tags")
        first = start + counter.size
        end = first + tags * entry.size
        entries = [entry.unpack_from(data, first + place * entry.size) for place in range(tags)]
    except (struct.error, OverflowError) as exc:
        raise InvalidImage(f"{_UNREADABLE}truncated") from exc
    directory = b"".join(
        entry.pack(*fields) if _is_needed(*fields[:3]) else entry.pack(fields[0], 1, 0, bytes(pointer.size))
        for fields in entries
    )
    return b"".join([memoryview(data)[:first], directory, bytes(pointer.size), memoryview(data)[end + pointer.size :]])


def count_scans(data: bytes, position: int) -> int:
    """Counts the scans of a JPEG, from a position within the first of them; looks at no more than are allowed."""
    scans = 1
    for _ in range(MOST_PARTS):
        found = _MARKER_AMONG_DATA.search(data, position)
        if found is None or found[1] == b"\xd9":
            break
        scans += found[1] == b"\xda"
        position = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return scans


def is_lossless_webp(data: bytes) -> bool:
    """Tells whether the first frame of a WebP, whose chunks are those of RIFF, is coded without loss."""
    position = 12
    while position + 8 <= len(data):
        kind, length = _riff_chunk(data, position)
        if kind in (b"VP8 ", b"VP8L"):
            return bool(kind == b"VP8L")
        position += 8 + 16 if kind == b"ANMF" else 8 + length + length % 2
    return False


def _is_needed(tag: int, kind: int, count: int) -> bool:
    """Whether a tag tells a decoder something, and does so in no more values than it can need."""
    if tag not in _TAGS or kind not in _TAG_TYPES:
        return False
    if tag in _LONG_TAGS:
        return count <= MOST_STRIPS and kind != 5
    return count * _TAG_TYPES[kind] <= MOST_TAG_BYTES
