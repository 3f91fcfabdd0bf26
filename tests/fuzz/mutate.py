"""Seeded mutations of files: of their bits, their lengths, their parts and their ends."""

import random
import struct
from collections.abc import Callable, Sequence

from tests.fuzz.bombs import PNG_START, chunk

Mutation = Callable[[bytearray, random.Random, Sequence[bytes]], bytearray]

EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
"""Numbers at which lengths go wrong."""


def flip_bits(data: bytearray, rng: random.Random, _corpus: Sequence[bytes]) -> bytearray:
    for _ in range(rng.choice((1, 2, 4, 16))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def set_bytes(data: bytearray, rng: random.Random, _corpus: Sequence[bytes]) -> bytearray:
    for _ in range(rng.choice((1, 2, 8))):
        data[rng.randrange(len(data))] = rng.choice((0, 0xFF, rng.randrange(256)))
    return data


def cut(data: bytearray, rng: random.Random, _corpus: Sequence[bytes]) -> bytearray:
    return data[: rng.randrange(1, len(data) + 1)]


def edit_number(data: bytearray, rng: random.Random, _corpus: Sequence[bytes]) -> bytearray:
    """Overwrites two or four bytes, of the head more often than not, as a length or a size of either byte order."""
    place = rng.randrange(min(len(data), 128) if rng.random() < 0.6 else len(data))
    number, size = rng.choice((*EDGES, rng.randrange(70_000))), rng.choice((2, 4))
    data[place : place + size] = (number % 256**size).to_bytes(size, rng.choice(("big", "little")))
    return data


def splice(data: bytearray, rng: random.Random, corpus: Sequence[bytes]) -> bytearray:
    """The head of one file and the tail of another, of any format."""
    other = rng.choice(corpus)
    return data[: rng.randrange(1, len(data) + 1)] + other[rng.randrange(len(other)) :]


def insert(data: bytearray, rng: random.Random, corpus: Sequence[bytes]) -> bytearray:
    other = rng.choice(corpus)
    start, place = rng.randrange(len(other)), rng.randrange(len(data))
    return data[:place] + other[start : start + rng.randrange(1, 200)] + data[place:]


def remove(data: bytearray, rng: random.Random, _corpus: Sequence[bytes]) -> bytearray:
    place = rng.randrange(len(data))
    del data[place : place + rng.randrange(1, 64)]
    return data


def repeat(data: bytearray, rng: random.Random, _corpus: Sequence[bytes]) -> bytearray:
    place = rng.randrange(len(data))
    return data[:place] + data[place : place + rng.randrange(1, 64)] * rng.choice((2, 9, 100)) + data[place:]


def add_tail(data: bytearray, rng: random.Random, _corpus: Sequence[bytes]) -> bytearray:
    return data + rng.randbytes(rng.choice((1, 100, 5000)))


def shuffle_chunks(data: bytearray, rng: random.Random, corpus: Sequence[bytes]) -> bytearray:
    """Drops, repeats, swaps and edits a PNG's chunks and mends their checksums; another format has its bits flipped."""
    chunks = split_png(bytes(data))
    if not chunks:
        return flip_bits(data, rng, corpus)
    for _ in range(rng.choice((1, 2, 3))):
        place = rng.randrange(len(chunks))
        kind, body = chunks[place]
        deed = rng.randrange(4)
        if deed == 0:
            chunks.insert(rng.randrange(len(chunks) + 1), (kind, body))
        elif deed == 1 and len(chunks) > 1:
            del chunks[place]
        elif deed == 2:
            chunks[place] = (rng.choice((b"IDAT", b"PLTE", b"tRNS", b"eXIf", b"fcTL", b"acTL", b"iCCP", b"zTXt")), body)
        elif body:
            chunks[place] = (kind, bytes(edit_number(bytearray(body), rng, corpus)))
    return bytearray(PNG_START + b"".join(chunk(*part) for part in chunks))


def split_png(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG, none of any other file."""
    chunks, place = [], len(PNG_START)
    while data.startswith(PNG_START) and place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        chunks.append((kind, data[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    set_bytes,
    cut,
    edit_number,
    edit_number,
    splice,
    insert,
    remove,
    repeat,
    add_tail,
    shuffle_chunks,
)


def mutated(seed: int, number: int, corpus: Sequence[bytes]) -> bytes:
    """The case of this number: one file of the corpus after one to three mutations."""
    rng = random.Random(f"{seed}-{number}")
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.choice((1, 1, 2, 3))):
        if data:
            data = rng.choice(MUTATIONS)(data, rng, corpus)
    return bytes(data)
