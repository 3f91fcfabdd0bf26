"""A network as a run keeps it: in the form in which it is measured, calibrated, written and served."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from model.description import AS_PIXELS
from model.networks import NETWORKS, DigitNet, QuantisedDigitNet
from training.data import Digits
from training.evaluate import predict_logits
from training.loop import Learner, kept_weights
from training.quantise import quantise


@dataclass(frozen=True)
class Kept:
    """Weights, and what must be known to run them.

    Attributes:
        architecture: A name in `model.networks.NETWORKS`.
        mean: Subtracted from pixels scaled to 0..1; `std` divides what is left.
        std: See `mean`.
        weights: The state dict, on the CPU.
    """

    architecture: str
    mean: float
    std: float
    weights: dict[str, Tensor]

    @property
    def parameters(self) -> int:
        """How many numbers were learned."""
        return sum(parameter.numel() for parameter in NETWORKS[self.architecture]().parameters())

    def logits(self, digits: Digits, device: torch.device) -> Tensor:
        """Return the logits (N, 10) float32, on the CPU, in the order of the digits."""
        network = NETWORKS[self.architecture]()
        network.load_state_dict(self.weights)
        return predict_logits(network.to(device), digits, self.mean, self.std, device)


def keep(learner: Learner) -> Kept:
    """Return what is kept of a finished training: the averaged weights, in whole numbers if the recipe says so.

    Args:
        learner: After its last epoch.
    """
    recipe = learner.recipe
    trained = Kept(recipe.architecture, recipe.mean, recipe.std, kept_weights(learner))
    return in_whole_numbers(trained, learner.digits) if recipe.quantised else trained


def in_whole_numbers(trained: Kept, training: Digits) -> Kept:
    """Return a trained `DigitNet` in whole numbers, which sees the pixels as they are."""
    network = cast(DigitNet, NETWORKS[trained.architecture]())
    network.load_state_dict(trained.weights)
    quantised = quantise(network, training, trained.mean, trained.std)
    return Kept(QuantisedDigitNet.__name__, *AS_PIXELS, quantised.state_dict())
