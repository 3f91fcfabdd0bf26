"""A client of the service: `DigitClient` for programs, `python -m client` for people."""

from client.reader import DigitClient, ReadingFailed

__all__ = ["DigitClient", "ReadingFailed"]
