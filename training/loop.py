"""One epoch of training: the network, its running average and what moves them."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from model.networks import NETWORKS
from training.augment import augment
from training.data import Digits
from training.errors import TrainingError
from training.focus import Focus
from training.machine import Machine
from training.optimise import optimizers_of
from training.outliers import draw_outliers, outlier_loss
from training.recipe import LIGHT, Recipe
from training.sent import send_digits
from training.synthetic import draw_digits

Tensors = tuple[Tensor, ...] | list[Tensor]

DRAWN = 6000
"""Synthetic digits and non-digits; with the augmentation on top, enough variety for a hundred epochs."""

SENT_SHARE = 0.7
"""Of the visits to a digit that was sent: how many show it as it came back."""

WARM_UP_SHARE = 0.25
"""Share of the steps in which the learning rate rises."""


class Learner:
    """A network in training.

    Attributes:
        network: What the gradient moves.
        average: Exponential moving average of its weights and buffers; `average.module` is measured and kept.
        digits: What it learns.
        focus: Which of them it visits.
    """

    def __init__(self, recipe: Recipe, machine: Machine, digits: Digits, steps_per_epoch: int) -> None:
        self.recipe, self.machine, self.digits, self.steps_per_epoch = recipe, machine, digits, steps_per_epoch
        # channels last is the layout that both oneDNN and cuDNN compute small convolutions in fastest
        self.network = NETWORKS[recipe.architecture]().to(machine.device).to(memory_format=torch.channels_last)
        self.average = AveragedModel(self.network, multi_avg_fn=_moving_average(recipe.ema_decay), use_buffers=True)
        self.optimizers = optimizers_of(self.network, recipe)
        steps = recipe.epochs * steps_per_epoch
        self.schedulers = [
            OneCycleLR(
                optimizer, optimizer.defaults["lr"], total_steps=steps, pct_start=WARM_UP_SHARE, cycle_momentum=False
            )
            for optimizer in self.optimizers
        ]
        self.focus = Focus(len(digits))
        self.sent = send_digits(digits.subset(torch.arange(len(digits))[: recipe.sent]), recipe.seed, machine.threads)
        self.synthetic = draw_digits(DRAWN if recipe.synthetic else 0, recipe.seed)
        self.outliers = draw_outliers(DRAWN if recipe.outliers else 0, recipe.seed)

    @property
    def learning_rate(self) -> float:
        """Of the next step, of what AdamW moves."""
        return float(self.schedulers[0].get_last_lr()[0])

    def train_epoch(self, title: str) -> float:
        """Take as many steps as the digits fill batches, on what `focus` chooses, and return the mean loss in nats."""
        self.network.train()
        batches = tqdm(self._batches(), desc=title, total=self.steps_per_epoch, leave=False, disable=None)
        return float(torch.stack([self._step(*batch) for batch in batches]).mean())

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield positions and weights of digits, a batch at a time, from one choice after the other."""
        steps_per_choice = math.ceil(self.recipe.visited * self.steps_per_epoch)
        for done in range(0, self.steps_per_epoch, steps_per_choice):
            steps = min(steps_per_choice, self.steps_per_epoch - done)
            chosen = self.focus.choose(steps * self.recipe.batch_size)
            yield from zip(*(torch.split(part, self.recipe.batch_size) for part in chosen), strict=True)

    def _step(self, positions: Tensor, weights: Tensor) -> Tensor:
        pictures, labels = self._with_drawn(self._shown(positions))
        images = self._changed(pictures.to(self.machine.device).unsqueeze(1) / 255)
        inputs = ((images - self.recipe.mean) / self.recipe.std).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.machine.device.type, torch.bfloat16, enabled=self.machine.bfloat16):
            logits = self.network(inputs).float()
        read = logits[: len(labels)]
        losses = functional.cross_entropy(
            read, labels.to(read.device), label_smoothing=self.recipe.label_smoothing, reduction="none"
        )
        self.focus.note(positions, losses[: len(positions)])
        loss = self._total(losses, weights.to(losses.device), logits[len(labels) :])
        self._move(loss)
        return loss.detach()

    def _changed(self, images: Tensor) -> Tensor:
        """Return pictures with random changes: the recipe's light ones to the first, its strong ones to the others."""
        light = round(self.recipe.light_share * self.recipe.batch_size)
        if light == 0:
            return augment(images, self.recipe.augmentation)
        return torch.cat([augment(images[:light], LIGHT), augment(images[light:], self.recipe.augmentation)])

    def _move(self, loss: Tensor) -> None:
        self.network.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer, scheduler in zip(self.optimizers, self.schedulers, strict=True):
            optimizer.step()
            scheduler.step()
        self.average.update_parameters(self.network)

    def _shown(self, positions: Tensor) -> Digits:
        """Return the digits at some positions; some of those that were sent as they came back."""
        shown = self.digits.subset(positions)
        if len(self.sent) == 0:
            return shown
        back = (positions < len(self.sent)) & (torch.rand(len(positions)) < SENT_SHARE)
        images = shown.images.clone()
        images[back] = self.sent[positions[back]]
        return Digits(images, shown.labels)

    def _with_drawn(self, batch: Digits) -> tuple[Tensor, Tensor]:
        """Return the digits' pictures, then some synthetic ones, then some that are no digits; and labels of digits."""
        synthetic = self.synthetic.subset(_some(len(self.synthetic), self.recipe.synthetic))
        others = self.outliers[_some(len(self.outliers), self.recipe.outliers)]
        return torch.cat([batch.images, synthetic.images, others]), torch.cat([batch.labels, synthetic.labels])

    def _total(self, losses: Tensor, weights: Tensor, others: Tensor) -> Tensor:
        """Return what is made small: the mean loss of the digits, and how sure the network is of what is no digit."""
        loss = torch.cat([losses[: len(weights)] * weights, losses[len(weights) :]]).mean()
        return loss + self.recipe.outlier_weight * outlier_loss(others) if len(others) else loss

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next epoch depends on, torch's random generators included."""
        on_cuda = self.machine.device.type == "cuda"
        parts = [part.state_dict() for part in self._parts()]
        return {
            "parts": parts,
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state_all() if on_cuda else [],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was called."""
        for part, saved in zip(self._parts(), state["parts"], strict=True):
            part.load_state_dict(saved)
        torch.set_rng_state(state["rng"])
        if state["cuda_rng"]:
            torch.cuda.set_rng_state_all(state["cuda_rng"])

    def _parts(self) -> list[Any]:
        return [self.network, self.average, *self.optimizers, *self.schedulers, self.focus]


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
