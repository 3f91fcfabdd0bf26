"""One epoch of training: the network, its running average and what moves them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from model.networks import NETWORKS
from training.augment import augment
from training.data import Digits
from training.errors import TrainingError
from training.outliers import draw_outliers, outlier_loss
from training.recipe import Recipe
from training.synthetic import draw_digits

Tensors = tuple[Tensor, ...] | list[Tensor]

DRAWN = 6000
"""Synthetic digits and non-digits; with the augmentation on top, enough variety for a hundred epochs."""

WARM_UP_SHARE = 0.25
"""Share of the steps in which the learning rate rises."""


@dataclass(frozen=True)
class Machine:
    """What runs the training; the same recipe, data and machine give the same bytes.

    Attributes:
        device: CPU or CUDA.
        threads: Of torch on the CPU; sums are taken in another order with another number of them.
        bfloat16: Whether convolutions run in bfloat16, nearly twice as fast where the CPU has it; weights stay float32.
    """

    device: torch.device
    threads: int
    bfloat16: bool


class Learner:
    """A network in training.

    Attributes:
        network: What the gradient moves.
        average: Exponential moving average of its weights and buffers; `average.module` is measured and kept.
    """

    def __init__(self, recipe: Recipe, machine: Machine, steps_per_epoch: int) -> None:
        self.recipe, self.machine, self.steps_per_epoch = recipe, machine, steps_per_epoch
        # channels last is the layout that both oneDNN and cuDNN compute small convolutions in fastest
        self.network = NETWORKS[recipe.architecture]().to(machine.device).to(memory_format=torch.channels_last)
        self.average = AveragedModel(self.network, multi_avg_fn=_moving_average(recipe.ema_decay), use_buffers=True)
        self.optimizer = AdamW(self.network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
        self.scheduler = OneCycleLR(
            self.optimizer, recipe.lr, total_steps=recipe.epochs * steps_per_epoch, pct_start=WARM_UP_SHARE
        )
        self.synthetic = draw_digits(DRAWN if recipe.synthetic else 0, recipe.seed)
        self.outliers = draw_outliers(DRAWN if recipe.outliers else 0, recipe.seed)

    def train_epoch(self, digits: Digits, title: str) -> float:
        """Visit the digits once, in random order, and return the mean loss in nats.

        The last few that do not fill a batch are left out; they differ from epoch to epoch.
        """
        self.network.train()
        order = torch.randperm(len(digits))
        batches = torch.split(order[: self.steps_per_epoch * self.recipe.batch_size], self.recipe.batch_size)
        losses = [self._step(digits.subset(batch)) for batch in tqdm(batches, desc=title, leave=False, disable=None)]
        return float(torch.stack(losses).mean())

    def _step(self, batch: Digits) -> Tensor:
        pictures, labels = self._with_drawn(batch)
        images = augment(pictures.to(self.machine.device).unsqueeze(1) / 255, self.recipe.augmentation)
        inputs = ((images - self.recipe.mean) / self.recipe.std).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.machine.device.type, torch.bfloat16, enabled=self.machine.bfloat16):
            logits = self.network(inputs)
        loss = self._loss(logits.float(), labels.to(self.machine.device))
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.scheduler.step()
        self.average.update_parameters(self.network)
        return loss.detach()

    def _with_drawn(self, batch: Digits) -> tuple[Tensor, Tensor]:
        """Return the digits' pictures, then some synthetic ones, then some that are no digits; and labels of digits."""
        synthetic = self.synthetic.subset(_some(len(self.synthetic), self.recipe.synthetic))
        others = self.outliers[_some(len(self.outliers), self.recipe.outliers)]
        return torch.cat([batch.images, synthetic.images, others]), torch.cat([batch.labels, synthetic.labels])

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return what is made small: the digits' cross entropy, and how sure the network is of what is no digit."""
        digits, others = logits[: len(labels)], logits[len(labels) :]
        loss = functional.cross_entropy(digits, labels, label_smoothing=self.recipe.label_smoothing)
        return loss + self.recipe.outlier_weight * outlier_loss(others) if len(others) else loss

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next epoch depends on, torch's random generators included."""
        parts = {name: getattr(self, name).state_dict() for name in ("network", "average", "optimizer", "scheduler")}
        on_cuda = self.machine.device.type == "cuda"
        return parts | {"rng": torch.get_rng_state(), "cuda_rng": torch.cuda.get_rng_state_all() if on_cuda else []}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was called."""
        for name in ("network", "average", "optimizer", "scheduler"):
            getattr(self, name).load_state_dict(state[name])
        torch.set_rng_state(state["rng"])
        if state["cuda_rng"]:
            torch.cuda.set_rng_state_all(state["cuda_rng"])


def _some(available: int, count: int) -> Tensor:
    """Return random positions (count,) int64."""
    return torch.randint(max(available, 1), (count,))


def steps_per_epoch(digits: Digits, batch_size: int, limit: int | None = None) -> int:
    """Return how many full batches the digits make, at most `limit`.

    Raises:
        TrainingError: They do not make one.
    """
    steps = len(digits) // batch_size
    if steps == 0:
        raise TrainingError(f"--batch-size {batch_size} is more than the {len(digits)} training images")
    return steps if limit is None else min(steps, limit)


def kept_weights(learner: Learner) -> dict[str, Tensor]:
    """Return a copy of the averaged weights, on the CPU and contiguous, by the names of the network's layers."""
    state = learner.average.module.state_dict()
    return {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}


def _moving_average(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """Return an averaging function whose memory grows to `decay`: the first, random weights are soon forgotten."""

    @torch.no_grad()
    def update(averages: Tensors, currents: Tensors, updates: Tensor | int) -> None:
        count = float(updates)
        weight = 1 - min(decay, (1 + count) / (10 + count))
        for average, current in zip(averages, currents, strict=True):
            if average.is_floating_point():
                average.lerp_(current, weight)
            else:
                average.copy_(current)

    return update
