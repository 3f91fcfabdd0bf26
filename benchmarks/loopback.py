"""Requests to a server on this machine, and to no other."""

import asyncio
import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

Address = tuple[str, int]

ANSWER_S = 20.0
"""After which a client gives up."""

TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
}
"""Of a picture, by the end of its file's name."""


def loopback_address(url: str) -> Address:
    """Return the address behind a URL.

    Raises:
        ValueError: It is not on this machine, or no plain HTTP.
    """
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    if parts.scheme != "http" or not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"{url!r} is no plain HTTP server on this machine, and load is sent to no other")
    return host, parts.port or 80


def request_of(picture: Path) -> bytes:
    """Return the request to read a picture, on a connection that is closed after it."""
    data = picture.read_bytes()
    lines = (
        "POST /model/predict HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        f"Content-Type: {TYPES[picture.suffix]}",
        f"Content-Length: {len(data)}",
    )
    return "\r\n".join([*lines, "", ""]).encode() + data


async def ask(address: Address, request: bytes) -> int:
    """Return the status of the answer to a request on a connection of its own, 0 where there is none."""
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(request)
                answer = await reader.read()
            finally:
                writer.close()
        return int(answer[9:12])
    except (OSError, TimeoutError, ValueError):
        return 0
