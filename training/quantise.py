"""A trained network in whole numbers: bytes between its convolutions, and weights of seven bits.

Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference"
(CVPR 2018), section 2 and 3.2; the scales are chosen after training, as in 3 of Krishnamoorthi, "Quantizing deep
convolutional networks for efficient inference" (2018), since that costs this network nothing that can be measured.
"""

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from model.description import WHITE
from model.networks import LARGEST_SUM, DigitNet, FromPixels, QuantisedConvolution, QuantisedDigitNet
from training.data import Digits

LARGEST_WEIGHT = 63
"""Seven bits: two products of a byte and such a weight fit into the 16 bits in which processors without VNNI add
them."""

LARGEST_PIXEL_WEIGHT = 4095
"""Of the first convolution, which sums nine products in float32: 9 * 255 * 4095 is below 2^24."""

SAMPLE = 2000
"""Training digits by which the range of each convolution's outputs is found."""

QUANTILE = 0.9999
"""Of those outputs; greater ones are cut off. With it 15 of 5,000 validation digits were misread by the weights of
November 2026, 16 before they were rounded, 17 where nothing is cut off."""

RANGE_STEPS = 16
"""To the unit; ranges are rounded up to a whole number of steps, so that the last bits of a sum do not matter."""

MOST_SUM = 0.9 * LARGEST_SUM
"""Before weights are rounded, which adds less than the rest."""

LEAST = 1e-12
"""Of sums: a channel that is all zeros needs some scale too."""


@dataclass(frozen=True)
class _Layer:
    """A convolution with its batch normalisation in it: weight (O, I, 3, 3) and bias (O,), float64."""

    weight: Tensor
    bias: Tensor


@torch.no_grad()
def quantise(network: DigitNet, digits: Digits, mean: float, std: float) -> QuantisedDigitNet:
    """Return a network in whole numbers that answers nearly as the given one does.

    Args:
        network: Trained, on the CPU.
        digits: What it was trained on; some of them show how large the outputs of its convolutions are.
        mean: Of its normalisation, which becomes a part of the first convolution; `std` likewise.
        std: See `mean`.
    """
    sources, quantised = _convolutions(network), QuantisedDigitNet()
    scales = [limit / WHITE for limit in _ranges(network, digits, mean, std)]
    first, *others = (cast(QuantisedConvolution, target) for target in _convolutions(quantised))
    _take_pixels(first, _on_pixels(_folded(sources[0]), mean, std), scales[0])
    for source, target, scale_in, scale_out in zip(sources[1:], others, scales, scales[1:], strict=False):
        _take_bytes(target, _folded(source), scale_in, scale_out)
    quantised.classifier.load_state_dict(network.classifier.state_dict())
    quantised.classifier.weight *= scales[-1]
    return quantised.eval()


def _convolutions(network: DigitNet) -> list[nn.Module]:
    """The convolutions of a network, with what belongs to each, in their order."""
    return [layer for stage in (network.stage1, network.stage2, network.stage3) for layer in stage.children()]


def _ranges(network: DigitNet, digits: Digits, mean: float, std: float) -> list[float]:
    """Return how large the outputs of each convolution are, but for a few."""
    limits: list[float] = []

    def note(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
        quantile = float(output.flatten().kthvalue(math.ceil(QUANTILE * output.numel())).values)
        limits.append(max(1, math.ceil(quantile * RANGE_STEPS)) / RANGE_STEPS)

    hooks = [layer.register_forward_hook(note) for layer in _convolutions(network)]
    images = digits.images[:: math.ceil(len(digits) / SAMPLE)]
    FromPixels(network, mean, std).eval()(images)
    for hook in hooks:
        hook.remove()
    return limits


def _folded(layer: nn.Module) -> _Layer:
    """Put the batch normalisation of a convolution into its weights."""
    convolution, norm, _ = cast(tuple[nn.Conv2d, nn.BatchNorm2d, nn.ReLU], tuple(layer.children()))
    mean, variance = cast(Tensor, norm.running_mean).double(), cast(Tensor, norm.running_var).double()
    gain = norm.weight.double() / torch.sqrt(variance + norm.eps)
    return _Layer(convolution.weight.double() * _by_channel(gain), norm.bias.double() - mean * gain)


def _on_pixels(layer: _Layer, mean: float, std: float) -> _Layer:
    """Put the normalisation of pixels, 0 to 255, into the convolution that sees them; it has no padding."""
    return _Layer(layer.weight / (WHITE * std), layer.bias - mean / std * layer.weight.sum(dim=(1, 2, 3)))


def _take_pixels(target: QuantisedConvolution, layer: _Layer, scale_out: float) -> None:
    """Fill the first convolution; its multiplier is a power of two, by which runtimes may divide as well."""
    least = float(
        torch.maximum(layer.weight.abs().amax(dim=(1, 2, 3)) / LARGEST_PIXEL_WEIGHT, _least_steps(layer)).max()
    )
    multiplier = 2.0 ** math.ceil(math.log2(least / scale_out))
    _fill(target, layer, torch.full_like(layer.bias, scale_out * multiplier), torch.full_like(layer.bias, multiplier))


def _take_bytes(target: QuantisedConvolution, layer: _Layer, scale_in: float, scale_out: float) -> None:
    """Fill another one; each of its output channels has a scale of its own."""
    scaled = _Layer(layer.weight * scale_in, layer.bias)
    steps = torch.maximum(scaled.weight.abs().amax(dim=(1, 2, 3)) / LARGEST_WEIGHT, _least_steps(scaled))
    _fill(target, scaled, steps, steps / scale_out)


def _least_steps(layer: _Layer) -> Tensor:
    """The least steps (O,) with which sums of weights times bytes, and of a bias, stay exact."""
    return (layer.weight.abs().sum(dim=(1, 2, 3)) * WHITE + layer.bias.abs()).clamp_min(LEAST) / MOST_SUM


def _fill(target: QuantisedConvolution, layer: _Layer, steps: Tensor, multiplier: Tensor) -> None:
    """Write weights and biases as whole numbers of steps (O,), and what turns their sums into outputs."""
    target.weight.copy_(torch.round(layer.weight / _by_channel(steps)))
    target.bias.copy_(torch.round(layer.bias / steps))
    target.multiplier.copy_(multiplier)


def _by_channel(values: Tensor) -> Tensor:
    """Values (O,) in a form that meets weights (O, I, 3, 3)."""
    return values[:, None, None, None]
