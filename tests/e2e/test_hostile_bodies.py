"""Bodies that are no pictures and no tensors: each is refused with a reason, at a bounded cost of the only worker."""

import gzip
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from api.tensors import MOST_JSON_BYTES
from tests.e2e.hostile import SEVEN, Case, Target, request

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine, pytest.mark.alone]

BODY_BYTES = 10 * 2**20 - 1000
DISPOSITION = b'Content-Disposition: form-data; name="image"; filename="x.png"'
TEXT = b'Content-Disposition: form-data; name="a"'
OPEN = b"--B\r\n" + DISPOSITION + b"\r\n\r\n"
END = b"--B--\r\n"

Make = Callable[[], Case]


def form(body: bytes, status: int, code: str | None, boundary: bytes = b"boundary=B") -> Case:
    return Case(request(b"Content-Type: multipart/form-data; " + boundary + b"\r\n", body), status, code)


def part(head: bytes = DISPOSITION, data: bytes = SEVEN) -> bytes:
    return b"--B\r\n" + head + b"\r\n\r\n" + data + b"\r\n"


def filled(unit: bytes, count: int = BODY_BYTES) -> bytes:
    return unit * (count // len(unit))


def missing(body: bytes, boundary: bytes = b"boundary=B") -> Case:
    return form(body, 400, "missing_image", boundary)


def large(body: bytes) -> Case:
    return form(body, 413, "body_too_large")


def headed(more: bytes, times: int = 20) -> Case:
    """Parts with so much after their names that all heads are larger than allowed."""
    return large(part(DISPOSITION + more) * times + END)


BOUNDARIES: dict[str, Make] = {
    "none": lambda: missing(part() + END, b""),
    "empty": lambda: missing(part() + END, b"boundary="),
    "empty and quoted": lambda: missing(part() + END, b'boundary=""'),
    "of 5,000 characters": lambda: missing(part() + END, b"boundary=" + b"b" * 5000),
    "not ASCII": lambda: missing(part() + END, b'boundary="\xe9"'),
    "in UTF-16": lambda: missing(part() + END, b"boundary*=utf-16''%00B"),
    "a pattern": lambda: missing(part() + END, b'boundary="(a+)+$"'),
    "another": lambda: missing(part() + END, b"boundary=C"),
    "longer than the body": lambda: missing(b"--B", b"boundary=" + b"B" * 70),
    "that never ends": lambda: missing(part()),
    "that ends at once": lambda: missing(END),
    "without a body": lambda: missing(b""),
    "not there": lambda: missing(bytes(range(256)) * 100),
}
PARTS: dict[str, Make] = {
    "without a disposition": lambda: missing(b"--B\r\nContent-Type: image/png\r\n\r\n" + SEVEN + b"\r\n" + END),
    "without a name": lambda: missing(part(b"Content-Disposition: form-data; filename=x") + END),
    "a name of no UTF-8": lambda: missing(part(TEXT.replace(b"a", b"\xff\xfe") + b"; filename=x") + END),
    "nested": lambda: missing(part(TEXT, b"--C\r\n" + DISPOSITION + b"\r\n\r\n7\r\n--C--\r\n") + END),
    "text in place of a file": lambda: missing(part(TEXT.replace(b'"a"', b"image")) + END),
    "empty files": lambda: form(part(data=b"") * 256 + END, 400, "invalid_image"),
    "base64": lambda: form(
        part(DISPOSITION + b"\r\nContent-Transfer-Encoding: base64", b"aGk=") + END, 400, "invalid_image"
    ),
    "10,000": lambda: form(part(data=b"") * 10_000 + END, 413, "too_many_images"),
    "100,000 texts": lambda: form(part(TEXT, b"1") * 100_000 + END, 413, "too_many_images"),
    "273 texts": lambda: form(part(TEXT, b"1") * 273 + END, 413, "too_many_images"),
    "100,000 without a head": lambda: missing(b"--B\r\n\r\n" * 100_000 + END),
    "10 MB of text": lambda: missing(part(TEXT, filled(b"x")) + END),
    "10 MB of text in 25 of them": lambda: missing(part(TEXT, "é😀".encode() + b"x" * 400_000) * 25 + END),
}
HEADS: dict[str, Make] = {
    "1 MB": lambda: headed(b"\r\nX: " + b"a" * 2**20, 1),
    "10 MB": lambda: large(b"--B\r\n" + DISPOSITION + b"\r\nX: " + filled(b"a")),
    "a name of 1 MB": lambda: large(part(TEXT.replace(b"a", b"a" * 2**20)) + END),
    "3,000,000 lines": lambda: headed(b"\r\n" + b"a:\r\n" * 15_000, 150),
    "continued": lambda: headed(b"\r\nX: " + b"\r\n " * 20_000),
    "parameters": lambda: headed(b"; a=b" * 12_000),
    "quotes": lambda: headed(b'; a="b' * 10_000),
    "escapes": lambda: headed(b'; a="' + b"\\\\" * 30_000 + b'"'),
    "continued parameters": lambda: headed(b"".join(b"; a*%d=b" % number for number in range(5_000)), 25),
    "escaped names": lambda: headed(b"; filename*=utf-8''" + b"%41" * 20_000),
    "blanks": lambda: large(OPEN + filled(b"\r\n--B" + b" " * 60_000)),
    "before the first part": lambda: large(filled(b"x") + END),
    "before the first part, like boundaries": lambda: large(filled(b"\r\n--B ", 200_000) + b"x" + part() + END),
}
DATA: dict[str, Make] = {
    name: lambda unit=unit: missing(OPEN + filled(unit))  # type: ignore[misc]
    for name, unit in {
        "CR": b"\r",
        "LF": b"\n",
        "CRLF": b"\r\n",
        "dashes": b"-",
        "line ends and dashes": b"\r\n--",
        "boundaries without a line end": b"x--Bx",
        "boundaries that go on": b"\r\n--Bx",
        "one boundary and blanks": b"\r\n--B" + b" " * (BODY_BYTES - 200),
    }.items()
}
OTHERS: dict[str, Make] = {
    "gzip": lambda: Case(
        request(b"Content-Type: image/png\r\nContent-Encoding: gzip\r\n", gzip.compress(bytes(100 * 2**20))),
        400,
        "invalid_image",
    ),
    "a form in the address's manner": lambda: Case(
        request(b"Content-Type: application/x-www-form-urlencoded\r\n", filled(b"a=b&")), 415, "unsupported_media_type"
    ),
    "a type of 7,000 characters": lambda: Case(
        request(b"Content-Type: " + b"a" * 7000 + b"\r\n", SEVEN), 415, "unsupported_media_type"
    ),
    "10 MB after the end": lambda: form(part() + END + filled(b"x", BODY_BYTES - 1000), 200, None),
    "a picture and 10 MB": lambda: form(part(data=SEVEN + filled(b"\0", BODY_BYTES - 1000)) + END, 200, None),
    "names of another encoding": lambda: form(part(DISPOSITION.replace(b"x", b"\xff\xfe")) + END, 200, None),
}


def infer(body: bytes, status: int, head: bytes = b"") -> Case:
    return Case(request(b"Content-Type: application/json\r\n" + head, body, b"POST /v2/models/digit-net/infer"), status)


def tensor(data: str, status: int = 400, shape: str = "[1,28,28]", datatype: str = "UINT8", more: str = "") -> Case:
    text = f'{{"inputs":[{{"name":"digits","datatype":"{datatype}","shape":{shape},"data":{data}}}]{more}}}'
    return infer(text.encode(), status)


def many(value: str, status: int = 413, count: int = MOST_JSON_BYTES - 200) -> Case:
    """As many values as there is room for."""
    return tensor("[" + ",".join([value] * (count // (len(value) + 1))) + "]", status)


def same(value: str, status: int = 400) -> Case:
    return tensor("[" + ",".join([value] * 784) + "]", status, datatype="FP32")


def binary(data: bytes, status: int, size: int | None = None, header: bytes | None = None) -> Case:
    given: dict[str, Any] = {"name": "digits", "datatype": "FP32", "shape": [1, 28, 28]}
    given["parameters"] = {"binary_data_size": len(data) if size is None else size}
    text = json.dumps({"inputs": [given]}).encode()
    header = str(len(text)).encode() if header is None else header
    return infer(text + data, status, b"Inference-Header-Content-Length: " + header + b"\r\n")


JSON: dict[str, Make] = {
    "5 MB of [": lambda: infer(b"[" * (5 * 2**20), 413),
    "2.5 MB of [": lambda: infer(b"[" * MOST_JSON_BYTES, 413),
    "100,000 levels": lambda: infer(b'{"a":' * 100_000, 413),
    "1,000 levels": lambda: infer(b'{"a":' * 1000, 400),
    "190 levels": lambda: tensor("[" * 190 + "0" + "]" * 190),
    "blanks": lambda: infer(b" " * (MOST_JSON_BYTES - 1), 400),
    "lists": lambda: many("[]"),
    "nested lists": lambda: many("[[[[[[0]]]]]]"),
    "objects": lambda: many("{}"),
    "objects with keys": lambda: many('{"":1}'),
    "whole numbers": lambda: many("1"),
    "texts": lambda: many('""'),
    "as many values as a full request": lambda: many("1", 400, 2 * 256 * 784),
    "a long text among numbers": lambda: tensor("[" + '"' + "a" * 100_000 + '"' + ",1" * 200_000 + "]"),
    "different keys": lambda: infer(json.dumps(dict.fromkeys(map(str, range(190_000)), 1)).encode(), 413),
    "different values": lambda: tensor(json.dumps([number / 7 for number in range(100_000)])),
    "equal keys": lambda: infer(b'{"inputs":[]' + b',"inputs":[]' * 1000 + b"}", 400),
    "outputs": lambda: tensor("[0]", more=',"outputs":[' + "{}," * 1900 + "{}]"),
    "2 MB of digits": lambda: tensor("[" + "9" * 2_000_000 + "]"),
    "numbers of 4,000 digits": lambda: tensor("[" + ",".join(["9" * 4000] * 600) + "]"),
    "a shape of 4,000 digits": lambda: tensor("[0]", shape="[" + ",".join(["9" * 4000] * 3) + "]"),
    "a shape beyond 63 bits": lambda: tensor("[0]", shape="[9223372036854775808,28,28]"),
    "sizes whose product overflows": lambda: tensor("[0]", 413, shape="[4611686018427387904,28,28]"),
    "a negative size": lambda: tensor("[0]", shape="[-1,28,28]"),
    "an infinite size": lambda: tensor("[0]", shape="[Infinity,28,28]"),
    "no size": lambda: tensor("[]", shape="[0,28,28]"),
    "a name of 2 MB": lambda: infer(b'{"inputs":[{"name":"' + b"x" * 2_000_000 + b'"}]}', 400),
    "an id of 2 MB": lambda: infer(b'{"id":"' + b"x" * 2_000_000 + b'"}', 400),
    "half a character": lambda: infer(b'{"id":"\\ud800"}', 400),
    "no UTF-8": lambda: infer(b'{"id":"\xff"}', 400),
    "UTF-16": lambda: infer("{}".encode("utf-16"), 400),
    "a byte order mark": lambda: infer(b"\xef\xbb\xbf{}", 400),
    "NaN": lambda: same("NaN"),
    "infinity": lambda: same("-Infinity"),
    "beyond a float": lambda: same("1e999"),
    "binary NaN": lambda: binary(struct.pack("<I", 0x7FC00000) * 784, 400),
    "binary signalling NaN": lambda: binary(struct.pack("<I", 0x7F800001) * 784, 400),
    "binary infinity": lambda: binary(struct.pack("<f", float("inf")) * 784, 400),
    "10 MB of zeros": lambda: binary(bytes(BODY_BYTES), 400),
    "less than was said": lambda: binary(bytes(784), 400, size=3136),
    "JSON of -1 bytes": lambda: binary(bytes(3136), 400, header=b"-1"),
    "JSON of more bytes than there are": lambda: binary(bytes(3136), 400, header=b"99999999"),
    "JSON of 8,000 digits": lambda: binary(bytes(3136), 400, header=b"9" * 8000),
    "JSON of two sizes": lambda: binary(bytes(3136), 400, header=b"5\r\nInference-Header-Content-Length: 6"),
}
FINITE: dict[str, Make] = {
    "denormal": lambda: same("5e-324", 200),
    "less than that": lambda: same("1e-400", 200),
    "minus nought": lambda: same("-0.0", 200),
    "binary denormal": lambda: binary(struct.pack("<I", 1) * 784, 200),
    "binary minus nought": lambda: binary(struct.pack("<f", -0.0) * 784, 200),
}
TABLES = {"boundary": BOUNDARIES, "part": PARTS, "head": HEADS, "data": DATA, "other": OTHERS, "JSON": JSON}


@pytest.mark.parametrize(
    "make", [pytest.param(make, id=f"{kind}: {name}") for kind, table in TABLES.items() for name, make in table.items()]
)
def test_the_server_withstands(target: Target, make: Make) -> None:
    target.assert_withstands(make())


@pytest.mark.parametrize("make", FINITE.values(), ids=FINITE)
def test_probabilities_are_numbers(target: Target, make: Make) -> None:
    _, probabilities = target.assert_withstands(make())["outputs"]
    assert sum(probabilities["data"]) == pytest.approx(1, abs=1e-5)
