"""`training.loop`: which digits a step sees, how they are changed, and what each counts for."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.training.conftest import draw
from training import loop
from training.augment import Augmentation
from training.data import Digits
from training.loop import Learner
from training.machine import Machine
from training.recipe import LIGHT, Recipe

RECIPE = Recipe("MyConvNet", epochs=2, batch_size=8, visited=1 / 3)
MACHINE = Machine(torch.device("cpu"), threads=1, bfloat16=False)
STEPS = 10


def learner_of(recipe: Recipe) -> Learner:
    torch.manual_seed(1)
    images, labels = draw(STEPS * recipe.batch_size, seed=1)
    return Learner(recipe, MACHINE, Digits(images, labels.long()), STEPS)


def positions_of(learner: Learner, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Train an epoch, and return the positions of the digits that each step was given."""
    given: list[Tensor] = []
    step = learner._step

    def noted(positions: Tensor, weights: Tensor) -> Tensor:
        given.append(positions)
        return step(positions, weights)

    monkeypatch.setattr(learner, "_step", noted)
    learner.train_epoch("epoch")
    return given


def test_an_epoch_has_its_steps_however_many_choices_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    given = positions_of(learner_of(RECIPE), monkeypatch)
    assert [len(positions) for positions in given] == [RECIPE.batch_size] * STEPS
    first = torch.cat(given[:4])  # a third of ten steps, rounded up
    assert len(set(first.tolist())) == len(first)


def test_an_epoch_of_one_choice_visits_each_digit_once(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = learner_of(replace(RECIPE, visited=1.0))
    given = torch.cat(positions_of(learner, monkeypatch))
    assert given.sort().values.tolist() == list(range(len(learner.digits)))
    assert (learner.focus.losses != 1).all()


@pytest.mark.parametrize(("share", "light"), [(0.0, 0), (0.5, 4), (1.0, 8)])
def test_a_share_of_the_digits_is_changed_lightly(monkeypatch: pytest.MonkeyPatch, share: float, light: int) -> None:
    changed: dict[Augmentation, int] = {}

    def noted(images: Tensor, augmentation: Augmentation) -> Tensor:
        changed[augmentation] = len(images)
        return images

    monkeypatch.setattr(loop, "augment", noted)
    learner = learner_of(replace(RECIPE, light_share=share, synthetic=2, outliers=3))
    learner.train_epoch("epoch")
    assert changed.get(LIGHT, 0) == light
    assert changed[RECIPE.augmentation] == RECIPE.batch_size - light + 5


def test_digits_that_were_sent_are_shown_as_they_came_back_on_most_visits() -> None:
    learner = learner_of(replace(RECIPE, sent=30))
    learner.sent = torch.full_like(learner.sent, 7)
    positions = torch.arange(len(learner.digits)).repeat(20)
    shown = learner._shown(positions)
    back = (shown.images == 7).all(dim=(1, 2))
    assert not back[positions >= 30].any()
    assert 0.6 < back[positions < 30].float().mean() < 0.8
    assert torch.equal(shown.images[~back], learner.digits.images[positions[~back]])
    assert torch.equal(shown.labels, learner.digits.labels[positions])


def test_a_digit_counts_for_those_that_it_stands_for() -> None:
    learner = learner_of(replace(RECIPE, outlier_weight=0.5))
    losses, weights = torch.tensor([1.0, 2.0, 6.0]), torch.tensor([0.5, 2.0])  # the third is a drawn one
    assert float(learner._total(losses, weights, torch.zeros(0, 10))) == pytest.approx((0.5 + 4 + 6) / 3)
    sure = torch.tensor([[20.0] + 9 * [0.0]])
    with_outlier = float(learner._total(losses, weights, sure))
    assert with_outlier == pytest.approx((0.5 + 4 + 6) / 3 + 0.5 * (20 - 2 - float(torch.tensor(10.0).log())), rel=1e-4)
