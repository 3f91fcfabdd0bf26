"""Every server of the benchmark: how it is started, where it listens, what it is sent and what it should answer."""

import base64
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.servers import commands
from benchmarks.servers.commands import Place
from benchmarks.servers.load import Request

Command = Callable[[Place], list[str]]
Wrap = Callable[[bytes], Request]
Digit = Callable[[Any], int]


def multipart(picture: bytes, count: int = 1) -> Request:
    """Return an upload of a picture, once or repeatedly, in fields named `image`."""
    boundary = uuid.uuid5(uuid.NAMESPACE_OID, "benchmark").hex
    head = 'Content-Disposition: form-data; name="image"; filename="digit.png"\r\nContent-Type: image/png'
    part = f"--{boundary}\r\n{head}\r\n\r\n".encode() + picture + b"\r\n"
    return Request(part * count + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}")


def raw(picture: bytes) -> Request:
    """Return the picture as a body of its own type."""
    return Request(picture, "image/png")


def nothing(_picture: bytes) -> Request:
    """Return a request without a body."""
    return Request()


def inference_protocol(picture: bytes) -> Request:
    """Return the Open Inference Protocol's request with a picture as base64."""
    data = base64.b64encode(picture).decode()
    tensor = {
        "name": "image",
        "shape": [1],
        "datatype": "BYTES",
        "data": [data],
        "parameters": {"content_type": "base64"},
    }
    return Request(json.dumps({"inputs": [tensor]}).encode(), "application/json")


def read_ours(answer: Any) -> int:
    """The digit in an answer of our form."""
    digit: int = answer["predictions"][0]["prediction"]
    return digit


def read_inference_protocol(answer: Any) -> int:
    """The digit in an answer of the Open Inference Protocol."""
    digit: int = answer["outputs"][0]["data"][0]
    return digit


@dataclass(frozen=True, slots=True)
class Server:
    """One entry.

    Attributes:
        title: As the tables call it.
        engine: "torch", "onnx", or "" where no network runs.
        command: Writes what the server needs into its folder, and returns how to start it.
        family: Whose environment it runs in; empty for the project's own.
        path: Where the picture goes.
        wrap: From a picture to the request that it travels in.
        digit: From the parsed answer to the digit in it.
        note: What a reader of the table must know.
    """

    title: str
    engine: str
    command: Command
    family: str = ""
    path: str = "/predict"
    wrap: Wrap = multipart
    digit: Digit = read_ours
    note: str = ""

    @property
    def key(self) -> str:
        """Its name on the command line and in the results."""
        name = "-".join(re.findall(r"[a-z]+", self.title.lower()))
        return f"{name}-{self.engine}" if self.engine else name


def _both(title: str, command: Command, family: str, note: str = "", path: str = "/predict") -> tuple[Server, ...]:
    """A peer with either engine."""
    return tuple(Server(title, engine, command, family, path, note=note) for engine in ("torch", "onnx"))


MLSERVER_NOTE = "takes no multipart upload: the picture travels as base64 in the JSON of the Open Inference Protocol"

OURS = (
    Server("Ours", "onnx", commands.ours, path="/model/predict", note="the default on a CPU"),
    Server("Ours", "torch", commands.ours, path="/model/predict"),
    Server("Ours, raw body", "onnx", commands.ours, path="/model/predict", wrap=raw, note="`image/png`, no multipart"),
)

FLOORS = (
    Server("Floor: parses the upload", "", commands.floor, path="/parse", note="no decoding, no network"),
    Server("Floor: empty", "", commands.floor, path="/empty", wrap=nothing, note="GET without a body"),
)

PEERS = (
    *_both("Reference under gunicorn", commands.reference, "", path="/model/predict"),
    *_both("FastAPI + uvicorn", commands.fastapi, "fastapi"),
    *_both("LitServe", commands.litserve, "litserve"),
    *_both("BentoML", commands.bentoml, "bentoml"),
    *(
        Server(
            "MLServer",
            engine,
            commands.mlserver,
            "mlserver",
            "/v2/models/digits/infer",
            inference_protocol,
            read_inference_protocol,
            MLSERVER_NOTE,
        )
        for engine in ("torch", "onnx")
    ),
    *_both("Ray Serve", commands.ray, "ray"),
    *_both("TorchServe", commands.torchserve, "torchserve", path="/predictions/digits"),
)

SERVERS = (*OURS, *FLOORS, *PEERS)
