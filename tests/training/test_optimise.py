"""`training.optimise`: who moves which weights, and how."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim import AdamW

from model.networks import DigitNet
from training.optimise import KernelMuon, optimizers_of
from training.recipe import Recipe

RECIPE = Recipe(muon_lr=0.02)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(1)
    return DigitNet().to(memory_format=torch.channels_last)


def test_each_weight_has_one_optimizer(network: nn.Module) -> None:
    adam, muon = optimizers_of(network, RECIPE)
    assert isinstance(adam, AdamW)
    assert isinstance(muon, KernelMuon)
    theirs = [*adam.param_groups[0]["params"], *muon.kernels]
    assert len(theirs) == len({id(parameter) for parameter in theirs}) == len(list(network.parameters()))
    assert [tuple(kernel.shape[:2]) for kernel in muon.kernels] == [(16, 16), (64, 16), (64, 64), (128, 64), (192, 128)]


def test_without_muon_there_is_adamw_alone(network: nn.Module) -> None:
    [adam] = optimizers_of(network, replace(RECIPE, muon_lr=0))
    assert len(adam.param_groups[0]["params"]) == len(list(network.parameters()))


def test_a_kernel_moves_alike_in_all_directions(network: nn.Module) -> None:
    """However much longer the gradient is in one direction, the singular values of the step are about the rate."""
    _, muon = optimizers_of(network, replace(RECIPE, weight_decay=0))
    kernel = network.get_parameter("stage3.1.0.weight")
    before = kernel.detach().clone()
    kernel.grad = torch.randn_like(kernel) * torch.logspace(-1, 0, len(kernel)).reshape(-1, 1, 1, 1)
    muon.step()
    lengths = torch.linalg.svdvals((kernel.detach() - before).flatten(1))
    assert 0.4 * RECIPE.muon_lr < float(lengths.min()) <= float(lengths.max()) < 1.4 * RECIPE.muon_lr
    assert float(((kernel.detach() - before) * kernel.grad).sum()) < 0, "it moves against the gradient"


def test_kernels_without_a_gradient_stay(network: nn.Module) -> None:
    _, muon = optimizers_of(network, RECIPE)
    kernel = network.get_parameter("stage3.1.0.weight")
    kernel.grad = torch.ones_like(kernel)
    muon.step()
    kernel.grad = None
    before = [parameter.detach().clone() for parameter in network.parameters()]
    muon.step()
    assert all(torch.equal(one, other) for one, other in zip(before, network.parameters(), strict=True))


def test_kernels_that_lie_otherwise_are_refused() -> None:
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        optimizers_of(DigitNet(), RECIPE)
