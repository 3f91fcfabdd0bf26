"""How to ask the service from Python: one kept connection, patience when it is busy, errors in words."""

from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

RETRIES = 5
"""Of a request that finds the server busy (503), after the time that it asks for, or lost before it was sent."""

TIMEOUT_S = (5, 60)
"""To connect, and to answer."""


class ReadingFailed(Exception):
    """A picture could not be read; the message is for people.

    Attributes:
        code: The service's stable name of the error, or `unreachable`.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class DigitClient:
    """Asks one service; use it in a `with` block or close it."""

    def __init__(self, url: str = "http://localhost:5000", api_key: str = "") -> None:
        """Take the address of the service, and a key if it wants one."""
        self._url = f"{url.rstrip('/')}/model/predict"
        self._session = requests.Session()
        retry = Retry(
            RETRIES, backoff_factor=0.2, status_forcelist=[503], allowed_methods=["POST"], raise_on_status=False
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))
        if api_key:
            self._session.headers["Authorization"] = f"Bearer {api_key}"

    def __enter__(self) -> "DigitClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._session.close()

    def read(self, picture: bytes, name: str = "picture", top_k: int = 1, explain: bool = False) -> dict[str, Any]:
        """Read the digit in a picture.

        Args:
            picture: An image file's bytes.
            name: Repeated in errors.
            top_k: Predictions wanted, 1 to 10.
            explain: Whether to show what the network saw.

        Returns:
            The service's entry: `prediction` and `probability`; `top_k` where more than one is wanted; with `explain`
            `seen`, a PNG as a data URI, and `adjustments`.

        Raises:
            ReadingFailed: The service refused the picture, or could not be asked.
        """
        params = ({"top_k": top_k} if top_k != 1 else {}) | ({"explain": "true"} if explain else {})
        try:
            answer = self._session.post(self._url, params=params, files={"image": (name, picture)}, timeout=TIMEOUT_S)
            body = answer.json()
        except requests.JSONDecodeError as exc:
            raise ReadingFailed(f"what answers at {self._url} is not this service", "unreachable") from exc
        except requests.RequestException as exc:
            raise ReadingFailed(f"no service answers at {self._url}: is it running?", "unreachable") from exc
        if not answer.ok:
            raise ReadingFailed(str(body.get("message", answer.reason)), str(body.get("code", answer.status_code)))
        entry: dict[str, Any] = body["predictions"][0]
        return entry
