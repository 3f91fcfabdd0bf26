import pytest
import torch

from model.networks import NETWORKS, MyConvNet

PARAMETERS = {
    "DigitNet": 346_330,
    "QuantisedDigitNet": 346_330,
    "MyConvNet": 3_792,
    "KerasSimpleNet": 693_962,
    "KerasDeepNet": 429_834,
}

REFERENCE_SHAPES = {
    "conv1.weight": (2, 1, 5, 5),
    "conv1.bias": (2,),
    "conv2.weight": (6, 2, 5, 5),
    "conv2.bias": (6,),
    "fc1.weight": (32, 96),
    "fc1.bias": (32,),
    "fc2.weight": (10, 32),
    "fc2.bias": (10,),
}
"""The state dict of the published `mnist-classifier.pt`."""


def test_every_network_is_known() -> None:
    assert set(NETWORKS) == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_shapes_and_size(name: str) -> None:
    network = NETWORKS[name]().eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[name]
    for count in (1, 3):
        assert network(torch.zeros(count, 1, 28, 28)).shape == (count, 10)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_picture_is_read_alike_alone_and_in_a_batch(name: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    images = torch.randn(5, 1, 28, 28)
    torch.testing.assert_close(network(images)[2:3], network(images[2:3]), atol=1e-5, rtol=1e-4)


def test_the_published_checkpoint_fits() -> None:
    assert {name: tuple(value.shape) for name, value in MyConvNet().state_dict().items()} == REFERENCE_SHAPES
