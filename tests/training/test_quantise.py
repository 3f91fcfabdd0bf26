"""`training.quantise` and `training.quantised_graph`: nearly the same answers, in whole numbers."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import Tensor, nn

from core.errors import CheckpointError
from model.description import AS_PIXELS, WHITE
from model.graph import INPUT, OUTPUT
from model.networks import LARGEST_SUM, Calibrated, DigitNet, FromPixels, QuantisedConvolution, QuantisedDigitNet
from training.data import Digits
from training.export import graph_of
from training.quantise import LARGEST_PIXEL_WEIGHT, LARGEST_WEIGHT, quantise
from training.quantised_graph import is_quantised

MEAN, STD = 0.13, 0.31


def random_digits(count: int, seed: int = 0) -> Tensor:
    """Pictures (N, 28, 28) uint8: a fifth ink of any brightness, in lumps as pens leave them."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 1, 7, 7, generator=generator)
    fine = nn.functional.interpolate(coarse, size=(28, 28), mode="bicubic")
    return ((fine[:, 0] - 0.6).clamp(0, 0.4) / 0.4 * WHITE).to(torch.uint8)


def network_in_training() -> DigitNet:
    """A network whose batch normalisation has seen pictures, with gains and shifts of all sizes."""
    torch.manual_seed(3)
    network = DigitNet()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2.0)
            nn.init.normal_(module.bias, 0.0, 0.5)
            module.momentum = None  # the plain mean over all batches
    images = (random_digits(600).unsqueeze(1) / WHITE - MEAN) / STD
    with torch.no_grad():
        for batch in torch.split(images, 200):
            network(batch)
    return network.eval()


@pytest.fixture(scope="module")
def network() -> DigitNet:
    return network_in_training()


def quantised(network: DigitNet) -> QuantisedDigitNet:
    images = random_digits(400, seed=1)
    return quantise(network, Digits(images, torch.zeros(len(images), dtype=torch.int64)), MEAN, STD)


def from_pixels(network: QuantisedDigitNet) -> FromPixels:
    return FromPixels(network, *AS_PIXELS).eval()


def run_graph(graph: bytes, digits: Tensor, output: str = OUTPUT) -> Tensor:
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run([output], {INPUT: digits.numpy()})[0])


def convolutions(network: nn.Module) -> list[QuantisedConvolution]:
    return [module for module in network.modules() if isinstance(module, QuantisedConvolution)]


@torch.inference_mode()
def test_it_answers_nearly_as_the_network_does(network: DigitNet) -> None:
    digits = random_digits(300, seed=2)
    expected, found = FromPixels(network, MEAN, STD).eval()(digits), from_pixels(quantised(network))(digits)
    assert (found - expected).abs().mean() < 0.05 * expected.std()
    best, second = expected.topk(2).values.unbind(dim=1)
    clear = best - second > 0.5 * expected.std()  # a network that was not trained hesitates with many
    assert clear.sum() > 30
    assert torch.equal(found[clear].argmax(dim=1), expected[clear].argmax(dim=1))


def test_everything_is_whole_and_sums_are_exact(network: DigitNet) -> None:
    first, *others = convolutions(quantised(network))
    for layer, largest in [(first, LARGEST_PIXEL_WEIGHT), *((layer, LARGEST_WEIGHT) for layer in others)]:
        assert torch.equal(layer.weight, layer.weight.round())
        assert torch.equal(layer.bias, layer.bias.round())
        assert 0.4 * largest < layer.weight.abs().max() <= largest
        assert (layer.weight.abs().sum(dim=(1, 2, 3)) * WHITE + layer.bias.abs()).max() < LARGEST_SUM
    assert all(value == 1 for value in torch.frexp(first.multiplier * 2).mantissa * 2)


@torch.inference_mode()
def test_the_graph_on_bytes_gives_the_same_to_the_last_bit(network: DigitNet) -> None:
    inner = quantised(network)
    kept: list[Tensor] = []
    inner.stage3.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    digits = torch.cat([random_digits(200, seed=4), torch.randint(0, 256, (200, 28, 28), dtype=torch.uint8)])
    logits = from_pixels(inner)(digits)
    graph = onnx.load_from_string(graph_of(from_pixels(inner), OUTPUT, {}))
    last = next(node for node in graph.graph.node if node.op_type == "DequantizeLinear").output[0]
    graph.graph.output.append(onnx.helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, None))
    assert torch.equal(run_graph(graph.SerializeToString(), digits, last), kept[0])
    assert torch.allclose(run_graph(graph.SerializeToString(), digits), logits, atol=1e-4)


def test_its_convolutions_are_on_bytes(network: DigitNet) -> None:
    graph = onnx.load_from_string(graph_of(from_pixels(quantised(network)), OUTPUT, {}))
    kinds = [node.op_type for node in graph.graph.node]
    assert (kinds.count("Conv"), kinds.count("QLinearConv"), kinds.count("MaxPool")) == (1, 5, 2)


@torch.inference_mode()
def test_probabilities_come_out_of_the_graph_too(network: DigitNet) -> None:
    calibrated = Calibrated(from_pixels(quantised(network)), 1.5)
    digits = random_digits(20, seed=5)
    found = run_graph(graph_of(calibrated, "probabilities", {}), digits, "probabilities")
    assert torch.allclose(found, calibrated(digits), atol=1e-6)


@torch.inference_mode()
def test_other_normalisation_is_exported_as_it_is(network: DigitNet) -> None:
    scaled = FromPixels(quantised(network), 0.1, 0.5).eval()
    assert not is_quantised(scaled)
    assert torch.allclose(
        run_graph(graph_of(scaled, OUTPUT, {}), random_digits(5)), scaled(random_digits(5)), atol=1e-4
    )


@torch.inference_mode()
def test_channels_that_are_dead_or_constant_stay_so() -> None:
    network = network_in_training()
    norm = next(module for module in network.stage2.modules() if isinstance(module, nn.BatchNorm2d))
    nn.init.zeros_(norm.weight)
    norm.bias.copy_(torch.where(torch.arange(64) < 32, 0.0, 1.0))
    inner = quantised(network)
    features: list[Tensor] = []
    inner.stage2[0].register_forward_hook(lambda _module, _inputs, output: features.append(output))
    logits = from_pixels(inner)(random_digits(10))
    assert torch.isfinite(logits).all()
    assert not features[0][:, :32].any()
    assert (features[0][:, 32:] == features[0].max()).all()
    assert torch.allclose(run_graph(graph_of(from_pixels(inner), OUTPUT, {}), random_digits(10)), logits, atol=1e-4)


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        ("stage1.1.weight", 0.5, "no whole numbers of type int8"),
        ("stage1.0.weight", 0.25, "no whole numbers of type int32"),
        ("stage2.0.weight", 200.0, "no whole numbers of type int8"),
        ("stage3.1.bias", 2.0**24, "may reach"),
        ("stage1.0.multiplier", 0.3, "not one power of two"),
        ("stage2.1.bias", float("nan"), "no whole numbers of type int32"),
    ],
)
def test_weights_that_are_not_whole_are_refused(network: DigitNet, place: str, value: float, fault: str) -> None:
    inner = quantised(network)
    state = inner.state_dict()
    state[place].flatten()[0] = value
    with pytest.raises(CheckpointError, match=fault), np.errstate(invalid="ignore"):
        graph_of(from_pixels(inner), OUTPUT, {})
