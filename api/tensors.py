"""The Open Inference Protocol's requests and answers, version 2: JSON and binary tensors to arrays and back, no HTTP.

Specification: https://github.com/kserve/open-inference-protocol, its binary tensor data extension, and the
classification extension of https://github.com/triton-inference-server/server/tree/main/docs/protocol.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.engine import Digits
from core.errors import BodyTooLarge, InvalidTensor, TooManyImages
from core.model import most_probable
from model.description import IMAGE_SIZE, LABELS, WHITE

INPUT = "digits"
LABEL, PROBABILITIES = "label", "probabilities"

MOST_JSON_BYTES = 5 * 2**19
"""Of a request's JSON."""

SIGNS = {b",": IMAGE_SIZE**2, b"[": IMAGE_SIZE + 2, b"{": 0, b":": 0}
"""What separates or begins values in JSON, and how many a digit needs: a pixel a value, and a list for each row,
channel and image. A parsed value takes up to a hundred times its bytes in memory, so they are counted before."""

SPARE_VALUES = 2000
"""More than all that a request's JSON holds beside its digits."""

LONGEST_ID = 1000
"""Characters of the text by which a client knows its request again."""

NUMBERS: dict[str, set[type]] = {"UINT8": {int}, "FP32": {int, float}}
"""What the values of a datatype are in JSON."""

TOP = {"UINT8": WHITE, "FP32": 1}
"""White, in each datatype."""

MOST_REASONS = 3
"""Of what is wrong with a request, in one message."""

Strict = ConfigDict(strict=True, hide_input_in_errors=True)
Size = Annotated[int, Field(ge=0, lt=2**63)]


class InputParameters(BaseModel):
    """Of an input; unknown parameters are allowed and mean nothing, as the protocol has it."""

    model_config = Strict
    binary_data_size: Size | None = None


class InputTensor(BaseModel):
    """The tensor of canonical digits."""

    model_config = Strict
    name: Literal["digits"]
    datatype: Literal["UINT8", "FP32"]
    shape: list[Size] = Field(min_length=3, max_length=4)
    parameters: InputParameters = InputParameters()
    data: list[Any] | None = None


class OutputParameters(BaseModel):
    """Of an output that is asked for."""

    model_config = Strict
    binary_data: bool | None = None
    classification: Annotated[int, Field(ge=0, le=len(LABELS))] = 0


class RequestedOutput(BaseModel):
    """An output that is asked for."""

    model_config = Strict
    name: Literal["label", "probabilities"]
    parameters: OutputParameters = OutputParameters()


class RequestParameters(BaseModel):
    """Of the whole request."""

    model_config = Strict
    binary_data_output: bool = False


class InferenceRequest(BaseModel):
    """What the JSON of a request holds."""

    model_config = Strict
    id: Annotated[str, Field(max_length=LONGEST_ID)] | None = None
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[RequestedOutput] = Field([], max_length=2)
    parameters: RequestParameters = RequestParameters()


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of an answer; `json_bytes` is the size of the JSON before binary data, None where there is none."""

    body: bytes
    json_bytes: int | None


def read_request(body: bytes, json_bytes: int | None, most_digits: int) -> tuple[InferenceRequest, Digits]:
    """Read a request.

    Args:
        body: JSON, then any binary data.
        json_bytes: Size of the JSON if the client gave it (`Inference-Header-Content-Length`), else all is JSON.
        most_digits: Allowed in one request.

    Returns:
        The request, and its digits (N, 28, 28) uint8, N at least 1.

    Raises:
        InvalidTensor: The request is not of the protocol's form, or its tensor is not one of canonical digits.
        BodyTooLarge: The JSON is larger than `MOST_JSON_BYTES`, or holds more values than so many digits need.
        TooManyImages: More digits than allowed.
    """
    text, binary = _split(body, json_bytes)
    _check_values(text, most_digits)
    try:
        request = InferenceRequest.model_validate_json(text)
    except ValidationError as exc:
        raise InvalidTensor("; ".join(_reasons(exc))) from exc
    tensor = request.inputs[0]
    _check_shape(tensor.shape, most_digits)
    values = _values(tensor, binary)
    if values.size != prod(tensor.shape):
        raise InvalidTensor(
            f"'{INPUT}' holds {values.size:,} values; its shape {tensor.shape} needs {prod(tensor.shape):,}"
        )
    return request, _to_pixels(values, tensor.datatype).reshape(-1, IMAGE_SIZE, IMAGE_SIZE)


def _split(body: bytes, json_bytes: int | None) -> tuple[bytes, memoryview]:
    if json_bytes is None:
        json_bytes = len(body)
    if json_bytes > len(body):
        raise InvalidTensor(f"the body has {len(body):,} bytes, fewer than its JSON's {json_bytes:,}")
    if json_bytes > MOST_JSON_BYTES:
        raise BodyTooLarge(f"the JSON is larger than {MOST_JSON_BYTES:,} bytes: send fewer digits, or binary tensors")
    return body[:json_bytes], memoryview(body)[json_bytes:]


def _check_values(text: bytes, most_digits: int) -> None:
    """Refuse JSON that would take far more memory than digits do."""
    if any(text.count(sign) > most_digits * needed + SPARE_VALUES for sign, needed in SIGNS.items()):
        raise BodyTooLarge(f"the JSON holds more values than {most_digits:,} digits need")


def _reasons(exc: ValidationError) -> Iterator[str]:
    """What is wrong, each with its place, such as `inputs.0.shape: Input should be a valid list`."""
    for error in exc.errors(include_url=False, include_input=False)[:MOST_REASONS]:
        place = ".".join(str(step)[:40] for step in error["loc"][:6])
        yield f"{place}: {error['msg']}" if place else error["msg"]


def _check_shape(shape: Sequence[int], most_digits: int) -> None:
    if shape[1:] not in ([IMAGE_SIZE, IMAGE_SIZE], [1, IMAGE_SIZE, IMAGE_SIZE]) or not shape[0]:
        side = IMAGE_SIZE
        raise InvalidTensor(f"'{INPUT}' has shape {shape}; expected [N, {side}, {side}] or [N, 1, {side}, {side}]")
    if shape[0] > most_digits:
        raise TooManyImages(f"the request holds {shape[0]} digits; at most {most_digits} are allowed")


def _values(tensor: InputTensor, binary: memoryview) -> NDArray[Any]:
    """Return the tensor's values, flat, as they were sent."""
    size = tensor.parameters.binary_data_size
    if (size is None) == (tensor.data is None):
        raise InvalidTensor(f"'{INPUT}' needs either data or binary_data_size")
    if (size or 0) != len(binary):
        raise InvalidTensor(f"{len(binary):,} bytes follow the JSON; binary_data_size says {size or 0:,}")
    if tensor.data is None:
        dtype = np.dtype(np.uint8 if tensor.datatype == "UINT8" else "<f4")
        if len(binary) % dtype.itemsize:
            raise InvalidTensor(f"{len(binary):,} bytes are no whole number of {tensor.datatype} values")
        return np.frombuffer(binary, dtype)
    return _numbers(tensor.data, tensor.datatype)


def _numbers(data: list[Any], datatype: str) -> NDArray[np.float64]:
    """Return values, nested in any regular way, flat."""
    values = np.array(data, object).ravel()  # as objects: for one text, NumPy would turn all to texts of its length
    kinds = set(map(type, values))
    if list in kinds:
        raise InvalidTensor(f"the data of '{INPUT}' are ragged: nest them as its shape has it, or not at all")
    if not kinds <= NUMBERS[datatype]:
        raise InvalidTensor(f"the data of '{INPUT}' are no {datatype} values")
    try:
        return values.astype(np.float64)
    except OverflowError as exc:
        raise _out_of_range(datatype) from exc


def _to_pixels(values: NDArray[Any], datatype: str) -> Digits:
    """Return values of a datatype as pixels 0 to 255; FP32 runs from 0 to 1."""
    if not bool(((values >= 0) & (values <= TOP[datatype])).all()):  # NaN is neither
        raise _out_of_range(datatype)
    return values.astype(np.uint8) if datatype == "UINT8" else np.rint(values * WHITE).astype(np.uint8)


def _out_of_range(datatype: str) -> InvalidTensor:
    return InvalidTensor(f"the {datatype} values of '{INPUT}' are not all from 0 to {TOP[datatype]}")


def write_answer(
    request: InferenceRequest, model_name: str, model_version: str, probabilities: NDArray[np.float64]
) -> Answer:
    """Return the answer to a request.

    Args:
        request: Which outputs are wanted, and how.
        model_name: Repeated in the answer.
        model_version: Repeated in the answer.
        probabilities: (N, 10), each row summing to 1.

    Raises:
        InvalidTensor: A classification of the labels was asked for.
    """
    wanted = request.outputs or [RequestedOutput(name=LABEL), RequestedOutput(name=PROBABILITIES)]
    tensors, pieces = [], []
    for output in wanted:
        datatype, values = _output(output, probabilities)
        tensor: dict[str, Any] = {"name": output.name, "datatype": datatype, "shape": list(values.shape)}
        binary = output.parameters.binary_data
        if request.parameters.binary_data_output if binary is None else binary:
            pieces.append(_to_bytes(values))
            tensor["parameters"] = {"binary_data_size": len(pieces[-1])}
        else:
            tensor["data"] = values.ravel().tolist()
        tensors.append(tensor)
    answer = {"model_name": model_name, "model_version": model_version, "outputs": tensors}
    text = json.dumps(answer if request.id is None else answer | {"id": request.id}, separators=(",", ":")).encode()
    return Answer(b"".join([text, *pieces]), len(text) if pieces else None)


def _output(output: RequestedOutput, probabilities: NDArray[np.float64]) -> tuple[str, NDArray[Any]]:
    """Return an output's datatype and values; a classification is text, `PROBABILITY:INDEX:LABEL`, greatest first."""
    count = output.parameters.classification
    if output.name == LABEL:
        if count:
            raise InvalidTensor(f"classification is for '{PROBABILITIES}'; '{LABEL}' is the greatest already")
        return "INT64", probabilities.argmax(axis=1)
    if not count:
        return "FP32", probabilities.astype(np.float32)
    texts = [
        [f"{best.probability:.6f}:{best.label_id}:{LABELS[best.label_id]}" for best in most_probable(row, count)]
        for row in probabilities.tolist()
    ]
    return "BYTES", np.array(texts, object)


def _to_bytes(values: NDArray[Any]) -> bytes:
    """Return values as the binary extension has them: little-endian, row by row, each text after its length."""
    if values.dtype != object:
        return values.astype(values.dtype.newbyteorder("<")).tobytes()
    texts = [text.encode() for text in values.ravel()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
