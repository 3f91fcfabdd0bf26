"""A server from below: its processes, and the bytes of its connections."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.conftest import Server


def workers(server: Server) -> list[int]:
    """The processes that answer."""
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def exchange(server: Server, request: bytes) -> bytes:
    """Send bytes on a connection of their own; returns all that comes back."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), 30) as connection:
        connection.sendall(request)
        try:
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionResetError:
            return b""
