"""What moves the weights: Muon the kernels of convolutions, AdamW all else.

Muon takes a step of the same length in every direction of a kernel's matrix, which saves a third of the epochs.
Source: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024),
https://kellerjordan.github.io/posts/muon/; torch has it for matrices.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from training.recipe import Recipe


class KernelMuon(Muon):
    """torch's Muon for the kernels (O, I, H, W) of convolutions: each one as a matrix with a row for an output channel.

    The kernels must lie in memory as channels-last; their matrices are views of it.
    """

    def __init__(self, kernels: Sequence[nn.Parameter], lr: float, weight_decay: float) -> None:
        self.kernels = kernels
        super().__init__([nn.Parameter(_matrix(kernel.data)) for kernel in kernels], lr, weight_decay)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Move the kernels along the gradients that they have."""
        for kernel, matrix in zip(self.kernels, self.param_groups[0]["params"], strict=True):
            gradient = kernel.grad
            matrix.grad = None if gradient is None else _matrix(gradient.contiguous(memory_format=torch.channels_last))
        return super().step(closure)  # type: ignore[no-untyped-call]


def optimizers_of(network: nn.Module, recipe: Recipe) -> list[Optimizer]:
    """Return the optimizers of a network, as its recipe wants them: AdamW alone, or Muon beside it."""
    kernels: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for parameter in network.parameters():
        (kernels if recipe.muon_lr and _is_hidden_kernel(parameter) else others).append(parameter)
    optimizers: list[Optimizer] = [AdamW(others, lr=recipe.lr, weight_decay=recipe.weight_decay)]
    if kernels:
        optimizers.append(KernelMuon(kernels, lr=recipe.muon_lr, weight_decay=recipe.weight_decay))
    return optimizers


def _is_hidden_kernel(parameter: Tensor) -> bool:
    """Whether it is the kernel of a convolution, but not of the one that sees the picture, which has few directions."""
    return parameter.dim() == 4 and parameter.shape[1] > 1


def _matrix(kernel: Tensor) -> Tensor:
    """View (O, I, H, W) in channels-last as (O, H * W * I)."""
    return kernel.permute(0, 2, 3, 1).view(len(kernel), -1)
