"""The networks that can be trained and served.

Every network takes normalised images (N, 1, 28, 28) float32 and returns logits (N, 10) float32. The names of its layers
are the keys of its state dict, so a published checkpoint keeps loading only while they stay as they are. A new network
is one class here and one line in `NETWORKS`; training, serving and the reports find it by that name.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.description import LABELS, WHITE

CLASSES = len(LABELS)

LARGEST_SUM = 2**24
"""Whole numbers below it are exact in float32."""


class MyConvNet(nn.Module):
    """The reference network of max-pytorch-mnist, 3,792 parameters; `mnist-classifier.pt` loads into it strictly.

    Source: the published checkpoint's keys and shapes. Its images are normalised with mean 0.5 and standard deviation
        0.5.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, kernel_size=5)
        self.conv2 = nn.Conv2d(2, 6, kernel_size=5)
        self.fc1 = nn.Linear(96, 32)
        self.fc2 = nn.Linear(32, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        features = functional.max_pool2d(functional.relu(self.conv1(images)), 2)  # (N, 2, 12, 12)
        features = functional.max_pool2d(functional.relu(self.conv2(features)), 2)  # (N, 6, 4, 4)
        hidden = functional.relu(self.fc1(features.flatten(1)))  # (N, 32)
        logits: Tensor = self.fc2(hidden)
        return logits


class KerasSimpleNet(nn.Module):
    """The simple CNN of the Keras handwritten-digit tutorial: one convolution; published test error 1.19 %."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3)
        self.fc1 = nn.Linear(32 * 13 * 13, 128)
        self.dropout = nn.Dropout(0.25)
        self.fc2 = nn.Linear(128, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        features = functional.max_pool2d(functional.relu(self.conv1(images)), 2)  # (N, 32, 13, 13)
        hidden = self.dropout(functional.relu(self.fc1(features.flatten(1))))  # (N, 128)
        logits: Tensor = self.fc2(hidden)
        return logits


class KerasDeepNet(nn.Module):
    """The deeper CNN of the Keras handwritten-digit tutorial: three convolutions; published test error 0.74 %."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3)
        self.conv2 = nn.Conv2d(32, 32, kernel_size=3)
        self.conv3 = nn.Conv2d(32, 32, kernel_size=3)
        self.fc1 = nn.Linear(32 * 10 * 10, 128)
        self.dropout = nn.Dropout(0.1)
        self.fc2 = nn.Linear(128, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        features = functional.relu(self.conv2(functional.relu(self.conv1(images))))  # (N, 32, 24, 24)
        features = functional.relu(self.conv3(functional.max_pool2d(features, 2)))  # (N, 32, 10, 10)
        hidden = self.dropout(functional.relu(self.fc1(features.flatten(1))))  # (N, 128)
        logits: Tensor = self.fc2(hidden)
        return logits


def _convolution(channels_in: int, channels_out: int, padding: int = 0) -> nn.Module:
    """A 3x3 convolution with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=padding, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class DigitNet(nn.Module):
    """The default network as it is trained: six 3x3 convolutions in three stages, 346,330 parameters.

    The layout is VGG's (Simonyan and Zisserman, 2014) with batch normalisation and global average pooling. All but one
    convolution do without padding, since a canonical digit leaves the outer 4 pixels empty, and most of the width lies
    where the picture is already small: five times the parameters of a padded network of the same speed.
    """

    def __init__(self, convolution: Callable[..., nn.Module] = _convolution) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(convolution(1, 16), convolution(16, 16))
        self.stage2 = nn.Sequential(convolution(16, 64), convolution(64, 64))
        self.stage3 = nn.Sequential(convolution(64, 128, padding=1), convolution(128, 192))
        self.classifier = nn.Linear(192, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        features = functional.max_pool2d(self.stage1(images), 2)  # (N, 16, 12, 12)
        features = functional.max_pool2d(self.stage2(features), 2)  # (N, 64, 4, 4)
        pooled = torch.mean(self.stage3(features), dim=(2, 3))  # (N, 192)
        logits: Tensor = self.classifier(pooled)
        return logits


class QuantisedConvolution(nn.Module):
    """A 3x3 convolution in whole numbers: of 0 to 255 in, of 0 to 255 out, which is its ReLU.

    Weights, biases and sums are whole numbers in float32, exact below `LARGEST_SUM`: every runtime gives the same ones,
    in whatever order it adds. `multiplier` turns sums into outputs, halves rounded to even.
    """

    def __init__(self, channels_in: int, channels_out: int, padding: int = 0) -> None:
        super().__init__()
        self.padding = padding
        self.weight = nn.Parameter(torch.zeros(channels_out, channels_in, 3, 3), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(channels_out), requires_grad=False)
        self.multiplier = nn.Parameter(torch.ones(channels_out), requires_grad=False)

    def forward(self, features: Tensor) -> Tensor:
        sums = functional.conv2d(features, self.weight, self.bias, padding=self.padding)
        return torch.round(sums * self.multiplier[:, None, None]).clamp(0, WHITE)


class QuantisedDigitNet(DigitNet):
    """The default network as it is served: `DigitNet` in whole numbers, more than twice as fast where they are bytes.

    Its images are the pixels themselves, which `AS_PIXELS` says.
    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference"
        (CVPR 2018).
    """

    def __init__(self) -> None:
        super().__init__(QuantisedConvolution)


class FromPixels(nn.Module):
    """A network with its normalisation in front: canonical digits (N, 28, 28) uint8 in, logits (N, 10) float32 out."""

    def __init__(self, network: nn.Module, mean: float, std: float) -> None:
        """Take a network of this module.

        Args:
            network: With its weights.
            mean: Subtracted from pixels scaled to 0..1.
            std: Divides what is left.
        """
        super().__init__()
        self.network, self.scale, self.offset = network, 1 / (WHITE * std), mean / std

    @property
    def is_identity(self) -> bool:
        """Whether the network sees the pixels as they are."""
        return (self.scale, self.offset) == (1.0, 0.0)

    def forward(self, digits: Tensor) -> Tensor:
        logits: Tensor = self.network(digits.unsqueeze(1).to(torch.float32) * self.scale - self.offset)
        return logits


class Calibrated(nn.Module):
    """The same with probabilities (N, 10) float32 out, so that who runs it need not know how they come about."""

    def __init__(self, network: FromPixels, temperature: float) -> None:
        """Take a network and the temperature that divides its logits."""
        super().__init__()
        self.network, self.temperature = network, temperature

    def forward(self, digits: Tensor) -> Tensor:
        return torch.softmax(self.network(digits) / self.temperature, dim=1)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    network.__name__: network for network in (DigitNet, QuantisedDigitNet, MyConvNet, KerasSimpleNet, KerasDeepNet)
}
