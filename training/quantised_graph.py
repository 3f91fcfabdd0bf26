"""A network in whole numbers as an ONNX graph whose convolutions take and give bytes.

PyTorch's exporter would write what the network does in float32. `QLinearConv` is the same computation on bytes, for
which processors have instructions of their own (https://onnx.ai/onnx/operators/onnx__QLinearConv.html). Only the first
convolution stays in float32, as ONNX Runtime is slow with bytes in a single channel; its sums are whole all the same.
"""

import math
from typing import Any, cast

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

from core.errors import CheckpointError
from model.description import IMAGE_SIZE, LABELS, WHITE
from model.graph import INPUT
from model.networks import LARGEST_SUM, Calibrated, FromPixels, QuantisedConvolution, QuantisedDigitNet

OPSET, IR_VERSION = 20, 10
"""Of ONNX 1.15 and later."""

ANY_COUNT = "N"

Array = NDArray[np.generic] | np.generic


def is_quantised(network: nn.Module) -> bool:
    """Tell whether a network takes pixels as they are and computes in whole numbers."""
    return _quantised(network) is not None


def _quantised(network: nn.Module) -> QuantisedDigitNet | None:
    """The network in whole numbers that is wrapped for pixels, and perhaps for probabilities."""
    wrapped = network.network if isinstance(network, Calibrated) else network
    found = wrapped.network if isinstance(wrapped, FromPixels) and wrapped.is_identity else None
    return found if isinstance(found, QuantisedDigitNet) else None


def quantised_graph(network: nn.Module, output: str) -> ModelProto:
    """Return the graph of a network for which `is_quantised` holds.

    Args:
        network: Canonical digits in, logits or, if it is `Calibrated`, probabilities out.
        output: Name of what it returns.

    Raises:
        CheckpointError: Its weights are no whole numbers of the size that a byte holds, or sums may be too large.
    """
    quantised = _quantised(network)
    if quantised is None:
        raise CheckpointError("not a network in whole numbers")
    writer = _Writer()
    features = writer.digits()
    for stage in (quantised.stage1, quantised.stage2, quantised.stage3):
        for convolution in stage.children():
            features = writer.convolution(features, cast(QuantisedConvolution, convolution))
        if stage is not quantised.stage3:
            features = writer.add("MaxPool", [features], kernel_shape=[2, 2], strides=[2, 2])
    logits = writer.classifier(features, quantised.classifier)
    if isinstance(network, Calibrated):
        temperature = writer.constant("temperature", np.float32(network.temperature))
        writer.add("Softmax", [writer.add("Div", [logits, temperature])], axis=1)
    return writer.model(output)


class _Writer:
    """Nodes and constants, each after what it needs."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        name = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: Array) -> str:
        """Add a constant, once for each name."""
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def digits(self) -> str:
        """The pixels (N, 1, 28, 28) float32."""
        axis = self.constant("channel_axis", np.array([1], np.int64))
        return self.add("Cast", [self.add("Unsqueeze", [INPUT, axis])], to=TensorProto.FLOAT)

    def convolution(self, features: str, layer: QuantisedConvolution) -> str:
        """A convolution (N, C, H, W) of bytes; the one of the pixels sums in float32."""
        _check_sums(layer)
        attributes = {"kernel_shape": [3, 3], "pads": [layer.padding] * 4}
        zero = self.constant("zero", np.uint8(0))
        place = f"convolution_{len(self._nodes)}"
        if layer.weight.shape[1] == 1:
            for tensor in (layer.weight, layer.bias):
                _whole(tensor, np.dtype(np.int32))  # in float32 too, only whole numbers have exact sums
            weight = self.constant(f"{place}.weight", _array(layer.weight))
            bias = self.constant(f"{place}.bias", _array(layer.bias))
            sums = self.add("Conv", [features, weight, bias], **attributes)
            return self.add("QuantizeLinear", [sums, self.constant(f"{place}.step", _step(layer.multiplier)), zero])
        one = self.constant("one", np.float32(1))
        weight = self.constant(f"{place}.weight", _whole(layer.weight, np.dtype(np.int8)))
        bias = self.constant(f"{place}.bias", _whole(layer.bias, np.dtype(np.int32)))
        multiplier = self.constant(f"{place}.multiplier", _array(layer.multiplier))
        weight_zero = self.constant("weight_zero", np.int8(0))
        inputs = [features, one, zero, weight, multiplier, weight_zero, one, zero, bias]
        return self.add("QLinearConv", inputs, **attributes)

    def classifier(self, features: str, layer: nn.Linear) -> str:
        """The logits (N, 10) float32 of bytes (N, C, H, W)."""
        one, axes = self.constant("one", np.float32(1)), self.constant("image_axes", np.array([2, 3], np.int64))
        floats = self.add("DequantizeLinear", [features, one, self.constant("zero", np.uint8(0))])
        pooled = self.add("ReduceMean", [floats, axes], keepdims=0)
        constants = [self.constant(f"classifier.{name}", _array(tensor)) for name, tensor in layer.named_parameters()]
        return self.add("Gemm", [pooled, *constants], transB=1)

    def model(self, output: str) -> ModelProto:
        """The whole graph, the output of whose last node gets its public name."""
        self._nodes[-1].output[:] = [output]
        shape_in: list[str | int | None] = [ANY_COUNT, IMAGE_SIZE, IMAGE_SIZE]
        shape_out: list[str | int | None] = [ANY_COUNT, len(LABELS)]
        graph = helper.make_graph(
            self._nodes,
            "main_graph",
            [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, shape_in)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape_out)],
            list(self._constants.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.detach().cpu().numpy()
    return array


def _whole(tensor: Tensor, dtype: np.dtype[Any]) -> Array:
    """The tensor as whole numbers.

    Raises:
        CheckpointError: It holds others, or some that are too large.
    """
    whole = _array(tensor).astype(dtype)
    if not np.array_equal(whole, _array(tensor)):
        raise CheckpointError(f"quantised weights: they are no whole numbers of type {dtype}")
    return whole


def _step(multiplier: Tensor) -> Array:
    """What sums are divided by; a power of two, for which dividing is the same as multiplying.

    Raises:
        CheckpointError: It is none, or channels differ.
    """
    first = float(multiplier[0])
    if not bool((multiplier == first).all()) or math.frexp(first)[0] != 0.5:
        raise CheckpointError("quantised weights: the first convolution's multipliers are not one power of two")
    return np.float32(1 / first)


def _check_sums(layer: QuantisedConvolution) -> None:
    """Refuse sums that float32 may not hold exactly.

    Raises:
        CheckpointError: There may be such.
    """
    largest = float((layer.weight.abs().sum(dim=(1, 2, 3)) * WHITE + layer.bias.abs()).max())
    if largest >= LARGEST_SUM:
        raise CheckpointError(
            f"quantised weights: a sum may reach {largest:.0f}, only those below {LARGEST_SUM} are exact"
        )
