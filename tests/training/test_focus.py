"""`training.focus`: which digits are chosen, and that the choice does not bend what is learned."""

import pytest
import torch

from training.focus import LARGEST_LOSS, MEMORY, Focus

DIGITS, HARD = 1000, 100


@pytest.fixture
def focus() -> Focus:
    """Of a thousand digits of which a hundred, the first, are hard."""
    focus = Focus(DIGITS)
    focus.losses = torch.linspace(0.0, 0.1, DIGITS)
    focus.losses[:HARD] = 2.0
    return focus


def test_what_is_hard_is_chosen_and_some_of_the_rest(focus: Focus) -> None:
    torch.manual_seed(1)
    first, second = focus.choose(300)[0], focus.choose(300)[0]
    for chosen in (first, second):
        assert len(set(chosen.tolist())) == 300
        assert set(range(HARD)) < set(chosen.tolist())
        assert chosen[:HARD].sort().values.tolist() != list(range(HARD)), "the hard ones come in one batch"
    assert set(first.tolist()) != set(second.tolist())


def test_weights_make_up_for_what_is_left_out(focus: Focus) -> None:
    torch.manual_seed(1)
    means = [
        float((weights * focus.losses[chosen]).mean()) for chosen, weights in (focus.choose(300) for _ in range(200))
    ]
    assert sum(means) / len(means) == pytest.approx(float(focus.losses.mean()), rel=1e-3)
    chosen, weights = focus.choose(300)
    assert weights[chosen < HARD].tolist() == pytest.approx([0.3] * HARD)
    assert weights[chosen >= HARD].tolist() == pytest.approx([0.3 * 900 / 200] * 200)


@pytest.mark.parametrize("count", [100, 150, 199])
def test_what_is_hard_takes_no_more_than_half(focus: Focus, count: int) -> None:
    chosen, weights = focus.choose(count)
    assert int((chosen < HARD).sum()) == count // 2
    assert float(weights.mean()) == pytest.approx(1, rel=0.02)


def test_all_digits_count_alike_where_all_are_chosen(focus: Focus) -> None:
    chosen, weights = focus.choose(DIGITS)
    assert chosen.sort().values.tolist() == list(range(DIGITS))
    assert weights.tolist() == pytest.approx([1.0] * DIGITS)


def test_nothing_is_hard_before_the_first_look() -> None:
    torch.manual_seed(1)
    chosen, weights = Focus(DIGITS).choose(300)
    assert len(set(chosen.tolist())) == 300
    assert weights.tolist() == pytest.approx([1.0] * 300)


def test_losses_are_remembered_and_bounded() -> None:
    focus = Focus(3)
    focus.note(torch.tensor([2, 0]), torch.tensor([0.0, 100.0]))
    assert focus.losses.tolist() == pytest.approx([MEMORY + (1 - MEMORY) * LARGEST_LOSS, 1.0, MEMORY])


def test_its_state_goes_on(focus: Focus) -> None:
    other = Focus(DIGITS)
    other.load_state_dict(focus.state_dict())
    assert torch.equal(other.losses, focus.losses)
