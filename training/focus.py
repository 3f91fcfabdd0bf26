"""Which digits are visited next: those that are still hard, and a random choice of the others.

Nearly all of MNIST is learned after a few passes, and what is learned moves the weights no more.
Source: Z. Qin et al., "InfoBatch: Lossless Training Speed Up by Unbiased Dynamic Data Pruning" (ICLR 2024).
"""

from typing import Any

import torch
from torch import Tensor

MEMORY = 0.6
"""Share of a digit's known loss that is kept when it is seen again: what is random in one look counts for less."""

LARGEST_LOSS = 4.0
"""In nats; one digit whose label is wrong shall not make all others seem easy."""


class Focus:
    """The running loss of each digit, and the choice that it makes.

    Attributes:
        losses: (N,) float32, in nats; all alike before the first look.
    """

    def __init__(self, digits: int) -> None:
        self.losses = torch.ones(digits)

    def choose(self, count: int) -> tuple[Tensor, Tensor]:
        """Return the positions (count,) int64 of the digits to visit, in random order, and their weights.

        A digit whose loss is above the mean is visited for certain, as long as such digits are at most half of all that
        are visited; the others as there is room. The weights (count,) float32 make up for those that are left out: the
        weighted mean loss of a choice has the mean loss of all digits as its expectation. All are 1 where all digits
        are visited.
        """
        hard = self.losses > self.losses.mean()
        first, rest = (_shuffled(torch.nonzero(mask).squeeze(1)) for mask in (hard, ~hard))
        seen = min(len(first), max(count // 2, count - len(rest)))
        chosen = torch.cat([first[:seen], rest[: count - seen]])
        shares = torch.cat(
            [
                torch.full((seen,), len(first) / max(seen, 1)),
                torch.full((count - seen,), len(rest) / max(count - seen, 1)),
            ]
        )
        order = torch.randperm(count)
        return chosen[order], shares[order] * (count / len(self.losses))

    def note(self, positions: Tensor, losses: Tensor) -> None:
        """Take in the losses (n,) that the digits at some positions have just shown."""
        seen = losses.detach().cpu().float().clamp_max(LARGEST_LOSS)
        self.losses[positions] = torch.lerp(seen, self.losses[positions], MEMORY)

    def state_dict(self) -> dict[str, Any]:
        """Return what the next choice depends on, torch's random generator aside."""
        return {"losses": self.losses}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was called."""
        self.losses.copy_(state["losses"])


def _shuffled(positions: Tensor) -> Tensor:
    return positions[torch.randperm(len(positions))]
